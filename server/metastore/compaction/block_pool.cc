#include "server/metastore/compaction/block_pool.h"

#include <algorithm>

#include "store/index/index_limits.h"

namespace brazier::metastore {

void BlockPool::Clear() {
  queues_.clear();
  timers_.clear();
  due_.clear();
  size_ = 0;
  level_sizes_ = {};
  forgotten_level_ = UINT32_MAX;
  forgot_urgent_ = false;
}

void BlockPool::Enlist(Queue& queue, const Ulid& id, const WaitingBlock& block, int64_t now_ns) {
  if (block.not_before_ns > now_ns) {
    queue.later.emplace(block.not_before_ns, id);
  } else if (block.failures >= policy_.failures_alone) {
    queue.alone.emplace(block.since_ns, id);
  } else {
    queue.together.emplace(block.since_ns, id);
    queue.together_bytes += block.size;
    queue.urgent += block.is_urgent() ? 1 : 0;
  }
}

void BlockPool::Delist(Queue& queue, const Ulid& id, const WaitingBlock& block) {
  if (queue.together.erase({block.since_ns, id}) > 0) {
    queue.together_bytes -= block.size;
    queue.urgent -= block.is_urgent() ? 1 : 0;
  }
  queue.alone.erase({block.since_ns, id});
  queue.later.erase({block.not_before_ns, id});
}

bool BlockPool::Extract(const index::QueueName& name, Queue& queue, const Ulid& id, WaitingBlock* block) {
  const auto it = queue.blocks.find(id);
  if (it == queue.blocks.end()) return false;
  *block = it->second;
  Delist(queue, id, it->second);
  queue.blocks.erase(it);
  --size_;
  --level_sizes_[std::min(name.level, CompactionPolicy::kLastLevel)];
  return true;
}

void BlockPool::Put(const index::QueueName& name, const Ulid& id, const WaitingBlock& block, int64_t now_ns) {
  Remove(name, id, now_ns);
  if (size_ >= policy_.blocks_known_max && !MakeRoom(name, block.is_urgent(), now_ns)) return;
  const auto it = queues_.try_emplace(name).first;
  it->second.blocks.emplace(id, block);
  ++size_;
  ++level_sizes_[std::min(name.level, CompactionPolicy::kLastLevel)];
  Enlist(it->second, id, block, now_ns);
  Place(it, now_ns);
}

void BlockPool::Remove(const index::QueueName& name, const Ulid& id, int64_t now_ns) {
  const auto it = queues_.find(name);
  WaitingBlock ignored;
  if (it == queues_.end() || !Extract(name, it->second, id, &ignored)) return;
  Place(it, now_ns);
}

void BlockPool::MustBeRewritten(const index::QueueName& name, const Ulid& id, int64_t now_ns) {
  WaitingBlock block{.since_ns = now_ns};
  if (const auto it = queues_.find(name); it != queues_.end()) {
    if (const auto known = it->second.blocks.find(id); known != it->second.blocks.end()) block = known->second;
  }
  block.must_be_rewritten = true;
  Put(name, id, block, now_ns);
}

void BlockPool::Force(const std::vector<uint32_t>& levels, const std::string& tenant, int64_t now_ns) {
  for (auto it = queues_.begin(); it != queues_.end(); ++it) {
    const auto& [level, shard, owner] = it->first;
    const bool is_meant = levels.empty() ? level < CompactionPolicy::kLastLevel
                                         : std::find(levels.begin(), levels.end(), level) != levels.end();
    if (!is_meant || (!tenant.empty() && owner != tenant)) continue;
    Queue& queue = it->second;
    for (auto& [id, block] : queue.blocks) {
      Delist(queue, id, block);
      block.is_forced = true;
      Enlist(queue, id, block, now_ns);
    }
    Place(it, now_ns);
  }
}

int64_t BlockPool::DueOfTogether(const index::QueueName& name, const Queue& queue) const {
  if (queue.together.empty()) return kNever;
  const int64_t since_ns = queue.together.begin()->first;
  if (queue.urgent > 0) return since_ns;
  if (name.level >= CompactionPolicy::kLastLevel) return kNever;
  const LevelPolicy& policy = policy_.Of(name.level);
  if (queue.together.size() >= policy.blocks_max || queue.together_bytes >= policy.bytes_max) return since_ns;
  if (queue.together.size() == 1 && !policy.takes_one) return kNever;
  return since_ns + policy.age_ns;
}

int64_t BlockPool::DueOf(const index::QueueName& name, const Queue& queue) const {
  int64_t due_ns = DueOfTogether(name, queue);
  // Blocks that failed were due before, and are when they may be tried again.
  if (!queue.alone.empty()) due_ns = std::min(due_ns, queue.alone.begin()->first);
  if (!queue.later.empty()) due_ns = std::min(due_ns, queue.later.begin()->first);
  return due_ns;
}

void BlockPool::Displace(const index::QueueName& name, Queue& queue) {
  if (queue.due_ns == kNever) return;
  if (!queue.is_due) {
    timers_.erase({queue.due_ns, name});
  } else if (const auto level = due_.find(name.level); level != due_.end()) {
    const auto turn = level->second.tenants.find(name.tenant);
    turn->second.queues.erase({queue.due_ns, name});
    if (turn->second.queues.empty()) level->second.tenants.erase(turn);
  }
  queue.due_ns = kNever;
  queue.is_due = false;
}

void BlockPool::Place(Queues::iterator it, int64_t now_ns) {
  const index::QueueName& name = it->first;
  Queue& queue = it->second;
  Displace(name, queue);
  if (queue.blocks.empty()) {
    queues_.erase(it);
    return;
  }
  while (!queue.later.empty() && queue.later.begin()->first <= now_ns) {
    const Ulid id = queue.later.begin()->second;
    queue.later.erase(queue.later.begin());
    Enlist(queue, id, queue.blocks.at(id), now_ns);
  }
  queue.due_ns = DueOf(name, queue);
  if (queue.due_ns == kNever) return;
  queue.is_due = queue.due_ns <= now_ns;
  if (!queue.is_due) {
    timers_.emplace(queue.due_ns, name);
    return;
  }
  Level& level = due_[name.level];
  // Who comes anew, or again, stands behind those that have waited, and before those that have had their turn since.
  Turn& turn = level.tenants.try_emplace(name.tenant, Turn{.start = level.start + 1, .queues = {}}).first->second;
  turn.queues.emplace(queue.due_ns, name);
}

void BlockPool::Advance(int64_t now_ns) {
  while (!timers_.empty() && timers_.begin()->first <= now_ns) Place(queues_.find(timers_.begin()->second), now_ns);
}

bool BlockPool::MakeRoom(const index::QueueName& name, bool is_urgent, int64_t now_ns) {
  // The highest level's last queue, and there the newest block that is not urgent. Queues of urgent blocks only are passed over, a
  // few of them, so that this ends.
  int looks = 64;
  for (auto it = queues_.end(); it != queues_.begin() && looks > 0;) {
    --it;
    if (it->first.level < name.level || (it->first.level == name.level && !is_urgent)) break;
    for (auto block = it->second.blocks.end(); block != it->second.blocks.begin() && looks > 0; --looks) {
      --block;
      if (block->second.is_urgent()) continue;
      forgotten_level_ = std::min(forgotten_level_, it->first.level);
      Remove(it->first, Ulid(block->first), now_ns);
      return true;
    }
  }
  forgotten_level_ = std::min(forgotten_level_, name.level);
  forgot_urgent_ = forgot_urgent_ || is_urgent;
  return false;
}

bool BlockPool::wants_reload() const {
  if (forgotten_level_ >= CompactionPolicy::kLastLevel && !forgot_urgent_) return false;
  // What is of a higher level makes room while everything is read.
  size_t before_them = 0;
  for (uint32_t level = 0; level < level_sizes_.size() && level <= forgotten_level_; ++level) before_them += level_sizes_[level];
  return before_them <= policy_.blocks_known_max / 4 * 3;
}

Batch BlockPool::Take(const index::QueueName& name, Queue& queue) {
  Batch batch{.queue = name, .output_level = CompactionPolicy::OutputLevel(name.level), .blocks = {}};
  const auto add = [&](const Ulid& id) {
    WaitingBlock block;
    if (!Extract(name, queue, id, &block)) return;
    block.is_forced = false;
    batch.bytes += block.size;
    batch.blocks.emplace(id, block);
  };
  const int64_t alone_ns = queue.alone.empty() ? kNever : queue.alone.begin()->first;
  if (alone_ns != kNever && alone_ns <= DueOfTogether(name, queue)) {
    add(Ulid(queue.alone.begin()->second));
    return batch;
  }
  const LevelPolicy& policy = policy_.Of(name.level);
  const size_t blocks_max = std::min(policy.blocks_max, index::kJobInputsMax);
  const bool urgent_only = name.level >= CompactionPolicy::kLastLevel;
  std::vector<Ulid> chosen;
  uint64_t bytes = 0;
  for (const auto& [since_ns, id] : queue.together) {
    const WaitingBlock& block = queue.blocks.at(id);
    if (urgent_only && !block.is_urgent()) continue;
    chosen.push_back(id);
    bytes += block.size;
    if (chosen.size() >= blocks_max || bytes >= policy.bytes_max) break;
  }
  for (const Ulid& id : chosen) add(id);
  return batch;
}

std::optional<Batch> BlockPool::TakeDue(int64_t now_ns) {
  Advance(now_ns);
  for (auto& [number, level] : due_) {
    const auto next = std::min_element(level.tenants.begin(), level.tenants.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.start, a.second.queues.begin()->first) <
             std::pair(b.second.start, b.second.queues.begin()->first);
    });
    if (next == level.tenants.end()) continue;
    level.start = next->second.start++;
    const auto it = queues_.find(next->second.queues.begin()->second);
    Batch batch = Take(it->first, it->second);
    Place(it, now_ns);
    return batch;
  }
  return std::nullopt;
}

int64_t BlockPool::NextDueNs() const {
  for (const auto& [number, level] : due_) {
    if (!level.tenants.empty()) return 0;
  }
  return timers_.empty() ? kNever : timers_.begin()->first;
}

std::vector<contract::LevelOverview> BlockPool::Overview(int64_t now_ns) const {
  std::vector<contract::LevelOverview> levels(CompactionPolicy::kLastLevel + 1);
  for (uint32_t level = 0; level < levels.size(); ++level) levels[level].level = level;
  for (const auto& [name, queue] : queues_) {
    contract::LevelOverview& level = levels[std::min(name.level, CompactionPolicy::kLastLevel)];
    ++level.queues;
    level.blocks += queue.blocks.size();
    for (const auto& [id, block] : queue.blocks) {
      level.bytes += block.size;
      level.oldest_wait_ns = std::max(level.oldest_wait_ns, now_ns - block.since_ns);
    }
  }
  return levels;
}

}  // namespace brazier::metastore
