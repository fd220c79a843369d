#include "server/query_frontend/query_validation.h"

#include <gtest/gtest.h>

#include "common/model/selector.h"
#include "tests/support/fake_clock.h"
#include "tests/support/make_labels.h"

namespace brazier::query_frontend {
namespace {

using testing::MakeLabels;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int64_t kNow = testing::kTestNowNs;
constexpr char kCpu[] = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

contract::QueryRequest Request(ReportKind kind = ReportKind::kFlameGraph) {
  contract::QueryRequest request;
  request.tenants = {"t"};
  request.start_ns = kNow - 3600 * kSecond;
  request.end_ns = kNow;
  request.selectors = {R"({service_name="api"})"};
  request.profile_type = kCpu;
  request.reports.push_back({.kind = kind});
  if (kind == ReportKind::kTimeSeries) request.reports[0].step_ns = 15 * kSecond;
  return request;
}
Status Refusal(const contract::QueryRequest& request, const QueryFrontendOptions& options = {}) {
  return ValidateQuery(request, options, kNow).status();
}
ValidQuery Valid(const contract::QueryRequest& request, const QueryFrontendOptions& options = {}) {
  auto result = ValidateQuery(request, options, kNow);
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return result.ok() ? std::move(result).value() : ValidQuery();
}

TEST(QueryValidation, BecomesASpecAndALookUp) {
  auto request = Request();
  request.selectors.push_back(R"({region=~"eu.*"})");
  request.call_site = {"main"};
  QueryFrontendOptions options;
  options.memory_bytes_max = 123;
  const ValidQuery q = Valid(request, options);
  EXPECT_FALSE(q.is_empty);
  EXPECT_EQ(q.spec.tenants, request.tenants);
  EXPECT_EQ(q.spec.start_ns, request.start_ns);
  EXPECT_EQ(q.spec.end_ns, request.end_ns);
  EXPECT_EQ(q.spec.call_site, request.call_site);
  EXPECT_EQ(q.spec.memory_bytes_max, 123);
  const auto selector = Selector::Parse(q.spec.selector);
  ASSERT_TRUE(selector.ok()) << q.spec.selector;
  const Labels matching = MakeLabels({{"__profile_type__", kCpu}, {"service_name", "api"}, {"region", "eu-1"}});
  EXPECT_TRUE(selector->Matches(matching));
  for (const char* name : {"__profile_type__", "service_name", "region"}) {
    Labels other = matching;
    other.Set(name, "x");
    EXPECT_FALSE(selector->Matches(other)) << name;
  }
  EXPECT_EQ(q.find.tenants, request.tenants);
  EXPECT_EQ(q.find.service, "api");
  EXPECT_EQ(q.find.selector, q.spec.selector);
  EXPECT_EQ(q.find.profile_type, kCpu);
  EXPECT_EQ(q.find.start_ns, request.start_ns);
  EXPECT_EQ(q.find.end_ns, request.end_ns);
}

TEST(QueryValidation, LabelQueriesNeedNoProfileType) {
  auto request = Request(ReportKind::kLabelNames);
  request.profile_type.clear();
  request.selectors = {"{}"};
  const ValidQuery q = Valid(request);
  EXPECT_TRUE(q.find.profile_type.empty());
  EXPECT_TRUE(q.find.selector.empty()) << q.find.selector;
  EXPECT_TRUE(q.find.service.empty());
  for (const ReportKind kind : {ReportKind::kFlameGraph, ReportKind::kTimeSeries, ReportKind::kPprof}) {
    request = Request(kind);
    request.profile_type = "cpu";
    EXPECT_EQ(Refusal(request).code(), Code::kInvalidArgument);
  }
}

TEST(QueryValidation, TextsThatClientsKnow) {
  const auto text = [](auto change, ReportKind kind = ReportKind::kFlameGraph) {
    auto request = Request(kind);
    change(request);
    const Status status = Refusal(request);
    return std::string(CodeName(status.code())) + ": " + status.message();
  };
  EXPECT_EQ(text([](auto& r) { r.tenants.clear(); }), "unauthenticated: no org id");
  EXPECT_EQ(text([](auto& r) { r.start_ns = 0; }), "invalid_argument: missing time range in the query");
  EXPECT_EQ(text([](auto& r) { r.end_ns = 0; }), "invalid_argument: missing time range in the query");
  EXPECT_EQ(text([](auto& r) { r.end_ns = r.start_ns - 1; }),
            "invalid_argument: query start time is after end time");
  EXPECT_EQ(text([](auto& r) { r.start_ns = r.end_ns - 31 * kDay; }),
            "invalid_argument: the query time range exceeds the limit (max_query_length, actual: 31d, "
            "limit: 30d)");
  EXPECT_EQ(text([](auto& r) { r.reports[0].step_ns = 999'999; }, ReportKind::kTimeSeries),
            "invalid_argument: step must be >= 1ms");
  EXPECT_EQ(text([](auto&) {}, ReportKind::kLabelValues), "invalid_argument: name is required");
  EXPECT_EQ(text([](auto& r) { r.reports.clear(); }), "invalid_argument: no report is asked for");
  EXPECT_TRUE(text([](auto& r) { r.selectors = {"{a="}; }).starts_with("invalid_argument: "));
}

TEST(QueryValidation, TimesOutsideTheEpochAreRefused) {
  // Their difference does not fit 64 bits: without the check it would pass the length limit.
  auto request = Request();
  request.start_ns = INT64_MIN;
  request.end_ns = INT64_MAX;
  EXPECT_EQ(Refusal(request).reason(), "invalid_time_range");
  request.start_ns = 1;
  EXPECT_EQ(Refusal(request).reason(), "query_limit");
}

TEST(QueryValidation, TooManyPointsAreRefused) {
  auto request = Request(ReportKind::kTimeSeries);
  request.reports[0].step_ns = 3600 * kSecond / 1'000'000;
  EXPECT_TRUE(Refusal(request).ok());
  request.reports[0].step_ns = 3600 * kSecond / 1'001'000;
  EXPECT_EQ(Refusal(request).reason(), "query_limit");
}

TEST(QueryValidation, TimeSeriesLookOneStepBack) {
  const auto request = Request(ReportKind::kTimeSeries);
  const ValidQuery q = Valid(request);
  EXPECT_EQ(q.spec.start_ns, request.start_ns);
  EXPECT_EQ(q.find.start_ns, request.start_ns - 15 * kSecond + 1);
}

TEST(QueryValidation, LookBackMovesTheStartByWholeSteps) {
  QueryFrontendOptions options;
  options.query_length_max_ns = 0;
  options.query_lookback_ns = 1000 * kSecond;
  auto request = Request(ReportKind::kTimeSeries);
  request.reports[0].step_ns = 7 * kSecond;
  request.start_ns = kNow - 5000 * kSecond;
  const ValidQuery q = Valid(request, options);
  const int64_t oldest = kNow - options.query_lookback_ns;
  EXPECT_LE(q.spec.start_ns, oldest);
  EXPECT_GT(q.spec.start_ns, oldest - 7 * kSecond);
  EXPECT_EQ((q.spec.start_ns - request.start_ns) % (7 * kSecond), 0) << "buckets stay where they were";

  auto flame_graph = Request();
  flame_graph.start_ns = request.start_ns;
  EXPECT_EQ(Valid(flame_graph, options).spec.start_ns, oldest);
}

TEST(QueryValidation, ARangeBeforeTheLookBackIsEmptyNotAnError) {
  QueryFrontendOptions options;
  options.query_lookback_ns = kDay;
  auto request = Request();
  request.start_ns = kNow - 3 * kDay;
  request.end_ns = kNow - 2 * kDay;
  EXPECT_TRUE(Valid(request, options).is_empty);
  request.end_ns = kNow - kDay;
  EXPECT_FALSE(Valid(request, options).is_empty);
}

TEST(QueryValidation, ZeroLiftsTheLimits) {
  QueryFrontendOptions options;
  options.query_length_max_ns = 0;
  options.query_lookback_ns = 0;
  auto request = Request();
  request.start_ns = 1;
  request.end_ns = INT64_MAX;
  EXPECT_EQ(Valid(request, options).spec.start_ns, 1);
}

}  // namespace
}  // namespace brazier::query_frontend
