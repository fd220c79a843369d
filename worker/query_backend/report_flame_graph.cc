// Flame graphs. A stack's node in the merged tree is found by walking up to the nearest ancestor that is known already
// and down again, so each stack node of a block is looked up once, however many stacks pass through it.
#include <algorithm>

#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

constexpr uint32_t kUnknown = 0xFFFFFFFF;

class FlameGraphBuilder final : public ReportBuilder {
 public:
  void AddStacks(const DatasetStacks& in) override {
    BeginSymbols(in);
    for (uint32_t stack : in.stacks) tree_.AddSelf(TreeNode(in, stack), in.values[stack]);
  }
  size_t MemoryBytes() const override { return tree_.MemoryBytes(); }
  Report Finish() override {
    Report report;
    report.kind = ReportKind::kFlameGraph;
    report.flame_tree = tree_.Finish();
    return report;
  }

 private:
  // Keeps what is known of the shared part from dataset to dataset of one block.
  void BeginSymbols(const DatasetStacks& in) {
    const bool is_same = in.shared_generation == generation_;
    generation_ = in.shared_generation;
    nodes_.resize(is_same ? std::min<size_t>(nodes_.size(), in.shared_stack_count) : 0);
    nodes_.resize(in.symbols.stacks.size(), kUnknown);
    nodes_[0] = FlameTreeBuilder::kRoot;
    names_.resize(is_same ? std::min<size_t>(names_.size(), in.shared_function_count) : 0);
    names_.resize(in.symbols.functions.size(), kUnknown);
  }

  uint32_t TreeNode(const DatasetStacks& in, uint32_t stack) {
    path_.clear();
    uint32_t at = stack;
    while (nodes_[at] == kUnknown) {
      path_.push_back(at);
      at = in.symbols.stacks[at].parent;
    }
    uint32_t node = nodes_[at];
    for (size_t i = path_.size(); i-- > 0;) {
      node = Descend(in.symbols, node, in.symbols.locations[in.symbols.stacks[path_[i]].location]);
      nodes_[path_[i]] = node;
    }
    return node;
  }

  uint32_t Descend(const SymbolTable& symbols, uint32_t node, const Location& location) {
    if (location.line_count == 0) {
      return tree_.Child(node, tree_.NameId(UnsymbolizedName(symbols, location)));
    }
    // Lines are innermost first; frames go from the caller down.
    for (uint32_t i = location.line_count; i-- > 0;) {
      node = tree_.Child(node, NameOf(symbols, symbols.lines[location.line_begin + i].function));
    }
    return node;
  }

  uint32_t NameOf(const SymbolTable& symbols, uint32_t function) {
    uint32_t& name = names_[function];
    if (name == kUnknown) {
      const Function& f = symbols.functions[function];
      std::string_view text = symbols.strings.Get(f.name);
      if (text.empty()) text = symbols.strings.Get(f.system_name);
      name = tree_.NameId(text);
    }
    return name;
  }

  FlameTreeBuilder tree_;
  uint64_t generation_ = 0;
  std::vector<uint32_t> nodes_;  // stack -> tree node
  std::vector<uint32_t> names_;  // function -> tree name
  std::vector<uint32_t> path_;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeFlameGraphBuilder(const ReportRequest&) {
  return std::make_unique<FlameGraphBuilder>();
}

void MergeFlameGraphs(Report& into, Report&& from) {
  if (into.flame_tree.nodes.size() < from.flame_tree.nodes.size()) {
    std::swap(into.flame_tree, from.flame_tree);
  }
  FlameTreeBuilder builder(std::move(into.flame_tree));
  builder.Add(from.flame_tree);
  into.flame_tree = builder.Finish();
}

}  // namespace brazier::query_backend
