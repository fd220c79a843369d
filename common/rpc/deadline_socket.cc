#include "common/rpc/deadline_socket.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/check.h"

namespace brazier::rpc {

using apache::thrift::transport::TTransportException;

Interrupt::Interrupt() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Interrupt::~Interrupt() {
  if (fd_ >= 0) ::close(fd_);
}

void Interrupt::Raise() {
  raised_.store(true);
  const uint64_t one = 1;
  // Nobody reads the counter, so that it stays readable for everyone; it cannot overflow with a few raises.
  [[maybe_unused]] ssize_t written = ::write(fd_, &one, sizeof(one));
}

DeadlineSocket::DeadlineSocket(const std::string& host, int port, const Clock& clock,
                               std::shared_ptr<Interrupt> interrupt,
                               std::shared_ptr<apache::thrift::TConfiguration> limits)
    : TSocket(host, port, std::move(limits)), clock_(clock), interrupt_(std::move(interrupt)) {
  CHECK(interrupt_ != nullptr);
}

DeadlineSocket::DeadlineSocket(int fd, const Clock& clock, std::shared_ptr<Interrupt> interrupt,
                               ConnectionCount count,
                               std::shared_ptr<apache::thrift::TConfiguration> limits)
    : TSocket(fd, std::move(limits)),
      clock_(clock),
      interrupt_(std::move(interrupt)),
      count_(std::move(count)) {
  CHECK(interrupt_ != nullptr);
  if (count_) count_->fetch_add(1);
}

DeadlineSocket::~DeadlineSocket() {
  if (count_) count_->fetch_sub(1);
}

void DeadlineSocket::Wait(Until until, int64_t deadline_ns) {
  for (;;) {
    const int64_t left_ns = deadline_ns - clock_.MonotonicNs();
    if (left_ns <= 0) {
      throw TTransportException(TTransportException::TIMED_OUT, "deadline reached on the socket");
    }
    pollfd fds[2] = {{socket_, static_cast<short>(until == Until::kReadable ? POLLIN : POLLOUT), 0},
                     {interrupt_->fd(), POLLIN, 0}};
    // Writes finish: a server that stops still answers what it has accepted.
    const nfds_t count = until == Until::kReadable ? 2 : 1;
    // Rounded up, so that the last poll does not spin; capped, so that the number fits.
    const int64_t left_ms = std::min<int64_t>(left_ns / kNsPerMs + 1, 3'600'000);
    const int ready = ::poll(fds, count, static_cast<int>(left_ms));
    if (ready < 0 && errno != EINTR) {
      throw TTransportException(TTransportException::UNKNOWN, "poll failed", errno);
    }
    if (ready <= 0) continue;
    if (count == 2 && fds[1].revents != 0) {
      throw TTransportException(TTransportException::INTERRUPTED, "stopping");
    }
    return;
  }
}

uint32_t DeadlineSocket::Receive(uint8_t* buffer, uint32_t length, bool wait_first) {
  if (!isOpen()) throw TTransportException(TTransportException::NOT_OPEN, "socket is not open");
  if (wait_first) Wait(Until::kReadable, read_deadline_ns_);
  for (;;) {
    const ssize_t got = ::recv(socket_, buffer, length, MSG_DONTWAIT);
    if (got >= 0) return static_cast<uint32_t>(got);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      Wait(Until::kReadable, read_deadline_ns_);
      continue;
    }
    throw TTransportException(TTransportException::END_OF_FILE, "connection lost", errno);
  }
}

void DeadlineSocket::write(const uint8_t* buffer, uint32_t length) {
  if (!isOpen()) throw TTransportException(TTransportException::NOT_OPEN, "socket is not open");
  while (length > 0) {
    const ssize_t sent = ::send(socket_, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      buffer += sent;
      length -= static_cast<uint32_t>(sent);
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      Wait(Until::kWritable, write_deadline_ns_);
      continue;
    }
    throw TTransportException(TTransportException::END_OF_FILE, "connection lost", errno);
  }
}

bool DeadlineSocket::IdleAndAlive() {
  if (!isOpen()) return false;
  pollfd fd = {socket_, POLLIN, 0};
  return ::poll(&fd, 1, 0) == 0;
}

}  // namespace brazier::rpc
