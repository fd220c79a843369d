#include "common/rpc/thrift_server.h"

#include <pthread.h>
#include <thrift/processor/TMultiplexedProcessor.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TServerSocket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "common/base/check.h"
#include "common/observe/log.h"
#include "common/rpc/framed_transport.h"
#include "common/rpc/rpc_metrics.h"
#include "common/rpc/thrift_log.h"
#include "common/rpc/thrift_service.h"

namespace brazier::rpc {

using apache::thrift::TException;
using apache::thrift::TProcessor;
using apache::thrift::protocol::TProtocol;
using apache::thrift::protocol::TProtocolFactory;
using apache::thrift::server::TConnectedClient;
using apache::thrift::server::TThreadedServer;
using apache::thrift::transport::TServerSocket;
using apache::thrift::transport::TSocket;
using apache::thrift::transport::TTransport;
using apache::thrift::transport::TTransportException;
using apache::thrift::transport::TTransportFactory;

namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds(20);

// Turns everything that ends a connection into END_OF_FILE, for which Thrift closes it without a word: a peer must
// not be able to fill the log, and nothing may leave the connection's thread.
class ClosingProcessor final : public TProcessor {
 public:
  ClosingProcessor(std::shared_ptr<TProcessor> next, ServerMetrics& metrics)
      : next_(std::move(next)), metrics_(metrics) {}

  bool process(std::shared_ptr<TProtocol> in, std::shared_ptr<TProtocol> out,
               void* context) override {
    try {
      return next_->process(std::move(in), std::move(out), context);
    } catch (const TTransportException& error) {
      const auto type = error.getType();
      if (type == TTransportException::CORRUPTED_DATA || type == TTransportException::BAD_ARGS ||
          type == TTransportException::TIMED_OUT) {
        Broken(error.what());
      }
    } catch (const std::exception& error) {
      Broken(error.what());
    } catch (...) {
      Broken("unknown");
    }
    throw TTransportException(TTransportException::END_OF_FILE, "connection closed");
  }

 private:
  void Broken(const char* why) {
    metrics_.connections_broken.Add();
    Log(LogLevel::kDebug, "thrift connection closed", {{"why", why}});
  }

  const std::shared_ptr<TProcessor> next_;
  ServerMetrics& metrics_;
};

// Accepts at most connections_max and survives a system that is out of descriptors.
class BoundedServerSocket final : public TServerSocket {
 public:
  BoundedServerSocket(const ThriftServer::Options& options, const Clock& clock,
                      std::shared_ptr<Interrupt> interrupt, ServerMetrics& metrics)
      : TServerSocket(options.host, options.port),
        connections_max_(options.connections_max),
        clock_(clock),
        interrupt_(std::move(interrupt)),
        configuration_(MakeConfiguration(options.frame)),
        metrics_(metrics) {
    // Our sockets have an interrupt of their own, which outlives the listening socket.
    setInterruptableChildren(false);
  }

  // Called by Start(), to learn the port and the failure, and again by the Thrift server.
  void listen() override {
    if (std::exchange(listening_, true)) return;
    TServerSocket::listen();
  }

  int64_t connections() const { return count_->load(); }

 protected:
  std::shared_ptr<TTransport> acceptImpl() override {
    for (;;) {
      if (interrupt_->raised()) {
        throw TTransportException(TTransportException::INTERRUPTED, "stopping");
      }
      try {
        std::shared_ptr<TTransport> socket = TServerSocket::acceptImpl();
        if (count_->load() <= connections_max_) {
          metrics_.connections_accepted.Add();
          return socket;
        }
        metrics_.connections_refused.Add();
        socket->close();
      } catch (const TTransportException& error) {
        if (error.getType() == TTransportException::INTERRUPTED) throw;
        // Out of descriptors or memory: passing it on would end the server.
        metrics_.accept_failures.Add();
        std::this_thread::sleep_for(kAcceptPause);
      }
    }
  }

  std::shared_ptr<TSocket> createSocket(THRIFT_SOCKET client) override {
    return std::make_shared<DeadlineSocket>(client, clock_, interrupt_, count_, configuration_);
  }

 private:
  const int64_t connections_max_;
  const Clock& clock_;
  const std::shared_ptr<Interrupt> interrupt_;
  const std::shared_ptr<apache::thrift::TConfiguration> configuration_;
  ServerMetrics& metrics_;
  bool listening_ = false;
  const ConnectionCount count_ = std::make_shared<std::atomic<int64_t>>(0);
};

class FramedTransportFactory final : public TTransportFactory {
 public:
  FramedTransportFactory(const ThriftServer::Options& options, InboundBudget& budget,
                         const Clock& clock)
      : limits_(options.frame),
        times_{.idle_ns = options.idle_timeout_ms * kNsPerMs,
               .frame_ns = options.frame_timeout_ms * kNsPerMs,
               .write_ns = options.write_timeout_ms * kNsPerMs},
        budget_(budget),
        clock_(clock) {}

  std::shared_ptr<TTransport> getTransport(std::shared_ptr<TTransport> transport) override {
    auto socket = std::dynamic_pointer_cast<DeadlineSocket>(transport);
    CHECK(socket != nullptr);
    return std::make_shared<FramedTransport>(std::move(socket), limits_, times_, budget_, clock_);
  }

 private:
  const FrameLimits limits_;
  const ServerTimes times_;
  InboundBudget& budget_;
  const Clock& clock_;
};

class BoundedProtocolFactory final : public TProtocolFactory {
 public:
  std::shared_ptr<TProtocol> getProtocol(std::shared_ptr<TTransport> transport) override {
    auto framed = std::dynamic_pointer_cast<FramedTransport>(transport);
    CHECK(framed != nullptr);
    return std::make_shared<BoundedCompactProtocol>(std::move(framed));
  }
};

// A thread that the system refuses to start costs one connection instead of the server.
class SurvivingServer final : public TThreadedServer {
 public:
  SurvivingServer(ServerMetrics& metrics, const std::shared_ptr<TProcessor>& processor,
                  const std::shared_ptr<TServerSocket>& socket,
                  const std::shared_ptr<TTransportFactory>& transports,
                  const std::shared_ptr<TProtocolFactory>& protocols)
      : TThreadedServer(processor, socket, transports, protocols), metrics_(metrics) {}

 protected:
  void onClientConnected(const std::shared_ptr<TConnectedClient>& client) override {
    try {
      TThreadedServer::onClientConnected(client);
    } catch (const std::exception& error) {
      metrics_.accept_failures.Add();
      Log(LogLevel::kWarn, "no thread for a thrift connection", {{"error", error.what()}});
      apache::thrift::concurrency::Synchronized lock(clientMonitor_);
      activeClientMap_.erase(client.get());
    }
  }

 private:
  ServerMetrics& metrics_;
};

}  // namespace

class ThriftServer::Impl {
 public:
  Impl(Options options, std::vector<std::shared_ptr<ThriftService>> services, const Clock& clock,
       MetricsRegistry& metrics)
      : options_(std::move(options)),
        metrics_(metrics),
        budget_(options_.inbound_bytes_max, clock),
        interrupt_(std::make_shared<Interrupt>()) {
    auto all = std::make_shared<apache::thrift::TMultiplexedProcessor>();
    for (const auto& service : services) {
      CHECK(service != nullptr);
      all->registerProcessor(service->name, service->processor);
    }
    socket_ = std::make_shared<BoundedServerSocket>(options_, clock, interrupt_, metrics_);
    server_ = std::make_unique<SurvivingServer>(
        metrics_, std::make_shared<ClosingProcessor>(std::move(all), metrics_), socket_,
        std::make_shared<FramedTransportFactory>(options_, budget_, clock),
        std::make_shared<BoundedProtocolFactory>());
  }

  Status Start() {
    CHECK(!thread_.joinable());
    std::signal(SIGPIPE, SIG_IGN);
    RouteThriftMessages();
    try {
      socket_->listen();
    } catch (const std::exception& error) {
      return Unavailable("thrift listener on " + options_.host + ":" +
                         std::to_string(options_.port) + ": " + error.what());
    }
    port_ = static_cast<uint16_t>(socket_->getPort());
    thread_ = std::thread([this] { Serve(); });
    Log(LogLevel::kInfo, "thrift server started", {{"host", options_.host}, {"port", port_.load()}});
    return Status::Ok();
  }

  void Stop() {
    if (!thread_.joinable()) return;
    interrupt_->Raise();  // wakes every connection that waits for a request
    budget_.Close();
    server_->stop();  // wakes the accepting thread
    thread_.join();
    Log(LogLevel::kInfo, "thrift server stopped", {{"port", port_.load()}});
  }

  uint16_t port() const { return port_; }
  int64_t connections() const { return socket_->connections(); }

 private:
  void Serve() {
    pthread_setname_np(pthread_self(), "rpc-accept");
    try {
      server_->serve();  // returns when stopped and every connection's thread has ended
    } catch (const std::exception& error) {
      Log(LogLevel::kError, "thrift server ended", {{"error", error.what()}});
    }
  }

  const Options options_;
  ServerMetrics metrics_;
  InboundBudget budget_;
  const std::shared_ptr<Interrupt> interrupt_;
  std::shared_ptr<BoundedServerSocket> socket_;
  std::unique_ptr<SurvivingServer> server_;
  std::atomic<uint16_t> port_{0};
  std::thread thread_;
};

ThriftServer::ThriftServer(Options options, std::vector<std::shared_ptr<ThriftService>> services,
                           const Clock& clock, MetricsRegistry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(services), clock, metrics)) {}

ThriftServer::~ThriftServer() { impl_->Stop(); }

Status ThriftServer::Start() { return impl_->Start(); }
void ThriftServer::Stop() { impl_->Stop(); }
uint16_t ThriftServer::port() const { return impl_->port(); }
int64_t ThriftServer::connections() const { return impl_->connections(); }

}  // namespace brazier::rpc
