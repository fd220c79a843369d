#include "server/metastore/member_table.h"

#include <algorithm>

#include "common/base/clock.h"

namespace brazier::metastore {
namespace {

Status CheckText(std::string_view what, const std::string& text) {
  if (text.size() <= MemberTable::kTextBytesMax) return Status();
  return InvalidArgument("the member's " + std::string(what) + " has " + std::to_string(text.size()) +
                         " bytes, the limit is " + std::to_string(MemberTable::kTextBytesMax));
}

Status CheckMember(const Member& member) {
  if (member.id.empty()) return InvalidArgument("the member's id is empty");
  RETURN_IF_ERROR(CheckText("id", member.id));
  RETURN_IF_ERROR(CheckText("pipeline address", member.pipeline_address));
  RETURN_IF_ERROR(CheckText("rpc address", member.rpc_address));
  RETURN_IF_ERROR(CheckText("jobs address", member.jobs_address));
  if (member.roles.size() > MemberTable::kRolesMax) {
    return InvalidArgument("the member has " + std::to_string(member.roles.size()) +
                           " roles, the limit is " + std::to_string(MemberTable::kRolesMax));
  }
  for (const std::string& role : member.roles) RETURN_IF_ERROR(CheckText("role", role));
  return Status();
}

}  // namespace

Status MemberTable::Heartbeat(const Member& member, int64_t now_ns) {
  RETURN_IF_ERROR(CheckMember(member));
  Expire(now_ns);
  const auto it = entries_.find(member.id);
  if (it == entries_.end() && entries_.size() >= kMembersMax) {
    return ResourceExhausted("the member table is full: " + std::to_string(kMembersMax) + " members");
  }
  Entry& entry = it == entries_.end() ? entries_[member.id] : it->second;
  entry.heartbeat_ns = now_ns;
  if (entry.member == member) return Status();
  entry.member = member;
  Publish();
  return Status();
}

void MemberTable::Expire(int64_t now_ns) {
  const size_t expired = std::erase_if(entries_, [now_ns](const auto& item) {
    return now_ns - item.second.heartbeat_ns > MemberList::kTtlMs * kNsPerMs;
  });
  if (expired > 0) Publish();
}

void MemberTable::Publish() {
  ++list_.version;
  list_.members.clear();
  list_.members.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) list_.members.push_back(entry.member);
}

}  // namespace brazier::metastore
