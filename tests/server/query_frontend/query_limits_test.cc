// OptionsFor: whose limits hold for a query; and that they reach the query's validation.
#include "server/query_frontend/query_limits.h"

#include <gtest/gtest.h>

#include "server/query_frontend/plan_memory.h"
#include "server/query_frontend/query_validation.h"
#include "tests/support/fake_clock.h"

namespace brazier::query_frontend {
namespace {

constexpr int64_t kHour = 3600 * kNsPerSecond;

config::Overrides Parsed(const std::string& yaml) {
  auto overrides = config::Overrides::Parse(yaml);
  EXPECT_TRUE(overrides.ok()) << overrides.status().ToString();
  return overrides.ok() ? std::move(overrides).value() : config::Overrides();
}

const char kTenants[] =
    "tenants:\n"
    "  small:\n"
    "    limits: { max-query-length: 1h, max-query-lookback: 2h, max-query-bytes: 3MiB }\n"
    "    limits.max-query-concurrency: 4\n"
    "    limits.query-weight: 5\n"
    "  free: { limits: { max-query-length: 0, max-query-lookback: 0, max-query-bytes: 0, max-query-concurrency: 0 } }\n"
    "  old: { retention.age: 7d }\n";

QueryFrontendOptions Defaults() {
  QueryFrontendOptions options;
  options.query_length_max_ns = 10 * kHour;
  options.query_lookback_ns = 20 * kHour;
  options.query_bytes_max = 30 << 20;
  options.tenant_concurrency = 40;
  options.tenant_weight = 50;
  options.concurrency = 60;
  return options;
}

TEST(QueryLimits, ATenantsOwnComeBeforeTheConfigurations) {
  const auto overrides = Parsed(kTenants);
  const QueryFrontendOptions small = OptionsFor({"small"}, Defaults(), &overrides);
  EXPECT_EQ(small.query_length_max_ns, 1 * kHour);
  EXPECT_EQ(small.query_lookback_ns, 2 * kHour);
  EXPECT_EQ(small.query_bytes_max, 3u << 20);
  EXPECT_EQ(small.tenant_concurrency, 4u);
  EXPECT_EQ(small.tenant_weight, 5u);
  EXPECT_EQ(small.concurrency, 60u);
  const QueryFrontendOptions free = OptionsFor({"free"}, Defaults(), &overrides);
  EXPECT_EQ(free.query_length_max_ns, 0);
  EXPECT_EQ(free.query_lookback_ns, 0);
  EXPECT_EQ(free.query_bytes_max, 0u);
  EXPECT_EQ(free.tenant_concurrency, 0u);
  EXPECT_EQ(free.tenant_weight, 50u) << "not said";
  for (const std::string tenant : {"old", "nobody"}) {
    EXPECT_EQ(OptionsFor({tenant}, Defaults(), &overrides).query_bytes_max, 30u << 20);
    EXPECT_EQ(OptionsFor({tenant}, Defaults(), &overrides).tenant_concurrency, 40u);
  }
  EXPECT_EQ(OptionsFor({"small"}, Defaults(), nullptr).query_length_max_ns, 10 * kHour);
  EXPECT_EQ(OptionsFor({}, Defaults(), &overrides).query_length_max_ns, 10 * kHour);
}

TEST(QueryLimits, OfSeveralTenantsTheSmallestThatIsALimit) {
  const auto overrides = Parsed(kTenants);
  const std::vector<std::vector<std::string>> cases = {{"free", "old", "small"}, {"small", "free"}, {"free", "small"}};
  for (const std::vector<std::string>& tenants : cases) {
    const QueryFrontendOptions options = OptionsFor(tenants, Defaults(), &overrides);
    EXPECT_EQ(options.query_length_max_ns, 1 * kHour);
    EXPECT_EQ(options.query_lookback_ns, 2 * kHour);
    EXPECT_EQ(options.query_bytes_max, 3u << 20);
    EXPECT_EQ(options.tenant_concurrency, tenants[0] == "small" ? 4u : 0u) << "the first is charged";
    EXPECT_EQ(options.tenant_weight, tenants[0] == "small" ? 5u : 50u);
  }
  EXPECT_EQ(OptionsFor({"free", "old"}, Defaults(), &overrides).query_length_max_ns, 10 * kHour);
  EXPECT_EQ(OptionsFor({"free", "free"}, Defaults(), &overrides).query_length_max_ns, 0);
}

TEST(QueryLimits, ReachTheValidation) {
  const auto overrides = Parsed(kTenants);
  const int64_t now_ns = testing::kTestNowNs;
  contract::QueryRequest request;
  request.start_ns = now_ns - 5 * kHour;
  request.end_ns = now_ns;
  request.reports.push_back({.kind = ReportKind::kLabelNames});
  const auto validate = [&](const std::vector<std::string>& tenants) {
    request.tenants = tenants;
    return ValidateQuery(request, OptionsFor(tenants, Defaults(), &overrides), now_ns);
  };
  EXPECT_TRUE(validate({"old"}).ok());
  for (const std::vector<std::string>& tenants : {std::vector<std::string>{"small"}, {"old", "small"}}) {
    const Status status = validate(tenants).status();
    EXPECT_EQ(status.reason(), "query_limit");
    EXPECT_EQ(status.message(), "the query time range exceeds the limit (max_query_length, actual: 5h0m0s, limit: 1h0m0s)");
  }
  request.start_ns = now_ns - 30 * kHour;
  ASSERT_TRUE(validate({"free"}).ok());
  EXPECT_EQ(validate({"free"})->spec.start_ns, request.start_ns) << "no look-back";
  request.start_ns = now_ns - 3 * kHour;
  request.end_ns = request.start_ns + kHour / 2;
  EXPECT_TRUE(validate({"small"})->is_empty);
  EXPECT_FALSE(validate({"old"})->is_empty);
}

TEST(PlanMemory, GrowsWithWhatAPlanHolds) {
  DatasetMeta dataset;
  dataset.service = std::string(100, 's');
  dataset.sections.resize(10);
  BlockRead read;
  read.object_key = std::string(50, 'k');
  read.datasets.assign(20, dataset);
  PlanNode leaf;
  leaf.reads.assign(30, read);
  PlanNode root;
  root.children.assign(40, leaf);
  const uint64_t bytes = PlanMemoryBytes(root);
  EXPECT_GT(bytes, uint64_t{40} * 30 * 20 * (sizeof(DatasetMeta) + 10 * sizeof(SectionRef) + 100));
  EXPECT_LT(bytes, uint64_t{40} * 30 * 20 * (sizeof(DatasetMeta) + 10 * sizeof(SectionRef) + 150));
}

}  // namespace
}  // namespace brazier::query_frontend
