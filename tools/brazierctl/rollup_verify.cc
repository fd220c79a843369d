#include "tools/brazierctl/rollup_verify.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "common/base/saturating.h"
#include "common/model/rollup.h"
#include "store/block/block_reader.h"
#include "store/block/section_samples.h"
#include "tools/brazierctl/print_report.h"

namespace brazier::ctl {
namespace {

using block::BlockSections;
using block::DatasetRow;
using block::DatasetRows;

// What a bucket of a series holds: of the rows on one side, of the roll-up on the other.
struct Sums {
  uint64_t profiles = 0;
  int64_t total = 0;
  int64_t duration_ns = 0;
  int64_t period = 0;
  std::unordered_map<uint32_t, int64_t> by_stack;

  void Add(const ProfileBatch::Profile& profile, uint64_t profile_count, const DatasetRow& row,
           const block::SamplesDecoder& samples) {
    period = profiles == 0 ? profile.period : std::max(period, profile.period);
    profiles += profile_count;
    AddSaturating(&total, row.total);
    AddSaturating(&duration_ns, profile.duration_ns);
    for (size_t i = 0; i < samples.stacks().size(); ++i) AddSaturating(&by_stack[samples.stacks()[i]], samples.values()[i]);
  }
};

using Buckets = std::map<std::pair<uint32_t, int64_t>, Sums>;  // by series of the dataset and end

std::string Differs(const char* what, int64_t raw, int64_t rollup) {
  return std::string(what) + " " + std::to_string(rollup) + ", the rows add up to " + std::to_string(raw);
}

std::string Difference(const Sums& raw, const Sums& rollup) {
  if (raw.profiles != rollup.profiles) {
    return Differs("profiles", static_cast<int64_t>(raw.profiles), static_cast<int64_t>(rollup.profiles));
  }
  if (raw.total != rollup.total) return Differs("total", raw.total, rollup.total);
  if (raw.duration_ns != rollup.duration_ns) return Differs("duration", raw.duration_ns, rollup.duration_ns);
  if (raw.period != rollup.period) return Differs("period", raw.period, rollup.period);
  if (raw.by_stack.size() != rollup.by_stack.size()) {
    return Differs("stacks", static_cast<int64_t>(raw.by_stack.size()), static_cast<int64_t>(rollup.by_stack.size()));
  }
  for (const auto& [stack, value] : raw.by_stack) {
    const auto found = rollup.by_stack.find(stack);
    if (found == rollup.by_stack.end()) return "stack " + std::to_string(stack) + " is missing";
    if (found->second != value) return Differs(("stack " + std::to_string(stack)).c_str(), value, found->second);
  }
  return "";
}

class DatasetCheck {
 public:
  DatasetCheck(const BlockSections& sections, const DatasetMeta& dataset, const std::string& name, RollupReport* report)
      : sections_(sections), dataset_(dataset), name_(name), report_(report) {}

  Status Run() {
    ASSIGN_OR_RETURN(SymbolTable table, sections_.SharedSymbols(dataset_.tenant));
    RETURN_IF_ERROR(sections_.OwnSymbols(0, &table));
    stack_count_ = static_cast<uint32_t>(table.stacks.size());
    ASSIGN_OR_RETURN(rows_, sections_.Rows(0));
    for (size_t i = 0; i < rows_.series.size(); ++i) series_[rows_.series[i]] = static_cast<uint32_t>(i);
    report_->rows += rows_.rows.size();
    RETURN_IF_ERROR(Check(SectionKind::kHourRows, SectionKind::kHourSamples, kRollupHourNs, "hour", &report_->hour_rows));
    return Check(SectionKind::kDayRows, SectionKind::kDaySamples, kRollupDayNs, "day", &report_->day_rows);
  }

 private:
  // Calls `add(row, samples)` for the rows of the chunks of this kind.
  template <typename F>
  Status ForRows(SectionKind kind, const std::vector<DatasetRow>& rows, const F& add) {
    ASSIGN_OR_RETURN(const auto chunks, block::SampleChunks(dataset_, kind));
    size_t next = 0;
    for (size_t i = 0; i < chunks.size(); ++i) {
      ASSIGN_OR_RETURN(const auto parts, sections_.SampleChunk(0, kind, i));
      ASSIGN_OR_RETURN(auto samples, block::SamplesDecoder::Open(parts, stack_count_));
      const size_t end = std::min<size_t>(chunks[i].row_end, rows.size());
      for (size_t row = chunks[i].row_begin; row < end; ++row) {
        RETURN_IF_ERROR(samples.Next(rows[row]));
        RETURN_IF_ERROR(add(row, samples));
      }
      next = end;
    }
    if (next == rows.size()) return Status::Ok();
    return Corruption(std::to_string(rows.size()) + " rows, the chunks have " + std::to_string(next));
  }

  Status Check(SectionKind rows_kind, SectionKind samples_kind, int64_t bucket_ns, const char* what, uint64_t* count) {
    if (block::FindSection(dataset_.sections, rows_kind) == nullptr) return Status::Ok();
    Buckets raw, stored;
    RETURN_IF_ERROR(ForRows(SectionKind::kSampleChunk, rows_.rows, [&](size_t i, const auto& samples) {
      const DatasetRow& row = rows_.rows[i];
      const ProfileBatch::Profile& profile = rows_.profiles[row.profile];
      raw[{row.series, RollupBucketEnd(profile.time_ns, bucket_ns)}].Add(profile, 1, row, samples);
      return Status::Ok();
    }));
    ASSIGN_OR_RETURN(const block::RollupRows rollup, sections_.Rollup(0, rows_kind));
    *count += rollup.rows.rows.size();
    RETURN_IF_ERROR(ForRows(samples_kind, rollup.rows.rows, [&](size_t i, const auto& samples) -> Status {
      const DatasetRow& row = rollup.rows.rows[i];
      const auto series = series_.find(rollup.rows.series[row.series]);
      if (series == series_.end()) return Corruption(std::string(what) + " roll-up of a series that the dataset has not");
      const ProfileBatch::Profile& profile = rollup.rows.profiles[row.profile];
      stored[{series->second, profile.time_ns}].Add(profile, rollup.profile_counts[i], row, samples);
      return Status::Ok();
    }));
    for (const auto& [key, sums] : raw) {
      const auto found = stored.find(key);
      Note(what, key, found == stored.end() ? "is missing" : Difference(sums, found->second));
    }
    for (const auto& [key, sums] : stored) {
      if (!raw.contains(key)) Note(what, key, "is of no row");
    }
    return Status::Ok();
  }

  void Note(const char* what, const Buckets::key_type& key, const std::string& difference) {
    if (difference.empty()) return;
    ++report_->different;
    if (report_->differences.size() >= RollupReport::kDifferencesKept) return;
    report_->differences.push_back(name_ + ": tenant " + dataset_.tenant + ", service " + dataset_.service + ", " + what +
                                   " to " + TimeText(key.second) + " of " + LabelsText(rows_.series[key.first]) + ": " +
                                   difference);
  }

  const BlockSections& sections_;
  const DatasetMeta& dataset_;
  const std::string& name_;
  RollupReport* const report_;
  uint32_t stack_count_ = 0;
  DatasetRows rows_;
  std::map<Labels, uint32_t> series_;
};

bool HasRollup(const DatasetMeta& dataset) {
  return block::FindSection(dataset.sections, SectionKind::kHourRows) != nullptr ||
         block::FindSection(dataset.sections, SectionKind::kDayRows) != nullptr;
}

}  // namespace

Status VerifyRollups(Bytes object, const std::string& name, RollupReport* report) {
  ASSIGN_OR_RETURN(const BlockMeta meta, block::DecodeFooter(object));
  ++report->objects;
  for (const DatasetMeta& dataset : meta.datasets) {
    if (!HasRollup(dataset)) continue;
    ++report->datasets;
    BlockRead read;
    read.block = meta.id;
    read.object_key = name;
    for (const TenantSymbols& symbols : meta.symbols) {
      if (symbols.tenant == dataset.tenant) read.symbols.push_back(symbols);
    }
    read.datasets = {dataset};
    const auto sections = BlockSections::WantedFromObject(object, read, [](size_t, const SectionRef&) { return true; });
    const Status status =
        sections.ok() ? DatasetCheck(*sections, dataset, name, report).Run() : sections.status();
    if (!status.ok()) return status.Annotate(name + ": tenant " + dataset.tenant + ", service " + dataset.service);
  }
  return Status::Ok();
}

}  // namespace brazier::ctl
