// The whole role over its real store and log, in a temporary folder.
#include "server/metastore/metastore_role.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "store/index/index_keys.h"
#include "store/index/state_version.h"
#include "tests/store/index/index_harness.h"
#include "tests/store/object/temporary_folder.h"

namespace brazier::metastore {
namespace {

using contract::AddBlocksResponse;
using index::MakeBlock;
using index::MakeDataset;

class MetastoreRoleTest : public testing::Test {
 protected:
  void Open() {
    role_.reset();
    auto opened = MetastoreRole::Open({.folder = folder_.path() + "/metastore"}, SystemClock(), registry_);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    role_ = std::move(opened).value();
  }
  static contract::RequestContext Context() {
    return {.request_id = "r", .deadline_ns = SystemClock().MonotonicNs() + 20 * kNsPerSecond};
  }
  std::future<Result<AddBlocksResponse>> AddLater(BlockMeta block) {
    auto promise = std::make_shared<std::promise<Result<AddBlocksResponse>>>();
    auto future = promise->get_future();
    role_->AddBlocks(Context(), {{std::move(block)}}, [promise](Result<AddBlocksResponse> response) {
      promise->set_value(std::move(response));
    });
    return future;
  }
  size_t FoundBlocks() {
    const auto found = role_->FindBlocks(Context(), {.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX});
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? found->size() : 0;
  }
  static BlockMeta Block(uint64_t n, std::vector<uint64_t> identities) {
    return MakeBlock(n, {MakeDataset("t", "s", 100, 200, std::move(identities))});
  }
  TemporaryFolder folder_;
  MetricsRegistry registry_;
  std::unique_ptr<MetastoreRole> role_;
};

TEST_F(MetastoreRoleTest, AnOlderIndexIsUpgraded) {
  Open();
  for (uint64_t n = 1; n <= 5; ++n) ASSERT_TRUE(AddLater(Block(n, {n})).get().ok());
  role_.reset();
  {
    // As a program of version 1 has left it: without queues and without an order of expiry.
    auto store = kv::OpenRocksKeyValueStore(folder_.path() + "/metastore");
    ASSERT_TRUE(store.ok());
    kv::WriteBatch batch;
    for (const index::KeyKind kind : {index::KeyKind::kQueue, index::KeyKind::kExpiry}) {
      batch.DeleteRange(kv::Family::kState, index::KindPrefix(kind), index::PrefixEnd(index::KindPrefix(kind)));
    }
    batch.Put(kv::Family::kState, index::VersionKey(), "1");
    ASSERT_TRUE((*store)->Write(batch, true).ok());
    EXPECT_EQ(index::CheckUpgraded(**store).reason(), "index_not_upgraded");
  }
  Open();
  ASSERT_TRUE(AddLater(Block(9, {9})).get().ok());
  const auto index = role_->Snapshot(Context());
  ASSERT_TRUE(index.ok());
  EXPECT_TRUE(index::CheckUpgraded(**index).ok());
  EXPECT_EQ(FoundBlocks(), 6u);
}

TEST_F(MetastoreRoleTest, WhatIsAnsweredSurvivesRestarts) {
  Open();
  ASSERT_TRUE(AddLater(Block(1, {1, 2})).get().ok());
  EXPECT_EQ(FoundBlocks(), 1u);
  for (uint64_t n = 2; n < 5; ++n) {
    Open();
    const auto repeat = AddLater(Block(1, {1, 2})).get();
    ASSERT_TRUE(repeat.ok()) << repeat.status().ToString();
    EXPECT_TRUE(repeat->blocks[0].already_known);
    const auto added = AddLater(Block(n, {n + 10, 1})).get();
    ASSERT_TRUE(added.ok());
    EXPECT_EQ(added->blocks[0].hidden_profiles[0].back(), 1u);
    EXPECT_EQ(FoundBlocks(), n);
  }
  EXPECT_TRUE(role_->Ready().ok());
  EXPECT_EQ(role_->GetTenantStats(Context(), "t")->blocks, 4u);
}

TEST_F(MetastoreRoleTest, ReplacementsSurviveRestarts) {
  Open();
  for (uint64_t n = 1; n <= 2; ++n) ASSERT_TRUE(AddLater(Block(n, {n})).get().ok());
  BlockMeta output = Block(3, {1, 2});
  output.level = 1;
  output.datasets[0].identities.clear();
  for (const bool already_done : {false, true}) {
    std::promise<Result<contract::ReplaceBlocksResponse>> answer;
    role_->ReplaceBlocks(Context(), {{output}, {index::IdOf(1), index::IdOf(2)}},
                         [&](Result<contract::ReplaceBlocksResponse> response) { answer.set_value(std::move(response)); });
    const auto replaced = answer.get_future().get();
    ASSERT_TRUE(replaced.ok()) << replaced.status().ToString();
    EXPECT_EQ(replaced->already_done, already_done);
    Open();
  }
  const contract::BlockQueue queue{1, 3, "t"};
  EXPECT_EQ(*role_->ListQueues(Context(), {}, 9), std::vector{queue});
  EXPECT_EQ(role_->ListQueuedBlocks(Context(), queue, {}, 9)->at(0).id, index::IdOf(3));
  EXPECT_EQ(role_->ListTombstones(Context(), INT64_MAX, {}, 9)->size(), 2u);
  std::promise<Result<contract::PurgeTombstonesResponse>> purged;
  role_->PurgeTombstones(Context(), {index::IdOf(1), index::IdOf(2)},
                         [&](Result<contract::PurgeTombstonesResponse> response) { purged.set_value(std::move(response)); });
  EXPECT_EQ(purged.get_future().get()->purged, 2u);
  EXPECT_TRUE(role_->ListTombstones(Context(), INT64_MAX, {}, 9)->empty());
  EXPECT_TRUE(role_->Placement(Context(), "t", "s")->shards.empty());
}

TEST_F(MetastoreRoleTest, ReadsSeeEveryAnsweredBlock) {
  Open();
  std::atomic<uint64_t> answered{0};
  std::jthread writer([&] {
    for (uint64_t n = 1; n <= 100; ++n) {
      EXPECT_TRUE(AddLater(Block(n, {n})).get().ok());
      answered = n;
    }
  });
  for (int i = 0; i < 200 && answered < 100; ++i) {
    const uint64_t before = answered;
    EXPECT_GE(FoundBlocks(), before);
  }
}

TEST_F(MetastoreRoleTest, ConcurrentAddsOfTheSameProfilesCountThemOnce) {
  Open();
  std::vector<std::future<Result<AddBlocksResponse>>> answers;
  for (uint64_t n = 1; n <= 50; ++n) answers.push_back(AddLater(Block(n, {7, 8, 100 + n})));
  size_t visible = 0;
  for (auto& future : answers) {
    const auto answer = future.get();
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    visible += 3 - answer->blocks[0].hidden_profiles[0].size();
  }
  EXPECT_EQ(visible, 50u + 2u);
}

TEST_F(MetastoreRoleTest, ClosingAnswersWhatWaits) {
  Open();
  std::vector<std::future<Result<AddBlocksResponse>>> answers;
  for (uint64_t n = 1; n <= 200; ++n) answers.push_back(AddLater(Block(n, {n})));
  role_.reset();
  size_t ok = 0;
  for (auto& future : answers) {
    ASSERT_EQ(future.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    ok += future.get().ok();
  }
  Open();
  EXPECT_GE(FoundBlocks(), ok);
}

TEST_F(MetastoreRoleTest, BadOptionsAreNamed) {
  const auto window = MetastoreRole::Open({.folder = folder_.path(), .dedup_window_ns = -1},
                                          SystemClock(), registry_);
  EXPECT_NE(window.status().message().find("dedup.window"), std::string::npos);
  const auto bytes = MetastoreRole::Open({.folder = folder_.path(), .dedup_bytes_max = uint64_t{1} << 40},
                                         SystemClock(), registry_);
  EXPECT_NE(bytes.status().message().find("dedup.bytes-max"), std::string::npos);
}

// For the reader: what the parts cost. The limits only catch an order of magnitude.
TEST_F(MetastoreRoleTest, Figures) {
  Open();
  const auto block_of = [](uint64_t n) {
    std::vector<DatasetMeta> datasets;
    for (uint64_t s = 0; s < 20; ++s) {
      const int64_t t = static_cast<int64_t>(n) * 15 * kNsPerSecond;
      std::vector<uint64_t> identities = {n * 100 + 3 * s, n * 100 + 3 * s + 1};
      if (s % 2 == 0) identities.push_back(n * 100 + 3 * s + 2);
      datasets.push_back(MakeDataset("t", "service-" + std::to_string(s), t, t + 10 * kNsPerSecond,
                                     identities, {"memory:inuse_space:bytes:space:bytes",
                                                  "process_cpu:cpu:nanoseconds:cpu:nanoseconds"}));
    }
    return MakeBlock(n, datasets);
  };
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t n = 1; n <= 240; ++n) ASSERT_TRUE(AddLater(block_of(n)).get().ok());
  const std::chrono::duration<double, std::micro> add = std::chrono::steady_clock::now() - begin;
  const contract::FindBlocksRequest narrow{
      .tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX, .service = "service-7"};
  const contract::FindBlocksRequest broad{.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX};
  double narrow_us = 0, broad_us = 0;
  for (int i = 0; i < 10; ++i) {
    for (const auto& [request, us] : {std::pair{&narrow, &narrow_us}, {&broad, &broad_us}}) {
      const auto from = std::chrono::steady_clock::now();
      ASSERT_EQ(role_->FindBlocks(Context(), *request)->size(), 240u);
      *us += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - from).count() / 10;
    }
  }
  const std::string page = registry_.Render();
  const size_t at = page.find("brazier_metastore_apply_duration_seconds_sum ");
  ASSERT_NE(at, std::string::npos);
  const double apply_us = std::stod(page.substr(at + 45)) * 1e6 / 240;
  printf("AddBlocks (20 datasets, 50 profiles) end to end %.0f us, of it Apply %.0f us; "
         "FindBlocks of 240 blocks: one service %.0f us, 20 services %.0f us\n",
         add.count() / 240, apply_us, narrow_us, broad_us);
  EXPECT_LT(apply_us, 5000);
  EXPECT_LT(narrow_us, 50'000);
}

}  // namespace
}  // namespace brazier::metastore
