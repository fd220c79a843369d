// Top functions: what each function costs by itself and with what it calls, whatever calls it. A stack counts once in the total of each
// function in it, so recursion does not count twice, and totals of datasets can be added up.
#include <unordered_map>

#include "worker/query_backend/report_kinds.h"
#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {
namespace {

class TopFunctionsBuilder final : public ReportBuilder {
 public:
  Samples samples() const override { return Samples::kSums; }
  // A tree of one service at a time, as with flame graphs; what is left of one is its functions.
  void BeginService() override { Drain(); }
  void AddStacks(const DatasetStacks& in) override {
    mapper_.Map(in.symbols, in.stacks, tree_);
    for (uint32_t stack : in.stacks) tree_.AddSelf(mapper_.node(stack), in.values[stack]);
  }
  size_t MemoryBytes() const override { return tree_.MemoryBytes() + memory_bytes_; }
  Report Finish() override {
    Drain();
    Report report;
    report.kind = ReportKind::kTopFunctions;
    report.functions = std::move(functions_);
    return report;
  }

 private:
  static constexpr size_t kEntryBytes = 96;  // of a map, about

  void Drain() {
    if (tree_.nodes() <= 1) return;
    const FlameTree tree = tree_.Finish();
    tree_ = FlameTreeBuilder();
    const std::vector<int64_t> totals = tree.Totals();
    // Nodes of one depth-first path have the functions that are being called. Children before siblings.
    std::vector<uint32_t> first_child(tree.nodes.size(), 0), next_sibling(tree.nodes.size(), 0);
    for (uint32_t i = static_cast<uint32_t>(tree.nodes.size()); i-- > 1;) {
      next_sibling[i] = first_child[tree.nodes[i].parent];
      first_child[tree.nodes[i].parent] = i;
    }
    std::vector<uint32_t> open(tree.names.size(), 0);
    std::vector<FunctionCost> costs(tree.names.size());
    const auto enter = [&](uint32_t node) {
      FunctionCost& cost = costs[tree.nodes[node].name];
      AddSaturating(&cost.self, tree.nodes[node].self);
      if (open[tree.nodes[node].name]++ == 0) AddSaturating(&cost.total, totals[node]);
    };
    for (uint32_t node = first_child[0]; node != 0;) {
      enter(node);
      if (first_child[node] != 0) {
        node = first_child[node];
        continue;
      }
      while (node != 0) {
        --open[tree.nodes[node].name];
        if (next_sibling[node] != 0) {
          node = next_sibling[node];
          break;
        }
        node = tree.nodes[node].parent;
      }
    }
    for (uint32_t name = 0; name < costs.size(); ++name) {
      if (costs[name].self == 0 && costs[name].total == 0) continue;
      const auto [it, is_new] = functions_.try_emplace(std::string(tree.names.Get(name)));
      if (is_new) memory_bytes_ += kEntryBytes + it->first.size();
      AddSaturating(&it->second.self, costs[name].self);
      AddSaturating(&it->second.total, costs[name].total);
    }
  }

  FlameTreeBuilder tree_;
  StackMapper mapper_;
  FunctionCosts functions_;
  size_t memory_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeTopFunctionsBuilder(const QuerySpec&, const ReportRequest&) {
  return std::make_unique<TopFunctionsBuilder>();
}

void MergeTopFunctions(Report& into, Report&& from) {
  for (auto& [name, cost] : from.functions) {
    FunctionCost& sum = into.functions[name];
    AddSaturating(&sum.self, cost.self);
    AddSaturating(&sum.total, cost.total);
  }
}

}  // namespace brazier::query_backend
