#include "server/metastore/compaction/compaction_service.h"

#include <algorithm>
#include <future>
#include <optional>

#include <pthread.h>

#include "common/observe/log.h"
#include "server/metastore/compaction/finish_packing.h"
#include "store/index/index_limits.h"
#include "store/index/job_command.h"
#include "store/index/jobs.h"

namespace brazier::metastore {
namespace {

using contract::CompactionJob;
using contract::RequestContext;

constexpr size_t kFreeBlocksPerRead = 10'000;

template <typename T>
Result<T> Decoded(const Result<std::string>& answer, Result<T> (*decode)(std::string_view)) {
  if (!answer.ok()) return answer.status();
  return decode(*answer);
}

int64_t Seconds(int64_t ns) { return ns / kNsPerSecond; }

}  // namespace

CompactionService::CompactionService(const CompactionPolicy& policy, const kv::KeyValueStore& store, const Clock& clock,
                                     MetricsRegistry& registry)
    : policy_(policy),
      store_(store),
      clock_(clock),
      metrics_(registry),
      wall_offset_ns_(clock.NowNs() - clock.MonotonicNs()),
      inbox_(std::make_shared<SchedulerInbox>()),
      scheduler_(policy) {}

CompactionService::~CompactionService() { Stop(); }

void CompactionService::Begin(consensus::Consensus& consensus, std::function<void()> begins_to_lead) {
  begins_to_lead_ = std::move(begins_to_lead);
  consensus_ = &consensus;
}

void CompactionService::Start(consensus::Consensus& consensus, std::function<void()> begins_to_lead) {
  Begin(consensus, std::move(begins_to_lead));
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "compaction");
    Run();
  });
}

void CompactionService::Run() {
  for (;;) {
    const int64_t wait_ns = RunOnce();
    {
      std::lock_guard lock(mu_);
      if (stopping_) return;
    }
    inbox_->Wait(wait_ns);
  }
}

void CompactionService::Stop() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
  }
  inbox_->Wake();
  if (thread_.joinable()) thread_.join();
  if (consensus_ != nullptr) Deactivate();
}

int64_t CompactionService::NowNs() const { return clock_.MonotonicNs() + wall_offset_ns_; }

bool CompactionService::IsActive() const {
  std::lock_guard lock(mu_);
  return is_active_ && !stopping_;
}

Status CompactionService::NotActive() const {
  if (consensus_ == nullptr) return Unavailable("the metastore is starting");
  {
    std::lock_guard lock(mu_);
    if (stopping_) return Unavailable("the metastore is stopping").WithReason("not_leader");
  }
  if (!consensus_.load()->GetStatus().is_leader) return consensus_.load()->NotLeader();
  return Unavailable("this member has just begun to lead and reads what there is to compact").WithReason("loading");
}

Status CompactionService::Activate(uint64_t term) {
  inbox_->Listen(true);
  RETURN_IF_ERROR(Reload(/*is_new_leader=*/true));
  term_ = term;
  const int64_t now_ns = NowNs();
  reconcile_at_ns_ = now_ns + kReconcileNs;
  {
    std::lock_guard lock(mu_);
    is_active_ = true;
    totals_ = {};
    Log(LogLevel::kInfo, "compaction is scheduled here",
        {{"term", term}, {"blocks", scheduler_.blocks_known()}, {"jobs", scheduler_.jobs().size()}});
  }
  if (begins_to_lead_) begins_to_lead_();
  return Status::Ok();
}

void CompactionService::Deactivate() {
  std::map<uint64_t, Pull> pulls;
  {
    std::lock_guard lock(mu_);
    if (!is_active_) return;
    is_active_ = false;
    pulls.swap(pulls_);
    scheduler_.Begin(false);
  }
  inbox_->Listen(false);
  SetFigures();
  const Status status = NotActive();
  for (auto& [number, pull] : pulls) pull.done(status);
}

// Whatever was heard before the barrier is in the store after it; what is heard from now on is taken in afterwards. So nothing is
// missed, and what is heard twice changes nothing.
Status CompactionService::Reload(bool is_new_leader) {
  RETURN_IF_ERROR(consensus_.load()->ReadBarrier(clock_.MonotonicNs() + kProposalNs));
  const std::unique_ptr<kv::Reader> reader = store_.Snapshot();
  ASSIGN_OR_RETURN(const bool is_paused, index::IsCompactionPaused(*reader));
  ASSIGN_OR_RETURN(const std::vector<index::Job> jobs, index::ListJobs(*reader));
  {
    std::lock_guard lock(mu_);
    if (is_new_leader) scheduler_.Begin(is_paused);
    scheduler_.Reload();
    scheduler_.LoadJobs(jobs, NowNs());
  }
  std::optional<index::FreeBlockCursor> after;
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<index::FreeBlock> blocks, index::ListFreeBlocks(*reader, after, kFreeBlocksPerRead));
    {
      std::lock_guard lock(mu_);
      for (const index::FreeBlock& block : blocks) scheduler_.LoadFree(block, NowNs());
    }
    if (blocks.size() < kFreeBlocksPerRead) break;
    after = {blocks.back().queue, blocks.back().block.id};
  }
  metrics_.reloads.Add();
  return Status::Ok();
}

void CompactionService::TakeIn(std::vector<SchedulerInbox::Item> items) {
  const int64_t now_ns = NowNs();
  std::unique_lock lock(mu_);
  for (SchedulerInbox::Item& item : items) {
    if (const auto* queued = std::get_if<SchedulerInbox::Queued>(&item)) {
      scheduler_.BlockQueued(queued->queue, queued->block, queued->failures, queued->not_before_ns, now_ns);
    } else if (const auto* taken = std::get_if<SchedulerInbox::Taken>(&item)) {
      scheduler_.BlockTaken(taken->queue, taken->id, now_ns);
    } else if (const auto* rewrite = std::get_if<SchedulerInbox::MustBeRewritten>(&item)) {
      scheduler_.BlockMustBeRewritten(rewrite->queue, rewrite->id, now_ns);
    } else {
      std::get<SchedulerInbox::Task>(item)();
    }
  }
}

void CompactionService::Reconcile() {
  reconcile_at_ns_ = NowNs() + kReconcileNs;
  const auto jobs = index::ListJobs(*store_.Snapshot());
  if (!jobs.ok()) return Log(LogLevel::kWarn, "compaction jobs cannot be read", {{"error", jobs.status().message()}});
  std::lock_guard lock(mu_);
  scheduler_.LoadJobs(*jobs, NowNs());
}

int64_t CompactionService::RunOnce() {
  const consensus::ConsensusStatus standing = consensus_.load()->GetStatus();
  bool is_stopping = false;
  {
    std::lock_guard lock(mu_);
    is_stopping = stopping_;
  }
  if (is_stopping || !standing.is_leader || !consensus_.load()->CanCommit()) {
    Deactivate();
    return kIdlePollNs;
  }
  if (IsActive() && term_ != standing.term) Deactivate();
  if (!IsActive()) {
    if (clock_.MonotonicNs() < retry_at_ns_) return kIdlePollNs;
    if (const Status status = Activate(standing.term); !status.ok()) {
      retry_at_ns_ = clock_.MonotonicNs() + kRetryNs;
      inbox_->Listen(false);
      if (status.reason() != "index_not_upgraded") {
        Log(LogLevel::kWarn, "what there is to compact cannot be read", {{"error", status.message()}});
      }
      return kRetryNs;
    }
  }
  bool lost = false;
  TakeIn(inbox_->Take(&lost));
  if (NowNs() >= reconcile_at_ns_) Reconcile();
  Decisions decisions;
  {
    std::lock_guard lock(mu_);
    decisions = scheduler_.Decide(NowNs());
  }
  const bool reload = lost || decisions.reload;
  Execute(std::move(decisions));
  if (reload) {
    if (const Status status = Reload(/*is_new_leader=*/false); !status.ok()) {
      // Half read: as if it had just begun to lead. Jobs keep their leases for another lease time.
      Log(LogLevel::kWarn, "what there is to compact cannot be read again", {{"error", status.message()}});
      Deactivate();
      retry_at_ns_ = clock_.MonotonicNs() + kRetryNs;
      return kRetryNs;
    }
    return 0;
  }
  if (NowNs() >= figures_at_ns_) SetFigures();
  std::lock_guard lock(mu_);
  const int64_t now_ns = NowNs();
  return std::clamp<int64_t>(scheduler_.NextNs(now_ns) - now_ns, 0, kActivePollNs);
}

void CompactionService::Execute(Decisions decisions) {
  for (PullAnswer& answer : decisions.answers) AnswerPull(std::move(answer));
  for (const JobReturn& job : decisions.returns) ProposeReturn(job);
  for (LeaseProposal& lease : decisions.leases) ProposeLease(std::move(lease));
}

void CompactionService::ProposeLease(LeaseProposal lease) {
  const index::LeaseJobsCommand command{.time_ns = clock_.NowNs(), .jobs = std::move(lease.jobs)};
  consensus_.load()->Propose(index::EncodeLeaseJobsCommand(command), clock_.MonotonicNs() + kProposalNs,
                      [this, inbox = inbox_, number = lease.number](const Result<std::string>& answer) {
                        inbox->Post([this, number, leased = Decoded(answer, &index::DecodeLeaseJobsAnswer)] {
                          scheduler_.Leased(number, leased, NowNs());
                        });
                      });
}

void CompactionService::ProposeReturn(const JobReturn& job) {
  Log(LogLevel::kWarn, "compaction job is taken back", {{"job", job.id}, {"why", job.error}});
  consensus_.load()->Propose(
      index::EncodeReturnJobCommand({.time_ns = clock_.NowNs(),
                                     .id = job.id,
                                     .token = job.token,
                                     .not_before_ns = job.not_before_ns,
                                     .counts = job.counts,
                                     .error = job.error.substr(0, index::kReasonBytesMax)}),
      clock_.MonotonicNs() + kProposalNs, [this, inbox = inbox_, job](const Result<std::string>& answer) {
        inbox->Post([this, job, status = Decoded(answer, &index::DecodeCountAnswer).status()] {
          scheduler_.Returned(job.id, job.token, job.counts, status, NowNs());
        });
      });
}

void CompactionService::AnswerPull(PullAnswer answer) {
  std::optional<Pull> pull;
  {
    std::lock_guard lock(mu_);
    if (auto found = pulls_.extract(answer.pull)) pull = std::move(found.mapped());
  }
  if (pull.has_value() && !pull->context.IsCancelled()) return pull->done(std::move(answer.jobs));
  // Nobody waits for them: others need not wait until the leases run out.
  for (const CompactionJob& job : answer.jobs) {
    ProposeReturn({.id = job.id, .token = job.token, .error = "the worker that asked for it has gone"});
  }
  if (pull.has_value()) pull->done(Status(Code::kCancelled, "the request was cancelled"));
}

void CompactionService::PullJobs(const RequestContext& context, const std::string& worker, size_t credits, PullDone done) {
  Status refused;
  if (worker.empty() || worker.size() > index::kWorkerBytesMax) {
    return done(InvalidArgument("the worker's name has " + std::to_string(worker.size()) + " bytes, allowed are 1 to " +
                                std::to_string(index::kWorkerBytesMax)));
  }
  {
    std::lock_guard lock(mu_);
    if (is_active_ && !stopping_) {
      const int64_t now_ns = NowNs();
      const int64_t until_ns = now_ns + std::max<int64_t>(0, context.deadline_ns - clock_.MonotonicNs() - kPullMarginNs);
      const uint64_t number = next_pull_++;
      if (scheduler_.Pull(number, worker, credits, until_ns, now_ns)) {
        pulls_.emplace(number, Pull{context, std::move(done)});
      } else {
        refused = ResourceExhausted(std::to_string(policy_.pulls_max) + " workers wait for jobs already").WithReason("pulls_limit");
      }
    } else {
      refused = Unavailable("");
    }
  }
  if (refused.ok()) return inbox_->Wake();
  done(refused.code() == Code::kUnavailable ? NotActive() : refused);
}

Result<std::vector<uint64_t>> CompactionService::Heartbeat(const RequestContext& context, const std::string& worker,
                                                           const std::vector<contract::JobProgress>& jobs) {
  if (!IsActive()) return NotActive();
  std::lock_guard lock(mu_);
  return scheduler_.Heartbeat(worker, jobs, NowNs());
}

void CompactionService::FinishJob(const RequestContext& context, contract::FinishedJob job, std::function<void(Status)> done) {
  if (!IsActive()) return done(NotActive());
  Result<std::string> command = PackFinishJob(job, clock_.NowNs(), consensus::Consensus::kCommandBytesMax);
  if (!command.ok()) return done(command.status());
  uint64_t bytes_written = 0;
  for (const BlockMeta& output : job.outputs) bytes_written += output.size;
  job.outputs.clear();
  consensus_.load()->Propose(*std::move(command), context.deadline_ns,
                      [this, inbox = inbox_, job = std::move(job), bytes_written,
                       done = std::move(done)](const Result<std::string>& answer) {
                        const Status status = Decoded(answer, &index::DecodeFinishJobAnswer).status();
                        if (status.ok()) inbox->Post([this, job, bytes_written] { OnFinished(job, bytes_written); });
                        done(status);
                      });
}

// Under mu_, as all tasks.
void CompactionService::OnFinished(const contract::FinishedJob& job, uint64_t bytes_written) {
  const auto known = scheduler_.Finished(job.id, job.token);
  if (!known.has_value()) return;  // said twice
  ++totals_.jobs_finished;
  totals_.bytes_read += job.bytes_read;
  totals_.bytes_written += bytes_written;
  metrics_.blocks_quarantined.Add(job.bad.size());
  CompactionMetrics::Level& level = metrics_.Of(known->output_level);
  level.jobs_finished.Add();
  level.bytes_read.Add(job.bytes_read);
  level.bytes_written.Add(bytes_written);
  level.job_seconds.Observe(static_cast<double>(job.duration_ns) * 1e-9);
  if (known->queue.level > 0) return;
  const int64_t now_ms = clock_.NowNs() / kNsPerMs;
  for (const Ulid& id : job.inputs) {
    metrics_.first_compaction_seconds.Observe(static_cast<double>(std::max<int64_t>(0, now_ms - id.TimeMs())) * 1e-3);
  }
}

void CompactionService::ReturnJob(const RequestContext& context, uint64_t id, uint64_t token, contract::ReturnReason reason,
                                  const std::string& error, std::function<void(Status)> done) {
  if (!IsActive()) return done(NotActive());
  JobReturn plan;
  {
    std::lock_guard lock(mu_);
    plan = scheduler_.PlanReturn(id, token, reason, error, NowNs());
  }
  consensus_.load()->Propose(index::EncodeReturnJobCommand({.time_ns = clock_.NowNs(),
                                                     .id = id,
                                                     .token = token,
                                                     .not_before_ns = plan.not_before_ns,
                                                     .counts = plan.counts,
                                                     .error = error.substr(0, index::kReasonBytesMax)}),
                      context.deadline_ns,
                      [this, inbox = inbox_, plan, done = std::move(done)](const Result<std::string>& answer) {
                        const Status status = Decoded(answer, &index::DecodeCountAnswer).status();
                        if (status.ok()) {
                          inbox->Post([this, plan] {
                            scheduler_.Returned(plan.id, plan.token, plan.counts, Status::Ok(), NowNs());
                          });
                        }
                        done(status);
                      });
}

Result<contract::CompactionOverview> CompactionService::Overview(const RequestContext& context) {
  if (!IsActive()) return NotActive();
  contract::CompactionOverview out;
  {
    std::lock_guard lock(mu_);
    const int64_t now_ns = NowNs();
    out = totals_;
    out.is_paused = scheduler_.is_paused();
    out.workers = scheduler_.WorkersHeardOf(now_ns);
    out.levels = scheduler_.Levels(now_ns);
    for (const auto& [id, job] : scheduler_.jobs()) {
      out.jobs.push_back({.id = id,
                          .level = job.output_level,
                          .shard = job.queue.shard,
                          .tenant = job.queue.tenant,
                          .inputs = job.inputs.size(),
                          .input_bytes = job.bytes,
                          .worker = job.worker,
                          .started_ns = job.started_ns,
                          .attempts = job.attempts,
                          .bytes_done = job.bytes_done});
    }
  }
  ASSIGN_OR_RETURN(const auto failed, index::ListFailedBlocks(*store_.Snapshot(), std::nullopt, kFailedInOverviewMax));
  for (const index::FailedBlock& block : failed) {
    out.waiting_after_failure.push_back(
        {.id = block.id, .failures = block.failures, .not_before_ns = block.not_before_ns, .error = block.error});
  }
  return out;
}

Result<uint64_t> CompactionService::ProposeCount(const RequestContext& context, std::string command) {
  auto promise = std::make_shared<std::promise<Result<uint64_t>>>();
  std::future<Result<uint64_t>> answered = promise->get_future();
  consensus_.load()->Propose(std::move(command), context.deadline_ns, [promise](const Result<std::string>& answer) {
    promise->set_value(Decoded(answer, &index::DecodeCountAnswer));
  });
  return answered.get();
}

Status CompactionService::SetPaused(const RequestContext& context, bool is_paused) {
  if (!IsActive()) return NotActive();
  const index::SetCompactionCommand command{.time_ns = clock_.NowNs(), .is_paused = is_paused};
  RETURN_IF_ERROR(ProposeCount(context, index::EncodeSetCompactionCommand(command)).status());
  {
    std::lock_guard lock(mu_);
    scheduler_.SetPaused(is_paused);
  }
  inbox_->Wake();
  return Status::Ok();
}

Status CompactionService::Force(const RequestContext& context, const std::vector<uint32_t>& levels, const std::string& tenant) {
  for (uint32_t level : levels) {
    if (level > CompactionPolicy::kLastLevel) {
      return InvalidArgument("level " + std::to_string(level) + ", the last one is " +
                             std::to_string(CompactionPolicy::kLastLevel));
    }
  }
  if (!IsActive()) return NotActive();
  // What was queued before this call is heard by then: answers follow the changes of their commands.
  RETURN_IF_ERROR(consensus_.load()->ReadBarrier(context.deadline_ns));
  inbox_->Post([this, levels, tenant] { scheduler_.Force(levels, tenant, NowNs()); });
  return Status::Ok();
}

Result<uint64_t> CompactionService::RetryFailed(const RequestContext& context, const std::vector<Ulid>& ids) {
  if (!IsActive()) return NotActive();
  if (ids.size() > index::kBlocksPerCommandMax) {
    return InvalidArgument(std::to_string(ids.size()) + " blocks, the limit is " + std::to_string(index::kBlocksPerCommandMax));
  }
  uint64_t all = 0;
  for (;;) {
    const index::ForgetFailuresCommand command{.time_ns = clock_.NowNs(), .blocks = ids};
    ASSIGN_OR_RETURN(const uint64_t count, ProposeCount(context, index::EncodeForgetFailuresCommand(command)));
    all += count;
    if (!ids.empty() || count < index::kBlocksPerCommandMax) return all;
  }
}

void CompactionService::SetFigures() {
  figures_at_ns_ = NowNs() + kFiguresNs;
  std::lock_guard lock(mu_);
  const int64_t now_ns = NowNs();
  for (const contract::LevelOverview& level : scheduler_.Levels(now_ns)) {
    CompactionMetrics::Level& gauges = metrics_.Of(level.level);
    gauges.waiting_blocks.Set(static_cast<int64_t>(level.blocks));
    gauges.waiting_bytes.Set(static_cast<int64_t>(level.bytes));
    gauges.waiting_queues.Set(static_cast<int64_t>(level.queues));
    gauges.oldest_wait_seconds.Set(Seconds(level.oldest_wait_ns));
  }
  std::array<int64_t, CompactionMetrics::kLevels> running{};
  for (const auto& [id, job] : scheduler_.jobs()) ++running[std::min(job.output_level, CompactionPolicy::kLastLevel)];
  for (uint32_t level = 0; level < CompactionMetrics::kLevels; ++level) metrics_.Of(level).jobs_running.Set(running[level]);
  const SchedulerEvents events = scheduler_.TakeEvents();
  for (const auto& [level, count] : events.failed) {
    metrics_.Of(level).jobs_failed.Add(count);
    totals_.jobs_failed += count;
  }
  for (const auto& [level, count] : events.retried) metrics_.Of(level).jobs_retried.Add(count);
  metrics_.leases_expired.Add(events.leases_expired);
  metrics_.workers.Set(is_active_ ? static_cast<int64_t>(scheduler_.WorkersHeardOf(now_ns)) : 0);
  metrics_.paused.Set(scheduler_.is_paused() ? 1 : 0);
}

}  // namespace brazier::metastore
