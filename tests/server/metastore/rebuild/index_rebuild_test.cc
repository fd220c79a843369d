#include "server/metastore/rebuild/index_rebuild.h"

#include "store/index/block_queue.h"
#include "tests/server/metastore/rebuild/bucket.h"

namespace brazier::metastore {
namespace {

using namespace testing;

class IndexRebuildTest : public ::testing::Test {
 protected:
  // Six objects of three shards and two tenants, with repeats inside and outside the window of ten minutes.
  void FillBucket() {
    bucket_.Put(MakeObject(3000, 1, {{"t", "a", 1}, {"t", "b", 2}, {"u", "a", 3}}, 2));
    bucket_.Put(MakeObject(2990, 2, {{"t", "a", 1}, {"t", "a", 4}}, 10));        // 1 repeats
    bucket_.Put(MakeObject(2400, 3, {{"t", "a", 4}, {"t", "c", 0}}, 1));         // 590 s later: 4 repeats
    bucket_.Put(MakeObject(1700, 4, {{"t", "a", 1}, {"t", "a", 4}}, 2));         // forgotten: new
    bucket_.Put(MakeObject(10, 5, {{"u", "z", 9}, {"u", "z", 9}}, 2));           // repeats in one object
    bucket_.Put(MakeObject(5, 6, {{"u", "z", 9}, {"u", "z", 10}}, 1, 1));        // a compacted block
  }
  RebuildReport Rebuild(const kv::Reader* known = nullptr) {
    RebuildReport report;
    const Status status = RebuildIndex(bucket_.store, rebuilt_.metastore(), clock_, known, {.readers = 3},
                                       [&](const WalkProgress& p) { progress_.push_back(p); }, &report);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return report;
  }
  BucketUnderTest bucket_;
  BlockClock clock_{bucket_.now};
  MetastoreUnderTest rebuilt_{clock_};
  std::vector<WalkProgress> progress_;
};

TEST_F(IndexRebuildTest, TheDumpIsThatOfTheLostIndex) {
  FillBucket();
  const RebuildReport report = Rebuild();
  EXPECT_EQ(report.left_out.count(), 0u) << TextOf(report.left_out);
  EXPECT_EQ(report.objects_found, 6u);
  EXPECT_EQ(report.objects_read, 6u);
  EXPECT_EQ(report.blocks_added, 6u);
  EXPECT_EQ(report.blocks_known, 0u);
  EXPECT_EQ(report.profiles, 13u);
  EXPECT_EQ(report.profiles_hidden, 4u);
  EXPECT_EQ(rebuilt_.Dump(), bucket_.metastore.Dump());
  // Segments and compacted blocks are where compaction looks for them.
  size_t segments = 0, compacted = 0;
  const auto queues = index::ListQueues(rebuilt_.store(), std::nullopt, 100);
  ASSERT_TRUE(queues.ok()) << queues.status().ToString();
  for (const index::QueueName& queue : *queues) {
    const auto blocks = index::ListQueuedBlocks(rebuilt_.store(), queue, std::nullopt, 100);
    ASSERT_TRUE(blocks.ok()) << blocks.status().ToString();
    (queue.level == 0 ? segments : compacted) += blocks->size();
  }
  EXPECT_EQ(segments, 5u);
  EXPECT_EQ(compacted, 1u);
  EXPECT_EQ(queues->back().tenant, "u");
  ASSERT_EQ(progress_.size(), 6u);
  EXPECT_EQ(progress_.back().objects_done, 6u);
  EXPECT_EQ(progress_.back().objects_found, 6u);
  EXPECT_EQ(progress_.back().bytes_done, progress_.back().bytes_found);
  EXPECT_GT(progress_.back().bytes_found, progress_.front().bytes_done);
}

TEST_F(IndexRebuildTest, OnlyTheWindowKnowsWhenBlocksWereRegistered) {
  const auto first = MakeObject(100, 1, {{"t", "a", 1}});
  const auto second = MakeObject(90, 2, {{"t", "a", 1}});
  for (const auto& built : {first, second}) {
    bucket_.PutObject(built.meta.ObjectKey(), built.object);
    Ulid later = built.meta.id;
    later.bits.high += uint64_t{3000} << 16;
    bucket_.clock.SetTo(later);
    bucket_.metastore.Add(built.meta);
  }
  EXPECT_EQ(Rebuild().profiles_hidden, 1u);
  EXPECT_EQ(rebuilt_.Dump(false), bucket_.metastore.Dump(false));
  EXPECT_NE(rebuilt_.Dump(true), bucket_.metastore.Dump(true));
}

TEST_F(IndexRebuildTest, ARebuildMayBeRepeatedAndContinued) {
  FillBucket();
  // Stopped after two blocks: the third proposal fails.
  rebuilt_.consensus().fail_at = 3;
  RebuildReport report;
  const Status status = RebuildIndex(bucket_.store, rebuilt_.metastore(), clock_, nullptr, {.readers = 1}, {}, &report);
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_EQ(report.blocks_added, 2u);
  EXPECT_LT(rebuilt_.consensus().commands.size(), 6u) << "goes on after the metastore failed";

  report = Rebuild(rebuilt_.store().Snapshot().get());
  EXPECT_EQ(report.blocks_known, 2u);
  EXPECT_EQ(report.objects_read, 4u);
  EXPECT_EQ(report.blocks_added, 4u);
  EXPECT_EQ(rebuilt_.Dump(), bucket_.metastore.Dump());
  // Without a view of what is known every object is read and added, which changes nothing.
  report = Rebuild();
  EXPECT_EQ(report.objects_read, 6u);
  EXPECT_EQ(report.blocks_known, 6u);
  EXPECT_EQ(report.blocks_added, 0u);
  EXPECT_EQ(report.profiles, 0u);
  EXPECT_EQ(rebuilt_.Dump(), bucket_.metastore.Dump());
}

TEST_F(IndexRebuildTest, WhatIsDamagedOrForeignIsNamedAndLeftOut) {
  FillBucket();
  const std::string before = bucket_.metastore.Dump();
  const auto damaged = [&](uint64_t n, size_t from_end) {
    const auto built = MakeObject(50, n, {{"t", "bad", n}});
    std::string bytes = built.object;
    bytes[from_end == 0 ? bytes.size() - 1 : bytes.size() - from_end] ^= 1;
    bucket_.PutObject(built.meta.ObjectKey(), bytes);
    return built.meta;
  };
  damaged(21, 1);    // the magic
  damaged(22, 30);   // the footer
  const auto good = MakeObject(50, 23, {{"t", "bad", 23}});
  // One byte in the rows section.
  std::string bytes = good.object;
  for (const SectionRef& section : good.meta.datasets[0].sections) {
    if (section.kind == SectionKind::kRows) bytes[section.offset + section.size - 1] ^= 1;
  }
  bucket_.PutObject(good.meta.ObjectKey(), bytes);
  bucket_.PutObject("segments/7/" + good.meta.id.ToString() + ".brz", good.object);  // moved
  bucket_.PutObject("segments/1/00000000000000000000000000.brz", "");
  bucket_.PutObject("segments/1/README.txt", "hello");
  bucket_.PutObject("segments/" + good.meta.id.ToString() + ".brz", good.object);
  bucket_.PutObject("blocks/1/" + good.meta.id.ToString() + ".brz", good.object);
  bucket_.PutObject("segments/x/" + good.meta.id.ToString() + ".brz", good.object);
  bucket_.PutObject("elsewhere/not-ours", "nobody looks here");

  const RebuildReport report = Rebuild();
  const std::string text = TextOf(report.left_out);
  EXPECT_EQ(report.left_out.count(), 9u) << text;
  EXPECT_EQ(report.blocks_added, 6u);
  EXPECT_EQ(rebuilt_.Dump(), before);
  for (const char* part : {"the magic is wrong", "the footer's checksum is wrong", "its footer says that it is segments/1/",
                           "0 bytes are too few", "README.txt: foreign", "segments/x/"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  EXPECT_NE(text.find(good.meta.ObjectKey() + ": data_loss"), std::string::npos) << text;
}

TEST_F(IndexRebuildTest, ABlockOfTheFutureDoesNotKeepTheWindowThere) {
  bucket_.Put(MakeObject(-10'000'000, 1, {{"t", "a", 1}}));
  EXPECT_EQ(Rebuild().blocks_added, 1u);
  std::string window_time;
  ASSERT_TRUE(rebuilt_.store().Scan(kv::Family::kState, "iw", "ix", [&](std::string_view key, std::string_view) {
                        window_time = key.substr(2, 8);
                        return true;
                      }).ok());
  std::string now;
  for (int shift = 56; shift >= 0; shift -= 8) {
    now.push_back(static_cast<char>((static_cast<uint64_t>(kTestNowNs) ^ (uint64_t{1} << 63)) >> shift));
  }
  EXPECT_EQ(window_time, now);
}

TEST_F(IndexRebuildTest, AnEmptyBucketIsAnEmptyIndex) {
  const RebuildReport report = Rebuild();
  EXPECT_EQ(report.objects_found, 0u);
  EXPECT_EQ(report.left_out.count(), 0u);
  EXPECT_EQ(rebuilt_.Dump(), "");
}

}  // namespace
}  // namespace brazier::metastore
