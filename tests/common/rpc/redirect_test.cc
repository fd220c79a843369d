// How calls find the member that leads: redirects, members that hang, seconds without a leader.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "common/rpc/metastore_client.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace brazier::rpc {
namespace {

using Answer = std::function<Status(int call)>;

Status NotLeader(const std::string& leader = "") {
  return Unavailable("another member leads").WithReason("not_leader").WithRedirect(leader);
}

// A process that serves a metastore whose heartbeats end as told; counts them.
class MemberProcess {
 public:
  MemberProcess()
      : server_({}, {MakeMetastoreService(metastore_, SystemClock(), SystemRandom(), metrics_)},
                SystemClock(), metrics_) {
    EXPECT_TRUE(server_.Start().ok());
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  void set_answer(Answer answer) {
    std::lock_guard lock(metastore_.mu);
    metastore_.on_heartbeat = std::move(answer);
  }
  int calls() {
    std::lock_guard lock(metastore_.mu);
    return static_cast<int>(metastore_.heartbeats.size());
  }
  void Stop() { server_.Stop(); }

 private:
  MetricsRegistry metrics_;
  FakeMetastore metastore_;
  ThriftServer server_;
};

struct Redirect : ::testing::Test {
  MetricsRegistry metrics;
  MemberProcess a;
  MemberProcess b;

  // Pauses that a test would notice.
  ClientOptions Slow(std::vector<std::string> addresses) {
    ClientOptions options;
    options.addresses = std::move(addresses);
    options.first_backoff_ms = 1500;
    options.last_backoff_ms = 1500;
    return options;
  }
  std::unique_ptr<MetastoreClient> Client(ClientOptions options) {
    return std::make_unique<MetastoreClient>(std::move(options), SystemClock(), SystemRandom(),
                                             metrics);
  }
  static Status Call(MetastoreClient& client, int64_t ms = 10'000) {
    return client.Heartbeat(RpcFixture::Within(ms), Member{.id = "m"});
  }
  static int64_t NowMs() { return SystemClock().MonotonicNs() / kNsPerMs; }
};

TEST_F(Redirect, IsFollowedAtOnceAndKept) {
  a.set_answer([&](int) { return NotLeader(b.address()); });
  auto client = Client(Slow({a.address()}));  // knows nothing of b
  const int64_t start_ms = NowMs();
  const Status status = Call(*client);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_LT(NowMs() - start_ms, 700) << "the first redirect takes no pause";
  EXPECT_TRUE(Call(*client).ok());
  EXPECT_TRUE(Call(*client).ok());
  EXPECT_EQ(a.calls(), 1);
  EXPECT_EQ(b.calls(), 3);
}

TEST_F(Redirect, AConfiguredAddressIsKeptToo) {
  a.set_answer([&](int) { return NotLeader(b.address()); });
  MemberProcess between;
  between.set_answer([](int) { return NotLeader(); });
  auto client = Client(Slow({a.address(), between.address(), b.address()}));
  EXPECT_TRUE(Call(*client).ok());
  EXPECT_TRUE(Call(*client).ok());
  EXPECT_EQ(a.calls(), 1);
  EXPECT_EQ(between.calls(), 0);
  EXPECT_EQ(b.calls(), 2);
}

TEST_F(Redirect, ALeaderThatFailsLeadsBackToTheList) {
  a.set_answer([&](int call) { return call == 1 ? NotLeader(b.address()) : Status::Ok(); });
  ClientOptions options;
  options.addresses = {a.address()};
  auto client = Client(options);
  ASSERT_TRUE(Call(*client).ok());
  ASSERT_EQ(b.calls(), 1);
  b.Stop();
  const Status status = Call(*client);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(a.calls(), 2);
}

TEST_F(Redirect, MembersThatPointAtEachOtherCostTheAttemptsAndNoMore) {
  a.set_answer([&](int) { return NotLeader(b.address()); });
  b.set_answer([&](int) { return NotLeader(a.address()); });
  ClientOptions options;
  options.addresses = {a.address()};
  options.first_backoff_ms = 100;
  options.last_backoff_ms = 100;
  options.attempts_max = 5;
  auto client = Client(options);
  const int64_t start_ms = NowMs();
  const Status status = Call(*client);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.reason(), "not_leader");
  EXPECT_EQ(status.redirect(), b.address()) << "the last that was asked is a";
  EXPECT_EQ(a.calls() + b.calls(), 5);
  EXPECT_GE(NowMs() - start_ms, 3 * 50) << "only the first redirect takes no pause";

  // The budget of repeats counts them as well.
  options.retry_budget = 2;
  options.attempts_max = 100;
  auto poor = Client(options);
  const int before = a.calls() + b.calls();
  EXPECT_EQ(Call(*poor).code(), Code::kUnavailable);
  EXPECT_EQ(a.calls() + b.calls() - before, 3);
}

TEST_F(Redirect, WhatIsNoAddressIsPassedOver) {
  for (const std::string& bad :
       {std::string("nowhere"), std::string(":7"), std::string("host:0"), std::string("host:65536"),
        std::string("host:7x"), std::string(300, 'h') + ":7", a.address(), std::string()}) {
    SCOPED_TRACE(bad);
    a.set_answer([&](int) { return NotLeader(bad); });
    const int before_a = a.calls();
    const int before_b = b.calls();
    ClientOptions options;
    options.addresses = {a.address(), b.address()};
    auto client = Client(options);
    const Status status = Call(*client);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(a.calls() - before_a, 1);
    EXPECT_EQ(b.calls() - before_b, 1);
  }
}

TEST_F(Redirect, OnlyThoseThatDoNotLeadAreBelieved) {
  a.set_answer([&](int) {
    return Unavailable("the disk is full").WithReason("disk_full").WithRedirect(b.address());
  });
  ClientOptions options;
  options.addresses = {a.address()};
  options.attempts_max = 3;
  auto client = Client(options);
  EXPECT_EQ(Call(*client).reason(), "disk_full");
  EXPECT_EQ(a.calls(), 3);
  EXPECT_EQ(b.calls(), 0);
  // Refusals are final, wherever they point.
  a.set_answer([&](int) {
    return InvalidArgument("no").WithReason("not_leader").WithRedirect(b.address());
  });
  EXPECT_EQ(Call(*client).code(), Code::kInvalidArgument);
  EXPECT_EQ(b.calls(), 0);
}

// No leader for 1.8 s, dozens of callers: none notices.
TEST_F(Redirect, CallsOfTheMetastoresClientOutliveAnElection) {
  const int64_t elected_ms = NowMs() + 1800;
  const auto electing = [&](const std::string& leader) {
    return [&, leader](int) {
      if (NowMs() < elected_ms) return NotLeader();
      return leader.empty() ? Status::Ok() : NotLeader(leader);
    };
  };
  a.set_answer(electing(b.address()));
  b.set_answer(electing(""));
  auto client = Client(MetastoreClientOptions({a.address(), b.address()}));
  std::vector<std::thread> callers;
  std::atomic<int> failed{0};
  for (int i = 0; i < 32; ++i) {
    callers.emplace_back([&] {
      if (const Status status = Call(*client); !status.ok()) {
        ++failed;
        ADD_FAILURE() << status.ToString();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(Redirect, AMemberThatHangsCostsAnAttemptAndNotTheDeadline) {
  // The call that hangs outlives this function.
  const auto go = std::make_shared<std::atomic<bool>>(false);
  a.set_answer([go](int) {
    while (!*go) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Status::Ok();
  });
  ClientOptions options;
  options.addresses = {a.address(), b.address()};
  options.first_attempt_ms = 200;
  auto client = Client(options);
  const int64_t start_ms = NowMs();
  const Status status = Call(*client, 20'000);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_LT(NowMs() - start_ms, 5000);
  EXPECT_EQ(b.calls(), 1);
  EXPECT_TRUE(Call(*client).ok());
  EXPECT_EQ(a.calls(), 1) << "later calls begin at the one that answered";
  *go = true;
}

TEST_F(Redirect, WhatTakesLongGetsItsTime) {
  const auto slow = [](int) {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    return Status::Ok();
  };
  a.set_answer(slow);
  b.set_answer(slow);
  ClientOptions options;
  options.addresses = {a.address(), b.address()};
  options.first_attempt_ms = 200;  // then 400, then 800
  auto client = Client(options);
  Status status = Call(*client);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(a.calls() + b.calls(), 3);
  // With nobody else to ask there is nothing to gain.
  options.addresses = {a.address()};
  auto alone = Client(options);
  const int before = a.calls();
  status = Call(*alone);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(a.calls() - before, 1);
}

TEST(SplitAddresses, TakesListsAsPeopleWriteThem) {
  using List = std::vector<std::string>;
  EXPECT_EQ(SplitAddresses("a:1"), List{"a:1"});
  EXPECT_EQ(SplitAddresses(" a:1 ,[::1]:2,\tc:3,"), (List{"a:1", "[::1]:2", "c:3"}));
  EXPECT_EQ(SplitAddresses(" , ,"), List{});
  EXPECT_EQ(SplitAddresses(""), List{});
}

}  // namespace
}  // namespace brazier::rpc
