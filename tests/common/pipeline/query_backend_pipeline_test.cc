// The execute pipeline over real loopback sockets: QueryBackendClient against QueryBackendEndpoint.
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "common/codec/query_msgpack.h"
#include "common/pipeline/query_backend_client.h"
#include "common/pipeline/query_backend_endpoint.h"
#include "common/pipeline/segment_writer_client.h"
#include "common/pipeline/segment_writer_endpoint.h"
#include "tests/common/codec/random_values.h"
#include "tests/common/pipeline/pipeline_fakes.h"

namespace brazier::pipeline {
namespace {

using testing::ContextFor;
using testing::FakeQueryBackend;
using testing::RandomValues;

struct Fixture {
  explicit Fixture(FakeQueryBackend::Body body, size_t threads = 2, PipelineLimits limits = {})
      : backend(std::move(body)),
        server(server_loop, {"tcp://127.0.0.1:0", limits}, metrics),
        endpoint({.threads = threads}, server, backend, metrics) {
    ServeSegmentWriter(server, writer);  // both roles share the address
    EXPECT_TRUE(server.Start().ok());
    auto opened = QueryBackendClient::Open(client_loop, {server.address(), limits}, metrics);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    client = std::move(opened).value();
  }
  MetricsRegistry metrics;
  FakeQueryBackend backend;
  testing::FakeSegmentWriter writer;
  Context context;
  Loop server_loop{{.name = "server"}, context};
  Loop client_loop{{.name = "client"}, context};
  PipelineServer server;
  QueryBackendEndpoint endpoint;
  std::unique_ptr<QueryBackendClient> client;
};

TEST(ExecutePipeline, PlansAndResultsTravel) {
  const QueryPlan plan = RandomValues(5).Plan();
  const QueryResult result = RandomValues(6).Answer();
  testing::Awaited<std::string> seen;  // its lock is what orders the two threads for sanitizers
  Fixture f(
      [&](const contract::RequestContext& context, const QueryPlan& p) -> Result<QueryResult> {
        seen.Set(context.request_id + codec::EncodeQueryPlan(p));
        return result;
      });
  Result<QueryResult> answer = f.client->Execute(ContextFor(5000), plan);
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(codec::EncodeQueryResult(*answer), codec::EncodeQueryResult(result));
  EXPECT_EQ(seen.Wait().value_or(""), "request-1" + codec::EncodeQueryPlan(plan));

  auto writer = SegmentWriterClient::Open(f.client_loop, {f.server.address(), {}}, f.metrics);
  ASSERT_TRUE(writer.ok());
  testing::Awaited<Status> appended;
  (*writer)->Append(ContextFor(5000), {},
                    [&](Result<contract::AppendReceipt> r) { appended.Set(r.status()); });
  ASSERT_TRUE(appended.Wait().has_value());
  EXPECT_TRUE(appended.Wait()->ok());
}

TEST(ExecutePipeline, ErrorsTravel) {
  const Status status = Status(Code::kCorruption, "block 01ABC: checksum").WithReason("checksum");
  Fixture f([&](const contract::RequestContext&, const QueryPlan&) -> Result<QueryResult> {
    return status;
  });
  EXPECT_EQ(f.client->Execute(ContextFor(5000), {}).status(), status);
}

TEST(ExecutePipeline, ACancelledQueryThatHasNotStartedIsDropped) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> executed{0};
  Fixture f(
      [&](const contract::RequestContext&, const QueryPlan&) -> Result<QueryResult> {
        ++executed;
        released.wait();
        return QueryResult{};
      },
      1);
  std::thread blocker([&] { EXPECT_TRUE(f.client->Execute(ContextFor(8000), {}).ok()); });
  for (int i = 0; i < 1000 && executed == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ASSERT_EQ(executed, 1);
  EXPECT_EQ(f.client->Execute(ContextFor(100), {}).status().code(), Code::kDeadlineExceeded);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for the cancel frame
  release.set_value();
  blocker.join();
  EXPECT_TRUE(f.client->Execute(ContextFor(5000), {}).ok());
  EXPECT_EQ(executed, 2);  // the blocker and the last one
}

TEST(ExecutePipeline, ConcurrentQueriesRunOnTheirThreads) {
  std::atomic<int> now{0};
  std::atomic<int> peak{0};
  Fixture f(
      [&](const contract::RequestContext&, const QueryPlan&) -> Result<QueryResult> {
        peak = std::max(peak.load(), ++now);
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        --now;
        return QueryResult{};
      },
      4);
  std::vector<std::thread> threads;
  std::atomic<int> ok{0};
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] { ok += f.client->Execute(ContextFor(8000), {}).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 12);
  EXPECT_GE(peak, 2);
  EXPECT_LE(peak, 4);
}

TEST(ExecutePipeline, AnAnswerOverTheLimitIsAnErrorThatSaysSo) {
  Fixture f(
      [&](const contract::RequestContext&, const QueryPlan&) -> Result<QueryResult> {
        QueryResult result;
        result.reports.push_back({.kind = ReportKind::kLabelNames});
        result.reports[0].strings.insert(std::string(50'000, 'x'));
        return result;
      },
      1, {.message_bytes_max = 20'000});
  const Status status = f.client->Execute(ContextFor(5000), {}).status();
  EXPECT_EQ(status.reason(), "message_size_limit");
  EXPECT_NE(status.message().find("20000"), std::string::npos) << status.message();
}

TEST(ExecutePipeline, StopWithQueriesWaitingAndRunning) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  Fixture f(
      [&](const contract::RequestContext&, const QueryPlan&) -> Result<QueryResult> {
        released.wait();
        return QueryResult{};
      },
      1);
  std::vector<std::thread> threads;
  std::atomic<int> unavailable{0};
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const Status status = f.client->Execute(ContextFor(8000), {}).status();
      if (status.code() == Code::kUnavailable) ++unavailable;
    });
  }
  Counter& received =
      f.metrics.GetCounter("brazier_pipeline_server_requests_total", "", {{"kind", "execute"}});
  for (int i = 0; i < 3000 && received.value() < 6; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(received.value(), 6u);
  f.server.Stop();
  release.set_value();
  f.endpoint.Stop();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unavailable, 6);
}

}  // namespace
}  // namespace brazier::pipeline
