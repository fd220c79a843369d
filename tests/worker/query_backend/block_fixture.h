// What the tests of the query-backend share: blocks in a memory store, plans over them, answers in a readable form.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/block/block_writer.h"
#include "store/object/memory_object_store.h"
#include "tests/support/batch_builder.h"
#include "tests/support/fake_clock.h"
#include "worker/query_backend/query_backend.h"

namespace brazier::query_backend {

using testing::BatchBuilder;
using testing::kCpuType;

// "main;work" -> self value.
using Folded = std::map<std::string, int64_t>;

inline Folded FoldedOf(const FlameTree& tree) {
  EXPECT_TRUE(tree.Validate().ok());
  std::vector<std::string> paths(tree.nodes.size());
  Folded out;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const auto& node = tree.nodes[i];
    if (i > 0) {
      paths[i] = paths[node.parent];
      if (node.parent > 0) paths[i] += ';';
      paths[i] += tree.names.Get(node.name);
    }
    if (node.self != 0) out[paths[i]] += node.self;
  }
  return out;
}

// The same of a merged pprof, by function names.
inline Folded FoldedOf(const StackProfile& profile) {
  const SymbolTable& s = profile.symbols;
  EXPECT_TRUE(s.Validate().ok());
  Folded out;
  for (size_t i = 0; i < profile.stacks.size(); ++i) {
    std::string path;
    for (uint32_t node = profile.stacks[i]; node != 0; node = s.stacks[node].parent) {
      const Location& location = s.locations[s.stacks[node].location];
      for (uint32_t l = 0; l < location.line_count; ++l) {
        const std::string name(s.strings.Get(s.functions[s.lines[location.line_begin + l].function].name));
        path = path.empty() ? name : name + ";" + path;
      }
    }
    EXPECT_FALSE(out.contains(path)) << path << " is there twice";
    out[path] = profile.values[i];
  }
  return out;
}

// One line for each thing in the reports that Comparable has no member for.
inline std::vector<std::string> LinesOf(const Report& report) {
  std::vector<std::string> out;
  const auto text = [](const Labels& labels) {
    std::string all;
    for (const Label& label : labels) all += label.name + "=" + label.value + ",";
    return all;
  };
  const auto named = [&](const Exemplar& e) {
    return " as " + std::to_string(e.value) + " " + e.profile_id.Hex() + "/" + std::to_string(e.span_id) + " at " +
           std::to_string(e.time_ns) + " {" + text(e.labels) + "}";
  };
  for (const auto& [labels, points] : report.time_series) {
    for (const auto& [t, p] : points) {
      out.push_back("point {" + text(labels) + "} " + std::to_string(t) + " " + std::to_string(p.sum) + "/" + std::to_string(p.count));
    }
  }
  for (const auto& [labels, points] : report.exemplars) {
    for (const auto& [t, e] : points) out.push_back("exemplar {" + text(labels) + "} " + std::to_string(t) + named(e));
  }
  for (const auto& [labels, cells] : report.heatmap) {
    for (const auto& [at, cell] : cells) {
      out.push_back("cell {" + text(labels) + "} " + std::to_string(at.first) + " " + std::to_string(at.second) + " x " +
                    std::to_string(cell.count) + (cell.exemplar.has_value() ? named(*cell.exemplar) : ""));
    }
  }
  for (const auto& [name, cost] : report.functions) {
    out.push_back(name + " " + std::to_string(cost.self) + "/" + std::to_string(cost.total));
  }
  return out;
}

// Reports of the kinds that Comparable has no member for; a function of the tests' is "f1".
inline std::vector<ReportRequest> MoreReports(int64_t step_ns) {
  std::vector<ReportRequest> out(6);
  out[0].kind = ReportKind::kTopFunctions;
  out[1].kind = out[2].kind = ReportKind::kFunctionUsage;
  out[1].function = "f1";
  out[2].function = "f[2-9]|b1";
  out[2].is_function_regex = true;
  out[3].kind = out[4].kind = ReportKind::kHeatmap;
  out[5].kind = ReportKind::kTimeSeries;
  out[4].exemplars = out[5].exemplars = true;
  for (ReportRequest& report : out) {
    report.step_ns = step_ns;
    if (report.kind != ReportKind::kTopFunctions) report.group_by = {"pod"};
  }
  out[5].group_by = {};
  return out;
}

// Answers to six reports (flame graph, time series, label names, label values, series, pprof), and any others, in a form that does not
// depend on how they were come by.
struct Comparable {
  Folded flame_graph, pprof;
  std::map<Labels, std::map<int64_t, std::pair<double, uint64_t>>> series;
  std::set<std::string> names, values;
  std::set<Labels> sets;
  int64_t duration_ns, period;
  uint64_t hidden;
  std::vector<std::vector<std::string>> others;
  bool operator==(const Comparable&) const = default;
};
inline Comparable ComparableOf(const QueryResult& r) {
  Comparable out{};
  out.flame_graph = FoldedOf(r.reports.at(0).flame_tree);
  for (const auto& [labels, points] : r.reports[1].time_series) {
    for (const auto& [t, p] : points) out.series[labels][t] = {p.sum, p.count};
  }
  out.names = r.reports[2].strings;
  out.values = r.reports[3].strings;
  out.sets = r.reports[4].series;
  out.pprof = FoldedOf(r.reports[5].stack_profile);
  out.duration_ns = r.reports[5].stack_profile.duration_ns;
  out.period = r.reports[5].stack_profile.period;
  out.hidden = r.stats.profiles_hidden;
  for (size_t i = 6; i < r.reports.size(); ++i) out.others.push_back(LinesOf(r.reports[i]));
  return out;
}

class BlockFixture : public ::testing::Test {
 protected:
  BlockMeta Store(std::vector<ProfileBatch> batches) {
    block::BlockWriter writer(1);
    for (ProfileBatch& batch : batches) writer.Add(std::move(batch));
    ++blocks_;
    block::BuiltBlock built = writer.Build(Ulid{{blocks_, blocks_}}, 1, 0);
    EXPECT_TRUE(store_.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    for (DatasetMeta& d : built.meta.datasets) d.identities.clear();
    return built.meta;
  }
  Hash128 NextIdentity() { return {1, ++identities_}; }

  static BlockRead ReadOf(const BlockMeta& block) {
    return {block.id, block.ObjectKey(), block.symbols, block.datasets, block.deletions};
  }
  static PlanNode ReadNode(const std::vector<BlockMeta>& blocks) {
    PlanNode node;
    for (const BlockMeta& block : blocks) node.reads.push_back(ReadOf(block));
    return node;
  }
  static QuerySpec Spec(ReportKind kind = ReportKind::kFlameGraph) {
    QuerySpec spec;
    spec.tenants = {"t"};
    spec.start_ns = 0;
    spec.end_ns = INT64_MAX / 2;
    spec.selector = "{}";
    spec.reports = {{.kind = kind}};
    return spec;
  }

  QueryBackend& backend(int threads = 1, size_t memory_bytes_max = 1 << 30) {
    auto& slot = backends_[{threads, memory_bytes_max}];
    if (slot == nullptr) {
      slot = std::make_unique<QueryBackend>(QueryBackendOptions{threads, memory_bytes_max}, store_,
                                            clock_, registry_);
    }
    return *slot;
  }
  contract::RequestContext Context() const { return {"r", clock_.MonotonicNs() + kNsPerSecond}; }
  Result<QueryResult> Execute(const QuerySpec& spec, PlanNode root, int threads = 1) {
    return backend(threads).Execute(Context(), {spec, std::move(root)});
  }
  QueryResult Answer(const QuerySpec& spec, const std::vector<BlockMeta>& blocks) {
    Result<QueryResult> result = Execute(spec, ReadNode(blocks));
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    return result.ok() ? std::move(result).value() : QueryResult();
  }
  Report OneReport(const QuerySpec& spec, const std::vector<BlockMeta>& blocks) {
    QueryResult result = Answer(spec, blocks);
    EXPECT_EQ(result.reports.size(), 1u);
    return result.reports.empty() ? Report() : std::move(result.reports[0]);
  }
  Folded FlameGraph(const QuerySpec& spec, const std::vector<BlockMeta>& blocks) {
    return FoldedOf(OneReport(spec, blocks).flame_tree);
  }

  object::MemoryObjectStore store_;
  testing::FakeClock clock_;
  MetricsRegistry registry_;
  std::map<std::pair<int, size_t>, std::unique_ptr<QueryBackend>> backends_;
  uint64_t blocks_ = 0;
  uint64_t identities_ = 0;
};

}  // namespace brazier::query_backend
