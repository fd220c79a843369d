// MemberTable: which processes live, by their heartbeats. Soft state: it is filled anew after a restart of the
// metastore within one heartbeat. A pure core: time is a parameter (monotonic ns).
// Bounded: kMembersMax members with texts of kTextBytesMax. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/status.h"
#include "common/model/member.h"

namespace brazier::metastore {

class MemberTable {
 public:
  static constexpr size_t kMembersMax = 10'000;
  static constexpr size_t kRolesMax = 32;
  static constexpr size_t kTextBytesMax = 256;

  // The version grows from `first_version` on; a caller that passes the wall clock keeps it growing across restarts.
  explicit MemberTable(uint64_t first_version) { list_.version = first_version; }

  // The member lives now. kInvalidArgument for texts over the limits, kResourceExhausted when the table is full.
  Status Heartbeat(const Member& member, int64_t now_ns);
  // Forgets members whose last heartbeat is longer ago than MemberList::kTtlMs.
  void Expire(int64_t now_ns);
  // As of the last Heartbeat or Expire.
  const MemberList& list() const { return list_; }

 private:
  void Publish();

  struct Entry {
    Member member;
    int64_t heartbeat_ns = 0;
  };
  std::map<std::string, Entry> entries_;  // by member id
  MemberList list_;                       // INVARIANT: the members of entries_
};

}  // namespace brazier::metastore
