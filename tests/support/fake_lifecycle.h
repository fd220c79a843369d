// FakeLifecycle: contract::Lifecycle that answers as told and remembers what it was asked. Thread-safe once set up.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/contract/lifecycle.h"

namespace brazier::testing {

class FakeLifecycle : public contract::Lifecycle {
 public:
  Result<contract::CompactionOverview> overview = contract::CompactionOverview{};
  Result<uint64_t> count = uint64_t{0};
  Result<std::vector<contract::DeletionView>> deletions = std::vector<contract::DeletionView>{};
  Result<std::vector<contract::QuarantinedBlockView>> quarantined = std::vector<contract::QuarantinedBlockView>{};
  Result<contract::ScrubReport> scrub = contract::ScrubReport{};
  Status status;                     // of calls that answer nothing else
  std::function<void()> before_call;  // runs without the mutex

  std::vector<std::string> calls() {
    std::lock_guard lock(mu_);
    return calls_;
  }

  Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext&) override {
    Note("compaction");
    return overview;
  }
  Status SetCompactionPaused(const contract::RequestContext&, bool is_paused) override {
    Note(is_paused ? "pause" : "resume");
    return status;
  }
  Status ForceCompaction(const contract::RequestContext&, const std::vector<uint32_t>& levels,
                         const std::string& tenant) override {
    std::string call = "force";
    for (const uint32_t level : levels) call += " " + std::to_string(level);
    Note(call + (tenant.empty() ? "" : " of " + tenant));
    return status;
  }
  Result<uint64_t> RetryFailed(const contract::RequestContext&, const std::vector<Ulid>& ids) override {
    Note("retry" + Text(ids));
    return count;
  }
  Result<contract::DeletionView> Delete(const contract::RequestContext&, const Ulid& id, const DataFilter& filter) override {
    Note("delete " + id.ToString() + " " + filter.tenant + "/" + filter.service + "/" + filter.selector + " " +
         std::to_string(filter.start_ns) + ".." + std::to_string(filter.end_ns));
    if (!status.ok()) return status;
    if (!deletions.ok()) return deletions.status();
    contract::DeletionView made = deletions->empty() ? contract::DeletionView{} : deletions->front();
    made.id = id;
    made.filter = filter;
    return made;
  }
  Result<std::vector<contract::DeletionView>> ListDeletions(const contract::RequestContext&,
                                                            const std::string& tenant) override {
    Note("deletions" + (tenant.empty() ? "" : " of " + tenant));
    return deletions;
  }
  Result<std::vector<contract::QuarantinedBlockView>> ListQuarantined(const contract::RequestContext&) override {
    Note("quarantined");
    return quarantined;
  }
  Result<uint64_t> ReleaseQuarantined(const contract::RequestContext&, const std::vector<Ulid>& ids) override {
    Note("release" + Text(ids));
    return count;
  }
  Status StartScrub(const contract::RequestContext&, bool repairs) override {
    Note(repairs ? "scrub with repairs" : "scrub");
    return status;
  }
  Result<contract::ScrubReport> GetScrub(const contract::RequestContext&) override {
    Note("scrub report");
    return scrub;
  }

 private:
  static std::string Text(const std::vector<Ulid>& ids) {
    std::string text;
    for (const Ulid& id : ids) text += " " + id.ToString();
    return text;
  }
  void Note(const std::string& call) {
    if (before_call) before_call();
    std::lock_guard lock(mu_);
    calls_.push_back(call);
  }

  std::mutex mu_;
  std::vector<std::string> calls_;  // guarded by mu_
};

}  // namespace brazier::testing
