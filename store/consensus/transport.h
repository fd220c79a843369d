// Transport: how a Raft group's messages reach its other members. One-way and lossy by contract: Raft repeats what is
// lost, and bears what comes late, twice or in another order. Implementations own connections and authentication; a
// member hands what it receives to RaftConsensus::Receive.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model/group_member.h"

namespace brazier::consensus {

class Transport {
 public:
  virtual ~Transport() = default;
  // Sends one encoded message to member `to`, or drops it when it cannot be sent or queued now. Called from the
  // consensus thread; must not block.
  virtual void Send(uint64_t to, std::string message) = 0;
  // The members from now on, this one among them, with their addresses. Called from the consensus thread, and once from
  // the one that opens the group; must not block. Messages may still be sent to one that is not there any more.
  virtual void SetMembers(const std::vector<GroupMember>& members) {}
};

// For a group of one: there is nobody to send to.
class NullTransport final : public Transport {
 public:
  void Send(uint64_t to, std::string message) override {}
};

}  // namespace brazier::consensus
