#include "server/metastore/compaction/compaction_scheduler.h"

#include <algorithm>

#include "store/index/index_limits.h"

namespace brazier::metastore {
namespace {

using contract::ReturnReason;
using State = CompactionScheduler::LiveJob::State;

// A pull that is asked for so short a time is not given a job: its worker may not wait for the answer any more.
constexpr int64_t kPullMarginNs = 100 * kNsPerMs;

// Nothing was changed, and nothing will be.
bool IsPlainRefusal(const Status& status) {
  return status.code() == Code::kResourceExhausted || status.code() == Code::kInvalidArgument ||
         status.code() == Code::kFailedPrecondition || status.code() == Code::kUnimplemented;
}

int64_t Backoff(int64_t first_ns, int64_t max_ns, uint32_t doublings) {
  int64_t wait_ns = first_ns;
  for (uint32_t i = 0; i < doublings && wait_ns < max_ns; ++i) wait_ns *= 2;
  return std::min(wait_ns, max_ns);
}

}  // namespace

void CompactionScheduler::Begin(bool is_paused) {
  pool_.Clear();
  jobs_.clear();
  proposals_.clear();
  owners_.clear();
  pulls_.clear();
  answers_.clear();
  no_proposals_before_ns_ = 0;
  is_paused_ = is_paused;
  reload_ = false;
}

void CompactionScheduler::Reload() {
  pool_.Clear();
  reload_ = false;
}

void CompactionScheduler::LoadJobs(const std::vector<index::Job>& jobs, int64_t now_ns) {
  std::map<uint64_t, const index::Job*> there;
  for (const index::Job& job : jobs) there.emplace(job.id, &job);
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    const auto next = std::next(it);
    if (!there.contains(it->first)) EraseJob(it);
    it = next;
  }
  for (const index::Job& job : jobs) {
    const auto [it, is_new] = jobs_.try_emplace(job.id);
    LiveJob& live = it->second;
    if (!is_new && live.token >= job.token) continue;
    live.id = job.id;
    live.token = job.token;
    live.worker = job.worker;
    live.attempts = job.attempts;
    live.spoken_ns = now_ns;
    if (!is_new) continue;
    live.queue = job.queue;
    live.output_level = job.output_level;
    live.started_ns = job.started_ns;
    for (const Ulid& id : job.inputs) {
      live.inputs.emplace(id, WaitingBlock{.since_ns = std::min(id.TimeMs() * kNsPerMs, now_ns)});
      pool_.Remove(job.queue, id, now_ns);
      owners_.try_emplace(id, Owner{.is_job = true, .number = job.id});
    }
  }
}

void CompactionScheduler::LoadFree(const index::FreeBlock& block, int64_t now_ns) {
  if (owners_.contains(block.block.id)) return;
  pool_.Put(block.queue, block.block.id,
            {.size = block.block.size,
             .since_ns = std::min(block.block.id.TimeMs() * kNsPerMs, now_ns),
             // Of a clock that may have been ahead of this one.
             .not_before_ns = std::min(block.not_before_ns, now_ns + policy_.backoff_max_ns),
             .failures = block.failures,
             .must_be_rewritten = block.must_be_rewritten},
            now_ns);
}

WaitingBlock* CompactionScheduler::BlockOf(const Owner& owner, const Ulid& id) {
  if (owner.is_job) {
    const auto job = jobs_.find(owner.number);
    if (job == jobs_.end()) return nullptr;
    const auto block = job->second.inputs.find(id);
    return block == job->second.inputs.end() ? nullptr : &block->second;
  }
  const auto proposal = proposals_.find(owner.number);
  if (proposal == proposals_.end()) return nullptr;
  for (ProposedJob& job : proposal->second.jobs) {
    const auto block = job.batch.blocks.find(id);
    if (block != job.batch.blocks.end()) return &block->second;
  }
  return nullptr;
}

void CompactionScheduler::BlockQueued(const index::QueueName& queue, const index::QueuedBlock& block, uint32_t failures,
                                      int64_t not_before_ns, int64_t now_ns) {
  WaitingBlock waiting{.size = block.size, .since_ns = now_ns, .not_before_ns = not_before_ns, .failures = failures};
  if (const auto owner = owners_.find(block.id); owner != owners_.end()) {
    WaitingBlock* known = BlockOf(owner->second, block.id);
    if (known != nullptr) {
      waiting.since_ns = known->since_ns;
      waiting.must_be_rewritten = known->must_be_rewritten;
      waiting.is_forced = known->is_forced;
    }
    if (!owner->second.is_job && known != nullptr) {
      *known = waiting;  // free, as the proposal supposes: its answer decides
      return;
    }
    // Its job is over, or goes on without it.
    if (known != nullptr) jobs_.at(owner->second.number).inputs.erase(block.id);
    owners_.erase(owner);
  }
  pool_.Put(queue, block.id, waiting, now_ns);
}

void CompactionScheduler::BlockTaken(const index::QueueName& queue, const Ulid& id, int64_t now_ns) {
  // One that a proposal has was taken by it, or the answer will say that it is not free.
  if (!owners_.contains(id)) pool_.Remove(queue, id, now_ns);
}

void CompactionScheduler::BlockMustBeRewritten(const index::QueueName& queue, const Ulid& id, int64_t now_ns) {
  const auto owner = owners_.find(id);
  if (owner == owners_.end()) return pool_.MustBeRewritten(queue, id, now_ns);
  if (WaitingBlock* block = BlockOf(owner->second, id)) block->must_be_rewritten = true;
}

void CompactionScheduler::Hear(const std::string& worker, int64_t now_ns) {
  if (workers_.size() >= kWorkersMax && !workers_.contains(worker)) {
    std::erase_if(workers_, [&](const auto& item) { return now_ns - item.second >= policy_.lease_ns; });
    if (workers_.size() >= kWorkersMax) return;
  }
  workers_[worker] = now_ns;
}

bool CompactionScheduler::IsSilent(const std::string& worker, int64_t now_ns) const {
  const auto heard = workers_.find(worker);
  return heard == workers_.end() || now_ns - heard->second > policy_.worker_silence_ns;
}

uint64_t CompactionScheduler::WorkersHeardOf(int64_t now_ns) const {
  return static_cast<uint64_t>(std::count_if(workers_.begin(), workers_.end(), [&](const auto& item) {
    return now_ns - item.second <= policy_.lease_ns;
  }));
}

bool CompactionScheduler::Pull(uint64_t number, const std::string& worker, size_t credits, int64_t until_ns, int64_t now_ns) {
  for (auto it = pulls_.begin(); it != pulls_.end();) {
    if (it->second.worker != worker) {
      ++it;
      continue;
    }
    answers_.push_back({.pull = it->first, .jobs = {}});
    it = pulls_.erase(it);
  }
  if (credits == 0) {
    workers_.erase(worker);
    answers_.push_back({.pull = number, .jobs = {}});
    return true;
  }
  if (pulls_.size() >= policy_.pulls_max) return false;
  Hear(worker, now_ns);
  pulls_.emplace(number, WaitingPull{.worker = worker,
                                     .credits = std::min(credits, contract::CompactionJobs::kJobsPerPullMax),
                                     .until_ns = until_ns});
  return true;
}

std::vector<uint64_t> CompactionScheduler::Heartbeat(const std::string& worker, const std::vector<contract::JobProgress>& jobs,
                                                     int64_t now_ns) {
  Hear(worker, now_ns);
  std::vector<uint64_t> stop;
  for (const contract::JobProgress& progress : jobs) {
    const auto it = jobs_.find(progress.id);
    if (it == jobs_.end() || it->second.token != progress.token) {
      stop.push_back(progress.id);
      continue;
    }
    it->second.spoken_ns = now_ns;
    it->second.bytes_done = progress.bytes_done;
    if (it->second.bytes == 0) it->second.bytes = progress.bytes_total;
  }
  return stop;
}

JobReturn CompactionScheduler::PlanReturn(uint64_t id, uint64_t token, ReturnReason reason, const std::string& error,
                                          int64_t now_ns) {
  JobReturn plan{.id = id, .token = token, .not_before_ns = 0, .counts = reason == ReturnReason::kFailed, .error = error};
  if (reason == ReturnReason::kStopping) return plan;
  uint32_t doublings = 0;
  if (reason == ReturnReason::kUnavailable) {
    doublings = unavailable_in_a_row_++;
  } else if (const auto it = jobs_.find(id); it != jobs_.end()) {
    for (const auto& [input, block] : it->second.inputs) doublings = std::max(doublings, block.failures);
  }
  plan.not_before_ns = now_ns + Backoff(policy_.backoff_first_ns, policy_.backoff_max_ns, doublings);
  return plan;
}

void CompactionScheduler::EraseJob(std::map<uint64_t, LiveJob>::iterator it) {
  for (const auto& [id, block] : it->second.inputs) {
    const auto owner = owners_.find(id);
    if (owner != owners_.end() && owner->second.is_job && owner->second.number == it->first) owners_.erase(owner);
  }
  jobs_.erase(it);
}

std::optional<CompactionScheduler::LiveJob> CompactionScheduler::Finished(uint64_t id, uint64_t token) {
  unavailable_in_a_row_ = 0;
  const auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.token != token) return std::nullopt;
  LiveJob job = it->second;
  EraseJob(it);
  return job;
}

void CompactionScheduler::GiveBack(const Batch& batch, int64_t now_ns) {
  for (const auto& [id, block] : batch.blocks) {
    owners_.erase(id);
    pool_.Put(batch.queue, id, block, now_ns);
  }
}

contract::CompactionJob CompactionScheduler::DescriptionOf(const LiveJob& job) const {
  contract::CompactionJob out;
  out.id = job.id;
  out.token = job.token;
  out.level = job.output_level;
  out.shard = job.output_level >= CompactionPolicy::kFirstLevelAcrossShards ? 0 : job.queue.shard;
  out.tenant = job.queue.tenant;
  for (const auto& [id, block] : job.inputs) out.inputs.push_back(id);
  out.block_bytes_max = policy_.block_bytes_max;
  out.memory_bytes_max = policy_.memory_bytes_max;
  out.hour_rollups = job.output_level >= CompactionPolicy::kFirstLevelWithHours;
  out.day_rollups = job.output_level >= CompactionPolicy::kFirstLevelWithDays;
  return out;
}

void CompactionScheduler::Leased(uint64_t number, const Result<std::vector<index::LeasedJob>>& answer, int64_t now_ns) {
  const auto found = proposals_.find(number);
  if (found == proposals_.end()) return;
  const Proposal proposal = std::move(found->second);
  proposals_.erase(found);
  PullAnswer hand_out{.pull = proposal.pull, .jobs = {}};
  const bool is_answer = answer.ok() && answer->size() == proposal.jobs.size();
  if (!is_answer) {
    no_proposals_before_ns_ = now_ns + kAfterErrorNs;
    if (answer.ok() || !IsPlainRefusal(answer.status())) reload_ = true;
  }
  for (size_t i = 0; i < proposal.jobs.size(); ++i) {
    const ProposedJob& proposed = proposal.jobs[i];
    const index::LeasedJob leased = is_answer ? (*answer)[i] : index::LeasedJob{};
    if (proposed.id > 0) {
      const auto it = jobs_.find(proposed.id);
      if (it == jobs_.end()) continue;  // over in the meantime
      it->second.state = State::kLeased;
      if (!is_answer) continue;
      if (leased.id == 0) {
        EraseJob(it);
        continue;
      }
      ++events_.retried[it->second.output_level];
      it->second.token = leased.token;
      it->second.worker = proposal.from.worker;
      ++it->second.attempts;
      it->second.bytes_done = 0;
      it->second.spoken_ns = now_ns;
      hand_out.jobs.push_back(DescriptionOf(it->second));
      continue;
    }
    if (leased.id == 0) {
      Batch free = proposed.batch;
      for (const Ulid& id : leased.not_free) {
        free.blocks.erase(id);
        owners_.erase(id);
      }
      // A refusal that names no block, or none of these, would be repeated for ever.
      if (is_answer && free.blocks.size() == proposed.batch.blocks.size()) {
        reload_ = true;
        no_proposals_before_ns_ = now_ns + kAfterErrorNs;
      }
      GiveBack(free, now_ns);
      continue;
    }
    LiveJob job{.id = leased.id,
                .token = leased.token,
                .queue = proposed.batch.queue,
                .output_level = proposed.batch.output_level,
                .inputs = proposed.batch.blocks,
                .worker = proposal.from.worker,
                .started_ns = now_ns,
                .attempts = 1,
                .bytes = proposed.batch.bytes,
                .spoken_ns = now_ns};
    for (const auto& [id, block] : job.inputs) owners_[id] = {.is_job = true, .number = job.id};
    hand_out.jobs.push_back(DescriptionOf(job));
    jobs_.insert_or_assign(job.id, std::move(job));
  }
  if (!hand_out.jobs.empty()) {
    answers_.push_back(std::move(hand_out));
    return;
  }
  // Nothing for it this time. Its number keeps its place; a newer pull of the same worker has replaced it.
  const bool is_replaced = std::any_of(pulls_.begin(), pulls_.end(), [&](const auto& pull) {
    return pull.second.worker == proposal.from.worker;
  });
  if (is_replaced) {
    answers_.push_back(std::move(hand_out));
  } else {
    pulls_.emplace(proposal.pull, proposal.from);
  }
}

void CompactionScheduler::Returned(uint64_t id, uint64_t token, bool counts, const Status& status, int64_t now_ns) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.token != token) return;
  if (status.ok()) {
    if (counts) ++events_.failed[it->second.output_level];
    return EraseJob(it);
  }
  // Asked again after a while.
  it->second.state = State::kLeased;
  it->second.spoken_ns = now_ns - policy_.lease_ns + kAfterErrorNs;
  if (!IsPlainRefusal(status)) reload_ = true;
}

void CompactionScheduler::ReturnLost(Decisions& decisions, int64_t now_ns) {
  for (auto& [id, job] : jobs_) {
    if (!IsExpired(job, now_ns) || job.attempts < policy_.leases_max) continue;
    job.state = State::kReturning;
    ++events_.leases_expired;
    decisions.returns.push_back(PlanReturn(id, job.token, ReturnReason::kFailed,
                                           "given to " + std::to_string(job.attempts) + " workers, the last one " + job.worker +
                                               ", and none of them ended it",
                                           now_ns));
  }
}

void CompactionScheduler::AnswerPulls(Decisions& decisions, int64_t now_ns) {
  for (auto it = pulls_.begin(); it != pulls_.end();) {
    if (it->second.until_ns - kPullMarginNs > now_ns && !IsSilent(it->second.worker, now_ns)) {
      ++it;
      continue;
    }
    answers_.push_back({.pull = it->first, .jobs = {}});
    it = pulls_.erase(it);
  }
  decisions.answers = std::exchange(answers_, {});
}

std::vector<CompactionScheduler::ProposedJob> CompactionScheduler::Choose(size_t credits, int64_t now_ns) {
  std::vector<ProposedJob> chosen;
  for (auto& [id, job] : jobs_) {
    if (chosen.size() >= credits) return chosen;
    if (!IsExpired(job, now_ns)) continue;
    job.state = State::kInProposal;
    ++events_.leases_expired;
    chosen.push_back({.id = id, .batch = {.queue = job.queue, .output_level = job.output_level, .blocks = {}}});
  }
  while (chosen.size() < credits) {
    std::optional<Batch> batch = pool_.TakeDue(now_ns);
    if (!batch.has_value()) break;
    chosen.push_back({.id = 0, .batch = *std::move(batch)});
  }
  return chosen;
}

void CompactionScheduler::Lease(Decisions& decisions, int64_t now_ns) {
  if (is_paused_ || reload_ || now_ns < no_proposals_before_ns_) return;
  while (!pulls_.empty() && proposals_.size() < policy_.proposals_max) {
    const auto pull = pulls_.begin();
    std::vector<ProposedJob> jobs = Choose(pull->second.credits, now_ns);
    if (jobs.empty()) return;
    LeaseProposal lease{.number = next_proposal_++, .jobs = {}};
    for (const ProposedJob& job : jobs) {
      index::JobLease& wanted = lease.jobs.emplace_back();
      wanted.id = job.id;
      wanted.queue = job.batch.queue;
      wanted.output_level = job.batch.output_level;
      wanted.worker = pull->second.worker;
      for (const auto& [id, block] : job.batch.blocks) {
        wanted.inputs.push_back(id);
        owners_[id] = {.is_job = false, .number = lease.number};
      }
    }
    proposals_.emplace(lease.number, Proposal{.pull = pull->first, .from = pull->second, .jobs = std::move(jobs)});
    pulls_.erase(pull);
    decisions.leases.push_back(std::move(lease));
  }
}

Decisions CompactionScheduler::Decide(int64_t now_ns) {
  Decisions decisions;
  ReturnLost(decisions, now_ns);
  AnswerPulls(decisions, now_ns);
  Lease(decisions, now_ns);
  decisions.reload = reload_ || pool_.wants_reload();
  return decisions;
}

int64_t CompactionScheduler::NextNs(int64_t now_ns) const {
  if (!answers_.empty() || reload_) return now_ns;
  int64_t next_ns = INT64_MAX;
  for (const auto& [number, pull] : pulls_) {
    next_ns = std::min(next_ns, pull.until_ns - kPullMarginNs);
    const auto heard = workers_.find(pull.worker);
    if (heard != workers_.end()) next_ns = std::min(next_ns, heard->second + policy_.worker_silence_ns + 1);
  }
  const bool may_lease = !is_paused_ && !pulls_.empty() && proposals_.size() < policy_.proposals_max;
  for (const auto& [id, job] : jobs_) {
    if (job.state != State::kLeased) continue;
    const int64_t lost_ns = job.spoken_ns + policy_.lease_ns;
    if (job.attempts >= policy_.leases_max || lost_ns > now_ns || may_lease) {
      next_ns = std::min(next_ns, may_lease ? std::max(lost_ns, no_proposals_before_ns_) : lost_ns);
    }
  }
  if (may_lease) next_ns = std::min(next_ns, std::max(pool_.NextDueNs(), no_proposals_before_ns_));
  return next_ns;
}

}  // namespace brazier::metastore
