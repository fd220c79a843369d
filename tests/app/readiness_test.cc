#include <gtest/gtest.h>

#include "app/readiness.h"

namespace brazier::app {
namespace {

TEST(Readiness, IsTheAndOfItsPartsAndNamesTheFirstThatIsNot) {
  Readiness readiness;
  EXPECT_TRUE(readiness.Check().ok());
  Status metastore = Unavailable("no leader");
  readiness.Add("segment-writer", [] { return Status::Ok(); });
  readiness.Add("metastore", [&] { return metastore; });
  readiness.Add("distributor", [] { return ResourceExhausted("full"); });
  EXPECT_EQ(readiness.Check(), Unavailable("metastore: no leader"));
  metastore = Status::Ok();
  EXPECT_EQ(readiness.Check(), Unavailable("distributor: full"));
  const auto parts = readiness.Parts();
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_TRUE(parts[1].status.ok());
  EXPECT_EQ(parts[2].status.code(), Code::kResourceExhausted);
}

TEST(Readiness, DrainingIsNotReadyWhateverTheRolesSay) {
  Readiness readiness;
  readiness.Add("metastore", [] { return Status::Ok(); });
  readiness.SetDraining();
  EXPECT_EQ(readiness.Check(), Unavailable("draining"));
}

}  // namespace
}  // namespace brazier::app
