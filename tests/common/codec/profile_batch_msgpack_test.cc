#include "common/codec/profile_batch_msgpack.h"

#include <gtest/gtest.h>

#include "common/codec/msgpack_io.h"
#include "tests/common/codec/hostile_bytes.h"
#include "tests/common/codec/random_values.h"

namespace brazier::codec {
namespace {

using testing::RandomValues;

void ExpectSymbolsEqual(const SymbolTable& a, const SymbolTable& b) {
  ASSERT_EQ(a.strings.size(), b.strings.size());
  for (uint32_t i = 0; i < a.strings.size(); ++i) EXPECT_EQ(a.strings.Get(i), b.strings.Get(i));
  EXPECT_EQ(a.functions, b.functions);
  EXPECT_EQ(a.mappings, b.mappings);
  EXPECT_EQ(a.lines, b.lines);
  EXPECT_EQ(a.stacks, b.stacks);
  ASSERT_EQ(a.locations.size(), b.locations.size());
  for (size_t i = 0; i < a.locations.size(); ++i) {
    EXPECT_EQ(a.locations[i].address, b.locations[i].address);
    EXPECT_EQ(a.locations[i].mapping, b.locations[i].mapping);
    EXPECT_EQ(a.locations[i].line_begin, b.locations[i].line_begin);
    EXPECT_EQ(a.locations[i].line_count, b.locations[i].line_count);
    EXPECT_EQ(a.locations[i].is_folded, b.locations[i].is_folded);
  }
}

void ExpectBatchesEqual(const ProfileBatch& a, const ProfileBatch& b) {
  EXPECT_EQ(a.tenant, b.tenant);
  EXPECT_EQ(a.service, b.service);
  ExpectSymbolsEqual(a.symbols, b.symbols);
  EXPECT_EQ(a.series, b.series);
  EXPECT_EQ(a.stacks, b.stacks);
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.span_ids, b.span_ids);
  EXPECT_EQ(a.trace_ids, b.trace_ids);
  ASSERT_EQ(a.profiles.size(), b.profiles.size());
  for (size_t i = 0; i < a.profiles.size(); ++i) {
    EXPECT_EQ(a.profiles[i].identity, b.profiles[i].identity);
    EXPECT_EQ(a.profiles[i].time_ns, b.profiles[i].time_ns);
    EXPECT_EQ(a.profiles[i].duration_ns, b.profiles[i].duration_ns);
    EXPECT_EQ(a.profiles[i].period, b.profiles[i].period);
  }
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i].series, b.rows[i].series);
    EXPECT_EQ(a.rows[i].profile, b.rows[i].profile);
    EXPECT_EQ(a.rows[i].sample_begin, b.rows[i].sample_begin);
    EXPECT_EQ(a.rows[i].sample_end, b.rows[i].sample_end);
    EXPECT_EQ(a.rows[i].total, b.rows[i].total);
  }
}

TEST(ProfileBatchMsgpack, RoundTrip) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const ProfileBatch batch = RandomValues(seed).Batch();
    ASSERT_TRUE(batch.Validate().ok());
    const std::string bytes = EncodeProfileBatch(batch);
    Result<ProfileBatch> decoded = DecodeProfileBatch(AsBytes(bytes));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    ExpectBatchesEqual(batch, *decoded);
    EXPECT_EQ(bytes, EncodeProfileBatch(*decoded));
  }
}

TEST(ProfileBatchMsgpack, EmptyBatch) {
  Result<ProfileBatch> decoded = DecodeProfileBatch(AsBytes(EncodeProfileBatch(ProfileBatch())));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->symbols.strings.size(), 1u);
  EXPECT_EQ(decoded->symbols.stacks.size(), 1u);
}

TEST(ProfileBatchMsgpack, HostileBytes) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    SCOPED_TRACE(seed);
    testing::ExpectSurvivesHostileBytes(EncodeProfileBatch(RandomValues(seed).Batch()), seed,
                                        [](Bytes b) { return DecodeProfileBatch(b).status(); });
  }
}

TEST(ProfileBatchMsgpack, RefusesWhatValidateRefuses) {
  ProfileBatch batch = RandomValues(1).Batch();
  batch.stacks.push_back(1'000'000);
  batch.values.push_back(1);
  batch.span_ids.clear();
  batch.trace_ids.clear();
  const Status status = DecodeProfileBatch(AsBytes(EncodeProfileBatch(batch))).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("stack"), std::string::npos) << status.message();
}

TEST(ProfileBatchMsgpack, NamesVersionAndLies) {
  MsgpackWriter newer;
  newer.Map(1);
  newer.Key("v");
  newer.Uint(2);
  EXPECT_NE(DecodeProfileBatch(AsBytes(newer.Take())).status().message().find("version 2"),
            std::string::npos);

  // 4 GiB claimed in a handful of bytes: refused by comparing with what is left.
  const uint8_t series_lie[] = {0x82, 0xa1, 'v', 1,    0xa6, 's',  'e',  'r',
                                'i',  'e',  's', 0xdd, 0xff, 0xff, 0xff, 0xff};
  const Status status = DecodeProfileBatch(series_lie).status();
  EXPECT_NE(status.message().find("4294967295"), std::string::npos) << status.message();
  const uint8_t column_lie[] = {0x82, 0xa1, 'v', 1,    0xa6, 's',  't',  'a',
                                'c',  'k',  's', 0xc6, 0xff, 0xff, 0xff, 0xff};
  EXPECT_FALSE(DecodeProfileBatch(column_lie).ok());
}

TEST(ProfileBatchMsgpack, SkipsKeysOfNewerWriters) {
  const std::string bytes = EncodeProfileBatch(ProfileBatch());
  ASSERT_EQ(static_cast<uint8_t>(bytes[0]), 0x8b);
  MsgpackWriter extra;
  extra.Key("later");
  extra.Array(2);
  extra.Map(1);
  extra.Str("x");
  extra.Double(0.5);
  extra.Nil();
  const std::string extended = "\x8c" + bytes.substr(1) + extra.Take();
  EXPECT_TRUE(DecodeProfileBatch(AsBytes(extended)).ok());

  // Deeper than the limit: refused, and the stack survives.
  std::string deep = "\x81\xa1x";
  deep.append(100'000, static_cast<char>(0x91));
  deep.push_back(0);
  EXPECT_NE(DecodeProfileBatch(AsBytes(deep)).status().message().find("nested"), std::string::npos);
}

}  // namespace
}  // namespace brazier::codec
