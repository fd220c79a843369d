#include "worker/query_backend/block_scan.h"

#include <algorithm>

#include "store/block/section_samples.h"
#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {

BlockScan::BlockScan(const QuerySpec& spec, const Selector& selector)
    : spec_(spec), selector_(selector) {
  for (const ReportRequest& request : spec.reports) {
    const ReportKindRow* kind = FindReportKind(request.kind);
    CHECK(kind != nullptr);
    builders_.push_back(kind->make(request));
    needs_samples_ |= kind->needs_samples;
  }
}

Status BlockScan::Read(const LoadedBlock& block, size_t dataset) {
  const std::string& service = block.read().datasets[dataset].service;
  if (service != service_) {
    for (auto& builder : builders_) builder->BeginService();
    service_ = service;
  }
  if (Status s = ReadDataset(block, dataset); !s.ok()) {
    return s.Annotate("block " + block.read().object_key + ", service " + service);
  }
  return Status::Ok();
}

Status BlockScan::ReadDataset(const LoadedBlock& block, size_t index) {
  const DatasetMeta& dataset = block.read().datasets[index];
  ASSIGN_OR_RETURN(const block::DatasetRows rows, block.sections().Rows(index));
  const bool any = selection_.Set(selector_, rows, dataset.hidden_profiles);
  CountDataset(dataset, rows, &stats_);
  if (!any) return Status::Ok();

  const DatasetView view = selection_.View(spec_, rows);
  for (auto& builder : builders_) builder->AddRows(view);
  if (!needs_samples_) return Status::Ok();
  const bool any_row = std::any_of(rows.rows.begin(), rows.rows.end(), [&](const auto& row) {
    return view.IsSelected(row) && view.IsInRange(row);
  });
  if (!any_row) return Status::Ok();
  RETURN_IF_ERROR(block.ReadSymbols(index, &symbols_));
  return SumSamples(block, index, view);
}

Status BlockScan::SumSamples(const LoadedBlock& block, size_t index, const DatasetView& view) {
  ASSIGN_OR_RETURN(const auto parts, block.sections().Samples(index));
  ASSIGN_OR_RETURN(auto samples, block::SamplesDecoder::Open(
                                     parts, static_cast<uint32_t>(symbols_.stacks.size())));
  if (values_.size() < symbols_.stacks.size()) values_.resize(symbols_.stacks.size());
  touched_.clear();
  int64_t duration_ns = 0;
  int64_t period = 0;
  Status status;
  for (const block::DatasetRow& row : view.rows.rows) {
    status = samples.Next(row);
    if (!status.ok()) break;
    if (!view.IsSelected(row) || !view.IsInRange(row)) continue;
    const auto stacks = samples.stacks();
    const auto values = samples.values();
    for (size_t i = 0; i < stacks.size(); ++i) {
      int64_t& value = values_[stacks[i]];
      if (value == 0) touched_.push_back(stacks[i]);
      AddSaturating(&value, values[i]);
    }
    stats_.samples_read += stacks.size();
    duration_ns += view.rows.profiles[row.profile].duration_ns;
    period = std::max(period, view.rows.profiles[row.profile].period);
  }
  if (status.ok()) {
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    const bool is_filtered = !spec_.call_site.empty();
    if (is_filtered) SelectCallSite();
    const DatasetStacks stacks{symbols_, is_filtered ? selected_ : touched_, values_, duration_ns, period};
    for (auto& builder : builders_) builder->AddStacks(stacks);
  }
  for (uint32_t stack : touched_) values_[stack] = 0;
  return status;
}

void BlockScan::SelectCallSite() {
  MatchCallSite();
  const size_t depth = spec_.call_site.size();
  selected_.clear();
  for (uint32_t stack : touched_) {
    if (call_site_depth_[stack] == depth) selected_.push_back(stack);
  }
}

// call_site_depth_[stack]: how many frames of the call site the stack matches from the root; a mismatch is kMismatch
// and passes on to everything below.
void BlockScan::MatchCallSite() {
  constexpr uint16_t kMismatch = 0xFFFF;
  const auto& site = spec_.call_site;
  call_site_depth_.assign(symbols_.stacks.size(), 0);
  for (size_t i = 1; i < symbols_.stacks.size(); ++i) {
    uint16_t depth = call_site_depth_[symbols_.stacks[i].parent];
    const Location& location = symbols_.locations[symbols_.stacks[i].location];
    auto match = [&](std::string_view name) {
      if (depth == kMismatch || depth == site.size()) return;
      depth = name == site[depth] ? static_cast<uint16_t>(depth + 1) : kMismatch;
    };
    if (location.line_count == 0) match(UnsymbolizedName(symbols_, location));
    for (uint32_t l = location.line_count; l-- > 0;) {
      match(ShownName(symbols_, symbols_.lines[location.line_begin + l].function));
    }
    call_site_depth_[i] = depth;
  }
}

size_t BlockScan::MemoryBytes() const {
  size_t n = 0;
  for (const auto& builder : builders_) n += builder->MemoryBytes();
  return n;
}

std::vector<Report> BlockScan::Finish() {
  std::vector<Report> reports;
  for (auto& builder : builders_) reports.push_back(builder->Finish());
  return reports;
}

}  // namespace brazier::query_backend
