// ThriftServer: one port that serves any number of Thrift services (framed, compact, multiplexed by service name).
//
// Use: make services (push_handler.h, query_handler.h, ...), construct, Start(), Stop(). A thread per connection;
// calls of one connection run one after the other. What a peer sends cannot make the server allocate more than
// Options::inbound_bytes_max, block a thread for longer than the deadlines, or end the process.
// Start() ignores SIGPIPE for the whole process and routes the Thrift library's messages to our log.
// Ownership: the objects behind the services outlive the server. Start and Stop from one thread; the rest Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/observe/metrics.h"
#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

// One service with its name, ready to be served. Opaque: it holds Thrift types.
struct ThriftService;

class ThriftServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    uint16_t port = 0;  // 0: any free one
    FrameLimits frame;
    // Connections beyond this are closed at once.
    int64_t connections_max = 1024;
    // Requests in memory, over all connections; at the limit reading waits.
    uint64_t inbound_bytes_max = 512ull << 20;
    int64_t idle_timeout_ms = 600'000;   // a connection without a request
    int64_t frame_timeout_ms = 10'000;   // a request under way, plus its bytes at kFrameBytesPerSecondMin
    int64_t write_timeout_ms = 30'000;   // an answer that the client does not take
  };

  ThriftServer(Options options, std::vector<std::shared_ptr<ThriftService>> services,
               const Clock& clock, MetricsRegistry& metrics);
  ~ThriftServer();  // stops
  ThriftServer(const ThriftServer&) = delete;
  ThriftServer& operator=(const ThriftServer&) = delete;

  // Returns when the port is bound and connections are taken. kUnavailable when the port is not to be had.
  Status Start();
  // Takes no new connection or request, finishes and answers the calls that run, returns when all are done: at most
  // the longest deadline (kDeadlineMsMax, or that of queries) plus the write timeout later. Idempotent.
  void Stop();

  uint16_t port() const;  // the bound one; 0 before Start
  int64_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::rpc
