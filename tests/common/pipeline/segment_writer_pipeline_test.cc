// The append pipeline over real loopback sockets: SegmentWriterClient against ServeSegmentWriter.
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/codec/profile_batch_msgpack.h"
#include "common/pipeline/segment_writer_client.h"
#include "common/pipeline/segment_writer_endpoint.h"
#include "tests/common/codec/random_values.h"
#include "tests/common/pipeline/pipeline_fakes.h"

namespace brazier::pipeline {
namespace {

using contract::AppendReceipt;
using testing::Awaited;
using testing::ContextFor;
using testing::FakeSegmentWriter;
using testing::RandomValues;

ProfileBatch BatchOf(size_t bytes) {
  ProfileBatch batch;
  batch.tenant.assign(bytes, 't');
  return batch;
}

class AppendPipeline : public ::testing::Test {
 protected:
  void StartServer(PipelineLimits limits = {}) {
    server_ = std::make_unique<PipelineServer>(
        server_loop_, PipelineServer::Options{"tcp://127.0.0.1:0", limits}, metrics_);
    ServeSegmentWriter(*server_, writer_);
    ASSERT_TRUE(server_->Start().ok());
  }
  std::unique_ptr<SegmentWriterClient> Client(PipelineLimits limits = {}) {
    auto client = SegmentWriterClient::Open(client_loop_, {server_->address(), limits}, metrics_);
    EXPECT_TRUE(client.ok()) << client.status().ToString();
    return std::move(client).value();
  }
  static Result<AppendReceipt> Append(contract::SegmentWriter& writer, ProfileBatch batch,
                                      int64_t ms = 5000) {
    auto awaited = std::make_shared<Awaited<Result<AppendReceipt>>>();
    writer.Append(ContextFor(ms), {3, std::move(batch)},
                  [awaited](Result<AppendReceipt> r) { awaited->Set(std::move(r)); });
    return awaited->Wait().value_or(Internal("the test waited in vain"));
  }

  MetricsRegistry metrics_;
  FakeSegmentWriter writer_;
  Context context_;
  Loop server_loop_{{.name = "server"}, context_};
  Loop client_loop_{{.name = "client"}, context_};
  std::unique_ptr<PipelineServer> server_;
};

TEST_F(AppendPipeline, ValuesTravelBothWays) {
  StartServer();
  auto client = Client();
  writer_.set_answer(AppendReceipt{.segment = {Hash128{7, 8}}, .duplicates = 5});
  const ProfileBatch batch = RandomValues(42).Batch();
  Result<AppendReceipt> receipt = Append(*client, batch, 4000);
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_EQ(receipt->segment, (Ulid{Hash128{7, 8}}));
  EXPECT_EQ(receipt->duplicates, 5u);
  EXPECT_EQ(writer_.last().shard, 3u);
  EXPECT_EQ(codec::EncodeProfileBatch(writer_.last().batch), codec::EncodeProfileBatch(batch));
  EXPECT_EQ(writer_.last_context().request_id, "request-1");
  const int64_t left_ms =
      (writer_.last_context().deadline_ns - SystemClock().MonotonicNs()) / kNsPerMs;
  EXPECT_GT(left_ms, 2000);
  EXPECT_LE(left_ms, 4001);
  EXPECT_TRUE(client->Ready().ok());
}

TEST_F(AppendPipeline, ErrorsKeepCodeReasonAndMessage) {
  StartServer();
  auto client = Client();
  for (Code code : {Code::kInvalidArgument, Code::kResourceExhausted, Code::kUnavailable,
                    Code::kCorruption, Code::kFailedPrecondition, Code::kInternal}) {
    const Status status = Status(code, "the disk said no").WithReason("disk");
    writer_.set_answer(status);
    EXPECT_EQ(Append(*client, {}).status(), status);
  }
}

TEST_F(AppendPipeline, DeadlineEndsAWaitAndALateAnswerIsIgnored) {
  StartServer();
  auto client = Client();
  writer_.set_hold(true);
  const int64_t start_ns = SystemClock().MonotonicNs();
  EXPECT_EQ(Append(*client, {}, 150).status().code(), Code::kDeadlineExceeded);
  const int64_t took_ms = (SystemClock().MonotonicNs() - start_ns) / kNsPerMs;
  EXPECT_GE(took_ms, 145);
  EXPECT_LT(took_ms, 1500);
  writer_.ReleaseAll();
  writer_.set_hold(false);
  EXPECT_TRUE(Append(*client, {}).ok());
}

TEST_F(AppendPipeline, APastDeadlineIsNotSent) {
  StartServer();
  auto client = Client();
  ASSERT_TRUE(Append(*client, {}).ok());
  EXPECT_EQ(Append(*client, {}, -5).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(writer_.count(), 1);
}

TEST_F(AppendPipeline, TooLargeIsSaidBeforeSending) {
  StartServer();
  auto client = Client({.message_bytes_max = 10'000});
  const Status status = Append(*client, BatchOf(20'000)).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("limit of 10000 bytes"), std::string::npos) << status.message();
  EXPECT_TRUE(Append(*client, BatchOf(5'000)).ok());
}

TEST_F(AppendPipeline, TheClientsBytesAreBounded) {
  StartServer();
  auto client = Client({.client_bytes_max = 100'000});
  writer_.set_hold(true);
  std::vector<std::shared_ptr<Awaited<Result<AppendReceipt>>>> results;
  for (int i = 0; i < 20; ++i) {
    auto awaited = results.emplace_back(std::make_shared<Awaited<Result<AppendReceipt>>>());
    client->Append(ContextFor(8000), {0, BatchOf(10'000)},
                   [awaited](Result<AppendReceipt> r) { awaited->Set(std::move(r)); });
  }
  int refused = 0;
  for (auto& result : results) {
    const auto now = result->Wait(0);
    if (now.has_value() && now->status().code() == Code::kResourceExhausted) ++refused;
  }
  EXPECT_GE(refused, 11);
  EXPECT_LE(refused, 12);
  ASSERT_TRUE(writer_.WaitForCount(20 - refused));
  writer_.ReleaseAll();
  writer_.set_hold(false);
  for (auto& result : results) EXPECT_TRUE(result->Wait().has_value());
  EXPECT_TRUE(Append(*client, BatchOf(10'000)).ok());
}

TEST_F(AppendPipeline, TheServersCreditHoldsAClientBack) {
  PipelineLimits limits{.credit_bytes = 50'000, .initial_credit_bytes = 50'000};
  StartServer(limits);
  auto client = Client(limits);
  writer_.set_hold(true);
  std::vector<std::shared_ptr<Awaited<Result<AppendReceipt>>>> results;
  for (int i = 0; i < 30; ++i) {
    auto awaited = results.emplace_back(std::make_shared<Awaited<Result<AppendReceipt>>>());
    client->Append(ContextFor(8000), {0, BatchOf(10'000)},
                   [awaited](Result<AppendReceipt> r) { awaited->Set(std::move(r)); });
  }
  ASSERT_TRUE(writer_.WaitForCount(4));
  int released = 0;
  for (int turn = 0; turn < 200 && released < 30; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    released += static_cast<int>(writer_.held());
    writer_.ReleaseAll();
  }
  for (auto& result : results) {
    const auto r = result->Wait();
    ASSERT_TRUE(r.has_value());
    EXPECT_TRUE(r->ok()) << r->status().ToString();
  }
  EXPECT_LE(writer_.bytes_peak(), 50'000u);
  EXPECT_GE(writer_.bytes_peak(), 30'000u);
}

TEST_F(AppendPipeline, AFullServerSaysBusy) {
  StartServer({.server_bytes_max = 15'000});
  auto first = Client();
  auto second = Client();
  writer_.set_hold(true);
  auto waiting = std::make_shared<Awaited<Result<AppendReceipt>>>();
  first->Append(ContextFor(8000), {0, BatchOf(10'000)},
                [waiting](Result<AppendReceipt> r) { waiting->Set(std::move(r)); });
  ASSERT_TRUE(writer_.WaitForCount(1));
  const Status busy = Append(*second, BatchOf(10'000)).status();
  EXPECT_EQ(busy.code(), Code::kResourceExhausted);
  EXPECT_NE(busy.message().find("15000"), std::string::npos) << busy.message();
  writer_.ReleaseAll();
  ASSERT_TRUE(waiting->Wait().has_value());
  EXPECT_TRUE(waiting->Wait()->ok());
}

TEST_F(AppendPipeline, SixtyFourConcurrentAppends) {
  StartServer();
  auto client = Client();
  std::atomic<int> ok{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::shared_ptr<Awaited<Result<AppendReceipt>>>> results;
      for (int i = 0; i < 8; ++i) {
        auto awaited = results.emplace_back(std::make_shared<Awaited<Result<AppendReceipt>>>());
        client->Append(ContextFor(8000), {0, RandomValues(t * 8 + i).Batch()},
                       [awaited](Result<AppendReceipt> r) { awaited->Set(std::move(r)); });
      }
      for (auto& result : results) {
        const auto r = result->Wait();
        if (r.has_value() && r->ok() && result->sets() == 1) ++ok;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 64);
  EXPECT_EQ(writer_.count(), 64);
}

TEST_F(AppendPipeline, StoppingTheServerFailsWhatIsUnderWay) {
  StartServer();
  auto client = Client();
  writer_.set_hold(true);
  auto waiting = std::make_shared<Awaited<Result<AppendReceipt>>>();
  client->Append(ContextFor(8000), {0, {}},
                 [waiting](Result<AppendReceipt> r) { waiting->Set(std::move(r)); });
  ASSERT_TRUE(writer_.WaitForCount(1));
  server_->Stop();
  server_.reset();
  const auto result = waiting->Wait(2000);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status().code(), Code::kUnavailable);
  server_loop_.Stop();
  writer_.ReleaseAll();  // an answer after the end goes nowhere
}

TEST_F(AppendPipeline, StoppingTheClientsLoopFailsWhatIsUnderWayAndWhatComesAfter) {
  StartServer();
  auto client = Client();
  writer_.set_hold(true);
  auto waiting = std::make_shared<Awaited<Result<AppendReceipt>>>();
  client->Append(ContextFor(8000), {0, {}},
                 [waiting](Result<AppendReceipt> r) { waiting->Set(std::move(r)); });
  ASSERT_TRUE(writer_.WaitForCount(1));
  client_loop_.Stop();
  ASSERT_TRUE(waiting->Wait(0).has_value());
  EXPECT_EQ(waiting->Wait(0)->status().code(), Code::kUnavailable);
  EXPECT_EQ(Append(*client, {}).status().code(), Code::kUnavailable);
  EXPECT_EQ(waiting->sets(), 1);
  writer_.ReleaseAll();
}

TEST_F(AppendPipeline, AClientMayBeDestroyedByItsOwnCallback) {
  StartServer();
  auto client = std::make_shared<std::unique_ptr<SegmentWriterClient>>(Client());
  auto awaited = std::make_shared<Awaited<Status>>();
  (*client)->Append(ContextFor(5000), {0, {}}, [client, awaited](Result<AppendReceipt> r) {
    client->reset();
    awaited->Set(r.status());
  });
  ASSERT_TRUE(awaited->Wait().has_value());
  EXPECT_TRUE(awaited->Wait()->ok());
}

TEST_F(AppendPipeline, NobodyThereIsUnavailable) {
  // A port that is taken, so that nobody else gets it, and that nobody listens on.
  const int taken = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t bytes = sizeof name;
  ASSERT_EQ(bind(taken, reinterpret_cast<sockaddr*>(&name), bytes), 0);
  ASSERT_EQ(getsockname(taken, reinterpret_cast<sockaddr*>(&name), &bytes), 0);
  const std::string address = "tcp://127.0.0.1:" + std::to_string(ntohs(name.sin_port));

  auto client =
      SegmentWriterClient::Open(client_loop_, {address, {.connect_timeout_ms = 500}}, metrics_);
  ASSERT_TRUE(client.ok());
  EXPECT_FALSE((*client)->Ready().ok());
  // The first waits for the connect timeout, the second fails at once: it is known to be away.
  EXPECT_EQ(Append(**client, {}).status().code(), Code::kUnavailable);
  const int64_t start_ns = SystemClock().MonotonicNs();
  EXPECT_EQ(Append(**client, {}).status().code(), Code::kUnavailable);
  EXPECT_LT(SystemClock().MonotonicNs() - start_ns, 450 * kNsPerMs);
  close(taken);
}

TEST_F(AppendPipeline, BadAddressesAreRefused) {
  auto client = SegmentWriterClient::Open(client_loop_, {"nonsense", {}}, metrics_);
  EXPECT_EQ(client.status().code(), Code::kInvalidArgument);
  StartServer();
  PipelineServer second(server_loop_, {server_->address(), {}}, metrics_);
  const Status taken = second.Start();
  EXPECT_EQ(taken.code(), Code::kUnavailable);
  EXPECT_NE(taken.message().find(server_->address()), std::string::npos) << taken.message();
}

TEST_F(AppendPipeline, AKindThatIsNotServedIsNamed) {
  server_ = std::make_unique<PipelineServer>(server_loop_, PipelineServer::Options{}, metrics_);
  ASSERT_TRUE(server_->Start().ok());
  auto client = Client();
  const Status status = Append(*client, {}).status();
  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_NE(status.message().find("append"), std::string::npos) << status.message();
}

TEST_F(AppendPipeline, GarbageIsAnsweredAndTheConnectionStays) {
  StartServer();
  Result<Socket> raw = Socket::Open(context_, Socket::Type::kDealer, {});
  ASSERT_TRUE(raw.ok());
  ASSERT_TRUE(raw->Connect(server_->address()).ok());
  const auto exchange = [&](Frames frames) -> Result<Envelope> {
    for (int i = 0; i < 400 && raw->Send(frames) != Socket::Io::kDone; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    Frames answer;
    for (int i = 0; i < 400; ++i) {
      if (raw->Receive(answer, 3) == Socket::Io::kDone) return DecodeEnvelope(answer[0].bytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return Internal("no answer");
  };
  Result<Envelope> answer = exchange(MakeFrames(Frame(std::string("\xc1 not msgpack"))));
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->kind, Kind::kError);
  EXPECT_EQ(answer->status.code(), Code::kInvalidArgument);

  answer = exchange(
      MakeFrames(Frame(EncodeEnvelope({.kind = Kind::kAppend, .id = 9, .deadline_ms = 1000})),
                 Frame(std::string("no batch"))));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->kind, Kind::kError);
  EXPECT_EQ(answer->id, 9u);

  answer = exchange(MakeFrames(Frame(EncodeEnvelope({.kind = Kind::kHello}))));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->kind, Kind::kCredit);
  EXPECT_EQ(answer->credit_bytes, PipelineLimits().credit_bytes);
  EXPECT_EQ(writer_.count(), 0);
}

}  // namespace
}  // namespace brazier::pipeline
