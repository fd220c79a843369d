#include "store/index/lifecycle_entries.h"

#include <functional>
#include <map>

#include "store/index/index_keys.h"
#include "store/index/overlay_reader.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

const Ulid kId{{1, 2}};
const std::string kIdText("\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", 16);
const Job kJob = {.id = 9,
                  .token = 77,
                  .queue = {1, 258, "t"},
                  .output_level = 2,
                  .inputs = {kId},
                  .worker = "w",
                  .started_ns = 5,
                  .attempts = 3};
const Deletion kDeletion = {.id = kId,
                            .filter = {.tenant = "t", .service = "s", .selector = "{}", .start_ns = 1, .end_ns = 2},
                            .created_ns = 3,
                            .blocks = 6,
                            .blocks_to_rewrite = 1,
                            .objects_to_delete = 4,
                            .confirmed_ns = 0};

TEST(LifecycleEntriesTest, GoldenKeys) {
  EXPECT_EQ(SettingsKey(), "ic");
  EXPECT_EQ(NewestJobKey(), "in");
  EXPECT_EQ(ExpiryKey("t", 5, kId), std::string("iet\0\x01\x80\0\0\0\0\0\0\x05", 13) + kIdText);
  EXPECT_EQ(FailureKey(kId), "if" + kIdText);
  EXPECT_EQ(DeletionsOfBlockKey(kId), "ih" + kIdText);
  EXPECT_EQ(JobKey(9), std::string("ij\0\0\0\0\0\0\0\x09", 10));
  EXPECT_EQ(JobOfBlockKey(kId), "ik" + kIdText);
  EXPECT_EQ(DeletionKey(kId), "im\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFD");
  EXPECT_EQ(ParseDeletionId(DeletionKey(kId).substr(2)), kId);
  EXPECT_EQ(BlockOfDeletionKey(kId, Ulid{{3, 4}}), "ip" + kIdText + std::string("\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04", 16));
  EXPECT_EQ(PendingDeletionKey("t", kId), std::string("ixt\0\x01", 5) + kIdText);
  EXPECT_EQ(QuarantineKey(kId), "iz" + kIdText);
}

TEST(LifecycleEntriesTest, GoldenValues) {
  EXPECT_EQ(EncodeMark(), "\x91\x01");
  EXPECT_EQ(EncodeJob(kJob), "\x9A\x01\x4D\x01\xCD\x01\x02\xA1t\x02\xC4\x10" + kIdText + "\xA1w\x05\x03");
  EXPECT_EQ(EncodeJobOfBlock({9, {kId, 300, 10, 20}}), "\x95\x01\x09\xCD\x01\x2C\x0A\x14");
  EXPECT_EQ(EncodeFailure({kId, 2, 5, "x"}), "\x94\x01\x02\x05\xA1x");
  EXPECT_EQ(EncodeQuarantine({kId, 5, "x"}), "\x93\x01\x05\xA1x");
  EXPECT_EQ(EncodeExpiry(300), "\x92\x01\xCD\x01\x2C");
  EXPECT_EQ(EncodeDeletion(kDeletion), std::string("\x9B\x01\xA1t\xA1s\xA2{}\x01\x02\x03\x06\x01\x04\0", 16));
  EXPECT_EQ(EncodeNotedDeletions({{kId, 7}}), "\x92\x01\xC4\x18" + kIdText + std::string("\0\0\0\0\0\0\0\x07", 8));
  EXPECT_EQ(EncodeSettings(true), "\x92\x01\xC3");
  EXPECT_EQ(EncodeJobNumber(9), std::string("\0\0\0\0\0\0\0\x09", 8));
}

TEST(LifecycleEntriesTest, RoundTrip) {
  EXPECT_EQ(*DecodeJob(9, EncodeJob(kJob)), kJob);
  const JobOfBlock place{9, {kId, 300, 10, 20}};
  EXPECT_EQ(DecodeJobOfBlock(kId, EncodeJobOfBlock(place))->job, 9u);
  EXPECT_EQ(DecodeJobOfBlock(kId, EncodeJobOfBlock(place))->block, place.block);
  EXPECT_EQ(*DecodeFailure(kId, EncodeFailure({kId, 2, 5, "x"})), (FailedBlock{kId, 2, 5, "x"}));
  EXPECT_EQ(*DecodeQuarantine(kId, EncodeQuarantine({kId, 5, "x"})), (QuarantinedBlock{kId, 5, "x"}));
  EXPECT_EQ(*DecodeExpiry(EncodeExpiry(300)), 300u);
  EXPECT_EQ(*DecodeDeletion(kId, EncodeDeletion(kDeletion)), kDeletion);
  const std::vector<NotedDeletion> noted = {{kId, 7}, {Ulid{{3, 4}}, UINT64_MAX}};
  EXPECT_EQ(*DecodeNotedDeletions(EncodeNotedDeletions(noted)), noted);
  EXPECT_TRUE(*DecodeSettings(EncodeSettings(true)));
  EXPECT_FALSE(*DecodeSettings(EncodeSettings(false)));
  EXPECT_EQ(*DecodeJobNumber(EncodeJobNumber(9)), 9u);
}

TEST(LifecycleEntriesTest, DamageIsCorruption) {
  const std::vector<std::pair<std::string, std::function<Status(std::string_view)>>> cases = {
      {EncodeJob(kJob), [](auto v) { return DecodeJob(9, v).status(); }},
      {EncodeJobOfBlock({9, {kId, 300, 10, 20}}), [](auto v) { return DecodeJobOfBlock(kId, v).status(); }},
      {EncodeFailure({kId, 2, 5, "x"}), [](auto v) { return DecodeFailure(kId, v).status(); }},
      {EncodeQuarantine({kId, 5, "x"}), [](auto v) { return DecodeQuarantine(kId, v).status(); }},
      {EncodeExpiry(300), [](auto v) { return DecodeExpiry(v).status(); }},
      {EncodeDeletion(kDeletion), [](auto v) { return DecodeDeletion(kId, v).status(); }},
      {EncodeNotedDeletions({{kId, 7}}), [](auto v) { return DecodeNotedDeletions(v).status(); }},
      {EncodeSettings(true), [](auto v) { return DecodeSettings(v).status(); }},
  };
  std::mt19937_64 rng(4);
  for (const auto& [value, decode] : cases) {
    ASSERT_TRUE(decode(value).ok());
    for (size_t n = 0; n < value.size(); ++n) {
      ASSERT_EQ(decode(std::string_view(value).substr(0, n)).code(), Code::kCorruption) << n;
    }
    for (int i = 0; i < 1000; ++i) {
      std::string bad = value;
      bad[rng() % bad.size()] ^= static_cast<char>(1u << rng() % 8);
      const Status status = decode(bad);
      ASSERT_TRUE(status.ok() || status.code() == Code::kCorruption);
    }
    std::string later = value;
    later[1] = 2;  // the version
    EXPECT_EQ(decode(later).code(), Code::kCorruption);
  }
  EXPECT_EQ(DecodeJobNumber("short").status().code(), Code::kCorruption);
}

// Random stores and overlays against a map that has both.
TEST(OverlayReaderTest, IsTheStoreWithTheWritesOverIt) {
  std::mt19937_64 rng(11);
  for (int round = 0; round < 300; ++round) {
    const auto store = kv::MakeMemoryKeyValueStore();
    Overlay overlay;
    std::map<std::string, std::string> all;
    const auto key = [&] { return std::string(1, static_cast<char>('a' + rng() % 12)); };
    kv::WriteBatch batch;
    for (int i = 0; i < 8; ++i) {
      const std::string k = key();
      all[k] = "stored" + std::to_string(i);
      batch.Put(kv::Family::kState, k, all[k]);
    }
    ASSERT_TRUE(store->Write(batch, false).ok());
    for (uint64_t n = rng() % 8; n > 0; --n) {
      const std::string k = key();
      if (rng() % 2 == 0) {
        overlay[k] = {1, std::nullopt};
        all.erase(k);
      } else {
        overlay[k] = {1, "pending" + std::to_string(n)};
        all[k] = *overlay[k].value;
      }
    }
    const OverlayReader reader(*store, overlay);
    for (char c = 'a'; c < 'm'; ++c) {
      const auto value = reader.Get(kv::Family::kState, std::string(1, c));
      const auto want = all.find(std::string(1, c));
      ASSERT_EQ(value.ok(), want != all.end());
      ASSERT_EQ(value.status().code(), want != all.end() ? Code::kOk : Code::kNotFound);
      ASSERT_EQ(value.ok() ? *value : "", want != all.end() ? want->second : "");
    }
    const std::string begin = key(), end = rng() % 3 == 0 ? "" : key();
    const size_t limit = rng() % 6;
    std::vector<std::pair<std::string, std::string>> got, want;
    ASSERT_TRUE(reader.Scan(kv::Family::kState, begin, end, [&](std::string_view k, std::string_view v) {
      got.emplace_back(k, v);
      return got.size() <= limit;
    }).ok());
    for (auto it = all.lower_bound(begin); it != all.end() && (end.empty() || it->first < end) && want.size() <= limit; ++it) {
      want.emplace_back(*it);
    }
    ASSERT_EQ(got, want) << round;
  }
}

}  // namespace
}  // namespace brazier::index
