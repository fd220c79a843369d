#include "store/index/index_entries.h"

#include <functional>

#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

DatasetEntry MakeEntry() {
  DatasetEntry entry;
  entry.shard = 3;
  entry.level = 2;
  entry.block_size = 70'000;
  entry.block_min_time_ns = 5;
  entry.block_max_time_ns = 500;
  entry.shared_symbols = SectionRef{SectionKind::kSharedSymbols, 1, 2, 3, 4, 5};
  entry.label_sets = {{7, 0xFFFFFFFF, 0}};
  entry.dataset = MakeDataset("", "", 10, 400, {});
  entry.dataset.profile_count = 9;
  entry.dataset.hidden_profiles = {1, 8};
  return entry;
}

TEST(IndexEntriesTest, DatasetRoundTrip) {
  DatasetEntry entry = MakeEntry();
  for (bool shared : {true, false}) {
    if (!shared) {
      entry.shared_symbols.reset();
      entry.label_sets.reset();
    }
    const std::string value = EncodeDatasetEntry(entry);
    const auto decoded = DecodeDatasetEntry(value);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded->shard, 3u);
    EXPECT_EQ(decoded->level, 2u);
    EXPECT_EQ(decoded->block_size, 70'000u);
    EXPECT_EQ(decoded->block_min_time_ns, 5);
    EXPECT_EQ(decoded->block_max_time_ns, 500);
    EXPECT_EQ(decoded->shared_symbols, entry.shared_symbols);
    EXPECT_EQ(decoded->dataset, entry.dataset);
    EXPECT_EQ(decoded->label_sets, entry.label_sets);
    const auto head = DecodeDatasetEntryHead(value);
    ASSERT_TRUE(head.ok());
    EXPECT_EQ(head->max_time_ns, 400);
    EXPECT_EQ(head->hidden, HiddenProfiles::kSome);
    EXPECT_EQ(head->lists_label_sets, shared);
    ASSERT_EQ(head->label_set_count(), shared ? 3u : 0u);
    if (shared) {
      EXPECT_EQ(head->label_set(1), 0xFFFFFFFFu);
    }
  }
}

TEST(IndexEntriesTest, TheHeadTellsWhatIsHidden) {
  DatasetEntry entry = MakeEntry();
  const auto hidden = [&] { return DecodeDatasetEntryHead(EncodeDatasetEntry(entry))->hidden; };
  entry.dataset.hidden_profiles.clear();
  EXPECT_EQ(hidden(), HiddenProfiles::kNone);
  entry.dataset.profile_count = 2;
  entry.dataset.hidden_profiles = {0};
  EXPECT_EQ(hidden(), HiddenProfiles::kSome);
  entry.dataset.hidden_profiles = {0, 1};
  EXPECT_EQ(hidden(), HiddenProfiles::kAll);
}

// MakeEntry() as the last program before label sets wrote it.
TEST(IndexEntriesTest, DatasetsOfVersion1AreRead) {
  const std::string value(
      "\x99\x01\xCD\x01\x90\x03\x02\xCE\x00\x01\x11\x70\x05\xCD\x01\xF4\x96\x01\x01\x02\x03\x04\x05\xC4\x33\x93\x01\x92\xA0"
      "\xA3\x63\x70\x75\x99\x00\x00\x0A\xCD\x01\x90\x09\x00\x91\x01\x93\x96\x02\x01\x00\x64\xCD\x01\x90\x01\x96\x03\x01\x64\x32"
      "\x5A\x02\x96\x04\x01\xCC\x96\xCD\x01\x2C\xCD\x03\xE8\x03\x92\x01\x08",
      76);
  const auto decoded = DecodeDatasetEntry(value);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  const DatasetEntry want = MakeEntry();
  EXPECT_EQ(decoded->dataset, want.dataset);
  EXPECT_EQ(decoded->shared_symbols, want.shared_symbols);
  EXPECT_EQ(decoded->block_size, want.block_size);
  EXPECT_FALSE(decoded->label_sets.has_value());
  const auto head = DecodeDatasetEntryHead(value);
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->max_time_ns, 400);
  EXPECT_FALSE(head->lists_label_sets);
  for (size_t n = 0; n < value.size(); ++n) {
    ASSERT_EQ(DecodeDatasetEntry(std::string_view(value).substr(0, n)).status().code(), Code::kCorruption) << n;
  }
}

// docs/format/index.md shows it.
TEST(IndexEntriesTest, GoldenFrontOfADatasetAndLabelSet) {
  EXPECT_EQ(EncodeDatasetEntry(MakeEntry()).substr(0, 20),
            std::string("\x9B\x02\xCD\x01\x90\x01\xC4\x0C\0\0\0\x07\xFF\xFF\xFF\xFF\0\0\0\0", 20));
  const Labels labels(std::vector<Label>{{"pod", "a"}, {"zone", ""}});
  const std::string value = EncodeLabelSet(labels);
  EXPECT_EQ(value, std::string("\x92\x01\x94\xA3pod\xA1"
                               "a\xA4zone\xA0",
                               15));
  EXPECT_EQ(*DecodeLabelSet(value), labels);
}

TEST(IndexEntriesTest, TenantAndServiceRoundTrip) {
  const auto tenant = DecodeTenantEntry(EncodeTenantEntry({1, 2, 3, 4}));
  ASSERT_TRUE(tenant.ok());
  EXPECT_EQ(tenant->oldest_ns, 1);
  EXPECT_EQ(tenant->newest_ns, 2);
  EXPECT_EQ(tenant->blocks, 3u);
  EXPECT_EQ(tenant->bytes, 4u);
  EXPECT_EQ(DecodeServiceEntry(EncodeServiceEntry({0x8001}))->duration_classes, 0x8001u);
}

TEST(IndexEntriesTest, BlockEntryKeepsNamesTimesAndHidden) {
  BlockMeta block = MakeBlock(4, {MakeDataset("t", "s", 10, 20, {1, 2})});
  block.datasets[0].hidden_profiles = {1};
  const auto decoded = DecodeBlockEntry(EncodeBlockEntry(block));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->id, block.id);
  EXPECT_EQ(decoded->size, block.size);
  ASSERT_EQ(decoded->datasets.size(), 1u);
  EXPECT_EQ(decoded->datasets[0].service, "s");
  EXPECT_EQ(decoded->datasets[0].max_time_ns, 20);
  EXPECT_EQ(decoded->datasets[0].hidden_profiles, std::vector<uint32_t>{1});
  EXPECT_TRUE(decoded->datasets[0].identities.empty());
  EXPECT_TRUE(decoded->datasets[0].sections.empty());
}

TEST(IndexEntriesTest, IdentitiesAreBigEndian) {
  std::string value;
  AppendIdentity(value, {0x0102030405060708, 9});
  EXPECT_EQ(value, std::string("\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\0\x09", 16));
  AppendIdentity(value, {1, 2});
  EXPECT_EQ(*DecodeIdentities(value),
            (std::vector<Hash128>{{0x0102030405060708, 9}, {1, 2}}));
  EXPECT_EQ(DecodeIdentities(value.substr(1)).status().code(), Code::kCorruption);
}

TEST(IndexEntriesTest, DamageIsCorruptionOrAnotherValueNeverACrash) {
  const BlockMeta block = MakeBlock(4, {MakeDataset("t", "s", 10, 20, {1, 2})});
  const std::vector<std::pair<std::string, std::function<Status(std::string_view)>>> cases = {
      {EncodeDatasetEntry(MakeEntry()), [](auto v) { return DecodeDatasetEntry(v).status(); }},
      {EncodeLabelSet(Labels(std::vector<Label>{{"pod", "a"}})), [](auto v) { return DecodeLabelSet(v).status(); }},
      {EncodeTenantEntry({1, 2, 3, 4}), [](auto v) { return DecodeTenantEntry(v).status(); }},
      {EncodeServiceEntry({3}), [](auto v) { return DecodeServiceEntry(v).status(); }},
      {EncodeBlockEntry(block), [](auto v) { return DecodeBlockEntry(v).status(); }},
  };
  std::mt19937_64 rng(2);
  for (const auto& [value, decode] : cases) {
    ASSERT_TRUE(decode(value).ok());
    for (size_t n = 0; n < value.size(); ++n) {
      ASSERT_EQ(decode(std::string_view(value).substr(0, n)).code(), Code::kCorruption) << n;
    }
    for (int i = 0; i < 2000; ++i) {
      std::string bad = value;
      bad[rng() % bad.size()] ^= static_cast<char>(1u << rng() % 8);
      const Status status = decode(bad);
      ASSERT_TRUE(status.ok() || status.code() == Code::kCorruption);
    }
    std::string later = value;
    later[1] = 3;  // the version
    EXPECT_EQ(decode(later).code(), Code::kCorruption);
  }
}

}  // namespace
}  // namespace brazier::index
