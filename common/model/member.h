// Member: one living process and the roles it plays; MemberList: what the metastore publishes about all of them.
// Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brazier {

struct Member {
  std::string id;                  // stable across restarts of the same process slot, for example "host-1"
  std::vector<std::string> roles;  // "segment-writer", "query-backend", ...
  std::string pipeline_address;    // ZeroMQ, "tcp://127.0.0.1:4052"; empty when it serves no pipeline
  std::string rpc_address;         // Thrift "host:port"; empty when it serves none
  std::string jobs_address;        // ZeroMQ, of a metastore member: where compaction workers ask for jobs; empty otherwise
  bool draining = false;           // finishes what it has, takes nothing new
  friend bool operator==(const Member&, const Member&) = default;
};

struct MemberList {
  static constexpr int64_t kHeartbeatIntervalMs = 1000;
  static constexpr int64_t kTtlMs = 5000;
  uint64_t version = 0;  // grows when the list changes
  std::vector<Member> members;  // sorted by id
};

}  // namespace brazier
