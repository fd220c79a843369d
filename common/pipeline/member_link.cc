#include "common/pipeline/member_link.h"

#include <cstring>

#include "common/base/clock.h"
#include "common/observe/log.h"

namespace brazier::pipeline {
namespace {

constexpr int kMonitorEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
constexpr int kEventsPerWake = 64;
constexpr int64_t kSendRetryNs = 2 * kNsPerMs;
constexpr size_t kMessageCostBytes = 128;  // of a message beside its bytes: frames, queue entry

int64_t NowNs() { return SystemClock().MonotonicNs(); }

PipelineLimits SocketLimits(const MemberLinkLimits& limits) {
  PipelineLimits socket;
  socket.message_bytes_max = limits.message_bytes_max;
  socket.high_water_mark = 0;  // no limit in messages: handed_bytes_max is what holds them back
  socket.heartbeat_interval_ms = limits.heartbeat_interval_ms;
  socket.heartbeat_timeout_ms = limits.heartbeat_timeout_ms;
  socket.linger_ms = 0;
  return socket;
}

const char* NameOf(MemberDrop reason) {
  switch (reason) {
    case MemberDrop::kNoGroup:
      return "no_group";
    case MemberDrop::kUnknownMember:
      return "unknown_member";
    case MemberDrop::kNoConnection:
      return "no_connection";
    case MemberDrop::kQueueFull:
      return "queue_full";
    case MemberDrop::kTooOld:
      return "too_old";
    case MemberDrop::kTooLarge:
      return "too_large";
  }
  return "other";
}

}  // namespace

Counter& MemberDropCounter(MetricsRegistry& metrics, const std::string& peer, MemberDrop reason) {
  return metrics.GetCounter("brazier_member_links_dropped_total",
                            "Messages to members of the group that were not sent",
                            {{"peer", peer}, {"reason", NameOf(reason)}});
}

// What a frame that libzmq has costs; given back when libzmq destroys it.
struct MemberLink::Token {
  std::shared_ptr<MemberLink> link;
  size_t bytes;
  ~Token() { link->OnHandedBack(bytes); }
};

size_t MemberLink::Waiting::bytes() const { return message.size() + kMessageCostBytes; }

MemberLink::MemberLink(Loop& loop, std::string address, const MemberLinkLimits& limits,
                       MetricsRegistry& metrics)
    : loop_(loop),
      inbox_(loop.inbox()),
      address_(std::move(address)),
      limits_(limits),
      sent_metric_(metrics.GetCounter("brazier_member_links_sent_total",
                                      "Messages handed to the connection to a member",
                                      {{"peer", address_}})),
      sent_bytes_metric_(metrics.GetCounter("brazier_member_links_sent_bytes_total",
                                            "Bytes of these messages", {{"peer", address_}})),
      disconnects_metric_(metrics.GetCounter("brazier_member_links_disconnects_total",
                                             "Connections to a member that broke",
                                             {{"peer", address_}})),
      held_bytes_metric_(metrics.GetGauge("brazier_member_links_held_bytes",
                                          "Messages to a member that wait or are being sent",
                                          {{"peer", address_}})),
      connected_metric_(metrics.GetGauge("brazier_member_links_connected",
                                         "1 while there is a connection to the member",
                                         {{"peer", address_}})) {
  for (size_t i = 0; i < dropped_.size(); ++i) {
    dropped_[i] = &MemberDropCounter(metrics, address_, static_cast<MemberDrop>(i));
  }
}

void MemberLink::Send(const MemberHeader& header, std::string message) {
  if (!is_connected()) return Drop(MemberDrop::kNoConnection);
  Waiting waiting{header, std::move(message), NowNs()};
  const size_t bytes = waiting.bytes();
  {
    std::lock_guard lock(mu_);
    if (held_bytes_ > 0 && held_bytes_ + bytes > limits_.queue_bytes_max) {
      return Drop(MemberDrop::kQueueFull);
    }
    held_bytes_ += bytes;
    held_bytes_metric_.Add(static_cast<int64_t>(bytes));
    waiting_.push_back(std::move(waiting));
    if (std::exchange(flush_due_, true)) return;
  }
  PostFlush();
}

void MemberLink::PostFlush() {
  // Bounded by held_bytes_, so it passes the inbox's own bound. Refused when the loop has stopped: then Close() has
  // dropped what waits, or will.
  (void)inbox_->PostCompletion([self = shared_from_this()] { self->Flush(); });
}

bool MemberLink::HasRoom(size_t bytes) const {
  const size_t handed = handed_bytes_.load();
  return handed == 0 || handed + bytes <= limits_.handed_bytes_max;
}

void MemberLink::OnHandedBack(size_t bytes) {
  {
    std::lock_guard lock(mu_);
    held_bytes_ -= bytes;
  }
  held_bytes_metric_.Add(-static_cast<int64_t>(bytes));
  handed_bytes_ -= bytes;
  if (waits_for_room_.exchange(false)) PostFlush();
}

bool MemberLink::PopTooOld(int64_t now_ns) {
  Waiting old;
  std::lock_guard lock(mu_);
  if (waiting_.empty() || now_ns - waiting_.front().since_ns < limits_.age_ms_max * kNsPerMs) {
    return false;
  }
  old = std::move(waiting_.front());
  waiting_.pop_front();
  held_bytes_ -= old.bytes();
  held_bytes_metric_.Add(-static_cast<int64_t>(old.bytes()));
  Drop(MemberDrop::kTooOld);
  return true;
}

void MemberLink::Flush() {
  if (closed_ || !is_connected()) return DropAll(MemberDrop::kNoConnection);
  const int64_t now_ns = NowNs();
  while (PopTooOld(now_ns)) {
  }
  for (;;) {
    Waiting next;
    {
      std::lock_guard lock(mu_);
      if (waiting_.empty()) {
        flush_due_ = false;
        return;
      }
      const size_t bytes = waiting_.front().bytes();
      if (!HasRoom(bytes)) {
        // Room that came before the flag was up is not reported: look once more.
        waits_for_room_ = true;
        if (!HasRoom(bytes) || !waits_for_room_.exchange(false)) {
          return FlushAt(waiting_.front().since_ns + limits_.age_ms_max * kNsPerMs);
        }
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const size_t bytes = next.bytes();
    const size_t message_bytes = next.message.size();
    const int64_t since_ns = next.since_ns;
    const MemberHeader header = next.header;
    handed_bytes_ += bytes;
    // From here on the token counts the bytes out, whatever becomes of them.
    Frames frames = MakeFrames(Frame(EncodeMemberHeader(header, AsBytes(next.message))));
    frames.emplace_back(std::move(next.message),
                        std::make_shared<Token>(shared_from_this(), bytes));
    if (push_.Send(frames) != Socket::Io::kDone) {
      // The connection went, or libzmq has not seen it yet. Raft repeats this one; the others wait a little.
      Drop(MemberDrop::kNoConnection);
      return FlushAt(std::min(NowNs() + kSendRetryNs, since_ns + limits_.age_ms_max * kNsPerMs));
    }
    sent_metric_.Add();
    sent_bytes_metric_.Add(message_bytes);
  }
}

void MemberLink::FlushAt(int64_t monotonic_ns) {
  if (timer_ != 0) loop_.CancelTimer(timer_);
  timer_ = loop_.RunAt(monotonic_ns, [self = shared_from_this()] {
    self->timer_ = 0;
    self->Flush();
  });
}

void MemberLink::DropAll(MemberDrop reason) {
  std::deque<Waiting> dropped;
  size_t bytes = 0;
  {
    std::lock_guard lock(mu_);
    dropped.swap(waiting_);
    for (const Waiting& waiting : dropped) bytes += waiting.bytes();
    held_bytes_ -= bytes;
    flush_due_ = false;
  }
  waits_for_room_ = false;
  held_bytes_metric_.Add(-static_cast<int64_t>(bytes));
  if (!dropped.empty()) Drop(reason, dropped.size());
}

Status MemberLink::OpenSockets() {
  ASSIGN_OR_RETURN(push_,
                   Socket::Open(loop_.context(), Socket::Type::kPush, SocketLimits(limits_)));
  ASSIGN_OR_RETURN(monitor_, push_.Monitor(loop_.context(), kMonitorEvents));
  return push_.Connect(address_);
}

void MemberLink::Open() {
  if (closed_) return;
  if (const Status status = OpenSockets(); !status.ok()) {
    Log(LogLevel::kError, "no way to a member of the group",
        {{"peer", address_}, {"error", status.message()}});
    return Close();
  }
  loop_.Watch(monitor_, [self = shared_from_this()] { self->OnMonitor(); });
  // Never readable. But libzmq frees what a broken connection held only when somebody looks at the socket.
  loop_.Watch(push_, [] {});
}

void MemberLink::Close() {
  closed_ = true;
  SetConnected(false);
  if (timer_ != 0) loop_.CancelTimer(std::exchange(timer_, 0));
  if (!push_.is_open()) return;
  if (monitor_.is_open()) {
    loop_.Unwatch(monitor_);
    loop_.Unwatch(push_);
    zmq_socket_monitor(push_.handle(), nullptr, 0);
  }
  monitor_.Close();
  push_.Close();
}

void MemberLink::OnMonitor() {
  Frames frames;
  for (int i = 0; i < kEventsPerWake && !closed_; ++i) {
    if (monitor_.Receive(frames, 2) != Socket::Io::kDone) return;
    uint16_t event = 0;
    if (frames[0].size() < sizeof event) continue;
    std::memcpy(&event, frames[0].bytes().data(), sizeof event);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) SetConnected(true);
    if (event == ZMQ_EVENT_DISCONNECTED) SetConnected(false);
  }
}

void MemberLink::SetConnected(bool connected) {
  if (connected_.exchange(connected) == connected) {
    if (!connected) DropAll(MemberDrop::kNoConnection);
    return;
  }
  connected_metric_.Set(connected ? 1 : 0);
  if (connected) {
    Log(LogLevel::kInfo, "connected to a member of the group", {{"peer", address_}});
    return;
  }
  DropAll(MemberDrop::kNoConnection);
  if (closed_) return;
  disconnects_metric_.Add();
  Log(LogLevel::kWarn, "lost the connection to a member of the group", {{"peer", address_}});
}

}  // namespace brazier::pipeline
