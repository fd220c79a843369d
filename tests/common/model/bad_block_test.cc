#include "common/model/bad_block.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

TEST(BadBlock, TheStatusCarriesTheBlock) {
  const Ulid id{{0x0123456789abcdef, 42}};
  for (const Status& status : {NotFound("gone"), Corruption("checksum")}) {
    const Status blamed = BlameBlock(status, id);
    EXPECT_EQ(blamed.code(), status.code());
    EXPECT_EQ(blamed.message(), status.message());
    EXPECT_EQ(blamed.reason(), "bad_block:" + id.ToString());
    EXPECT_EQ(BlamedBlock(blamed), id);
    EXPECT_EQ(BlamedBlock(blamed.Annotate("query-backend 3")), id);
  }
}

TEST(BadBlock, OtherFailuresBlameNone) {
  const Ulid id{{1, 1}};
  EXPECT_EQ(BlameBlock(Unavailable("down"), id), Unavailable("down"));
  EXPECT_TRUE(BlameBlock(Status::Ok(), id).ok());
  EXPECT_EQ(BlamedBlock(Corruption("an answer")), std::nullopt);
  EXPECT_EQ(BlamedBlock(Corruption("x").WithReason("bad_block:")), std::nullopt);
  EXPECT_EQ(BlamedBlock(Corruption("x").WithReason("bad_block:not an id")), std::nullopt);
  EXPECT_EQ(BlamedBlock(Unavailable("x").WithReason("bad_block:" + id.ToString())), std::nullopt);
}

}  // namespace
}  // namespace brazier
