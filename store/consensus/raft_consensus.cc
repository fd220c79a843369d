#include "store/consensus/raft_consensus.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

namespace brazier::consensus {
namespace {

size_t CostOf(const std::string& command) { return RaftMember::CostOf(command); }

Status Stopping() { return Unavailable("consensus is stopping").WithReason("stopping"); }

}  // namespace

RaftConsensus::RaftConsensus(const Options& options, kv::KeyValueStore& store, const Clock& clock)
    : options_(options),
      clock_(clock),
      metrics_(options.registry ? *options.registry : no_registry_),
      store_(store, clock, metrics_.log_fsync_seconds) {}

Result<std::unique_ptr<Consensus>> RaftConsensus::Open(const Options& options,
                                                       kv::KeyValueStore& store,
                                                       StateMachine& machine, const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<RaftConsensus> raft, OpenRaft(options, store, machine, clock));
  return std::unique_ptr<Consensus>(std::move(raft));
}

Result<std::unique_ptr<RaftConsensus>> RaftConsensus::OpenRaft(const Options& options,
                                                               kv::KeyValueStore& store,
                                                               StateMachine& machine,
                                                               const Clock& clock) {
  if (options.tick_ms <= 0) return InvalidArgument("consensus tick_ms must be positive");
  if (options.queue_bytes_max < CostOf({}) + kCommandBytesMax) {
    return InvalidArgument("consensus queue_bytes_max must hold one command of " +
                           std::to_string(kCommandBytesMax) + " bytes");
  }
  if (options.node.voters.size() > 1 && options.transport == nullptr) {
    return InvalidArgument("a consensus group of several members needs a transport");
  }
  std::unique_ptr<RaftConsensus> raft(new RaftConsensus(options, store, clock));
  Transport& transport = options.transport ? *options.transport : raft->no_transport_;
  ASSIGN_OR_RETURN(raft->node_, RaftNode::Open(options.node, raft->store_, machine, transport));
  raft->member_ = std::make_unique<RaftMember>(
      RaftMember::Options{.batch_bytes_max = options.batch_bytes_max,
                          .election_ticks = options.node.election_ticks},
      *raft->node_, static_cast<RaftMember::Watcher&>(*raft));
  if (options.transport == nullptr && raft->node_->members().size() > 1) {
    return Status(Code::kFailedPrecondition,
                  "this store belongs to a consensus group of " +
                      std::to_string(raft->node_->members().size()) +
                      " members and there is no way to the others");
  }
  raft->Publish();
  raft->thread_ = std::thread([consensus = raft.get()] { consensus->Loop(); });
  pthread_setname_np(raft->thread_.native_handle(), "consensus");
  return raft;
}

RaftConsensus::~RaftConsensus() { Stop(); }

Status RaftConsensus::Admit(const RaftMember::Proposal& proposal) const {
  const size_t bytes = proposal.command.size();
  if (!proposal.change.has_value() && (bytes == 0 || bytes > kCommandBytesMax)) {
    return InvalidArgument("a command of " + std::to_string(bytes) + " bytes: the limit is 1 to " +
                           std::to_string(kCommandBytesMax));
  }
  if (stopping_) return Stopping();
  RETURN_IF_ERROR(Failure());
  if (figures_.queue_bytes + CostOf(proposal.command) > options_.queue_bytes_max) {
    return ResourceExhausted("the consensus queue holds " + std::to_string(figures_.queue_bytes) +
                             " of " + std::to_string(options_.queue_bytes_max) + " bytes")
        .WithReason("consensus_queue_full");
  }
  return Status::Ok();
}

void RaftConsensus::Propose(std::string command, int64_t deadline_ns,
                            std::function<void(Result<std::string>)> done) {
  ProposeAny({.command = std::move(command), .deadline_ns = deadline_ns, .done = std::move(done)});
}

void RaftConsensus::ProposeAny(RaftMember::Proposal proposal) {
  Status refusal;
  metrics_.proposals_total.Add();
  {
    std::lock_guard lock(mu_);
    refusal = Admit(proposal);
    if (refusal.ok()) {
      const size_t cost = CostOf(proposal.command);
      figures_.queue_bytes += cost;
      metrics_.queue_bytes.Set(static_cast<int64_t>(figures_.queue_bytes));
      ++figures_.proposals_accepted;
      proposal.done = [this, cost, accepted_ns = clock_.MonotonicNs(),
                       done = std::move(proposal.done)](Result<std::string> result) {
        Finish(cost, accepted_ns, result);
        done(std::move(result));
      };
      const bool was_empty = inbox_.empty();
      inbox_.push_back(std::move(proposal));
      if (was_empty) work_.notify_one();
      return;
    }
    ++figures_.proposals_refused;
  }
  metrics_.CountFailure(refusal);
  proposal.done(std::move(refusal));
}

Status RaftConsensus::ChangeMember(MemberChange change, int64_t deadline_ns) {
  // Outlives this call when the consensus thread is slow to see the deadline.
  const auto answer = std::make_shared<std::promise<Status>>();
  std::future<Status> answered = answer->get_future();
  ProposeAny({.command = {},
              .change = std::move(change),
              .deadline_ns = deadline_ns,
              .done = [answer](const Result<std::string>& result) { answer->set_value(result.status()); }});
  const int64_t left_ns = std::max<int64_t>(deadline_ns - clock_.MonotonicNs(), 0);
  if (answered.wait_for(std::chrono::nanoseconds(left_ns)) == std::future_status::ready) {
    return answered.get();
  }
  return DeadlineExceeded("the change of members did not commit in time; it may still commit");
}

Status RaftConsensus::TransferLeader(uint64_t to, int64_t deadline_ns) {
  std::unique_lock lock(mu_);
  if (stopping_) return Stopping();
  if (!Seen().is_leader) {
    lock.unlock();
    return NotLeader();
  }
  const uint64_t term = status_.term;
  transfer_to_ = to;
  work_.notify_one();
  while (status_.term == term || status_.leader_id == 0) {
    const int64_t left_ns = deadline_ns - clock_.MonotonicNs();
    if (left_ns <= 0) {
      return DeadlineExceeded("node " + std::to_string(to) + " did not take over in time");
    }
    answered_.wait_for(lock, std::chrono::nanoseconds(std::min(left_ns, kNsPerSecond)));
  }
  if (!status_.is_leader) return Status::Ok();
  return Unavailable("this member was elected again").WithReason("transfer_failed");
}

Status RaftConsensus::ReadBarrier(int64_t deadline_ns) {
  std::unique_lock lock(mu_);
  if (stopping_) return Stopping();
  RETURN_IF_ERROR(Failure());
  if (next_reads_ == nullptr) {
    next_reads_ = std::make_shared<ReadGroup>();
    work_.notify_one();
  }
  const std::shared_ptr<ReadGroup> group = next_reads_;
  while (!group->done) {
    const int64_t left_ns = deadline_ns - clock_.MonotonicNs();
    if (left_ns <= 0) return DeadlineExceeded("no leader confirmed a read in time");
    // Bounded, so that a deadline near the end of time does not overflow the wait.
    answered_.wait_for(lock, std::chrono::nanoseconds(std::min(left_ns, kNsPerSecond)));
    if (!group->done) RETURN_IF_ERROR(Failure());
  }
  return group->status;
}

int64_t RaftConsensus::LeaseNs() const {
  const int64_t ticks = static_cast<int64_t>(options_.node.election_ticks) - options_.node.heartbeat_ticks - 1;
  return std::max<int64_t>(ticks, 1) * options_.tick_ms * kNsPerMs;
}

bool RaftConsensus::IsWriteStalled() const {
  const int64_t started_ns = round_started_ns_.load();
  return started_ns != 0 && clock_.MonotonicNs() - started_ns >= stall_limit_ns_.load();
}

bool RaftConsensus::IsHeldUp() const {
  return leads_several_.load() && clock_.MonotonicNs() - ran_ns_.load() >= LeaseNs();
}

bool RaftConsensus::IsInDoubt() const { return clock_.MonotonicNs() < doubt_until_ns_.load(); }

bool RaftConsensus::CanCommit() const { return can_commit_.load() && !IsWriteStalled() && !IsHeldUp() && !IsInDoubt(); }

bool RaftConsensus::CanServe() const {
  {
    std::lock_guard lock(mu_);
    const ConsensusStatus status = Seen();
    if (stopping_ || status.is_stalled || status.leader_id == 0) return false;
    if (!status.is_leader) return true;
  }
  return CanCommit();
}

Status RaftConsensus::NotLeader() const {
  std::lock_guard lock(mu_);
  const uint64_t leader = Seen().leader_id;
  for (const MemberView& view : members_) {
    if (view.member.node_id == leader) return NotLeaderStatus(&view.member);
  }
  return NotLeaderStatus(nullptr);
}

ConsensusStatus RaftConsensus::Seen() const {
  ConsensusStatus status = status_;
  status.is_stalled = !published_failure_.ok() || IsWriteStalled() || IsHeldUp() || IsInDoubt();
  // Alone there is nobody else to lead.
  if (status.is_stalled && !is_alone_) {
    status.is_leader = false;
    status.leader_id = 0;
  }
  return status;
}

ConsensusStatus RaftConsensus::GetStatus() const {
  std::lock_guard lock(mu_);
  const ConsensusStatus status = Seen();
  if (!status.is_leader) metrics_.leader.Set(0);
  return status;
}

Status RaftConsensus::Failure() const {
  if (!published_failure_.ok()) return published_failure_;
  if (!IsWriteStalled()) return Status::Ok();
  const int64_t stalled_ns = clock_.MonotonicNs() - round_started_ns_.load();
  return Unavailable("consensus waits for a write to its disk, " + std::to_string(stalled_ns / kNsPerMs) +
                     " ms so far")
      .WithReason("disk_stalled");
}

ConsensusFigures RaftConsensus::GetFigures() const {
  std::lock_guard lock(mu_);
  ConsensusFigures figures = figures_;
  figures.received_bytes = received_bytes_;
  return figures;
}

Status RaftConsensus::GetFailure() const {
  std::lock_guard lock(mu_);
  return Failure();
}

std::vector<MemberView> RaftConsensus::GetMembers() const {
  std::lock_guard lock(mu_);
  return members_;
}

void RaftConsensus::Receive(std::string message) {
  std::lock_guard lock(mu_);
  // The thread that sets the gauge does not run.
  if (IsHeldUp()) metrics_.leader.Set(0);
  if (stopping_ || received_bytes_ + message.size() > options_.received_bytes_max) return;
  received_bytes_ += message.size();
  received_.push_back(std::move(message));
  work_.notify_one();
}

void RaftConsensus::Stop() {
  std::lock_guard stop_lock(stop_mu_);
  if (!thread_.joinable()) return;
  CHECK(thread_.get_id() != std::this_thread::get_id());  // `done` must not stop its own thread
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    can_commit_.store(false);
    work_.notify_one();
  }
  thread_.join();
}

void RaftConsensus::Loop() {
  next_tick_ns_ = clock_.MonotonicNs() + options_.tick_ms * kNsPerMs;
  // Alone there is nobody to wait for.
  if (core_status_.is_alone) failure_ = node_->Campaign();
  while (RunOnce()) WaitForWork();
  // Whatever could not finish by now has no way to: say so.
  TakeInputs();
  member_->FailAll(Stopping());
  Publish();
}

// One pass. False when it was the last.
bool RaftConsensus::RunOnce() {
  bool last = false;
  {
    std::lock_guard lock(mu_);
    last = stopping_;
  }
  TakeInputs();
  SeenRunning();
  do {
    const bool tick = node_->broken().ok() && !node_->blocked() && IsTickDue();
    round_started_ns_.store(std::max<int64_t>(clock_.MonotonicNs(), 1));  // chunks of a snapshot are written outside of rounds
    const Status status = member_->Step(clock_.MonotonicNs(), tick);
    round_started_ns_.store(0);
    if (!status.ok()) {
      Failed(status);
    } else if (!failure_.ok()) {
      failure_ = Status::Ok();
      MayHaveBeenReplaced();
    }
    Publish();
  } while (failure_.ok() && member_->can_go_on());
  return !last;
}

void RaftConsensus::Failed(const Status& status) {
  failure_ = status.Annotate(node_->broken().ok() ? "consensus cannot write its log"
                                                  : "consensus is broken");
  can_commit_.store(false);
  metrics_.write_failures_total.Add();
  {
    std::lock_guard lock(mu_);
    ++figures_.write_failures;
    published_failure_ = failure_;
  }
  TakeInputs();
  member_->FailAll(failure_);
}

void RaftConsensus::WaitForWork() {
  std::unique_lock lock(mu_);
  const auto has_work = [&] {
    return stopping_ || !inbox_.empty() || !received_.empty() || next_reads_ != nullptr ||
           transfer_to_.has_value();
  };
  if (!failure_.ok()) {
    // The write is retried at a fixed pace; nothing new is accepted meanwhile.
    work_.wait_for(lock, std::chrono::milliseconds(options_.write_retry_ms),
                   [&] { return stopping_; });
  } else if (NeedsTicks()) {
    const int64_t left_ns = std::max<int64_t>(next_tick_ns_ - clock_.MonotonicNs(), 0);
    work_.wait_for(lock, std::chrono::nanoseconds(left_ns), has_work);
  } else {
    work_.wait(lock, has_work);
  }
}

// A lone leader with nothing in flight has no elections, heartbeats or deadlines to watch: it sleeps until it is asked.
bool RaftConsensus::NeedsTicks() const {
  return !(core_status_.is_alone && core_status_.is_leader) || member_->is_busy();
}

void RaftConsensus::TakeInputs() {
  std::lock_guard lock(mu_);
  for (RaftMember::Proposal& proposal : inbox_) member_->Propose(std::move(proposal));
  inbox_.clear();
  // While nobody looks at them they stay where they are bounded.
  if (!node_->blocked()) {
    for (std::string& message : received_) {
      if (node_->broken().ok()) member_->Receive(std::move(message));
    }
    received_.clear();
    received_bytes_ = 0;
  }
  if (next_reads_ != nullptr) {
    member_->Read([this, group = std::exchange(next_reads_, nullptr)](const Status& status) {
      FinishReadGroup(*group, status);
    });
  }
  if (transfer_to_.has_value()) member_->TransferLeader(*std::exchange(transfer_to_, {}));
}

// After a stall one tick stands for all that were missed: a burst of them would be an election.
bool RaftConsensus::IsTickDue() {
  const int64_t now_ns = clock_.MonotonicNs();
  if (now_ns < next_tick_ns_) return false;
  next_tick_ns_ = now_ns + options_.tick_ms * kNsPerMs;
  return true;
}

void RaftConsensus::SeenRunning() {
  const int64_t now_ns = clock_.MonotonicNs();
  if (now_ns - ran_ns_.load() >= LeaseNs()) MayHaveBeenReplaced();
  ran_ns_.store(now_ns);
}

void RaftConsensus::RoundBegins() {
  SeenRunning();
  round_began_ns_ = std::max<int64_t>(clock_.MonotonicNs(), 1);
  round_started_ns_.store(round_began_ns_);
}

void RaftConsensus::RoundEnded(bool worked) {
  round_started_ns_.store(0);
  SeenRunning();
  if (!worked) return;
  std::lock_guard lock(mu_);
  const uint64_t took_ns = static_cast<uint64_t>(clock_.MonotonicNs() - round_began_ns_);
  ++figures_.rounds;
  figures_.round_ns_total += took_ns;
  figures_.round_ns_max = std::max(figures_.round_ns_max, took_ns);
}

// No heartbeat went out for longer than others wait for one. Those that it sends now bring the news within moments.
void RaftConsensus::MayHaveBeenReplaced() {
  if (core_status_.is_alone || !core_status_.is_leader) return;
  doubt_until_ns_.store(clock_.MonotonicNs() + LeaseNs());
}

void RaftConsensus::Finish(size_t cost, int64_t accepted_ns, const Result<std::string>& result) {
  {
    std::lock_guard lock(mu_);
    figures_.queue_bytes -= cost;
    metrics_.queue_bytes.Set(static_cast<int64_t>(figures_.queue_bytes));
    if (result.status().code() == Code::kDeadlineExceeded) ++figures_.proposals_expired;
  }
  if (result.ok()) {
    const int64_t took_ns = clock_.MonotonicNs() - accepted_ns;
    metrics_.propose_to_apply_seconds.Observe(static_cast<double>(took_ns) * 1e-9);
  } else {
    metrics_.CountFailure(result.status());
  }
}

void RaftConsensus::FinishReadGroup(ReadGroup& group, const Status& status) {
  std::lock_guard lock(mu_);
  group.done = true;
  group.status = status;
  answered_.notify_all();
}

void RaftConsensus::Publish() {
  core_status_ = node_->GetStatus();
  const bool leads_several = core_status_.is_leader && !core_status_.is_alone;
  leads_several_.store(leads_several);
  if (!leads_several) doubt_until_ns_.store(0);
  const int64_t stall_ns = options_.write_stall_ms * kNsPerMs;
  stall_limit_ns_.store(leads_several ? std::min(stall_ns, LeaseNs()) : stall_ns);
  ConsensusStatus shown = core_status_;
  if (leads_several && (!failure_.ok() || IsInDoubt())) shown.is_leader = false;
  metrics_.Set(shown);
  const RaftNode::SnapshotFigures& figures = node_->snapshot_figures();
  metrics_.snapshots_sent_total.Add(figures.sent - counted_snapshots_.sent);
  metrics_.snapshots_failed_total.Add(figures.failed - counted_snapshots_.failed);
  metrics_.snapshots_installed_total.Add(figures.installed - counted_snapshots_.installed);
  counted_snapshots_ = figures;
  // What a leader knows of the others changes with each round; one that is alone has nothing to tell.
  std::optional<std::vector<MemberView>> members;
  if (!core_status_.is_alone || node_->members_version() != shown_members_) members = node_->GetMembers();
  shown_members_ = node_->members_version();
  std::lock_guard lock(mu_);
  const bool leader_changed =
      status_.leader_id != core_status_.leader_id || status_.term != core_status_.term;
  status_ = core_status_;
  is_alone_ = core_status_.is_alone;
  published_failure_ = failure_;
  can_commit_.store(!stopping_ && failure_.ok() && core_status_.is_leader &&
                    core_status_.committed_in_term);
  if (members.has_value()) members_ = std::move(*members);
  if (leader_changed) answered_.notify_all();
}

}  // namespace brazier::consensus
