#include "tests/sim/simulated_member.h"

#include "server/metastore/add_blocks_packing.h"
#include "store/consensus/group_founding.h"

namespace brazier::simulation {
namespace {

using consensus::Consensus;
using consensus::RaftMember;
using consensus::RaftNode;

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
      network_(options.self.node_id, world.network) {
  CHECK(consensus::FoundStore(store_, {.node_id = id(), .group_id = options.group_id}, options.founders).ok());
}

SimulatedMember::~SimulatedMember() = default;

Status SimulatedMember::Start() {
  const bool restarted = incarnation_++ > 0;
  world_.checker.Note("member " + std::to_string(id()) + " starts");
  ASSIGN_OR_RETURN(index_, index::MetadataIndex::Open(store_, world_.random.Next()));
  machine_ = std::make_unique<metastore::IndexStateMachine>(*index_, clock_, registry_);
  checked_ = std::make_unique<CheckedMachine>(
      id(), *machine_, world_.checker,
      restarted && options_.canary == Canary::kSkippedCommand);
  RaftNode::Options node;
  node.node_id = id();
  node.truncate_entries = options_.truncate_entries;
  node.keep_entries = options_.keep_entries;
  node.snapshot_chunk_bytes = options_.snapshot_chunk_bytes;
  node.election_ticks = options_.election_ticks;
  node.seed = world_.random.Next();
  ASSIGN_OR_RETURN(node_, RaftNode::Open(node, store_, *checked_, network_));
  member_ = std::make_unique<RaftMember>(
      RaftMember::Options{.election_ticks = options_.election_ticks}, *node_,
      static_cast<RaftMember::Watcher&>(*this));
  After(static_cast<int64_t>(world_.random.Below(options_.tick_ns)), &SimulatedMember::Tick);
  Wake();
  return Status::Ok();
}

void SimulatedMember::Crash() {
  ++incarnation_;
  world_.checker.Note("member " + std::to_string(id()) + " crashes");
  member_.reset();
  node_.reset();
  checked_.reset();
  machine_.reset();
  index_.reset();
  tick_is_due_ = is_woken_ = false;
  store_.CutPower();
}

void SimulatedMember::Lose() {
  if (is_up()) Crash();
  is_lost_ = true;
}

void SimulatedMember::AddBlocks(const std::vector<BlockMeta>& blocks, int64_t deadline_ns,
                                Answered done) {
  auto commands = metastore::PackAddBlocks(blocks, clock_.NowNs(), options_.dedup,
                                           Consensus::kCommandBytesMax);
  if (!commands.ok() || commands->size() != 1) {
    return world_.checker.Fail("blocks do not pack into one command");
  }
  member_->Propose({.command = std::move(commands->front()),
                    .deadline_ns = deadline_ns,
                    .done = [done = std::move(done)](Result<std::string> answer) {
                      if (!answer.ok()) return done(answer.status());
                      done(index::DecodeAddBlocksAnswer(*answer));
                    }});
  Wake();
}

void SimulatedMember::ReadBarrier(Barrier done) {
  if (options_.canary == Canary::kReadsWithoutBarrier) return done(Status::Ok());
  member_->Read(std::move(done));
  Wake();
}

void SimulatedMember::Receive(const std::string& message) {
  if (member_->messages_waiting() >= options_.received_max) return;
  member_->Receive(message);
  Wake();
}

void SimulatedMember::TransferLeader(uint64_t to) {
  member_->TransferLeader(to);
  Wake();
}

void SimulatedMember::ChangeMember(consensus::MemberChange change, int64_t deadline_ns,
                                   std::function<void(Status)> done) {
  member_->Propose({.command = {},
                    .change = std::move(change),
                    .deadline_ns = deadline_ns,
                    .done = [done = std::move(done)](const Result<std::string>& answer) { done(answer.status()); }});
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
  const bool tick = !node_->blocked() && std::exchange(tick_is_due_, false);
  const Status status = member_->Step(world_.events.now_ns(), tick);
  if (status.ok()) {
    if (member_->can_go_on()) Wake();
    return;
  }
  if (!node_->broken().ok()) {
    return world_.checker.Fail("member " + std::to_string(id()) + " is broken: " +
                               node_->broken().ToString());
  }
  if (status.reason() == kPowerCut) {
    Crash();
    return power_went_();
  }
  if (status.reason() == kStalled) {
    return After(store_.busy_until_ns() - world_.events.now_ns(), &SimulatedMember::Wake);
  }
  member_->FailAll(status);
  After(options_.write_retry_ns, &SimulatedMember::Wake);
}

void SimulatedMember::StatusChanged() {
  const RaftNode::CoreStatus status = node_->GetStatus();
  world_.checker.Status(id(), status);
  world_.checker.Members(id(), status.applied_index, GetMembers());
}

void SimulatedMember::ReadAsked(uint64_t request) {
  if (!world_.checker.prints()) return;
  const RaftNode::CoreStatus status = node_->GetStatus();
  world_.checker.Note("member " + std::to_string(id()) + " asks for read " + std::to_string(request) +
                      ", leader " + std::to_string(status.leader_id) + ", term " +
                      std::to_string(status.term));
}

void SimulatedMember::ReadConfirmed(uint64_t request, uint64_t index) {
  if (!world_.checker.prints()) return;
  world_.checker.Note("member " + std::to_string(id()) + " has read " + std::to_string(request) +
                      " confirmed at " + std::to_string(index));
}

}  // namespace brazier::simulation
