// A small HTTP/1.1 client over a blocking socket, and a server with chosen routes: the tests' own, so that odd and
// hostile requests can be sent byte by byte.
#pragma once

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_message.h"
#include "server/http/http_server.h"
#include "server/http/router.h"

namespace brazier::http {

class TestClient {
 public:
  explicit TestClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~TestClient() { close(fd_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // False when the server has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  struct Response {
    int status = 0;  // 0: none came
    Headers headers;
    std::string body;
  };
  Response Receive(bool has_body = true) {
    Response response;
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return response;
    }
    std::string_view head = std::string_view(buffer_).substr(0, end);
    response.status = std::stoi(std::string(head.substr(9, 3)));
    size_t line = head.find("\r\n");
    while (line != std::string_view::npos) {
      const size_t next = head.find("\r\n", line + 2);
      const std::string_view field = head.substr(line + 2, next - line - 2);
      const size_t colon = field.find(": ");
      if (colon != std::string_view::npos) {
        response.headers.Add(field.substr(0, colon), field.substr(colon + 2));
      }
      line = next;
    }
    buffer_.erase(0, end + 4);
    const std::string length(response.headers.Get("Content-Length"));
    const size_t size = has_body && !length.empty() ? std::stoul(length) : 0;
    while (buffer_.size() < size) {
      if (!Fill()) return Response();
    }
    response.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return response;
  }

  // True when the server closes within the client's patience and sends nothing more.
  bool WaitForClose() { return !Fill() && closed_; }
  void CloseWriting() { shutdown(fd_, SHUT_WR); }
  // Is there something to read within this time?
  bool Readable(std::chrono::milliseconds patience) {
    pollfd poller{fd_, POLLIN, 0};
    return poll(&poller, 1, static_cast<int>(patience.count())) > 0;
  }

 private:
  bool Fill() {
    char bytes[16384];
    const ssize_t size = recv(fd_, bytes, sizeof(bytes), 0);
    closed_ = size == 0 || (size < 0 && errno == ECONNRESET);
    if (size <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(size));
    return true;
  }

  int fd_;
  bool closed_ = false;
  std::string buffer_;
};

inline std::string FormatRequest(std::string_view method, std::string_view target,
                                 std::string_view headers = "", std::string_view body = "") {
  std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n";
  text += headers;
  if (!body.empty() || method == "POST") {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + std::string(body);
}

// A running server on a free port.
class TestServer {
 public:
  explicit TestServer(const std::function<void(Router*)>& add_routes, HttpServerOptions options = {}) {
    add_routes(&router_);
    options.port = 0;
    options.io_threads = options.io_threads == 0 ? 2 : options.io_threads;
    options.worker_threads = options.worker_threads == 0 ? 2 : options.worker_threads;
    server_ = std::make_unique<HttpServer>(options, router_, metrics_, SystemClock(), SystemRandom());
    const Status status = server_->Start();
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  uint16_t port() const { return server_->bound_port(); }
  HttpServer& server() { return *server_; }
  MetricsRegistry& metrics() { return metrics_; }

  // One request on a connection of its own.
  TestClient::Response Call(std::string_view method, std::string_view target,
                            std::string_view headers = "", std::string_view body = "") {
    TestClient client(port());
    client.Send(FormatRequest(method, target, headers, body));
    return client.Receive(method != "HEAD");
  }

 private:
  Router router_;
  MetricsRegistry metrics_;
  std::unique_ptr<HttpServer> server_;
};

inline Route MakeRoute(std::string method, std::string path, Handler handler) {
  Route route;
  route.method = std::move(method);
  route.path = std::move(path);
  route.handler = std::move(handler);
  return route;
}

}  // namespace brazier::http
