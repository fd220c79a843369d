// What a scheduler talks to, in memory and without any other rule than those that matter to it: queues, jobs with tokens,
// failures. Answers as the index does and tells the scheduler what changes, at once or, as the store's thread does, before the
// answer. For tests.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/metastore/compaction/compaction_scheduler.h"

namespace brazier::metastore {

inline constexpr int64_t kSecond = kNsPerSecond;
inline constexpr int64_t kT0 = int64_t{1'700'000'000} * kSecond;

inline Ulid IdAt(int64_t time_ns, uint64_t number) {
  return Ulid{{.high = static_cast<uint64_t>(time_ns / kNsPerMs) << 16, .low = number}};
}

class SchedulerModel {
 public:
  struct Block {
    index::QueueName queue;
    uint64_t size = 0;
    uint32_t failures = 0;
    int64_t not_before_ns = 0;
    bool must_be_rewritten = false;
    uint64_t job = 0;
  };

  explicit SchedulerModel(CompactionScheduler& scheduler) : scheduler_(&scheduler) {}

  Ulid Add(const index::QueueName& queue, uint64_t size, int64_t now_ns) {
    const Ulid id = IdAt(now_ns, ++number_);
    AddAs(id, queue, size, now_ns);
    return id;
  }
  void AddAs(const Ulid& id, const index::QueueName& queue, uint64_t size, int64_t now_ns) {
    blocks_[id] = {.queue = queue, .size = size};
    Tell(id, now_ns);
  }
  void Remove(const Ulid& id, int64_t now_ns) {
    const auto it = blocks_.find(id);
    if (it == blocks_.end()) return;
    scheduler_->BlockTaken(it->second.queue, id, now_ns);
    if (it->second.job != 0) jobs_.at(it->second.job).inputs.erase(
        std::find(jobs_.at(it->second.job).inputs.begin(), jobs_.at(it->second.job).inputs.end(), id));
    blocks_.erase(it);
  }
  void Delete(const Ulid& id, int64_t now_ns) {
    Block& block = blocks_.at(id);
    block.must_be_rewritten = true;
    scheduler_->BlockMustBeRewritten(block.queue, id, now_ns);
  }

  std::vector<index::LeasedJob> Lease(const LeaseProposal& lease, int64_t now_ns) {
    std::vector<index::LeasedJob> answer;
    ++log_index_;
    uint64_t in_command = 0;
    for (const index::JobLease& wanted : lease.jobs) {
      index::LeasedJob& leased = answer.emplace_back();
      if (wanted.id != 0) {
        const auto job = jobs_.find(wanted.id);
        if (job == jobs_.end()) continue;
        job->second.token = log_index_;
        job->second.worker = wanted.worker;
        ++job->second.attempts;
        leased = {.id = wanted.id, .token = log_index_, .not_free = {}};
        continue;
      }
      for (const Ulid& id : wanted.inputs) {
        const auto block = blocks_.find(id);
        const bool is_free = block != blocks_.end() && block->second.job == 0 &&
                             block->second.queue == wanted.queue;
        if (!is_free) leased.not_free.push_back(id);
      }
      if (!leased.not_free.empty()) continue;
      const uint64_t id = log_index_ * 100 + in_command++;
      jobs_[id] = {.id = id,
                   .token = log_index_,
                   .queue = wanted.queue,
                   .output_level = wanted.output_level,
                   .inputs = wanted.inputs,
                   .worker = wanted.worker,
                   .started_ns = now_ns,
                   .attempts = 1};
      for (const Ulid& input : wanted.inputs) {
        blocks_.at(input).job = id;
        scheduler_->BlockTaken(wanted.queue, input, now_ns);
      }
      leased.id = id;
      leased.token = log_index_;
    }
    return answer;
  }

  // False: another token, or over.
  bool Finish(uint64_t id, uint64_t token, const std::vector<Ulid>& inputs, std::optional<index::QueueName> output, int64_t now_ns) {
    const auto job = jobs_.find(id);
    if (job == jobs_.end() || job->second.token != token) return false;
    uint64_t bytes = 0;
    const std::vector<Ulid> all = job->second.inputs;
    jobs_.erase(job);
    for (const Ulid& input : all) {
      blocks_.at(input).job = 0;
      if (std::find(inputs.begin(), inputs.end(), input) == inputs.end()) {
        Tell(input, now_ns);
        continue;
      }
      bytes += blocks_.at(input).size;
      scheduler_->BlockTaken(blocks_.at(input).queue, input, now_ns);
      blocks_.erase(input);
    }
    if (output.has_value()) Add(*output, bytes, now_ns);
    return true;
  }
  void Return(const JobReturn& plan, int64_t now_ns) {
    const auto job = jobs_.find(plan.id);
    if (job == jobs_.end() || (plan.token != 0 && job->second.token != plan.token)) return;
    const std::vector<Ulid> all = job->second.inputs;
    jobs_.erase(job);
    for (const Ulid& input : all) {
      Block& block = blocks_.at(input);
      block.job = 0;
      block.not_before_ns = plan.not_before_ns;
      if (plan.counts) ++block.failures;
      Tell(input, now_ns);
    }
  }
  void ForgetFailures(int64_t now_ns) {
    for (auto& [id, block] : blocks_) {
      if (block.failures == 0 || block.job != 0) continue;
      block.failures = 0;
      block.not_before_ns = 0;
      Tell(id, now_ns);
    }
  }

  std::vector<index::Job> Jobs() const {
    std::vector<index::Job> out;
    for (const auto& [id, job] : jobs_) out.push_back(job);
    return out;
  }
  // What a scheduler that begins reads.
  void Load(CompactionScheduler& scheduler, int64_t now_ns) const {
    scheduler.LoadJobs(Jobs(), now_ns);
    std::map<std::pair<index::QueueName, Ulid>, const Block*> in_order;
    for (const auto& [id, block] : blocks_) {
      if (block.job == 0) in_order[{block.queue, id}] = &block;
    }
    for (const auto& [key, block] : in_order) {
      scheduler.LoadFree({.queue = key.first,
                          .block = {.id = key.second, .size = block->size},
                          .failures = block->failures,
                          .not_before_ns = block->not_before_ns,
                          .must_be_rewritten = block->must_be_rewritten},
                         now_ns);
    }
  }
  void Tell(const Ulid& id, int64_t now_ns) {
    const Block& block = blocks_.at(id);
    scheduler_->BlockQueued(block.queue, {.id = id, .size = block.size}, block.failures, block.not_before_ns, now_ns);
    if (block.must_be_rewritten) scheduler_->BlockMustBeRewritten(block.queue, id, now_ns);
  }
  void SetScheduler(CompactionScheduler& scheduler) { scheduler_ = &scheduler; }
  const std::map<Ulid, Block>& blocks() const { return blocks_; }
  const std::map<uint64_t, index::Job>& jobs() const { return jobs_; }

 private:
  CompactionScheduler* scheduler_;
  std::map<Ulid, Block> blocks_;
  std::map<uint64_t, index::Job> jobs_;
  uint64_t log_index_ = 0;
  uint64_t number_ = 0;
};

}  // namespace brazier::metastore
