// SchedulerInbox: what the scheduler's thread is told by others, in one order: changes of the queues, heard on the consensus thread
// while commands are applied, and answers to proposals, which follow them. Whoever posts never waits for the scheduler.
//
// Changes are bounded in number: over kChangesMax all of them are dropped, and Take() says that they were lost, so that everything
// is read anew. Answers are bounded by what was proposed. Shared with callbacks that may come after the scheduler's end.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <chrono>
#include <functional>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "store/index/jobs.h"

namespace brazier::metastore {

class SchedulerInbox final : public index::QueueObserver {
 public:
  static constexpr size_t kChangesMax = 200'000;

  struct Queued {
    index::QueueName queue;
    index::QueuedBlock block;
    uint32_t failures = 0;
    int64_t not_before_ns = 0;
  };
  struct Taken {
    index::QueueName queue;
    Ulid id;
  };
  struct MustBeRewritten {
    index::QueueName queue;
    Ulid id;
  };
  using Task = std::function<void()>;  // run by whoever takes it
  using Item = std::variant<Queued, Taken, MustBeRewritten, Task>;

  explicit SchedulerInbox(size_t changes_max = kChangesMax) : changes_max_(changes_max) {}

  void BlockQueued(const index::QueueName& queue, const index::QueuedBlock& block, uint32_t failures,
                   int64_t not_before_ns) override {
    Change(Queued{queue, block, failures, not_before_ns});
  }
  void BlockTaken(const index::QueueName& queue, const Ulid& id) override { Change(Taken{queue, id}); }
  void BlockMustBeRewritten(const index::QueueName& queue, const Ulid& id) override { Change(MustBeRewritten{queue, id}); }
  void Restored() override {
    std::lock_guard lock(mu_);
    if (is_listening_) LoseChanges();
    changed_.notify_all();
  }

  // Whether changes are kept. To listen anew forgets what was lost.
  void Listen(bool is_listening) {
    std::lock_guard lock(mu_);
    is_listening_ = is_listening;
    LoseChanges();
    lost_ = false;
  }
  void Post(Task task) {
    std::lock_guard lock(mu_);
    items_.emplace_back(std::move(task));
    changed_.notify_all();
  }
  // Ends a Wait(), or the next one.
  void Wake() {
    std::lock_guard lock(mu_);
    woken_ = true;
    changed_.notify_all();
  }
  // Until there is something to take, Wake() was called, or the time has passed.
  void Wait(int64_t wait_ns) {
    std::unique_lock lock(mu_);
    changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns), [this] { return woken_ || lost_ || !items_.empty(); });
    woken_ = false;
  }
  // In order. `lost`: changes are missing.
  std::vector<Item> Take(bool* lost) {
    std::lock_guard lock(mu_);
    *lost = std::exchange(lost_, false);
    changes_ = 0;
    return std::exchange(items_, {});
  }

 private:
  void Change(Item item) {
    std::lock_guard lock(mu_);
    if (!is_listening_ || lost_) return;
    if (++changes_ > changes_max_) return LoseChanges();
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  void LoseChanges() {
    std::erase_if(items_, [](const Item& item) { return !std::holds_alternative<Task>(item); });
    changes_ = 0;
    lost_ = true;
  }

  const size_t changes_max_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<Item> items_;    // guarded by mu_
  size_t changes_ = 0;         // among them; guarded by mu_
  bool is_listening_ = false;  // guarded by mu_
  bool lost_ = false;          // guarded by mu_
  bool woken_ = false;         // guarded by mu_
};

}  // namespace brazier::metastore
