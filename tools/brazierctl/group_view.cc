#include "tools/brazierctl/group_view.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/brazierctl/print_report.h"
#include "tools/brazierctl/text_table.h"

namespace brazier::ctl {
namespace {

using contract::GroupMemberStatus;
using contract::GroupStatus;

constexpr size_t kIdDigits = 16;

std::string Count(size_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

const GroupMemberStatus* FindId(const GroupStatus& group, uint64_t node_id) {
  for (const GroupMemberStatus& member : group.members) {
    if (member.member.node_id == node_id) return &member;
  }
  return nullptr;
}

std::string RoleOf(const GroupMemberStatus& member) {
  if (member.is_leader) return "leader";
  return member.is_voter ? "voter" : "learner";
}

// Entries of the leader's log that are not on the member's disk.
uint64_t LagOf(const GroupStatus& group, const GroupMemberStatus& member) {
  if (member.is_leader || member.matched_index >= group.last_index) return 0;
  return group.last_index - member.matched_index;
}

std::string FailuresText(size_t voters, size_t may_fail) {
  if (voters == 1) return "which must not fail";
  if (may_fail == 0) return "of which none may fail";
  return "of which " + std::to_string(may_fail) + " may fail";
}

std::string MembersTable(const GroupStatus& group) {
  const bool is_leaders = IsLeadersView(group);
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "NAME", "ROLE", "ADDRESS", "LAG", "ACTIVE"}};
  for (const GroupMemberStatus& member : group.members) {
    rows.push_back({IdText(member.member.node_id), member.member.name, RoleOf(member),
                    member.member.rpc_address,
                    is_leaders ? std::to_string(LagOf(group, member)) : "?",
                    !is_leaders          ? "?"
                    : member.is_leader   ? "yes"
                    : member.is_active   ? "yes"
                                         : "no"});
  }
  return TableText(rows, {false, false, false, false, true, false});
}

}  // namespace

std::optional<uint64_t> ParseId(std::string_view text) {
  uint64_t id = 0;
  if (text.size() != kIdDigits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) return std::nullopt;
  return id;
}

std::string MemberText(const GroupMember& member) {
  if (member.name.empty()) return IdText(member.node_id);
  return member.name + " (" + IdText(member.node_id) + ")";
}

Result<GroupMemberStatus> FindMember(const GroupStatus& group, std::string_view text) {
  const auto id = ParseId(text);
  std::vector<GroupMemberStatus> found;
  std::string all;
  for (const GroupMemberStatus& member : group.members) {
    all += (all.empty() ? "" : ", ") + MemberText(member.member) + " at " + member.member.rpc_address;
    if (id == member.member.node_id) return member;
    if (member.member.name == text || member.member.rpc_address == text) found.push_back(member);
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    return NotFound("\"" + std::string(text) + "\" is no member of group " +
                    IdText(group.self.group_id) + "; its members are " + all);
  }
  std::string ids;
  for (const GroupMemberStatus& member : found) {
    ids += (ids.empty() ? "" : ", ") + IdText(member.member.node_id);
  }
  return InvalidArgument("several members are called \"" + std::string(text) +
                         "\"; name one by its node id: " + ids);
}

GroupShape ShapeOf(const GroupStatus& group) {
  GroupShape shape;
  for (const GroupMemberStatus& member : group.members) {
    ++(member.is_voter ? shape.voters : shape.learners);
    if (member.is_voter && (member.is_active || member.is_leader)) ++shape.active_voters;
  }
  return shape;
}

bool IsLeadersView(const GroupStatus& group) {
  return group.leader_id != 0 && group.leader_id == group.self.member.node_id;
}

std::string ConcernAboutRemoval(const GroupStatus& group, uint64_t node_id) {
  const GroupMemberStatus* member = FindId(group, node_id);
  if (member == nullptr || !member->is_voter) return {};
  GroupShape left = ShapeOf(group);
  const size_t may_fail_now = left.may_fail();
  --left.voters;
  if (left.active_voters > 0 && (member->is_active || member->is_leader)) --left.active_voters;
  if (left.voters == 0) return "leaves no voter";
  const std::string leaves = "leaves " + Count(left.voters, "voter");
  if (IsLeadersView(group) && left.active_voters < left.majority()) {
    return leaves + ", of which only " + std::to_string(left.active_voters) +
           " can be reached: nothing could be committed";
  }
  // An even number bears as many failures as the odd one below it, so leaving one always costs one.
  if (left.may_fail() >= may_fail_now && left.voters >= 3) return {};
  return leaves + ", " + FailuresText(left.voters, left.may_fail());
}

std::string TroubleOf(const GroupStatus& group) {
  if (group.self.group_id == 0) return "it belongs to no group yet";
  if (!group.can_commit) {
    return "nothing can be committed" + (group.failure.empty() ? "" : ": " + group.failure);
  }
  if (!IsLeadersView(group)) {
    return group.leader_id == 0 ? "no leader is known" : "the leader does not answer";
  }
  const GroupShape shape = ShapeOf(group);
  size_t inactive = 0;
  for (const GroupMemberStatus& member : group.members) {
    inactive += !member.is_active && !member.is_leader;
  }
  if (inactive == 0) return {};
  const size_t lost = shape.voters - shape.active_voters;
  std::string text = Count(inactive, "member") + " of " + std::to_string(group.members.size()) +
                     (inactive == 1 ? " is" : " are") + " not active";
  if (lost == 0) return text;
  const size_t spare = shape.active_voters - std::min(shape.active_voters, shape.majority());
  return text + ", " + (spare == 0 ? "no further voter" : Count(spare, "further voter")) +
         " may fail";
}

std::string GroupText(const GroupStatus& group) {
  if (group.self.group_id == 0) {
    return MemberText(group.self.member) + " at " + group.self.member.rpc_address +
           " belongs to no group yet\n";
  }
  const GroupShape shape = ShapeOf(group);
  std::string out = "group " + IdText(group.self.group_id) + ": " + Count(shape.voters, "voter");
  if (shape.learners > 0) out += ", " + Count(shape.learners, "learner");
  out += "; term " + std::to_string(group.term);
  const GroupMemberStatus* leader = FindId(group, group.leader_id);
  out += leader != nullptr ? ", led by " + MemberText(leader->member) : ", no leader is known";
  out += "\n";
  out += "committed " + std::to_string(group.committed_index) + ", applied " +
         std::to_string(group.applied_index) + "; log " + std::to_string(group.first_index) +
         " to " + std::to_string(group.last_index) + ", " +
         ValueText(static_cast<double>(group.log_bytes), "bytes") + "\n";
  if (!IsLeadersView(group)) {
    out += "as " + MemberText(group.self.member) +
           " sees it, which does not lead: lag and activity are not known\n";
  }
  return out + "\n" + MembersTable(group);
}

std::string GroupJson(const GroupStatus& group) {
  const auto id_or_null = [](uint64_t id) -> nlohmann::ordered_json {
    if (id == 0) return nullptr;
    return IdText(id);
  };
  const bool is_leaders = IsLeadersView(group);
  nlohmann::ordered_json members = nlohmann::ordered_json::array();
  for (const GroupMemberStatus& member : group.members) {
    nlohmann::ordered_json entry = {{"node_id", IdText(member.member.node_id)},
                                    {"name", member.member.name},
                                    {"role", RoleOf(member)},
                                    {"rpc_address", member.member.rpc_address},
                                    {"raft_address", member.member.raft_address}};
    entry["matched_index"] = nullptr;
    entry["lag"] = nullptr;
    entry["active"] = nullptr;
    if (is_leaders) {
      entry["matched_index"] = member.matched_index;
      entry["lag"] = LagOf(group, member);
      entry["active"] = member.is_active || member.is_leader;
    }
    members.push_back(std::move(entry));
  }
  const nlohmann::ordered_json json = {{"group_id", id_or_null(group.self.group_id)},
                                       {"answered_by", id_or_null(group.self.member.node_id)},
                                       {"leader_id", id_or_null(group.leader_id)},
                                       {"can_commit", group.can_commit},
                                       {"failure", group.failure},
                                       {"trouble", TroubleOf(group)},
                                       {"term", group.term},
                                       {"committed_index", group.committed_index},
                                       {"applied_index", group.applied_index},
                                       {"first_index", group.first_index},
                                       {"last_index", group.last_index},
                                       {"log_bytes", group.log_bytes},
                                       {"members", std::move(members)}};
  // Names come from other processes: bytes that are no UTF-8 are replaced, not thrown about.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace brazier::ctl
