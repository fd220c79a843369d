#include "benchmark/load/http_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <charconv>

namespace brazier::benchmark {
namespace {

// The value of a header in a response head, or "" when it is not there.
std::string_view HeaderValue(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    if (at + name.size() < head.size() && strncasecmp(head.data() + at, name.data(), name.size()) == 0 &&
        head[at + name.size()] == ':') {
      std::string_view value = head.substr(at + name.size() + 1);
      value = value.substr(0, value.find("\r\n"));
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      return value;
    }
  }
  return {};
}

}  // namespace

bool HttpConnection::Connect() {
  if (socket_ >= 0) return true;
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return false;
  const timeval timeout{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  Close();
  return false;
}

void HttpConnection::Close() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  input_.clear();
}

bool HttpConnection::SendAll(std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    const size_t of_head = std::min(static_cast<size_t>(sent), head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(static_cast<size_t>(sent) - of_head);
  }
  return true;
}

bool HttpConnection::ReadMore() {
  if (input_.size() > kAnswerBytesMax) return false;
  char buffer[64 * 1024];
  const ssize_t received = recv(socket_, buffer, sizeof buffer, 0);
  if (received <= 0) return false;
  input_.append(buffer, static_cast<size_t>(received));
  return true;
}

bool HttpConnection::ReadAnswer(HttpAnswer* answer) {
  size_t head_end;
  while ((head_end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) return false;
  }
  const std::string head = input_.substr(0, head_end + 2);
  input_.erase(0, head_end + 4);
  if (head.size() < 12 || !head.starts_with("HTTP/1.1 ")) return false;
  std::from_chars(head.data() + 9, head.data() + 12, answer->status);

  if (HeaderValue(head, "Transfer-Encoding") == "chunked") {
    while (true) {
      size_t line_end;
      while ((line_end = input_.find("\r\n")) == std::string::npos) {
        if (!ReadMore()) return false;
      }
      size_t size = 0;
      std::from_chars(input_.data(), input_.data() + line_end, size, 16);
      if (size > kAnswerBytesMax) return false;
      while (input_.size() < line_end + 2 + size + 2) {
        if (!ReadMore()) return false;
      }
      answer->body.append(input_, line_end + 2, size);
      input_.erase(0, line_end + 2 + size + 2);
      if (size == 0) return true;
    }
  }
  size_t length = 0;
  const std::string_view length_text = HeaderValue(head, "Content-Length");
  std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
  if (length > kAnswerBytesMax) return false;
  while (input_.size() < length) {
    if (!ReadMore()) return false;
  }
  answer->body = input_.substr(0, length);
  input_.erase(0, length);
  if (HeaderValue(head, "Connection") == "close") Close();
  return true;
}

HttpAnswer HttpConnection::Call(std::string_view method, std::string_view path, std::string_view content_type,
                                std::string_view body) {
  std::string head(method);
  head.append(" ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  if (!tenant_.empty()) head.append("X-Scope-OrgID: ").append(tenant_).append("\r\n");
  if (!content_type.empty()) head.append("Content-Type: ").append(content_type).append("\r\n");
  if (method == "POST") head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  head.append("\r\n");
  HttpAnswer answer;
  if (!Connect() || !SendAll(head, body) || !ReadAnswer(&answer)) {
    Close();
    return HttpAnswer();
  }
  return answer;
}

}  // namespace brazier::benchmark
