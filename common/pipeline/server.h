// PipelineServer: one ROUTER socket that serves several kinds of requests to many clients.
//
//   PipelineServer server(loop, {.address = "tcp://127.0.0.1:0"}, metrics);
//   server.Handle(Kind::kAppend, [](ServerRequest request) { ... request.responder.Ok(bytes); });
//   RETURN_IF_ERROR(server.Start());
//
// Handlers run on the loop thread and must not block. A request is answered once, from any thread,
// through its Responder; one that is destroyed unanswered answers kUnavailable by itself. Answers
// to clients that went away are dropped and counted. Bounds: a client has credit_bytes under way
// (twice that are tolerated, for requests that it gave up), all clients together server_bytes_max;
// over either the answer is "busy". What cannot be read is answered with an error, the connection
// stays.
//
// Stop() closes the socket: no handler runs after it has returned, later answers go nowhere.
// Thread-safe after Start().
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

// The right to answer one request, once. Movable.
class Responder {
 public:
  using Send = std::function<void(Result<std::string>)>;
  explicit Responder(Send send) : send_(std::move(send)) {}
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&& other) noexcept {
    std::swap(send_, other.send_);
    return *this;
  }
  ~Responder() {
    if (send_) Answer(Unavailable("the request was dropped unanswered"));
  }
  // The payload of the answer, or the failure.
  void Answer(Result<std::string> outcome) {
    if (Send send = std::exchange(send_, nullptr)) send(std::move(outcome));
  }

 private:
  Send send_;
};

struct ServerRequest {
  Envelope header;
  contract::RequestContext context;  // cancelled when the client does not want the answer any more
  Frame payload;
  Responder responder;
};

class PipelineServer {
 public:
  struct Options {
    std::string address = "tcp://127.0.0.1:0";
    PipelineLimits limits;
  };
  using Handler = std::function<void(ServerRequest)>;

  // `loop` and `metrics` outlive the server.
  PipelineServer(Loop& loop, Options options, MetricsRegistry& metrics);
  ~PipelineServer();
  PipelineServer(const PipelineServer&) = delete;
  PipelineServer& operator=(const PipelineServer&) = delete;

  // REQUIRES: before Start().
  void Handle(Kind kind, Handler handler);
  // Binds. kUnavailable when the address cannot be bound.
  Status Start();
  // The bound address with its real port. REQUIRES: Start() was OK.
  const std::string& address() const;
  void Stop();

 private:
  class State;
  const std::shared_ptr<State> state_;
  Loop& loop_;
};

}  // namespace brazier::pipeline
