// A Thrift server on loopback with all services over fakes, and the clients that talk to it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/observe/metrics.h"
#include "common/rpc/admin_handler.h"
#include "common/rpc/client_options.h"
#include "common/rpc/metastore_handler.h"
#include "common/rpc/push_handler.h"
#include "common/rpc/query_handler.h"
#include "common/rpc/thrift_server.h"
#include "tests/common/rpc/fake_roles.h"

namespace brazier::rpc {

struct RpcFixture : ::testing::Test {
  MetricsRegistry metrics;
  FakeDistributor distributor;
  FakeMetastore metastore;
  FakeQueryFrontend frontend;
  ThriftServer::Options options;
  PushHandlerOptions push_options;
  QueryHandlerOptions query_options;
  std::unique_ptr<ThriftServer> server;

  void StartServer() {
    const Clock& clock = SystemClock();
    Random& random = SystemRandom();
    server = std::make_unique<ThriftServer>(
        options,
        std::vector{MakePushService(push_options, distributor, clock, random, metrics),
                    MakeMetastoreService(metastore, clock, random, metrics),
                    MakeQueryService(query_options, frontend, clock, random, metrics),
                    MakeAdminService({.version = "1.2.3",
                                      .member_id = "host-1",
                                      .roles = {{"metastore", [this] { return metastore.Ready(); }}}},
                                     clock, random, metrics)},
        clock, metrics);
    const Status status = server->Start();
    ASSERT_TRUE(status.ok()) << status.ToString();
    ASSERT_NE(server->port(), 0);
  }

  ClientOptions Client() const {
    ClientOptions client;
    client.addresses = {"127.0.0.1:" + std::to_string(server->port())};
    return client;
  }

  static contract::RequestContext Within(int64_t ms) {
    return {.request_id = "test-request", .deadline_ns = SystemClock().MonotonicNs() + ms * kNsPerMs};
  }

  uint64_t CounterValue(std::string_view name, const MetricLabels& labels = {}) {
    return metrics.GetCounter(name, "", labels).value();
  }
};

// The answer of an asynchronous call; a call without an answer within 20 s fails the test.
template <typename T>
class Awaited {
 public:
  std::function<void(Result<T>)> Callback() {
    return [promise = promise_](Result<T> result) { promise->set_value(std::move(result)); };
  }
  Result<T> Get() {
    auto future = promise_->get_future();
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      return Internal("the callback was never called");
    }
    return future.get();
  }

 private:
  std::shared_ptr<std::promise<Result<T>>> promise_ = std::make_shared<std::promise<Result<T>>>();
};

}  // namespace brazier::rpc
