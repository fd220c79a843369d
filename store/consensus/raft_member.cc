#include "store/consensus/raft_member.h"

#include <algorithm>
#include <utility>

namespace brazier::consensus {

Status RaftMember::Step(int64_t now_ns, bool tick) {
  Expire(now_ns);
  if (!node_.blocked() && node_.broken().ok()) {
    if (tick) {
      ++ticks_;
      static_cast<void>(node_.Tick());
    }
    while (!received_.empty()) {
      // A bad message is the sender's fault and has no effect here.
      static_cast<void>(node_.Receive(received_.front()));
      received_.pop_front();
    }
    if (transfer_to_.has_value()) static_cast<void>(node_.TransferLeader(*std::exchange(transfer_to_, {})));
    ProposeWaiting();
    AskForReads();
  }
  return RunRounds();
}

void RaftMember::Expire(int64_t now_ns) {
  const auto expire = [&](std::deque<Proposal>& proposals, const char* why) {
    const auto expired = [&](const Proposal& proposal) { return proposal.deadline_ns <= now_ns; };
    if (std::none_of(proposals.begin(), proposals.end(), expired)) return;
    std::deque<Proposal> all = std::exchange(proposals, {});
    std::vector<Proposal> late;
    for (Proposal& proposal : all) {
      if (expired(proposal)) {
        late.push_back(std::move(proposal));
      } else {
        proposals.push_back(std::move(proposal));
      }
    }
    for (Proposal& proposal : late) proposal.done(DeadlineExceeded(why));
  };
  expire(waiting_, "the command waited for consensus until its deadline; it was not proposed");
  expire(in_flight_, "the command did not commit before its deadline; it may still commit");
}

Status RaftMember::NotLeader(uint64_t leader_id) const {
  for (const GroupMember& member : node_.members()) {
    if (member.node_id == leader_id) return NotLeaderStatus(&member);
  }
  return NotLeaderStatus(nullptr);
}

void RaftMember::ProposeWaiting() {
  if (waiting_.empty()) return;
  const RaftNode::CoreStatus status = node_.GetStatus();
  if (status.is_leader) return ProposeFront(status);
  if (status.leader_id == 0) return;  // an election runs: wait for it
  for (Proposal& proposal : std::exchange(waiting_, {})) proposal.done(NotLeader(status.leader_id));
}

// A change of members goes alone: the core answers for its entry only.
void RaftMember::ProposeFront(const RaftNode::CoreStatus& status) {
  std::vector<std::string_view> commands;
  Result<uint64_t> first = uint64_t{0};
  size_t count = 1;
  if (waiting_.front().change.has_value()) {
    first = node_.ProposeMember(*waiting_.front().change);
  } else {
    size_t bytes = 0;
    for (const Proposal& proposal : waiting_) {
      bytes += CostOf(proposal.command);
      if (proposal.change.has_value()) break;
      if (!commands.empty() && bytes > options_.batch_bytes_max) break;
      commands.push_back(proposal.command);
    }
    first = node_.Propose(commands);
    count = commands.size();
  }
  for (size_t i = 0; i < count; ++i) {
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

void RaftMember::AskForReads() {
  if (readers_.empty()) {
    if (next_readers_.empty()) return;
    readers_ = std::exchange(next_readers_, {});
    read_request_ = read_index_ = 0;
  }
  if (read_index_ != 0) return;
  const RaftNode::CoreStatus status = node_.GetStatus();
  // A leader answers only once it has committed in its term; a follower asks its leader.
  const bool askable = status.is_leader ? status.committed_in_term : status.leader_id != 0;
  if (!askable) return;
  if (read_request_ != 0 && ticks_ - asked_tick_ < options_.election_ticks) return;
  read_request_ = ++last_request_;
  asked_tick_ = ticks_;
  watcher_.ReadAsked(read_request_);
  static_cast<void>(node_.RequestRead(read_request_));
}

Status RaftMember::RunRounds() {
  for (;;) {
    watcher_.RoundBegins();
    Result<RaftNode::Round> round = node_.RunRound();
    watcher_.RoundEnded(round.ok() && round->worked);
    if (!round.ok()) return round.status();
    if (!round->worked) return Status::Ok();
    FinishRound(std::move(round).value());
    AskForReads();
  }
}

void RaftMember::FinishRound(RaftNode::Round round) {
  watcher_.StatusChanged();
  for (const RaftNode::ConfirmedRead& read : round.reads) {
    watcher_.ReadConfirmed(read.request, read.index);
    if (!readers_.empty() && read.request == read_request_) read_index_ = read.index;
  }
  for (const RaftNode::Answer& answer : round.answers) Answer(answer);
  const RaftNode::CoreStatus status = node_.GetStatus();
  if (!status.is_leader) {
    for (Proposal& proposal : std::exchange(in_flight_, {})) proposal.done(NotLeader(status.leader_id));
  }
  if (!readers_.empty() && read_index_ != 0 && read_index_ <= status.applied_index) {
    for (const auto& done : std::exchange(readers_, {})) done(Status::Ok());
  }
}

void RaftMember::Answer(const RaftNode::Answer& answer) {
  while (!in_flight_.empty() && in_flight_.front().index <= answer.index) {
    const Proposal proposal = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (proposal.index != answer.index || proposal.term != answer.term) {
      // Another leader's entry took its place.
      proposal.done(NotLeader(node_.GetStatus().leader_id));
    } else if (proposal.change.has_value() && !answer.changed_members) {
      proposal.done(Unavailable("another change of members is under way").WithReason("change_under_way"));
    } else {
      proposal.done(answer.value);
    }
  }
}

void RaftMember::FailAll(const Status& status) {
  for (std::deque<Proposal>* proposals : {&in_flight_, &waiting_}) {
    for (Proposal& proposal : std::exchange(*proposals, {})) proposal.done(status);
  }
  for (auto* readers : {&readers_, &next_readers_}) {
    for (const auto& done : std::exchange(*readers, {})) done(status);
  }
}

}  // namespace brazier::consensus
