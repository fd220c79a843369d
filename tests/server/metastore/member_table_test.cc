#include "server/metastore/member_table.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace brazier::metastore {
namespace {

constexpr int64_t kTtlNs = MemberList::kTtlMs * kNsPerMs;

Member Named(const std::string& id) { return {.id = id, .roles = {"segment-writer"}}; }

TEST(MemberTableTest, ListsLivingMembersSortedById) {
  MemberTable table(7);
  EXPECT_EQ(table.list().version, 7u);
  ASSERT_TRUE(table.Heartbeat(Named("b"), 0).ok());
  ASSERT_TRUE(table.Heartbeat(Named("a"), 1).ok());
  ASSERT_EQ(table.list().members.size(), 2u);
  EXPECT_EQ(table.list().members[0], Named("a"));
  EXPECT_EQ(table.list().members[1], Named("b"));
  EXPECT_EQ(table.list().version, 9u);
}

TEST(MemberTableTest, TheVersionGrowsOnlyWithChanges) {
  MemberTable table(0);
  ASSERT_TRUE(table.Heartbeat(Named("a"), 0).ok());
  const uint64_t version = table.list().version;
  ASSERT_TRUE(table.Heartbeat(Named("a"), kNsPerSecond).ok());
  table.Expire(kNsPerSecond);
  EXPECT_EQ(table.list().version, version);
  Member draining = Named("a");
  draining.draining = true;
  ASSERT_TRUE(table.Heartbeat(draining, 2 * kNsPerSecond).ok());
  EXPECT_EQ(table.list().version, version + 1);
  EXPECT_TRUE(table.list().members[0].draining);
}

TEST(MemberTableTest, SilentMembersAreForgotten) {
  MemberTable table(0);
  ASSERT_TRUE(table.Heartbeat(Named("a"), 0).ok());
  ASSERT_TRUE(table.Heartbeat(Named("b"), kTtlNs / 2).ok());
  table.Expire(kTtlNs);
  EXPECT_EQ(table.list().members.size(), 2u);
  const uint64_t version = table.list().version;
  table.Expire(kTtlNs + 1);
  ASSERT_EQ(table.list().members.size(), 1u);
  EXPECT_EQ(table.list().members[0].id, "b");
  EXPECT_EQ(table.list().version, version + 1);
  ASSERT_TRUE(table.Heartbeat(Named("a"), 3 * kTtlNs).ok());
  ASSERT_EQ(table.list().members.size(), 1u) << "a heartbeat expires the others, too";
  EXPECT_EQ(table.list().members[0].id, "a");
}

TEST(MemberTableTest, LimitsAreNamed) {
  MemberTable table(0);
  Member bad = Named("");
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  bad = Named(std::string(257, 'x'));
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  bad = Named("a");
  bad.rpc_address = std::string(257, 'x');
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  bad = Named("a");
  bad.pipeline_address = std::string(257, 'x');
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  bad = Named("a");
  bad.jobs_address = std::string(257, 'x');
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  bad = Named("a");
  bad.roles.assign(33, "r");
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  bad.roles.assign(1, std::string(257, 'r'));
  EXPECT_EQ(table.Heartbeat(bad, 0).code(), Code::kInvalidArgument);
  EXPECT_TRUE(table.list().members.empty());
}

TEST(MemberTableTest, AFullTableRefusesNewMembersOnly) {
  MemberTable table(0);
  for (size_t i = 0; i < 100; ++i) ASSERT_TRUE(table.Heartbeat(Named("m" + std::to_string(i)), 0).ok());
  EXPECT_EQ(table.list().members.size(), 100u);
  static_assert(MemberTable::kMembersMax == 10'000);
}

}  // namespace
}  // namespace brazier::metastore
