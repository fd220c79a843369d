// MemberLink: the way to one other member of the group: a bounded queue and a PUSH socket. Part of MemberLinks, which says
// what is guaranteed.
//
// Bytes are counted exactly: `held` is all that waits plus what libzmq has, `handed` what libzmq has; libzmq gives the
// bytes back through a token in each frame, on its own thread, and that wakes the loop when the queue waits for room.
// Shared: MemberLinks, posted tasks and tokens keep it alive.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "common/observe/metrics.h"
#include "common/pipeline/loop.h"
#include "common/pipeline/member_frame.h"
#include "common/pipeline/member_links.h"

namespace brazier::pipeline {

// Why a message is not sent. The metric's label `reason` has these names in lower case.
enum class MemberDrop {
  kNoGroup,         // "no_group": our group is not known yet
  kUnknownMember,   // "unknown_member"
  kNoConnection,    // "no_connection": there is none, or it broke
  kQueueFull,       // "queue_full"
  kTooOld,          // "too_old": waited for longer than age_ms_max
  kTooLarge,        // "too_large"
};
Counter& MemberDropCounter(MetricsRegistry& metrics, const std::string& peer, MemberDrop reason);

class MemberLink : public std::enable_shared_from_this<MemberLink> {
 public:
  // `loop` and `metrics` outlive every call but those of tokens.
  MemberLink(Loop& loop, std::string address, const MemberLinkLimits& limits,
             MetricsRegistry& metrics);

  const std::string& address() const { return address_; }
  // Any thread.
  bool is_connected() const { return connected_.load(std::memory_order_relaxed); }
  void Send(const MemberHeader& header, std::string message);

  // Loop thread. Open() logs what goes wrong; the link then never connects. Nothing is sent after Close().
  void Open();
  void Close();

 private:
  struct Waiting {
    MemberHeader header;
    std::string message;
    int64_t since_ns = 0;
    size_t bytes() const;
  };
  struct Token;

  Status OpenSockets();
  void Drop(MemberDrop reason, uint64_t n = 1) {
    dropped_[static_cast<size_t>(reason)]->Add(n);
  }
  void Hold(int64_t bytes);
  // Any thread: makes Flush() run on the loop's.
  void PostFlush();
  void Flush();
  void FlushAt(int64_t monotonic_ns);
  bool HasRoom(size_t bytes) const;
  bool PopTooOld(int64_t now_ns);
  void DropAll(MemberDrop reason);
  void OnHandedBack(size_t bytes);
  void OnMonitor();
  void SetConnected(bool connected);

  Loop& loop_;  // used on its own thread only, where it is alive
  const std::shared_ptr<Inbox> inbox_;
  const std::string address_;
  const MemberLinkLimits limits_;
  Counter& sent_metric_;
  Counter& sent_bytes_metric_;
  Counter& disconnects_metric_;
  Gauge& held_bytes_metric_;
  Gauge& connected_metric_;
  std::array<Counter*, 6> dropped_{};  // by MemberDrop

  std::atomic<bool> connected_{false};
  std::atomic<bool> waits_for_room_{false};
  std::atomic<size_t> handed_bytes_{0};
  std::mutex mu_;
  std::deque<Waiting> waiting_;  // guarded by mu_
  size_t held_bytes_ = 0;        // guarded by mu_
  bool flush_due_ = false;       // guarded by mu_: someone will call Flush()

  // Loop thread.
  bool closed_ = false;
  Socket push_;
  Socket monitor_;
  uint64_t timer_ = 0;
};

}  // namespace brazier::pipeline
