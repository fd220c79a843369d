#include "store/block/merge_plan.h"

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>

#include "common/model/rollup.h"
#include "store/block/block_reader.h"

namespace brazier::block {
namespace {

// A profile and where it is, to find those that come twice.
struct Identified {
  Hash128 identity;
  int64_t time_ns;
  uint32_t source;
  uint32_t profile;
  auto Key() const { return std::tie(identity, time_ns, source, profile); }
};

// All but the first of each identity.
template <typename Visit>
void ForEachRepeated(std::vector<Identified>& profiles, Visit visit) {
  std::sort(profiles.begin(), profiles.end(), [](const auto& a, const auto& b) { return a.Key() < b.Key(); });
  for (size_t i = 1; i < profiles.size(); ++i) {
    if (profiles[i].identity == profiles[i - 1].identity) visit(profiles[i]);
  }
}

}  // namespace

int64_t BucketEnd(int64_t time_ns, int64_t bucket_ns) {
  const int64_t buckets = time_ns / bucket_ns + (time_ns % bucket_ns > 0);
  int64_t end;
  return __builtin_mul_overflow(buckets, bucket_ns, &end) ? INT64_MAX : end;
}

Result<MergeDeletions> MergeDeletions::Of(const MergeInputs& inputs) {
  MergeDeletions out;
  std::map<std::string, std::shared_ptr<const Selector>> parsed;
  out.filters_.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (const DataFilter& filter : inputs.meta(i).deletions) {
      std::shared_ptr<const Selector> selector;
      if (!filter.selector.empty()) {
        std::shared_ptr<const Selector>& known = parsed[filter.selector];
        if (known == nullptr) {
          ASSIGN_OR_RETURN(Selector fresh, Selector::Parse(filter.selector));
          known = std::make_shared<const Selector>(std::move(fresh));
        }
        selector = known;
      }
      out.filters_[i].push_back({&filter, std::move(selector)});
    }
  }
  return out;
}

std::vector<const MergeDeletions::Filter*> MergeDeletions::For(const MergeSource& source) const {
  std::vector<const Filter*> out;
  for (const Filter& f : filters_[source.input]) {
    if (f.filter->tenant != source.dataset->tenant) continue;
    if (!f.filter->service.empty() && f.filter->service != source.dataset->service) continue;
    out.push_back(&f);
  }
  return out;
}

uint64_t ServicePlan::MemoryBytes() const {
  uint64_t n = profiles.size() * sizeof(PlannedProfile);
  for (const Labels& labels : series) n += labels.Bytes() + labels.size() * sizeof(Label);
  for (const SourceRows& s : sources) {
    n += s.rows.profiles.size() * sizeof(ProfileBatch::Profile) + s.rows.rows.size() * (sizeof(DatasetRow) + 1);
  }
  return n;
}

Result<MergePlanner::Loaded> MergePlanner::Load(uint32_t source) {
  const MergeSource& from = sources_[source];
  const SectionRef* section = FindSection(from.dataset->sections, SectionKind::kRows);
  if (section == nullptr) {
    return inputs_.Blame(from.input, Corruption("service " + from.dataset->service + " has no section rows"));
  }
  ASSIGN_OR_RETURN(const auto parts, inputs_.Section(from.input, *section));
  auto decoded = DecodeRows(parts);
  if (!decoded.ok()) return inputs_.Blame(from.input, decoded.status());
  Loaded out;
  out.rows.rows = std::move(*decoded);
  DatasetRows& rows = out.rows.rows;
  if (rows.rows.size() > UINT32_MAX - 1) return inputs_.Blame(from.input, Corruption("rows: there are too many"));
  out.rows.row_count = static_cast<uint32_t>(rows.rows.size());
  out.rows.kept.assign(rows.rows.size(), 1);
  out.profiles.assign(rows.profiles.size(), kKept);
  for (uint32_t position : from.dataset->hidden_profiles) {
    if (position < out.profiles.size()) out.profiles[position] = kHidden;
  }
  const auto filters = deletions_.For(from);
  if (filters.empty()) return out;
  // A profile is deleted when all its rows are; one without rows when a deletion names every series.
  std::vector<uint32_t> rows_left(rows.profiles.size());
  for (const DatasetRow& row : rows.rows) ++rows_left[row.profile];
  const std::vector<uint32_t> rows_all = rows_left;
  for (const MergeDeletions::Filter* f : filters) {
    std::vector<uint8_t> matches(rows.series.size(), 1);
    if (f->selector != nullptr) {
      for (size_t s = 0; s < rows.series.size(); ++s) matches[s] = f->selector->Matches(rows.series[s]);
    }
    auto in_range = [&](uint32_t profile) {
      const int64_t time_ns = rows.profiles[profile].time_ns;
      return f->filter->start_ns <= time_ns && time_ns <= f->filter->end_ns;
    };
    for (size_t r = 0; r < rows.rows.size(); ++r) {
      const DatasetRow& row = rows.rows[r];
      if (!out.rows.kept[r] || !matches[row.series] || !in_range(row.profile)) continue;
      out.rows.kept[r] = 0;
      if (--rows_left[row.profile] == 0 && out.profiles[row.profile] == kKept) out.profiles[row.profile] = kDeleted;
    }
    if (f->selector != nullptr) continue;
    for (uint32_t p = 0; p < rows.profiles.size(); ++p) {
      if (rows_all[p] == 0 && in_range(p) && out.profiles[p] == kKept) out.profiles[p] = kDeleted;
    }
  }
  return out;
}

void MergePlanner::MarkRepeated(std::vector<Loaded>& all) {
  std::vector<Identified> profiles;
  for (uint32_t s = 0; s < all.size(); ++s) {
    const auto& list = all[s].rows.rows.profiles;
    for (uint32_t p = 0; p < list.size(); ++p) {
      if (all[s].profiles[p] == kKept && !list[p].identity.IsZero()) profiles.push_back({list[p].identity, list[p].time_ns, s, p});
    }
  }
  ForEachRepeated(profiles, [&](const Identified& p) { all[p.source].profiles[p.profile] = kRepeated; });
}

// Now that the fate of each profile is known: rows of those that are not kept are not either; what no kept row lies in is let go,
// but whole chunks stay whole, for they are read row by row.
void MergePlanner::Settle(const MergeSource& source, Loaded* loaded, MergeFigures* figures) {
  SourceRows& s = loaded->rows;
  std::vector<DatasetRow>& rows = s.rows.rows;
  uint32_t begin = s.row_count;
  uint32_t end = 0;
  for (uint32_t r = 0; r < rows.size(); ++r) {
    if (loaded->profiles[rows[r].profile] != kKept) s.kept[r] = 0;
    if (s.kept[r] == 0) {
      s.leaves_out = true;
      continue;
    }
    begin = std::min(begin, r);
    end = r + 1;
  }
  begin = std::min(begin, end);
  const size_t profile_count = loaded->profiles.size();
  size_t first = profile_count;
  size_t last = 0;
  std::array<uint64_t, kFates> fates{};
  for (size_t p = 0; p < profile_count; ++p) {
    ++fates[loaded->profiles[p]];
    if (loaded->profiles[p] != kKept) continue;
    first = std::min(first, p);
    last = p + 1;
  }
  s.leaves_out |= fates[kKept] < profile_count;
  if (figures != nullptr) {
    figures->profiles += fates[kKept];
    figures->profiles_hidden += fates[kHidden];
    figures->profiles_deleted += fates[kDeleted];
    figures->profiles_repeated += fates[kRepeated];
  }
  first = std::min(first, last);
  s.profile_base = static_cast<uint32_t>(first);
  if (last - first < profile_count) {
    auto& profiles = s.rows.profiles;
    profiles = std::vector<ProfileBatch::Profile>(profiles.begin() + static_cast<ptrdiff_t>(first), profiles.begin() + static_cast<ptrdiff_t>(last));
    loaded->profiles = std::vector<uint8_t>(loaded->profiles.begin() + static_cast<ptrdiff_t>(first), loaded->profiles.begin() + static_cast<ptrdiff_t>(last));
  }
  uint32_t from = begin;
  uint32_t to = end;
  const auto chunks = SampleChunks(*source.dataset, SectionKind::kSampleChunk);
  if (!chunks.ok()) return;  // whoever reads the samples finds out
  for (const SampleChunkRef& chunk : *chunks) {
    if (chunk.row_begin <= begin && begin < chunk.row_end) from = std::min(from, chunk.row_begin);
    if (chunk.row_begin < end && end <= chunk.row_end) to = std::max(to, std::min(chunk.row_end, s.row_count));
  }
  s.row_base = from;
  if (from > 0 || to < s.row_count) {
    rows = std::vector<DatasetRow>(rows.begin() + from, rows.begin() + to);
    s.kept = std::vector<uint8_t>(s.kept.begin() + from, s.kept.begin() + to);
  }
}

Result<ServicePlan> MergePlanner::Plan(const MergeWindow& window, MergeFigures* figures) {
  std::vector<Loaded> all;
  for (uint32_t s = 0; s < sources_.size(); ++s) {
    ASSIGN_OR_RETURN(Loaded loaded, Load(s));
    for (uint32_t p = 0; p < loaded.profiles.size(); ++p) {
      if (!window.Contains(loaded.rows.rows.profiles[p])) loaded.profiles[p] = kElsewhere;
    }
    // In windows repeats are known before, so that rows need not wait for those of the other sources.
    if (repeated_.has_value()) {
      for (uint32_t p : (*repeated_)[s]) {
        if (p < loaded.profiles.size() && loaded.profiles[p] == kKept) loaded.profiles[p] = kRepeated;
      }
      Settle(sources_[s], &loaded, figures);
    }
    all.push_back(std::move(loaded));
  }
  if (!repeated_.has_value()) {
    MarkRepeated(all);
    for (uint32_t s = 0; s < all.size(); ++s) Settle(sources_[s], &all[s], figures);
  }
  ServicePlan plan;
  NumberSeries(all, &plan.series);
  for (uint32_t s = 0; s < all.size(); ++s) {
    const SourceRows& source = all[s].rows;
    const auto& rows = source.rows.rows;
    const auto& profiles = source.rows.profiles;
    uint32_t row = 0;
    for (uint32_t i = 0; i < profiles.size(); ++i) {
      const uint32_t p = source.profile_base + i;
      while (row < rows.size() && rows[row].profile < p) ++row;
      PlannedProfile planned{BucketEnd(profiles[i].time_ns, kRollupHourNs), SourceRows::kNone, s, i, row, row};
      for (; row < rows.size() && rows[row].profile == p; ++row) {
        if (source.kept[row] && planned.series == SourceRows::kNone) planned.series = source.series[rows[row].series];
      }
      planned.row_end = row;
      if (all[s].profiles[i] == kKept) plan.profiles.push_back(planned);
    }
    plan.sources.push_back(std::move(all[s].rows));
  }
  std::sort(plan.profiles.begin(), plan.profiles.end(), [&](const PlannedProfile& a, const PlannedProfile& b) {
    const ProfileBatch::Profile& pa = plan.sources[a.source].rows.profiles[a.profile];
    const ProfileBatch::Profile& pb = plan.sources[b.source].rows.profiles[b.profile];
    return std::tie(a.hour_end_ns, a.series, pa.time_ns, pa.identity, a.source, a.profile) <
           std::tie(b.hour_end_ns, b.series, pb.time_ns, pb.identity, b.source, b.profile);
  });
  return plan;
}

// The series of all sources that have a row, each once, in the order of their label sets.
void MergePlanner::NumberSeries(std::vector<Loaded>& all, std::vector<Labels>* out) {
  std::vector<std::tuple<const Labels*, uint32_t, uint32_t>> series;
  for (uint32_t s = 0; s < all.size(); ++s) {
    SourceRows& source = all[s].rows;
    source.series.assign(source.rows.series.size(), SourceRows::kNone);
    for (size_t r = 0; r < source.rows.rows.size(); ++r) {
      if (source.kept[r]) source.series[source.rows.rows[r].series] = 0;
    }
    for (uint32_t i = 0; i < source.series.size(); ++i) {
      if (source.series[i] == 0) series.emplace_back(&source.rows.series[i], s, i);
    }
  }
  std::stable_sort(series.begin(), series.end(), [](const auto& a, const auto& b) { return *std::get<0>(a) < *std::get<0>(b); });
  for (const auto& [labels, s, i] : series) {
    if (out->empty() || !(out->back() == *labels)) out->push_back(*labels);
    all[s].rows.series[i] = static_cast<uint32_t>(out->size() - 1);
  }
  for (Loaded& loaded : all) std::vector<Labels>().swap(loaded.rows.rows.series);
}

Result<std::vector<MergeWindow>> MergePlanner::Split(const MergeWindow& window, size_t count) {
  struct Weighed {
    MergeWindow::Edge edge;
    uint64_t weight;
  };
  std::vector<Weighed> weighed;
  std::vector<Identified> identified;
  uint64_t total = 0;
  for (uint32_t s = 0; s < sources_.size(); ++s) {
    ASSIGN_OR_RETURN(const Loaded loaded, Load(s));
    const DatasetRows& rows = loaded.rows.rows;
    std::vector<uint64_t> samples(rows.profiles.size(), 1);
    for (size_t r = 0; r < rows.rows.size(); ++r) {
      if (loaded.rows.kept[r]) samples[rows.rows[r].profile] += rows.rows[r].sample_count;
    }
    for (uint32_t p = 0; p < rows.profiles.size(); ++p) {
      if (loaded.profiles[p] != kKept) continue;
      const ProfileBatch::Profile& profile = rows.profiles[p];
      if (window.Contains(profile)) {
        weighed.push_back({{profile.time_ns, profile.identity.high}, samples[p]});
        total += samples[p];
      }
      if (!repeated_.has_value() && !profile.identity.IsZero()) identified.push_back({profile.identity, profile.time_ns, s, p});
    }
  }
  if (!repeated_.has_value()) {
    repeated_.emplace(sources_.size());
    ForEachRepeated(identified, [&](const Identified& p) { (*repeated_)[p.source].push_back(p.profile); });
  }

  std::sort(weighed.begin(), weighed.end(), [](const Weighed& a, const Weighed& b) { return a.edge < b.edge; });
  std::vector<MergeWindow> windows = {window};
  uint64_t passed = 0;
  for (size_t i = 0; i < weighed.size(); ++i) {
    const bool is_edge = i > 0 && weighed[i - 1].edge < weighed[i].edge;
    if (is_edge && windows.size() < count && passed >= total / count * windows.size()) {
      windows.back().end = weighed[i].edge;
      windows.push_back({weighed[i].edge, window.end});
    }
    passed += weighed[i].weight;
  }
  return windows;
}

}  // namespace brazier::block
