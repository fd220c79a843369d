// The operator's service: who answers what, and which deletions there may be.
#include "server/metastore/lifecycle/lifecycle_service.h"

#include <gtest/gtest.h>

#include "store/object/memory_object_store.h"
#include "tests/server/metastore/lifecycle/fake_lifecycle_index.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using brazier::testing::FakeClock;
using testing::FakeLifecycleIndex;

class FakeCompaction final : public CompactionControl {
 public:
  Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext&) override {
    calls += "get;";
    contract::CompactionOverview overview;
    overview.workers = 3;
    return overview;
  }
  Status SetCompactionPaused(const contract::RequestContext&, bool is_paused) override {
    calls += is_paused ? "pause;" : "resume;";
    return Status::Ok();
  }
  Status ForceCompaction(const contract::RequestContext&, const std::vector<uint32_t>& levels,
                         const std::string& tenant) override {
    calls += "force " + std::to_string(levels.size()) + " " + tenant + ";";
    return Status::Ok();
  }
  Result<uint64_t> RetryFailed(const contract::RequestContext&, const std::vector<Ulid>& ids) override {
    calls += "retry " + std::to_string(ids.size()) + ";";
    return uint64_t{5};
  }
  std::string calls;
};

struct LifecycleServiceTest : ::testing::Test {
  FakeClock clock;
  FakeLifecycleIndex index{clock};
  object::MemoryObjectStore objects;
  MetricsRegistry registry;
  LifecycleMetrics metrics{registry};
  Scrub scrub{{}, index, objects, clock, metrics, [](int64_t) { return true; }, {}};
  FakeCompaction compaction;
  bool has_compaction = true;
  LifecycleService service{index, &scrub, [this] { return has_compaction ? &compaction : nullptr; }, clock};
  const contract::RequestContext context{"r", INT64_MAX};
  const Ulid id{{1, 2}};
  const DataFilter filter{.tenant = "a", .service = "api", .selector = "{pod=\"x\"}", .start_ns = 1, .end_ns = 2};

  BlockMeta AddBlock(uint64_t n) {
    BlockMeta block;
    block.id = Ulid{{n, n}};
    block.level = 1;
    block.size = 10;
    block.datasets = {DatasetMeta{.tenant = "a"}};
    index.Add(block);
    return block;
  }
};

TEST_F(LifecycleServiceTest, CompactionIsTheSchedulersWithGarbageAdded) {
  index.Remove(AddBlock(1).id);
  index.Remove(AddBlock(2).id);
  const BlockMeta bad = AddBlock(3);
  index.state.quarantined[bad.id] = {bad.id, 7, "bad"};
  const auto overview = service.GetCompaction(context);
  ASSERT_TRUE(overview.ok());
  EXPECT_EQ(overview->workers, 3u);
  EXPECT_EQ(overview->tombstones, 2u);
  EXPECT_EQ(overview->tombstone_bytes, 20u);
  EXPECT_EQ(overview->quarantined, 1u);
  EXPECT_TRUE(service.SetCompactionPaused(context, true).ok());
  EXPECT_TRUE(service.SetCompactionPaused(context, false).ok());
  EXPECT_TRUE(service.ForceCompaction(context, {1, 2}, "a").ok());
  EXPECT_EQ(*service.RetryFailed(context, {id}), 5u);
  EXPECT_EQ(compaction.calls, "get;pause;resume;force 2 a;retry 1;");
  has_compaction = false;
  EXPECT_EQ(service.GetCompaction(context).status().code(), Code::kUnimplemented);
  EXPECT_EQ(service.SetCompactionPaused(context, true).code(), Code::kUnimplemented);
}

TEST_F(LifecycleServiceTest, OthersThanTheLeaderRefuse) {
  index.leads = false;
  const auto refused = [](const Status& status) { return status.reason() == "not_leader"; };
  EXPECT_TRUE(refused(service.GetCompaction(context).status()));
  EXPECT_TRUE(refused(service.SetCompactionPaused(context, true)));
  EXPECT_TRUE(refused(service.ForceCompaction(context, {}, "")));
  EXPECT_TRUE(refused(service.RetryFailed(context, {}).status()));
  EXPECT_TRUE(refused(service.Delete(context, id, filter).status()));
  EXPECT_TRUE(refused(service.ListDeletions(context, "").status()));
  EXPECT_TRUE(refused(service.ListQuarantined(context).status()));
  EXPECT_TRUE(refused(service.ReleaseQuarantined(context, {}).status()));
  EXPECT_TRUE(refused(service.StartScrub(context, true)));
  EXPECT_TRUE(refused(service.GetScrub(context).status()));
  EXPECT_EQ(compaction.calls, "");
}

TEST_F(LifecycleServiceTest, ADeletionIsCheckedMadeAndListed) {
  const auto made = service.Delete(context, id, filter);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(made->id, id);
  EXPECT_EQ(made->filter, filter);
  EXPECT_EQ(made->blocks, 7u);
  EXPECT_EQ(service.ListDeletions(context, "a")->size(), 1u);
  EXPECT_EQ(service.ListDeletions(context, "b")->size(), 0u);
  EXPECT_EQ(service.ListDeletions(context, "")->front().id, id);

  const auto refused = [&](DataFilter wrong, const std::string& named) {
    const Status status = service.Delete(context, id, wrong).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << named;
    EXPECT_NE(status.message().find(named), std::string::npos) << status.ToString();
  };
  DataFilter wrong = filter;
  wrong.tenant = "";
  refused(wrong, "no tenant");
  wrong.tenant = "a|b";
  refused(wrong, "no tenant");
  wrong = filter;
  wrong.selector = "{pod=";
  refused(wrong, "");
  wrong.selector = std::string(10'000, ' ');
  refused(wrong, "10000 bytes");
  wrong = filter;
  wrong.start_ns = 3;
  refused(wrong, "range");
  wrong.start_ns = -1;
  refused(wrong, "range");
  wrong = filter;
  wrong.service = std::string(5'000, 's');
  refused(wrong, "5000 bytes");
  EXPECT_EQ(service.Delete(context, Ulid(), filter).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(index.state.deletions.size(), 1u);
}

TEST_F(LifecycleServiceTest, QuarantineIsListedWithKeysAndReleased) {
  for (uint64_t n = 1; n <= 1'100; ++n) {
    const BlockMeta block = AddBlock(n);
    index.state.quarantined[block.id] = {block.id, static_cast<int64_t>(n), "bad"};
  }
  const auto listed = service.ListQuarantined(context);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1'100u);
  EXPECT_EQ(listed->front().object_key, index.state.blocks.begin()->second.ObjectKey());
  EXPECT_EQ(listed->front().since_ns, 1);
  EXPECT_EQ(listed->front().reason, "bad");
  std::vector<Ulid> ids;
  for (const auto& block : *listed) ids.push_back(block.id);
  EXPECT_EQ(*service.ReleaseQuarantined(context, ids), 1'100u);
  EXPECT_EQ(*service.ReleaseQuarantined(context, ids), 0u);
  ids.resize(10'001);
  EXPECT_EQ(service.ReleaseQuarantined(context, ids).status().code(), Code::kInvalidArgument);
}

TEST_F(LifecycleServiceTest, OneScrubAtATime) {
  EXPECT_EQ(service.GetScrub(context)->started_ns, 0);
  EXPECT_TRUE(service.StartScrub(context, false).ok());
  EXPECT_EQ(service.StartScrub(context, false).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(service.GetScrub(context)->is_running);
  scrub.RunOnce();
  EXPECT_FALSE(service.GetScrub(context)->is_running);
  LifecycleService without(index, nullptr, {}, clock);
  EXPECT_EQ(without.StartScrub(context, false).code(), Code::kUnimplemented);
  EXPECT_EQ(without.GetScrub(context).status().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace brazier::metastore
