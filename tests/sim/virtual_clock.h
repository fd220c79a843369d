// VirtualClock and EventQueue: time that passes from event to event, and the events in their order. Everything a
// simulation does is an event; two at one time run in the order in which they were scheduled. SkewedClock is what a
// member believes the time to be. Thread-hostile: a simulation has one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "common/base/clock.h"

namespace brazier::simulation {

constexpr int64_t kMs = kNsPerMs;
constexpr int64_t kSecond = kNsPerSecond;

class VirtualClock final : public Clock {
 public:
  // Wall time at the start: 2023-11-14.
  static constexpr int64_t kEpochNs = int64_t{1'700'000'000} * kSecond;
  int64_t NowNs() const override { return kEpochNs + now_ns_; }
  int64_t MonotonicNs() const override { return now_ns_; }
  // REQUIRES: not before the present
  void AdvanceTo(int64_t now_ns) { now_ns_ = now_ns; }

 private:
  int64_t now_ns_ = 0;
};

class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(const Clock& truth) : truth_(truth) {}
  int64_t NowNs() const override { return truth_.NowNs() + skew_ns_; }
  int64_t MonotonicNs() const override { return truth_.MonotonicNs(); }
  void SetSkew(int64_t skew_ns) { skew_ns_ = skew_ns; }

 private:
  const Clock& truth_;
  int64_t skew_ns_ = 0;
};

class EventQueue {
 public:
  using Action = std::function<void()>;

  explicit EventQueue(VirtualClock& clock) : clock_(clock) {}
  int64_t now_ns() const { return clock_.MonotonicNs(); }
  void After(int64_t delay_ns, Action action) {
    events_.emplace(std::pair(now_ns() + delay_ns, ++scheduled_), std::move(action));
  }
  // Runs the next event. False when there is none.
  bool RunOne() {
    if (events_.empty()) return false;
    auto event = events_.extract(events_.begin());
    clock_.AdvanceTo(event.key().first);
    ++executed_;
    event.mapped()();
    return true;
  }
  uint64_t executed() const { return executed_; }

 private:
  VirtualClock& clock_;
  std::map<std::pair<int64_t, uint64_t>, Action> events_;
  uint64_t scheduled_ = 0;
  uint64_t executed_ = 0;
};

}  // namespace brazier::simulation
