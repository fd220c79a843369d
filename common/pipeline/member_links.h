// MemberLinks: how the members of a metastore group reach each other: one-way messages, lossy by contract (Raft repeats
// what is lost), bounded in bytes and in age. One PULL socket receives from everybody; one PUSH socket per other member
// sends, so that a member that hangs delays no other.
//
//   ASSIGN_OR_RETURN(auto links, MemberLinks::Open(loop, {.listen = "tcp://127.0.0.1:4044", .node_id = me},
//                                                  [&](uint64_t from, std::string message) { ... }, metrics));
//   links->SetGroup(group_id);
//   links->SetMembers(members);
//   links->Send(other, bytes);
//
// Guarantees: messages from one member arrive in the order in which they were sent, as long as the connection lasts;
// afterwards older ones may still come beside newer ones. A message arrives whole and unchanged, once, or not at all. It
// is dropped, and counted with the reason, when it cannot be sent now: the member is unknown, there is no connection to
// it, its queue is full, or the message waited for longer than `age_ms_max`. So a member that was away finds few stale
// messages when it returns: those in libzmq (at most `handed_bytes_max`) and in the kernel's buffers. What is received is
// for hostile input: other versions, groups and members, wrong checksums and sizes are dropped and counted.
//
// Messages carry the address of their sender, as its own entry among the members has it, and it is answered there while it
// is no member: a newcomer knows nobody until the group has told it who its members are. At most kLearnedMax such links.
//
// Owned by whoever made it. `loop` and `metrics` outlive it. Thread-safe, except that Stop() and the destructor are called
// once, from one thread, not the loop's. The loop should serve nothing slow: a message waits for its turn on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/group_member.h"
#include "common/observe/metrics.h"
#include "common/pipeline/loop.h"

namespace brazier::pipeline {

struct MemberLinkLimits {
  size_t message_bytes_max = 16u << 20;  // larger ones are dropped on either side
  // Of one member, with 128 bytes added per message: all that waits for it; what libzmq has of it. A message alone may be
  // larger.
  size_t queue_bytes_max = 16u << 20;
  size_t handed_bytes_max = 1u << 20;
  int64_t age_ms_max = 1000;
  int heartbeat_interval_ms = 300;
  int heartbeat_timeout_ms = 1000;  // silence after which a connection counts as lost
};

class MemberLinks {
 public:
  static constexpr size_t kLearnedMax = 16;
  // Runs on the loop's thread, must not block.
  using OnMessage = std::function<void(uint64_t from, std::string message)>;
  struct Options {
    std::string listen = "tcp://127.0.0.1:0";
    uint64_t group_id = 0;  // 0: not known yet; nothing is sent or taken before SetGroup()
    uint64_t node_id = 0;   // our own, not 0
    MemberLinkLimits limits;
  };

  // kUnavailable names the address that could not be bound.
  static Result<std::unique_ptr<MemberLinks>> Open(Loop& loop, Options options,
                                                   OnMessage on_message, MetricsRegistry& metrics);
  ~MemberLinks();
  MemberLinks(const MemberLinks&) = delete;
  MemberLinks& operator=(const MemberLinks&) = delete;

  // Once; the same id again is harmless. CHECKs that a known group is never exchanged for another.
  void SetGroup(uint64_t group_id);
  // All members of the group. Our own entry is where the others may answer us; links to new ones are opened, to those that are gone closed;
  // a member with another `raft_address` than before is connected anew. An address that cannot be one is logged, and
  // messages to it are dropped. Does not wait for connections.
  void SetMembers(const std::vector<GroupMember>& members);
  // Never blocks.
  void Send(uint64_t to, std::string message);
  // Where it listens, with the real port.
  const std::string& address() const;
  bool IsConnected(uint64_t node_id) const;
  // Idempotent. After it, nothing is sent and `on_message` does not run.
  void Stop();

 private:
  class State;
  explicit MemberLinks(std::shared_ptr<State> state) : state_(std::move(state)) {}
  const std::shared_ptr<State> state_;
};

}  // namespace brazier::pipeline
