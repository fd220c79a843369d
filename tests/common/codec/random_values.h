// Random model values for round-trip tests: a seeded generator and the comparisons that the model
// itself does not need.
#pragma once

#include <random>
#include <string>

#include "common/model/profile.h"
#include "common/model/query.h"

namespace brazier::testing {

class RandomValues {
 public:
  explicit RandomValues(uint64_t seed) : engine_(seed) {}

  uint64_t Below(uint64_t n) { return n == 0 ? 0 : engine_() % n; }
  int64_t Int() {
    // Magnitudes of every encoding length, and the extremes.
    switch (Below(8)) {
      case 0:
        return INT64_MAX;
      case 1:
        return INT64_MIN;
      default:
        return static_cast<int64_t>(engine_()) >> Below(64);
    }
  }
  std::string Text() {
    std::string s(Below(20), ' ');
    for (char& c : s) c = static_cast<char>(Below(4) == 0 ? Below(256) : 'a' + Below(26));
    return s;
  }
  brazier::Labels Labels() {
    std::vector<Label> labels;
    for (uint64_t i = Below(6); i > 0; --i) labels.push_back({Text(), Text()});
    return brazier::Labels(std::move(labels));
  }
  Hash128 Hash() { return {engine_(), engine_()}; }

  SymbolTable Symbols() {
    SymbolTable t;
    for (uint64_t i = Below(30); i > 0; --i) t.strings.Add(Text());
    const auto string = [&] { return static_cast<uint32_t>(Below(t.strings.size())); };
    for (uint64_t i = Below(20); i > 0; --i)
      t.functions.push_back({string(), string(), string(), Int()});
    for (uint64_t i = Below(4); i > 0; --i) {
      t.mappings.push_back(
          {engine_(), engine_(), engine_(), string(), string(), static_cast<uint8_t>(Below(16))});
    }
    if (!t.functions.empty()) {
      for (uint64_t i = Below(30); i > 0; --i) {
        t.lines.push_back({static_cast<uint32_t>(Below(t.functions.size())), Int()});
      }
    }
    for (uint64_t i = 1 + Below(30); i > 0; --i) {
      const auto begin = static_cast<uint32_t>(Below(t.lines.size() + 1));
      const auto count = static_cast<uint32_t>(Below(t.lines.size() + 1 - begin));
      t.locations.push_back({engine_(), static_cast<uint32_t>(Below(t.mappings.size())), begin,
                             count, Below(2) == 1});
    }
    for (uint64_t i = Below(60); i > 0; --i) {
      t.stacks.push_back({static_cast<uint32_t>(Below(t.stacks.size())),
                          static_cast<uint32_t>(Below(t.locations.size()))});
    }
    return t;
  }

  ProfileBatch Batch() {
    ProfileBatch b;
    b.tenant = Text();
    b.service = Text();
    b.symbols = Symbols();
    for (uint64_t i = 1 + Below(5); i > 0; --i) b.series.push_back(Labels());
    for (uint64_t i = 1 + Below(5); i > 0; --i) b.profiles.push_back({Hash(), Int(), Int(), Int()});
    const uint64_t samples = Below(100);
    for (uint64_t i = 0; i < samples; ++i) {
      b.stacks.push_back(static_cast<uint32_t>(Below(b.symbols.stacks.size())));
      b.values.push_back(Int());
    }
    if (Below(2) == 0) {
      for (uint64_t i = 0; i < samples; ++i) b.span_ids.push_back(engine_());
    }
    if (Below(2) == 0) {
      for (uint64_t i = 0; i < samples; ++i) b.trace_ids.push_back(Hash());
    }
    for (uint64_t i = Below(10); i > 0; --i) {
      const auto begin = static_cast<uint32_t>(Below(samples + 1));
      const auto end = begin + static_cast<uint32_t>(Below(samples + 1 - begin));
      b.rows.push_back({static_cast<uint32_t>(Below(b.series.size())),
                        static_cast<uint32_t>(Below(b.profiles.size())), begin, end, Int()});
    }
    return b;
  }

  FlameTree Tree() {
    FlameTree t;
    for (uint64_t i = 1 + Below(30); i > 0; --i) t.names.Add(Text());
    for (uint64_t i = Below(60); i > 0; --i) {
      t.nodes.push_back({static_cast<uint32_t>(Below(t.nodes.size())),
                         static_cast<uint32_t>(Below(t.names.size())), Int()});
    }
    return t;
  }

  DatasetMeta Dataset() {
    DatasetMeta d;
    d.tenant = Text();
    d.service = Text();
    d.min_time_ns = Int();
    d.max_time_ns = Int();
    d.profile_count = static_cast<uint32_t>(Below(1000));
    d.sample_count = Below(1000000);
    d.profile_types = {"a:b:c:d:e"};
    d.sections.push_back(Section());
    d.hidden_profiles = {1, 5};
    return d;
  }
  SectionRef Section() {
    return {static_cast<SectionKind>(1 + Below(4)),
            static_cast<uint8_t>(Below(2)),
            engine_() >> 20,
            engine_() >> 30,
            engine_() >> 30,
            static_cast<uint32_t>(engine_())};
  }

  PlanNode Node(int depth) {
    PlanNode n;
    n.bytes = engine_() >> Below(64);
    if (depth > 0 && Below(3) != 0) {
      n.kind = PlanNode::Kind::kMerge;
      for (uint64_t i = Below(4); i > 0; --i) n.children.push_back(Node(depth - 1));
      return n;
    }
    for (uint64_t i = Below(3); i > 0; --i) {
      BlockRead r;
      r.block.bits = Hash();
      r.object_key = Text();
      for (uint64_t k = Below(3); k > 0; --k) r.symbols.push_back({Text(), Section()});
      for (uint64_t k = Below(3); k > 0; --k) r.deletions.push_back({Text(), Text(), Text(), Int(), Int()});
      for (uint64_t k = Below(3); k > 0; --k) r.datasets.push_back(Dataset());
      n.reads.push_back(std::move(r));
    }
    return n;
  }

  QueryPlan Plan() {
    QueryPlan p;
    p.spec.query_id = Text();
    for (uint64_t i = Below(3); i > 0; --i) p.spec.tenants.push_back(Text());
    p.spec.start_ns = Int();
    p.spec.end_ns = Int();
    p.spec.selector = "{a=\"b\"}";
    for (uint64_t i = Below(3); i > 0; --i) p.spec.call_site.push_back(Text());
    if (Below(3) == 0) {
      for (uint64_t i = Below(3); i > 0; --i) p.spec.filter.profile_ids.push_back(Hash());
      for (uint64_t i = Below(3); i > 0; --i) p.spec.filter.span_ids.push_back(Hash().low);
      for (uint64_t i = Below(3); i > 0; --i) p.spec.filter.trace_ids.push_back(Hash());
      for (uint64_t i = Below(3); i > 0; --i) p.spec.filter.functions.push_back(Text());
      p.spec.filter.min_value = static_cast<int64_t>(Below(1000));
    }
    for (uint64_t i = Below(4); i > 0; --i) {
      ReportRequest r;
      r.kind = static_cast<ReportKind>(1 + Below(static_cast<uint64_t>(kLastReportKind)));
      r.step_ns = Int();
      for (uint64_t k = Below(3); k > 0; --k) r.group_by.push_back(Text());
      for (uint64_t k = Below(3); k > 0; --k) r.label_names.push_back(Text());
      r.label_name = Text();
      if (r.kind == ReportKind::kFunctionUsage) {
        r.function = Text();
        r.is_function_regex = Below(2) == 0;
      }
      r.of_spans = Below(4) == 0;
      r.exemplars = Below(4) == 0;
      p.spec.reports.push_back(std::move(r));
    }
    p.spec.memory_bytes_max = Int();
    p.root = Node(4);
    return p;
  }

  QueryResult Answer() {
    QueryResult r;
    for (uint64_t i = Below(8); i > 0; --i) r.reports.push_back(OneReport());
    r.stats.blocks_planned = Below(100);
    r.stats.blocks_read = engine_();
    r.stats.profiles_hidden = Below(9);
    r.stats.bytes_read = engine_();
    r.stats.datasets_read = 3;
    r.stats.rows_read = Below(100);
    r.stats.samples_read = Below(100000);
    r.stats.newest_data_ns = Int();
    r.stats.rollup_rows_read = Below(1000);
    r.stats.blocks_failed = Below(3);
    for (uint64_t k = r.stats.blocks_failed; k > 0; --k) r.stats.failed_blocks.push_back(Text());
    if (Below(2) == 0) r.executed = Executed(3);
    return r;
  }

  ExecutedNode Executed(int depth) {
    ExecutedNode node;
    node.backend = Text();
    node.kind = Below(2) == 0 ? PlanNode::Kind::kMerge : PlanNode::Kind::kRead;
    node.duration_ns = static_cast<int64_t>(Below(1'000'000));
    node.bytes_read = engine_();
    node.blocks_read = Below(10);
    node.samples_read = Below(1000);
    node.retries = static_cast<uint32_t>(Below(3));
    node.hedges = static_cast<uint32_t>(Below(3));
    for (uint64_t i = depth > 0 ? Below(4) : 0; i > 0; --i) node.children.push_back(Executed(depth - 1));
    return node;
  }

  Exemplar OneExemplar() {
    return {.value = Int(), .profile_id = Hash(), .time_ns = Int(), .span_id = Hash().low, .trace_id = Hash(), .labels = Labels()};
  }
  Report OneReport() {
    Report r;
    r.kind = static_cast<ReportKind>(1 + Below(static_cast<uint64_t>(kLastReportKind)));
    switch (r.kind) {
      case ReportKind::kFlameGraph:
        r.flame_tree = Tree();
        break;
      case ReportKind::kTopFunctions:
        for (uint64_t i = Below(9); i > 0; --i) r.functions[Text()] = {Int(), Int()};
        break;
      case ReportKind::kHeatmap:
        for (uint64_t i = Below(4); i > 0; --i) {
          auto& cells = r.heatmap[Labels()];
          const bool named = Below(2) == 0;
          if (!cells.empty()) continue;
          for (uint64_t k = Below(6); k > 0; --k) {
            HeatmapCell& cell = cells[{Int(), Int()}];
            cell.count = Below(99);
            if (named) cell.exemplar = OneExemplar();
          }
        }
        break;
      case ReportKind::kFunctionUsage:
      case ReportKind::kTimeSeries:
        for (uint64_t i = r.kind == ReportKind::kTimeSeries ? Below(3) : 0; i > 0; --i) {
          auto& points = r.exemplars[Labels()];
          for (uint64_t k = Below(4); k > 0; --k) points[Int()] = OneExemplar();
        }
        for (uint64_t i = Below(5); i > 0; --i) {
          auto& points = r.time_series[Labels()];
          for (uint64_t k = Below(10); k > 0; --k)
            points[Int()] = {static_cast<double>(Int()) / 7, Below(100)};
        }
        break;
      case ReportKind::kProfileTypes:
      case ReportKind::kLabelNames:
      case ReportKind::kLabelValues:
        for (uint64_t i = Below(9); i > 0; --i) r.strings.insert(Text());
        break;
      case ReportKind::kSeries:
        for (uint64_t i = Below(9); i > 0; --i) r.series.insert(Labels());
        break;
      case ReportKind::kPprof:
        r.stack_profile.symbols = Symbols();
        for (uint32_t i = 0; i < r.stack_profile.symbols.stacks.size(); i += 1 + Below(3)) {
          r.stack_profile.stacks.push_back(i);
          r.stack_profile.values.push_back(Int());
        }
        r.stack_profile.duration_ns = Int();
        r.stack_profile.period = Int();
        break;
    }
    return r;
  }

  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace brazier::testing
