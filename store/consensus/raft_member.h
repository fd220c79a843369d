// RaftMember: what a member does around its RaftNode, as a pure core: gathers proposals into batches, watches their
// deadlines, shares confirmations among reads, matches answers to proposals, moves leadership. RaftConsensus adds the
// thread, the locks and the bounds of the inbox; the simulation drives it as it is.
//
// Use: add inputs, then Step(now): one pass over them and as many rounds of the node as there is work for. Callbacks run
// inside the calls, must not block, and may add inputs. Borrows node and watcher. Thread-compatible.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/consensus/raft_node.h"

namespace brazier::consensus {

class RaftMember {
 public:
  struct Options {
    size_t batch_bytes_max = 4 << 20;  // of commands proposed together
    uint32_t election_ticks = 6;       // a read that is not confirmed for so long is asked for again
  };
  // A command, or a change of members.
  struct Proposal {
    std::string command;
    std::optional<MemberChange> change;
    int64_t deadline_ns = 0;
    // With the state machine's answer; empty for a change.
    std::function<void(Result<std::string>)> done;
    uint64_t index = 0;  // when proposed
    uint64_t term = 0;
  };
  // What a shell may want to see on the way.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void RoundBegins() {}
    virtual void RoundEnded(bool worked) {}
    // Before the answers of a round go out, so that whoever is answered finds the status current.
    virtual void StatusChanged() {}
    virtual void ReadAsked(uint64_t request) {}
    virtual void ReadConfirmed(uint64_t request, uint64_t index) {}
  };
  // What a proposal costs beside its command: its place in the queues, its callback, its log entry's frame.
  static constexpr size_t kProposalOverheadBytes = 256;
  static size_t CostOf(const std::string& command) { return command.size() + kProposalOverheadBytes; }

  RaftMember(const Options& options, RaftNode& node, Watcher& watcher)
      : options_(options), node_(node), watcher_(watcher) {}

  void Propose(Proposal proposal) { waiting_.push_back(std::move(proposal)); }
  // Answered when everything committed before this call is applied here. Reads that are added while a confirmation is
  // under way share the next one. Deadlines of reads are their callers' business.
  void Read(std::function<void(Status)> done) { next_readers_.push_back(std::move(done)); }
  void Receive(std::string message) { received_.push_back(std::move(message)); }
  void TransferLeader(uint64_t to) { transfer_to_ = to; }
  size_t messages_waiting() const { return received_.size(); }

  // `tick`: a tick is due. Not OK when a write failed, or the node broke: what waits is left as it is (see FailAll), and
  // the next step repeats the write.
  Status Step(int64_t now_ns, bool tick);
  // Answers everything that waits or is in flight with `status`.
  void FailAll(const Status& status);

  // Something is under way that deadlines or ticks may end.
  bool is_busy() const { return !waiting_.empty() || !in_flight_.empty() || !readers_.empty(); }
  // A step now would propose: more than one batch waited.
  bool can_go_on() const { return !waiting_.empty() && node_.GetStatus().is_leader; }

 private:
  void Expire(int64_t now_ns);
  void ProposeWaiting();
  void ProposeFront(const RaftNode::CoreStatus& status);
  void AskForReads();
  Status RunRounds();
  void FinishRound(RaftNode::Round round);
  void Answer(const RaftNode::Answer& answer);
  Status NotLeader(uint64_t leader_id) const;

  const Options options_;
  RaftNode& node_;
  Watcher& watcher_;
  std::deque<Proposal> waiting_;
  std::deque<Proposal> in_flight_;  // ascending by index
  std::deque<std::string> received_;
  std::optional<uint64_t> transfer_to_;
  std::vector<std::function<void(Status)>> readers_;  // share the confirmation under way
  std::vector<std::function<void(Status)>> next_readers_;
  uint64_t last_request_ = 0;
  uint64_t read_request_ = 0;  // 0: not asked yet
  uint64_t read_index_ = 0;    // 0: not confirmed yet
  uint64_t asked_tick_ = 0;
  uint64_t ticks_ = 0;
};

}  // namespace brazier::consensus
