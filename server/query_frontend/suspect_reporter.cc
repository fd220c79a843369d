#include "server/query_frontend/suspect_reporter.h"

#include <pthread.h>

#include "common/observe/log.h"

namespace brazier::query_frontend {

SuspectReporter::SuspectReporter(contract::Metastore& metastore, const Clock& clock, MetricsRegistry& registry)
    : metastore_(metastore),
      clock_(clock),
      reported_(registry.GetCounter("brazier_query_frontend_suspects_reported_total",
                                    "Blocks that queries failed to read, told to the metastore.")),
      dropped_(registry.GetCounter("brazier_query_frontend_suspects_dropped_total",
                                   "Such reports that were dropped: too many waited, or the metastore did not take them.")) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "suspects");
    Run();
  });
}

SuspectReporter::~SuspectReporter() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void SuspectReporter::Report(const Ulid& block, const std::string& why) {
  std::lock_guard lock(mu_);
  const int64_t now_ns = clock_.MonotonicNs();
  std::erase_if(told_ns_, [&](const auto& told) { return now_ns - told.second >= kRepeatNs; });
  if (told_ns_.count(block) > 0) return;
  if (waiting_.size() >= kWaitingMax || told_ns_.size() >= kWaitingMax) return dropped_.Add();
  told_ns_[block] = now_ns;
  waiting_.emplace_back(block, why);
  changed_.notify_all();
}

void SuspectReporter::Run() {
  for (;;) {
    std::pair<Ulid, std::string> suspect;
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      suspect = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const contract::RequestContext context{"suspect-" + suspect.first.ToString(), clock_.MonotonicNs() + kCallNs, nullptr};
    const Status status = metastore_.ReportSuspectBlock(context, suspect.first, suspect.second);
    if (status.ok()) {
      reported_.Add();
      continue;
    }
    {
      std::lock_guard lock(mu_);
      if (const auto told = told_ns_.find(suspect.first); told != told_ns_.end()) {
        told->second = clock_.MonotonicNs() - kRepeatNs + kRetryNs;
      }
    }
    dropped_.Add();
    Log(LogLevel::kWarn, "a block that cannot be read was not reported",
        {{"block", suspect.first.ToString()}, {"error", status.ToString()}});
  }
}

}  // namespace brazier::query_frontend
