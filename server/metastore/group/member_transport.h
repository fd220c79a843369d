// MemberTransport: a consensus::Transport that is bound before its group is known. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/status.h"
#include "store/consensus/transport.h"

namespace brazier::metastore {

class MemberTransport : public consensus::Transport {
 public:
  // Binds for this node; messages for its group, once it has one, go to `on_message`, on a thread of the transport's.
  // Once, before everything else.
  virtual Status Listen(uint64_t node_id, std::function<void(std::string)> on_message) = 0;
  // Nothing is sent or received before. Once.
  virtual void SetGroup(uint64_t group_id) = 0;
  // Afterwards `on_message` is not called any more. Idempotent.
  virtual void Stop() = 0;
  // Where others reach it, "tcp://host:port". REQUIRES: Listen() was OK.
  virtual std::string address() const = 0;
};

}  // namespace brazier::metastore
