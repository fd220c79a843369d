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
  }
}

Status BlockScan::Read(const LoadedBlock& block, size_t index, const DatasetCover& cover) {
  const DatasetMeta& meta = block.read().datasets[index];
  if (meta.service != service_) {
    for (auto& builder : builders_) builder->BeginService();
    service_ = meta.service;
  }
  Dataset dataset{block, index, meta, cover};
  touched_.clear();
  duration_ns_ = period_ = 0;
  const Status status = ReadDataset(dataset);
  if (status.ok() && dataset.has_symbols) AddStacks();
  for (uint32_t stack : touched_) values_[stack] = 0;
  if (status.ok()) return status;
  return status.Annotate("block " + block.read().object_key + ", service " + meta.service);
}

Status BlockScan::ReadDataset(Dataset& dataset) {
  CountDataset(dataset.meta, &stats_);
  const block::BlockSections& sections = dataset.block.sections();
  if (!dataset.cover.rows.raw.empty()) {
    ASSIGN_OR_RETURN(const block::DatasetRows rows, sections.Rows(dataset.index));
    stats_.rows_read += rows.rows.size();
    RETURN_IF_ERROR(ReadLevel(dataset, {SectionKind::kSampleChunk, &RollupCover::raw}, rows, {}));
  }
  struct Rollup {
    SectionKind rows;
    Level level;
  };
  static constexpr Rollup kRollups[] = {{SectionKind::kHourRows, {SectionKind::kHourSamples, &RollupCover::hours}},
                                        {SectionKind::kDayRows, {SectionKind::kDaySamples, &RollupCover::days}}};
  for (const Rollup& each : kRollups) {
    if ((dataset.cover.rows.*each.level.times).empty()) continue;
    ASSIGN_OR_RETURN(const block::RollupRows rollup, sections.Rollup(dataset.index, each.rows));
    stats_.rollup_rows_read += rollup.rows.rows.size();
    RETURN_IF_ERROR(ReadLevel(dataset, each.level, rollup.rows, rollup.profile_counts));
  }
  return Status::Ok();
}

Status BlockScan::ReadLevel(Dataset& dataset, const Level& level, const block::DatasetRows& rows,
                            std::span<const uint64_t> profile_counts) {
  ASSIGN_OR_RETURN(const bool any,
                   selection_.Set(selector_, rows, dataset.meta, dataset.block.read().deletions));
  if (!any) return Status::Ok();
  for (size_t i = 0; i < builders_.size(); ++i) {
    const std::vector<TimeRange>& times = dataset.cover.reports[i].*level.times;
    if (!times.empty()) builders_[i]->AddRows(selection_.View(spec_, rows, times, profile_counts));
  }
  const std::vector<TimeRange>& times = dataset.cover.samples.*level.times;
  if (times.empty()) return Status::Ok();
  return SumSamples(dataset, level.samples, selection_.View(spec_, rows, times, profile_counts));
}

Status BlockScan::SumSamples(Dataset& dataset, SectionKind kind, const DatasetView& view) {
  const std::span<const block::DatasetRow> rows(view.rows.rows);
  const auto is_meant = [&](const block::DatasetRow& row) { return view.IsMeant(row); };
  ASSIGN_OR_RETURN(const auto chunks, block::SampleChunks(dataset.meta, kind));
  size_t in_chunks = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const size_t begin = std::min<size_t>(chunks[i].row_begin, rows.size());
    size_t end = std::min<size_t>(chunks[i].row_end, rows.size());
    in_chunks = end;
    // Rows after the last one that is meant are not even parsed.
    while (end > begin && !is_meant(rows[end - 1])) --end;
    if (end == begin) continue;
    if (!dataset.has_symbols) {
      RETURN_IF_ERROR(dataset.block.ReadSymbols(dataset.index, &symbols_));
      if (values_.size() < symbols_.stacks.size()) values_.resize(symbols_.stacks.size());
      dataset.has_symbols = true;
    }
    ASSIGN_OR_RETURN(const auto parts, dataset.block.sections().SampleChunk(dataset.index, kind, i));
    RETURN_IF_ERROR(SumChunk(view, parts, rows.subspan(begin, end - begin)));
  }
  if (in_chunks == rows.size()) return Status::Ok();
  return Corruption("samples: there are columns of " + std::to_string(in_chunks) + " of " + std::to_string(rows.size()) +
                    " rows");
}

Status BlockScan::SumChunk(const DatasetView& view, const std::vector<std::string>& parts,
                           std::span<const block::DatasetRow> rows) {
  ASSIGN_OR_RETURN(auto samples,
                   block::SamplesDecoder::Open(parts, static_cast<uint32_t>(symbols_.stacks.size())));
  for (size_t r = 0; r < rows.size(); ++r) {
    const block::DatasetRow& row = rows[r];
    if (!view.IsMeant(row)) {
      const bool is_referred_to = r + 1 < rows.size() && (rows[r + 1].flags & block::kSameStacks) != 0;
      RETURN_IF_ERROR(is_referred_to ? samples.Next(row) : samples.Skip(row));
      continue;
    }
    RETURN_IF_ERROR(samples.Next(row));
    const auto stacks = samples.stacks();
    const auto values = samples.values();
    for (size_t i = 0; i < stacks.size(); ++i) {
      int64_t& value = values_[stacks[i]];
      if (value == 0) touched_.push_back(stacks[i]);
      AddSaturating(&value, values[i]);
    }
    stats_.samples_read += stacks.size();
    AddSaturating(&duration_ns_, view.rows.profiles[row.profile].duration_ns);
    period_ = std::max(period_, view.rows.profiles[row.profile].period);
  }
  return Status::Ok();
}

void BlockScan::AddStacks() {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  const bool is_filtered = !spec_.call_site.empty();
  if (is_filtered) SelectCallSite();
  const DatasetStacks stacks{symbols_, is_filtered ? selected_ : touched_, values_, duration_ns_, period_};
  for (auto& builder : builders_) builder->AddStacks(stacks);
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
