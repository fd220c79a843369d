// What an operator sees of a metastore's group, and what is to be thought of before it is changed. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/contract/metastore_group.h"

namespace brazier::ctl {

// What IdText() writes: 16 hex digits. nullopt for anything else, and for 0.
std::optional<uint64_t> ParseId(std::string_view text);

// "metastore-1 (00000000000000a1)", or the id alone where there is no name.
std::string MemberText(const GroupMember& member);

// The member that `text` names: by node id, name or address. kNotFound lists the members there are; kInvalidArgument when
// several have that name.
Result<contract::GroupMemberStatus> FindMember(const contract::GroupStatus& group,
                                               std::string_view text);

struct GroupShape {
  size_t voters = 0;
  size_t learners = 0;
  size_t active_voters = 0;  // only in the leader's view
  size_t majority() const { return voters / 2 + 1; }
  size_t may_fail() const { return voters == 0 ? 0 : (voters - 1) / 2; }
};
GroupShape ShapeOf(const contract::GroupStatus& group);
// Whether the answer is the leader's, which alone knows how far the others are.
bool IsLeadersView(const contract::GroupStatus& group);

// What a careful operator should know before this member is removed; empty: nothing. As a clause: "leaves 2 voters, ...".
std::string ConcernAboutRemoval(const contract::GroupStatus& group, uint64_t node_id);
// What is wrong with the group now, as a clause; empty: nothing.
std::string TroubleOf(const contract::GroupStatus& group);

// Facts and a table, for terminals; one JSON object and a line feed, for programs.
std::string GroupText(const contract::GroupStatus& group);
std::string GroupJson(const contract::GroupStatus& group);

}  // namespace brazier::ctl
