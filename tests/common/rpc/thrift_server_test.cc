// The server's life: many clients, limits, time-outs, and a stop that finishes what it has begun.
#include "common/rpc/thrift_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "common/rpc/push_client.h"
#include "common/rpc/query_client.h"
#include "common/rpc/thrift_channel.h"
#include "idl/AdminService.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace brazier::rpc {
namespace {

using ThriftServerTest = RpcFixture;

contract::PushRequest PushOf(std::string data) {
  contract::PushRequest request;
  request.profiles.emplace_back().data = std::move(data);
  return request;
}

TEST_F(ThriftServerTest, FiftyConcurrentClients) {
  StartServer();
  constexpr int kClients = 50;
  constexpr int kCalls = 20;
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&] {
      ClientOptions client_options = Client();
      client_options.threads = 1;
      PushClient client(client_options, SystemClock(), SystemRandom(), metrics);
      for (int call = 0; call < kCalls; ++call) {
        Awaited<contract::PushReceipt> answer;
        client.Push(Within(20'000), PushOf(std::string(30'000, 'x')), answer.Callback());
        auto receipt = answer.Get();
        if (receipt.ok()) accepted += static_cast<int>(receipt->accepted);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, kClients * kCalls);
  EXPECT_EQ(distributor.pushes.size(), static_cast<size_t>(kClients * kCalls));
}

TEST_F(ThriftServerTest, StopWithACallInFlightReturnsItsResult) {
  StartServer();
  Gate gate;
  distributor.answer = [&](const contract::PushRequest&) -> Result<contract::PushReceipt> {
    gate.Enter();
    return contract::PushReceipt{.accepted = 1};
  };
  PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
  Awaited<contract::PushReceipt> answer;
  client.Push(Within(20'000), PushOf("x"), answer.Callback());
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    server->Stop();
    stopped = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(stopped) << "stop must wait for the call";
  gate.Open();
  auto receipt = answer.Get();
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_EQ(receipt->accepted, 1u);
  stopper.join();
  EXPECT_EQ(server->connections(), 0);
}

TEST_F(ThriftServerTest, StopDoesNotWaitForIdleClients) {
  StartServer();
  QueryClient client(Client(), SystemClock(), SystemRandom(), metrics);
  ASSERT_TRUE(client.Ready().ok());
  ASSERT_EQ(server->connections(), 1);
  const auto start = std::chrono::steady_clock::now();
  server->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(ThriftServerTest, StopTwiceAndWithoutStart) {
  StartServer();
  server->Stop();
  server->Stop();
  ThriftServer never({}, {}, SystemClock(), metrics);
  never.Stop();
}

TEST_F(ThriftServerTest, PortInUseIsReported) {
  StartServer();
  ThriftServer::Options same = options;
  same.port = server->port();
  ThriftServer second(same, {}, SystemClock(), metrics);
  const Status status = second.Start();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find(std::to_string(same.port)), std::string::npos);
}

TEST_F(ThriftServerTest, ConnectionsAboveTheLimitAreClosed) {
  options.connections_max = 2;
  StartServer();
  ClientOptions once = Client();
  once.attempts_max = 1;
  QueryClient first(once, SystemClock(), SystemRandom(), metrics);
  QueryClient second(once, SystemClock(), SystemRandom(), metrics);
  ASSERT_TRUE(first.Ready().ok());
  ASSERT_TRUE(second.Ready().ok());
  {
    QueryClient third(once, SystemClock(), SystemRandom(), metrics);
    EXPECT_EQ(third.Ready().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(first.Ready().ok());
  EXPECT_EQ(CounterValue("brazier_rpc_server_connections_refused_total"), 1u);
}

TEST_F(ThriftServerTest, IdleConnectionsAreClosedAndReplaced) {
  options.idle_timeout_ms = 100;
  StartServer();
  QueryClient client(Client(), SystemClock(), SystemRandom(), metrics);
  ASSERT_TRUE(client.Ready().ok());
  for (int i = 0; i < 100 && server->connections() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(server->connections(), 0);
  EXPECT_TRUE(client.Ready().ok());
  EXPECT_EQ(CounterValue("brazier_rpc_client_retries_total", {{"service", "QueryService"}}), 0u)
      << "a dead connection is seen before it is used";
}

// Requests above the budget wait for the ones before them.
TEST_F(ThriftServerTest, InboundBytesAreBounded) {
  options.inbound_bytes_max = 2'000'000;
  StartServer();
  Gate gate;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  distributor.answer = [&](const contract::PushRequest&) -> Result<contract::PushReceipt> {
    int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    gate.Enter();
    --running;
    return contract::PushReceipt{.accepted = 1};
  };
  ClientOptions wide = Client();
  wide.threads = 4;
  PushClient client(wide, SystemClock(), SystemRandom(), metrics);
  std::vector<Awaited<contract::PushReceipt>> answers(4);
  for (auto& answer : answers) client.Push(Within(20'000), PushOf(std::string(900'000, 'x')), answer.Callback());
  ASSERT_TRUE(gate.AwaitEntered(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(most, 2) << "a third of 0.9 MB does not fit into 2 MB";
  gate.Open();
  for (auto& answer : answers) EXPECT_TRUE(answer.Get().ok());
}

TEST_F(ThriftServerTest, AdminTellsStatusAndMetrics) {
  StartServer();
  metastore.ready = Unavailable("no leader");
  ThriftChannel channel(Client(), "AdminService", SystemClock(), SystemRandom(), metrics);
  idl::ProcessStatus status;
  std::string text;
  ASSERT_TRUE(channel
                  .Call(Within(5000), "status",
                        [&](const Protocol& protocol, const idl::RequestHeader& header) {
                          idl::AdminServiceClient client(protocol);
                          client.status(status, header);
                          client.metricsText(text, header);
                        })
                  .ok());
  EXPECT_EQ(status.version, "1.2.3");
  EXPECT_EQ(status.member_id, "host-1");
  ASSERT_EQ(status.roles.size(), 1u);
  EXPECT_EQ(status.roles[0].role, "metastore");
  EXPECT_FALSE(status.roles[0].ready);
  EXPECT_NE(status.roles[0].message.find("no leader"), std::string::npos);
  EXPECT_NE(text.find("brazier_rpc_server_calls_total"), std::string::npos);
}

}  // namespace
}  // namespace brazier::rpc
