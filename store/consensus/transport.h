// Transport: how a Raft group's messages reach its other members. One-way and lossy by contract: Raft repeats what is
// lost, and bears what comes late, twice or in another order. Implementations own connections and authentication; a
// member hands what it receives to RaftConsensus::Receive.
#pragma once

#include <cstdint>
#include <string>

namespace brazier::consensus {

class Transport {
 public:
  virtual ~Transport() = default;
  // Sends one encoded message to member `to`, or drops it when it cannot be sent or queued now. Called from the
  // consensus thread; must not block.
  virtual void Send(uint64_t to, std::string message) = 0;
};

// For a group of one: there is nobody to send to.
class NullTransport final : public Transport {
 public:
  void Send(uint64_t to, std::string message) override {}
};

}  // namespace brazier::consensus
