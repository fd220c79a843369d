// Context, Frame and Socket: ownership over libzmq's C API, and its answers as Status.
//
// One Context per process; it outlives every socket and must be destroyed last (its destructor
// waits for the sockets' linger). Frames own their bytes and hand them to libzmq without a copy. A
// Socket is used by one thread only, the loop's. Sending and receiving never block.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <zmq.h>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/pipeline/pipeline_limits.h"

namespace brazier::pipeline {

class Context {
 public:
  explicit Context(int io_threads = 1);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* handle() const { return context_; }

 private:
  void* context_;
};

// One part of a message. Movable. The bytes may lie at any address: copy numbers out before use.
class Frame {
 public:
  Frame() { zmq_msg_init(&message_); }
  explicit Frame(std::string bytes);
  // The same; `token` is destroyed once libzmq is done with the bytes (they are in the kernel's
  // buffers, or will never be), often on a thread of libzmq's.
  Frame(std::string bytes, std::shared_ptr<void> token);
  Frame(Frame&& other) noexcept : Frame() { zmq_msg_move(&message_, &other.message_); }
  Frame& operator=(Frame&& other) noexcept {
    zmq_msg_move(&message_, &other.message_);
    return *this;
  }
  ~Frame() { zmq_msg_close(&message_); }

  Bytes bytes() const {
    auto* message = const_cast<zmq_msg_t*>(&message_);
    return {static_cast<const uint8_t*>(zmq_msg_data(message)), zmq_msg_size(message)};
  }
  size_t size() const { return zmq_msg_size(&message_); }
  bool empty() const { return size() == 0; }
  zmq_msg_t* message() { return &message_; }

 private:
  zmq_msg_t message_;
};

using Frames = std::vector<Frame>;

template <typename... F>
Frames MakeFrames(F&&... frames) {
  Frames list;
  list.reserve(sizeof...(frames));
  (list.push_back(std::forward<F>(frames)), ...);
  return list;
}

class Socket {
 public:
  enum class Type { kRouter, kDealer, kPull, kPush, kPair };
  // The outcome of Send and Receive.
  enum class Io {
    kDone,
    kWouldBlock,     // nothing to receive, or no peer and no room to send: nothing happened
    kUnreachable,    // a router does not know the peer any more
    kTooManyFrames,  // received and thrown away
    kFailed,
  };

  Socket() = default;
  // Sets high water marks, linger, heartbeats, size limit, and mandatory routing, before any
  // connection exists.
  static Result<Socket> Open(Context& context, Type type, const PipelineLimits& limits);
  Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~Socket() { Close(); }

  Status Bind(const std::string& address);
  Status Connect(const std::string& address);
  // The address bound last, with the real port where 0 or * was asked for.
  std::string LastEndpoint() const;
  // Starts events about connections; returns the socket that they arrive on.
  Result<Socket> Monitor(Context& context, int events);

  // Sends all frames as one message, or nothing. After kDone the frames are empty.
  Io Send(Frames& frames);
  Io Receive(Frames& frames, size_t frames_max);

  void* handle() const { return socket_; }
  bool is_open() const { return socket_ != nullptr; }
  void Close();

 private:
  explicit Socket(void* socket) : socket_(socket) {}
  void* socket_ = nullptr;
};

}  // namespace brazier::pipeline
