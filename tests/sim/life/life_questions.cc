#include "tests/sim/life/life_questions.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/model/label_report.h"
#include "server/query_frontend/query_planner.h"
#include "store/index/index_reader.h"

namespace brazier::simulation {
namespace {

using Folded = LifeArchive::Folded;

Folded FoldedOf(const FlameTree& tree) {
  std::vector<std::string> paths(tree.nodes.size());
  Folded out;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const FlameTree::Node& node = tree.nodes[i];
    if (i > 0) {
      paths[i] = paths[node.parent];
      if (node.parent > 0) paths[i] += ';';
      paths[i] += tree.names.Get(node.name);
    }
    if (node.self != 0) out[paths[i]] += node.self;
  }
  return out;
}

Folded FoldedOf(const StackProfile& profile) {
  const SymbolTable& s = profile.symbols;
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
    out[path] += profile.values[i];
  }
  return out;
}

LifeArchive::Series SeriesOf(const TimeSeriesSet& set) {
  LifeArchive::Series out;
  for (const auto& [labels, points] : set) {
    for (const auto& [time_ns, point] : points) out[labels][time_ns] = {static_cast<int64_t>(point.sum), point.count};
  }
  return out;
}

std::string TextOf(const Question& question) {
  return "tenant " + question.tenant + ", service " + (question.service.empty() ? "any" : question.service) + ", type " +
         question.profile_type + ", {" + question.matcher + "}, [" + std::to_string(question.start_ns) + ", " +
         std::to_string(question.end_ns) + "], step " + std::to_string(question.step_ns);
}

std::string Differs(const Folded& is, const Folded& must) {
  for (const auto& [stack, value] : must) {
    const auto it = is.find(stack);
    const int64_t there = it == is.end() ? 0 : it->second;
    if (there != value) return stack + " is " + std::to_string(there) + ", must be " + std::to_string(value);
  }
  for (const auto& [stack, value] : is) {
    if (!must.contains(stack)) return stack + " is " + std::to_string(value) + ", must not be there";
  }
  return "";
}

}  // namespace

LifeQuestions::LifeQuestions(object::ObjectStore& objects)
    : objects_(objects), backend_({.threads = 1, .memory_bytes_max = 256 << 20, .cache_bytes_max = 1 << 20}, objects, clock_, registry_) {}

std::optional<std::string> LifeQuestions::Check(const kv::Reader& state, const LifeArchive& archive, const Question& question,
                                                bool is_damaged, uint64_t* rollup_rows) {
  std::string text = "{__profile_type__=\"" + question.profile_type + "\"";
  if (!question.service.empty()) text += ",service_name=\"" + question.service + "\"";
  if (!question.matcher.empty()) text += "," + question.matcher;
  text += "}";
  const auto selector = Selector::Parse(text);
  CHECK(selector.ok());
  const index::BlockSelection selection{.tenants = {question.tenant}, .start_ns = question.start_ns - question.step_ns,
                                        .end_ns = question.end_ns, .service = question.service,
                                        .profile_type = question.profile_type, .selector = &*selector};
  auto blocks = index::FindBlocks(state, selection);
  if (!blocks.ok()) return TextOf(question) + ": " + blocks.status().ToString();
  const bool is_partial = std::any_of(blocks->begin(), blocks->end(), [](const BlockMeta& b) { return b.IsQuarantined(); });
  if (is_partial && !is_damaged) return TextOf(question) + ": a block is in quarantine although every object is whole";

  QuerySpec spec;
  spec.query_id = "life";
  spec.tenants = {question.tenant};
  spec.start_ns = question.start_ns;
  spec.end_ns = question.end_ns;
  spec.selector = text;
  std::vector<std::string> group_by;
  std::set<std::string> names;
  for (const auto& profile : archive.profiles()) {
    for (const Label& label : profile.labels) names.insert(std::string(label.name));
  }
  group_by.assign(names.begin(), names.end());
  // Each by itself, because what a query reads depends on all that it asks for; and all together.
  const std::vector<std::vector<ReportRequest>> asked = {
      {{.kind = ReportKind::kFlameGraph}},
      {{.kind = ReportKind::kTimeSeries, .step_ns = question.step_ns, .group_by = group_by}},
      {{.kind = ReportKind::kPprof}},
      {{.kind = ReportKind::kSeries}},
      {{.kind = ReportKind::kFlameGraph},
       {.kind = ReportKind::kTimeSeries, .step_ns = question.step_ns, .group_by = group_by},
       {.kind = ReportKind::kPprof},
       {.kind = ReportKind::kSeries}}};
  for (const auto& reports : asked) {
    spec.reports = reports;
    QueryPlan plan = query_frontend::PlanQuery(spec, *blocks, {.read_node_bytes_max = 20'000, .children_max = 3}).plan;
    if (plan.root.reads.empty() && plan.root.children.empty()) {
      plan.root.kind = PlanNode::Kind::kRead;
    }
    const auto result = backend_.Execute({"life", clock_.MonotonicNs() + 3600 * kNsPerSecond}, plan);
    if (!result.ok()) {
      const Code code = result.status().code();
      if (is_damaged && (code == Code::kCorruption || code == Code::kNotFound)) return std::nullopt;
      return TextOf(question) + ": " + result.status().ToString();
    }
    if (is_partial) continue;
    *rollup_rows += result->stats.rollup_rows_read;
    for (const Report& report : result->reports) {
      std::string differs;
      switch (report.kind) {
        case ReportKind::kFlameGraph:
          differs = Differs(FoldedOf(report.flame_tree),
                            archive.FlameGraph(question.tenant, *selector, question.start_ns, question.end_ns));
          break;
        case ReportKind::kPprof: {
          differs = Differs(FoldedOf(report.stack_profile),
                            archive.FlameGraph(question.tenant, *selector, question.start_ns, question.end_ns));
          const int64_t durations = archive.Durations(question.tenant, *selector, question.start_ns, question.end_ns, 1'000);
          if (differs.empty() && report.stack_profile.duration_ns != durations) {
            differs = "durations are " + std::to_string(report.stack_profile.duration_ns) + ", must be " + std::to_string(durations);
          }
          break;
        }
        case ReportKind::kTimeSeries:
          if (SeriesOf(report.time_series) != archive.TimeSeries(question.tenant, *selector, question.start_ns, question.end_ns,
                                                                 question.step_ns)) {
            differs = "time series differ";
          }
          break;
        case ReportKind::kSeries:
          if (report.series != archive.LabelSets(question.tenant, *selector, question.start_ns, question.end_ns)) {
            differs = "series differ";
          }
          break;
        default:
          break;
      }
      if (!differs.empty()) {
        return TextOf(question) + ": report " + std::to_string(static_cast<int>(report.kind)) + " of " +
               std::to_string(reports.size()) + ": " + differs;
      }
    }
  }
  if (is_partial) return std::nullopt;

  // From the index alone, as far as it knows.
  index::BlockSelection labels = selection;
  labels.start_ns = question.start_ns;
  auto answer = index::QueryLabels(state, labels, {{.kind = ReportKind::kSeries}});
  if (!answer.ok()) return TextOf(question) + ": labels: " + answer.status().ToString();
  spec.reports = {{.kind = ReportKind::kSeries}};
  const QueryPlan plan = query_frontend::PlanQuery(spec, answer->unanswered, {}).plan;
  auto rest = backend_.Execute({"life", clock_.MonotonicNs() + 3600 * kNsPerSecond}, plan);
  if (!rest.ok()) {
    if (is_damaged) return std::nullopt;
    return TextOf(question) + ": labels: " + rest.status().ToString();
  }
  MergeLabelReports(answer->reports[0], std::move(rest->reports[0]));
  if (answer->reports[0].series != archive.LabelSets(question.tenant, *selector, question.start_ns, question.end_ns)) {
    return TextOf(question) + ": series of the index differ";
  }
  return std::nullopt;
}

}  // namespace brazier::simulation
