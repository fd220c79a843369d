// SuspectReporter: tells the metastore of blocks that queries failed to read, behind the queries' backs: Report() only notes the block,
// a thread of its own calls. A block is told once in kRepeatNs; a report that fails is dropped, and the
// next query that fails kRetryNs later brings it again.
//
// Bounds: kWaitingMax blocks wait, more are dropped; a call has kCallNs. Borrows everything; owns its thread. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "common/contract/metastore.h"
#include "common/observe/metrics.h"

namespace brazier::query_frontend {

class SuspectReporter {
 public:
  static constexpr int64_t kRepeatNs = 20 * kNsPerSecond;
  static constexpr int64_t kRetryNs = 2 * kNsPerSecond;
  static constexpr int64_t kCallNs = 10 * kNsPerSecond;
  static constexpr size_t kWaitingMax = 1'000;

  SuspectReporter(contract::Metastore& metastore, const Clock& clock, MetricsRegistry& registry);
  ~SuspectReporter();  // stops, after the call that runs

  void Report(const Ulid& block, const std::string& why);

 private:
  void Run();

  contract::Metastore& metastore_;
  const Clock& clock_;
  Counter& reported_;
  Counter& dropped_;

  std::mutex mu_;
  std::condition_variable changed_;
  bool stopping_ = false;                                 // guarded by mu_
  std::deque<std::pair<Ulid, std::string>> waiting_;      // guarded by mu_
  std::map<Ulid, int64_t> told_ns_;                       // guarded by mu_; at most kWaitingMax
  std::thread thread_;
};

}  // namespace brazier::query_frontend
