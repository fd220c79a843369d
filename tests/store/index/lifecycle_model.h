// A naive model of what becomes of blocks after they are added: maps that are walked from end to end. For lifecycle_model_test.cc.
#pragma once

#include <map>
#include <set>

#include "common/model/selector.h"
#include "store/index/deletions.h"
#include "store/index/jobs.h"
#include "store/index/tombstones.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {

struct ModelBlock {
  BlockMeta meta;
  uint64_t job = 0;
  bool is_quarantined = false;
  std::string reason;
  int64_t since_ns = 0;
  uint32_t failures = 0;
  int64_t not_before_ns = 0;
  std::string error;
  std::map<Ulid, uint64_t> noted;  // deletion -> index of its command

  bool IsFree() const { return job == 0 && !is_quarantined; }
  std::string Tenant() const { return meta.level == 0 ? "" : meta.datasets[0].tenant; }
  QueueName Queue() const { return {meta.level, meta.level >= 2 ? 0 : meta.shard, Tenant()}; }
  void Forget() { failures = 0, not_before_ns = 0, error.clear(); }
};

struct ModelRemoved {
  Tombstone tombstone;
  bool is_condemned = false;
  std::set<Ulid> noted;
};

class LifecycleModel {
 public:
  // What the answer must be: a code, a reason where there is one, and what the command counts.
  struct Outcome {
    Code code = Code::kOk;
    std::string reason;
    uint64_t count = 0;
  };

  Outcome Add(const std::vector<BlockMeta>& added) {
    for (const BlockMeta& block : added) {
      if (removed.contains(block.id) && removed[block.id].is_condemned) return {Code::kFailedPrecondition, "", 0};
    }
    for (const BlockMeta& block : added) Insert(block);
    return {};
  }
  Outcome Replace(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs, int64_t time_ns) {
    if (IsDone(outputs, inputs)) return {Code::kOk, "", 1};
    for (const Ulid& id : inputs) {
      if (!blocks.contains(id)) return {Code::kNotFound, "", 0};
    }
    for (const BlockMeta& block : outputs) {
      if (removed.contains(block.id)) return {Code::kFailedPrecondition, "", 0};
    }
    for (const BlockMeta& block : outputs) Insert(block);
    for (const Ulid& id : inputs) Remove(id, time_ns);
    return {};
  }
  LeasedJob Lease(const JobLease& lease, uint64_t index, int64_t time_ns) {
    if (lease.id != 0) {
      if (!jobs.contains(lease.id)) return {};
      Job& job = jobs[lease.id];
      job.token = index;
      job.worker = lease.worker;
      ++job.attempts;
      return {job.id, index, {}};
    }
    LeasedJob leased;
    for (const Ulid& id : lease.inputs) {
      const auto it = blocks.find(id);
      if (it == blocks.end() || !it->second.IsFree() || it->second.Queue() != lease.queue) leased.not_free.push_back(id);
    }
    if (!leased.not_free.empty()) return leased;
    leased.id = ++newest_job;
    leased.token = index;
    for (const Ulid& id : lease.inputs) blocks[id].job = leased.id;
    jobs[leased.id] = {leased.id, index, lease.queue, lease.output_level, lease.inputs, lease.worker, time_ns, 1};
    return leased;
  }
  Outcome Finish(const FinishJobCommand& command) {
    if (!jobs.contains(command.id)) {
      bool done = IsDone(command.outputs, command.inputs);
      for (const BadInput& bad : command.bad) {
        done = done && (IsRemoved(bad.id) || (blocks.contains(bad.id) && blocks[bad.id].is_quarantined));
      }
      return done ? Outcome{Code::kOk, "", 1} : Outcome{Code::kNotFound, "job_gone", 0};
    }
    const Job job = jobs[command.id];
    if (job.token != command.token) return {Code::kFailedPrecondition, "stale_lease", 0};
    const auto lists = [&](const Ulid& id) { return std::find(job.inputs.begin(), job.inputs.end(), id) != job.inputs.end(); };
    for (const Ulid& id : command.inputs) {
      const auto it = blocks.find(id);
      if (it == blocks.end()) return {Code::kNotFound, "input_gone", 0};
      if (it->second.is_quarantined) return {Code::kFailedPrecondition, "inputs_changed", 0};
      if (it->second.job != job.id) {
        return lists(id) ? Outcome{Code::kNotFound, "input_gone", 0} : Outcome{Code::kInvalidArgument, "", 0};
      }
      for (const auto& [deletion, index] : it->second.noted) {
        if (index > command.token) return {Code::kFailedPrecondition, "inputs_changed", 0};
      }
    }
    for (const BadInput& bad : command.bad) {
      if (!lists(bad.id) && blocks.contains(bad.id) && !blocks[bad.id].is_quarantined) return {Code::kInvalidArgument, "", 0};
    }
    for (const BlockMeta& block : command.outputs) {
      if (removed.contains(block.id)) return {Code::kFailedPrecondition, "output_removed", 0};
    }
    for (const BadInput& bad : command.bad) Quarantine(bad, command.time_ns);
    for (const BlockMeta& block : command.outputs) Insert(block);
    for (const Ulid& id : command.inputs) Remove(id, command.time_ns);
    for (auto& [id, block] : blocks) {
      if (block.job != job.id) continue;
      block.job = 0;
      block.not_before_ns = 0;
    }
    jobs.erase(command.id);
    return {};
  }
  uint64_t Return(const ReturnJobCommand& command) {
    const auto job = jobs.find(command.id);
    if (job == jobs.end() || (command.token != 0 && command.token != job->second.token)) return 0;
    uint64_t count = 0;
    for (auto& [id, block] : blocks) {
      if (block.job != command.id) continue;
      block.job = 0;
      block.not_before_ns = command.not_before_ns;
      if (command.counts) ++block.failures, block.error = command.error;
      ++count;
    }
    jobs.erase(job);
    return count;
  }
  uint64_t ForgetFailures(const std::vector<Ulid>& ids) {
    uint64_t count = 0;
    for (auto& [id, block] : blocks) {
      if (!ids.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
      count += block.failures > 0 || block.not_before_ns > 0;
      block.Forget();
    }
    return count;
  }
  bool Quarantine(const BadInput& bad, int64_t time_ns) {
    const auto it = blocks.find(bad.id);
    if (it == blocks.end() || it->second.is_quarantined) return false;
    it->second.is_quarantined = true;
    it->second.reason = bad.reason;
    it->second.since_ns = time_ns;
    it->second.Forget();
    if (const uint64_t job = std::exchange(it->second.job, 0); job != 0) {
      std::erase(jobs[job].inputs, bad.id);
      if (jobs[job].inputs.empty()) jobs.erase(job);
    }
    return true;
  }
  uint64_t Release(const std::vector<Ulid>& ids) {
    uint64_t count = 0;
    for (const Ulid& id : ids) {
      if (blocks.contains(id)) count += std::exchange(blocks[id].is_quarantined, false);
    }
    return count;
  }
  uint64_t Condemn(const std::vector<CondemnedObject>& objects, int64_t time_ns) {
    uint64_t count = 0;
    for (const CondemnedObject& object : objects) {
      if (blocks.contains(object.id) || removed.contains(object.id)) continue;
      removed[object.id] = {{object.id, time_ns, object.shard, object.level, object.tenant, object.size}, true, {}};
      ++count;
    }
    return count;
  }
  uint64_t Purge(const std::vector<Ulid>& ids, int64_t time_ns) {
    uint64_t count = 0;
    for (const Ulid& id : ids) {
      if (!removed.contains(id)) continue;
      for (const Ulid& noted : removed[id].noted) {
        Deletion& deletion = deletions[noted];
        --deletion.objects_to_delete;
        if (deletion.objects_to_delete + deletion.blocks_to_rewrite == 0) deletion.confirmed_ns = time_ns;
      }
      removed.erase(id);
      ++count;
    }
    return count;
  }
  uint64_t Delete(const DeleteDataCommand& command, uint64_t index) {
    if (deletions.contains(command.id)) return deletions[command.id].blocks;
    std::vector<Ulid> concerned, whole;
    for (const auto& [id, block] : blocks) {
      if (!Concerns(command.filter, block.meta)) continue;
      concerned.push_back(id);
      bool all = block.meta.level > 0;
      for (const DatasetMeta& d : block.meta.datasets) all = all && Covers(command.filter, d);
      if (all) whole.push_back(id);
    }
    deletions[command.id] = {command.id, command.filter, command.time_ns, concerned.size(), concerned.size(), 0,
                             concerned.empty() ? command.time_ns : 0};
    for (const Ulid& id : concerned) blocks[id].noted[command.id] = index;
    for (const Ulid& id : whole) Remove(id, command.time_ns);
    return concerned.size();
  }
  uint64_t ForgetDeletions(const std::vector<Ulid>& ids) {
    uint64_t count = 0;
    for (const Ulid& id : ids) {
      const auto it = deletions.find(id);
      if (it == deletions.end() || it->second.blocks_to_rewrite + it->second.objects_to_delete > 0) continue;
      deletions.erase(it);
      ++count;
    }
    return count;
  }

  static bool Meets(const DataFilter& filter, const DatasetMeta& d) {
    return d.tenant == filter.tenant && (filter.service.empty() || d.service == filter.service) &&
           d.min_time_ns <= filter.end_ns && d.max_time_ns >= filter.start_ns;
  }
  static bool Covers(const DataFilter& filter, const DatasetMeta& d) {
    return filter.selector.empty() && Meets(filter, d) && d.min_time_ns >= filter.start_ns && d.max_time_ns <= filter.end_ns;
  }
  // How much of the dataset is deleted: 0 nothing, 1 some, 2 all.
  int Deleted(const ModelBlock& block, const DatasetMeta& d) const {
    int deleted = 0;
    for (const auto& [id, index] : block.noted) {
      const DataFilter& filter = deletions.at(id).filter;
      if (Covers(filter, d)) return 2;
      if (Meets(filter, d)) deleted = 1;
    }
    return deleted;
  }

  std::map<Ulid, ModelBlock> blocks;
  std::map<Ulid, ModelRemoved> removed;
  std::map<uint64_t, Job> jobs;
  std::map<Ulid, Deletion> deletions;
  uint64_t newest_job = 0;

 private:
  static bool Concerns(const DataFilter& filter, const BlockMeta& block) {
    const Selector selector = filter.selector.empty() ? Selector() : Selector::Parse(filter.selector).value();
    return std::any_of(block.datasets.begin(), block.datasets.end(), [&](const DatasetMeta& d) {
      return Meets(filter, d) && (filter.selector.empty() || !d.lists_label_sets ||
                                  std::any_of(d.label_sets.begin(), d.label_sets.end(),
                                              [&](const Labels& labels) { return selector.Matches(labels); }));
    });
  }
  bool IsRemoved(const Ulid& id) const { return removed.contains(id) && !removed.at(id).is_condemned; }
  bool IsDone(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs) const {
    return std::all_of(inputs.begin(), inputs.end(), [&](const Ulid& id) { return IsRemoved(id); }) &&
           std::all_of(outputs.begin(), outputs.end(),
                       [&](const BlockMeta& block) { return blocks.contains(block.id) || IsRemoved(block.id); });
  }
  void Insert(const BlockMeta& block) {
    if (!blocks.contains(block.id) && !removed.contains(block.id)) blocks[block.id].meta = block;
  }
  void Remove(const Ulid& id, int64_t time_ns) {
    const ModelBlock& block = blocks[id];
    ModelRemoved& tombstone = removed[id];
    tombstone.tombstone = {id, time_ns, block.meta.shard, block.meta.level, block.Tenant(), block.meta.size};
    for (const auto& [noted, index] : block.noted) {
      tombstone.noted.insert(noted);
      --deletions[noted].blocks_to_rewrite;
      ++deletions[noted].objects_to_delete;
    }
    blocks.erase(id);
  }
};

}  // namespace brazier::index
