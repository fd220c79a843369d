#include "server/distributor/distributor.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_random.h"
#include "tests/support/make_labels.h"

namespace brazier::distributor {
namespace {

using testing::MakeLabels;

using contract::AppendReceipt;
using contract::AppendRequest;
using testing::FakeClock;
using testing::kTestNowNs;

Ulid SegmentId(uint64_t n) { return Ulid{{n, n}}; }

// Answers as told, or keeps the requests until the test answers.
struct FakeWriter final : contract::SegmentWriter {
  std::function<Result<AppendReceipt>(const AppendRequest&)> answer =
      [](const AppendRequest&) { return AppendReceipt{SegmentId(1), 0}; };
  Status ready;
  bool hold = false;
  std::vector<AppendRequest> requests;
  std::vector<std::function<void(Result<AppendReceipt>)>> held;

  void Append(const contract::RequestContext&, AppendRequest request,
              std::function<void(Result<AppendReceipt>)> done) override {
    requests.push_back(std::move(request));
    if (hold) {
      held.push_back(std::move(done));
    } else {
      done(answer(requests.back()));
    }
  }
  Status Ready() override { return ready; }
  void AnswerWith(Status status) {
    answer = [status](const AppendRequest&) -> Result<AppendReceipt> { return status; };
  }
};

struct FakePeers final : contract::SegmentWriterPeers {
  std::vector<contract::SegmentWriterPeer> peers;
  std::shared_ptr<const std::vector<contract::SegmentWriterPeer>> Live() override {
    return std::make_shared<std::vector<contract::SegmentWriterPeer>>(peers);
  }
};

class DistributorTest : public ::testing::Test {
 protected:
  // Callbacks that were answered still refer to the writers that keep them.
  void TearDown() override {
    for (const auto& writer : writers_) writer->held.clear();
  }
  void AddWriters(int count) {
    for (int i = 0; i < count; ++i) {
      writers_.push_back(std::make_shared<FakeWriter>());
      contract::SegmentWriterPeer peer;
      peer.member.id = "writer-" + std::to_string(i);
      peer.writer = writers_.back();
      peers_.peers.push_back(std::move(peer));
    }
  }
  Distributor& distributor() {
    if (!distributor_) distributor_.emplace(options_, peers_, clock_, random_, registry_);
    return *distributor_;
  }
  static RawProfile Profile(const std::string& service, const std::string& text = "main;work 3\n",
                            int64_t time_ns = kTestNowNs) {
    RawProfile raw;
    raw.labels = MakeLabels({{"__name__", "process_cpu"}, {"service_name", service}});
    raw.params.format = "folded";
    raw.params.from_ns = time_ns;
    raw.data = text;
    return raw;
  }
  std::optional<Result<contract::PushReceipt>> PushAny(std::vector<RawProfile> profiles) {
    auto answer = std::make_shared<std::optional<Result<contract::PushReceipt>>>();
    contract::RequestContext context{"request", clock_.MonotonicNs() + 30 * kNsPerSecond};
    distributor().Push(context, {"tenant", "test", std::move(profiles)}, [answer](auto result) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(result);
    });
    return *answer;
  }
  contract::PushReceipt Push(std::vector<RawProfile> profiles) {
    auto answer = PushAny(std::move(profiles));
    EXPECT_TRUE(answer.has_value());
    if (!answer || !answer->ok()) return {};
    return **answer;
  }
  Status Rejection(const contract::PushReceipt& receipt) {
    EXPECT_EQ(receipt.accepted, 0u);
    EXPECT_EQ(receipt.rejections.size(), 1u);
    return receipt.rejections.empty() ? Status() : receipt.rejections[0].status;
  }
  size_t Appends() const {
    size_t n = 0;
    for (const auto& writer : writers_) n += writer->requests.size();
    return n;
  }
  uint64_t Retries() {
    return registry_.GetCounter("brazier_distributor_append_retries_total", "").value();
  }
  int64_t InflightBytes() {
    return registry_.GetGauge("brazier_distributor_inflight_bytes", "").value();
  }

  DistributorOptions options_;
  FakePeers peers_;
  FakeClock clock_;
  testing::FakeRandom random_;
  MetricsRegistry registry_;
  std::vector<std::shared_ptr<FakeWriter>> writers_;
  std::optional<Distributor> distributor_;
};

TEST_F(DistributorTest, AcceptsAndGivesAReceipt) {
  AddWriters(1);
  uint64_t n = 0;
  writers_[0]->answer = [&](const AppendRequest&) {
    return AppendReceipt{SegmentId(9 - (n++ / 2)), n == 1 ? 1u : 0u};
  };
  const auto receipt = Push({Profile("a"), Profile("b"), Profile("c")});
  EXPECT_EQ(receipt.accepted, 3u);
  EXPECT_EQ(receipt.duplicates, 1u);
  EXPECT_TRUE(receipt.rejections.empty());
  EXPECT_EQ(receipt.segments, (std::vector<Ulid>{SegmentId(8), SegmentId(9)})) << "sorted, each once";
  ASSERT_EQ(writers_[0]->requests.size(), 3u);
  const AppendRequest& first = writers_[0]->requests[0];
  EXPECT_EQ(first.shard, 1u);
  EXPECT_EQ(first.batch.tenant, "tenant");
  EXPECT_EQ(first.batch.service, "a");
  EXPECT_EQ(first.batch.profiles.at(0).time_ns, kTestNowNs);
  EXPECT_EQ(InflightBytes(), 0);
}

TEST_F(DistributorTest, NothingSentIsAnError) {
  AddWriters(1);
  const auto answer = PushAny({});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status().code(), Code::kInvalidArgument);
  EXPECT_EQ(answer->status().reason(), "no_profiles");
}

TEST_F(DistributorTest, ARejectedProfileDoesNotHurtTheOthers) {
  AddWriters(1);
  RawProfile unnamed = Profile("c");
  unnamed.params.format = "no such format";
  const auto receipt = Push({Profile("a"), Profile("b", "no count here"), unnamed, Profile("d")});
  EXPECT_EQ(receipt.accepted, 2u);
  ASSERT_EQ(receipt.rejections.size(), 2u);
  EXPECT_EQ(receipt.rejections[0].index, 1u);
  EXPECT_EQ(receipt.rejections[0].status.reason(), "malformed_profile");
  EXPECT_EQ(receipt.rejections[1].index, 2u);
  EXPECT_EQ(receipt.rejections[1].status.reason(), "unknown_format");
  EXPECT_EQ(registry_.GetCounter("pyroscope_discarded_samples_total", "",
                                 {{"reason", "malformed_profile"}, {"tenant", "tenant"}}).value(), 1u);
}

TEST_F(DistributorTest, AProfileWithoutSamplesIsAcceptedAndStoredNowhere) {
  AddWriters(1);
  const auto receipt = Push({Profile("a", "main 0\n")});
  EXPECT_EQ(receipt.accepted, 1u);
  EXPECT_TRUE(receipt.segments.empty());
  EXPECT_EQ(Appends(), 0u);
}

TEST_F(DistributorTest, WithoutATimeItIsNow) {
  AddWriters(1);
  Push({Profile("a", "main 1\n", /*time_ns=*/0)});
  ASSERT_EQ(Appends(), 1u);
  EXPECT_EQ(writers_[0]->requests[0].batch.profiles.at(0).time_ns, kTestNowNs);
}

TEST_F(DistributorTest, OneServiceStaysOnOneWriter) {
  AddWriters(4);
  options_.shard_count = 16;
  for (int i = 0; i < 10; ++i) Push({Profile("same")});
  int used = 0;
  for (const auto& writer : writers_) used += !writer->requests.empty();
  EXPECT_EQ(used, 1);
  for (int i = 0; i < 100; ++i) Push({Profile("service-" + std::to_string(i))});
  for (const auto& writer : writers_) EXPECT_FALSE(writer->requests.empty());
}

TEST_F(DistributorTest, AnUnavailableWriterIsReplacedByTheNext) {
  AddWriters(3);
  options_.shard_count = 8;
  const auto expected = Ring({"writer-0", "writer-1", "writer-2"}).WritersOf(ShardOf("tenant", "a", 8), 3);
  writers_[expected[0]]->AnswerWith(Unavailable("gone"));
  const auto receipt = Push({Profile("a")});
  EXPECT_EQ(receipt.accepted, 1u);
  EXPECT_EQ(writers_[expected[0]]->requests.size(), 1u);
  EXPECT_EQ(writers_[expected[1]]->requests.size(), 1u);
  EXPECT_TRUE(writers_[expected[2]]->requests.empty());
  EXPECT_EQ(Retries(), 1u);
  const ProfileBatch& first = writers_[expected[0]]->requests[0].batch;
  const ProfileBatch& second = writers_[expected[1]]->requests[0].batch;
  EXPECT_EQ(first.values, second.values) << "the retry carries the whole batch";
  EXPECT_EQ(first.profiles[0].identity, second.profiles[0].identity);
  EXPECT_EQ(InflightBytes(), 0);
}

TEST_F(DistributorTest, GivesUpAfterItsAttempts) {
  AddWriters(5);
  options_.attempts_max = 2;
  for (auto& writer : writers_) writer->AnswerWith(Unavailable("gone"));
  EXPECT_EQ(Rejection(Push({Profile("a")})).code(), Code::kUnavailable);
  EXPECT_EQ(Appends(), 2u);
}

TEST_F(DistributorTest, OtherFailuresAreNotRetried) {
  AddWriters(2);
  for (const Status& failure : {ResourceExhausted("full"), Internal("bug"), DeadlineExceeded("late")}) {
    const size_t before = Appends();
    for (auto& writer : writers_) writer->AnswerWith(failure);
    EXPECT_EQ(Rejection(Push({Profile("a")})), failure);
    EXPECT_EQ(Appends(), before + 1) << failure.ToString();
  }
}

TEST_F(DistributorTest, NoRetryAfterTheDeadline) {
  AddWriters(2);
  for (auto& writer : writers_) {
    writer->answer = [&](const AppendRequest&) -> Result<AppendReceipt> {
      clock_.Advance(31 * kNsPerSecond);
      return Unavailable("slow, then gone");
    };
  }
  EXPECT_EQ(Rejection(Push({Profile("a")})).code(), Code::kUnavailable);
  EXPECT_EQ(Appends(), 1u);
}

TEST_F(DistributorTest, RetriesHaveABudget) {
  AddWriters(2);
  options_.limits.unlimited = true;
  for (auto& writer : writers_) writer->AnswerWith(Unavailable("gone"));
  for (int i = 0; i < 130; ++i) Push({Profile("a")});
  EXPECT_EQ(Retries(), 100u);
  EXPECT_EQ(Appends(), 230u);
  // Ten batches that succeed at once earn one retry.
  for (auto& writer : writers_) writer->answer = [](const AppendRequest&) { return AppendReceipt{}; };
  for (int i = 0; i < 10; ++i) Push({Profile("a")});
  for (auto& writer : writers_) writer->AnswerWith(Unavailable("gone"));
  for (int i = 0; i < 5; ++i) Push({Profile("a")});
  EXPECT_EQ(Retries(), 101u);
}

TEST_F(DistributorTest, NoWriterAlive) {
  EXPECT_EQ(distributor().Ready().code(), Code::kUnavailable);
  EXPECT_EQ(Rejection(Push({Profile("a")})).code(), Code::kUnavailable);
}

TEST_F(DistributorTest, ReadyWhenOneWriterIs) {
  AddWriters(2);
  EXPECT_TRUE(distributor().Ready().ok());
  writers_[0]->ready = Unavailable("starting");
  EXPECT_TRUE(distributor().Ready().ok());
  writers_[1]->ready = Unavailable("starting");
  EXPECT_EQ(distributor().Ready(), Unavailable("starting"));
}

TEST_F(DistributorTest, BytesInFlightAreBounded) {
  AddWriters(1);
  writers_[0]->hold = true;
  options_.inflight_bytes_max = 1;
  EXPECT_EQ(Rejection(Push({Profile("a")})).reason(), "distributor_full");
  EXPECT_EQ(InflightBytes(), 0) << "what was refused is not in flight";
  distributor_.reset();

  // Room for one of these, not for two.
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "main;f" + std::to_string(i) + " 1\n";
  options_.inflight_bytes_max = 1 << 20;
  EXPECT_FALSE(PushAny({Profile("a", text)}).has_value()) << "held";
  const auto bytes = static_cast<size_t>(InflightBytes());
  ASSERT_GT(bytes, 10'000u);
  writers_[0]->held[0](AppendReceipt{});
  distributor_.reset();

  options_.inflight_bytes_max = bytes * 3 / 2;
  EXPECT_FALSE(PushAny({Profile("a", text)}).has_value());
  const Status refusal = Rejection(Push({Profile("b", text)}));
  EXPECT_EQ(refusal.code(), Code::kResourceExhausted);
  EXPECT_EQ(refusal.reason(), "distributor_full");
  writers_[0]->held[1](AppendReceipt{});
  EXPECT_EQ(InflightBytes(), 0);
  EXPECT_FALSE(PushAny({Profile("b", text)}).has_value()) << "room again";
  writers_[0]->held[2](AppendReceipt{});
}

TEST_F(DistributorTest, TheAnswerWaitsForTheLastBatch) {
  AddWriters(1);
  writers_[0]->hold = true;
  std::optional<Result<contract::PushReceipt>> answer;
  distributor().Push({"r", clock_.MonotonicNs() + kNsPerSecond},
                     {"tenant", "test", {Profile("a"), Profile("b")}},
                     [&](auto result) { answer = std::move(result); });
  ASSERT_EQ(writers_[0]->held.size(), 2u);
  writers_[0]->held[1](AppendReceipt{});
  EXPECT_FALSE(answer.has_value());
  writers_[0]->held[0](Unavailable("gone"));
  ASSERT_TRUE(answer.has_value());
  ASSERT_TRUE(answer->ok());
  EXPECT_EQ((*answer)->accepted, 1u);
  ASSERT_EQ((*answer)->rejections.size(), 1u);
  EXPECT_EQ((*answer)->rejections[0].index, 0u);
}

TEST_F(DistributorTest, ProfilesOutsideTheWindowAreRefused) {
  AddWriters(1);
  const int64_t old_ns = kTestNowNs - options_.limits.reject_older_than_ns;
  const int64_t new_ns = kTestNowNs + options_.limits.reject_newer_than_ns;
  EXPECT_EQ(Rejection(Push({Profile("a", "m 1", old_ns)})).reason(), "not_in_ingestion_window");
  EXPECT_EQ(Push({Profile("a", "m 1", old_ns + 1)}).accepted, 1u);
  EXPECT_EQ(Push({Profile("a", "m 1", new_ns - 1)}).accepted, 1u);
  const Status refusal = Rejection(Push({Profile("a", "m 1", new_ns)}));
  EXPECT_EQ(refusal.message(), "profile time is 600 s from now; accepted is from -3600 s to +600 s (the ingestion window)");
}

TEST_F(DistributorTest, RateIsLimitedPerTenantAndComesBack) {
  AddWriters(1);
  options_.limits.rate_bytes_per_second = 1000;
  options_.limits.burst_bytes = 1;  // raised to the largest profile, or that could never be sent
  options_.limits.ingest.profile_bytes_max = 2000;
  const std::string text = std::string(1900, 'f') + " 1\n";
  EXPECT_EQ(Push({Profile("a", text)}).accepted, 1u);
  const Status refusal = Rejection(Push({Profile("a", text)}));
  EXPECT_EQ(refusal.code(), Code::kResourceExhausted);
  EXPECT_EQ(refusal.reason(), "rate_limited");
  clock_.Advance(2 * kNsPerSecond);
  EXPECT_EQ(Push({Profile("a", text)}).accepted, 1u);
}

TEST_F(DistributorTest, UnlimitedLiftsRateAndAge) {
  AddWriters(1);
  options_.limits.unlimited = true;
  options_.limits.rate_bytes_per_second = 0;
  options_.limits.burst_bytes = 0;
  options_.limits.ingest.profile_bytes_max = 100;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Push({Profile("a", "m 1", 1)}).accepted, 1u);
  EXPECT_EQ(Rejection(Push({Profile("a", std::string(100, 'f') + " 1")})).reason(), "profile_size_limit")
      << "the size limit stays";
}

TEST_F(DistributorTest, IdentityFollowsContentOrTheClientsId) {
  AddWriters(1);
  RawProfile with_id = Profile("a", "main 1\n");
  with_id.client_id = "x";
  RawProfile same_id = Profile("a", "main 2\n");
  same_id.client_id = "x";
  Push({Profile("a"), Profile("a"), with_id, same_id});
  std::vector<Hash128> ids;
  for (const auto& request : writers_[0]->requests) ids.push_back(request.batch.profiles[0].identity);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[2], ids[3]);
  EXPECT_NE(ids[0], ids[2]);
}

TEST_F(DistributorTest, WithoutDedupOnlyTheClientsIdIsIdentity) {
  AddWriters(1);
  options_.dedup_without_id = false;
  RawProfile with_id = Profile("a");
  with_id.client_id = "x";
  Push({Profile("a"), Profile("a"), with_id, with_id});
  std::vector<Hash128> ids;
  for (const auto& request : writers_[0]->requests) ids.push_back(request.batch.profiles[0].identity);
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[2], ids[3]);
}

}  // namespace
}  // namespace brazier::distributor
