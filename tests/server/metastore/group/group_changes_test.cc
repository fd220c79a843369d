// What may change in a group, by the leader's view of its members.
#include "server/metastore/group/group_changes.h"

#include <gtest/gtest.h>

namespace brazier::metastore {
namespace {

using consensus::MemberChange;
using consensus::MemberView;

MemberView View(uint64_t id, bool is_voter, bool is_active = true, uint64_t matched = 100) {
  const std::string n = std::to_string(id);
  return {.member = {id, "m" + n, "host-" + n + ":1", "tcp://host-" + n + ":2"},
          .progress = {.node_id = id, .is_voter = is_voter, .is_active = is_active, .matched = matched}};
}

TEST(GroupChangesTest, ANewcomerEntersAsALearnerOnce) {
  const std::vector<MemberView> members = {View(1, true), View(2, false)};
  const auto entering = PlanAdding(members, View(3, false).member);
  ASSERT_TRUE(entering.ok() && entering->has_value());
  EXPECT_EQ((*entering)->kind, MemberChange::Kind::kAddLearner);
  EXPECT_FALSE(PlanAdding(members, View(2, false).member)->has_value());
}

TEST(GroupChangesTest, NewAddressesLeaveAMemberWhatItIs) {
  const std::vector<MemberView> members = {View(1, true), View(2, false)};
  for (MemberView moved : members) {
    moved.member.rpc_address = "elsewhere:1";
    const auto change = PlanAdding(members, moved.member);
    ASSERT_TRUE(change.ok() && change->has_value());
    EXPECT_EQ((*change)->kind, moved.progress.is_voter ? MemberChange::Kind::kAddVoter
                                                       : MemberChange::Kind::kAddLearner);
  }
}

TEST(GroupChangesTest, TheNumberOfMembersIsLimited) {
  std::vector<MemberView> members;
  for (uint64_t id = 1; id <= consensus::kGroupMembersMax; ++id) members.push_back(View(id, true));
  EXPECT_EQ(PlanAdding(members, View(1000, false).member).status().code(), Code::kResourceExhausted);
}

TEST(GroupChangesTest, ALearnerIsPromotedWhenItHasCaughtUpAndThenItsOldSelfGoes) {
  MemberView old = View(1, true, false);
  MemberView fresh = View(4, false, true, 900);
  fresh.member.rpc_address = old.member.rpc_address;
  const std::vector<MemberView> members = {old, View(2, true), View(3, true), fresh};
  EXPECT_EQ(PlanPromotion(members, 4, 900 + kPromotionLagEntriesMax + 1).status().reason(), "not_caught_up");
  const auto changes = PlanPromotion(members, 4, 900 + kPromotionLagEntriesMax);
  ASSERT_TRUE(changes.ok());
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].kind, MemberChange::Kind::kAddVoter);
  EXPECT_EQ((*changes)[0].member.node_id, 4u);
  EXPECT_EQ((*changes)[1].kind, MemberChange::Kind::kRemove);
  EXPECT_EQ((*changes)[1].member.node_id, 1u);
  EXPECT_EQ(PlanPromotion(members, 9, 0).status().code(), Code::kNotFound);
}

TEST(GroupChangesTest, ALearnerWithoutTheStateIsNotPromotedHoweverShortTheLog) {
  const std::vector<MemberView> members = {View(1, true), View(2, false, true, 0)};
  EXPECT_EQ(PlanPromotion(members, 2, 5).status().reason(), "not_caught_up");
}

TEST(GroupChangesTest, ARemovalLeavesAMajorityThatAnswers) {
  const std::vector<MemberView> members = {View(1, true), View(2, true), View(3, true, false), View(4, false)};
  EXPECT_TRUE(CheckRemoval(members, 3, 1).ok());
  EXPECT_TRUE(CheckRemoval(members, 4, 1).ok());
  EXPECT_TRUE(CheckRemoval(members, 9, 1).ok());
  EXPECT_EQ(CheckRemoval(members, 2, 1).code(), Code::kFailedPrecondition);
  EXPECT_EQ(CheckRemoval({View(1, true), View(4, false)}, 1, 1).code(), Code::kFailedPrecondition);
}

TEST(GroupChangesTest, LeadershipGoesToTheVoterThatHasMost) {
  const std::vector<MemberView> members = {View(1, true), View(2, true, true, 80), View(3, true, true, 90),
                                           View(4, true, false, 100), View(5, false)};
  EXPECT_EQ(PlanTransfer(members, 0, 1)->node_id, 3u);
  EXPECT_EQ(PlanTransfer(members, 2, 1)->node_id, 2u);
  EXPECT_EQ(PlanTransfer(members, 5, 1).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(PlanTransfer(members, 6, 1).status().code(), Code::kNotFound);
  EXPECT_EQ(PlanTransfer({View(1, true)}, 0, 1).status().code(), Code::kFailedPrecondition);
}

TEST(GroupChangesTest, AMemberSeesWhatItsEntryLacks) {
  const GroupMember self = View(4, false).member;
  EXPECT_TRUE(PlanEntry({}, self).is_untold);
  EXPECT_FALSE(PlanEntry({View(1, true)}, self).is_entered);
  EXPECT_TRUE(PlanEntry({View(1, true), View(4, false)}, self).is_true);
  MemberView old = View(1, true);
  old.member.rpc_address = self.rpc_address;
  EXPECT_TRUE(PlanEntry({old, View(4, false)}, self).has_old_self);
  EXPECT_FALSE(PlanEntry({View(1, true), View(4, false)}, self).has_old_self);
}

}  // namespace
}  // namespace brazier::metastore
