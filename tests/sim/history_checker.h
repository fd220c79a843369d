// HistoryChecker: sees all that clients and members do, and says what must not be. The first failure stays.
//
// A block is visible from the moment that anybody was told so: its registration was acknowledged, or a read that has
// ended saw it. Every read that begins later must see it (linearizability of add and read, per block). Blocks are told
// by dataset, since that is what a read selects. Thread-hostile.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/model/block_meta.h"
#include "store/consensus/raft_consensus.h"
#include "tests/sim/reference_index.h"

namespace brazier::simulation {

class HistoryChecker {
 public:
  // (tenant, service)
  using Service = std::pair<std::string, std::string>;

  void Fail(const std::string& what);
  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }

  // ---- clients
  void Submitted(const BlockMeta& block);
  void Acknowledged(const std::vector<BlockMeta>& blocks,
                    const std::vector<index::AddedBlock>& added);
  // A read begins: pass what it returns to EndRead.
  size_t BeginRead(const Service& service) { return visible_[service].size(); }
  void EndRead(const std::string& reader, const Service& service, size_t begun,
               const std::vector<BlockMeta>& found);

  // ---- members
  void Applied(uint64_t member, uint64_t index, std::string_view command, std::string_view answer);
  // Its state was replaced by a snapshot as of `index`. What that held shows in the end, and in every read.
  void Restored(uint64_t member, uint64_t index);
  void Status(uint64_t member, const consensus::RaftNode::CoreStatus& status);
  // Whom `member` takes for the group's members, having applied `index`.
  void Members(uint64_t member, uint64_t index, const std::vector<consensus::MemberView>& members);

  // The group's members by the index of the entry from which on they are so.
  const std::map<uint64_t, std::vector<consensus::MemberView>>& groups() const { return groups_; }

  // ---- the end: all members are healed and rest
  void CheckFinalState(uint64_t member, const kv::Reader& state);
  // Each identity has exactly one profile that is not hidden. Holds while nothing was forgotten.
  void CheckIdentitiesCountOnce();

  const std::map<Ulid, BlockMeta>& submitted() const { return submitted_; }
  size_t leaders() const { return leaders_.size(); }
  size_t commands() const { return applied_.size(); }
  uint64_t restores() const { return restores_; }
  // Of all that happened, in its order.
  uint64_t trace() const { return trace_; }
  void Trace(uint64_t value) { trace_ = MixHash(trace_, value); }
  // Called with a line of text for what happens, to follow a run by eye; null: not.
  using Print = std::function<void(const std::string&)>;
  void SetPrint(Print print) { print_ = std::move(print); }
  bool prints() const { return print_ != nullptr; }
  void Note(const std::string& what) {
    if (print_) print_(what);
  }

 private:
  struct AppliedCommand {
    uint64_t command_hash;
    uint64_t answer_hash;
  };
  void BecameVisible(const Service& service, const Ulid& id);

  std::string failure_;
  Print print_;
  std::map<Ulid, BlockMeta> submitted_;
  std::map<Service, std::vector<Ulid>> visible_;  // in the order of becoming so
  std::map<Service, std::map<Ulid, bool>> is_visible_;
  std::map<uint64_t, AppliedCommand> applied_;  // by index
  std::map<uint64_t, uint64_t> leaders_;        // term -> member
  std::map<uint64_t, uint64_t> members_;        // index applied -> hash of the group's members
  std::map<uint64_t, std::vector<consensus::MemberView>> groups_;
  ReferenceIndex reference_;
  uint64_t trace_ = 0;
  uint64_t restores_ = 0;
};

}  // namespace brazier::simulation
