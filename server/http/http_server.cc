#include <utility>  // first: Boost 1.74 forgets it in C++20

#include "server/http/http_server.h"

#include <pthread.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "common/base/check.h"
#include "common/observe/log.h"
#include "common/observe/request_id.h"
#include "server/http/body_lease.h"
#include "server/http/response_head.h"
#include "server/http/worker_pool.h"

namespace brazier::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Stream = beast::basic_stream<tcp, Executor>;
using Socket = Stream::socket_type;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 64 << 10;       // one read; also the reserve that keeps the parser fast
constexpr size_t kBodyStepBytes = 1 << 20;    // a body's buffer never runs further ahead of what came
constexpr size_t kLingerBytesMax = 4 << 20;   // swallowed after a refusal, so that the client sees the answer
constexpr milliseconds kLingerDeadline{2'000};
constexpr milliseconds kAcceptPause{100};     // after an accept failed, for example for want of descriptors
constexpr size_t kWriteBytesPerSecondMin = 32 << 10;
constexpr std::string_view kHttp2Preface = "PRI";  // no HTTP/1 method begins so

// How other threads reach a loop; refuses when the loop is going away.
class Mailbox {
 public:
  explicit Mailbox(asio::io_context* context) : context_(context) {}
  template <typename F>
  void Post(F work) {
    std::lock_guard lock(mu_);
    if (context_ != nullptr) asio::post(*context_, std::move(work));
  }
  void Close() {
    std::lock_guard lock(mu_);
    context_ = nullptr;
  }

 private:
  std::mutex mu_;
  asio::io_context* context_;  // guarded by mu_
};

class Connection;

// One I/O thread and what lives on it.
struct Loop {
  asio::io_context context{1};
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(&context);
  std::unordered_set<std::shared_ptr<Connection>> connections;  // touched on the loop's thread only
  DateCache date;                                               // likewise
  std::thread thread;
};

// What connections share. Thread-safe after construction.
struct Shared {
  Shared(HttpServerOptions o, const Router& r, MetricsRegistry& m, const Clock& c, Random& n)
      : options(std::move(o)), router(r), metrics(m), clock(c), random(n),
        durations(r.size() + 1),
        connections_gauge(m.GetGauge("brazier_http_connections", "Open HTTP connections.")),
        refused(m.GetCounter("brazier_http_refused_connections_total",
                             "Connections closed because too many were open.")),
        aborted(m.GetCounter("brazier_http_aborted_requests_total",
                             "Requests that broke off or were too slow before they were complete.")),
        gone(m.GetCounter("brazier_http_gone_clients_total",
                          "Clients that closed their connection while their request was executed.")) {}

  void Observe(size_t route, int status, int64_t nanoseconds) {
    if (status < 0 || status >= kStatusMax) status = 0;
    std::atomic<Histogram*>& slot = durations[route][status];
    Histogram* histogram = slot.load(std::memory_order_acquire);
    if (histogram == nullptr) {
      const std::string name = route < router.size() ? router.at(route).name : "unknown";
      histogram = &metrics.GetHistogram("brazier_http_request_duration_seconds",
                                        "From the complete request header to the end of the answer.",
                                        LatencyBounds(),
                                        {{"route", name}, {"status_code", std::to_string(status)}});
      slot.store(histogram, std::memory_order_release);
    }
    histogram->Observe(static_cast<double>(nanoseconds) / 1e9);
  }

  static constexpr int kStatusMax = 600;
  const HttpServerOptions options;
  const Router& router;
  MetricsRegistry& metrics;
  const Clock& clock;
  Random& random;
  std::vector<std::array<std::atomic<Histogram*>, kStatusMax>> durations;  // per route and status
  Gauge& connections_gauge;
  Counter& refused;
  Counter& aborted;
  Counter& gone;
  const std::shared_ptr<std::atomic<size_t>> body_bytes = std::make_shared<std::atomic<size_t>>(0);
  std::atomic<bool> stopping{false};
  WorkerPool* workers = nullptr;

  std::mutex mu;
  std::condition_variable idle;
  size_t connections = 0;  // guarded by mu
};

// One client. Everything runs on the loop's thread; each member function starts the next step or closes.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, Loop& loop, Socket socket)
      : shared_(shared), loop_(loop), stream_(std::move(socket)),
        buffer_(shared.options.header_bytes_max + kReadBytes) {}

  ~Connection() {
    std::lock_guard lock(shared_.mu);
    --shared_.connections;
    shared_.connections_gauge.Set(static_cast<int64_t>(shared_.connections));
    if (shared_.connections == 0) shared_.idle.notify_all();
  }

  void Start() {
    error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    ReadFirstBytes(shared_.options.header_deadline);
  }

  // At shutdown: a connection between requests has nothing to finish.
  void CloseIfIdle() {
    if (idle_) Close();
  }

  void Close() {
    error_code ignored;
    stream_.socket().close(ignored);
    stream_.cancel();
    loop_.connections.erase(shared_from_this());
  }

 private:
  // --- Reading a request ---

  void ReadRequest() {
    if (shared_.stopping) return Close();
    parser_.reset();
    request_ = HttpRequest();
    lease_.reset();
    if (buffer_.size() > 0) return OnFirstBytes();
    ReadFirstBytes(shared_.options.idle_deadline);
  }

  void ReadFirstBytes(milliseconds deadline) {
    idle_ = buffer_.size() == 0;
    stream_.expires_after(deadline);
    buffer_.reserve(kReadBytes);
    stream_.async_read_some(buffer_.prepare(kReadBytes - buffer_.size()),
                            [self = shared_from_this()](error_code ec, size_t bytes) {
                              if (ec) return self->Close();
                              self->buffer_.commit(bytes);
                              self->OnFirstBytes();
                            });
  }

  // Tells the protocols of this port apart by the first bytes of the connection.
  void OnFirstBytes() {
    idle_ = false;
    if (!protocol_known_) {
      const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
      const size_t known = std::min(bytes.size(), kHttp2Preface.size());
      if (bytes.substr(0, known) == kHttp2Preface.substr(0, known)) {
        if (known == kHttp2Preface.size()) return Close();  // HTTP/2: not served here
        return ReadFirstBytes(shared_.options.header_deadline);
      }
      protocol_known_ = true;
    }
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_.options.header_bytes_max));
    parser_->body_limit(std::numeric_limits<uint64_t>::max());  // checked here, per route
    stream_.expires_after(shared_.options.header_deadline);
    bhttp::async_read_header(stream_, buffer_, *parser_,
                             [self = shared_from_this()](error_code ec, size_t) { self->OnHeader(ec); });
  }

  void OnHeader(error_code ec) {
    if (ec == bhttp::error::end_of_stream) return Close();
    if (IsBroken(ec)) return Abort();
    received_ns_ = shared_.clock.MonotonicNs();
    request_.received_ns = received_ns_;
    request_id_.clear();
    is_head_ = false;
    match_ = Router::Match();
    if (ec == bhttp::error::header_limit || ec == bhttp::error::buffer_overflow) {
      return Refuse(431, "request header larger than " +
                             std::to_string(shared_.options.header_bytes_max) + " bytes\n");
    }
    if (ec) return Refuse(400, "malformed request: " + ec.message() + "\n");
    TakeHeader();
    ReadBody();
  }

  void TakeHeader() {
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    request_.method = std::string(message.method_string());
    std::string_view target(message.target().data(), message.target().size());
    // Absolute form, as proxies send it: the authority is not ours to judge.
    if (const size_t scheme = target.find("://"); scheme != std::string_view::npos &&
                                                  target.substr(0, 1) != "/") {
      const size_t path = target.find('/', scheme + 3);
      target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    const size_t question = target.find('?');
    request_.path = PercentDecode(target.substr(0, question), false);
    if (question != std::string_view::npos) {
      request_.query = QueryParams::Parse(target.substr(question + 1));
    }
    for (const auto& field : message) {
      request_.headers.Add({field.name_string().data(), field.name_string().size()},
                           {field.value().data(), field.value().size()});
    }
    request_.request_id = RequestIdOrNew(request_.headers.Get("X-Request-Id"), shared_.random);
    request_id_ = request_.request_id;
    is_head_ = request_.method == "HEAD";
    match_ = shared_.router.Find(request_.method, request_.path);
    body_bytes_max_ = match_.route == nullptr ? kQueryBodyBytesMax : match_.route->body_bytes_max;
  }

  void ReadBody() {
    const bool chunked = parser_->chunked();
    const auto length = parser_->content_length();
    if (request_.headers.Has("Transfer-Encoding") &&
        !EqualsIgnoreCase(request_.headers.Get("Transfer-Encoding"), "chunked")) {
      return Refuse(501, "transfer encodings other than chunked are not supported\n");
    }
    if (!chunked && length.value_or(0) == 0) return Dispatch();
    if (length.value_or(0) > body_bytes_max_) return RefuseLargeBody();
    lease_ = std::make_shared<BodyLease>(shared_.body_bytes, shared_.options.inflight_body_bytes_max);
    // Early: a body that cannot fit is not even read.
    if (length.value_or(0) > lease_->Available()) return RefuseBusy();
    body_started_ = SteadyClock::now();
    body_size_ = chunked ? 0 : *length;
    const std::string_view expect = request_.headers.Get("Expect");
    if (!expect.empty() && !EqualsIgnoreCase(expect, "100-continue")) {
      return Refuse(417, "unknown expectation\n");
    }
    // A body that is here already needs no invitation.
    if (expect.empty() || buffer_.size() > 0) return ReadBodyPart();
    stream_.expires_after(shared_.options.write_deadline);
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](error_code ec, size_t) {
                        if (ec) return self->Abort();
                        self->ReadBodyPart();
                      });
  }

  void ReadBodyPart() {
    if (parser_->chunked()) {
      ReadChunked();
    } else {
      ReadSized();
    }
  }

  // Content-Length: the bytes go straight into the body, which grows with what has come.
  void ReadSized() {
    std::string& body = request_.body;
    if (body_have_ == body.size()) {
      const size_t want = std::min(body_size_, std::max(kBodyStepBytes, body_have_ * 2));
      if (!lease_->GrowTo(want)) return RefuseBusy();
      body.resize(want);
    }
    if (buffer_.size() > 0) {
      const size_t bytes = std::min(buffer_.size(), body.size() - body_have_);
      std::memcpy(body.data() + body_have_, buffer_.data().data(), bytes);
      buffer_.consume(bytes);
      return OnSized(bytes);
    }
    stream_.expires_at(BodyDeadline());
    stream_.async_read_some(asio::buffer(body.data() + body_have_, body.size() - body_have_),
                            [self = shared_from_this()](error_code ec, size_t bytes) {
                              if (ec) return self->Abort();
                              self->OnSized(bytes);
                            });
  }

  void OnSized(size_t bytes) {
    body_have_ += bytes;
    if (body_have_ == body_size_) return Dispatch();
    ReadSized();
  }

  void ReadChunked() {
    std::string& body = request_.body;
    body_have_ = body.size();
    if (body_have_ > body_bytes_max_) return RefuseLargeBody();
    if (!lease_->GrowTo(body_have_ + kReadBytes)) return RefuseBusy();
    body.resize(body_have_ + kReadBytes);
    auto& target = parser_->get().body();
    target.data = body.data() + body_have_;
    target.size = kReadBytes;
    target.more = true;
    stream_.expires_at(BodyDeadline());
    bhttp::async_read_some(stream_, buffer_, *parser_, [self = shared_from_this()](error_code ec, size_t) {
      self->OnChunked(ec);
    });
  }

  void OnChunked(error_code ec) {
    request_.body.resize(body_have_ + kReadBytes - parser_->get().body().size);
    if (ec == bhttp::error::need_buffer) ec = {};
    if (IsBroken(ec)) return Abort();
    if (ec) return Refuse(400, "malformed chunked body: " + ec.message() + "\n");
    if (!parser_->is_done()) return ReadChunked();
    if (request_.body.size() > body_bytes_max_) return RefuseLargeBody();
    Dispatch();
  }

  SteadyClock::time_point BodyDeadline() const {
    const auto& options = shared_.options;
    const milliseconds earned(body_have_ * 1000 / options.body_bytes_per_second_min);
    return std::min(SteadyClock::now() + options.body_pause_max,
                    body_started_ + options.body_grace + earned);
  }

  // Did the transport fail, and not the syntax of what came over it?
  static bool IsBroken(error_code ec) {
    return ec && (ec.category() != bhttp::make_error_code(bhttp::error::bad_method).category() ||
                  ec == bhttp::error::partial_message || ec == bhttp::error::end_of_stream);
  }

  void Abort() {
    shared_.aborted.Add();
    Close();
  }

  // --- Answering ---

  void Dispatch() {
    body_have_ = 0;
    stream_.expires_never();
    if (match_.route == nullptr) {
      if (match_.allow.empty()) return OnResponse(TextResponse(404, "404 page not found\n"));
      HttpResponse response = EmptyResponse(405);
      response.headers.Add("Allow", match_.allow);
      return OnResponse(std::move(response));
    }
    // The sink holds the lease: the bytes are in flight until the handler has let go of its Responder.
    request_.lease = std::move(lease_);
    Responder responder([weak = weak_from_this(), mailbox = loop_.mailbox, lease = request_.lease,
                         id = ++answering_](HttpResponse response) {
      mailbox->Post([weak, id, response = std::move(response)]() mutable {
        const auto self = weak.lock();
        if (self != nullptr && self->answering_ == id) self->OnResponse(std::move(response));
      });
    });
    if (match_.route->blocking) {
      auto request = std::make_shared<HttpRequest>(std::move(request_));
      const auto cancellation = std::make_shared<contract::Cancellation>();
      request->cancellation = cancellation;
      const bool queued = shared_.workers->Submit([route = match_.route, request, responder] {
        // Nobody reads the answer; its status is for the metrics.
        if (request->cancellation->IsCancelled()) return responder.Send(EmptyResponse(499));
        Run(*route, std::move(*request), responder);
      });
      if (!queued) return responder.Send(BusyResponse("too many requests wait to be executed\n"));
      return WatchForClose(cancellation);
    }
    Run(*match_.route, std::move(request_), std::move(responder));
  }

  // Nothing is read while a handler runs, so a client that goes away is noticed by looking at the socket without taking
  // anything out of it. A client that ends its own sending counts as gone. One that has sent its next request already is
  // no longer watched: what is behind those bytes cannot be seen.
  void WatchForClose(const std::shared_ptr<contract::Cancellation>& cancellation) {
    watching_ = true;
    stream_.socket().async_wait(
        tcp::socket::wait_read,
        [self = shared_from_this(), cancellation, id = answering_](error_code ec) {
          if (self->answering_ != id) return;
          // Closed by this side, at the end of a drain: nobody is to wait for a query that itself waits.
          if (ec) return cancellation->Cancel();
          char byte;
          const ssize_t bytes =
              recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
          if (bytes > 0) return;
          if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return self->WatchForClose(cancellation);
          cancellation->Cancel();
          self->shared_.gone.Add();
        });
  }

  static void Run(const Route& route, HttpRequest&& request, Responder responder) {
    try {
      route.handler(std::move(request), responder);
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "http handler failed", {{"route", route.name}, {"error", e.what()}});
      responder.Send(TextResponse(500, "internal error\n"));
    }
  }

  static HttpResponse BusyResponse(std::string_view text) {
    HttpResponse response = TextResponse(503, text);
    response.headers.Add("Retry-After", "1");
    return response;
  }

  // Answers a request whose body was not read: nothing after it can be understood.
  void Refuse(int status, const std::string& text) { RefuseWith(TextResponse(status, text)); }
  void RefuseLargeBody() {
    Refuse(413, "request body too large: the limit is " + std::to_string(body_bytes_max_) + " bytes\n");
  }
  void RefuseBusy() { RefuseWith(BusyResponse("too many bytes of requests are in flight\n")); }
  void RefuseWith(HttpResponse response) {
    keep_alive_ = false;
    linger_ = true;
    lease_.reset();
    request_.body = std::string();
    OnResponse(std::move(response));
  }

  void OnResponse(HttpResponse response) {
    ++answering_;
    if (std::exchange(watching_, false)) {
      error_code ignored;
      stream_.socket().cancel(ignored);
    }
    if (shared_.stopping) keep_alive_ = false;
    if (request_id_.empty()) request_id_ = MakeRequestId(shared_.random);
    response_ = std::move(response);
    const std::string_view body =
        response_.static_body.empty() ? std::string_view(response_.body) : response_.static_body;
    head_ = EncodeResponseHead(response_, body.size(), request_id_, keep_alive_,
                               loop_.date.Get(shared_.clock.NowNs()));
    const bool has_body = !is_head_ && HasBody(response_.status);
    const std::array<asio::const_buffer, 2> parts{
        asio::buffer(head_), asio::buffer(body.data(), has_body ? body.size() : 0)};
    stream_.expires_after(shared_.options.write_deadline +
                          milliseconds(body.size() * 1000 / kWriteBytesPerSecondMin));
    asio::async_write(stream_, parts,
                      [self = shared_from_this()](error_code ec, size_t) { self->OnWritten(ec); });
  }

  void OnWritten(error_code ec) {
    const size_t route = match_.route == nullptr ? shared_.router.size() : match_.index;
    shared_.Observe(route, response_.status, shared_.clock.MonotonicNs() - received_ns_);
    response_ = HttpResponse();
    if (ec) return Close();
    if (keep_alive_) return ReadRequest();
    stream_.socket().shutdown(tcp::socket::shutdown_send, ec);
    if (ec || !linger_) return Close();
    stream_.expires_after(kLingerDeadline);
    buffer_.clear();
    Linger();
  }

  // Closing with unread bytes would make the kernel send a reset that can overtake the answer.
  void Linger() {
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](error_code ec, size_t bytes) {
                              self->lingered_ += bytes;
                              if (ec || self->lingered_ > kLingerBytesMax) return self->Close();
                              self->Linger();
                            });
  }

  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

  Shared& shared_;
  Loop& loop_;
  Stream stream_;
  beast::flat_buffer buffer_;
  bool protocol_known_ = false;
  bool idle_ = true;

  // The request being read.
  std::optional<bhttp::request_parser<bhttp::buffer_body>> parser_;
  HttpRequest request_;
  Router::Match match_;
  std::shared_ptr<BodyLease> lease_;
  size_t body_bytes_max_ = 0;
  size_t body_size_ = 0;  // announced
  size_t body_have_ = 0;
  SteadyClock::time_point body_started_;

  // The answer being awaited or written.
  uint64_t answering_ = 0;  // grows with each request and each answer: a late answer cannot hit the next request
  bool watching_ = false;   // for the client's going away
  bool keep_alive_ = false;
  bool linger_ = false;
  bool is_head_ = false;
  size_t lingered_ = 0;
  int64_t received_ns_ = 0;
  std::string request_id_;
  HttpResponse response_;
  std::string head_;
};

size_t Cores() { return std::max<size_t>(1, std::thread::hardware_concurrency()); }

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, const Router& router, MetricsRegistry& metrics, const Clock& clock,
       Random& random)
      : shared_(std::move(options), router, metrics, clock, random) {}

  Status Start() {
    const HttpServerOptions& options = shared_.options;
    const size_t threads = options.io_threads == 0 ? Cores() : options.io_threads;
    for (size_t i = 0; i < threads; ++i) loops_.push_back(std::make_unique<Loop>());
    if (Status status = Bind(); !status.ok()) {
      loops_.clear();
      return status;
    }
    workers_ = std::make_unique<WorkerPool>(
        options.worker_threads == 0 ? std::max<size_t>(4, 2 * Cores()) : options.worker_threads,
        options.worker_queue_max);
    shared_.workers = workers_.get();
    for (const auto& loop : loops_) {
      loop->thread = std::thread([&context = loop->context] {
        pthread_setname_np(pthread_self(), "http-io");
        const auto keep_running = asio::make_work_guard(context);
        context.run();
      });
    }
    loops_[0]->mailbox->Post([this] { Accept(); });
    return Status::Ok();
  }

  uint16_t bound_port() const { return port_; }

  void Stop(milliseconds drain) {
    if (loops_.empty()) return;
    shared_.stopping = true;
    loops_[0]->mailbox->Post([this] {
      error_code ignored;
      acceptor_->close(ignored);
      pause_->cancel();
    });
    ForEachConnection([](Connection& connection) { connection.CloseIfIdle(); });
    {
      std::unique_lock lock(shared_.mu);
      shared_.idle.wait_for(lock, drain, [this] { return shared_.connections == 0; });
    }
    ForEachConnection([](Connection& connection) { connection.Close(); });
    workers_->Stop();
    for (const auto& loop : loops_) {
      loop->mailbox->Post([&context = loop->context] { context.stop(); });
      loop->mailbox->Close();
      loop->thread.join();
    }
    acceptor_.reset();
    pause_.reset();
    loops_.clear();
    shared_.workers = nullptr;
    workers_.reset();
  }

 private:
  using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

  Status Bind() {
    const HttpServerOptions& options = shared_.options;
    const std::string name = options.address + ":" + std::to_string(options.port);
    error_code ec;
    const auto address = asio::ip::make_address(options.address, ec);
    if (ec) return InvalidArgument("http: bad address " + options.address);
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.emplace(loops_[0]->context.get_executor());
    pause_.emplace(loops_[0]->context);
    acceptor_->open(endpoint.protocol(), ec);
    if (!ec) acceptor_->set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->bind(endpoint, ec);
    if (!ec) acceptor_->listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) port_ = acceptor_->local_endpoint(ec).port();
    if (!ec) return Status::Ok();
    acceptor_.reset();
    pause_.reset();
    return Unavailable("http: cannot listen on " + name + ": " + ec.message());
  }

  void Accept() {
    if (shared_.stopping) return;
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    acceptor_->async_accept(loop.context.get_executor(), [this, &loop](error_code ec, Socket socket) {
      if (shared_.stopping) return;
      if (!ec) {
        Admit(loop, std::move(socket));
        return Accept();
      }
      pause_->expires_after(kAcceptPause);
      pause_->async_wait([this](error_code failed) {
        if (!failed) Accept();
      });
    });
  }

  void Admit(Loop& loop, Socket socket) {
    {
      std::unique_lock lock(shared_.mu);
      if (shared_.connections >= shared_.options.connections_max) {
        lock.unlock();
        shared_.refused.Add();
        // Best effort: a fresh socket has room for these few bytes.
        error_code ignored;
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(kTooMany.data(), kTooMany.size()), ignored);
        return;
      }
      ++shared_.connections;
      shared_.connections_gauge.Set(static_cast<int64_t>(shared_.connections));
    }
    auto connection = std::make_shared<Connection>(shared_, loop, std::move(socket));
    loop.mailbox->Post([&loop, connection = std::move(connection)] {
      loop.connections.insert(connection);
      connection->Start();
    });
  }

  template <typename F>
  void ForEachConnection(F visit) {
    for (const auto& loop : loops_) {
      loop->mailbox->Post([loop = loop.get(), visit] {
        const std::vector<std::shared_ptr<Connection>> all(loop->connections.begin(),
                                                           loop->connections.end());
        for (const auto& connection : all) visit(*connection);
      });
    }
  }

  static constexpr std::string_view kTooMany =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

  Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<WorkerPool> workers_;
  std::optional<Acceptor> acceptor_;          // on loop 0
  std::optional<asio::steady_timer> pause_;   // on loop 0
  size_t next_loop_ = 0;                      // on loop 0
  uint16_t port_ = 0;
};

HttpServer::HttpServer(HttpServerOptions options, const Router& router, MetricsRegistry& metrics,
                       const Clock& clock, Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), router, metrics, clock, random)) {}
HttpServer::~HttpServer() { Stop(milliseconds(0)); }
Status HttpServer::Start() { return impl_->Start(); }
uint16_t HttpServer::bound_port() const { return impl_->bound_port(); }
void HttpServer::Stop(milliseconds drain) { impl_->Stop(drain); }

}  // namespace brazier::http
