#include "common/pipeline/loop.h"

#include <algorithm>
#include <future>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"

namespace brazier::pipeline {
namespace {
constexpr int64_t kPollMsMax = 1000;
}

Inbox::Inbox(size_t bytes_max)
    : bytes_max_(bytes_max), event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(event_fd_ >= 0);
}

Inbox::~Inbox() { close(event_fd_); }

Status Inbox::Post(size_t bytes, Task task) { return Push(bytes, true, std::move(task)); }
Status Inbox::PostCompletion(Task task) { return Push(0, false, std::move(task)); }

Status Inbox::Push(size_t bytes, bool bounded, Task task) {
  bool wake = false;
  {
    std::lock_guard lock(mu_);
    if (closed_) return Unavailable("the pipeline is stopping");
    // A task larger than the bound passes when it is alone.
    if (bounded && bytes_ > 0 && bytes > bytes_max_ - std::min(bytes_, bytes_max_)) {
      return ResourceExhausted("the pipeline's inbox is full: " + std::to_string(bytes_) + " of " +
                               std::to_string(bytes_max_) + " bytes wait");
    }
    wake = tasks_.empty();
    bytes_ += bytes;
    tasks_.push_back(std::move(task));
  }
  if (wake) {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof one);
  }
  return Status::Ok();
}

std::vector<Task> Inbox::TakeAll() {
  std::vector<Task> taken;
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t bytes = read(event_fd_, &count, sizeof count);
  std::lock_guard lock(mu_);
  taken.swap(tasks_);
  bytes_ = 0;
  return taken;
}

void Inbox::Close() {
  std::lock_guard lock(mu_);
  closed_ = true;
}

Loop::Loop(Options options, Context& context)
    : options_(std::move(options)),
      context_(context),
      inbox_(std::make_shared<Inbox>(options_.inbox_bytes_max)),
      thread_([this] { Run(); }) {}

Loop::~Loop() { Stop(); }

bool Loop::RunAndWait(Task task) {
  CHECK(std::this_thread::get_id() != thread_.get_id());
  // A task that is dropped unrun breaks its promise, which wakes the waiter too.
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  const Status posted =
      inbox_->PostCompletion([task = std::move(task), promise = std::move(promise)]() mutable {
        task();
        promise.set_value();
      });
  if (!posted.ok()) return false;
  done.wait();
  return true;
}

void Loop::Stop() {
  std::lock_guard lock(stop_mu_);
  if (!thread_.joinable()) return;
  CHECK(std::this_thread::get_id() != thread_.get_id());
  (void)inbox_->PostCompletion([this] { stopping_ = true; });
  thread_.join();
}

void Loop::Run() {
  pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
  while (!stopping_) {
    Poll();
    RunTimers();
  }
  inbox_->Close();
  RunInbox();
  while (!closers_.empty()) {
    auto last = std::prev(closers_.end());
    const std::function<void()> closer = std::move(last->second);
    closers_.erase(last);
    closer();
  }
  CHECK(watched_.empty());
}

int Loop::PollTimeoutMs() const {
  if (timers_.empty()) return kPollMsMax;
  const int64_t wait_ns = timers_.begin()->first.first - SystemClock().MonotonicNs();
  if (wait_ns <= 0) return 0;
  return static_cast<int>(std::min(kPollMsMax, (wait_ns + kNsPerMs - 1) / kNsPerMs));
}

void Loop::Poll() {
  std::vector<zmq_pollitem_t> items;
  std::vector<uint64_t> ids;
  items.reserve(watched_.size() + 1);
  items.push_back({nullptr, inbox_->event_fd(), ZMQ_POLLIN, 0});
  for (const auto& [id, watched] : watched_) {
    items.push_back({watched.handle, 0, ZMQ_POLLIN, 0});
    ids.push_back(id);
  }
  if (zmq_poll(items.data(), static_cast<int>(items.size()), PollTimeoutMs()) < 0) {
    CHECK(zmq_errno() == EINTR);
    return;
  }
  if (items[0].revents != 0) RunInbox();
  for (size_t i = 1; i < items.size(); ++i) {
    if (items[i].revents == 0) continue;
    // A task or an earlier callback may have closed this one.
    const auto it = watched_.find(ids[i - 1]);
    if (it == watched_.end()) continue;
    const std::function<void()> on_readable = it->second.on_readable;
    on_readable();
  }
}

void Loop::RunInbox() {
  for (Task& task : inbox_->TakeAll()) {
    task();
    task = Task();  // what it owned goes now, not after the last one
  }
}

void Loop::RunTimers() {
  const int64_t now_ns = SystemClock().MonotonicNs();
  while (!timers_.empty() && timers_.begin()->first.first <= now_ns) {
    const auto first = timers_.begin();
    const std::function<void()> task = std::move(first->second);
    timer_times_.erase(first->first.second);
    timers_.erase(first);
    task();
  }
}

void Loop::Watch(const Socket& socket, std::function<void()> on_readable) {
  watched_[next_id_++] = {socket.handle(), std::move(on_readable)};
}

void Loop::Unwatch(const Socket& socket) {
  std::erase_if(watched_,
                [&](const auto& entry) { return entry.second.handle == socket.handle(); });
}

uint64_t Loop::RunAt(int64_t monotonic_ns, std::function<void()> task) {
  const uint64_t id = next_id_++;
  timers_[{monotonic_ns, id}] = std::move(task);
  timer_times_[id] = monotonic_ns;
  return id;
}

void Loop::CancelTimer(uint64_t id) {
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) return;
  timers_.erase({it->second, id});
  timer_times_.erase(it);
}

uint64_t Loop::AtStop(std::function<void()> closer) {
  const uint64_t id = next_id_++;
  closers_[id] = std::move(closer);
  return id;
}

void Loop::ForgetAtStop(uint64_t id) { closers_.erase(id); }

}  // namespace brazier::pipeline
