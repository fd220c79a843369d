// HttpServer: HTTP/1.1 on one port, in front of a Router. Hides the HTTP library.
//
// Connections live on I/O threads, one thread per connection for its whole life; requests of one connection are
// answered in the order they came, one at a time. Handlers run on that thread and answer through the Responder, from
// any thread; handlers of blocking routes run on the worker pool. Nothing is unbounded: connections, headers, bodies
// per route, bytes of bodies in flight, queued queries, and the time a client may take for each step.
// A connection that begins with the HTTP/2 preface is closed: the place where another protocol can be attached.
// Start and Stop from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/observe/metrics.h"
#include "server/http/router.h"

namespace brazier::http {

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 4040;            // 0: any free one, see bound_port()
  size_t io_threads = 0;           // 0: one per core
  size_t worker_threads = 0;       // for blocking routes, at most, as needed; 0: two per core, at least 4
  size_t worker_queue_max = 256;   // requests that wait for a worker; above: 503
  size_t connections_max = 10'000; // above: 503 and close
  size_t header_bytes_max = 64 << 10;
  size_t inflight_body_bytes_max = size_t{1} << 30;  // of all requests not yet answered; above: 503
  std::chrono::milliseconds header_deadline{5'000};  // from the first byte (or the connect) to the last of the header
  std::chrono::milliseconds idle_deadline{120'000};  // between requests
  // A body may pause this long; and on the whole it must come faster than body_bytes_per_second_min, after a grace.
  std::chrono::milliseconds body_pause_max{10'000};
  std::chrono::milliseconds body_grace{30'000};
  size_t body_bytes_per_second_min = 32 << 10;
  // The client must take the answer: at least this long, and 32 KiB/s above that.
  std::chrono::milliseconds write_deadline{30'000};
};

class HttpServer {
 public:
  // `router` must be complete; it and the others outlive the server.
  HttpServer(HttpServerOptions options, const Router& router, MetricsRegistry& metrics, const Clock& clock,
             Random& random);
  ~HttpServer();  // Stop(0)
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds and begins to serve. kUnavailable names the address when it cannot be bound.
  Status Start();
  uint16_t bound_port() const;
  // Stops accepting, closes idle connections, lets requests in progress finish until the deadline, then closes all.
  void Stop(std::chrono::milliseconds drain);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::http
