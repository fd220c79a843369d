// Merged pprof: values by complete stack (locations with lines and mappings, not names), symbols merged by content.
#include <algorithm>

#include "store/block/symbol_interner.h"
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

// Adds stacks of any symbol table to one merged profile.
class StackProfileMerger {
 public:
  void Add(const SymbolTable& symbols, std::span<const uint32_t> stacks, std::span<const int64_t> values,
           int64_t duration_ns, int64_t period) {
    ids_.assign(stacks.begin(), stacks.end());
    interner_.Add(symbols, /*owner=*/0, ids_);
    values_.resize(interner_.table().stacks.size());
    for (size_t i = 0; i < ids_.size(); ++i) AddSaturating(&values_[ids_[i]], values[i]);
    AddSaturating(&duration_ns_, duration_ns);
    period_ = std::max(period_, period);
  }
  size_t MemoryBytes() const {
    return interner_.MemoryBytes() + values_.capacity() * sizeof(int64_t);
  }
  StackProfile Finish() {
    StackProfile out;
    out.symbols = interner_.table();
    for (uint32_t stack = 0; stack < values_.size(); ++stack) {
      if (values_[stack] == 0) continue;
      out.stacks.push_back(stack);
      out.values.push_back(values_[stack]);
    }
    out.duration_ns = duration_ns_;
    out.period = period_;
    return out;
  }

 private:
  block::SymbolInterner interner_;
  std::vector<int64_t> values_;  // by stack of the interner
  std::vector<uint32_t> ids_;
  int64_t duration_ns_ = 0;
  int64_t period_ = 0;
};

class PprofBuilder final : public ReportBuilder {
 public:
  Samples samples() const override { return Samples::kSums; }
  void AddStacks(const DatasetStacks& in) override {
    values_.clear();
    for (uint32_t stack : in.stacks) values_.push_back(in.values[stack]);
    merger_.Add(in.symbols, in.stacks, values_, in.duration_ns, in.period);
  }
  size_t MemoryBytes() const override { return merger_.MemoryBytes(); }
  Report Finish() override {
    Report report;
    report.kind = ReportKind::kPprof;
    report.stack_profile = merger_.Finish();
    return report;
  }

 private:
  StackProfileMerger merger_;
  std::vector<int64_t> values_;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakePprofBuilder(const QuerySpec&, const ReportRequest&) {
  return std::make_unique<PprofBuilder>();
}

void MergePprofs(Report& into, Report&& from) {
  StackProfileMerger merger;
  for (const StackProfile* p : {&into.stack_profile, &from.stack_profile}) {
    merger.Add(p->symbols, p->stacks, p->values, p->duration_ns, p->period);
  }
  into.stack_profile = merger.Finish();
}

}  // namespace brazier::query_backend
