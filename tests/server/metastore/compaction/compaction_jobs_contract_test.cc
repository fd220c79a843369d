// What contract::CompactionJobs promises, asked of the scheduler itself and of a client that reaches it over a socket. With its real
// thread and clock: nothing here waits for more than a due time of zero.
#include <thread>

#include <gtest/gtest.h>

#include "common/pipeline/compaction_jobs_client.h"
#include "common/pipeline/compaction_jobs_endpoint.h"
#include "tests/common/pipeline/pipeline_fakes.h"
#include "tests/server/metastore/compaction/scheduler_model.h"
#include "tests/server/metastore/compaction/service_harness.h"

namespace brazier::metastore {
namespace {

using brazier::testing::Awaited;
using brazier::testing::ContextFor;
using contract::CompactionJob;
using contract::ReturnReason;
using Pulled = Result<std::vector<CompactionJob>>;

CompactionPolicy AtOnce() {
  CompactionPolicy policy;
  policy.levels[0].age_ns = 0;
  return policy;
}

class Remote {
 public:
  explicit Remote(contract::CompactionJobs& jobs) : server_(loop_, {.address = "tcp://127.0.0.1:0"}, metrics_) {
    pipeline::ServeCompactionJobs(server_, jobs);
    EXPECT_TRUE(server_.Start().ok());
    client_.SetAddresses({server_.address()});
  }
  ~Remote() { server_.Stop(); }
  contract::CompactionJobs& client() { return client_; }

 private:
  MetricsRegistry metrics_;
  pipeline::Context context_;
  pipeline::Loop loop_{{.name = "jobs"}, context_};
  pipeline::Loop client_loop_{{.name = "client"}, context_};
  pipeline::PipelineServer server_;
  pipeline::CompactionJobsClient client_{client_loop_, pipeline::PipelineLimits{}, metrics_};
};

class CompactionJobsContract : public ::testing::TestWithParam<bool> {
 protected:
  CompactionJobsContract() {
    harness_.service->Start(*harness_.consensus);
    if (GetParam()) remote_ = std::make_unique<Remote>(*harness_.service);
    // Until it has read the index.
    const int64_t give_up_ns = SystemClock().MonotonicNs() + 10 * kNsPerSecond;
    while (!jobs().Heartbeat(ContextFor(5'000), "w", {}).ok() && SystemClock().MonotonicNs() < give_up_ns) std::this_thread::yield();
  }
  contract::CompactionJobs& jobs() { return remote_ ? remote_->client() : *harness_.service; }

  std::shared_ptr<Awaited<Pulled>> Pull(size_t credits, int64_t ms = 8'000, const std::string& worker = "w") {
    auto awaited = std::make_shared<Awaited<Pulled>>();
    jobs().PullJobs(ContextFor(ms), worker, credits, [awaited](Pulled pulled) { awaited->Set(std::move(pulled)); });
    return awaited;
  }
  CompactionJob OneJob(const Ulid& id) {
    harness_.Add({ServiceHarness::Segment(id)});
    const auto pulled = Pull(1)->Wait();
    EXPECT_TRUE(pulled.has_value() && pulled->ok() && (*pulled)->size() == 1);
    return pulled.has_value() && pulled->ok() && !(*pulled)->empty() ? (**pulled)[0] : CompactionJob{};
  }
  template <typename Call>
  static Status Await(const Call& call) {
    auto awaited = std::make_shared<Awaited<Status>>();
    call([awaited](Status status) { awaited->Set(std::move(status)); });
    return awaited->Wait().value_or(Internal("the test waited in vain"));
  }
  Status Finish(const CompactionJob& job, std::vector<BlockMeta> outputs) {
    contract::FinishedJob finished;
    finished.id = job.id;
    finished.token = job.token;
    finished.inputs = job.inputs;
    finished.outputs = std::move(outputs);
    return Await([&](auto done) { jobs().FinishJob(ContextFor(5'000), finished, done); });
  }

  ServiceHarness harness_{SystemClock(), AtOnce()};
  std::unique_ptr<Remote> remote_;
};

TEST_P(CompactionJobsContract, APullWaitsForAJob) {
  const auto waiting = Pull(4);
  const Ulid id = IdAt(SystemClock().NowNs(), 1);
  harness_.Add({ServiceHarness::Segment(id)});
  const auto pulled = waiting->Wait();
  ASSERT_TRUE(pulled.has_value() && pulled->ok());
  ASSERT_EQ((*pulled)->size(), 1u);
  EXPECT_EQ((**pulled)[0].inputs, std::vector<Ulid>{id});
  EXPECT_EQ((**pulled)[0].block_bytes_max, AtOnce().block_bytes_max);
}

TEST_P(CompactionJobsContract, APullWithoutAJobEndsInTimeWithNone) {
  const auto pulled = Pull(1, 600)->Wait(3'000);
  ASSERT_TRUE(pulled.has_value() && pulled->ok()) << (pulled.has_value() ? pulled->status().ToString() : "no answer");
  EXPECT_TRUE((*pulled)->empty());
}

TEST_P(CompactionJobsContract, ANewPullEndsTheOneBefore) {
  const auto first = Pull(1);
  const auto second = Pull(0);
  const auto answer = first->Wait();
  ASSERT_TRUE(answer.has_value() && answer->ok());
  EXPECT_TRUE((*answer)->empty());
  EXPECT_TRUE(second->Wait()->ok());
}

TEST_P(CompactionJobsContract, FinishingIsIdempotentAndFenced) {
  const Ulid id = IdAt(SystemClock().NowNs(), 1);
  const CompactionJob job = OneJob(id);
  CompactionJob stale = job;
  stale.token = 0;
  EXPECT_EQ(Finish(stale, {}).reason(), "stale_lease");
  const BlockMeta output = ServiceHarness::Compacted(IdAt(SystemClock().NowNs(), 2));
  EXPECT_TRUE(Finish(job, {output}).ok());
  EXPECT_TRUE(Finish(job, {output}).ok());
  EXPECT_TRUE(harness_.Knows(output.id));
  EXPECT_FALSE(harness_.Knows(id));
  CompactionJob unknown = job;
  unknown.id = 4711;
  unknown.inputs = {IdAt(SystemClock().NowNs(), 3)};
  EXPECT_EQ(Finish(unknown, {output}).code(), Code::kNotFound);
  // The scheduler hears of the end after the worker does.
  const std::vector<uint64_t> over = {job.id};
  std::vector<uint64_t> stop;
  for (int i = 0; i < 5'000 && stop != over; ++i) {
    const auto answer = jobs().Heartbeat(ContextFor(5'000), "w", {{.id = job.id, .token = job.token}});
    ASSERT_TRUE(answer.ok());
    stop = *answer;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(stop, over) << "it is over";
}

TEST_P(CompactionJobsContract, AReturnedJobIsGivenAgain) {
  const CompactionJob job = OneJob(IdAt(SystemClock().NowNs(), 1));
  const auto give_back = [&](uint64_t id) {
    return Await([&](auto done) { jobs().ReturnJob(ContextFor(5'000), id, job.token, ReturnReason::kStopping, "stop", done); });
  };
  EXPECT_TRUE(give_back(job.id).ok());
  EXPECT_TRUE(give_back(4711).ok());
  const auto pulled = Pull(1)->Wait();
  ASSERT_TRUE(pulled.has_value() && pulled->ok());
  ASSERT_EQ((*pulled)->size(), 1u);
  EXPECT_EQ((**pulled)[0].inputs, job.inputs);
  EXPECT_GT((**pulled)[0].token, job.token);
}

INSTANTIATE_TEST_SUITE_P(Itself, CompactionJobsContract, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(OverASocket, CompactionJobsContract, ::testing::Values(true));

}  // namespace
}  // namespace brazier::metastore
