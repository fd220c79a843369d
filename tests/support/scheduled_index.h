// ScheduledIndex: the metadata index over a memory store and the compaction scheduler of its leader, without consensus, threads or
// clock: commands are applied at once, what the scheduler decides is carried out by Decide(). For simulations and measurements in
// virtual time. Thread-compatible.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/check.h"
#include "server/metastore/compaction/compaction_scheduler.h"
#include "server/metastore/compaction/finish_packing.h"
#include "server/metastore/compaction/scheduler_inbox.h"
#include "store/index/jobs.h"
#include "store/index/metadata_index.h"
#include "store/kv/key_value_store.h"

namespace brazier::testing {

class ScheduledIndex {
 public:
  static constexpr size_t kCommandBytesMax = 1 << 20;
  // Jobs for the worker of this name.
  using HandOut = std::function<void(const std::string& worker, std::vector<contract::CompactionJob> jobs)>;

  ScheduledIndex(const metastore::CompactionPolicy& policy, uint64_t hash_seed) : scheduler_(policy), hash_seed_(hash_seed) {
    Restart();
  }

  const kv::Reader& state() const { return *state_; }
  metastore::CompactionScheduler& scheduler() { return scheduler_; }

  std::string Apply(const std::string& command, int64_t now_ns) {
    kv::WriteBatch batch;
    std::string answer = index_->Apply(++log_index_, command, batch);
    CHECK(state_->Write(batch, false).ok());
    index_->Applied(log_index_);
    Listen(now_ns);
    return answer;
  }

  // The member's memory is gone; Lead() next.
  void Restart() {
    auto index = index::MetadataIndex::Open(*state_, hash_seed_);
    CHECK(index.ok());
    index_ = *std::move(index);
    index_->SetObserver(&inbox_);
  }
  // Another member leads from now on: nothing of the scheduler's memory is left.
  void Lead(int64_t now_ns) {
    inbox_.Listen(true);
    scheduler_.Begin(*index::IsCompactionPaused(*state_));
    Reload(now_ns);
  }

  void Pull(const std::string& worker, size_t credits, int64_t until_ns, int64_t now_ns) {
    pulls_[++pull_] = worker;
    CHECK(scheduler_.Pull(pull_, worker, credits, until_ns, now_ns));
  }

  // Carries out what the scheduler wants until it wants nothing more.
  void Decide(int64_t now_ns, const HandOut& hand_out) {
    for (int round = 0; round < kRoundsMax; ++round) {
      metastore::Decisions decisions = scheduler_.Decide(now_ns);
      if (decisions.reload) Reload(now_ns);
      if (decisions.leases.empty() && decisions.answers.empty() && decisions.returns.empty()) return;
      for (const auto& lease : decisions.leases) {
        const std::string answer = Apply(index::EncodeLeaseJobsCommand({now_ns, lease.jobs}), now_ns);
        scheduler_.Leased(lease.number, index::DecodeLeaseJobsAnswer(answer), now_ns);
      }
      for (const auto& back : decisions.returns) Return(back, now_ns);
      for (auto& answer : decisions.answers) {
        hand_out(pulls_[answer.pull], std::move(answer.jobs));
        pulls_.erase(answer.pull);
      }
    }
    CHECK(false);  // it never stops deciding
  }

  void Return(const metastore::JobReturn& back, int64_t now_ns) {
    const std::string answer = Apply(
        index::EncodeReturnJobCommand({now_ns, back.id, back.token, back.not_before_ns, back.counts, back.error}), now_ns);
    scheduler_.Returned(back.id, back.token, back.counts, index::DecodeCountAnswer(answer).status(), now_ns);
  }

  Status Finish(const contract::FinishedJob& job, int64_t now_ns) {
    ASSIGN_OR_RETURN(const std::string command, metastore::PackFinishJob(job, now_ns, kCommandBytesMax));
    const auto answer = index::DecodeFinishJobAnswer(Apply(command, now_ns));
    RETURN_IF_ERROR(answer.status());
    scheduler_.Finished(job.id, job.token);
    return Status::Ok();
  }

 private:
  static constexpr int kRoundsMax = 1'000;
  static constexpr size_t kFreeBlocksMax = 1'000'000;

  void Reload(int64_t now_ns) {
    scheduler_.Reload();
    const auto jobs = index::ListJobs(*state_);
    CHECK(jobs.ok());
    scheduler_.LoadJobs(*jobs, now_ns);
    const auto free = index::ListFreeBlocks(*state_, std::nullopt, kFreeBlocksMax);
    CHECK(free.ok());
    for (const index::FreeBlock& block : *free) scheduler_.LoadFree(block, now_ns);
  }

  void Listen(int64_t now_ns) {
    bool lost = false;
    for (auto& item : inbox_.Take(&lost)) {
      if (auto* queued = std::get_if<metastore::SchedulerInbox::Queued>(&item)) {
        scheduler_.BlockQueued(queued->queue, queued->block, queued->failures, queued->not_before_ns, now_ns);
      } else if (auto* taken = std::get_if<metastore::SchedulerInbox::Taken>(&item)) {
        scheduler_.BlockTaken(taken->queue, taken->id, now_ns);
      } else if (auto* rewrite = std::get_if<metastore::SchedulerInbox::MustBeRewritten>(&item)) {
        scheduler_.BlockMustBeRewritten(rewrite->queue, rewrite->id, now_ns);
      }
    }
    if (lost) Reload(now_ns);
  }

  std::unique_ptr<kv::KeyValueStore> state_ = kv::MakeMemoryKeyValueStore();
  metastore::SchedulerInbox inbox_;
  metastore::CompactionScheduler scheduler_;
  const uint64_t hash_seed_;
  std::unique_ptr<index::MetadataIndex> index_;
  uint64_t log_index_ = 0;
  std::map<uint64_t, std::string> pulls_;
  uint64_t pull_ = 0;
};

}  // namespace brazier::testing
