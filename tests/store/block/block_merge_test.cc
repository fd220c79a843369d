// The merge changes no answer: whatever is merged in whatever order and within whatever memory, a reader sees the same rows.
#include "store/block/block_merge.h"

#include <gtest/gtest.h>

#include "common/codec/block_meta_msgpack.h"
#include "store/block/chunk_writer.h"
#include "store/block/section_symbols.h"
#include "tests/store/block/merge_world.h"

namespace brazier::block {
namespace {

using testing::Expected;
using testing::KeepingHost;
using testing::kWorldStartNs;
using testing::ReadOf;
using testing::SeenRow;
using testing::Texts;
using testing::World;

struct Sum {
  int64_t total = 0, duration_ns = 0, period = INT64_MIN;
  uint64_t profiles = 0;
  std::map<std::string, int64_t> stacks;
  friend bool operator==(const Sum&, const Sum&) = default;
};
using Sums = std::map<std::pair<Labels, int64_t>, Sum>;

std::vector<std::string> StackTexts(const BlockSections& sections, const DatasetMeta& dataset, size_t d) {
  auto table = sections.SharedSymbols(dataset.tenant);
  EXPECT_TRUE(table.ok() && sections.OwnSymbols(d, &*table).ok());
  std::vector<std::string> texts(table->stacks.size());
  for (uint32_t i = 0; i < texts.size(); ++i) texts[i] = testing::StackText(*table, i);
  return texts;
}

// What the roll-up of a dataset says; rows of one bucket added up, as readers do.
Sums RollupSums(const BlockSections& sections, const DatasetMeta& dataset, size_t d, SectionKind rows_kind, SectionKind samples_kind) {
  Sums out;
  const auto texts = StackTexts(sections, dataset, d);
  const auto rollup = sections.Rollup(d, rows_kind);
  EXPECT_TRUE(rollup.ok()) << rollup.status().ToString();
  const auto chunks = SampleChunks(dataset, samples_kind);
  for (size_t c = 0; c < chunks->size(); ++c) {
    const auto parts = sections.SampleChunk(d, samples_kind, c);
    EXPECT_TRUE(parts.ok());
    auto samples = SamplesDecoder::Open(*parts, static_cast<uint32_t>(texts.size()));
    EXPECT_LE(chunks->at(c).row_end, rollup->rows.rows.size());
    for (uint32_t r = chunks->at(c).row_begin; r < chunks->at(c).row_end; ++r) {
      const DatasetRow& row = rollup->rows.rows[r];
      EXPECT_TRUE(samples->Next(row).ok());
      const ProfileBatch::Profile& profile = rollup->rows.profiles[row.profile];
      EXPECT_TRUE(profile.identity.IsZero());
      EXPECT_LE(chunks->at(c).min_time_ns, profile.time_ns);
      EXPECT_GE(chunks->at(c).max_time_ns, profile.time_ns);
      Sum& sum = out[{rollup->rows.series[row.series], profile.time_ns}];
      AddSaturating(&sum.total, row.total);
      AddSaturating(&sum.duration_ns, profile.duration_ns);
      sum.period = std::max(sum.period, profile.period);
      sum.profiles += rollup->profile_counts[r];
      for (size_t i = 0; i < samples->stacks().size(); ++i) sum.stacks[texts[samples->stacks()[i]]] += samples->values()[i];
    }
  }
  return out;
}

Sums RawSums(const std::vector<SeenRow>& rows, const DatasetMeta& dataset, int64_t bucket_ns) {
  Sums out;
  for (const SeenRow& row : rows) {
    if (row.tenant != dataset.tenant || row.service != dataset.service) continue;
    Sum& sum = out[{row.labels, RollupBucketEnd(row.profile.time_ns, bucket_ns)}];
    AddSaturating(&sum.total, row.total);
    AddSaturating(&sum.duration_ns, row.profile.duration_ns);
    sum.period = std::max(sum.period, row.profile.period);
    ++sum.profiles;
    for (const auto& [key, value] : row.samples) sum.stacks[std::get<0>(key)] += value;
  }
  return out;
}

// The rules of a compacted block that readers rely on.
void CheckForm(World& world, const MergeOptions& options, const BlockMeta& meta) {
  const auto object = world.store.Get(meta.ObjectKey());
  ASSERT_TRUE(object.ok());
  const auto footer = DecodeFooter(AsBytes(*object));
  ASSERT_TRUE(footer.ok()) << footer.status().ToString();
  EXPECT_EQ(*footer, meta);
  EXPECT_EQ(meta.level, options.level);
  EXPECT_EQ(meta.shard, options.shard);
  const auto sections = BlockSections::WantedFromObject(AsBytes(*object), ReadOf(meta), [](size_t, const SectionRef&) { return true; });
  ASSERT_TRUE(sections.ok());
  const std::vector<SeenRow> seen = world.Rows(meta);
  std::map<std::string, std::set<std::string>> names_used;  // by tenant
  int64_t min_time_ns = INT64_MAX;
  for (size_t d = 0; d < meta.datasets.size(); ++d) {
    const DatasetMeta& dataset = meta.datasets[d];
    EXPECT_EQ(dataset.tenant, meta.datasets[0].tenant) << "one tenant";
    if (d > 0) {
      EXPECT_LT(meta.datasets[d - 1].service, dataset.service);
    }
    EXPECT_TRUE(dataset.hidden_profiles.empty());
    min_time_ns = std::min(min_time_ns, dataset.min_time_ns);
    const auto rows = sections->Rows(d);
    ASSERT_TRUE(rows.ok());
    EXPECT_TRUE(std::is_sorted(rows->series.begin(), rows->series.end()));
    EXPECT_EQ(dataset.profile_count, rows->profiles.size());
    // Sorted by hour, series, time and identity; a profile's key is that of its first row.
    std::tuple<int64_t, uint32_t, int64_t, Hash128> last{INT64_MIN, 0, 0, {}};
    std::vector<uint32_t> first_row(rows->profiles.size(), UINT32_MAX);
    for (uint32_t r = 0; r < rows->rows.size(); ++r) first_row[rows->rows[r].profile] = std::min(first_row[rows->rows[r].profile], r);
    for (uint32_t p = 0; p < rows->profiles.size(); ++p) {
      const ProfileBatch::Profile& profile = rows->profiles[p];
      const uint32_t series = first_row[p] == UINT32_MAX ? UINT32_MAX : rows->rows[first_row[p]].series;
      const auto key = std::tuple(RollupBucketEnd(profile.time_ns, kRollupHourNs), series, profile.time_ns, profile.identity);
      EXPECT_LE(last, key);
      last = key;
    }
    const auto chunks = SampleChunks(dataset, SectionKind::kSampleChunk);
    ASSERT_TRUE(chunks.ok());
    ASSERT_FALSE(chunks->empty());
    EXPECT_EQ(chunks->back().row_end, rows->rows.size());
    for (const SampleChunkRef& chunk : *chunks) {
      if (chunk.row_begin == chunk.row_end) continue;
      int64_t begin = INT64_MAX, end = INT64_MIN;
      for (uint32_t r = chunk.row_begin; r < chunk.row_end; ++r) {
        begin = std::min(begin, rows->profiles[rows->rows[r].profile].time_ns);
        end = std::max(end, rows->profiles[rows->rows[r].profile].time_ns);
      }
      EXPECT_EQ(std::pair(chunk.min_time_ns, chunk.max_time_ns), std::pair(begin, end));
      EXPECT_EQ(RollupBucketEnd(begin, kRollupHourNs), RollupBucketEnd(end, kRollupHourNs)) << "a chunk crosses an hour";
    }
    EXPECT_EQ(RollupSums(*sections, dataset, d, SectionKind::kHourRows, SectionKind::kHourSamples),
              options.hour_rollups ? RawSums(seen, dataset, kRollupHourNs) : Sums());
    EXPECT_EQ(RollupSums(*sections, dataset, d, SectionKind::kDayRows, SectionKind::kDaySamples),
              options.day_rollups ? RawSums(seen, dataset, kRollupDayNs) : Sums());
    // No stack that no row has, and so no name either.
    const auto texts = StackTexts(*sections, dataset, d);
    std::string all;
    for (const SeenRow& row : seen) {
      if (row.service != dataset.service) continue;
      for (const auto& [key, value] : row.samples) all += std::get<0>(key) + "\n";
    }
    for (const std::string& text : texts) EXPECT_NE(all.find(text), std::string::npos) << text;
    std::set<Labels> label_sets;
    for (const SeenRow& row : seen) {
      if (row.service == dataset.service) label_sets.insert(row.labels);
    }
    if (dataset.lists_label_sets) {
      EXPECT_EQ(dataset.label_sets, std::vector<Labels>(label_sets.begin(), label_sets.end()));
    }
  }
  EXPECT_EQ(meta.min_time_ns, min_time_ns);
}

// Merges blocks of a world until few are left, in random groups and budgets.
void MergeAll(uint64_t seed, MergeFigures* all, size_t* outputs_max) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed);
  std::vector<BlockMeta> blocks;
  for (uint64_t i = 2 + world.Below(6); i > 0; --i) blocks.push_back(world.RandomSegment(static_cast<int>(world.Below(12)) + 1));
  for (uint32_t level = 1; level <= 4; ++level) {
    std::vector<BlockMeta> next;
    while (!blocks.empty()) {
      std::vector<BlockMeta> inputs;
      for (uint64_t n = 1 + world.Below(5); n > 0 && !blocks.empty(); --n) {
        const size_t at = world.Below(blocks.size());
        inputs.push_back(blocks[at]);
        blocks.erase(blocks.begin() + static_cast<ptrdiff_t>(at));
      }
      for (BlockMeta& input : inputs) {
        if (world.Below(3) == 0) {
          const std::string selectors[] = {"", "{pod=\"p1\"}", "{version=~\"v.*\"}", "{}", "{__profile_type__=\"type0\"}"};
          const int64_t begin = kWorldStartNs + static_cast<int64_t>(world.Below(3)) * kRollupHourNs;
          input.deletions.push_back({"tenant" + std::to_string(world.Below(3)), world.Below(2) ? "" : "service1",
                                     selectors[world.Below(5)], begin, begin + kRollupHourNs});
        }
        for (DatasetMeta& dataset : input.datasets) {
          if (world.Below(6) == 0) dataset.hidden_profiles.push_back(static_cast<uint32_t>(world.Below(dataset.profile_count)));
        }
      }
      MergeOptions options;
      options.level = level;
      options.shard = level;
      options.memory_bytes_max = std::array<uint64_t, 3>{64 << 10, 1 << 20, 256 << 20}[world.Below(3)];
      options.block_bytes_max = std::array<uint64_t, 3>{500, 8 << 10, 64 << 20}[world.Below(3)];
      options.hour_rollups = level >= 3 || world.Below(3) == 0;
      options.day_rollups = level >= 4 || world.Below(3) == 0;
      KeepingHost host;
      host.world = &world;
      Ulid bad;
      const auto figures = MergeBlocks(options, world.store, inputs, host, &bad);
      ASSERT_TRUE(figures.ok()) << figures.status().ToString();
      std::vector<SeenRow> got;
      uint64_t profiles = 0;
      for (const BlockMeta& meta : host.Metas()) {
        CheckForm(world, options, meta);
        for (SeenRow& row : world.Rows(meta)) got.push_back(std::move(row));
        for (const DatasetMeta& dataset : meta.datasets) profiles += dataset.profile_count;
        next.push_back(meta);
      }
      ASSERT_EQ(Texts(got), Texts(Expected(world, inputs)));
      EXPECT_EQ(figures->profiles, profiles);
      all->profiles_hidden += figures->profiles_hidden;
      all->profiles_repeated += figures->profiles_repeated;
      all->profiles_deleted += figures->profiles_deleted;
      *outputs_max = std::max(*outputs_max, host.blocks.size());
      uint64_t profiles_in = 0;
      for (const BlockMeta& input : inputs) {
        for (const DatasetMeta& dataset : input.datasets) profiles_in += dataset.profile_count;
      }
      EXPECT_EQ(profiles_in, profiles + figures->profiles_hidden + figures->profiles_repeated + figures->profiles_deleted);
      // In another order: the same bytes.
      std::vector<BlockMeta> shuffled(inputs.rbegin(), inputs.rend());
      KeepingHost again;
      ASSERT_TRUE(MergeBlocks(options, world.store, shuffled, again, &bad).ok());
      ASSERT_EQ(again.blocks.size(), host.blocks.size());
      for (size_t i = 0; i < host.blocks.size(); ++i) {
        EXPECT_EQ(again.blocks[i].meta.id, host.blocks[i].meta.id);
        EXPECT_TRUE(again.blocks[i].object == host.blocks[i].object) << "the bytes depend on the order of the inputs";
      }
    }
    blocks = std::move(next);
    // Outputs are one tenant's: so are the inputs of what comes after.
    std::stable_sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.datasets[0].tenant < b.datasets[0].tenant; });
  }
}

TEST(BlockMerge, ChangesNoAnswer) {
  MergeFigures all;
  size_t outputs_max = 0;
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    MergeAll(seed, &all, &outputs_max);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  // The test has met what it is about.
  EXPECT_GT(all.profiles_hidden, 10u);
  EXPECT_GT(all.profiles_repeated, 10u);
  EXPECT_GT(all.profiles_deleted, 10u);
  EXPECT_GT(outputs_max, 20u) << "services in several ranges of time";
}

// Profiles like those of life: many samples of few services.
ProfileBatch LargeBatch(World& world, uint32_t service, uint32_t nodes, uint32_t samples) {
  ProfileBatch b;
  b.tenant = "t";
  b.service = "s" + std::to_string(service);
  SymbolTable& t = b.symbols;
  for (uint32_t f = 0; f < 200; ++f) {
    const uint32_t name = t.strings.Add("f" + std::to_string(f));
    t.functions.push_back({name, name, 0, 0});
    t.lines.push_back({f, static_cast<int64_t>(f)});
    t.locations.push_back({0, 0, f, 1, false});
  }
  // The tree of the service is the same in all its profiles.
  std::mt19937_64 engine(service);
  for (uint32_t n = 1; n < nodes; ++n) {
    t.stacks.push_back({static_cast<uint32_t>(engine() % n), static_cast<uint32_t>(engine() % 200)});
  }
  b.series = {Labels({{"__profile_type__", "cpu"}, {"service_name", b.service}, {"pod", std::to_string(world.Below(5))}})};
  b.profiles = {{{world.Below(UINT64_MAX), 1}, kWorldStartNs + static_cast<int64_t>(world.Below(3600)) * 2'000'000'000, 10, 1}};
  ProfileBatch::Row row{0, 0, 0, samples, 0};
  std::set<uint32_t> stacks;
  while (stacks.size() < samples) stacks.insert(1 + static_cast<uint32_t>(world.Below(nodes - 1)));
  for (uint32_t stack : stacks) {
    b.stacks.push_back(stack);
    b.values.push_back(static_cast<int64_t>(world.Below(1 << 30)));
    row.total += b.values.back();
  }
  b.rows = {row};
  return b;
}

// Inputs of many times the budget: what is accounted stays within it, and the answer is the same.
TEST(BlockMerge, StaysWithinItsMemory) {
  World world(3);
  std::vector<BlockMeta> segments;
  uint64_t samples = 0;
  for (int s = 0; s < 12; ++s) {
    std::vector<ProfileBatch> batches;
    for (uint32_t i = 0; i < 40; ++i) {
      batches.push_back(LargeBatch(world, i % 3, 4'000, 1'000));
      samples += 1'000;
    }
    segments.push_back(world.Segment(std::move(batches)));
  }
  uint64_t bytes = 0;
  for (const BlockMeta& segment : segments) bytes += segment.size;
  MergeOptions options;
  options.hour_rollups = options.day_rollups = true;
  options.memory_bytes_max = 1 << 20;
  EXPECT_GT(bytes, 2 * options.memory_bytes_max);
  EXPECT_GT(samples * 12, 5 * options.memory_bytes_max) << "decoded they would not fit";
  KeepingHost small;
  small.world = &world;
  Ulid bad;
  const auto figures = MergeBlocks(options, world.store, segments, small, &bad);
  ASSERT_TRUE(figures.ok()) << figures.status().ToString();
  EXPECT_LE(figures->memory_bytes_peak, options.memory_bytes_max);
  EXPECT_GT(figures->memory_bytes_peak, options.memory_bytes_max / 8) << "nothing was accounted";
  EXPECT_GT(small.blocks.size(), 3u);
  std::vector<SeenRow> got;
  for (const BlockMeta& meta : small.Metas()) {
    for (SeenRow& row : world.Rows(meta)) got.push_back(std::move(row));
  }
  EXPECT_EQ(Texts(got), Texts(Expected(world, segments)));
  // With room for all of it: fewer blocks, the same rows.
  options.memory_bytes_max = 256 << 20;
  KeepingHost large;
  ASSERT_TRUE(MergeBlocks(options, world.store, segments, large, &bad).ok());
  EXPECT_EQ(large.blocks.size(), 1u);
}

std::vector<BlockMeta> SomeSegments(World& world, int count) {
  std::vector<BlockMeta> segments;
  for (int i = 0; i < count; ++i) segments.push_back(world.RandomSegment(10));
  return segments;
}

TEST(BlockMerge, NamesTheInputThatIsMissing) {
  World world(4);
  const std::vector<BlockMeta> segments = SomeSegments(world, 4);
  ASSERT_TRUE(world.store.Delete(segments[2].ObjectKey()).ok());
  KeepingHost host;
  Ulid bad;
  const auto figures = MergeBlocks({}, world.store, segments, host, &bad);
  EXPECT_EQ(figures.status().code(), Code::kNotFound);
  EXPECT_EQ(bad, segments[2].id);
  EXPECT_NE(figures.status().message().find(segments[2].ObjectKey()), std::string::npos) << figures.status().ToString();
}

void DamageEach(World& world, const MergeOptions& options, const std::vector<BlockMeta>& inputs, int* damaged) {
  Ulid bad;
  for (const BlockMeta& input : inputs) {
    const std::string object = *world.store.Get(input.ObjectKey());
    std::vector<SectionRef> sections;
    for (const TenantSymbols& symbols : input.symbols) sections.push_back(symbols.section);
    for (const DatasetMeta& dataset : input.datasets) {
      if (dataset.sample_count == 0) continue;  // nobody needs its samples
      for (const SectionRef& section : dataset.sections) {
        // Roll-ups are made anew, not read.
        if (section.kind <= SectionKind::kSampleChunk && section.raw_size > 0) sections.push_back(section);
      }
    }
    for (const SectionRef& section : sections) {
      std::string hostile = object;
      hostile[section.offset + section.size / 2] ^= 4;
      ASSERT_TRUE(world.store.Put(input.ObjectKey(), {AsBytes(hostile)}).ok());
      KeepingHost host;
      bad = Ulid{};
      const auto figures = MergeBlocks(options, world.store, inputs, host, &bad);
      EXPECT_EQ(figures.status().code(), Code::kCorruption) << "kind " << static_cast<int>(section.kind);
      EXPECT_EQ(bad, input.id);
      ++*damaged;
    }
    ASSERT_TRUE(world.store.Put(input.ObjectKey(), {AsBytes(object.substr(0, object.size() / 2))}).ok());
    KeepingHost host;
    EXPECT_EQ(MergeBlocks(options, world.store, inputs, host, &bad).status().code(), Code::kCorruption);
    ASSERT_TRUE(world.store.Put(input.ObjectKey(), {AsBytes(object)}).ok());
  }
}

// Every section of every input damaged in turn, at two levels: the input is named.
TEST(BlockMerge, NamesTheInputThatIsDamaged) {
  World world(5);
  std::vector<BlockMeta> inputs;
  for (int i = 0; i < 2; ++i) {
    std::vector<ProfileBatch> batches;
    for (int b = 0; b < 25; ++b) batches.push_back(world.Batch());
    inputs.push_back(world.Segment(std::move(batches)));
  }
  MergeOptions options;
  options.hour_rollups = options.day_rollups = true;
  KeepingHost compacted;
  compacted.world = &world;
  Ulid bad;
  ASSERT_TRUE(MergeBlocks(options, world.store, inputs, compacted, &bad).ok());
  int damaged = 0;
  for (const std::vector<BlockMeta>& group : {inputs, compacted.Metas()}) DamageEach(world, options, group, &damaged);
  EXPECT_GT(damaged, 60);
}

TEST(BlockMerge, StopsWhenNobodyWantsIt) {
  World world(6);
  const std::vector<BlockMeta> segments = SomeSegments(world, 3);
  KeepingHost host;
  host.stop_after = 2;
  Ulid bad;
  EXPECT_EQ(MergeBlocks({}, world.store, segments, host, &bad).status().code(), Code::kCancelled);
  EXPECT_EQ(host.asked, 3);
}

TEST(BlockMerge, MetadataIsBounded) {
  World world(7);
  const std::vector<BlockMeta> segments = SomeSegments(world, 4);
  MergeOptions options;
  KeepingHost all;
  Ulid bad;
  ASSERT_TRUE(MergeBlocks(options, world.store, segments, all, &bad).ok());
  uint64_t listed = 0;
  for (const BlockMeta& meta : all.Metas()) {
    for (const DatasetMeta& d : meta.datasets) listed += d.lists_label_sets;
  }
  EXPECT_EQ(listed, 12u);
  uint64_t bare_bytes = 0;
  for (BlockMeta meta : all.Metas()) {
    for (DatasetMeta& d : meta.datasets) {
      d.lists_label_sets = false;
      d.label_sets.clear();
    }
    bare_bytes += codec::EncodeBlockMeta(meta).size();
  }
  options.metadata_bytes_max = bare_bytes + 50;
  KeepingHost some;
  const auto tight = MergeBlocks(options, world.store, segments, some, &bad);
  ASSERT_TRUE(tight.ok()) << tight.status().ToString();
  uint64_t fewer = 0;
  for (const BlockMeta& meta : some.Metas()) {
    for (const DatasetMeta& d : meta.datasets) fewer += d.lists_label_sets;
  }
  EXPECT_LT(fewer, listed);
  options.metadata_bytes_max = 500;
  KeepingHost none;
  const auto refused = MergeBlocks(options, world.store, segments, none, &bad);
  EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.status().reason(), "metadata_limit");
}

TEST(BlockMerge, NothingIsLeft) {
  World world(8);
  std::vector<BlockMeta> segments = SomeSegments(world, 2);
  for (BlockMeta& segment : segments) {
    for (int t = 0; t < 3; ++t) segment.deletions.push_back({"tenant" + std::to_string(t), "", "", 0, INT64_MAX});
  }
  KeepingHost host;
  Ulid bad;
  const auto figures = MergeBlocks({}, world.store, segments, host, &bad);
  ASSERT_TRUE(figures.ok());
  EXPECT_TRUE(host.blocks.empty());
  EXPECT_EQ(figures->profiles, 0u);
  EXPECT_GT(figures->profiles_deleted, 20u);
}

// Two profiles without identity, at one time, in one series, with equal samples: both count. A host's error ends the merge.
TEST(BlockMerge, ProfilesWithoutIdentityAllCount) {
  World world(9);
  ProfileBatch batch = LargeBatch(world, 1, 50, 10);
  batch.profiles[0].identity = {};
  const std::vector<BlockMeta> segments = {world.Segment({batch, batch}), world.Segment({batch})};
  KeepingHost host;
  host.world = &world;
  Ulid bad;
  ASSERT_TRUE(MergeBlocks({}, world.store, segments, host, &bad).ok());
  ASSERT_EQ(host.blocks.size(), 1u);
  EXPECT_EQ(world.Rows(host.blocks[0].meta).size(), 3u);
  struct Refusing : MergeHost {
    Status Put(BuiltBlock) override { return Unavailable("no"); }
  } refusing;
  EXPECT_EQ(MergeBlocks({}, world.store, segments, refusing, &bad).status().code(), Code::kUnavailable);
}

TEST(BlockMerge, TheIdSaysWhatWasMerged) {
  World world(10);
  std::vector<BlockMeta> segments = SomeSegments(world, 3);
  const MergeOptions options;
  const Ulid id = MergeOutputId(options, segments, "t", 0);
  EXPECT_EQ(id.TimeMs(), segments.back().id.TimeMs());
  EXPECT_EQ(MergeOutputId(options, {segments[2], segments[0], segments[1]}, "t", 0), id);
  std::set<Ulid> ids = {id, MergeOutputId(options, segments, "t", 1), MergeOutputId(options, segments, "u", 0),
                        MergeOutputId(options, {segments[0], segments[2]}, "t", 0)};
  MergeOptions other = options;
  other.level = 2;
  ids.insert(MergeOutputId(other, segments, "t", 0));
  segments[0].datasets[0].hidden_profiles = {1};
  ids.insert(MergeOutputId(options, segments, "t", 0));
  segments[1].deletions.push_back({"t", "s", "{}", 1, 2});
  ids.insert(MergeOutputId(options, segments, "t", 0));
  EXPECT_EQ(ids.size(), 7u);
}

}  // namespace
}  // namespace brazier::block
