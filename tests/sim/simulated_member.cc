#include "tests/sim/simulated_member.h"

#include "server/metastore/add_blocks_packing.h"

namespace brazier::simulation {
namespace {

using consensus::Consensus;
using consensus::RaftNode;

Status NotLeader() { return Unavailable("this member does not lead").WithReason("not_leader"); }

}  // namespace

// Shows the checker what is applied; loses a command for the canary.
class SimulatedMember::CheckedMachine final : public consensus::StateMachine {
 public:
  CheckedMachine(uint64_t member, consensus::StateMachine& machine, HistoryChecker& checker,
                 bool loses_first)
      : member_(member), machine_(machine), checker_(checker), loses_next_(loses_first) {}

  std::string Apply(uint64_t index, std::string_view command, kv::WriteBatch& batch) override {
    kv::WriteBatch lost;
    std::string answer = machine_.Apply(index, command, loses_next_ ? lost : batch);
    loses_next_ = false;
    checker_.Applied(member_, index, command, answer);
    return answer;
  }
  void Applied(uint64_t index) override { machine_.Applied(index); }
  Status Restored(uint64_t index) override {
    checker_.Restored(member_, index);
    return machine_.Restored(index);
  }

 private:
  const uint64_t member_;
  consensus::StateMachine& machine_;
  HistoryChecker& checker_;
  bool loses_next_;
};

SimulatedMember::SimulatedMember(const Options& options, const World& world,
                                 std::function<void()> power_went)
    : options_(options),
      world_(world),
      power_went_(std::move(power_went)),
      clock_(world.clock),
      store_(world.clock, world.random, options.canary == Canary::kUnsyncedLog),
      network_(options.id, world.network) {}

SimulatedMember::~SimulatedMember() = default;

Status SimulatedMember::Start() {
  const bool restarted = incarnation_++ > 0;
  world_.checker.Note("member " + std::to_string(options_.id) + " starts");
  ASSIGN_OR_RETURN(index_, index::MetadataIndex::Open(store_, world_.random.Next()));
  machine_ = std::make_unique<metastore::IndexStateMachine>(*index_, clock_, registry_);
  checked_ = std::make_unique<CheckedMachine>(
      options_.id, *machine_, world_.checker,
      restarted && options_.canary == Canary::kSkippedCommand);
  RaftNode::Options node;
  node.node_id = options_.id;
  node.voters = options_.voters;
  node.truncate_entries = options_.truncate_entries;
  node.keep_entries = options_.keep_entries;
  node.snapshot_chunk_bytes = options_.snapshot_chunk_bytes;
  node.election_ticks = options_.election_ticks;
  node.seed = world_.random.Next();
  ASSIGN_OR_RETURN(node_, RaftNode::Open(node, store_, *checked_, network_));
  After(static_cast<int64_t>(world_.random.Below(options_.tick_ns)), &SimulatedMember::Tick);
  Wake();
  return Status::Ok();
}

void SimulatedMember::Crash() {
  ++incarnation_;
  world_.checker.Note("member " + std::to_string(options_.id) + " crashes");
  node_.reset();
  checked_.reset();
  machine_.reset();
  index_.reset();
  received_.clear();
  waiting_.clear();
  in_flight_.clear();
  reading_ = {};
  next_readers_.clear();
  last_request_ = ticks_ = 0;
  tick_is_due_ = is_woken_ = false;
  store_.CutPower();
}

void SimulatedMember::AddBlocks(const std::vector<BlockMeta>& blocks, int64_t deadline_ns,
                                Answered done) {
  auto commands = metastore::PackAddBlocks(blocks, clock_.NowNs(), options_.dedup,
                                           Consensus::kCommandBytesMax);
  if (!commands.ok() || commands->size() != 1) {
    return world_.checker.Fail("blocks do not pack into one command");
  }
  waiting_.push_back({std::move(commands->front()), deadline_ns, std::move(done)});
  Wake();
}

void SimulatedMember::ReadBarrier(Barrier done) {
  if (options_.canary == Canary::kReadsWithoutBarrier) return done(Status::Ok());
  next_readers_.push_back(std::move(done));
  Wake();
}

void SimulatedMember::Receive(const std::string& message) {
  if (received_.size() >= options_.received_max) return;
  received_.push_back(message);
  Wake();
}

void SimulatedMember::TransferLeader(uint64_t to) {
  if (node_->blocked()) return;
  static_cast<void>(node_->TransferLeader(to));
  Wake();
}

void SimulatedMember::After(int64_t delay_ns, void (SimulatedMember::*action)()) {
  world_.events.After(delay_ns, [this, action, incarnation = incarnation_] {
    if (node_ != nullptr && incarnation == incarnation_) (this->*action)();
  });
}

void SimulatedMember::Tick() {
  tick_is_due_ = true;
  After(options_.tick_ns, &SimulatedMember::Tick);
  Wake();
}

void SimulatedMember::Wake() {
  if (is_woken_) return;
  is_woken_ = true;
  After(static_cast<int64_t>(world_.random.Below(kMs / 5)), &SimulatedMember::Step);
}

void SimulatedMember::Step() {
  is_woken_ = false;
  if (world_.events.now_ns() < store_.busy_until_ns() && node_->blocked()) return;  // in a write
  Expire(waiting_);
  Expire(in_flight_);
  if (!node_->blocked()) {
    if (std::exchange(tick_is_due_, false)) {
      ++ticks_;
      static_cast<void>(node_->Tick());
    }
    while (!received_.empty()) {
      static_cast<void>(node_->Receive(received_.front()));
      received_.pop_front();
    }
    ProposeBatch();
    AskForReads();
  }
  RunRounds();
}

void SimulatedMember::Expire(std::deque<Proposal>& proposals) {
  while (!proposals.empty() && proposals.front().deadline_ns <= world_.events.now_ns()) {
    const Proposal expired = std::move(proposals.front());
    proposals.pop_front();
    expired.done(DeadlineExceeded("the command may still commit"));
  }
}

void SimulatedMember::ProposeBatch() {
  if (waiting_.empty()) return;
  const RaftNode::CoreStatus status = node_->GetStatus();
  if (!status.is_leader && status.leader_id == 0) return;  // an election runs
  std::vector<std::string_view> commands;
  for (const Proposal& proposal : waiting_) commands.push_back(proposal.command);
  const Result<uint64_t> first =
      status.is_leader ? node_->Propose(commands) : Result<uint64_t>(NotLeader());
  for (size_t i = 0; i < commands.size(); ++i) {
    Proposal proposal = std::move(waiting_.front());
    waiting_.pop_front();
    if (!first.ok()) {
      proposal.done(first.status());
      continue;
    }
    proposal.index = *first + i;
    proposal.term = status.term;
    in_flight_.push_back(std::move(proposal));
  }
}

void SimulatedMember::AskForReads() {
  if (reading_.waiting.empty()) {
    if (next_readers_.empty()) return;
    reading_ = {};
    reading_.waiting = std::exchange(next_readers_, {});
  }
  if (reading_.index != 0) return;
  const RaftNode::CoreStatus status = node_->GetStatus();
  if (status.is_leader ? !status.committed_in_term : status.leader_id == 0) return;
  if (reading_.request != 0 && ticks_ - reading_.asked_tick < options_.election_ticks) return;
  reading_.request = ++last_request_;
  reading_.asked_tick = ticks_;
  if (world_.checker.prints()) {
    world_.checker.Note("member " + std::to_string(id()) + " asks for read " +
                        std::to_string(reading_.request) + ", leader " +
                        std::to_string(status.leader_id) + ", term " + std::to_string(status.term));
  }
  static_cast<void>(node_->RequestRead(reading_.request));
}

void SimulatedMember::RunRounds() {
  for (;;) {
    Result<RaftNode::Round> round = node_->RunRound();
    if (!round.ok()) {
      if (!node_->broken().ok()) {
        return world_.checker.Fail("member " + std::to_string(id()) + " is broken: " +
                                   node_->broken().ToString());
      }
      const std::string& reason = round.status().reason();
      if (reason == kPowerCut) {
        Crash();
        return power_went_();
      }
      if (reason == kStalled) {
        return After(store_.busy_until_ns() - world_.events.now_ns(), &SimulatedMember::Wake);
      }
      FailAll(round.status());
      return After(options_.write_retry_ns, &SimulatedMember::Wake);
    }
    if (!round->worked) break;
    FinishRound(std::move(round).value());
    AskForReads();
  }
  if (!waiting_.empty() && node_->GetStatus().is_leader) Wake();
}

void SimulatedMember::FinishRound(RaftNode::Round round) {
  const RaftNode::CoreStatus status = node_->GetStatus();
  world_.checker.Status(id(), status);
  for (const RaftNode::ConfirmedRead& read : round.reads) {
    if (world_.checker.prints()) {
      world_.checker.Note("member " + std::to_string(id()) + " has read " +
                          std::to_string(read.request) + " confirmed at " +
                          std::to_string(read.index));
    }
    if (!reading_.waiting.empty() && read.request == reading_.request) reading_.index = read.index;
  }
  for (const RaftNode::Answer& answer : round.answers) {
    while (!in_flight_.empty() && in_flight_.front().index <= answer.index) {
      const Proposal proposal = std::move(in_flight_.front());
      in_flight_.pop_front();
      if (proposal.index == answer.index && proposal.term == answer.term) {
        proposal.done(index::DecodeAddBlocksAnswer(answer.value));
      } else {
        proposal.done(NotLeader());
      }
    }
  }
  if (!status.is_leader) {
    for (const Proposal& proposal : in_flight_) proposal.done(NotLeader());
    in_flight_.clear();
  }
  if (!reading_.waiting.empty() && reading_.index != 0 && reading_.index <= status.applied_index) {
    for (const Barrier& done : reading_.waiting) done(Status::Ok());
    reading_ = {};
  }
}

void SimulatedMember::FailAll(const Status& status) {
  for (std::deque<Proposal>* proposals : {&in_flight_, &waiting_}) {
    for (const Proposal& proposal : *proposals) proposal.done(status);
    proposals->clear();
  }
  for (std::vector<Barrier>* readers : {&reading_.waiting, &next_readers_}) {
    for (const Barrier& done : *readers) done(status);
    readers->clear();
  }
  reading_ = {};
}

}  // namespace brazier::simulation
