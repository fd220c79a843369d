#include <gtest/gtest.h>

#include "app/target.h"

namespace brazier::app {
namespace {

TEST(Target, AllIsEveryRole) {
  const auto roles = ParseTarget({"all"});
  ASSERT_TRUE(roles.ok());
  EXPECT_TRUE(roles->IsAll());
  EXPECT_EQ(roles->Names(),
            (std::vector<std::string>{"distributor", "segment-writer", "metastore",
                                      "query-frontend", "query-backend", "compaction-worker"}));
}

TEST(Target, SomeRolesKnowWhatTheyNeed) {
  const auto writer = ParseTarget({"segment-writer"});
  ASSERT_TRUE(writer.ok());
  EXPECT_TRUE(writer->ServesPipeline());
  EXPECT_FALSE(writer->NeedsPeers());
  EXPECT_FALSE(writer->IsAll());
  const auto front = ParseTarget({"query-frontend", "distributor"});
  ASSERT_TRUE(front.ok());
  EXPECT_FALSE(front->ServesPipeline());
  EXPECT_TRUE(front->NeedsPeers());
  EXPECT_EQ(front->Names(), (std::vector<std::string>{"distributor", "query-frontend"}));
}

TEST(Target, AllSixNamesAreAll) {
  EXPECT_EQ(*ParseTarget({"query-backend", "distributor", "metastore", "segment-writer",
                          "query-frontend", "compaction-worker"}),
            *ParseTarget({"all"}));
}

TEST(Target, ACompactionWorkerServesNobody) {
  const auto worker = ParseTarget({"compaction-worker"});
  ASSERT_TRUE(worker.ok());
  EXPECT_FALSE(worker->ServesPipeline());
  EXPECT_FALSE(worker->NeedsPeers());
  EXPECT_FALSE(worker->IsAll());
}

TEST(Target, RefusesNothingAndUnknownNames) {
  EXPECT_FALSE(ParseTarget({}).ok());
  const auto unknown = ParseTarget({"distributor", "cook"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.status().message().find("\"cook\""), std::string::npos);
}

}  // namespace
}  // namespace brazier::app
