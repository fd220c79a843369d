// The shippers' door over real loopback sockets.
#include "common/pipeline/ingest_endpoint.h"

#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "common/codec/msgpack_io.h"
#include "tests/common/pipeline/pipeline_fakes.h"

namespace brazier::pipeline {
namespace {

using contract::PushReceipt;
using contract::PushRequest;

class FakeDistributor final : public contract::Distributor {
 public:
  using Done = std::function<void(Result<PushReceipt>)>;
  void Push(const contract::RequestContext& context, PushRequest request, Done done) override {
    Result<PushReceipt> answer = Internal("unset");
    {
      std::lock_guard lock(mu_);
      requests_.push_back(std::move(request));
      if (hold_) {
        held_.push_back(std::move(done));
        return;
      }
      answer = answer_;
    }
    done(std::move(answer));
  }
  Status Ready() override { return Status::Ok(); }

  void set_hold(bool hold) {
    std::lock_guard lock(mu_);
    hold_ = hold;
  }
  void set_answer(Result<PushReceipt> answer) {
    std::lock_guard lock(mu_);
    answer_ = std::move(answer);
  }
  bool WaitForCount(size_t count) {
    for (int i = 0; i < 1000 && requests().size() < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return requests().size() >= count;
  }
  void ReleaseAll() {
    std::vector<Done> held;
    Result<PushReceipt> answer = Internal("unset");
    {
      std::lock_guard lock(mu_);
      held.swap(held_);
      answer = answer_;
    }
    for (Done& done : held) done(answer);
  }
  std::vector<PushRequest> requests() {
    std::lock_guard lock(mu_);
    return requests_;
  }

 private:
  std::mutex mu_;
  bool hold_ = false;
  Result<PushReceipt> answer_ = PushReceipt{.accepted = 1};
  std::vector<Done> held_;
  std::vector<PushRequest> requests_;
};

std::string Push(uint64_t id, std::string_view data, std::string_view tenant = {}) {
  codec::MsgpackWriter out;
  out.Map(tenant.empty() ? 4 : 5);
  out.Key("v");
  out.Uint(1);
  out.Key("kind");
  out.Str("push");
  out.Key("id");
  out.Uint(id);
  if (!tenant.empty()) {
    out.Key("tenant");
    out.Str(tenant);
  }
  out.Key("profiles");
  out.Array(1);
  out.Map(1);
  out.Key("data");
  out.Bin(AsBytes(data));
  return out.Take();
}

// Scalars of an answer as text.
std::map<std::string, std::string> Parse(Bytes bytes) {
  std::map<std::string, std::string> fields;
  codec::MsgpackReader in(bytes, "answer");
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string key(in.Str());
    const size_t before = in.position();
    const Bytes value = in.Skip();
    codec::MsgpackReader one(value, "value");
    if (key == "kind" || key == "code" || key == "reason" || key == "message") {
      fields[key] = one.Str();
    } else if (key == "retryable") {
      fields[key] = one.Bool() ? "true" : "false";
    } else if (key == "rejections" || key == "segments") {
      fields[key] = std::to_string(one.Array());
    } else {
      fields[key] = one.TryNil() ? "nil" : std::to_string(one.Uint());
    }
    EXPECT_GE(in.position(), before);
  }
  EXPECT_TRUE(in.Finish().ok());
  return fields;
}

class IngestDoor : public ::testing::Test {
 protected:
  void StartEndpoint(IngestEndpoint::Options options = {}) {
    options.address = "tcp://127.0.0.1:0";
    options.pull_address = "tcp://127.0.0.1:0";
    endpoint_ = std::make_unique<IngestEndpoint>(loop_, options, distributor_, metrics_);
    const Status started = endpoint_->Start();
    ASSERT_TRUE(started.ok()) << started.ToString();
    shipper_ = Connect(Socket::Type::kDealer, endpoint_->address());
  }
  Socket Connect(Socket::Type type, const std::string& address) {
    Result<Socket> socket = Socket::Open(context_, type, {});
    EXPECT_TRUE(socket.ok());
    // libzmq throws away unread answers of a connection that ends when this is set.
    const int off = 0;
    EXPECT_EQ(zmq_setsockopt(socket->handle(), ZMQ_IMMEDIATE, &off, sizeof off), 0);
    EXPECT_TRUE(socket->Connect(address).ok());
    return std::move(socket).value();
  }
  static void Send(Socket& socket, Frames frames) {
    Socket::Io io = Socket::Io::kWouldBlock;
    for (int i = 0; i < 1000 && io == Socket::Io::kWouldBlock; ++i) {
      io = socket.Send(frames);
      if (io == Socket::Io::kWouldBlock) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ASSERT_EQ(io, Socket::Io::kDone);
  }
  static Frames Receive(Socket& socket, int ms = 4000) {
    Frames frames;
    for (int i = 0; i < ms / 2; ++i) {
      if (socket.Receive(frames, 4) == Socket::Io::kDone) return frames;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return {};
  }
  std::map<std::string, std::string> Ask(std::string body) {
    Send(shipper_, MakeFrames(Frame(std::move(body))));
    const Frames answer = Receive(shipper_);
    EXPECT_EQ(answer.size(), 1u);
    return answer.empty() ? std::map<std::string, std::string>{} : Parse(answer[0].bytes());
  }
  uint64_t Counter(std::string_view name, const MetricLabels& labels) {
    return metrics_.GetCounter(name, "", labels).value();
  }

  MetricsRegistry metrics_;
  FakeDistributor distributor_;
  Context context_;
  Loop loop_{{.name = "ingest"}, context_};
  std::unique_ptr<IngestEndpoint> endpoint_;
  Socket shipper_;
};

TEST_F(IngestDoor, PushIsAcknowledgedWithItsReceipt) {
  StartEndpoint();
  distributor_.set_answer(PushReceipt{.accepted = 3,
                                      .duplicates = 2,
                                      .rejections = {{1, InvalidArgument("bad")}},
                                      .segments = {Ulid{Hash128{1, 2}}}});
  auto answer = Ask(Push(42, "bytes"));
  EXPECT_EQ(answer["kind"], "ack");
  EXPECT_EQ(answer["id"], "42");
  EXPECT_EQ(answer["accepted"], "3");
  EXPECT_EQ(answer["duplicates"], "2");
  EXPECT_EQ(answer["rejections"], "1");
  EXPECT_EQ(answer["segments"], "1");
  const PushRequest request = distributor_.requests().at(0);
  EXPECT_EQ(request.tenant, "anonymous");
  EXPECT_EQ(request.source, "zeromq");
  EXPECT_EQ(request.profiles.at(0).data, "bytes");
}

TEST_F(IngestDoor, HelloGrantsCredit) {
  StartEndpoint({.message_bytes_max = 1000, .credit_bytes = 5000});
  auto answer = Ask("\x83\xa1v\x01\xa4kind\xa5hello\xa2id\x05");
  EXPECT_EQ(answer["kind"], "credit");
  EXPECT_EQ(answer["id"], "5");
  EXPECT_EQ(answer["bytes"], "5000");
  EXPECT_EQ(answer["message_bytes_max"], "1000");
}

TEST_F(IngestDoor, GarbageGetsAReasonAndTheConnectionStays) {
  StartEndpoint({.message_bytes_max = 1000});
  auto answer = Ask("GET / HTTP/1.1");
  EXPECT_EQ(answer["kind"], "error");
  EXPECT_EQ(answer["id"], "nil");
  EXPECT_EQ(answer["reason"], "not_msgpack");
  EXPECT_EQ(answer["retryable"], "false");
  answer = Ask(Push(9, std::string(1500, 'x')));
  EXPECT_EQ(answer["reason"], "too_large");
  EXPECT_NE(answer["message"].find("limit is 1000"), std::string::npos) << answer["message"];
  Send(shipper_, MakeFrames(Frame(std::string("a")), Frame(std::string("b")),
                            Frame(std::string("c")), Frame(std::string("d"))));
  const Frames frames = Receive(shipper_);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(Parse(frames[0].bytes())["reason"], "frames");
  EXPECT_EQ(Ask(Push(1, "ok"))["kind"], "ack");
  EXPECT_EQ(distributor_.requests().size(), 1u);
}

TEST_F(IngestDoor, ARequestSocketGetsItsDelimiterBack) {
  StartEndpoint();
  Send(shipper_, MakeFrames(Frame(), Frame(Push(7, "x"))));
  const Frames answer = Receive(shipper_);
  ASSERT_EQ(answer.size(), 2u);
  EXPECT_TRUE(answer[0].empty());
  EXPECT_EQ(Parse(answer[1].bytes())["id"], "7");
}

TEST_F(IngestDoor, FailuresOfTheWholePushAreErrors) {
  StartEndpoint();
  distributor_.set_answer(Unavailable("no segment-writer"));
  auto answer = Ask(Push(2, "x"));
  EXPECT_EQ(answer["kind"], "error");
  EXPECT_EQ(answer["id"], "2");
  EXPECT_EQ(answer["code"], "unavailable");
  EXPECT_EQ(answer["retryable"], "true");
  EXPECT_EQ(answer["message"], "no segment-writer");
}

TEST_F(IngestDoor, TenantsAreCheckedWhenThereAreMany) {
  StartEndpoint({.multitenancy = true});
  EXPECT_EQ(Ask(Push(1, "x"))["code"], "unauthenticated");
  for (std::string_view bad : {".", "..", "a/b", "a|b", "a b"}) {
    EXPECT_EQ(Ask(Push(1, "x", bad))["reason"], "tenant") << bad;
  }
  EXPECT_EQ(Ask(Push(1, "x", std::string(151, 'a')))["reason"], "tenant");
  EXPECT_EQ(Ask(Push(1, "x", std::string(150, 'a')))["kind"], "ack");
  EXPECT_EQ(Ask(Push(1, "x", "Acme-1!_.*'()"))["kind"], "ack");
  EXPECT_EQ(distributor_.requests().back().tenant, "Acme-1!_.*'()");
  EXPECT_EQ(distributor_.requests().size(), 2u);
}

TEST_F(IngestDoor, OverTheCreditIsBusyAndOverTheTotalToo) {
  StartEndpoint({.credit_bytes = 5000, .bytes_max = 8000});
  distributor_.set_hold(true);
  Send(shipper_, MakeFrames(Frame(Push(1, std::string(3000, 'x')))));
  ASSERT_TRUE(distributor_.WaitForCount(1));
  auto answer = Ask(Push(2, std::string(3000, 'x')));
  EXPECT_EQ(answer["reason"], "busy");
  EXPECT_EQ(answer["id"], "2");
  EXPECT_EQ(answer["retryable"], "true");
  EXPECT_NE(answer["message"].find("credit"), std::string::npos);

  Socket other = Connect(Socket::Type::kDealer, endpoint_->address());
  Send(other, MakeFrames(Frame(Push(3, std::string(3000, 'x')))));
  ASSERT_TRUE(distributor_.WaitForCount(2));
  Socket third = Connect(Socket::Type::kDealer, endpoint_->address());
  Send(third, MakeFrames(Frame(Push(4, std::string(3000, 'x')))));
  const Frames busy = Receive(third);
  ASSERT_EQ(busy.size(), 1u);
  EXPECT_EQ(Parse(busy[0].bytes())["reason"], "busy");

  distributor_.ReleaseAll();
  distributor_.set_hold(false);
  const Frames ack = Receive(shipper_);
  ASSERT_EQ(ack.size(), 1u);
  EXPECT_EQ(Parse(ack[0].bytes())["id"], "1");
  EXPECT_EQ(Ask(Push(5, std::string(3000, 'x')))["kind"], "ack");
}

TEST_F(IngestDoor, PullTakesPushesAndCountsWhatItDrops) {
  StartEndpoint();
  Socket push = Connect(Socket::Type::kPush, endpoint_->pull_address());
  Send(push, MakeFrames(Frame(std::string("garbage"))));
  Send(push, MakeFrames(Frame(Push(1, "fire"))));
  ASSERT_TRUE(distributor_.WaitForCount(1));
  EXPECT_EQ(distributor_.requests()[0].profiles.at(0).data, "fire");
  EXPECT_EQ(Counter("brazier_ingest_zeromq_refused_total",
                    {{"socket", "pull"}, {"reason", "not_msgpack"}}),
            1u);
}

TEST_F(IngestDoor, StopWaitsForPushesUnderWay) {
  StartEndpoint();
  distributor_.set_hold(true);
  Send(shipper_, MakeFrames(Frame(Push(1, "x"))));
  ASSERT_TRUE(distributor_.WaitForCount(1));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    distributor_.ReleaseAll();
  });
  endpoint_->Stop(3000);
  later.join();
  const Frames ack = Receive(shipper_);
  ASSERT_EQ(ack.size(), 1u);
  EXPECT_EQ(Parse(ack[0].bytes())["kind"], "ack");
}

TEST_F(IngestDoor, StopWithoutPatienceAndALateAnswer) {
  StartEndpoint();
  distributor_.set_hold(true);
  Send(shipper_, MakeFrames(Frame(Push(1, "x"))));
  ASSERT_TRUE(distributor_.WaitForCount(1));
  endpoint_->Stop(0);
  endpoint_.reset();
  distributor_.ReleaseAll();
  loop_.Stop();
}

TEST_F(IngestDoor, AnAddressInUseIsNamed) {
  StartEndpoint();
  IngestEndpoint second(loop_, {.address = endpoint_->address(), .pull_address = ""}, distributor_,
                        metrics_);
  const Status status = second.Start();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find(endpoint_->address()), std::string::npos) << status.message();
}

}  // namespace
}  // namespace brazier::pipeline
