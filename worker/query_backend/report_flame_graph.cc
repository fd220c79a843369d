// Flame graphs. Each service gets a part of the tree: its nodes fit the processor's cache, where one tree of all services
// missed it on every look-up (half of a query's time over 20 services). The parts are joined when the tree is truncated.
#include <algorithm>

#include "worker/query_backend/report_kinds.h"
#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {
namespace {

// Trees of services are joined when they have this many nodes together (64 MiB), and then when they have doubled.
constexpr size_t kJoinNodes = 4 << 20;

class FlameGraphBuilder final : public ReportBuilder {
 public:
  Samples samples() const override { return Samples::kSums; }
  void BeginService() override {
    if (tree_.nodes() > join_nodes_) Join();
    tree_.BeginPart();
  }
  void AddStacks(const DatasetStacks& in) override {
    mapper_.Map(in.symbols, in.stacks, tree_);
    for (uint32_t stack : in.stacks) tree_.AddSelf(mapper_.node(stack), in.values[stack]);
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

  FlameTreeBuilder tree_;
  size_t join_nodes_ = kJoinNodes;
  StackMapper mapper_;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeFlameGraphBuilder(const QuerySpec&, const ReportRequest&) {
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
