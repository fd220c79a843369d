#include "tools/brazierctl/group_commands.h"

#include <algorithm>
#include <optional>

#include "common/base/random.h"
#include "common/config/quantity.h"
#include "common/observe/request_id.h"
#include "tools/brazierctl/group_view.h"
#include "tools/brazierctl/print_report.h"
#include "tools/brazierctl/progress_line.h"

namespace brazier::ctl {
namespace {

using contract::GroupMemberStatus;
using contract::GroupStatus;

// A member that hangs should not keep the others' answers from the screen for long.
constexpr int64_t kStatusTimeoutMs = 5'000;
constexpr int64_t kPollNs = 300 * kNsPerMs;

contract::RequestContext Within(const GroupTools& tools, int64_t timeout_ms) {
  return {MakeRequestId(SystemRandom()), tools.clock->MonotonicNs() + timeout_ms * kNsPerMs};
}

Result<GroupStatus> AskStatus(const GroupTools& tools, const GroupOptions& options,
                              const std::string& address) {
  return tools.connect({address})
      ->GetGroupStatus(Within(tools, std::min(options.timeout_ms, kStatusTimeoutMs)));
}

// Greater is newer. A newcomer knows the term from its leader's first message and no members before it has the group's
// state; a member that was removed stays where it was when it last heard of the group.
auto RankOf(const GroupStatus& view) {
  return std::tuple(view.self.group_id != 0, view.term, IsLeadersView(view), view.applied_index);
}

// The newest view of the group: that of the greatest term, the leader's where it answers. Without a group, a view whose
// group_id is 0.
Result<GroupStatus> View(const GroupTools& tools, const GroupOptions& options) {
  std::optional<GroupStatus> best;
  const auto take = [&](GroupStatus status) {
    if (!best.has_value() || RankOf(status) > RankOf(*best)) best = std::move(status);
  };
  Status refused;
  std::string silent;
  for (const std::string& server : options.servers) {
    auto status = AskStatus(tools, options, server);
    if (status.ok()) {
      take(*std::move(status));
    } else if (status.status().code() == Code::kUnavailable ||
               status.status().code() == Code::kDeadlineExceeded) {
      silent += (silent.empty() ? "" : "; ") + server + ": " + status.status().message();
    } else {
      refused = status.status().Annotate(server);
    }
  }
  if (!best.has_value()) {
    if (!refused.ok()) return refused;
    return Unavailable("no member of the metastore answers: " + silent);
  }
  if (best->leader_id != 0 && !IsLeadersView(*best)) {
    for (const GroupMemberStatus& member : best->members) {
      if (member.member.node_id != best->leader_id) continue;
      auto leaders = AskStatus(tools, options, member.member.rpc_address);
      if (leaders.ok()) take(*std::move(leaders));
      break;
    }
  }
  return *best;
}

Status NoGroup(const GroupStatus& view) {
  const std::string& address = view.self.member.rpc_address;
  return Status(Code::kFailedPrecondition,
                address + " belongs to no group yet: found one with `brazierctl metastore found " +
                    address + " OTHER OTHER`, or add it to one that lives with `brazierctl metastore "
                    "add " + address + " --server MEMBER`")
      .WithReason("no_group");
}

// The group as it is; an error when there is none.
Result<GroupStatus> Group(const GroupTools& tools, const GroupOptions& options) {
  ASSIGN_OR_RETURN(GroupStatus view, View(tools, options));
  if (view.self.group_id == 0) return NoGroup(view);
  return view;
}

// The servers given and all members, so that the leader is found whoever it is.
std::unique_ptr<contract::MetastoreGroup> Leader(const GroupTools& tools, const GroupStatus& group) {
  std::vector<std::string> addresses;
  for (const GroupMemberStatus& member : group.members) {
    if (member.member.rpc_address.empty()) continue;
    const bool leads = member.member.node_id == group.leader_id;
    addresses.insert(leads ? addresses.begin() : addresses.end(), member.member.rpc_address);
  }
  if (addresses.empty()) addresses.push_back(group.self.member.rpc_address);
  return tools.connect(std::move(addresses));
}

std::string VotersText(const GroupStatus& group) {
  const GroupShape shape = ShapeOf(group);
  return std::to_string(shape.voters) + (shape.voters == 1 ? " voter, " : " voters, ") +
         std::to_string(shape.may_fail()) + " may fail";
}

// Waits until the view fulfils `done` or the time is over; what it saw last.
Result<GroupStatus> AwaitView(const GroupTools& tools, const GroupOptions& options, int64_t wait_ns,
                              const std::function<bool(const GroupStatus&)>& done) {
  const int64_t end_ns = tools.clock->MonotonicNs() + wait_ns;
  for (;;) {
    Result<GroupStatus> view = View(tools, options);
    if ((view.ok() && done(*view)) || tools.clock->MonotonicNs() >= end_ns) return view;
    tools.sleep(kPollNs);
  }
}

// Lets another voter lead and waits until it does and has heard of the others, which it counts when members change. The
// view then, or whatever is seen when that takes too long.
Result<GroupStatus> MoveLeadership(const GroupTools& tools, const GroupOptions& options,
                                   const GroupStatus& before) {
  RETURN_IF_ERROR(
      Leader(tools, before)->TransferLeadership(Within(tools, options.timeout_ms), 0));
  GroupOptions all = options;
  for (const GroupMemberStatus& member : before.members) {
    all.servers.push_back(member.member.rpc_address);
  }
  const size_t active_voters = ShapeOf(before).active_voters;
  return AwaitView(tools, all, kStatusTimeoutMs * kNsPerMs, [&](const GroupStatus& view) {
    return IsLeadersView(view) && view.leader_id != before.leader_id &&
           ShapeOf(view).active_voters >= active_voters;
  });
}

// Promotes as soon as the leader lets it.
Status PromoteWhenCaughtUp(const GroupTools& tools, const GroupOptions& options,
                           const GroupStatus& group, uint64_t node_id, const std::string& name) {
  const auto leader = Leader(tools, group);
  ProgressLine line(*tools.progress, tools.progress_is_terminal, *tools.clock);
  const int64_t end_ns = tools.clock->MonotonicNs() + options.wait_ns;
  for (;;) {
    const Status status = leader->PromoteMember(Within(tools, options.timeout_ms), node_id);
    if (status.ok() || status.reason() != "not_caught_up") {
      line.Finish();
      if (status.ok()) return status;
      return status.Annotate(name + " is a learner and not yet a voter");
    }
    if (tools.clock->MonotonicNs() >= end_ns) {
      line.Finish();
      return Status(Code::kDeadlineExceeded,
                    name + " has not caught up within " + config::FormatDuration(options.wait_ns) +
                        " (" + status.message() + "). It goes on as a learner: finish later with "
                        "`brazierctl metastore promote " + IdText(node_id) + "`");
    }
    line.Update(name + " is catching up: " + status.message());
    tools.sleep(kPollNs);
  }
}

}  // namespace

Status GroupStatusCommand(const GroupTools& tools, const GroupOptions& options, bool* all_well) {
  ASSIGN_OR_RETURN(const GroupStatus view, View(tools, options));
  const std::string trouble = TroubleOf(view);
  *all_well = trouble.empty();
  if (options.json) {
    *tools.out << GroupJson(view);
    return Status::Ok();
  }
  *tools.out << GroupText(view);
  if (view.self.group_id == 0) {
    *tools.out << NoGroup(view).message() << "\n";
  } else if (!trouble.empty()) {
    *tools.out << "\n" << trouble << "\n";
  }
  return Status::Ok();
}

Status GroupFound(const GroupTools& tools, const GroupOptions& options) {
  if (options.members.empty()) return InvalidArgument("name the Thrift addresses of all members");
  std::vector<std::string> sorted = options.members;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
    return InvalidArgument(*twice + " is named twice");
  }
  const auto first = tools.connect({options.members.front()});
  ASSIGN_OR_RETURN(const uint64_t group_id,
                   first->FoundGroup(Within(tools, options.timeout_ms), options.members));
  *tools.out << "founded group " << IdText(group_id) << " of " << options.members.size()
             << (options.members.size() == 1 ? " member\n" : " members\n");
  GroupOptions there = options;
  there.servers = options.members;
  ASSIGN_OR_RETURN(const GroupStatus group,
                   AwaitView(tools, there, options.timeout_ms * kNsPerMs, [](const auto& view) {
                     return view.self.group_id != 0 && view.can_commit && IsLeadersView(view);
                   }));
  if (!group.can_commit || !IsLeadersView(group)) {
    return Unavailable("it has elected no leader yet: look again with `brazierctl metastore status`");
  }
  const size_t voters = ShapeOf(group).voters;
  if (voters % 2 == 0) {
    *tools.out << "note: " << VotersText(group) << ", as with " << voters - 1
               << ": an odd number is better\n";
  }
  *tools.out << GroupText(group);
  return Status::Ok();
}

Status GroupAdd(const GroupTools& tools, const GroupOptions& options) {
  ASSIGN_OR_RETURN(const GroupStatus before, Group(tools, options));
  ASSIGN_OR_RETURN(const uint64_t node_id,
                   Leader(tools, before)->AddMember(Within(tools, options.timeout_ms), options.member));
  ASSIGN_OR_RETURN(const GroupStatus added, Group(tools, options));
  GroupMember member{.node_id = node_id, .name = "", .rpc_address = options.member};
  for (const GroupMemberStatus& other : added.members) {
    if (other.member.node_id == node_id) member = other.member;
  }
  const std::string name = MemberText(member);
  *tools.out << "added " << name << " at " << options.member << " as a learner\n";
  for (const GroupMemberStatus& other : before.members) {
    if (other.member.rpc_address != options.member || other.member.node_id == node_id) continue;
    *tools.out << "it replaces " << MemberText(other.member)
               << ", which is removed when it becomes a voter\n";
  }
  if (options.learner) return Status::Ok();
  RETURN_IF_ERROR(PromoteWhenCaughtUp(tools, options, added, node_id, name));
  ASSIGN_OR_RETURN(const GroupStatus after, Group(tools, options));
  *tools.out << name << " is a voter; the group has " << VotersText(after) << "\n";
  if (ShapeOf(after).voters % 2 == 0) {
    *tools.out << "note: an even number of voters bears no more failures than one voter less\n";
  }
  return Status::Ok();
}

Status GroupPromote(const GroupTools& tools, const GroupOptions& options) {
  ASSIGN_OR_RETURN(const GroupStatus before, Group(tools, options));
  ASSIGN_OR_RETURN(const GroupMemberStatus member, FindMember(before, options.member));
  const std::string name = MemberText(member.member);
  RETURN_IF_ERROR(PromoteWhenCaughtUp(tools, options, before, member.member.node_id, name));
  ASSIGN_OR_RETURN(const GroupStatus after, Group(tools, options));
  *tools.out << name << " is a voter; the group has " << VotersText(after) << "\n";
  return Status::Ok();
}

Status GroupRemove(const GroupTools& tools, const GroupOptions& options) {
  ASSIGN_OR_RETURN(const GroupStatus before, Group(tools, options));
  const auto member = FindMember(before, options.member);
  if (!member.ok()) {
    // A node id never comes back: whoever repeats a removal has what was wanted.
    if (member.status().code() != Code::kNotFound || !ParseId(options.member)) return member.status();
    *tools.out << options.member << " is no member of group " << IdText(before.self.group_id) << "\n";
    return Status::Ok();
  }
  const std::string name = MemberText(member->member);
  const std::string concern = ConcernAboutRemoval(before, member->member.node_id);
  if (!concern.empty() && !options.yes) {
    return Status(Code::kFailedPrecondition,
                  "removing " + name + " " + concern +
                      ". To replace it, add the new member first. To remove it all the same, "
                      "repeat with --yes")
        .WithReason("needs_yes");
  }
  GroupStatus now = before;
  if (before.leader_id == member->member.node_id && ShapeOf(before).voters > 1) {
    ASSIGN_OR_RETURN(now, MoveLeadership(tools, options, before));
  }
  RETURN_IF_ERROR(Leader(tools, now)->RemoveMember(Within(tools, options.timeout_ms),
                                                   member->member.node_id));
  *tools.out << "removed " << name;
  // The one that answered may be the one that is gone: it does not hear of changes any more.
  GroupOptions rest = options;
  rest.servers.clear();
  for (const GroupMemberStatus& other : before.members) {
    if (other.member.node_id != member->member.node_id) {
      rest.servers.push_back(other.member.rpc_address);
    }
  }
  if (const auto after = Group(tools, rest); after.ok()) {
    *tools.out << "; the group has " << VotersText(*after);
  }
  *tools.out << "\n";
  return Status::Ok();
}

Status GroupTransfer(const GroupTools& tools, const GroupOptions& options) {
  ASSIGN_OR_RETURN(const GroupStatus before, Group(tools, options));
  ASSIGN_OR_RETURN(const GroupMemberStatus member, FindMember(before, options.member));
  const std::string name = MemberText(member.member);
  if (!member.is_voter) {
    return Status(Code::kFailedPrecondition,
                  name + " is a learner and cannot lead: promote it first");
  }
  if (before.leader_id == member.member.node_id) {
    *tools.out << name << " leads already\n";
    return Status::Ok();
  }
  RETURN_IF_ERROR(Leader(tools, before)->TransferLeadership(Within(tools, options.timeout_ms),
                                                            member.member.node_id));
  *tools.out << name << " leads\n";
  return Status::Ok();
}

Status GroupStepDown(const GroupTools& tools, const GroupOptions& options) {
  ASSIGN_OR_RETURN(const GroupStatus before, Group(tools, options));
  if (before.leader_id == 0) return Unavailable("no leader is known: there is nobody to step down");
  ASSIGN_OR_RETURN(const GroupStatus after, MoveLeadership(tools, options, before));
  const auto leader = FindMember(after, IdText(after.leader_id));
  *tools.out << (leader.ok() ? MemberText(leader->member) : IdText(after.leader_id)) << " leads\n";
  return Status::Ok();
}

Status GroupTakeSnapshot(const GroupTools& tools, const GroupOptions& options) {
  Status last = InvalidArgument("name a server");
  for (const std::string& server : options.servers) {
    const auto snapshot = tools.connect({server})->TakeSnapshot(Within(tools, options.timeout_ms));
    if (snapshot.ok()) {
      *tools.out << snapshot->key << "\n"
                 << "of " << server << " up to entry " << snapshot->index << ", "
                 << ValueText(static_cast<double>(snapshot->bytes), "bytes") << ", taken "
                 << TimeText(snapshot->time_ns) << "\n";
      return Status::Ok();
    }
    last = snapshot.status().Annotate(server);
    if (last.code() != Code::kUnavailable) return last;
  }
  return last;
}

}  // namespace brazier::ctl
