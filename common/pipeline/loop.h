// Loop: the one thread that touches a group of sockets, with timers and an inbox for all other
// threads.
//
//   Loop loop({.name = "pipeline"}, context);
//   loop.inbox()->Post(bytes, [&] { ... runs on the loop thread ... });
//   loop.Stop();
//
// The inbox is bounded in bytes: Post() refuses with kResourceExhausted when tasks of more than
// inbox_bytes_max wait. PostCompletion() is for answers to work that was admitted elsewhere (and is
// bounded there), so that finished work can always be reported. Both refuse with kUnavailable once
// the loop stops. The inbox is shared: whoever may still answer after the loop is gone keeps it
// alive.
//
// Members marked "loop thread" may be called from tasks, timers and socket callbacks only. Stop()
// runs what waits in the inbox, then the closers in reverse order of registration (each closes its
// sockets), then joins.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/pipeline/socket.h"
#include "common/pipeline/task.h"

namespace brazier::pipeline {

// Thread-safe.
class Inbox {
 public:
  explicit Inbox(size_t bytes_max);
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  Status Post(size_t bytes, Task task);
  Status PostCompletion(Task task);

  // The reading end, for the loop: readable when tasks wait; all that wait; no more from now on.
  int event_fd() const { return event_fd_; }
  std::vector<Task> TakeAll();
  void Close();

 private:
  Status Push(size_t bytes, bool bounded, Task task);

  const size_t bytes_max_;
  const int event_fd_;
  std::mutex mu_;
  std::vector<Task> tasks_;  // guarded by mu_
  size_t bytes_ = 0;         // guarded by mu_
  bool closed_ = false;      // guarded by mu_
};

class Loop {
 public:
  struct Options {
    std::string name = "pipeline";  // of the thread; 15 characters are visible
    size_t inbox_bytes_max = 64u << 20;
  };
  // `context` outlives the loop.
  Loop(Options options, Context& context);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  const std::shared_ptr<Inbox>& inbox() const { return inbox_; }
  Context& context() const { return context_; }
  // Runs `task` on the loop thread and waits for it; false when the loop has stopped. Not from the
  // loop thread.
  bool RunAndWait(Task task);
  // Idempotent. Not from the loop thread.
  void Stop();

  // Loop thread: calls `on_readable` while the socket has messages. The callback bounds its own
  // work; it is called again.
  void Watch(const Socket& socket, std::function<void()> on_readable);
  void Unwatch(const Socket& socket);
  // Loop thread: runs `task` once at that Clock::MonotonicNs or shortly after.
  uint64_t RunAt(int64_t monotonic_ns, std::function<void()> task);
  void CancelTimer(uint64_t id);
  // Loop thread: what to do when the loop stops.
  uint64_t AtStop(std::function<void()> closer);
  void ForgetAtStop(uint64_t id);

 private:
  struct Watched {
    void* handle = nullptr;
    std::function<void()> on_readable;
  };
  void Run();
  void Poll();
  void RunInbox();
  void RunTimers();
  int PollTimeoutMs() const;

  const Options options_;
  Context& context_;
  const std::shared_ptr<Inbox> inbox_;
  std::mutex stop_mu_;  // held while stopping

  // Owned by the loop thread.
  bool stopping_ = false;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Watched> watched_;
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> timers_;  // by (time, id)
  std::map<uint64_t, int64_t> timer_times_;
  std::map<uint64_t, std::function<void()>> closers_;

  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace brazier::pipeline
