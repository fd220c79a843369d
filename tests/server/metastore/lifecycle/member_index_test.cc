// Retention, janitor, scrub and service over the real index: a member's consensus and store behind MemberIndex.
#include "server/metastore/lifecycle/member_index.h"

#include <gtest/gtest.h>

#include <chrono>

#include "server/metastore/lifecycle/janitor.h"
#include "server/metastore/lifecycle/lifecycle_service.h"
#include "server/metastore/lifecycle/retention.h"
#include "server/metastore/lifecycle/scrub.h"
#include "tests/server/metastore/rebuild/bucket.h"

namespace brazier::metastore {
namespace {

using brazier::testing::FakeClock;
using brazier::testing::kTestNowNs;
using testing::BucketUnderTest;
using testing::MakeObject;

constexpr int64_t kDay = int64_t{24} * 3600 * kNsPerSecond;
constexpr int64_t kHour = int64_t{3600} * kNsPerSecond;

struct MemberIndexTest : ::testing::Test {
  BucketUnderTest bucket;  // its `now` is the clock here
  MetricsRegistry registry;
  LifecycleMetrics metrics{registry};
  bool has_group = true;
  MemberIndex index{[this] { return has_group ? &bucket.metastore.consensus() : nullptr; }, bucket.metastore.store(), bucket.now};
  const contract::RequestContext context{"r", INT64_MAX};

  BlockMeta Put(int64_t age_s, uint64_t n, const std::string& tenant, uint32_t level = 1, const std::string& service = "api") {
    return bucket.Put(MakeObject(age_s, n, {{tenant, service, n}}, 1, level));
  }
  size_t Objects() { return bucket.store.List("", "", 100'000)->size(); }
  bool Knows(const BlockMeta& block) { return *index.View(INT64_MAX).value()->HasBlock(block.id); }
  Status Janitor(int64_t delay_ns) {
    return metastore::Janitor({.delete_delay_ns = delay_ns, .objects_per_second = 1'000'000}, index, bucket.store, {}, bucket.now,
                              metrics, [](int64_t) { return true; })
        .RunOnce();
  }
};

TEST_F(MemberIndexTest, RetentionAndJanitorTakeABlockAway) {
  const BlockMeta old = Put(40 * 24 * 3600, 1, "red");
  const BlockMeta recent = Put(10 * 24 * 3600, 2, "red");
  const BlockMeta other = Put(40 * 24 * 3600, 3, "blue");
  const auto overrides = config::TenantOverrides::Open(
      "o", {},
      {.stamp = [](const std::string&) { return config::FileStamp(); },
       .read = [](const std::string&) { return std::string("tenants: { blue: { retention.age: 0 } }"); }});
  ASSERT_TRUE(overrides.ok());
  RetentionOptions options;
  options.policy.age_ns = 31 * kDay;
  ASSERT_TRUE(Retention(options, index, overrides->get(), {}, bucket.now, metrics).RunOnce().ok());
  EXPECT_FALSE(Knows(old));
  EXPECT_TRUE(Knows(recent) && Knows(other));
  ASSERT_TRUE(Janitor(kHour).ok());
  EXPECT_EQ(Objects(), 3u) << "not before the delay";
  bucket.now.Advance(kHour + 1);
  ASSERT_TRUE(Janitor(kHour).ok());
  EXPECT_EQ(Objects(), 2u);
  EXPECT_FALSE(index.View(INT64_MAX).value()->ReadTombstone(old.id)->has_value());
}

TEST_F(MemberIndexTest, TenantBytesAndTotalsFit) {
  std::vector<BlockMeta> blocks;
  for (uint64_t n = 0; n < 20; ++n) blocks.push_back(Put(1000 - static_cast<int64_t>(n), n + 1, "red"));
  const uint64_t each = blocks[0].size;
  RetentionOptions options;
  options.policy.bytes_max = 10 * each;
  ASSERT_TRUE(Retention(options, index, nullptr, {}, bucket.now, metrics).RunOnce().ok());
  const auto left = index.View(INT64_MAX).value()->ListBlockIds(std::nullopt, 100);
  ASSERT_TRUE(left.ok());
  // Bytes of a tenant are those of its sections, a little less than the objects'.
  EXPECT_LT(left->size(), 20u);
  EXPECT_GE(left->size(), 10u);
  EXPECT_EQ(left->front(), blocks[20 - left->size()].id) << "the oldest go";
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Retention(options, index, nullptr, {}, bucket.now, metrics).RunOnce().ok());
  EXPECT_EQ(index.View(INT64_MAX).value()->ListBlockIds(std::nullopt, 100)->size(), left->size()) << "it is within";
}

// An object that was uploaded and whose registration comes late: whoever comes first decides, and it is not half way.
TEST_F(MemberIndexTest, ACondemnedObjectCanNotBeRegistered) {
  const auto late = MakeObject(10, 7, {{"red", "api", 7}}, 1, 0);
  const auto early = MakeObject(11, 8, {{"red", "api", 8}}, 1, 0);
  Put(12, 9, "red");  // an index without any block is doubted
  for (const auto* built : {&late, &early}) bucket.PutObject(built->meta.ObjectKey(), built->object);
  Scrub scrub({.interval_ns = 0, .bytes_per_second = uint64_t{1} << 40, .orphan_age_ns = kHour}, index, bucket.store, bucket.now,
              metrics, [](int64_t) { return true; }, {});
  ASSERT_TRUE(scrub.Start(true).ok());
  scrub.RunOnce();
  EXPECT_EQ(scrub.Report().orphans, 2u);
  bucket.metastore.Add(early.meta);  // in time
  bucket.now.Advance(2 * kHour);
  scrub.RunOnce();
  EXPECT_EQ(scrub.Report().condemned, 1u);
  EXPECT_TRUE(Knows(early.meta));
  Result<contract::AddBlocksResponse> answer = Status(Code::kInternal, "no answer");
  bucket.metastore.metastore().AddBlocks(context, {{late.meta}}, [&](auto response) { answer = std::move(response); });
  EXPECT_FALSE(answer.ok()) << "its object is about to be deleted";
  EXPECT_FALSE(Knows(late.meta));
  bucket.now.Advance(2 * kHour);
  ASSERT_TRUE(Janitor(kHour).ok());
  EXPECT_EQ(Objects(), 2u);
  EXPECT_EQ(bucket.store.Head(late.meta.ObjectKey()).status().code(), Code::kNotFound);
}

TEST_F(MemberIndexTest, ScrubQuarantinesAndReleases) {
  const BlockMeta good = Put(10, 1, "red"), bad = Put(11, 2, "red");
  const std::string bytes = bucket.Bytes(bad.ObjectKey());
  std::string damaged = bytes;
  damaged[bad.datasets[0].sections.back().offset] ^= 1;
  bucket.PutObject(bad.ObjectKey(), damaged);
  Scrub scrub({.interval_ns = 0, .bytes_per_second = uint64_t{1} << 40}, index, bucket.store, bucket.now, metrics,
              [](int64_t) { return true; }, {});
  LifecycleService service(index, &scrub, {}, bucket.now);
  ASSERT_TRUE(service.StartScrub(context, true).ok());
  scrub.RunOnce();
  EXPECT_EQ(service.GetScrub(context)->quarantined, 1u);
  const auto listed = service.ListQuarantined(context);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().id, bad.id);
  EXPECT_EQ(listed->front().object_key, bad.ObjectKey());
  EXPECT_NE(listed->front().reason.find("checksum"), std::string::npos) << listed->front().reason;
  const auto found = bucket.metastore.metastore().FindBlocks(context, {.tenants = {"red"}, .start_ns = 0, .end_ns = kTestNowNs});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(std::count_if(found->begin(), found->end(), [](const BlockMeta& block) { return block.IsQuarantined(); }), 1);
  bucket.PutObject(bad.ObjectKey(), bytes);
  ASSERT_TRUE(service.StartScrub(context, true).ok());
  scrub.RunOnce();
  EXPECT_EQ(service.GetScrub(context)->released, 1u);
  EXPECT_TRUE(service.ListQuarantined(context)->empty());
}

TEST_F(MemberIndexTest, ADeletionIsConfirmedWhenTheObjectsAreGone) {
  const BlockMeta whole = Put(10, 1, "red", 1, "api");
  const BlockMeta kept = Put(11, 2, "blue", 1, "api");
  LifecycleService service(index, nullptr, {}, bucket.now);
  const Ulid id{{5, 6}};
  const DataFilter filter{.tenant = "red", .service = "api", .selector = "", .start_ns = 0, .end_ns = kTestNowNs};
  const auto made = service.Delete(context, id, filter);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(made->blocks, 1u);
  EXPECT_EQ(made->confirmed_ns, 0);
  EXPECT_FALSE(Knows(whole)) << "nothing else was in it";
  EXPECT_TRUE(Knows(kept));
  EXPECT_EQ(made->objects_to_delete, 1u);
  const auto again = service.Delete(context, id, filter);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->blocks, 1u) << "the same deletion";
  EXPECT_EQ(service.ListDeletions(context, "red")->size(), 1u);
  bucket.now.Advance(kHour);
  ASSERT_TRUE(Janitor(kHour / 2).ok());
  const auto confirmed = service.ListDeletions(context, "");
  ASSERT_TRUE(confirmed.ok());
  ASSERT_EQ(confirmed->size(), 1u);
  EXPECT_GT(confirmed->front().confirmed_ns, 0);
  EXPECT_EQ(confirmed->front().objects_to_delete, 0u);
  EXPECT_EQ(Objects(), 1u);
  bucket.now.Advance(31 * kDay);
  ASSERT_TRUE(Janitor(kHour).ok());
  EXPECT_TRUE(service.ListDeletions(context, "")->empty()) << "forgotten";
}

TEST_F(MemberIndexTest, WithoutAGroupOrLeadershipNothingIsAsked) {
  Put(40 * 24 * 3600, 1, "red");
  bucket.metastore.consensus().status.is_leader = false;
  EXPECT_FALSE(index.Leads());
  EXPECT_EQ(index.NotLeader().reason(), "not_leader");
  EXPECT_EQ(index.RemoveBlocks({Ulid{{1, 1}}}, INT64_MAX).reason(), "not_leader");
  has_group = false;
  EXPECT_FALSE(index.Leads());
  EXPECT_EQ(index.NotLeader().reason(), "no_group");
  EXPECT_EQ(index.View(INT64_MAX).status().reason(), "no_group");
  EXPECT_EQ(index.PurgeTombstones({}, INT64_MAX).status().reason(), "no_group");
  has_group = true;
  bucket.metastore.consensus().status.is_leader = true;
  bucket.metastore.consensus().barrier_status = DeadlineExceeded("no majority");
  EXPECT_EQ(index.View(INT64_MAX).status().code(), Code::kDeadlineExceeded);
}

// Minutes are the promise: this is one round over a real index of 1,000 tenants with 64 blocks each.
TEST_F(MemberIndexTest, RetentionOfAThousandTenantsIsQuick) {
  constexpr int kTenants = 1'000, kBlocks = 64;
  uint64_t n = 0;
  for (int tenant = 0; tenant < kTenants; ++tenant) {
    std::vector<BlockMeta> blocks;
    for (int i = 0; i < kBlocks; ++i) {
      const int64_t time_ns = kTestNowNs - (i * 12 + 1) * kHour;  // 0 to 32 days old
      BlockMeta block;
      block.id = Ulid{{static_cast<uint64_t>(time_ns / kNsPerMs) << 16, ++n}};
      block.shard = static_cast<uint32_t>(i + 1);
      block.level = 3;
      block.size = 1'000'000;
      block.min_time_ns = time_ns - kHour;
      block.max_time_ns = time_ns;
      DatasetMeta dataset = index::MakeDataset("tenant-" + std::to_string(tenant), "api", block.min_time_ns, time_ns, {1}, {"cpu"});
      dataset.identities.clear();
      dataset.identities.resize(1);
      block.datasets = {dataset};
      blocks.push_back(std::move(block));
    }
    bucket.metastore.metastore().AddBlocks(context, {std::move(blocks)}, [](const auto& response) {
      ASSERT_TRUE(response.ok()) << response.status().ToString();
    });
  }
  RetentionOptions options;
  options.policy.age_ns = 31 * kDay;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(Retention(options, index, nullptr, {}, bucket.now, metrics).RunOnce().ok());
  const auto took = std::chrono::steady_clock::now() - start;
  const uint64_t removed = metrics.blocks_removed_total[0]->value();
  EXPECT_EQ(removed, uint64_t{kTenants} * 2) << "those of the last day";
  const auto idle_start = std::chrono::steady_clock::now();
  ASSERT_TRUE(Retention(options, index, nullptr, {}, bucket.now, metrics).RunOnce().ok());
  const auto idle = std::chrono::steady_clock::now() - idle_start;
  RecordProperty("removing_2000_ms", static_cast<int>(took / std::chrono::milliseconds(1)));
  std::printf("retention of %d tenants x %d blocks: %lld ms with 2,000 removals, %lld ms with none\n", kTenants, kBlocks,
              static_cast<long long>(took / std::chrono::milliseconds(1)), static_cast<long long>(idle / std::chrono::milliseconds(1)));
  EXPECT_LT(took, std::chrono::seconds(60));
  EXPECT_LT(idle, std::chrono::seconds(30));
}

}  // namespace
}  // namespace brazier::metastore
