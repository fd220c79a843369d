// Batches -> object -> what a query reads: nothing is lost, nothing changes, whatever the damage.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "store/block/block_format.h"
#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "store/block/section_codec.h"
#include "store/object/memory_object_store.h"
#include "tests/store/block/block_content.h"

namespace brazier::block {
namespace {

using testing::AddBatch;
using testing::Content;
using testing::ContentOf;
using testing::RandomBatches;
using testing::ReadOf;

struct Built {
  BuiltBlock block;
  Content expected;
};

Built RandomBlock(uint64_t seed, int batches) {
  RandomBatches random(seed);
  BlockWriter writer(1 + static_cast<int>(seed % 3));
  Built built;
  for (int i = 0; i < batches; ++i) {
    ProfileBatch batch = random.Next();
    AddBatch(batch, &built.expected);
    writer.Add(std::move(batch));
  }
  built.block = writer.Build(Ulid{{seed, 7}}, 3, 0);
  return built;
}

TEST(BlockRoundTrip, RandomBatchesComeBack) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Built built = RandomBlock(seed, static_cast<int>(seed % 25));
    ASSERT_EQ(built.block.meta.size, built.block.object.size());
    const auto content = ContentOf(AsBytes(built.block.object));
    ASSERT_TRUE(content.ok()) << content.status().ToString();
    ASSERT_EQ(*content, built.expected);
    // The footer says what the writer said, but for the identities, which it does not hold.
    BlockMeta meta = built.block.meta;
    for (DatasetMeta& dataset : meta.datasets) dataset.identities.clear();
    const auto footer = DecodeFooter(AsBytes(built.block.object));
    ASSERT_TRUE(footer.ok());
    EXPECT_EQ(*footer, meta);
  }
}

TEST(BlockRoundTrip, AFooterIsFetchedByRangesAlone) {
  for (int batches : {1, 200}) {
    const Built built = RandomBlock(5, batches);
    const std::string& bytes = built.block.object;
    object::MemoryObjectStore store;
    ASSERT_TRUE(store.Put("o", {AsBytes(bytes)}).ok());
    const auto expected = DecodeFooter(AsBytes(bytes));
    const auto fetched = FetchFooter(store, "o", bytes.size(), kFooterBytesMax);
    ASSERT_TRUE(fetched.ok()) << fetched.status().ToString();
    EXPECT_EQ(*fetched, *expected);
    uint64_t footer_size = 0;
    std::memcpy(&footer_size, bytes.data() + bytes.size() - kTrailerBytes, sizeof(footer_size));
    EXPECT_TRUE(FetchFooter(store, "o", bytes.size(), footer_size).ok());
    EXPECT_EQ(FetchFooter(store, "o", bytes.size(), footer_size - 1).status().code(), Code::kCorruption);
    EXPECT_EQ(FetchFooter(store, "o", bytes.size() + 1, kFooterBytesMax).status().code(), Code::kCorruption);
    EXPECT_EQ(FetchFooter(store, "none", bytes.size(), kFooterBytesMax).status().code(), Code::kNotFound);
  }
}

TEST(BlockRoundTrip, TheMetadataDescribesTheContent) {
  const Built built = RandomBlock(99, 40);
  EXPECT_EQ(built.block.meta.shard, 3u);
  ASSERT_EQ(built.block.meta.datasets.size(), built.expected.size());
  auto expected = built.expected.begin();
  int64_t min_time = INT64_MAX;
  for (const DatasetMeta& dataset : built.block.meta.datasets) {
    EXPECT_EQ(std::pair(dataset.tenant, dataset.service), expected->first) << "sorted";
    EXPECT_EQ(dataset.identities.size(), dataset.profile_count);
    std::set<std::string> types(dataset.profile_types.begin(), dataset.profile_types.end());
    EXPECT_EQ(types.size(), dataset.profile_types.size());
    for (const auto& [key, profile] : expected->second) {
      EXPECT_TRUE(types.contains(std::string(key.first.Get(label::kProfileType))));
      EXPECT_GE(profile.time_ns, dataset.min_time_ns);
      EXPECT_LE(profile.time_ns, dataset.max_time_ns);
    }
    min_time = std::min(min_time, dataset.min_time_ns);
    ++expected;
  }
  EXPECT_EQ(built.block.meta.min_time_ns, min_time);
}

// Sections lie one after the other without gaps, so that every byte is under some checksum.
TEST(BlockRoundTrip, SectionsCoverTheObject) {
  const Built built = RandomBlock(5, 20);
  const BlockMeta& meta = built.block.meta;
  std::map<uint64_t, uint64_t> ranges;
  for (const TenantSymbols& symbols : meta.symbols) ranges[symbols.section.offset] = symbols.section.size;
  for (const DatasetMeta& dataset : meta.datasets) {
    for (const SectionRef& section : dataset.sections) ranges[section.offset] = section.size;
    EXPECT_NE(FindSection(dataset.sections, SectionKind::kRows), nullptr);
    EXPECT_NE(FindSection(dataset.sections, SectionKind::kSamples), nullptr);
    EXPECT_EQ(FindSection(dataset.sections, SectionKind::kSharedSymbols), nullptr);
  }
  EXPECT_FALSE(meta.symbols.empty()) << "the datasets share symbols";
  uint64_t at = 0;
  for (const auto& [offset, size] : ranges) {
    EXPECT_EQ(offset, at);
    at += size;
  }
  BlockMeta stored = meta;
  stored.size = at;
  EXPECT_EQ(at + EncodeTail(stored).size(), built.block.object.size());
}

TEST(BlockRoundTrip, EqualInputGivesEqualBytes) {
  EXPECT_EQ(RandomBlock(8, 15).block.object, RandomBlock(8, 15).block.object);
  EXPECT_NE(RandomBlock(8, 15).block.object, RandomBlock(9, 15).block.object);
}

TEST(BlockRoundTrip, PositionsOfBatches) {
  BlockWriter writer(1);
  RandomBatches random(4);
  std::vector<BlockWriter::Added> added;
  std::vector<ProfileBatch> batches;
  for (int i = 0; i < 20; ++i) {
    batches.push_back(random.Next());
    added.push_back(writer.Add(batches.back()));
  }
  const BuiltBlock built = writer.Build(Ulid{}, 0, 0);
  size_t profiles = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    const DatasetMeta& dataset = built.meta.datasets[writer.dataset_position(added[i].dataset)];
    EXPECT_EQ(dataset.tenant, batches[i].tenant);
    EXPECT_EQ(dataset.service, batches[i].service);
    ASSERT_EQ(added[i].profile_count, batches[i].profiles.size());
    for (uint32_t p = 0; p < added[i].profile_count; ++p) {
      EXPECT_EQ(dataset.identities[added[i].first_profile + p], batches[i].profiles[p].identity);
    }
    profiles += batches[i].profiles.size();
  }
  EXPECT_EQ(writer.profile_count(), profiles);
}

TEST(BlockRoundTrip, AnEmptyBlock) {
  BlockWriter writer(1);
  const BuiltBlock built = writer.Build(Ulid{}, 1, 0);
  const auto content = ContentOf(AsBytes(built.object));
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_TRUE(content->empty());
}

TEST(BlockRoundTrip, ExtremeValues) {
  ProfileBatch b;
  b.tenant = "t";
  b.service = "s";
  b.symbols.locations.push_back({UINT64_MAX, 0, 0, 0, true});
  b.symbols.locations.push_back({0, 0, 0, 0, false});
  b.symbols.stacks.push_back({0, 0});
  b.symbols.stacks.push_back({1, 1});
  b.series = {Labels(), Labels(std::vector<Label>{{"", ""}})};
  b.profiles = {{{0, 0}, INT64_MIN, INT64_MAX, INT64_MIN}, {{UINT64_MAX, UINT64_MAX}, INT64_MAX, INT64_MIN, INT64_MAX}};
  // The second row of each profile has values that no factor makes of the first.
  b.stacks = {0, 1, 2, 0, 1, 2, 1, 1};
  b.values = {-1, INT64_MAX, INT64_MIN, INT64_MIN, -INT64_MAX, 1, -1, INT64_MIN};
  b.rows = {{0, 0, 0, 3, INT64_MIN}, {1, 0, 3, 6, INT64_MAX}, {1, 1, 6, 7, -1}, {0, 1, 7, 8, INT64_MIN}};
  Content expected;
  AddBatch(b, &expected);
  BlockWriter writer(1);
  writer.Add(b);
  const auto content = ContentOf(AsBytes(writer.Build(Ulid{}, 0, 1).object));
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(*content, expected);
}

TEST(BlockRoundTrip, FetchReadsWhatFromObjectReads) {
  const Built built = RandomBlock(12, 30);
  object::MemoryObjectStore store;
  const BlockRead all = ReadOf(built.block.meta);
  ASSERT_TRUE(store.Put(all.object_key, {AsBytes(built.block.object)}).ok());
  const auto sections = BlockSections::Fetch(store, all, {.rows = true, .samples = true});
  ASSERT_TRUE(sections.ok()) << sections.status().ToString();
  const auto content = ContentOf(*sections, all.datasets);
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(*content, built.expected);
  uint64_t section_bytes = 0;
  for (const TenantSymbols& symbols : all.symbols) section_bytes += symbols.section.size;
  for (const DatasetMeta& dataset : all.datasets) {
    for (const SectionRef& section : dataset.sections) section_bytes += section.size;
  }
  EXPECT_EQ(sections->bytes_read(), section_bytes);

  // One dataset by itself, and its rows only.
  for (const DatasetMeta& dataset : all.datasets) {
    BlockRead one = all;
    one.datasets = {dataset};
    const auto narrow = BlockSections::Fetch(store, one, {.rows = true, .samples = true});
    ASSERT_TRUE(narrow.ok());
    const auto one_content = ContentOf(*narrow, one.datasets);
    ASSERT_TRUE(one_content.ok()) << one_content.status().ToString();
    EXPECT_EQ(one_content->begin()->second, built.expected.at({dataset.tenant, dataset.service}));
    const auto rows_only = BlockSections::Fetch(store, one, {.rows = true});
    ASSERT_TRUE(rows_only.ok());
    EXPECT_EQ(rows_only->bytes_read(), FindSection(dataset.sections, SectionKind::kRows)->size);
    EXPECT_TRUE(rows_only->Rows(0).ok());
    const auto samples = rows_only->Samples(0);
    ASSERT_FALSE(samples.ok());
    EXPECT_NE(samples.status().message().find("samples"), std::string::npos);
  }
}

TEST(BlockRoundTrip, FetchOfAMissingOrShortObjectFails) {
  const Built built = RandomBlock(13, 5);
  object::MemoryObjectStore store;
  const BlockRead read = ReadOf(built.block.meta);
  EXPECT_EQ(BlockSections::Fetch(store, read, {}).status().code(), Code::kNotFound);
  ASSERT_TRUE(store.Put(read.object_key, {AsBytes("short")}).ok());
  EXPECT_EQ(BlockSections::Fetch(store, read, {}).status().code(), Code::kCorruption);
  const auto in_memory = BlockSections::FromObject(AsBytes("short"), read, {});
  ASSERT_FALSE(in_memory.ok());
  EXPECT_NE(in_memory.status().message().find("lies outside the object"), std::string::npos);
}

TEST(BlockDamage, EveryTruncationIsRefused) {
  const std::string object = RandomBlock(21, 4).block.object;
  for (size_t size = 0; size < object.size(); ++size) {
    // An exact copy, so that a sanitizer sees a read past the end.
    const std::string cut(object.data(), size);
    const auto content = ContentOf(AsBytes(cut));
    ASSERT_FALSE(content.ok()) << "cut to " << size << " of " << object.size();
    ASSERT_EQ(content.status().code(), Code::kCorruption) << content.status().ToString();
  }
  EXPECT_FALSE(ContentOf(AsBytes(object + "x")).ok());
}

TEST(BlockDamage, EveryFlippedBitIsNoticed) {
  const Built built = RandomBlock(22, 3);
  std::string object = built.block.object;
  std::mt19937_64 engine(1);
  for (size_t at = 0; at < object.size(); ++at) {
    const auto bit = static_cast<char>(1u << (engine() % 8));
    object[at] ^= bit;
    const auto content = ContentOf(AsBytes(object));
    ASSERT_FALSE(content.ok()) << "byte " << at << " of " << object.size();
    object[at] ^= bit;
  }
  ASSERT_TRUE(ContentOf(AsBytes(object)).ok());
}

TEST(BlockDamage, ErrorsNameTheSection) {
  const Built built = RandomBlock(23, 20);
  std::vector<SectionRef> sections;
  for (const TenantSymbols& symbols : built.block.meta.symbols) sections.push_back(symbols.section);
  for (const DatasetMeta& dataset : built.block.meta.datasets) {
    sections.insert(sections.end(), dataset.sections.begin(), dataset.sections.end());
  }
  std::set<SectionKind> kinds;
  for (const SectionRef& section : sections) {
    kinds.insert(section.kind);
    std::string object = built.block.object;
    object[section.offset + section.size / 2] ^= 0x10;
    const auto content = ContentOf(AsBytes(object));
    ASSERT_FALSE(content.ok());
    EXPECT_EQ(content.status().message(), "section " + std::string(SectionName(section.kind)) + " at offset " +
                                              std::to_string(section.offset) + ": its checksum is wrong");
  }
  EXPECT_EQ(kinds.size(), 4u);
}

TEST(BlockDamage, TrailerErrorsSayWhatIsWrong) {
  const std::string good = RandomBlock(24, 2).block.object;
  const auto error_with = [&](size_t from_end, char value) {
    std::string object = good;
    object[object.size() - from_end] = value;
    return DecodeFooter(AsBytes(object)).status().message();
  };
  EXPECT_EQ(error_with(1, 'x'), "object: the magic is wrong");
  EXPECT_EQ(error_with(16, 9), "object: format version 9 is not one that this version reads (1 to 2)");
  EXPECT_EQ(error_with(16, 0), "object: format version 0 is not one that this version reads (1 to 2)");
  EXPECT_EQ(error_with(18, 1), "object: the footer size is wrong");
  EXPECT_EQ(error_with(30, 0x55), "object: the footer's checksum is wrong");
  EXPECT_NE(DecodeFooter(AsBytes(good.substr(0, 23))).status().message().find("too few"), std::string::npos);
}

}  // namespace
}  // namespace brazier::block
