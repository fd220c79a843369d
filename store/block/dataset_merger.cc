#include "store/block/dataset_merger.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "store/block/rollup_builder.h"
#include "store/block/section_codec.h"

namespace brazier::block {
namespace {

// Label sets that rows of a roll-up name, numbered anew.
void SetSeries(const std::vector<Labels>& series, DatasetRows* rows) {
  std::vector<uint32_t> numbers(series.size(), SourceRows::kNone);
  for (const DatasetRow& row : rows->rows) numbers[row.series] = 0;
  for (size_t s = 0; s < series.size(); ++s) {
    if (numbers[s] == SourceRows::kNone) continue;
    numbers[s] = static_cast<uint32_t>(rows->series.size());
    rows->series.push_back(series[s]);
  }
  for (DatasetRow& row : rows->rows) row.series = numbers[row.series];
}

void AppendRollup(SectionKind kind, const std::vector<Labels>& series, int zstd_level, RollupBuilder::Kind& rollup,
                  std::string* object, DatasetMeta* meta) {
  if (rollup.rows.rows.rows.empty()) return;
  SetSeries(series, &rollup.rows.rows);
  const RollupParts parts = EncodeRollupRows(rollup.rows);
  meta->sections.push_back(AppendSection(
      kind, {parts.rows.series, parts.rows.identities, parts.rows.numbers, parts.counts}, zstd_level, object));
  AppendSections(rollup.chunks.sections(), rollup.chunks.bytes(), object, &meta->sections);
}

void Describe(const DatasetRows& rows, DatasetMeta* meta) {
  meta->profile_count = static_cast<uint32_t>(rows.profiles.size());
  meta->min_time_ns = INT64_MAX;
  meta->max_time_ns = INT64_MIN;
  for (const auto& profile : rows.profiles) {
    meta->min_time_ns = std::min(meta->min_time_ns, profile.time_ns);
    meta->max_time_ns = std::max(meta->max_time_ns, profile.time_ns);
  }
  std::set<std::string_view> types;
  for (const Labels& labels : rows.series) types.insert(labels.Get(label::kProfileType));
  meta->profile_types.assign(types.begin(), types.end());
  for (const DatasetRow& row : rows.rows) meta->sample_count += row.sample_count;
}

}  // namespace

Status DatasetMerger::WriteRuns(const std::function<bool(double)>& go_on, ChunkWriter* chunks, RollupBuilder* rollups,
                                DatasetRows* out) {
  struct Wanted {
    uint32_t row;   // of the source
    uint32_t slot;  // of the run
  };
  std::vector<SourceSamples> readers;
  readers.reserve(sources_.size());
  for (size_t s = 0; s < sources_.size(); ++s) {
    readers.emplace_back(inputs_, sources_[s], plan_.sources[s], static_cast<uint32_t>(stacks_[s].ids.size()));
  }
  std::vector<std::vector<Wanted>> wanted(sources_.size());
  SampleRun run(stack_count_);
  const uint64_t samples_max = shares_.samples / SampleRun::kSampleBytes / 2;  // columns grow by doubling
  const std::vector<PlannedProfile>& profiles = plan_.profiles;
  // Of each series, the first that has the same profile type.
  std::vector<uint32_t> types(plan_.series.size());
  std::map<std::string_view, uint32_t> type_numbers;
  for (uint32_t s = 0; s < types.size(); ++s) types[s] = type_numbers.emplace(plan_.series[s].Get(label::kProfileType), s).first->second;
  size_t hour_end = 0;  // profiles before it are of hours that have begun
  for (size_t begin = 0, end = 0; begin < profiles.size(); begin = end) {
    if (!go_on(static_cast<double>(begin) / static_cast<double>(profiles.size()))) return Status(Code::kCancelled, "merge: nobody wants its result any more");
    uint64_t samples = 0;
    uint32_t slots = 0;
    for (; end < profiles.size() && (end == begin || samples < samples_max); ++end) {
      const PlannedProfile& p = profiles[end];
      const SourceRows& source = plan_.sources[p.source];
      for (uint32_t row = p.row_begin; row < p.row_end; ++row) {
        if (!source.kept[row]) continue;
        wanted[p.source].push_back({row, slots++});
        samples += source.rows.rows[row].sample_count;
      }
    }
    run.Begin(slots);
    uint64_t open_bytes = 0;
    for (size_t s = 0; s < readers.size(); ++s) {
      auto& list = wanted[s];
      if (!std::is_sorted(list.begin(), list.end(), [](const Wanted& a, const Wanted& b) { return a.row < b.row; })) {
        std::sort(list.begin(), list.end(), [](const Wanted& a, const Wanted& b) { return a.row < b.row; });
      }
      for (const Wanted& w : list) {
        RETURN_IF_ERROR(readers[s].Read(w.row));
        run.Set(w.slot, readers[s].samples(), stacks_[s].ids);
        memory_.Set(MemoryAccount::kChunks, open_bytes + readers[s].MemoryBytes());
      }
      list.clear();
      memory_.Set(MemoryAccount::kSamples, run.MemoryBytes());
      // Chunks stay open for the next run as long as there is room: to inflate one again costs more than to keep it.
      if (open_bytes + readers[s].MemoryBytes() > shares_.chunks) readers[s].Close();
      open_bytes += readers[s].MemoryBytes();
    }
    memory_.Set(MemoryAccount::kChunks, open_bytes);
    uint32_t slot = 0;
    for (size_t i = begin; i < end; ++i) {
      const PlannedProfile& p = profiles[i];
      const SourceRows& source = plan_.sources[p.source];
      if (rollups != nullptr && i >= hour_end) {
        std::vector<uint32_t> counts(plan_.series.size());
        for (hour_end = i; hour_end < profiles.size() && profiles[hour_end].hour_end_ns == p.hour_end_ns; ++hour_end) {
          const PlannedProfile& q = profiles[hour_end];
          const SourceRows& from = plan_.sources[q.source];
          for (uint32_t row = q.row_begin; row < q.row_end; ++row) {
            if (from.kept[row]) ++counts[from.series[from.rows.rows[row].series]];
          }
        }
        rollups->BeginHour(p.hour_end_ns, std::move(counts));
      }
      const ProfileBatch::Profile& profile = source.rows.profiles[p.profile];
      bool is_first = true;
      for (uint32_t row = p.row_begin; row < p.row_end; ++row) {
        if (!source.kept[row]) continue;
        const DatasetRow& from = source.rows.rows[row];
        DatasetRow stored{source.series[from.series], static_cast<uint32_t>(out->profiles.size()), 0, 0, from.total};
        chunks->Add(p.hour_end_ns, types[p.series], profile.time_ns, run.stacks(slot), run.values(slot), run.spans(slot), run.traces(slot),
                    is_first, &stored);
        if (rollups != nullptr) rollups->Add(stored.series, profile, from.total, run.stacks(slot), run.values(slot));
        is_first = false;
        ++slot;
        out->rows.push_back(stored);
      }
      out->profiles.push_back(profile);
    }
    memory_.Set(MemoryAccount::kDataset, chunks->MemoryBytes());
    if (rollups != nullptr) memory_.Set(MemoryAccount::kRollups, rollups->MemoryBytes());
  }
  chunks->Finish(true);
  memory_.Set(MemoryAccount::kSamples, 0);
  memory_.Set(MemoryAccount::kChunks, 0);
  return Status::Ok();
}

Status DatasetMerger::Write(const std::vector<std::string_view>& symbols, const std::function<bool(double)>& go_on,
                            std::string* object, DatasetMeta* meta, DatasetRows* rows) {
  uint64_t row_count = 0;
  for (const SourceRows& s : plan_.sources) row_count += s.rows.rows.size();
  rows->profiles.reserve(plan_.profiles.size());
  rows->rows.reserve(row_count);
  memory_.Set(MemoryAccount::kRows, plan_.MemoryBytes() + rows->profiles.capacity() * sizeof(ProfileBatch::Profile) +
                                        row_count * sizeof(DatasetRow));
  ChunkWriter chunks(SectionKind::kSampleChunk, options_.zstd_level, shares_.chunk);
  std::unique_ptr<RollupBuilder> rollups;
  if (options_.hour_rollups || options_.day_rollups) {
    rollups = std::make_unique<RollupBuilder>(stack_count_, plan_.series.size(), options_.zstd_level, shares_.chunk,
                                              shares_.rollups);
  }
  RETURN_IF_ERROR(WriteRuns(go_on, &chunks, rollups.get(), rows));
  rows->series = plan_.series;
  if (rollups != nullptr) {
    rollups->FinishHours();
    rollups->hours().chunks.Finish(false);
    if (options_.day_rollups) RETURN_IF_ERROR(rollups->BuildDays());
    memory_.Set(MemoryAccount::kRollups, rollups->MemoryBytes());
    if (options_.hour_rollups) {
      AppendRollup(SectionKind::kHourRows, plan_.series, options_.zstd_level, rollups->hours(), object, meta);
    }
    if (options_.day_rollups) {
      AppendRollup(SectionKind::kDayRows, plan_.series, options_.zstd_level, rollups->days(), object, meta);
    }
    rollups.reset();
    memory_.Set(MemoryAccount::kRollups, 0);
  }
  if (!symbols.empty()) {
    meta->sections.push_back(AppendSection(SectionKind::kSymbols, std::span(symbols), options_.zstd_level, object));
  }
  const RowsParts parts = EncodeRows(*rows);
  meta->sections.push_back(AppendSection(SectionKind::kRows, {parts.series, parts.identities, parts.numbers},
                                         options_.zstd_level, object));
  AppendSections(chunks.sections(), chunks.bytes(), object, &meta->sections);
  memory_.Set(MemoryAccount::kDataset, 0);
  Describe(*rows, meta);
  return Status::Ok();
}

}  // namespace brazier::block
