#include "tools/brazierctl/group_view.h"

#include <gtest/gtest.h>

namespace brazier::ctl {
namespace {

using contract::GroupStatus;

GroupMember MemberOf(uint64_t id) {
  return {id, "m-" + std::to_string(id), "host-" + std::to_string(id) + ":4041",
          "tcp://host-" + std::to_string(id) + ":4044"};
}

// Voters 1..n as the first one, which leads, sees them.
GroupStatus GroupOf(size_t voters) {
  GroupStatus group;
  group.self = {MemberOf(1), 0xabc};
  group.can_commit = true;
  group.leader_id = 1;
  group.term = 7;
  group.committed_index = 1199;
  group.applied_index = 1198;
  group.first_index = 200;
  group.last_index = 1200;
  group.log_bytes = 3 << 20;
  for (uint64_t id = 1; id <= voters; ++id) {
    group.members.push_back({MemberOf(id), true, id == 1, id == 1 ? 0 : 1200 - id, true});
  }
  return group;
}

TEST(Ids, AreSixteenHexDigits) {
  EXPECT_EQ(IdText(0xfedcba9876543210), "fedcba9876543210");
  EXPECT_EQ(IdText(0xa1), "00000000000000a1");
  EXPECT_EQ(ParseId("00000000000000a1"), 0xa1u);
  EXPECT_EQ(ParseId("FEDCBA9876543210"), 0xfedcba9876543210u);
  for (const char* bad : {"", "a1", "0000000000000000", "00000000000000g1", "0x00000000000001",
                          "000000000000000a1", "-000000000000001"}) {
    EXPECT_EQ(ParseId(bad), std::nullopt) << bad;
  }
}

TEST(GroupText, ShowsTheLeadersView) {
  GroupStatus group = GroupOf(3);
  group.members[1].matched_index = 900;
  group.members[1].is_active = false;
  group.members.push_back({{10, "a-longer-name", "10.0.0.7:4041", ""}, false, false, 1200, true});
  EXPECT_EQ(GroupText(group),
            "group 0000000000000abc: 3 voters, 1 learner; term 7, led by m-1 (0000000000000001)\n"
            "committed 1199, applied 1198; log 200 to 1200, 3.00MiB\n"
            "\n"
            "NODE              NAME           ROLE     ADDRESS        LAG  ACTIVE\n"
            "0000000000000001  m-1            leader   host-1:4041      0  yes\n"
            "0000000000000002  m-2            voter    host-2:4041    300  no\n"
            "0000000000000003  m-3            voter    host-3:4041      3  yes\n"
            "000000000000000a  a-longer-name  learner  10.0.0.7:4041    0  yes\n");
}

TEST(GroupText, SaysWhatAnotherMemberCannotKnow) {
  GroupStatus group = GroupOf(3);
  group.self.member = MemberOf(2);
  for (auto& member : group.members) member.matched_index = member.is_active = 0;
  const std::string text = GroupText(group);
  EXPECT_NE(text.find("as m-2 (0000000000000002) sees it, which does not lead"), std::string::npos);
  EXPECT_NE(text.find("host-3:4041    ?  ?\n"), std::string::npos) << text;
  group.leader_id = 0;
  EXPECT_NE(GroupText(group).find("no leader is known"), std::string::npos);
}

TEST(GroupText, AMemberWithoutAGroup) {
  GroupStatus group;
  group.self = {MemberOf(5), 0};
  EXPECT_EQ(GroupText(group),
            "m-5 (0000000000000005) at host-5:4041 belongs to no group yet\n");
  group.self.member.name.clear();
  EXPECT_TRUE(GroupText(group).starts_with("0000000000000005 at"));
}

TEST(GroupJson, NamesEverythingAndLeavesOutWhatIsNotKnown) {
  GroupStatus group = GroupOf(2);
  group.members.resize(1);
  EXPECT_EQ(GroupJson(group),
            "{\n"
            "  \"group_id\": \"0000000000000abc\",\n"
            "  \"answered_by\": \"0000000000000001\",\n"
            "  \"leader_id\": \"0000000000000001\",\n"
            "  \"can_commit\": true,\n"
            "  \"failure\": \"\",\n"
            "  \"trouble\": \"\",\n"
            "  \"term\": 7,\n"
            "  \"committed_index\": 1199,\n"
            "  \"applied_index\": 1198,\n"
            "  \"first_index\": 200,\n"
            "  \"last_index\": 1200,\n"
            "  \"log_bytes\": 3145728,\n"
            "  \"members\": [\n"
            "    {\n"
            "      \"node_id\": \"0000000000000001\",\n"
            "      \"name\": \"m-1\",\n"
            "      \"role\": \"leader\",\n"
            "      \"rpc_address\": \"host-1:4041\",\n"
            "      \"raft_address\": \"tcp://host-1:4044\",\n"
            "      \"matched_index\": 0,\n"
            "      \"lag\": 0,\n"
            "      \"active\": true\n"
            "    }\n"
            "  ]\n"
            "}\n");
  group.self.member = MemberOf(9);
  group.members[0].member.name = "\xff";
  const std::string text = GroupJson(group);
  EXPECT_NE(text.find("\"lag\": null"), std::string::npos);
  EXPECT_NE(text.find("\"active\": null"), std::string::npos);
}

TEST(FindMember, ByIdNameOrAddress) {
  GroupStatus group = GroupOf(3);
  EXPECT_EQ(FindMember(group, "0000000000000002")->member.node_id, 2u);
  EXPECT_EQ(FindMember(group, "m-3")->member.node_id, 3u);
  EXPECT_EQ(FindMember(group, "host-1:4041")->member.node_id, 1u);
  Status status = FindMember(group, "m-4").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find("m-1 (0000000000000001) at host-1:4041"), std::string::npos);
  // A lost disk came back under its old name.
  group.members[2].member.name = "m-1";
  status = FindMember(group, "m-1").status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("0000000000000001, 0000000000000003"), std::string::npos);
  EXPECT_EQ(FindMember(group, "0000000000000003")->member.node_id, 3u);
}

TEST(ConcernAboutRemoval, IsAboutFailuresThatTheGroupBears) {
  EXPECT_EQ(ConcernAboutRemoval(GroupOf(1), 1), "leaves no voter");
  EXPECT_EQ(ConcernAboutRemoval(GroupOf(2), 2), "leaves 1 voter, which must not fail");
  EXPECT_EQ(ConcernAboutRemoval(GroupOf(3), 3), "leaves 2 voters, of which none may fail");
  EXPECT_EQ(ConcernAboutRemoval(GroupOf(4), 4), "") << "three bear what four bear";
  EXPECT_EQ(ConcernAboutRemoval(GroupOf(5), 1), "leaves 4 voters, of which 1 may fail");
  EXPECT_EQ(ConcernAboutRemoval(GroupOf(6), 2), "");
  GroupStatus group = GroupOf(4);
  group.members[3].is_voter = false;
  EXPECT_EQ(ConcernAboutRemoval(group, 4), "") << "a learner decides nothing";
  EXPECT_EQ(ConcernAboutRemoval(group, 99), "");
}

TEST(ConcernAboutRemoval, AGroupThatWouldStandStill) {
  GroupStatus group = GroupOf(4);
  group.members[2].is_active = group.members[3].is_active = false;
  EXPECT_EQ(ConcernAboutRemoval(group, 2),
            "leaves 3 voters, of which only 1 can be reached: nothing could be committed");
  EXPECT_EQ(ConcernAboutRemoval(group, 3), "") << "the dead one may go";
  // Who does not lead does not know who is there.
  group.self.member = MemberOf(2);
  EXPECT_EQ(ConcernAboutRemoval(group, 2), "");
}

TEST(Trouble, SaysHowMuchIsLeft) {
  GroupStatus group = GroupOf(5);
  EXPECT_EQ(TroubleOf(group), "");
  group.members[1].is_active = false;
  EXPECT_EQ(TroubleOf(group), "1 member of 5 is not active, 1 further voter may fail");
  group.members[2].is_active = false;
  EXPECT_EQ(TroubleOf(group), "2 members of 5 are not active, no further voter may fail");
  group = GroupOf(4);
  group.members[3].is_voter = false;
  group.members[3].is_active = false;
  EXPECT_EQ(TroubleOf(group), "1 member of 4 is not active");
  group.can_commit = false;
  group.failure = "disk full";
  EXPECT_EQ(TroubleOf(group), "nothing can be committed: disk full");
  group = GroupOf(3);
  group.self.member = MemberOf(2);
  EXPECT_EQ(TroubleOf(group), "the leader does not answer");
  group.leader_id = 0;
  EXPECT_EQ(TroubleOf(group), "no leader is known");
  group.self.group_id = 0;
  EXPECT_EQ(TroubleOf(group), "it belongs to no group yet");
}

}  // namespace
}  // namespace brazier::ctl
