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
  entry.dataset = MakeDataset("", "", 10, 400, {});
  entry.dataset.profile_count = 9;
  entry.dataset.hidden_profiles = {1, 8};
  return entry;
}

TEST(IndexEntriesTest, DatasetRoundTrip) {
  DatasetEntry entry = MakeEntry();
  for (bool shared : {true, false}) {
    if (!shared) entry.shared_symbols.reset();
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
    EXPECT_EQ(*DecodeDatasetEntryMaxTime(value), 400);
  }
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
    later[1] = 2;  // the version
    EXPECT_EQ(decode(later).code(), Code::kCorruption);
  }
}

}  // namespace
}  // namespace brazier::index
