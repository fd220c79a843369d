#include "tools/brazierctl/print_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <tuple>
#include <vector>

#include "common/model/profile_id.h"

namespace brazier::ctl {
namespace {

constexpr size_t kDepthMax = 200;  // of a printed tree

std::string Printf(const char* format, double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, format, value, unit);
  return text;
}

std::string Percent(int64_t part, int64_t whole) {
  char text[16];
  std::snprintf(text, sizeof text, "%5.1f%%",
                whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string RightAligned(const std::string& text, size_t width) {
  return text.size() >= width ? text : std::string(width - text.size(), ' ') + text;
}

// Node indexes below each node, in a form that a walk can use: children[first[i]] .. children[first[i + 1]].
struct Children {
  std::vector<uint32_t> first;
  std::vector<uint32_t> nodes;

  explicit Children(const FlameTree& tree) : first(tree.nodes.size() + 1), nodes(tree.nodes.size()) {
    for (size_t i = 1; i < tree.nodes.size(); ++i) ++first[tree.nodes[i].parent + 1];
    for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    for (size_t i = 1; i < tree.nodes.size(); ++i) {
      nodes[next[tree.nodes[i].parent]++] = static_cast<uint32_t>(i);
    }
  }
};

std::string RowsText(const QueryStats& stats) {
  const std::string rows = std::to_string(stats.rows_read);
  if (stats.rollup_rows_read == 0) return rows + " profiles";
  return "from " + std::to_string(stats.rollup_rows_read) + " roll-up rows and " + rows + " rows";
}

}  // namespace

std::string ValueText(double value, std::string_view unit) {
  const double magnitude = std::fabs(value);
  if (unit == "nanoseconds") {
    if (magnitude >= 1e9) return Printf("%.2f%s", value / 1e9, "s");
    if (magnitude >= 1e6) return Printf("%.2f%s", value / 1e6, "ms");
    return Printf("%.0f%s", value, "ns");
  }
  if (unit == "bytes") {
    static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t step = 0;
    while (std::fabs(value) >= 1024 && step + 1 < std::size(kUnits)) {
      value /= 1024;
      ++step;
    }
    return Printf(step == 0 ? "%.0f%s" : "%.2f%s", value, kUnits[step]);
  }
  return Printf("%.0f%s", value, "");
}

std::string TimeText(int64_t ns) {
  const time_t seconds = static_cast<time_t>(ns / 1'000'000'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string LabelsText(const Labels& labels) {
  std::string out = "{";
  for (const Label& label : labels) {
    if (out.size() > 1) out += ", ";
    out += label.name + "=\"" + label.value + "\"";
  }
  return out + "}";
}

std::string TopFunctionsText(const FunctionCosts& functions, std::string_view unit, size_t rows) {
  // Every stack ends in one function.
  int64_t whole = 0;
  for (const auto& [name, cost] : functions) AddSaturating(&whole, cost.self);
  std::vector<std::pair<std::string_view, FunctionCost>> sorted(functions.begin(), functions.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(b.second.self, b.second.total, a.first) < std::tie(a.second.self, a.second.total, b.first);
  });
  std::string out = "total " + ValueText(static_cast<double>(whole), unit) + "\n";
  out += "      self          total        function\n";
  for (size_t i = 0; i < sorted.size() && i < rows; ++i) {
    const auto& [name, cost] = sorted[i];
    out += RightAligned(ValueText(static_cast<double>(cost.self), unit), 10) + " " + Percent(cost.self, whole) +
           RightAligned(ValueText(static_cast<double>(cost.total), unit), 11) + " " + Percent(cost.total, whole) + "  " +
           std::string(name) + "\n";
  }
  if (sorted.size() > rows) out += "... " + std::to_string(sorted.size() - rows) + " more\n";
  return out;
}

std::string TreeText(const FlameTree& tree, std::string_view unit, double share_min) {
  const std::vector<int64_t> totals = tree.Totals();
  const int64_t whole = totals.empty() ? 0 : totals[0];
  const Children children(tree);
  std::string out;
  struct Step {
    uint32_t node;
    size_t depth;
  };
  std::vector<Step> stack{{0, 0}};
  size_t left_out = 0;
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    const std::string name =
        step.node == 0 ? "total" : std::string(tree.names.Get(tree.nodes[step.node].name));
    out += RightAligned(ValueText(static_cast<double>(totals[step.node]), unit), 10) + " " +
           Percent(totals[step.node], whole) + " " + std::string(step.depth * 2, ' ') + name + "\n";
    std::vector<uint32_t> below(children.nodes.begin() + children.first[step.node],
                                children.nodes.begin() + children.first[step.node + 1]);
    std::sort(below.begin(), below.end(),
              [&](uint32_t a, uint32_t b) { return totals[a] < totals[b]; });
    for (const uint32_t node : below) {
      if (static_cast<double>(totals[node]) < share_min * static_cast<double>(whole) ||
          step.depth >= kDepthMax) {
        ++left_out;
      } else {
        stack.push_back({node, step.depth + 1});
      }
    }
  }
  if (left_out > 0) out += "... " + std::to_string(left_out) + " smaller branches\n";
  return out;
}

std::string FoldedText(const FlameTree& tree) {
  const Children children(tree);
  std::string out, path;
  struct Step {
    uint32_t node;
    size_t path_bytes;  // of the parent's path
  };
  std::vector<Step> stack{{0, 0}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    const FlameTree::Node& node = tree.nodes[step.node];
    path.resize(step.path_bytes);
    if (step.node != 0) {
      if (!path.empty()) path += ';';
      path += tree.names.Get(node.name);
      if (node.self != 0) out += path + " " + std::to_string(node.self) + "\n";
    }
    for (uint32_t i = children.first[step.node + 1]; i-- > children.first[step.node];) {
      stack.push_back({children.nodes[i], path.size()});
    }
  }
  return out;
}

std::string TimeSeriesText(const Report& report) {
  std::string out;
  for (const auto& [labels, points] : report.time_series) {
    out += LabelsText(labels) + "\n";
    const auto exemplars = report.exemplars.find(labels);
    for (const auto& [time_ns, point] : points) {
      out += "  " + TimeText(time_ns) + Printf("  %.0f%s", point.sum, "");
      if (report.kind != ReportKind::kFunctionUsage) out += " in " + std::to_string(point.count) + " profiles";
      if (exemplars != report.exemplars.end() && exemplars->second.contains(time_ns)) {
        const Exemplar& largest = exemplars->second.at(time_ns);
        out += ", largest " + std::to_string(largest.value) + " in " + ProfileIdText(largest.profile_id);
      }
      out += "\n";
    }
  }
  return out;
}

std::string FailedBlocksText(const QueryStats& stats) {
  if (stats.blocks_failed == 0) return "";
  std::string out = "INCOMPLETE: " + std::to_string(stats.blocks_failed) +
                    (stats.blocks_failed == 1 ? " block" : " blocks") + " could not be read";
  for (size_t i = 0; i < stats.failed_blocks.size(); ++i) out += (i == 0 ? ": " : ", ") + stats.failed_blocks[i];
  if (stats.blocks_failed > stats.failed_blocks.size()) out += ", ...";
  return out + "\n";
}

std::string StatsText(const QueryStats& stats) {
  std::string out = "read " + std::to_string(stats.blocks_read) + " of " +
                    std::to_string(stats.blocks_planned) + " blocks, " +
                    std::to_string(stats.datasets_read) + " datasets, " +
                    RowsText(stats) + ", " +
                    std::to_string(stats.samples_read) + " samples, " +
                    ValueText(static_cast<double>(stats.bytes_read), "bytes");
  if (stats.profiles_hidden > 0) out += "; " + std::to_string(stats.profiles_hidden) + " repeats skipped";
  if (stats.newest_data_ns > 0) out += "; newest data " + TimeText(stats.newest_data_ns);
  return out + "\n" + FailedBlocksText(stats);
}

}  // namespace brazier::ctl
