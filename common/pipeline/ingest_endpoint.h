// IngestEndpoint: the door for profile shippers. Two sockets: a ROUTER whose every push is answered
// when it is durable, and a PULL for senders that want no answer. docs/format/zeromq-ingest.md
// describes the messages.
//
// Messages are read on the loop thread; Distributor::Push runs on a small pool, since it decodes
// profiles. Pushes under way are bounded in bytes, per connection (its credit) and altogether; over
// either the ROUTER answers "busy" (resource_exhausted, retryable) and the PULL drops and counts.
// What cannot be read is answered with a reason and the connection stays; only a message of more
// than twice message_bytes_max makes libzmq hang up.
//
// Stop(drain_ms): takes nothing new, waits up to drain_ms for pushes under way to be answered,
// closes the sockets, joins the pool. `distributor` outlives Stop(); `loop` and `metrics` outlive
// the endpoint. Start and Stop from one thread, not the loop's.
#pragma once

#include <memory>
#include <string>

#include "common/contract/distributor.h"
#include "common/observe/metrics.h"
#include "common/pipeline/loop.h"

namespace brazier::pipeline {

class IngestEndpoint {
 public:
  struct Options {
    std::string address = "tcp://127.0.0.1:4042";       // empty: off
    std::string pull_address = "tcp://127.0.0.1:4043";  // empty: off
    bool multitenancy = false;  // off: every tenant is "anonymous"; on: messages name theirs
    size_t threads = 2;
    size_t message_bytes_max = 16u << 20;
    size_t credit_bytes = 8u << 20;       // of one connection
    size_t bytes_max = 128u << 20;        // of all pushes under way
    int64_t timeout_ms_default = 30'000;  // of a push that names none
    int64_t timeout_ms_max = 120'000;
  };

  IngestEndpoint(Loop& loop, Options options, contract::Distributor& distributor,
                 MetricsRegistry& metrics);
  ~IngestEndpoint();
  IngestEndpoint(const IngestEndpoint&) = delete;
  IngestEndpoint& operator=(const IngestEndpoint&) = delete;

  // Binds both sockets. kUnavailable names the address that could not be bound.
  Status Start();
  void Stop(int64_t drain_ms = 0);
  // The bound addresses with their real ports; empty when off. REQUIRES: Start() was OK.
  const std::string& address() const;
  const std::string& pull_address() const;

 private:
  class State;
  const std::shared_ptr<State> state_;
  Loop& loop_;
};

}  // namespace brazier::pipeline
