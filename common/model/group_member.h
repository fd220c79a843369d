// GroupMember: one member of the metastore's Raft group as the group knows it. Value; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>

namespace brazier {

struct GroupMember {
  uint64_t node_id = 0;      // drawn by the member itself when its folder is made; never 0
  std::string name;          // the process's member id, for people
  std::string rpc_address;   // Thrift, "host:port": where clients and operators find it
  std::string raft_address;  // ZeroMQ, "tcp://host:port": where the group's messages go
  friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

// Node and group ids as people see them: 16 hex digits.
std::string IdText(uint64_t id);

}  // namespace brazier
