// HttpConnection: one blocking keep-alive HTTP/1.1 connection to a loopback server, as small as a measuring client can be,
// so that what is measured is the server. Not for general use: no redirects, no chunked requests.
//
// A resource; one thread at a time. Every read and write ends after kTimeout; answers above kAnswerBytesMax are an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brazier::benchmark {

struct HttpAnswer {
  int status = 0;  // 0: the connection failed
  std::string body;
};

class HttpConnection {
 public:
  static constexpr int kTimeoutSeconds = 60;
  static constexpr size_t kAnswerBytesMax = 256 << 20;

  // `tenant`: named in each request; empty: none.
  explicit HttpConnection(uint16_t port, std::string tenant = "") : port_(port), tenant_(std::move(tenant)) {}
  ~HttpConnection() { Close(); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Connects when needed. On any failure the connection is closed and the next call starts anew.
  HttpAnswer Get(std::string_view path) { return Call("GET", path, "", ""); }
  HttpAnswer Post(std::string_view path, std::string_view content_type, std::string_view body) {
    return Call("POST", path, content_type, body);
  }

 private:
  HttpAnswer Call(std::string_view method, std::string_view path, std::string_view content_type, std::string_view body);
  bool Connect();
  void Close();
  bool SendAll(std::string_view head, std::string_view body);
  bool ReadAnswer(HttpAnswer* answer);
  bool ReadMore();

  const uint16_t port_;
  const std::string tenant_;
  int socket_ = -1;
  std::string input_;  // received and not yet consumed
};

}  // namespace brazier::benchmark
