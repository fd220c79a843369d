#include "store/consensus/raft_consensus.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace brazier::consensus {
namespace {

// What a proposal costs beside its command: its place in the queues, its callback, its log entry's frame.
constexpr size_t kProposalOverheadBytes = 256;

size_t CostOf(const std::string& command) { return command.size() + kProposalOverheadBytes; }

Status NotLeader(uint64_t leader_id) {
  const std::string who =
      leader_id == 0 ? "no leader is known" : "node " + std::to_string(leader_id) + " does";
  return Unavailable("this consensus node does not lead; " + who).WithReason("not_leader");
}

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
  raft->core_status_ = raft->node_->GetStatus();
  raft->status_ = raft->core_status_;
  raft->metrics_.Set(raft->core_status_);
  raft->thread_ = std::thread([consensus = raft.get()] { consensus->Loop(); });
  pthread_setname_np(raft->thread_.native_handle(), "consensus");
  return raft;
}

RaftConsensus::~RaftConsensus() { Stop(); }

void RaftConsensus::Propose(std::string command, int64_t deadline_ns,
                            std::function<void(Result<std::string>)> done) {
  Status refusal;
  const size_t cost = CostOf(command);
  const int64_t now_ns = clock_.MonotonicNs();
  metrics_.proposals_total.Add();
  {
    std::lock_guard lock(mu_);
    if (command.empty() || command.size() > kCommandBytesMax) {
      refusal = InvalidArgument("a command of " + std::to_string(command.size()) +
                                " bytes: the limit is 1 to " + std::to_string(kCommandBytesMax));
    } else if (stopping_) {
      refusal = Stopping();
    } else if (!published_failure_.ok()) {
      refusal = published_failure_;
    } else if (figures_.queue_bytes + cost > options_.queue_bytes_max) {
      refusal = ResourceExhausted("the consensus queue holds " +
                                  std::to_string(figures_.queue_bytes) + " of " +
                                  std::to_string(options_.queue_bytes_max) + " bytes")
                    .WithReason("consensus_queue_full");
    } else {
      figures_.queue_bytes += cost;
      metrics_.queue_bytes.Set(static_cast<int64_t>(figures_.queue_bytes));
      ++figures_.proposals_accepted;
      const bool was_empty = inbox_.empty();
      inbox_.push_back({std::move(command), deadline_ns, std::move(done), now_ns});
      if (was_empty) work_.notify_one();
      return;
    }
    ++figures_.proposals_refused;
  }
  metrics_.CountFailure(refusal);
  done(std::move(refusal));
}

Status RaftConsensus::ReadBarrier(int64_t deadline_ns) {
  std::unique_lock lock(mu_);
  if (stopping_) return Stopping();
  if (!published_failure_.ok()) return published_failure_;
  if (next_reads_ == nullptr) {
    next_reads_ = std::make_shared<ReadGroup>();
    work_.notify_one();
  }
  const std::shared_ptr<ReadGroup> group = next_reads_;
  while (!group->done) {
    const int64_t left_ns = deadline_ns - clock_.MonotonicNs();
    if (left_ns <= 0) return DeadlineExceeded("no leader confirmed a read in time");
    // Bounded, so that a deadline near the end of time does not overflow the wait.
    reads_done_.wait_for(lock, std::chrono::nanoseconds(std::min(left_ns, kNsPerSecond)));
  }
  return group->status;
}

bool RaftConsensus::CanCommit() const {
  if (!can_commit_.load()) return false;
  const int64_t started_ns = round_started_ns_.load();
  return started_ns == 0 ||
         clock_.MonotonicNs() - started_ns < options_.write_stall_ms * kNsPerMs;
}

ConsensusStatus RaftConsensus::GetStatus() const {
  std::lock_guard lock(mu_);
  return status_;
}

ConsensusFigures RaftConsensus::GetFigures() const {
  std::lock_guard lock(mu_);
  return figures_;
}

Status RaftConsensus::GetFailure() const {
  std::lock_guard lock(mu_);
  return published_failure_;
}

void RaftConsensus::Receive(std::string message) {
  std::lock_guard lock(mu_);
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
  if (core_status_.is_singleton) failure_ = node_->Campaign();
  while (RunOnce()) WaitForWork();
  // Whatever could not finish by now has no way to: say so.
  TakeInputs();
  FailAll(Stopping());
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
  do {
    ExpireProposals();
    if (!node_->blocked() && node_->broken().ok()) {
      TickWhenDue();
      while (!to_receive_.empty()) {
        // A bad message is the sender's fault and has no effect here.
        static_cast<void>(node_->Receive(to_receive_.front()));
        to_receive_.pop_front();
      }
      ProposeBatch();
      AskForReads();
    }
    RunRounds();
    Publish();
    // More than one batch was waiting.
  } while (!waiting_.empty() && core_status_.is_leader && failure_.ok());
  return !last;
}

void RaftConsensus::WaitForWork() {
  std::unique_lock lock(mu_);
  const auto has_work = [&] {
    return stopping_ || !inbox_.empty() || !received_.empty() ||
           (next_reads_ != nullptr && reading_ == nullptr);
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
  return !(core_status_.is_singleton && core_status_.is_leader) || !in_flight_.empty() ||
         !waiting_.empty() || reading_ != nullptr;
}

void RaftConsensus::TakeInputs() {
  std::lock_guard lock(mu_);
  for (Proposal& proposal : inbox_) waiting_.push_back(std::move(proposal));
  inbox_.clear();
  for (std::string& message : received_) to_receive_.push_back(std::move(message));
  received_.clear();
  received_bytes_ = 0;
  if (reading_ == nullptr) reading_ = std::move(next_reads_);
}

// After a stall one tick stands for all that were missed: a burst of them would be an election.
void RaftConsensus::TickWhenDue() {
  const int64_t now_ns = clock_.MonotonicNs();
  if (now_ns < next_tick_ns_) return;
  next_tick_ns_ = now_ns + options_.tick_ms * kNsPerMs;
  ++ticks_;
  static_cast<void>(node_->Tick());
}

void RaftConsensus::ProposeBatch() {
  if (waiting_.empty()) return;
  core_status_ = node_->GetStatus();
  if (!core_status_.is_leader) {
    if (core_status_.leader_id == 0) return;  // an election runs: wait for it
    for (Proposal& proposal : waiting_) Finish(proposal, NotLeader(core_status_.leader_id));
    waiting_.clear();
    return;
  }
  std::vector<std::string_view> commands;
  size_t bytes = 0;
  for (const Proposal& proposal : waiting_) {
    bytes += CostOf(proposal.command);
    if (!commands.empty() && bytes > options_.batch_bytes_max) break;
    commands.push_back(proposal.command);
  }
  const Result<uint64_t> first = node_->Propose(commands);
  for (size_t i = 0; i < commands.size(); ++i) {
    Proposal proposal = std::move(waiting_.front());
    waiting_.pop_front();
    if (!first.ok()) {
      Finish(proposal, first.status());
      continue;
    }
    proposal.index = *first + i;
    proposal.term = core_status_.term;
    in_flight_.push_back(std::move(proposal));
  }
}

void RaftConsensus::AskForReads() {
  if (reading_ == nullptr || reading_->index != 0) return;
  core_status_ = node_->GetStatus();
  // A leader answers only once it has committed in its term; a follower asks its leader.
  const bool askable =
      core_status_.is_leader ? core_status_.committed_in_term : core_status_.leader_id != 0;
  if (!askable) return;
  const bool unanswered_long =
      ticks_ - reading_->asked_tick >= options_.node.election_ticks;
  if (reading_->request != 0 && !unanswered_long) return;
  reading_->request = ++last_request_;
  reading_->asked_tick = ticks_;
  static_cast<void>(node_->RequestRead(reading_->request));
}

void RaftConsensus::RunRounds() {
  for (;;) {
    const int64_t started_ns = clock_.MonotonicNs();
    round_started_ns_.store(std::max<int64_t>(started_ns, 1));
    Result<RaftNode::Round> round = node_->RunRound();
    round_started_ns_.store(0);
    if (!round.ok()) {
      failure_ = round.status().Annotate(node_->broken().ok() ? "consensus cannot write its log"
                                                              : "consensus is broken");
      can_commit_.store(false);
      metrics_.write_failures_total.Add();
      {
        std::lock_guard lock(mu_);
        ++figures_.write_failures;
        published_failure_ = failure_;
      }
      TakeInputs();
      FailAll(failure_);
      return;
    }
    failure_ = Status::Ok();
    if (!round->worked) return;
    {
      std::lock_guard lock(mu_);
      const uint64_t took_ns = static_cast<uint64_t>(clock_.MonotonicNs() - started_ns);
      ++figures_.rounds;
      figures_.round_ns_total += took_ns;
      figures_.round_ns_max = std::max(figures_.round_ns_max, took_ns);
    }
    FinishRound(std::move(round).value());
    AskForReads();
  }
}

void RaftConsensus::FinishRound(RaftNode::Round round) {
  Publish();
  for (const RaftNode::ConfirmedRead& read : round.reads) {
    if (reading_ != nullptr && read.request == reading_->request) reading_->index = read.index;
  }
  for (RaftNode::Answer& answer : round.answers) {
    while (!in_flight_.empty() && in_flight_.front().index <= answer.index) {
      Proposal proposal = std::move(in_flight_.front());
      in_flight_.pop_front();
      const bool its_own = proposal.index == answer.index && proposal.term == answer.term;
      if (its_own) {
        Finish(proposal, std::move(answer.value));
      } else {
        Finish(proposal, NotLeader(core_status_.leader_id));  // another leader's entry took its place
      }
    }
  }
  if (!core_status_.is_leader) {
    for (Proposal& proposal : in_flight_) Finish(proposal, NotLeader(core_status_.leader_id));
    in_flight_.clear();
  }
  FinishReads(core_status_.applied_index);
}

void RaftConsensus::FinishReads(uint64_t applied_index) {
  if (reading_ == nullptr || reading_->index == 0 || reading_->index > applied_index) return;
  FinishReadGroup(reading_, Status::Ok());
  std::lock_guard lock(mu_);
  reading_ = std::move(next_reads_);
}

void RaftConsensus::ExpireProposals() {
  const int64_t now_ns = clock_.MonotonicNs();
  const auto expire = [&](std::deque<Proposal>& proposals, const char* why) {
    const auto expired = [&](const Proposal& proposal) { return proposal.deadline_ns <= now_ns; };
    if (std::none_of(proposals.begin(), proposals.end(), expired)) return;
    std::deque<Proposal> kept;
    for (Proposal& proposal : proposals) {
      if (!expired(proposal)) {
        kept.push_back(std::move(proposal));
        continue;
      }
      {
        std::lock_guard lock(mu_);
        ++figures_.proposals_expired;
      }
      Finish(proposal, DeadlineExceeded(why));
    }
    proposals = std::move(kept);
  };
  expire(waiting_, "the command waited for consensus until its deadline; it was not proposed");
  expire(in_flight_, "the command did not commit before its deadline; it may still commit");
}

void RaftConsensus::FailAll(const Status& status) {
  for (std::deque<Proposal>* proposals : {&in_flight_, &waiting_}) {
    for (Proposal& proposal : *proposals) Finish(proposal, status);
    proposals->clear();
  }
  if (reading_ != nullptr) FinishReadGroup(reading_, status);
  std::shared_ptr<ReadGroup> next;
  {
    std::lock_guard lock(mu_);
    next = std::move(next_reads_);
  }
  if (next != nullptr) FinishReadGroup(next, status);
}

void RaftConsensus::Finish(Proposal& proposal, Result<std::string> result) {
  {
    std::lock_guard lock(mu_);
    figures_.queue_bytes -= CostOf(proposal.command);
    metrics_.queue_bytes.Set(static_cast<int64_t>(figures_.queue_bytes));
  }
  if (result.ok()) {
    const int64_t took_ns = clock_.MonotonicNs() - proposal.accepted_ns;
    metrics_.propose_to_apply_seconds.Observe(static_cast<double>(took_ns) * 1e-9);
  } else {
    metrics_.CountFailure(result.status());
  }
  proposal.done(std::move(result));
}

void RaftConsensus::FinishReadGroup(std::shared_ptr<ReadGroup>& group, const Status& status) {
  std::lock_guard lock(mu_);
  group->done = true;
  group->status = status;
  group.reset();
  reads_done_.notify_all();
}

void RaftConsensus::Publish() {
  core_status_ = node_->GetStatus();
  metrics_.Set(core_status_);
  const RaftNode::SnapshotFigures& figures = node_->snapshot_figures();
  metrics_.snapshots_sent_total.Add(figures.sent - counted_snapshots_.sent);
  metrics_.snapshots_failed_total.Add(figures.failed - counted_snapshots_.failed);
  metrics_.snapshots_installed_total.Add(figures.installed - counted_snapshots_.installed);
  counted_snapshots_ = figures;
  std::lock_guard lock(mu_);
  status_ = core_status_;
  published_failure_ = failure_;
  can_commit_.store(!stopping_ && failure_.ok() && core_status_.is_leader &&
                    core_status_.committed_in_term);
}

}  // namespace brazier::consensus
