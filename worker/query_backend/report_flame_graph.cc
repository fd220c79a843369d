// Flame graphs. Each stack node of a dataset is looked up once in the tree, in the order of its id, however many stacks
// pass through it.
//
// Each service gets a part of the tree: its nodes fit the processor's cache, where one tree of all services missed it on
// every look-up (half of a query's time over 20 services). The parts are joined when the tree is truncated.
#include <algorithm>

#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

constexpr uint32_t kUnknown = 0xFFFFFFFF;
constexpr uint32_t kSeveral = 0xFFFFFFFE;
// Trees of services are joined when they have this many nodes together (64 MiB), and then when they have doubled.
constexpr size_t kJoinNodes = 4 << 20;

class FlameGraphBuilder final : public ReportBuilder {
 public:
  void BeginService() override {
    if (tree_.nodes() > join_nodes_) Join();
    tree_.BeginPart();
  }
  void AddStacks(const DatasetStacks& in) override {
    const SymbolTable& symbols = in.symbols;
    if (in.stacks.empty()) return;
    // Of a dataset with several profile types, most stacks may belong to others: down to the root, mark what is needed.
    const size_t count = in.stacks.back() + 1;
    is_needed_.assign(count, 0);
    for (uint32_t stack : in.stacks) is_needed_[stack] = 1;
    for (size_t i = count; i-- > 1;) {
      if (is_needed_[i]) is_needed_[symbols.stacks[i].parent] = 1;
    }
    names_.assign(symbols.functions.size(), kUnknown);
    frame_names_.assign(symbols.locations.size(), kUnknown);
    // Parents come first, so one sweep from the root up finds every node's parent in place.
    nodes_.resize(count);
    nodes_[0] = FlameTreeBuilder::kRoot;
    for (size_t i = 1; i < count; ++i) {
      if (!is_needed_[i]) continue;
      const StackNode& stack = symbols.stacks[i];
      uint32_t& name = frame_names_[stack.location];
      if (name == kUnknown) name = FrameName(symbols, symbols.locations[stack.location]);
      const uint32_t parent = nodes_[stack.parent];
      nodes_[i] = name != kSeveral ? tree_.Child(parent, name) : Descend(symbols, parent, symbols.locations[stack.location]);
    }
    for (uint32_t stack : in.stacks) tree_.AddSelf(nodes_[stack], in.values[stack]);
  }
  size_t MemoryBytes() const override { return tree_.MemoryBytes(); }
  Report Finish() override {
    Report report;
    report.kind = ReportKind::kFlameGraph;
    report.flame_tree = tree_.Finish();
    return report;
  }

 private:
  // Services do have the frames of their runtime in common, and a thousand small ones may have little else.
  void Join() {
    tree_ = FlameTreeBuilder(tree_.Finish());
    join_nodes_ = std::max(kJoinNodes, 2 * tree_.nodes());
  }

  // The name of a location's frame; kSeveral when calls are inlined there.
  uint32_t FrameName(const SymbolTable& symbols, const Location& location) {
    if (location.line_count == 0) return tree_.NameId(UnsymbolizedName(symbols, location));
    if (location.line_count > 1) return kSeveral;
    return NameOf(symbols, symbols.lines[location.line_begin].function);
  }

  // Lines are innermost first; frames go from the caller down.
  uint32_t Descend(const SymbolTable& symbols, uint32_t node, const Location& location) {
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
  size_t join_nodes_ = kJoinNodes;
  // Of the dataset in hand.
  std::vector<uint8_t> is_needed_;     // by stack
  std::vector<uint32_t> nodes_;        // stack -> tree node, where needed
  std::vector<uint32_t> names_;        // function -> tree name
  std::vector<uint32_t> frame_names_;  // location -> tree name, kSeveral
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeFlameGraphBuilder(const ReportRequest&) {
  return std::make_unique<FlameGraphBuilder>();
}

void MergeFlameGraphs(Report& into, Report&& from) {
  AppendTree(std::move(from.flame_tree), &into.flame_tree);
  // What threads and backends have in common is not kept as often as there are of them.
  if (into.flame_tree.nodes.size() > kJoinNodes) {
    FlameTreeBuilder joined(into.flame_tree);
    into.flame_tree = joined.Finish();
  }
}

}  // namespace brazier::query_backend
