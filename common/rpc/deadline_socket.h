// DeadlineSocket: a TCP socket whose reads and writes end at a point in time, not after a pause, and that another
// thread can interrupt. Both ends of every Thrift connection use it.
//
// A peer that drips one byte per second defeats the per-read timeouts of Thrift's own socket; an absolute deadline
// does not care. Includes Thrift: only for .cc files of this folder. One thread at a time.
#pragma once

#include <thrift/transport/TSocket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"

namespace brazier::rpc {

// A file descriptor that becomes readable once and stays so: wakes every socket that waits.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  void Raise();
  bool raised() const { return raised_.load(); }
  int fd() const { return fd_; }

 private:
  int fd_;
  std::atomic<bool> raised_{false};
};

// How many connections a server has; shared by the sockets themselves so that the count cannot drift.
using ConnectionCount = std::shared_ptr<std::atomic<int64_t>>;

class DeadlineSocket final : public apache::thrift::transport::TSocket {
 public:
  // A client's socket, not yet open.
  DeadlineSocket(const std::string& host, int port, const Clock& clock,
                 std::shared_ptr<Interrupt> interrupt,
                 std::shared_ptr<apache::thrift::TConfiguration> limits);
  // A server's accepted socket; counts itself until it is destroyed.
  DeadlineSocket(int fd, const Clock& clock, std::shared_ptr<Interrupt> interrupt,
                 ConnectionCount count, std::shared_ptr<apache::thrift::TConfiguration> limits);
  ~DeadlineSocket() override;

  // Clock::MonotonicNs at which a read (a write) that still waits fails with TIMED_OUT.
  void SetReadDeadline(int64_t ns) { read_deadline_ns_ = ns; }
  void SetWriteDeadline(int64_t ns) { write_deadline_ns_ = ns; }

  // At least one byte, or 0 at the end of the stream. With `wait_first` an interrupt is noticed even when bytes are
  // there already: used between messages, so that a busy client cannot hold a server that wants to stop.
  uint32_t Receive(uint8_t* buffer, uint32_t length, bool wait_first);

  uint32_t read(uint8_t* buffer, uint32_t length) override { return Receive(buffer, length, true); }
  void write(const uint8_t* buffer, uint32_t length) override;
  // False when the peer has closed an idle connection, or sent bytes that nobody asked for.
  bool IdleAndAlive();

 private:
  enum class Until { kReadable, kWritable };
  void Wait(Until until, int64_t deadline_ns);

  const Clock& clock_;
  const std::shared_ptr<Interrupt> interrupt_;
  const ConnectionCount count_;
  int64_t read_deadline_ns_ = 0;
  int64_t write_deadline_ns_ = 0;
};

}  // namespace brazier::rpc
