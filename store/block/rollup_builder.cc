#include "store/block/rollup_builder.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_map>

#include "common/base/saturating.h"
#include "common/model/rollup.h"
#include "store/block/section_codec.h"

namespace brazier::block {
namespace {

// What a row of a roll-up says beside its samples.
struct Totals {
  int64_t total = 0;
  int64_t duration_ns = 0;
  int64_t period = 0;
  uint64_t profiles = 0;
};

void AppendRow(int64_t bucket_end_ns, uint32_t series, const Totals& t, std::span<const uint32_t> stacks,
               std::span<const int64_t> values, RollupBuilder::Kind* out) {
  DatasetRows& rows = out->rows.rows;
  DatasetRow row{series, static_cast<uint32_t>(rows.profiles.size()), 0, 0, t.total};
  // Each row is a profile of its own; that it may repeat the stacks of the row before is what makes types of one profile small.
  const bool is_first = false;
  out->chunks.Add(bucket_end_ns, 0, bucket_end_ns, stacks, values, {}, {}, is_first, &row);
  rows.profiles.push_back({Hash128{}, bucket_end_ns, t.duration_ns, t.period});
  rows.rows.push_back(row);
  out->rows.profile_counts.push_back(t.profiles);
}

// Totals by stack that grow by one sorted row after the other. For days: as large as what they hold, not as the dataset.
struct SortedSums {
  Totals totals;
  std::vector<uint32_t> stacks;
  std::vector<int64_t> values;

  void Add(std::span<const uint32_t> other, std::span<const int64_t> other_values) {
    std::vector<uint32_t> s;
    std::vector<int64_t> v;
    s.reserve(stacks.size() + other.size());
    v.reserve(s.capacity());
    size_t i = 0, k = 0;
    while (i < stacks.size() || k < other.size()) {
      if (k == other.size() || (i < stacks.size() && stacks[i] < other[k])) {
        s.push_back(stacks[i]);
        v.push_back(values[i++]);
      } else if (i == stacks.size() || other[k] < stacks[i]) {
        s.push_back(other[k]);
        v.push_back(other_values[k++]);
      } else {
        s.push_back(stacks[i]);
        v.push_back(values[i++]);
        AddSaturating(&v.back(), other_values[k++]);
      }
    }
    stacks = std::move(s);
    values = std::move(v);
  }
};

}  // namespace

struct RollupBuilder::Sums {
  explicit Sums(uint32_t stack_count) : values(stack_count), is_set(stack_count / 64 + 1) {}
  Totals totals;
  std::vector<int64_t> values;
  std::vector<uint64_t> is_set;  // bits: also stacks whose values add up to nothing were seen
};

RollupBuilder::RollupBuilder(uint32_t stack_count, size_t series_count, int zstd_level, size_t chunk_bytes_max,
                             uint64_t memory_bytes_max)
    : stack_count_(stack_count),
      memory_bytes_max_(memory_bytes_max),
      by_series_(series_count),
      hours_{{}, ChunkWriter(SectionKind::kHourSamples, zstd_level, chunk_bytes_max)},
      days_{{}, ChunkWriter(SectionKind::kDaySamples, zstd_level, chunk_bytes_max)} {}

RollupBuilder::~RollupBuilder() = default;

uint64_t RollupBuilder::MemoryBytes() const {
  const uint64_t sums = (open_.size() + spare_.size()) * (uint64_t{stack_count_} * 8 + stack_count_ / 8);
  uint64_t n = sums + days_bytes_ + by_series_.size() * (sizeof(void*) + sizeof(uint32_t));
  for (const Kind* kind : {&hours_, &days_}) {
    n += kind->chunks.MemoryBytes() +
         kind->rows.profile_counts.size() * (sizeof(ProfileBatch::Profile) + sizeof(DatasetRow) + sizeof(uint64_t));
  }
  return n;
}

void RollupBuilder::BeginHour(int64_t hour_end_ns, std::vector<uint32_t> rows_of_series) {
  FinishHours();
  hour_end_ns_ = hour_end_ns;
  rows_left_ = std::move(rows_of_series);
}

void RollupBuilder::Add(uint32_t series, const ProfileBatch::Profile& profile, int64_t total,
                        std::span<const uint32_t> stacks, std::span<const int64_t> values) {
  std::unique_ptr<Sums>& sums = by_series_[series];
  if (sums == nullptr) {
    const uint64_t each = uint64_t{stack_count_} * 8 + stack_count_ / 8 + 1;
    // The one that began first is the least likely to be needed again soon.
    while (!open_.empty() && (open_.size() + 1) * each > memory_bytes_max_) Emit(open_.front());
    if (spare_.empty()) {
      sums = std::make_unique<Sums>(stack_count_);
    } else {
      sums = std::move(spare_.back());
      spare_.pop_back();
    }
    open_.push_back(series);
  }
  for (size_t i = 0; i < stacks.size(); ++i) {
    const uint32_t stack = stacks[i];
    sums->is_set[stack / 64] |= uint64_t{1} << (stack % 64);
    AddSaturating(&sums->values[stack], values[i]);
  }
  AddSaturating(&sums->totals.total, total);
  AddSaturating(&sums->totals.duration_ns, profile.duration_ns);
  sums->totals.period = sums->totals.profiles == 0 ? profile.period : std::max(sums->totals.period, profile.period);
  ++sums->totals.profiles;
  if (--rows_left_[series] == 0) Emit(series);
}

void RollupBuilder::Emit(uint32_t series) {
  std::unique_ptr<Sums> sums = std::move(by_series_[series]);
  open_.erase(std::find(open_.begin(), open_.end(), series));
  stacks_.clear();
  values_.clear();
  for (uint32_t w = 0; w < sums->is_set.size(); ++w) {
    for (uint64_t word = sums->is_set[w]; word != 0; word &= word - 1) {
      const uint32_t stack = w * 64 + static_cast<uint32_t>(std::countr_zero(word));
      stacks_.push_back(stack);
      values_.push_back(sums->values[stack]);
      sums->values[stack] = 0;
    }
    sums->is_set[w] = 0;
  }
  AppendRow(hour_end_ns_, series, sums->totals, stacks_, values_, &hours_);
  sums->totals = Totals{};
  if (spare_.size() < 4) spare_.push_back(std::move(sums));
}

void RollupBuilder::FinishHours() {
  while (!open_.empty()) Emit(open_.front());
}

Status RollupBuilder::BuildDays() {
  spare_.clear();
  hours_.chunks.Finish(false);
  const std::vector<SectionRef>& chunks = hours_.chunks.sections();
  const DatasetRows& hours = hours_.rows.rows;
  // What the days need at most, in the order in which they are written; as many at a time as the budget has room for.
  struct Day {
    int64_t end_ns;
    uint32_t series;
    uint64_t samples_max;
  };
  // In the order of their first hours: so types of one profile, which share stacks, follow each other here too.
  std::vector<Day> days;
  std::vector<uint32_t> day_of_row(hours.rows.size());
  std::unordered_map<uint32_t, uint32_t> day_of_series;  // of the day in hand; days follow each other as hours do
  for (size_t r = 0; r < hours.rows.size(); ++r) {
    const DatasetRow& row = hours.rows[r];
    const int64_t end_ns = BucketEnd(hours.profiles[row.profile].time_ns, kRollupDayNs);
    if (!days.empty() && days.back().end_ns != end_ns) day_of_series.clear();
    const auto [known, is_new] = day_of_series.emplace(row.series, static_cast<uint32_t>(days.size()));
    if (is_new) days.push_back({end_ns, row.series, 0});
    day_of_row[r] = known->second;
    Day& day = days[known->second];
    day.samples_max = std::min<uint64_t>(day.samples_max + row.sample_count, stack_count_);
  }
  for (size_t begin = 0, end = 0; begin < days.size(); begin = end) {
    uint64_t bytes = 0;
    while (end < days.size() && (end == begin || bytes + days[end].samples_max * SampleRun::kSampleBytes <= memory_bytes_max_)) {
      bytes += days[end++].samples_max * SampleRun::kSampleBytes;
    }
    std::vector<SortedSums> sums(end - begin);
    uint32_t row = 0;
    for (const SectionRef& chunk : chunks) {
      const uint32_t row_end = row + chunk.row_count;
      const auto rows_begin = day_of_row.begin() + static_cast<ptrdiff_t>(row);
      if (std::none_of(rows_begin, day_of_row.begin() + static_cast<ptrdiff_t>(row_end),
                       [&](uint32_t day) { return begin <= day && day < end; })) {
        row = row_end;
        continue;
      }
      ASSIGN_OR_RETURN(const auto parts,
                       DecodeSection(chunk, AsBytes(hours_.chunks.bytes()).subspan(chunk.offset, chunk.size)));
      ASSIGN_OR_RETURN(SamplesDecoder samples, SamplesDecoder::Open(parts, stack_count_));
      for (; row < row_end; ++row) {
        const DatasetRow& hour = hours.rows[row];
        RETURN_IF_ERROR(samples.Next(hour));
        if (day_of_row[row] < begin || day_of_row[row] >= end) continue;
        SortedSums& sum = sums[day_of_row[row] - begin];
        sum.Add(samples.stacks(), samples.values());
        const ProfileBatch::Profile& profile = hours.profiles[hour.profile];
        AddSaturating(&sum.totals.total, hour.total);
        AddSaturating(&sum.totals.duration_ns, profile.duration_ns);
        sum.totals.period = sum.totals.profiles == 0 ? profile.period : std::max(sum.totals.period, profile.period);
        sum.totals.profiles += hours_.rows.profile_counts[row];
      }
    }
    days_bytes_ = bytes;
    for (size_t i = 0; i < sums.size(); ++i) {
      const Day& day = days[begin + i];
      AppendRow(day.end_ns, day.series, sums[i].totals, sums[i].stacks, sums[i].values, &days_);
    }
  }
  days_.chunks.Finish(false);
  return Status::Ok();
}

}  // namespace brazier::block
