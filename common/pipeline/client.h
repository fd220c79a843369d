// PipelineClient: requests to one server over a DEALER socket, answered in any order.
//
// Call() may be used from any thread. A request waits in the client while the server's credit
// (bytes) is used up or while there is no connection; what waits and what is under way together
// stay below client_bytes_max. Every call ends:
//   - with the server's answer or error;
//   - kInvalidArgument: larger than one message may be (checked before anything is sent);
//   - kResourceExhausted: this client holds its limit already, or the server is busy;
//   - kDeadlineExceeded: the deadline passed (the server is told that nobody waits any more);
//   - kCancelled: Cancel() (the server is told as well);
//   - kUnavailable: the connection broke while the request was under way, or no connection came up
//   within
//     connect_timeout_ms. The request may or may not have been done.
// `done` is called once, on the loop thread (or on the caller's, for what is refused at once), and
// must not block. The destructor does not wait: what is open ends with kUnavailable on the loop
// thread. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/observe/metrics.h"
#include "common/pipeline/envelope.h"
#include "common/pipeline/loop.h"

namespace brazier::pipeline {

class PipelineClient {
 public:
  struct Options {
    std::string address;  // "tcp://host:port"
    PipelineLimits limits;
  };
  using Done = std::function<void(Result<Frame>)>;

  // `loop` and `metrics` outlive the client. kInvalidArgument when the address is none.
  static Result<std::unique_ptr<PipelineClient>> Open(Loop& loop, Options options,
                                                      MetricsRegistry& metrics);
  ~PipelineClient();
  PipelineClient(const PipelineClient&) = delete;
  PipelineClient& operator=(const PipelineClient&) = delete;

  // What a call does while the server's credit is used up: wait for room, until its deadline; or end, at once, with
  // kResourceExhausted (reason "backend_busy"), and with kUnavailable while there is no connection. For callers that hold
  // something others wait for.
  enum class NoRoom { kWait, kRefuse };
  // `header` gives kind, and what the kind needs; id and deadline are filled in. Returns the id, for Cancel(). The context's
  // cancellation is not watched here: whoever waits does that.
  uint64_t Call(const contract::RequestContext& context, Envelope header, std::string payload,
                Done done, NoRoom no_room = NoRoom::kWait);
  // Ends the call with kCancelled, unless it has ended, and tells the server that nobody waits any more.
  void Cancel(uint64_t id);
  // OK while there is a connection.
  Status Ready() const;
  const std::string& address() const;

 private:
  class State;
  explicit PipelineClient(std::shared_ptr<State> state) : state_(std::move(state)) {}
  const std::shared_ptr<State> state_;
};

}  // namespace brazier::pipeline
