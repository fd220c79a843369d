// The jobs pipeline over real loopback sockets: CompactionJobsClient against ServeCompactionJobs, and how it finds the leader.
#include <gtest/gtest.h>

#include "common/pipeline/compaction_jobs_client.h"
#include "common/pipeline/compaction_jobs_endpoint.h"
#include "tests/common/pipeline/pipeline_fakes.h"
#include "tests/support/fake_compaction_jobs.h"

namespace brazier::pipeline {
namespace {

using contract::CompactionJob;
using testing::Awaited;
using testing::ContextFor;
using testing::FakeCompactionJobs;

using Pulled = Result<std::vector<CompactionJob>>;

CompactionJob JobOf(uint64_t id) {
  CompactionJob job;
  job.id = id;
  job.token = 10 + id;
  job.inputs = {Ulid{{.high = 1, .low = id}}};
  return job;
}

class JobsPipeline : public ::testing::Test {
 protected:
  std::unique_ptr<PipelineServer> Serve(FakeCompactionJobs& jobs) {
    auto server = std::make_unique<PipelineServer>(server_loop_, PipelineServer::Options{.address = "tcp://127.0.0.1:0"}, metrics_);
    ServeCompactionJobs(*server, jobs);
    EXPECT_TRUE(server->Start().ok());
    return server;
  }
  std::shared_ptr<Awaited<Pulled>> Pull(size_t credits = 1, int64_t ms = 5000) {
    auto awaited = std::make_shared<Awaited<Pulled>>();
    client_.PullJobs(ContextFor(ms), "w", credits, [awaited](Pulled pulled) { awaited->Set(std::move(pulled)); });
    return awaited;
  }
  Status Finish(const contract::FinishedJob& job) {
    auto awaited = std::make_shared<Awaited<Status>>();
    client_.FinishJob(ContextFor(5000), job, [awaited](Status status) { awaited->Set(std::move(status)); });
    return awaited->Wait().value_or(Internal("the test waited in vain"));
  }

  MetricsRegistry metrics_;
  FakeCompactionJobs first_, second_;
  Context context_;
  Loop server_loop_{{.name = "server"}, context_};
  Loop client_loop_{{.name = "client"}, context_};
  CompactionJobsClient client_{client_loop_, PipelineLimits{}, metrics_};
};

TEST_F(JobsPipeline, AWaitingPullIsAnsweredWhenThereIsAJob) {
  const auto server = Serve(first_);
  client_.SetAddresses({server->address()});
  const auto pulled = Pull(2);
  ASSERT_TRUE(first_.Await([](const auto& jobs) { return jobs.pulls() == 1; }));
  EXPECT_EQ(pulled->sets(), 0);
  first_.Give(JobOf(1));
  const auto answer = pulled->Wait();
  ASSERT_TRUE(answer.has_value() && answer->ok());
  EXPECT_EQ(**answer, std::vector<CompactionJob>{JobOf(1)});
  EXPECT_TRUE(first_.Await([](const auto& jobs) { return jobs.worker() == "w" && jobs.credits() == 2; }));
}

TEST_F(JobsPipeline, WhatBecameOfJobsTravels) {
  const auto server = Serve(first_);
  client_.SetAddresses({server->address()});
  contract::FinishedJob job{.id = 1, .token = 11, .inputs = {Ulid{{1, 2}}}, .outputs = {}, .bad = {}};
  job.bad.push_back({.id = Ulid{{3, 4}}, .reason = "missing"});
  ASSERT_TRUE(Finish(job).ok());
  ASSERT_TRUE(first_.Await([&](const auto& jobs) { return jobs.finished().size() == 1 && jobs.finished()[0].bad == job.bad; }));
  first_.AnswerFinish(Status(Code::kFailedPrecondition, "another has it").WithReason("stale_lease"));
  const Status stale = Finish(job);
  EXPECT_EQ(stale.code(), Code::kFailedPrecondition);
  EXPECT_EQ(stale.reason(), "stale_lease");
  auto awaited = std::make_shared<Awaited<Status>>();
  client_.ReturnJob(ContextFor(5000), 7, 8, contract::ReturnReason::kUnavailable, "no store",
                    [awaited](Status status) { awaited->Set(std::move(status)); });
  EXPECT_TRUE(awaited->Wait().value_or(Internal("")).ok());
  EXPECT_TRUE(first_.Await([](const auto& jobs) {
    return jobs.returned().size() == 1 && jobs.returned()[0].id == 7 && jobs.returned()[0].token == 8 &&
           jobs.returned()[0].reason == contract::ReturnReason::kUnavailable && jobs.returned()[0].error == "no store";
  }));
}

TEST_F(JobsPipeline, HeartbeatsTellWhatToStop) {
  const auto server = Serve(first_);
  client_.SetAddresses({server->address()});
  first_.LoseLease(5);
  const auto stop = client_.Heartbeat(ContextFor(5000), "w", {{.id = 4, .token = 1, .bytes_done = 2, .bytes_total = 3}, {.id = 5}});
  ASSERT_TRUE(stop.ok()) << stop.status().ToString();
  EXPECT_EQ(*stop, std::vector<uint64_t>{5});
  EXPECT_TRUE(first_.Await([](const auto& jobs) { return jobs.progress().size() == 2 && jobs.progress()[0].bytes_total == 3; }));
}

TEST_F(JobsPipeline, TheLeaderIsFoundAndAskedFirstTheNextTime) {
  const auto one = Serve(first_);
  const auto two = Serve(second_);
  client_.SetAddresses({one->address(), two->address()});
  first_.Refuse(Unavailable("another leads").WithReason("not_leader"));
  ASSERT_TRUE(client_.Heartbeat(ContextFor(5000), "w", {}).ok());
  ASSERT_TRUE(client_.Heartbeat(ContextFor(5000), "w", {}).ok());
  EXPECT_TRUE(first_.Await([](const auto& jobs) { return jobs.heartbeats() == 1; }));
  EXPECT_TRUE(second_.Await([](const auto& jobs) { return jobs.heartbeats() == 2; }));
  // It moves while a pull waits.
  const auto pulled = Pull();
  ASSERT_TRUE(second_.Await([](const auto& jobs) { return jobs.pulls() == 1; }));
  first_.Refuse(Status());
  second_.Refuse(Unavailable("another leads").WithReason("not_leader"));
  first_.Give(JobOf(3));
  const auto answer = pulled->Wait();
  ASSERT_TRUE(answer.has_value() && answer->ok());
  EXPECT_EQ((**answer)[0].id, 3u);
}

TEST_F(JobsPipeline, WithoutALeaderEachIsAskedOnce) {
  const auto one = Serve(first_);
  const auto two = Serve(second_);
  client_.SetAddresses({one->address(), two->address()});
  for (FakeCompactionJobs* jobs : {&first_, &second_}) jobs->Refuse(Unavailable("an election").WithReason("not_leader"));
  const auto stop = client_.Heartbeat(ContextFor(5000), "w", {});
  EXPECT_EQ(stop.status().reason(), "not_leader");
  EXPECT_TRUE(first_.Await([](const auto& jobs) { return jobs.heartbeats() == 1; }));
  EXPECT_TRUE(second_.Await([](const auto& jobs) { return jobs.heartbeats() == 1; }));
}

TEST_F(JobsPipeline, ALeaderThatLoadsIsNotLeft) {
  const auto one = Serve(first_);
  const auto two = Serve(second_);
  client_.SetAddresses({one->address(), two->address()});
  first_.Refuse(Unavailable("reads the queues").WithReason("loading"));
  EXPECT_EQ(client_.Heartbeat(ContextFor(5000), "w", {}).status().reason(), "loading");
  EXPECT_TRUE(second_.Await([](const auto& jobs) { return jobs.heartbeats() == 0; }));
}

TEST_F(JobsPipeline, AMemberThatDiesIsReplacedByTheNext) {
  auto one = Serve(first_);
  const auto two = Serve(second_);
  client_.SetAddresses({one->address(), two->address()});
  const auto pulled = Pull(1, 8000);
  ASSERT_TRUE(first_.Await([](const auto& jobs) { return jobs.pulls() == 1; }));
  one.reset();
  second_.Give(JobOf(4));
  const auto answer = pulled->Wait();
  ASSERT_TRUE(answer.has_value() && answer->ok()) << (answer.has_value() ? answer->status().ToString() : "no answer");
  EXPECT_EQ((**answer)[0].id, 4u);
  first_.Refuse(Unavailable("stopped"));
}

TEST_F(JobsPipeline, NobodyKnownIsUnavailableAndAnEmptyListChangesNothing) {
  EXPECT_EQ(client_.Heartbeat(ContextFor(500), "w", {}).status().code(), Code::kUnavailable);
  const auto server = Serve(first_);
  client_.SetAddresses({"nonsense", server->address()});
  client_.SetAddresses({});
  EXPECT_TRUE(client_.Heartbeat(ContextFor(5000), "w", {}).ok());
}

TEST_F(JobsPipeline, UnreadableRequestsAreErrors) {
  const auto server = Serve(first_);
  auto raw = PipelineClient::Open(client_loop_, {.address = server->address()}, metrics_);
  ASSERT_TRUE(raw.ok());
  for (const Kind kind : {Kind::kPullJobs, Kind::kJobHeartbeat, Kind::kFinishJob, Kind::kReturnJob}) {
    auto awaited = std::make_shared<Awaited<Status>>();
    (*raw)->Call(ContextFor(5000), {.kind = kind}, "nonsense", [awaited](const Result<Frame>& answer) { awaited->Set(answer.status()); });
    EXPECT_EQ(awaited->Wait().value_or(Status()).code(), Code::kInvalidArgument) << static_cast<int>(kind);
  }
}

}  // namespace
}  // namespace brazier::pipeline
