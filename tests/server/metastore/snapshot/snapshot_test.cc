// Snapshots of an index in a bucket: their bytes, writing, loading, damage, schedule, pruning.
#include <gtest/gtest.h>

#include "common/base/crc32c.h"
#include "server/metastore/snapshot/snapshot_keeper.h"
#include "server/metastore/snapshot/snapshot_store.h"
#include "store/consensus/group_founding.h"
#include "store/consensus/raft_records.h"
#include "store/object/memory_object_store.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using brazier::testing::FakeClock;
using brazier::testing::kTestNowNs;
using kv::Family;

constexpr SnapshotName kName{.group_id = 0xabcdef, .index = 42, .time_ms = 1'700'000'000'000};

TEST(SnapshotFormatTest, KeysAreInOrderAndParse) {
  EXPECT_EQ(kName.PartKey(7), "metastore/snapshots/0000000000abcdef/00000000000000000042-01700000000000/part-000007");
  std::string_view file;
  const std::string manifest = kName.ManifestKey(), folder = kName.Folder();
  EXPECT_EQ(ParseSnapshotKey(manifest, &file), kName);
  EXPECT_EQ(file, "manifest");
  EXPECT_EQ(ParseSnapshotKey(folder, &file), kName);
  EXPECT_EQ(file, "");
  for (std::string_view other : {"metastore/snapshots/x", "metastore/snapshots/0000000000abcdef/42-17/manifest",
                                 "segments/1/x.brz", ""}) {
    EXPECT_EQ(ParseSnapshotKey(other, &file), std::nullopt) << other;
  }
}

TEST(SnapshotFormatTest, GoldenManifest) {
  const SnapshotManifest manifest{.name = kName, .term = 3, .parts = {{.records = 2, .raw_bytes = 20, .bytes = 25, .crc = 9}}};
  std::string hex;
  for (unsigned char c : EncodeManifest(manifest)) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  EXPECT_EQ(hex, "9601ce00abcdef2acf0000018bcfe56800039194021419091f9cc00a");
  EXPECT_EQ(*DecodeManifest(EncodeManifest(manifest)), manifest);
}

TEST(SnapshotFormatTest, EveryTruncationAndBitFlipIsCorruption) {
  const std::string good = EncodeManifest({.name = kName, .term = 3, .parts = {{2, 20, 25, 9}, {1, 2, 3, 4}}});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(DecodeManifest(good.substr(0, size)).status().code(), Code::kCorruption);
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string flipped = good;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_EQ(DecodeManifest(flipped).status().code(), Code::kCorruption) << bit;
  }
}

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    EXPECT_TRUE(consensus::FoundStore(*store_, {1, 77}, {{.node_id = 1}}).ok());
    Fill(0, 100);
  }
  void Fill(int from, int to) {
    kv::WriteBatch batch;
    for (int i = from; i < to; ++i) {
      batch.Put(Family::kState, "i" + std::to_string(100'000 + i), std::string(50, static_cast<char>('a' + i % 26)));
    }
    EXPECT_TRUE(store_->Write(batch, true).ok());
  }
  static std::vector<std::pair<std::string, std::string>> Index(const kv::Reader& reader, Family family) {
    std::vector<std::pair<std::string, std::string>> all;
    EXPECT_TRUE(reader.Scan(family, std::string_view("\x01", 1), "", [&](std::string_view key, std::string_view value) {
      all.emplace_back(key, value);
      return true;
    }).ok());
    return all;
  }
  Result<contract::GroupSnapshot> Write(int64_t time_ns = kTestNowNs, size_t part_bytes = 1000) {
    return WriteSnapshot(objects_, *store_->Snapshot(), 77, time_ns, [] { return Status::Ok(); }, part_bytes);
  }
  size_t Objects() { return objects_.List("", "", 10'000)->size(); }

  object::MemoryObjectStore objects_;
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
};

TEST_F(SnapshotTest, IsLoadedAsItWas) {
  const auto written = Write();
  ASSERT_TRUE(written.ok()) << written.status().ToString();
  EXPECT_EQ(written->index, 1u);
  EXPECT_GT(Objects(), 5u);  // several parts
  const auto before = Index(*store_, Family::kState);
  Fill(100, 200);  // what comes later is not in it

  auto other = kv::MakeMemoryKeyValueStore();
  kv::WriteBatch leftover;
  leftover.Put(Family::kStaging, "i-old", "of an earlier try");
  ASSERT_TRUE(other->Write(leftover, true).ok());
  const auto name = NewestSnapshot(objects_);
  ASSERT_TRUE(name.ok());
  const auto manifest = StageSnapshot(objects_, *name, *other);
  ASSERT_TRUE(manifest.ok()) << manifest.status().ToString();
  EXPECT_EQ(manifest->term, 1u);
  EXPECT_EQ(Index(*other, Family::kStaging), before);
  // A new group begins with it.
  ASSERT_TRUE(consensus::FoundStore(*other, {5, 88}, {{.node_id = 5}}, /*state_is_staged=*/true).ok());
  EXPECT_EQ(Index(*other, Family::kState), before);
}

TEST_F(SnapshotTest, DamageIsNamed) {
  ASSERT_TRUE(Write().ok());
  const auto name = NewestSnapshot(objects_);
  auto other = kv::MakeMemoryKeyValueStore();
  const std::string part = *objects_.Get(name->PartKey(1));
  for (const std::string& bad : {part.substr(1), std::string(part.size(), 'x'), std::string()}) {
    ASSERT_TRUE(objects_.Put(name->PartKey(1), {AsBytes(bad)}).ok());
    const Status status = StageSnapshot(objects_, *name, *other).status();
    EXPECT_EQ(status.code(), Code::kCorruption);
    EXPECT_NE(status.message().find("part-000001"), std::string::npos) << status.message();
  }
  ASSERT_TRUE(objects_.Delete(name->PartKey(1)).ok());
  EXPECT_NE(StageSnapshot(objects_, *name, *other).status().message().find("missing"), std::string::npos);
  // Parts of the right sums in the wrong order.
  ASSERT_TRUE(objects_.Put(name->PartKey(1), {AsBytes(part)}).ok());
  ASSERT_TRUE(StageSnapshot(objects_, *name, *other).ok());
}

TEST_F(SnapshotTest, OneThatCannotBeFinishedLeavesNothing) {
  int parts = 0;
  const auto written = WriteSnapshot(objects_, *store_->Snapshot(), 77, kTestNowNs, [&] {
    return ++parts > 3 ? Unavailable("enough") : Status::Ok();
  }, 1000);
  EXPECT_EQ(written.status().code(), Code::kUnavailable);
  EXPECT_EQ(Objects(), 0u);
  EXPECT_EQ(NewestSnapshot(objects_).status().code(), Code::kNotFound);
}

TEST_F(SnapshotTest, PruningKeepsTheNewestWholeOnesAndWhatMayBeUnderWay) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Write(kTestNowNs + i * kNsPerSecond).ok());
  const SnapshotName other_group{.group_id = 1, .index = 1, .time_ms = 1};
  const SnapshotName remains{.group_id = 77, .index = 1, .time_ms = 5};
  const SnapshotName under_way{.group_id = 77, .index = 9, .time_ms = (kTestNowNs + 60 * kNsPerSecond) / kNsPerMs};
  for (const SnapshotName& name : {other_group, remains, under_way}) {
    ASSERT_TRUE(objects_.Put(name.PartKey(0), {AsBytes(std::string_view("x"))}).ok());
  }
  EXPECT_EQ(*PruneSnapshots(objects_, 77, 2), 4u);
  std::vector<SnapshotName> left;
  const auto stored = ListSnapshots(objects_);
  for (const StoredSnapshot& snapshot : *stored) left.push_back(snapshot.name);
  EXPECT_EQ(left.size(), 4u);
  EXPECT_EQ(left.front(), other_group);
  EXPECT_EQ(std::count(left.begin(), left.end(), remains), 0);
  EXPECT_EQ(std::count(left.begin(), left.end(), under_way), 1);
  EXPECT_EQ(NewestSnapshot(objects_)->time_ms, static_cast<uint64_t>((kTestNowNs + 4 * kNsPerSecond) / kNsPerMs));
}

TEST_F(SnapshotTest, ABucketWithDataIsNotNew) {
  EXPECT_TRUE(CheckBucketIsNew(objects_).ok());
  ASSERT_TRUE(Write().ok());
  EXPECT_EQ(CheckBucketIsNew(objects_).reason(), "bucket_not_empty");
}

TEST_F(SnapshotTest, TheLeaderKeepsTheSchedule) {
  FakeClock clock;
  MetricsRegistry registry;
  SnapshotKeeper::Standing standing{.leads = false, .group_id = 77, .applied_index = 10};
  SnapshotKeeper keeper({.interval_ns = 60 * kNsPerSecond, .kept = 2}, *store_, objects_, [&] { return standing; }, clock,
                        registry);
  const auto whole = [&] {
    size_t count = 0;
    const auto stored = ListSnapshots(objects_);
    for (const StoredSnapshot& snapshot : *stored) count += snapshot.is_whole ? 1 : 0;
    return count;
  };
  clock.Advance(1000 * kNsPerSecond);
  keeper.RunOnce();
  EXPECT_EQ(whole(), 0u) << "it does not lead";
  standing.leads = true;
  keeper.RunOnce();
  EXPECT_EQ(whole(), 0u) << "the interval begins now";
  clock.Advance(61 * kNsPerSecond);
  keeper.RunOnce();
  EXPECT_EQ(whole(), 1u);
  clock.Advance(30 * kNsPerSecond);
  keeper.RunOnce();
  EXPECT_EQ(whole(), 1u) << "too soon";
  // Another leader counts from what is in the bucket.
  SnapshotKeeper other({.interval_ns = 60 * kNsPerSecond, .kept = 2}, *store_, objects_, [&] { return standing; }, clock,
                       registry);
  other.RunOnce();
  EXPECT_EQ(whole(), 1u);
  clock.Advance(31 * kNsPerSecond);
  other.RunOnce();
  EXPECT_EQ(whole(), 2u);
  for (int i = 0; i < 5; ++i) {
    clock.Advance(61 * kNsPerSecond);
    standing.applied_index += i < 4 ? 1 : 0;
    other.RunOnce();
  }
  EXPECT_EQ(whole(), 2u) << "kept";
  const auto taken = keeper.Take({.deadline_ns = clock.MonotonicNs() + kNsPerSecond});
  EXPECT_TRUE(taken.ok());
  EXPECT_EQ(keeper.Take({.deadline_ns = clock.MonotonicNs()}).status().code(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace brazier::metastore
