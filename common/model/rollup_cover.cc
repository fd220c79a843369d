#include "common/model/rollup_cover.h"

#include <algorithm>

#include "common/model/rollup.h"

namespace brazier {
namespace {

// Ends of the buckets that the range holds as far as there is data. False: there are none.
bool WholeBuckets(const TimeRange& range, const TimeRange& data, int64_t bucket_ns, TimeRange* out) {
  // Before the first profile and after the last one a bucket is empty: what the range does not hold of that is no loss.
  out->first_ns = range.first_ns <= data.first_ns ? RollupBucketEnd(data.first_ns, bucket_ns)
                                                  : RollupBucketEnd(range.first_ns - 1, bucket_ns) + bucket_ns;
  out->last_ns =
      range.last_ns >= data.last_ns ? RollupBucketEnd(data.last_ns, bucket_ns) : range.last_ns / bucket_ns * bucket_ns;
  return out->first_ns <= out->last_ns;
}

// Covers `range` by buckets of this length, and calls rest(range) for what is left at its edges and has data.
template <typename Rest>
void Cover(const TimeRange& range, const TimeRange& data, int64_t bucket_ns, bool may_use, std::vector<TimeRange>* buckets,
           const Rest& rest) {
  TimeRange whole;
  if (!may_use || !WholeBuckets(range, data, bucket_ns, &whole)) return rest(range);
  const TimeRange before{range.first_ns, whole.first_ns - bucket_ns};
  const TimeRange after{whole.last_ns + 1, range.last_ns};
  if (std::max(before.first_ns, data.first_ns) <= before.last_ns) rest(before);
  buckets->push_back(whole);
  if (after.first_ns <= std::min(after.last_ns, data.last_ns)) rest(after);
}

CoverOptions OptionsOf(const QuerySpec& spec, const ReportRequest& report) {
  // A roll-up knows no single profile.
  if (spec.filter.NeedsProfiles() || report.exemplars) return {};
  switch (report.kind) {
    case ReportKind::kFlameGraph:
    case ReportKind::kPprof:
    case ReportKind::kTopFunctions: return {true, true};
    case ReportKind::kTimeSeries:
    case ReportKind::kFunctionUsage: {
      // Every edge between two buckets of the series must be one between buckets of the roll-up.
      const auto fits = [&](int64_t bucket_ns) {
        return report.step_ns % bucket_ns == 0 && spec.start_ns % bucket_ns == 0;
      };
      return {fits(kRollupHourNs), fits(kRollupDayNs)};
    }
    case ReportKind::kProfileTypes:
    case ReportKind::kLabelNames:
    case ReportKind::kLabelValues:
    case ReportKind::kSeries:
    case ReportKind::kHeatmap: break;
  }
  return {};
}

void Join(const std::vector<TimeRange>& from, std::vector<TimeRange>* into) {
  for (const TimeRange& range : from) {
    if (std::find(into->begin(), into->end(), range) == into->end()) into->push_back(range);
  }
}

void Join(const RollupCover& from, RollupCover* into) {
  Join(from.raw, &into->raw);
  Join(from.hours, &into->hours);
  Join(from.days, &into->days);
}

bool MeetsAny(const std::vector<TimeRange>& ranges, const SectionRef& section) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const TimeRange& range) {
    return range.Meets(section.min_time_ns, section.max_time_ns);
  });
}

uint64_t Buckets(const std::vector<TimeRange>& ranges, int64_t bucket_ns) {
  uint64_t n = 0;
  for (const TimeRange& range : ranges) n += static_cast<uint64_t>((range.last_ns - range.first_ns) / bucket_ns) + 1;
  return n;
}

}  // namespace

RollupCover CoverRange(const TimeRange& range, const TimeRange& data, CoverOptions options) {
  RollupCover out;
  if (range.first_ns > range.last_ns || !range.Meets(data.first_ns, data.last_ns)) return out;
  const auto raw = [&](const TimeRange& rest) { out.raw.push_back(rest); };
  // Times that no bucket is defined for, or an entry of the index that makes no sense.
  if (data.first_ns < 0 || data.last_ns > INT64_MAX - 2 * kRollupDayNs || data.first_ns > data.last_ns) {
    raw(range);
    return out;
  }
  Cover(range, data, kRollupDayNs, options.days, &out.days, [&](const TimeRange& rest) {
    Cover(rest, data, kRollupHourNs, options.hours, &out.hours, raw);
  });
  return out;
}

bool RangeOf(const QuerySpec& spec, const ReportRequest& report, TimeRange* range) {
  if (!HasSteps(report.kind)) {
    *range = {spec.start_ns, spec.end_ns};
    return spec.start_ns <= spec.end_ns;
  }
  const int64_t step = report.step_ns;
  if (step <= 0 || spec.start_ns > spec.end_ns) return false;
  const uint64_t length = static_cast<uint64_t>(spec.end_ns) - static_cast<uint64_t>(spec.start_ns);
  // What lies at the edge of the bucket before the first one is in that.
  if (__builtin_sub_overflow(spec.start_ns, step - 1, &range->first_ns)) range->first_ns = INT64_MIN;
  range->last_ns = static_cast<int64_t>(static_cast<uint64_t>(spec.end_ns) - length % static_cast<uint64_t>(step));
  return true;
}

bool MayConcern(const DataFilter& deletion, const DatasetMeta& dataset) {
  return deletion.tenant == dataset.tenant && (deletion.service.empty() || deletion.service == dataset.service) &&
         deletion.start_ns <= dataset.max_time_ns && dataset.min_time_ns <= deletion.end_ns;
}

DatasetCover CoverDataset(const QuerySpec& spec, const DatasetMeta& dataset, std::span<const DataFilter> deletions) {
  bool has_hours = false, has_days = false;
  for (const SectionRef& section : dataset.sections) {
    has_hours |= section.kind == SectionKind::kHourRows;
    has_days |= section.kind == SectionKind::kDayRows;
  }
  DatasetCover out;
  out.has_deletions = std::any_of(deletions.begin(), deletions.end(),
                                  [&](const DataFilter& deletion) { return MayConcern(deletion, dataset); });
  const bool is_whole = dataset.hidden_profiles.empty() && !out.has_deletions;
  out.reports.reserve(spec.reports.size());
  for (const ReportRequest& report : spec.reports) {
    RollupCover& cover = out.reports.emplace_back();
    TimeRange range;
    if (!RangeOf(spec, report, &range)) continue;
    const CoverOptions options = is_whole ? OptionsOf(spec, report) : CoverOptions();
    cover = CoverRange(range, {dataset.min_time_ns, dataset.max_time_ns},
                       {options.hours && has_hours, options.days && has_days});
    Join(cover, &out.rows);
    if (NeedsSamples(spec, report)) Join(cover, &out.samples);
  }
  return out;
}

bool DatasetCover::Needs(const SectionRef& section) const {
  switch (section.kind) {
    case SectionKind::kSharedSymbols:
    case SectionKind::kSymbols: return !samples.IsEmpty();
    case SectionKind::kRows: return !rows.raw.empty();
    case SectionKind::kSamples: return !samples.raw.empty();
    case SectionKind::kSampleChunk: return MeetsAny(samples.raw, section);
    case SectionKind::kHourRows: return !rows.hours.empty();
    case SectionKind::kHourSamples: return MeetsAny(samples.hours, section);
    case SectionKind::kDayRows: return !rows.days.empty();
    case SectionKind::kDaySamples: return MeetsAny(samples.days, section);
  }
  return false;
}

uint64_t BytesOf(const DatasetMeta& dataset, const DatasetCover& cover) {
  uint64_t bytes = 0;
  for (const SectionRef& section : dataset.sections) {
    if (cover.Needs(section)) bytes += section.size;
  }
  return bytes;
}

std::string DescribeCover(const DatasetCover& cover) {
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (!cover.rows.raw.empty()) add(cover.rows.UsesRollups() ? "raw edges" : "raw");
  if (!cover.rows.hours.empty()) add(std::to_string(Buckets(cover.rows.hours, kRollupHourNs)) + " hours");
  if (!cover.rows.days.empty()) add(std::to_string(Buckets(cover.rows.days, kRollupDayNs)) + " days");
  return out.empty() ? "nothing" : out;
}

}  // namespace brazier
