#include "worker/query_backend/block_scan.h"

#include <algorithm>
#include <iterator>

#include "store/block/section_samples.h"
#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {

BlockScan::BlockScan(const QuerySpec& spec, const Selector& selector)
    : spec_(spec), selector_(selector), stack_filter_(spec), span_ids_(spec.filter.span_ids), trace_ids_(spec.filter.trace_ids) {
  std::sort(span_ids_.begin(), span_ids_.end());
  std::sort(trace_ids_.begin(), trace_ids_.end());
  for (const ReportRequest& request : spec.reports) {
    const ReportKindRow* kind = FindReportKind(request.kind);
    CHECK(kind != nullptr);
    builders_.push_back(kind->make(spec, request));
    sums_ |= builders_.back()->samples() == ReportBuilder::Samples::kSums;
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
  if (status.ok() && dataset.has_symbols && sums_) AddStacks();
  for (uint32_t stack : touched_) values_[stack] = 0;
  if (status.ok()) return status;
  return status.Annotate("block " + block.read().object_key + ", service " + meta.service);
}

Status BlockScan::PassOver(const LoadedBlock& block, size_t index) {
  CountDataset(block.read().datasets[index], &stats_);
  return Status::Ok();
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
                   selection_.Set(spec_, selector_, rows, dataset.meta, dataset.block.read().deletions));
  if (!any) return Status::Ok();
  for (size_t i = 0; i < builders_.size(); ++i) {
    const std::vector<TimeRange>& times = dataset.cover.reports[i].*level.times;
    if (!times.empty()) builders_[i]->AddRows(selection_.View(spec_, rows, times, profile_counts));
  }
  // Nearly always one: reports on a grid of steps may read others than flame graphs.
  std::vector<SampleReaders> all;
  for (size_t i = 0; i < builders_.size(); ++i) {
    const ReportBuilder::Samples kind = builders_[i]->samples();
    const std::vector<TimeRange>& times = dataset.cover.reports[i].*level.times;
    if (kind == ReportBuilder::Samples::kNone || times.empty()) continue;
    auto it = std::find_if(all.begin(), all.end(), [&](const SampleReaders& readers) { return *readers.times == times; });
    if (it == all.end()) it = all.insert(all.end(), SampleReaders{.times = &times, .by_row = {}});
    if (kind == ReportBuilder::Samples::kSums) {
      it->sums = true;
      continue;
    }
    RETURN_IF_ERROR(BeginSymbols(dataset));
    if (is_wanted_[i]) it->by_row.push_back(builders_[i].get());
  }
  for (const SampleReaders& readers : all) {
    if (!readers.sums && readers.by_row.empty()) continue;
    RETURN_IF_ERROR(SumSamples(dataset, level.samples, selection_.View(spec_, rows, *readers.times, profile_counts), readers));
  }
  return Status::Ok();
}

Status BlockScan::SumSamples(Dataset& dataset, SectionKind kind, const DatasetView& view, const SampleReaders& readers) {
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
    RETURN_IF_ERROR(BeginSymbols(dataset));
    ASSIGN_OR_RETURN(const auto parts, dataset.block.sections().SampleChunk(dataset.index, kind, i));
    RETURN_IF_ERROR(SumChunk(view, parts, rows.subspan(begin, end - begin), readers));
  }
  if (in_chunks == rows.size()) return Status::Ok();
  return Corruption("samples: there are columns of " + std::to_string(in_chunks) + " of " + std::to_string(rows.size()) +
                    " rows");
}

Status BlockScan::SumChunk(const DatasetView& view, const std::vector<std::string>& parts,
                           std::span<const block::DatasetRow> rows, const SampleReaders& readers) {
  ASSIGN_OR_RETURN(auto samples,
                   block::SamplesDecoder::Open(parts, static_cast<uint32_t>(symbols_.stacks.size())));
  const bool is_plain = readers.by_row.empty() && !spec_.filter.PicksSamples();
  for (size_t r = 0; r < rows.size(); ++r) {
    const block::DatasetRow& row = rows[r];
    if (!view.IsMeant(row)) {
      const bool is_referred_to = r + 1 < rows.size() && (rows[r + 1].flags & block::kSameStacks) != 0;
      RETURN_IF_ERROR(is_referred_to ? samples.Next(row) : samples.Skip(row));
      continue;
    }
    RETURN_IF_ERROR(samples.Next(row));
    stats_.samples_read += samples.stacks().size();
    if (is_plain) {
      Sum(samples.stacks(), samples.values());
    } else {
      const size_t position = static_cast<size_t>(&row - view.rows.rows.data());
      const RowSamples picked = Pick({view, position, samples.stacks(), samples.values(), samples.spans(), samples.traces()});
      for (ReportBuilder* builder : readers.by_row) builder->AddSamples(picked);
      if (readers.sums) Sum(picked.stacks, picked.values);
      // Of profiles without a sample that is meant, nothing counts.
      if (spec_.filter.PicksSamples() && picked.stacks.empty()) continue;
    }
    if (!readers.sums) continue;
    AddSaturating(&duration_ns_, view.rows.profiles[row.profile].duration_ns);
    period_ = std::max(period_, view.rows.profiles[row.profile].period);
  }
  return Status::Ok();
}

void BlockScan::AddStacks() {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  const bool is_filtered = !stack_filter_.IsEmpty();
  if (is_filtered) {
    selected_.clear();
    std::copy_if(touched_.begin(), touched_.end(), std::back_inserter(selected_),
                 [&](uint32_t stack) { return stack_filter_.Passes(stack); });
  }
  const DatasetStacks stacks{symbols_, is_filtered ? selected_ : touched_, values_, duration_ns_, period_};
  for (auto& builder : builders_) builder->AddStacks(stacks);
}

Status BlockScan::BeginSymbols(Dataset& dataset) {
  if (dataset.has_symbols) return Status::Ok();
  RETURN_IF_ERROR(dataset.block.ReadSymbols(dataset.index, &symbols_));
  if (values_.size() < symbols_.stacks.size()) values_.resize(symbols_.stacks.size());
  dataset.has_symbols = true;
  if (!stack_filter_.IsEmpty()) stack_filter_.Match(symbols_);
  is_wanted_.assign(builders_.size(), 0);
  for (size_t i = 0; i < builders_.size(); ++i) {
    if (builders_[i]->samples() == ReportBuilder::Samples::kRows) is_wanted_[i] = builders_[i]->BeginSymbols(symbols_);
  }
  return Status::Ok();
}

RowSamples BlockScan::Pick(const RowSamples& in) {
  picked_stacks_.clear();
  picked_values_.clear();
  picked_spans_.clear();
  picked_traces_.clear();
  for (size_t i = 0; i < in.stacks.size(); ++i) {
    if (!span_ids_.empty() && (in.spans.empty() || !std::binary_search(span_ids_.begin(), span_ids_.end(), in.spans[i]))) continue;
    if (!trace_ids_.empty() && (in.traces.empty() || !std::binary_search(trace_ids_.begin(), trace_ids_.end(), in.traces[i]))) continue;
    if (!stack_filter_.IsEmpty() && !stack_filter_.Passes(in.stacks[i])) continue;
    picked_stacks_.push_back(in.stacks[i]);
    picked_values_.push_back(in.values[i]);
    if (!in.spans.empty()) picked_spans_.push_back(in.spans[i]);
    if (!in.traces.empty()) picked_traces_.push_back(in.traces[i]);
  }
  return {in.view, in.row, picked_stacks_, picked_values_, picked_spans_, picked_traces_};
}

void BlockScan::Sum(std::span<const uint32_t> stacks, std::span<const int64_t> values) {
  for (size_t i = 0; i < stacks.size(); ++i) {
    int64_t& value = values_[stacks[i]];
    if (value == 0) touched_.push_back(stacks[i]);
    AddSaturating(&value, values[i]);
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
