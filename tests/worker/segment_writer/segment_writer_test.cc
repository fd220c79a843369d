#include "worker/segment_writer/segment_writer.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <set>
#include <thread>

#include "store/block/block_reader.h"
#include "store/object/memory_object_store.h"
#include "tests/support/batch_builder.h"
#include "tests/support/controlled_object_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metastore.h"
#include "tests/support/fake_random.h"

namespace brazier::segment_writer {
namespace {

using contract::AppendReceipt;
using testing::BatchBuilder;
using testing::kTestNowNs;

class SegmentWriterTest : public ::testing::Test {
 protected:
  SegmentWriterTest() { options_.linger_ns = 0; }

  SegmentWriter& writer() {
    if (!writer_) {
      writer_ = std::make_unique<SegmentWriter>(options_, store_, metastore_, clock_, random_, registry_);
    }
    return *writer_;
  }
  static ProfileBatch Batch(uint64_t identity, const std::string& service = "api",
                            const std::string& tenant = "t") {
    return BatchBuilder(tenant, service)
        .Profile({0, identity}, kTestNowNs, {{"main;work", static_cast<int64_t>(identity + 1)}})
        .Build();
  }
  using Answer = std::future<Result<AppendReceipt>>;
  Answer Append(uint32_t shard, ProfileBatch batch) {
    auto promise = std::make_shared<std::promise<Result<AppendReceipt>>>();
    Answer answer = promise->get_future();
    writer().Append({"r", clock_.MonotonicNs() + kNsPerSecond}, {shard, std::move(batch)},
                    [promise](Result<AppendReceipt> receipt) { promise->set_value(std::move(receipt)); });
    return answer;
  }
  static Result<AppendReceipt> Await(Answer& answer) {
    if (answer.wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
      return Internal("no answer within ten seconds");
    }
    return answer.get();
  }
  Result<AppendReceipt> AppendAndAwait(uint32_t shard, ProfileBatch batch) {
    Answer answer = Append(shard, std::move(batch));
    return Await(answer);
  }
  static bool IsAnswered(Answer& answer) {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool AwaitBlocks(size_t count) {
    return Eventually([&] { return metastore_.blocks().size() >= count; });
  }
  // The identities in a stored object, read from its bytes.
  std::set<Hash128> IdentitiesIn(const BlockMeta& meta) {
    std::set<Hash128> out;
    const Result<std::string> object = memory_.Get(meta.ObjectKey());
    EXPECT_TRUE(object.ok()) << object.status().ToString();
    if (!object.ok()) return out;
    const Result<BlockMeta> footer = block::DecodeFooter(AsBytes(*object));
    EXPECT_TRUE(footer.ok()) << footer.status().ToString();
    BlockRead read{meta.id, meta.ObjectKey(), footer->symbols, footer->datasets};
    const auto sections = block::BlockSections::FromObject(AsBytes(*object), read, {.rows = true});
    EXPECT_TRUE(sections.ok());
    for (size_t i = 0; i < read.datasets.size(); ++i) {
      const auto rows = sections->Rows(i);
      EXPECT_TRUE(rows.ok());
      for (const auto& profile : rows->profiles) EXPECT_TRUE(out.insert(profile.identity).second);
    }
    return out;
  }
  uint64_t Count(const char* name) { return registry_.GetCounter(name, "").value(); }
  int64_t BufferBytes() { return registry_.GetGauge("brazier_segment_writer_buffer_bytes", "").value(); }

  // The clock stands still, so nothing may wait for it to pass a millisecond (shard_heads_test.cc has that rule).
  SegmentWriterOptions options_{.gather_ns = 0};
  object::MemoryObjectStore memory_;
  testing::ControlledObjectStore store_{memory_};
  testing::FakeMetastore metastore_;
  testing::FakeClock clock_;
  testing::FakeRandom random_;
  MetricsRegistry registry_;
  std::unique_ptr<SegmentWriter> writer_;
};

TEST_F(SegmentWriterTest, AnsweredMeansStoredAndRegistered) {
  const auto receipt = AppendAndAwait(5, Batch(1));
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  const auto blocks = metastore_.blocks();
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].id, receipt->segment);
  EXPECT_EQ(blocks[0].shard, 5u);
  EXPECT_EQ(blocks[0].level, 0u);
  EXPECT_EQ(blocks[0].min_time_ns, kTestNowNs);
  EXPECT_EQ(receipt->segment.TimeMs(), kTestNowNs / kNsPerMs);
  EXPECT_EQ(receipt->duplicates, 0u);
  EXPECT_EQ(IdentitiesIn(blocks[0]), std::set<Hash128>({{0, 1}}));
  EXPECT_EQ(memory_.Head(blocks[0].ObjectKey())->size, blocks[0].size);
  EXPECT_EQ(metastore_.last_add_context().deadline_ns,
            clock_.MonotonicNs() + options_.register_timeout_ns);
}

TEST_F(SegmentWriterTest, ConcurrentAppendsAllGetTheirOwnAnswer) {
  constexpr int kThreads = 8, kPerThread = 40;
  options_.segment_profiles_max = 16;
  writer();
  struct Outcome { uint64_t identity; Result<AppendReceipt> receipt; };
  std::vector<std::vector<Outcome>> outcomes(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::pair<uint64_t, Answer>> answers;
      for (int i = 0; i < kPerThread; ++i) {
        // Every other thread sends the same identities: half of all are repeats.
        const auto identity = static_cast<uint64_t>(i * kThreads + t / 2 * 2);
        answers.emplace_back(identity, Append(static_cast<uint32_t>(i % 4 + 1),
                                              Batch(identity, "s" + std::to_string(i % 3))));
      }
      for (auto& [identity, answer] : answers) outcomes[t].push_back({identity, Await(answer)});
    });
  }
  for (auto& thread : threads) thread.join();
  writer_->Stop();

  std::map<Ulid, std::multiset<Hash128>> expected;
  uint64_t duplicates = 0;
  for (const auto& list : outcomes) {
    for (const auto& [identity, receipt] : list) {
      ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
      expected[receipt->segment].insert({0, identity});
      ASSERT_LE(receipt->duplicates, 1u);
      duplicates += receipt->duplicates;
    }
  }
  EXPECT_EQ(duplicates, kThreads * kPerThread / 2) << "of each pair one is new";
  uint64_t hidden = 0;
  std::map<Ulid, std::multiset<Hash128>> stored;
  for (const BlockMeta& block : metastore_.blocks()) {
    for (const DatasetMeta& d : block.datasets) {
      stored[block.id].insert(d.identities.begin(), d.identities.end());
      hidden += d.hidden_profiles.size();
    }
  }
  EXPECT_EQ(stored, expected) << "each batch is in the segment that its receipt names";
  EXPECT_EQ(hidden, duplicates);
  EXPECT_EQ(Count("brazier_segment_writer_profiles_total"), uint64_t{kThreads * kPerThread});
  EXPECT_EQ(BufferBytes(), 0);
}

TEST_F(SegmentWriterTest, DuplicatesAreToldToTheRightWaiter) {
  ASSERT_TRUE(AppendAndAwait(1, Batch(7, "b")).ok());
  // One segment, three services in an order that is not the stored one; the middle one repeats.
  store_.HoldPuts("segments/");
  Answer blocker = Append(1, Batch(100));
  ASSERT_TRUE(store_.AwaitHeld(1));
  Answer c = Append(1, Batch(1, "c"));
  Answer b = Append(1, Batch(7, "b"));
  Answer a = Append(1, Batch(2, "a"));
  Answer b2 = Append(1, Batch(8, "b"));
  store_.Release();
  for (Answer* answer : {&blocker, &c, &a, &b2}) EXPECT_EQ(Await(*answer)->duplicates, 0u);
  EXPECT_EQ(Await(b)->duplicates, 1u);
}

TEST_F(SegmentWriterTest, WhatArrivesDuringAnUploadSharesTheNextSegment) {
  store_.HoldPuts("segments/");
  Answer first = Append(1, Batch(1));
  ASSERT_TRUE(store_.AwaitHeld(1));
  std::vector<Answer> rest;
  for (uint64_t i = 2; i < 12; ++i) rest.push_back(Append(1, Batch(i, i % 2 ? "api" : "web")));
  EXPECT_FALSE(IsAnswered(rest[0]));
  store_.Release();
  const auto first_receipt = Await(first);
  ASSERT_TRUE(first_receipt.ok());
  std::set<Ulid> segments;
  for (Answer& answer : rest) segments.insert(Await(answer)->segment);
  EXPECT_EQ(segments.size(), 1u);
  EXPECT_FALSE(segments.contains(first_receipt->segment));
}

TEST_F(SegmentWriterTest, ShardsUploadSideBySide) {
  store_.HoldPuts("segments/1/");
  Answer slow = Append(1, Batch(1));
  ASSERT_TRUE(store_.AwaitHeld(1));
  EXPECT_TRUE(AppendAndAwait(2, Batch(2)).ok());
  EXPECT_FALSE(IsAnswered(slow));
  store_.Release();
  EXPECT_TRUE(Await(slow).ok());
}

TEST_F(SegmentWriterTest, LingerIsTheClocksTime) {
  options_.linger_ns = 1'000'000;
  Answer answer = Append(1, Batch(1));
  clock_.Advance(999'999);
  EXPECT_FALSE(IsAnswered(answer));
  clock_.Advance(1);
  EXPECT_TRUE(Await(answer).ok());
}

TEST_F(SegmentWriterTest, AFullSegmentDoesNotLinger) {
  options_.linger_ns = int64_t{3600} * kNsPerSecond;
  options_.segment_profiles_max = 3;
  Answer a = Append(1, Batch(1)), b = Append(1, Batch(2));
  EXPECT_FALSE(IsAnswered(a));
  Answer c = Append(1, Batch(3));
  EXPECT_EQ(Await(a)->segment, Await(c)->segment);
  EXPECT_TRUE(Await(b).ok());
}

TEST_F(SegmentWriterTest, AFailedUploadFailsAllItsWaitersAndReadiness) {
  EXPECT_TRUE(writer().Ready().ok());
  store_.HoldPuts("segments/");
  Answer first = Append(1, Batch(1));
  ASSERT_TRUE(store_.AwaitHeld(1));
  Answer a = Append(1, Batch(2)), b = Append(1, Batch(3));
  store_.FailPuts(ResourceExhausted("disk full").WithReason("no_space"));
  store_.Release();
  for (Answer* answer : {&first, &a, &b}) {
    const auto receipt = Await(*answer);
    EXPECT_EQ(receipt.status().code(), Code::kUnavailable);
    EXPECT_NE(receipt.status().message().find("disk full"), std::string::npos);
  }
  EXPECT_TRUE(metastore_.blocks().empty());
  EXPECT_EQ(writer().Ready().code(), Code::kResourceExhausted);
  EXPECT_EQ(Count("brazier_segment_writer_upload_failures_total"), 2u);
  // The writer calls itself ready again after a while: a process that gets no traffic cannot prove itself.
  clock_.Advance(5 * kNsPerSecond);
  EXPECT_TRUE(writer().Ready().ok());
  store_.FailPuts(Status::Ok());
  EXPECT_TRUE(AppendAndAwait(1, Batch(2)).ok());
  writer().Stop();
  EXPECT_EQ(BufferBytes(), 0);
}

TEST_F(SegmentWriterTest, ASuccessfulUploadRestoresReadiness) {
  store_.FailPuts(Unavailable("network"));
  EXPECT_FALSE(AppendAndAwait(1, Batch(1)).ok());
  EXPECT_FALSE(writer().Ready().ok());
  store_.FailPuts(Status::Ok());
  EXPECT_TRUE(AppendAndAwait(1, Batch(1)).ok());
  EXPECT_TRUE(writer().Ready().ok());
}

TEST_F(SegmentWriterTest, AFailedRegistrationFailsItsWaiters) {
  metastore_.FailAdds(DeadlineExceeded("no leader"));
  const auto receipt = AppendAndAwait(1, Batch(1));
  EXPECT_EQ(receipt.status().code(), Code::kUnavailable);
  EXPECT_NE(receipt.status().message().find("no leader"), std::string::npos);
  EXPECT_EQ(Count("brazier_segment_writer_register_failures_total"), 1u);
  metastore_.FailAdds(Status::Ok());
  EXPECT_TRUE(AppendAndAwait(1, Batch(1)).ok()) << "the retry";
}

// A metastore that answers for no block at all, as a broken peer might.
struct MuteMetastore final : contract::Metastore {
  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    done(contract::AddBlocksResponse());
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&,
                                            const contract::FindBlocksRequest&) override {
    return std::vector<BlockMeta>();
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string&) override {
    return contract::TenantStats();
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return Status::Ok(); }
  Result<MemberList> Members(const contract::RequestContext&) override { return MemberList(); }
  Status Ready() override { return Status::Ok(); }
};

TEST_F(SegmentWriterTest, AnAnswerThatDoesNotFitIsAFailure) {
  MuteMetastore mute;
  writer_ = std::make_unique<SegmentWriter>(options_, store_, mute, clock_, random_, registry_);
  EXPECT_EQ(AppendAndAwait(1, Batch(1)).status().code(), Code::kUnavailable);
  writer_.reset();
}

TEST_F(SegmentWriterTest, TheNextUploadDoesNotWaitForRegistration) {
  metastore_.Hold();
  Answer first = Append(1, Batch(1));
  ASSERT_TRUE(AwaitBlocks(1));
  Answer second = Append(1, Batch(2));
  ASSERT_TRUE(AwaitBlocks(2)) << "stored and handed over while the first is not answered";
  EXPECT_FALSE(IsAnswered(first));
  metastore_.Release();
  EXPECT_TRUE(Await(first).ok());
  EXPECT_TRUE(Await(second).ok());
}

TEST_F(SegmentWriterTest, BytesNotYetAnsweredAreBounded) {
  const size_t bytes = Batch(1).MemoryBytes();
  options_.buffer_bytes_max = bytes * 5 / 2;
  metastore_.Hold();
  Answer a = Append(1, Batch(1)), b = Append(2, Batch(2));
  const auto refusal = AppendAndAwait(3, Batch(3));
  EXPECT_EQ(refusal.status().code(), Code::kResourceExhausted);
  EXPECT_EQ(refusal.status().reason(), "segment_writer_full");
  EXPECT_NE(refusal.status().message().find(std::to_string(options_.buffer_bytes_max)), std::string::npos);
  EXPECT_EQ(Count("brazier_segment_writer_refused_total"), 1u);
  metastore_.Release();
  EXPECT_TRUE(Await(a).ok());
  EXPECT_TRUE(Await(b).ok());
  // The bytes are given back right after the answer.
  ASSERT_TRUE(Eventually([&] { return BufferBytes() == 0; }));
  EXPECT_TRUE(AppendAndAwait(3, Batch(3)).ok());
}

TEST_F(SegmentWriterTest, StopFlushesWhatItHasAndRefusesTheRest) {
  options_.linger_ns = int64_t{3600} * kNsPerSecond;
  std::vector<Answer> answers;
  for (uint64_t i = 0; i < 20; ++i) answers.push_back(Append(static_cast<uint32_t>(i % 5), Batch(i)));
  writer().Stop();
  for (Answer& answer : answers) {
    ASSERT_TRUE(IsAnswered(answer)) << "Stop() returns after the last answer";
    EXPECT_TRUE(answer.get().ok());
  }
  EXPECT_EQ(metastore_.blocks().size(), 5u);
  EXPECT_EQ(AppendAndAwait(1, Batch(99)).status(), Unavailable("the segment-writer is stopping"));
  EXPECT_EQ(writer().Ready().code(), Code::kUnavailable);
  writer().Stop();
}

TEST_F(SegmentWriterTest, StopWaitsForRegistrations) {
  metastore_.Hold();
  Answer answer = Append(1, Batch(1));
  auto stopped = std::async(std::launch::async, [&] { writer_->Stop(); });
  ASSERT_TRUE(AwaitBlocks(1));
  EXPECT_EQ(stopped.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  EXPECT_FALSE(IsAnswered(answer));
  metastore_.Release();
  stopped.wait();
  EXPECT_TRUE(Await(answer).ok());
}

TEST_F(SegmentWriterTest, ReadyFollowsTheMetastore) {
  metastore_.SetReady(Unavailable("no leader"));
  EXPECT_EQ(writer().Ready(), Unavailable("no leader"));
}

}  // namespace
}  // namespace brazier::segment_writer
