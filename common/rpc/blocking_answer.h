// BlockingAnswer: waits on one thread for the answer that an asynchronous contract gives on another.
//
// The slot is shared: when the waiter gives up at its deadline, a late answer still has a place to go. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace brazier::rpc {

template <typename T>
class BlockingAnswer {
 public:
  // The callback to hand over. Further calls after the first are ignored.
  std::function<void(Result<T>)> Callback() {
    return [slot = slot_](Result<T> result) {
      {
        std::lock_guard lock(slot->mu);
        if (slot->result.has_value()) return;
        slot->result.emplace(std::move(result));
      }
      slot->ready.notify_one();
    };
  }

  // kDeadlineExceeded when there is no answer in time; the work may still be done. Call once.
  Result<T> Wait(const Clock& clock, int64_t deadline_ns) {
    std::unique_lock lock(slot_->mu);
    while (!slot_->result.has_value()) {
      const int64_t left_ns = deadline_ns - clock.MonotonicNs();
      if (left_ns <= 0) return DeadlineExceeded("no answer before the deadline of the request");
      slot_->ready.wait_for(lock, std::chrono::nanoseconds(left_ns));
    }
    return std::move(*slot_->result);
  }

 private:
  struct Slot {
    std::mutex mu;
    std::condition_variable ready;
    std::optional<Result<T>> result;  // guarded by mu
  };
  const std::shared_ptr<Slot> slot_ = std::make_shared<Slot>();
};

}  // namespace brazier::rpc
