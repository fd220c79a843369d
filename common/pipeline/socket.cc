#include "common/pipeline/socket.h"

#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"

namespace brazier::pipeline {
namespace {

// A frozen peer whose buffers are full leaves no room for heartbeats: the kernel's own timeout ends
// such connections, after this many heartbeat timeouts.
constexpr int kStalledFactor = 3;
constexpr size_t kCopyBytesMax = 1024;  // below it a copy is cheaper than a hand-over

int ZmqType(Socket::Type type) {
  switch (type) {
    case Socket::Type::kRouter:
      return ZMQ_ROUTER;
    case Socket::Type::kDealer:
      return ZMQ_DEALER;
    case Socket::Type::kPull:
      return ZMQ_PULL;
    case Socket::Type::kPush:
      return ZMQ_PUSH;
    case Socket::Type::kPair:
      return ZMQ_PAIR;
  }
  return ZMQ_PAIR;
}

Status ErrorOf(const std::string& what) {
  return Unavailable(what + ": " + zmq_strerror(zmq_errno()));
}

bool SetInt(void* socket, int option, int value) {
  return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

}  // namespace

Context::Context(int io_threads) : context_(zmq_ctx_new()) {
  CHECK(context_ != nullptr);
  zmq_ctx_set(context_, ZMQ_IO_THREADS, io_threads);
}

Context::~Context() {
  while (zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
  }
}

Frame::Frame(std::string bytes) {
  if (bytes.size() <= kCopyBytesMax) {
    CHECK(zmq_msg_init_size(&message_, bytes.size()) == 0);
    if (!bytes.empty()) std::memcpy(zmq_msg_data(&message_), bytes.data(), bytes.size());
    return;
  }
  auto* owned = new std::string(std::move(bytes));
  const auto free_owned = [](void*, void* hint) { delete static_cast<std::string*>(hint); };
  CHECK(zmq_msg_init_data(&message_, owned->data(), owned->size(), free_owned, owned) == 0);
}

Frame::Frame(std::string bytes, std::shared_ptr<void> token) {
  struct Owned {
    std::string bytes;
    std::shared_ptr<void> token;
  };
  auto* owned = new Owned{std::move(bytes), std::move(token)};
  const auto free_owned = [](void*, void* hint) { delete static_cast<Owned*>(hint); };
  CHECK(zmq_msg_init_data(&message_, owned->bytes.data(), owned->bytes.size(), free_owned, owned) ==
        0);
}

Result<Socket> Socket::Open(Context& context, Type type, const PipelineLimits& limits) {
  void* handle = zmq_socket(context.handle(), ZmqType(type));
  if (handle == nullptr) return ErrorOf("opening a socket");
  Socket socket(handle);
  const int64_t message_bytes_max = static_cast<int64_t>(limits.message_bytes_max);
  bool ok =
      SetInt(handle, ZMQ_SNDHWM, limits.high_water_mark) &&
      SetInt(handle, ZMQ_RCVHWM, limits.high_water_mark) &&
      SetInt(handle, ZMQ_LINGER, limits.linger_ms) && SetInt(handle, ZMQ_IMMEDIATE, 1) &&
      SetInt(handle, ZMQ_HEARTBEAT_IVL, limits.heartbeat_interval_ms) &&
      SetInt(handle, ZMQ_HEARTBEAT_TIMEOUT, limits.heartbeat_timeout_ms) &&
      SetInt(handle, ZMQ_HEARTBEAT_TTL, limits.heartbeat_timeout_ms) &&
      SetInt(handle, ZMQ_TCP_MAXRT, kStalledFactor * limits.heartbeat_timeout_ms) &&
      SetInt(handle, ZMQ_HANDSHAKE_IVL, 5000) && SetInt(handle, ZMQ_RECONNECT_IVL, 50) &&
      SetInt(handle, ZMQ_RECONNECT_IVL_MAX, 500) &&
      zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof message_bytes_max) == 0;
  if (type == Type::kRouter) ok = ok && SetInt(handle, ZMQ_ROUTER_MANDATORY, 1);
  if (!ok) return ErrorOf("setting options of a socket");
  return socket;
}

void Socket::Close() {
  if (socket_ != nullptr) zmq_close(std::exchange(socket_, nullptr));
}

Status Socket::Bind(const std::string& address) {
  if (zmq_bind(socket_, address.c_str()) != 0) return ErrorOf("binding " + address);
  return Status::Ok();
}

Status Socket::Connect(const std::string& address) {
  if (zmq_connect(socket_, address.c_str()) != 0) {
    return InvalidArgument("connecting to \"" + address + "\": " + zmq_strerror(zmq_errno()));
  }
  return Status::Ok();
}

std::string Socket::LastEndpoint() const {
  char text[256];
  size_t bytes = sizeof text;
  if (zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &bytes) != 0 || bytes == 0) return {};
  return std::string(text, bytes - 1);
}

Result<Socket> Socket::Monitor(Context& context, int events) {
  static std::atomic<uint64_t> counter{0};
  const std::string address = "inproc://monitor-" + std::to_string(counter.fetch_add(1));
  if (zmq_socket_monitor(socket_, address.c_str(), events) != 0) return ErrorOf("monitoring");
  void* handle = zmq_socket(context.handle(), ZMQ_PAIR);
  if (handle == nullptr) return ErrorOf("opening a monitor");
  Socket monitor(handle);
  if (!SetInt(handle, ZMQ_LINGER, 0)) return ErrorOf("setting options of a monitor");
  RETURN_IF_ERROR(monitor.Connect(address));
  return monitor;
}

Socket::Io Socket::Send(Frames& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    const int flags = ZMQ_DONTWAIT | (i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
    int rc = zmq_msg_send(frames[i].message(), socket_, flags);
    if (rc < 0 && zmq_errno() == EAGAIN && i == 0) {
      // libzmq looks at news about connections only now and then while sending; asking for events
      // makes it look.
      int events = 0;
      size_t bytes = sizeof events;
      zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &bytes);
      rc = zmq_msg_send(frames[i].message(), socket_, flags);
    }
    if (rc >= 0) continue;
    const int error = zmq_errno();
    if (error == EINTR) {
      --i;
      continue;
    }
    if (error == EAGAIN && i == 0) return Io::kWouldBlock;
    return error == EHOSTUNREACH ? Io::kUnreachable : Io::kFailed;
  }
  frames.clear();
  return Io::kDone;
}

Socket::Io Socket::Receive(Frames& frames, size_t frames_max) {
  frames.clear();
  bool too_many = false;
  for (;;) {
    Frame frame;
    if (zmq_msg_recv(frame.message(), socket_, ZMQ_DONTWAIT) < 0) {
      if (zmq_errno() == EINTR) continue;
      // The parts of a message arrive together, so this can only be its start.
      return zmq_errno() == EAGAIN ? Io::kWouldBlock : Io::kFailed;
    }
    const bool more = zmq_msg_more(frame.message()) != 0;
    if (frames.size() < frames_max) {
      frames.push_back(std::move(frame));
    } else {
      too_many = true;
    }
    if (!more) return too_many ? Io::kTooManyFrames : Io::kDone;
  }
}

}  // namespace brazier::pipeline
