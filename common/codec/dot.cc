// 1. Names become functions: equal bytes, one function. Self values add up by function.
// 2. A walk, depth first, adds the total of a node to its function unless the function is on the path already. Counters per
//    function say so: looking up the ancestors of each node would take forever where stacks are deep.
// 3. The largest functions are kept. Each of their nodes is an edge from the nearest kept node above it; a second walk adds
//    those up like the functions.
// 4. Writing, in descending order of value.
#include "common/codec/dot.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/codec/text.h"

namespace brazier::codec {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The children of every node as linked lists: with the parents, all that a walk of any depth needs.
class TreeWalk {
 public:
  explicit TreeWalk(const FlameTree& tree) : tree_(tree), links_(tree.nodes.size()) {
    for (size_t i = tree.nodes.size(); i-- > 1;) {
      Links& parent = links_[tree.nodes[i].parent];
      links_[i].next_sibling = parent.first_child;
      parent.first_child = static_cast<uint32_t>(i);
    }
  }

  // Calls `count(node, key)` for the nodes that have a key and no ancestor with the same: what counts a stack once per key.
  template <typename Count>
  void ForFirstOnPath(std::span<const uint32_t> keys, size_t key_count, const Count& count) const {
    std::vector<uint32_t> on_path(key_count);
    const auto enter = [&](uint32_t node) {
      if (keys[node] != kNone && on_path[keys[node]]++ == 0) count(node, keys[node]);
    };
    const auto leave = [&](uint32_t node) {
      if (keys[node] != kNone) --on_path[keys[node]];
    };
    uint32_t node = 0;
    while (true) {
      if (links_[node].first_child != 0) {
        node = links_[node].first_child;
        enter(node);
        continue;
      }
      while (node != 0 && links_[node].next_sibling == 0) {
        leave(node);
        node = tree_.nodes[node].parent;
      }
      if (node == 0) return;
      leave(node);
      node = links_[node].next_sibling;
      enter(node);
    }
  }

 private:
  struct Links {
    uint32_t first_child = 0;  // 0: none
    uint32_t next_sibling = 0;
  };
  const FlameTree& tree_;
  std::vector<Links> links_;
};

struct GraphNode {
  std::string_view name;
  int64_t self = 0;
  int64_t total = 0;
};

struct GraphEdge {
  uint32_t caller = 0;  // into nodes
  uint32_t callee = 0;
  int64_t weight = 0;
  bool is_residual = false;  // functions between the two were dropped
};

struct CallGraph {
  int64_t total = 0;
  int64_t node_cutoff = 0;
  int64_t edge_cutoff = 0;
  std::vector<GraphNode> nodes;  // by total, then by name
  std::vector<GraphEdge> edges;  // by weight, then by caller and callee
  size_t small_nodes = 0;        // dropped because they are below the cutoff
  size_t excess_nodes = 0;       // dropped because there are nodes_max larger ones
  size_t small_edges = 0;
};

class GraphBuilder {
 public:
  GraphBuilder(const FlameTree& tree, const DotOptions& options)
      : tree_(tree), options_(options), walk_(tree), totals_(tree.Totals()), function_of_(tree.nodes.size(), kNone) {
    graph_.total = totals_[0];
    graph_.node_cutoff = Cutoff(options.node_fraction);
    graph_.edge_cutoff = Cutoff(options.edge_fraction);
  }

  CallGraph Build() {
    FindFunctions();
    KeepFunctions();
    FindEdges();
    KeepEdges();
    return std::move(graph_);
  }

 private:
  // At least 1: what has no value is not drawn.
  int64_t Cutoff(double fraction) const {
    if (fraction >= 1) return std::max<int64_t>(1, graph_.total);
    return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(graph_.total) * fraction));
  }

  void FindFunctions() {
    std::unordered_map<std::string_view, uint32_t> by_name;
    std::vector<uint32_t> function_of_name(tree_.names.size(), kNone);
    for (size_t i = 1; i < tree_.nodes.size(); ++i) {
      const FlameTree::Node& node = tree_.nodes[i];
      uint32_t& function = function_of_name[node.name];
      if (function == kNone) {
        const std::string_view name = tree_.names.Get(node.name);
        function = by_name.try_emplace(name, static_cast<uint32_t>(functions_.size())).first->second;
        if (function == functions_.size()) functions_.push_back({name, 0, 0});
      }
      function_of_[i] = function;
      AddSaturating(&functions_[function].self, node.self);
    }
    walk_.ForFirstOnPath(function_of_, functions_.size(), [&](uint32_t node, uint32_t function) {
      AddSaturating(&functions_[function].total, totals_[node]);
    });
  }

  void KeepFunctions() {
    std::vector<uint32_t> kept;
    for (uint32_t f = 0; f < functions_.size(); ++f) {
      if (functions_[f].total >= graph_.node_cutoff) kept.push_back(f);
    }
    graph_.small_nodes = functions_.size() - kept.size();
    std::sort(kept.begin(), kept.end(), [&](uint32_t a, uint32_t b) {
      if (functions_[a].total != functions_[b].total) return functions_[a].total > functions_[b].total;
      return functions_[a].name < functions_[b].name;
    });
    if (options_.nodes_max > 0 && kept.size() > static_cast<size_t>(options_.nodes_max)) {
      graph_.excess_nodes = kept.size() - static_cast<size_t>(options_.nodes_max);
      kept.resize(static_cast<size_t>(options_.nodes_max));
    }
    kept_as_.assign(functions_.size(), kNone);
    for (const uint32_t f : kept) {
      kept_as_[f] = static_cast<uint32_t>(graph_.nodes.size());
      graph_.nodes.push_back(functions_[f]);
    }
  }

  void FindEdges() {
    const size_t count = tree_.nodes.size();
    std::vector<uint32_t> nearest(count, kNone);  // the kept function of a node, or of the nearest one above
    std::vector<uint32_t> edge_of(count, kNone);
    std::vector<bool> is_residual(count);
    std::unordered_map<uint64_t, uint32_t> by_ends;
    for (size_t i = 1; i < count; ++i) {
      const uint32_t parent = tree_.nodes[i].parent;
      const uint32_t caller = nearest[parent];
      const uint32_t callee = kept_as_[function_of_[i]];
      nearest[i] = callee == kNone ? caller : callee;
      if (callee == kNone || caller == kNone || totals_[i] == 0) continue;
      const uint64_t ends = uint64_t{caller} << 32 | callee;
      const auto [edge, is_new] = by_ends.try_emplace(ends, static_cast<uint32_t>(graph_.edges.size()));
      if (is_new) graph_.edges.push_back({caller, callee, 0, false});
      edge_of[i] = edge->second;
      is_residual[i] = kept_as_[function_of_[parent]] == kNone;
    }
    walk_.ForFirstOnPath(edge_of, graph_.edges.size(), [&](uint32_t node, uint32_t index) {
      GraphEdge& edge = graph_.edges[index];
      AddSaturating(&edge.weight, totals_[node]);
      edge.is_residual |= is_residual[node];
    });
  }

  void KeepEdges() {
    graph_.small_edges = std::erase_if(graph_.edges, [&](const GraphEdge& edge) { return edge.weight < graph_.edge_cutoff; });
    std::sort(graph_.edges.begin(), graph_.edges.end(), [](const GraphEdge& a, const GraphEdge& b) {
      if (a.weight != b.weight) return a.weight > b.weight;
      return std::pair(a.caller, a.callee) < std::pair(b.caller, b.callee);
    });
  }

  const FlameTree& tree_;
  const DotOptions& options_;
  const TreeWalk walk_;
  const std::vector<int64_t> totals_;   // by node of the tree
  std::vector<uint32_t> function_of_;   // by node of the tree; kNone for the root
  std::vector<GraphNode> functions_;    // all
  std::vector<uint32_t> kept_as_;       // by function: its node of the graph, or kNone
  CallGraph graph_;
};

// Two digits behind the point at most; not by printf, whose point depends on the locale.
std::string DecimalText(double value) {
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, 2).ptr;
  std::string text(digits, end);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

struct Scale {
  double size;
  std::string_view suffix;
};
constexpr Scale kTimes[] = {{1, "ns"},      {1e3, "us"},     {1e6, "ms"},      {1e9, "s"},
                            {60e9, "mins"}, {3600e9, "hrs"}, {86400e9, "days"}};
constexpr Scale kSizes[] = {{1, "B"},           {1024, "kB"},        {1048576, "MB"},
                            {1073741824, "GB"}, {1099511627776, "TB"}, {1125899906842624, "PB"}};

std::string ValueText(int64_t value, std::string_view unit) {
  std::span<const Scale> scales;
  if (unit == "nanoseconds") scales = kTimes;
  if (unit == "bytes") scales = kSizes;
  if (scales.empty() || value == 0) return std::to_string(value);
  const double number = static_cast<double>(value);
  size_t at = 0;
  while (at + 1 < scales.size() && std::abs(number) >= scales[at + 1].size) ++at;
  return DecimalText(number / scales[at].size).append(scales[at].suffix);
}

// Graphviz reads "&lt;" in a label as "<".
bool BeginsEntity(std::string_view text) {
  size_t end = 1;
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '#';
  };
  while (end < text.size() && is_part(text[end])) ++end;
  return end > 1 && end < text.size() && text[end] == ';';
}

// For the inside of a quoted label. Control characters have no place in a picture: they become U+FFFD like broken UTF-8.
void AppendEscaped(std::string_view text, std::string* out) {
  std::string valid;
  AppendUtf8(text, &valid);
  for (size_t i = 0; i < valid.size(); ++i) {
    const auto c = static_cast<unsigned char>(valid[i]);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(valid[i]);
    } else if (c == '\n') {
      out->append("\\n");
    } else if ((c < 0x20 && c != '\t') || c == 0x7F) {
      out->append(kReplacement);
    } else if (c == '&' && BeginsEntity(std::string_view(valid).substr(i))) {
      out->append("&amp;");
    } else {
      out->push_back(valid[i]);
    }
  }
}

class GraphWriter {
 public:
  GraphWriter(const CallGraph& graph, const DotOptions& options) : graph_(graph), options_(options) {
    for (const GraphNode& node : graph.nodes) self_max_ = std::max(self_max_, node.self);
  }

  std::string Write() {
    out_ = "digraph \"";
    AppendEscaped(options_.type, &out_);
    out_ += "\" {\n";
    if (graph_.total > 0) {
      out_ += "node [shape=box style=filled fillcolor=\"#f8f8f8\"]\n";
      WriteLegend();
      for (size_t i = 0; i < graph_.nodes.size(); ++i) WriteNode(i);
      for (const GraphEdge& edge : graph_.edges) WriteEdge(edge);
    }
    out_ += "}\n";
    return std::move(out_);
  }

 private:
  std::string Text(int64_t value) const { return ValueText(value, options_.unit); }
  double Share(int64_t value) const { return static_cast<double>(value) / static_cast<double>(graph_.total); }
  std::string Percent(int64_t value) const { return "(" + DecimalText(100 * Share(value)) + "%)"; }

  void WriteLegend() {
    out_ += "legend [shape=note fontsize=16 label=\"";
    WriteLegendLine("Type: " + options_.type);
    WriteLegendLine("Unit: " + options_.unit);
    WriteLegendLine("Total: " + Text(graph_.total));
    const size_t nodes = graph_.nodes.size() + graph_.small_nodes + graph_.excess_nodes;
    const size_t edges = graph_.edges.size() + graph_.small_edges;
    WriteLegendLine("Showing " + std::to_string(graph_.nodes.size()) + " of " + std::to_string(nodes) + " functions, " +
                    std::to_string(graph_.edges.size()) + " of " + std::to_string(edges) + " edges between them");
    WriteDropped("functions below " + Text(graph_.node_cutoff), graph_.small_nodes);
    WriteDropped("functions beyond the largest " + std::to_string(graph_.nodes.size()), graph_.excess_nodes);
    WriteDropped("edges below " + Text(graph_.edge_cutoff), graph_.small_edges);
    out_ += "\"]\n";
  }

  void WriteDropped(const std::string& what, size_t count) {
    if (count > 0) WriteLegendLine("Dropped " + what + ": " + std::to_string(count));
  }

  void WriteLegendLine(std::string_view text) {
    AppendEscaped(text, &out_);
    out_ += "\\l";  // left-justified
  }

  void WriteNode(size_t index) {
    const GraphNode& node = graph_.nodes[index];
    WriteName(index);
    out_ += " [label=\"";
    AppendEscaped(node.name, &out_);
    out_ += "\\n" + Text(node.self);
    if (node.self != 0) out_ += " " + Percent(node.self);
    if (node.self != node.total) {
      out_ += node.self != 0 ? "\\nof " : " of ";
      out_ += Text(node.total) + " " + Percent(node.total);
    }
    // The area of the text, not its height, is what the eye compares.
    const double share = node.self > 0 ? static_cast<double>(node.self) / static_cast<double>(self_max_) : 0;
    out_ += "\" fontsize=" + std::to_string(8 + static_cast<int>(std::ceil(16 * std::sqrt(share)))) + "]\n";
  }

  void WriteEdge(const GraphEdge& edge) {
    // An edge can weigh more than the total only where sums are saturated.
    const double share = std::min(1.0, Share(edge.weight));
    WriteName(edge.caller);
    out_ += " -> ";
    WriteName(edge.callee);
    out_ += " [label=\" " + Text(edge.weight) + "\" weight=" + std::to_string(1 + static_cast<int>(100 * share)) +
            " penwidth=" + std::to_string(1 + static_cast<int>(5 * share));
    if (edge.is_residual) out_ += " style=dashed";
    out_ += "]\n";
  }

  void WriteName(size_t index) { out_ += "N" + std::to_string(index + 1); }

  const CallGraph& graph_;
  const DotOptions& options_;
  int64_t self_max_ = 0;
  std::string out_;
};

}  // namespace

std::string EncodeDot(const FlameTree& tree, const DotOptions& options) {
  return GraphWriter(GraphBuilder(tree, options).Build(), options).Write();
}

}  // namespace brazier::codec
