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

// The backend runs until it is told that nobody waits.
TEST(ExecutePipeline, ACancellationReachesTheQueryThatRuns) {
  testing::Awaited<int64_t> seen_ns;
  std::atomic<bool> began{false};
  Fixture f([&](const contract::RequestContext& context, const QueryPlan&) -> Result<QueryResult> {
    began = true;
    while (!context.IsCancelled() && context.deadline_ns > SystemClock().MonotonicNs()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (context.IsCancelled()) seen_ns.Set(SystemClock().MonotonicNs());
    return QueryResult{};
  });
  contract::RequestContext context = ContextFor(8000);
  const auto cancellation = std::make_shared<contract::Cancellation>();
  context.cancellation = cancellation;
  std::atomic<int64_t> cancelled_ns{0};
  std::thread leaver([&] {
    for (int i = 0; i < 4000 && !began; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    cancelled_ns = SystemClock().MonotonicNs();
    cancellation->Cancel();
  });
  EXPECT_EQ(f.client->Execute(context, {}).status().code(), Code::kCancelled);
  const int64_t answered_ns = SystemClock().MonotonicNs();
  leaver.join();
  ASSERT_TRUE(seen_ns.Wait().has_value()) << "the backend was not told";
  const double backend_ms = static_cast<double>(*seen_ns.Wait() - cancelled_ns) / 1e6;
  const double client_ms = static_cast<double>(answered_ns - cancelled_ns) / 1e6;
  std::printf("cancelled: the caller %.1f ms, the backend %.1f ms later\n", client_ms, backend_ms);
  // Meant to be 20 ms; sanitizers and a busy machine take their time.
  EXPECT_LT(client_ms, 2000);
  EXPECT_LT(backend_ms, 2000);
}

TEST(ExecutePipeline, ACancelFrameForAnythingElseHasNoEffect) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  testing::Awaited<bool> was_cancelled;
  std::atomic<bool> began{false};
  Fixture f([&](const contract::RequestContext& context, const QueryPlan&) -> Result<QueryResult> {
    began = true;
    released.wait();
    was_cancelled.Set(context.IsCancelled());
    return QueryResult{};
  });
  std::thread query([&] { EXPECT_TRUE(f.client->Execute(ContextFor(8000), {}).ok()); });
  for (int i = 0; i < 4000 && !began; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  // Another connection cannot cancel it, whatever ids it names and whatever else it sends; and it is answered afterwards.
  Result<Socket> stranger = Socket::Open(f.context, Socket::Type::kDealer, {});
  CHECK(stranger.ok());
  EXPECT_TRUE(stranger->Connect(f.server.address()).ok());
  const auto send = [&](Frames frames) {
    for (int i = 0; i < 4000 && stranger->Send(frames) != Socket::Io::kDone; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // not connected yet
    }
  };
  for (uint64_t id : {uint64_t{0}, uint64_t{1}, uint64_t{2}, UINT64_MAX}) {
    const std::string cancel = EncodeEnvelope({.kind = Kind::kCancel, .id = id});
    send(MakeFrames(Frame(cancel)));
    send(MakeFrames(Frame(cancel), Frame("payload")));
    send(MakeFrames(Frame(cancel.substr(0, cancel.size() - 1))));
  }
  send(MakeFrames(Frame(EncodeEnvelope({.kind = Kind::kHello}))));
  bool credited = false;
  for (int i = 0; i < 4000 && !credited; ++i) {
    Frames answer;
    if (stranger->Receive(answer, 2) != Socket::Io::kDone) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    const Result<Envelope> header = DecodeEnvelope(answer[0].bytes());
    credited = header.ok() && header->kind == Kind::kCredit;
  }
  EXPECT_TRUE(credited);
  release.set_value();
  query.join();
  EXPECT_EQ(was_cancelled.Wait(), false);
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
