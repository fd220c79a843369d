#include "server/metastore/group/founding_plan.h"

#include <gtest/gtest.h>

#include "store/consensus/group_founding.h"

namespace brazier::metastore {
namespace {

using Step = FoundingPlan::Step;

contract::GroupIdentity IdentityOf(uint64_t id, uint64_t group = 0) {
  return {.member = {.node_id = id, .rpc_address = "m" + std::to_string(id) + ":1"}, .group_id = group};
}
AskedMember Answer(uint64_t id, uint64_t group = 0) {
  return {"m" + std::to_string(id) + ":1", IdentityOf(id, group)};
}
AskedMember Silent(uint64_t id) { return {"m" + std::to_string(id) + ":1", Unavailable("refused")}; }
uint64_t GroupOf(std::vector<uint64_t> ids) {
  std::vector<GroupMember> members;
  for (uint64_t id : ids) members.push_back({.node_id = id});
  return consensus::GroupIdOf(members);
}

TEST(FoundingPlanTest, FoundsWithAllWhenAllAnswerAndNoneHasAGroup) {
  const FoundingPlan plan = PlanFounding(IdentityOf(3), {Answer(1), Answer(2)});
  ASSERT_EQ(plan.step, Step::kFound) << plan.why;
  EXPECT_EQ(plan.group_id, GroupOf({1, 2, 3}));
  ASSERT_EQ(plan.founders.size(), 3u);
  EXPECT_EQ(plan.founders[0].node_id, 1u);
  // Whoever makes the plan makes the same.
  EXPECT_EQ(PlanFounding(IdentityOf(1), {Answer(3), Answer(2)}).founders, plan.founders);
}

TEST(FoundingPlanTest, TheOnlyAddressIsOnesOwn) {
  const FoundingPlan plan = PlanFounding(IdentityOf(3), {});
  ASSERT_EQ(plan.step, Step::kFound);
  EXPECT_EQ(plan.group_id, GroupOf({3}));
}

TEST(FoundingPlanTest, GoesOnWithAFoundingThatStoppedHalfway) {
  const FoundingPlan plan = PlanFounding(IdentityOf(3), {Answer(1, GroupOf({1, 2, 3})), Answer(2)});
  ASSERT_EQ(plan.step, Step::kFound);
  EXPECT_EQ(plan.group_id, GroupOf({1, 2, 3}));
}

TEST(FoundingPlanTest, WaitsForWhoeverDoesNotAnswer) {
  const FoundingPlan plan = PlanFounding(IdentityOf(3), {Answer(1), Silent(2)});
  ASSERT_EQ(plan.step, Step::kWait);
  EXPECT_NE(plan.why.find("m2:1"), std::string::npos);
  EXPECT_NE(plan.why.find("refused"), std::string::npos);
}

TEST(FoundingPlanTest, NeverFoundsASecondGroupBesideOneThatLives) {
  // The disk of 3 was lost; it was 9 before.
  const FoundingPlan lost = PlanFounding(IdentityOf(3), {Answer(1, GroupOf({1, 2, 9})), Answer(2, GroupOf({1, 2, 9}))});
  ASSERT_EQ(lost.step, Step::kJoin);
  EXPECT_EQ(lost.via, "m2:1" == lost.via ? "m2:1" : "m1:1");
  // Even while another member is away.
  EXPECT_EQ(PlanFounding(IdentityOf(3), {Silent(1), Answer(2, GroupOf({1, 2, 9}))}).step, Step::kJoin);
  // One of them founded a group alone.
  EXPECT_EQ(PlanFounding(IdentityOf(3), {Answer(1, GroupOf({1})), Answer(2)}).step, Step::kJoin);
}

TEST(FoundingPlanTest, TwoAddressesOfOneMemberAreNotTwoMembers) {
  EXPECT_EQ(PlanFounding(IdentityOf(3), {Answer(1), {"other:1", IdentityOf(1)}}).step, Step::kWait);
}

}  // namespace
}  // namespace brazier::metastore
