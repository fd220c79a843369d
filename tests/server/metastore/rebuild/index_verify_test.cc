#include "server/metastore/rebuild/index_verify.h"

#include "store/index/index_keys.h"
#include "tests/server/metastore/rebuild/bucket.h"

namespace brazier::metastore {
namespace {

using namespace testing;

Status VerifySnapshot(object::ObjectStore& store, const kv::Reader& reader, VerifyReport* report) {
  SnapshotIndex index(reader);
  return VerifyIndex(store, index, {.readers = 3}, {}, report);
}

class IndexVerifyTest : public ::testing::Test {
 protected:
  IndexVerifyTest() {
    for (uint64_t n = 0; n < 20; ++n) {
      blocks_.push_back(bucket_.Put(MakeObject(static_cast<int64_t>(1000 - 10 * (n / 2)), n,
                                               {{"t", "a", n / 2 + 1}, {"u", "b", n + 100}, {"u", "c", n + 200}},
                                               static_cast<uint32_t>(n % 3))));
    }
  }
  VerifyReport Verify() {
    VerifyReport report;
    const Status status = VerifySnapshot(bucket_.store, bucket_.metastore.store(), &report);
    EXPECT_TRUE(status.ok()) << status.ToString();
    // A metastore that is asked says the same.
    VerifyReport asked;
    ServerIndex server(bucket_.metastore.metastore(), bucket_.clock, kNsPerSecond);
    const Status status_asked = VerifyIndex(bucket_.store, server, {.readers = 3}, {}, &asked);
    EXPECT_TRUE(status_asked.ok()) << status_asked.ToString();
    EXPECT_EQ(asked.objects, report.objects);
    EXPECT_EQ(asked.entries, report.entries);
    EXPECT_EQ(asked.matching, report.matching);
    EXPECT_EQ(TextOf(asked.orphans), TextOf(report.orphans));
    EXPECT_EQ(TextOf(asked.missing), TextOf(report.missing));
    EXPECT_EQ(asked.mismatches.count(), report.mismatches.count());
    EXPECT_EQ(TextOf(asked.foreign), TextOf(report.foreign));
    return report;
  }
  std::string KeyOf(size_t block) const { return blocks_[block].ObjectKey(); }

  BucketUnderTest bucket_;
  std::vector<BlockMeta> blocks_;
};

TEST_F(IndexVerifyTest, WhatWasRegisteredMatches) {
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.AllWell()) << TextOf(report.mismatches);
  EXPECT_EQ(report.objects, 20u);
  EXPECT_EQ(report.entries, 20u);
  EXPECT_EQ(report.matching, 20u);
}

TEST_F(IndexVerifyTest, EachDifferenceIsNamedOnce) {
  // The first, the last, and two in a row.
  for (size_t n : {0, 7, 8, 19}) ASSERT_TRUE(bucket_.store.Delete(KeyOf(n)).ok());
  const auto orphan = MakeObject(995, 99, {{"t", "a", 1}});
  bucket_.PutObject(orphan.meta.ObjectKey(), orphan.object);
  bucket_.PutObject(KeyOf(3), bucket_.Bytes(KeyOf(3)).substr(1));  // another size
  std::string bytes = bucket_.Bytes(KeyOf(4));
  bytes[bytes.size() - 30] ^= 1;  // damaged
  bucket_.PutObject(KeyOf(4), bytes);
  bucket_.PutObject("segments/0/notes", "x");
  bucket_.PutObject("segments/9/" + blocks_[5].id.ToString() + ".brz", bucket_.Bytes(KeyOf(5)));  // a moved copy

  const VerifyReport report = Verify();
  EXPECT_FALSE(report.AllWell());
  EXPECT_EQ(report.entries, 20u);
  EXPECT_EQ(report.matching, 14u);
  EXPECT_EQ(report.missing.count(), 4u);
  for (size_t n : {0, 7, 8, 19}) {
    EXPECT_NE(TextOf(report.missing).find(KeyOf(n) + ": "), std::string::npos) << TextOf(report.missing);
  }
  EXPECT_EQ(TextOf(report.orphans), orphan.meta.ObjectKey() + ": the index does not know it\n");
  EXPECT_EQ(report.mismatches.count(), 2u) << TextOf(report.mismatches);
  EXPECT_NE(TextOf(report.mismatches).find(KeyOf(3) + ": size: "), std::string::npos) << TextOf(report.mismatches);
  EXPECT_NE(TextOf(report.mismatches).find(KeyOf(4) + ": data_loss"), std::string::npos) << TextOf(report.mismatches);
  EXPECT_EQ(report.foreign.count(), 2u) << TextOf(report.foreign);
}

TEST_F(IndexVerifyTest, AnotherObjectOfTheSameNameAndSizeIsAMismatch) {
  // The checksum of a section differs, and nothing else. Numbers of the footer are of any length: some identity gives the
  // same size.
  block::BuiltBlock built;
  for (uint64_t identity = 2; identity < 100 && built.object.size() != blocks_[0].size; ++identity) {
    built = MakeObject(1000, 0, {{"t", "a", identity}, {"u", "b", 100}, {"u", "c", 200}}, 0);
  }
  ASSERT_EQ(built.meta.ObjectKey(), KeyOf(0));
  ASSERT_EQ(built.object.size(), blocks_[0].size);
  bucket_.PutObject(KeyOf(0), built.object);
  const VerifyReport report = Verify();
  EXPECT_EQ(report.mismatches.count(), 1u);
  EXPECT_NE(TextOf(report.mismatches).find("service \"a\" differs"), std::string::npos) << TextOf(report.mismatches);
}

TEST_F(IndexVerifyTest, ADamagedEntryOfTheIndexIsAMismatch) {
  const DatasetMeta& dataset = blocks_[2].datasets[1];
  kv::WriteBatch batch;
  batch.Delete(kv::Family::kState, index::DatasetKey(dataset.tenant, dataset.service, dataset.min_time_ns,
                                                     dataset.max_time_ns, blocks_[2].id));
  batch.Put(kv::Family::kState, index::BlockKey(blocks_[6].id), "no block");
  ASSERT_TRUE(bucket_.metastore.store().Write(batch, false).ok());
  const VerifyReport report = Verify();
  EXPECT_EQ(report.mismatches.count(), 2u) << TextOf(report.mismatches);
  EXPECT_NE(TextOf(report.mismatches).find("has no entry for its dataset"), std::string::npos);
  EXPECT_EQ(report.matching, 18u);
  EXPECT_EQ(report.missing.count(), 0u);
}

TEST_F(IndexVerifyTest, NothingIsLikeNothing) {
  BucketUnderTest empty;
  VerifyReport report;
  ASSERT_TRUE(VerifySnapshot(empty.store, empty.metastore.store(), &report).ok());
  EXPECT_TRUE(report.AllWell());
  EXPECT_EQ(report.objects + report.entries, 0u);
  // All of one against nothing of the other.
  ASSERT_TRUE(VerifySnapshot(empty.store, bucket_.metastore.store(), &report).ok());
  EXPECT_EQ(report.missing.count(), 20u);
  report = {};
  ASSERT_TRUE(VerifySnapshot(bucket_.store, empty.metastore.store(), &report).ok());
  EXPECT_EQ(report.orphans.count(), 20u);
}

TEST_F(IndexVerifyTest, WhatIsTooNewIsPassedOver) {
  ASSERT_TRUE(bucket_.store.Delete(KeyOf(19)).ok());
  const auto orphan = MakeObject(905, 99, {{"t", "a", 1}});
  bucket_.PutObject(orphan.meta.ObjectKey(), orphan.object);
  // Blocks 16 and 17 were made 920 s ago, 18 and 19 910 s ago, the orphan 905 s ago.
  const auto verify = [&](int64_t age_s) {
    VerifyReport report;
    SnapshotIndex index(bucket_.metastore.store());
    EXPECT_TRUE(VerifyIndex(bucket_.store, index,
                            {.made_before_ms = (kTestNowNs - age_s * kNsPerSecond) / kNsPerMs}, {}, &report)
                    .ok());
    return report;
  };
  EXPECT_EQ(verify(904).orphans.count(), 1u);
  EXPECT_EQ(verify(905).orphans.count(), 0u);
  EXPECT_EQ(verify(905).missing.count(), 1u);
  const VerifyReport report = verify(910);
  EXPECT_TRUE(report.AllWell());
  EXPECT_EQ(report.entries, 18u);
  EXPECT_EQ(report.matching, 18u);
  EXPECT_EQ(report.recent, 4u) << "an object with its entry, an object, an entry";
}

// Fails every call after the first few.
class FailingIndex final : public IndexSource {
 public:
  FailingIndex(IndexSource& index, int calls) : index_(index), calls_(calls) {}
  Result<std::vector<Ulid>> NextIds(const std::optional<Ulid>& after) override {
    if (calls_-- <= 0) return Unavailable("gone");
    return index_.NextIds(after);
  }
  Result<BlockMeta> Block(const Ulid& id) override {
    if (calls_-- <= 0) return Unavailable("gone");
    return index_.Block(id);
  }
  bool IsGone(const Status& status) const override { return status.code() == Code::kUnavailable; }

 private:
  IndexSource& index_;
  int calls_;
};

TEST_F(IndexVerifyTest, AnIndexThatDoesNotAnswerEndsTheWalk) {
  for (int calls = 0; calls < 22; ++calls) {
    SnapshotIndex snapshot(bucket_.metastore.store());
    FailingIndex index(snapshot, calls);
    VerifyReport report;
    EXPECT_EQ(VerifyIndex(bucket_.store, index, {}, {}, &report).code(), Code::kUnavailable) << calls;
    EXPECT_EQ(report.mismatches.count(), 0u) << calls;
  }
}

}  // namespace
}  // namespace brazier::metastore
