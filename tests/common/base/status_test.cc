#include "common/base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "common/base/result.h"

namespace brazier {
namespace {

constexpr Code kAllCodes[] = {
    Code::kOk,           Code::kInvalidArgument,    Code::kUnauthenticated,
    Code::kNotFound,     Code::kAlreadyExists,      Code::kFailedPrecondition,
    Code::kResourceExhausted, Code::kUnimplemented, Code::kUnavailable,
    Code::kDeadlineExceeded,  Code::kCancelled,     Code::kCorruption,
    Code::kInternal};

TEST(Status, OkHasNothingToSay) {
  const Status ok;
  EXPECT_TRUE(ok.ok());
  EXPECT_EQ(ok.ToString(), "OK");
  EXPECT_EQ(ok.message(), "");
  EXPECT_EQ(ok.reason(), "");
  EXPECT_EQ(ok, Status::Ok());
  EXPECT_EQ(ok.Annotate("context"), Status::Ok());
}

TEST(Status, CarriesCodeMessageAndReason) {
  const Status s = InvalidArgument("label value is too long").WithReason("label_value_too_long");
  EXPECT_FALSE(s.ok());
  EXPECT_EQ(s.code(), Code::kInvalidArgument);
  EXPECT_EQ(s.message(), "label value is too long");
  EXPECT_EQ(s.reason(), "label_value_too_long");
  EXPECT_EQ(s.ToString(), "invalid_argument: label value is too long");
}

TEST(Status, AnnotateKeepsCodeAndReason) {
  const Status s = Corruption("checksum").WithReason("r").Annotate("section rows").Annotate("object");
  EXPECT_EQ(s.message(), "object: section rows: checksum");
  EXPECT_EQ(s.code(), Code::kCorruption);
  EXPECT_EQ(s.reason(), "r");
}

TEST(Status, SaysWhoCanWhereItIsKnown) {
  const Status s = Unavailable("no").WithReason("not_leader").WithRedirect("host:4041");
  EXPECT_EQ(s.redirect(), "host:4041");
  const Status copy = s;
  EXPECT_EQ(copy.redirect(), "host:4041");
  EXPECT_EQ(s.Annotate("call").redirect(), "host:4041");
  EXPECT_EQ(s.Annotate("call").reason(), "not_leader");
  EXPECT_NE(s, Unavailable("no").WithReason("not_leader"));
  EXPECT_EQ(Unavailable("no").redirect(), "");
  EXPECT_EQ(Status::Ok().WithRedirect("host:4041").redirect(), "");
}

TEST(Status, EqualOnlyWhenAllParts) {
  EXPECT_EQ(Internal("a"), Internal("a"));
  EXPECT_NE(Internal("a"), Internal("b"));
  EXPECT_NE(Internal("a"), Corruption("a"));
  EXPECT_NE(Internal("a"), Internal("a").WithReason("r"));
}

TEST(Status, CopiesAreIndependent) {
  Status a = NotFound("x").WithReason("r");
  const Status b = a;
  Status moved = std::move(a);
  EXPECT_EQ(b, moved);
  a = Unavailable("y");
  EXPECT_EQ(b.message(), "x");
  EXPECT_EQ(a.ToString(), "unavailable: y");
  a = Status::Ok();
  EXPECT_TRUE(a.ok());
  EXPECT_EQ(a.reason(), "");
}

TEST(Status, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (Code code : kAllCodes) names.insert(CodeName(code));
  EXPECT_EQ(names.size(), std::size(kAllCodes));
  EXPECT_FALSE(names.contains("unknown"));
  // What Connect clients know.
  EXPECT_EQ(CodeName(Code::kCancelled), "canceled");
  EXPECT_EQ(CodeName(Code::kCorruption), "data_loss");
}

TEST(Status, RetryHelpsOnlyAgainstWhatPasses) {
  std::set<Code> retryable;
  for (Code code : kAllCodes) {
    if (IsRetryable(code)) retryable.insert(code);
  }
  EXPECT_EQ(retryable,
            (std::set<Code>{Code::kUnavailable, Code::kResourceExhausted, Code::kDeadlineExceeded}));
}

Result<int> Half(int v) {
  if (v % 2 != 0) return InvalidArgument("odd");
  return v / 2;
}
Result<int> Quarter(int v) {
  ASSIGN_OR_RETURN(const int half, Half(v));
  ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}
Status CheckQuarter(int v) {
  RETURN_IF_ERROR(Quarter(v).status());
  return Status::Ok();
}

TEST(Result, ValueOrStatus) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_TRUE(Quarter(8).status().ok());
  EXPECT_EQ(Quarter(6).status(), InvalidArgument("odd"));
  EXPECT_TRUE(CheckQuarter(4).ok());
  EXPECT_EQ(CheckQuarter(5).code(), Code::kInvalidArgument);
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> r(std::make_unique<int>(5));
  ASSERT_TRUE(r.ok());
  const std::unique_ptr<int> taken = std::move(r).value();
  EXPECT_EQ(*taken, 5);
}

TEST(ResultDeathTest, WrongUseStops) {
  EXPECT_DEATH({ [[maybe_unused]] const int v = Half(3).value(); }, "ok\\(\\)");
  EXPECT_DEATH({ Result<int> r{Status::Ok()}; }, "CHECK|ok");
}

}  // namespace
}  // namespace brazier
