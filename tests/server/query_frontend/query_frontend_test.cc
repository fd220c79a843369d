#include "server/query_frontend/query_frontend.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "common/model/bad_block.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_metastore.h"

namespace brazier::query_frontend {
namespace {

struct FakeBackend final : contract::QueryBackend {
  std::vector<Status> failures;  // of the next calls, in order; then success
  std::vector<QueryPlan> plans;
  testing::FakeClock* clock = nullptr;
  int64_t takes_ns = 0;
  std::optional<ExecutedNode> executed;
  contract::Cancellation* gone = nullptr;  // the client goes away during the call

  Result<QueryResult> Execute(const contract::RequestContext&, const QueryPlan& plan) override {
    plans.push_back(plan);
    if (gone != nullptr) gone->Cancel();
    if (clock != nullptr) clock->Advance(takes_ns);
    if (!failures.empty()) {
      const Status failure = failures.front();
      failures.erase(failures.begin());
      return failure;
    }
    QueryResult result;
    for (const auto& request : plan.spec.reports) result.reports.emplace_back().kind = request.kind;
    result.stats.blocks_read = 1;
    result.executed = executed;
    return result;
  }
  Status Ready() override { return Status::Ok(); }
};

struct FakePeers final : contract::QueryBackendPeers {
  std::vector<contract::QueryBackendPeer> peers;
  std::shared_ptr<const std::vector<contract::QueryBackendPeer>> Live() override {
    return std::make_shared<std::vector<contract::QueryBackendPeer>>(peers);
  }
};

class QueryFrontendTest : public ::testing::Test {
 protected:
  QueryFrontendTest() : frontend_({}, metastore_, peers_, clock_, registry_,
                  [this](const Ulid& id, const std::string& reason) { reported_.emplace_back(id, reason); }) {
    BlockMeta block;
    block.id = Ulid{{1, 1}};
    DatasetMeta d;
    d.tenant = "t";
    d.service = "api";
    d.min_time_ns = d.max_time_ns = testing::kTestNowNs;
    d.profile_count = 1;
    d.profile_types = {"process_cpu:cpu:nanoseconds:cpu:nanoseconds"};
    d.sections = {{SectionKind::kRows, 1, 0, 10, 10, 0}};
    block.datasets = {d};
    metastore_.AddBlocks({}, {{block}}, [](auto) {});
  }
  void AddBackends(int count) {
    for (int i = 0; i < count; ++i) {
      backends_.push_back(std::make_shared<FakeBackend>());
      contract::QueryBackendPeer peer;
      peer.member.id = "backend-" + std::to_string(i);
      peer.backend = backends_.back();
      peers_.peers.push_back(std::move(peer));
    }
  }
  static contract::QueryRequest Request(const std::string& tenant = "t") {
    contract::QueryRequest request;
    request.tenants = {tenant};
    request.start_ns = testing::kTestNowNs - kNsPerSecond;
    request.end_ns = testing::kTestNowNs;
    request.selectors = {"{}"};
    request.profile_type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
    request.reports = {{.kind = ReportKind::kFlameGraph}, {.kind = ReportKind::kLabelNames}};
    return request;
  }
  Result<contract::QueryResponse> Query(const contract::QueryRequest& request = Request()) {
    return frontend_.Query({"id-1", clock_.MonotonicNs() + 10 * kNsPerSecond}, request);
  }
  Status Query(QueryFrontend& frontend, const std::string& tenant) {
    return frontend.Query({"id-1", clock_.MonotonicNs() + 10 * kNsPerSecond}, Request(tenant)).status();
  }
  size_t Calls() const {
    size_t n = 0;
    for (const auto& backend : backends_) n += backend->plans.size();
    return n;
  }

  testing::FakeClock clock_;
  testing::FakeMetastore metastore_;
  FakePeers peers_;
  std::vector<std::shared_ptr<FakeBackend>> backends_;
  MetricsRegistry registry_;
  std::vector<std::pair<Ulid, std::string>> reported_;
  QueryFrontend frontend_;
};

TEST_F(QueryFrontendTest, FindsPlansAndExecutes) {
  AddBackends(1);
  const auto response = Query();
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->reports.size(), 2u);
  EXPECT_EQ(response->stats.blocks_read, 1u);
  ASSERT_EQ(backends_[0]->plans.size(), 1u);
  const QueryPlan& plan = backends_[0]->plans[0];
  EXPECT_EQ(plan.spec.query_id, "id-1");
  ASSERT_EQ(plan.root.reads.size(), 1u);
  EXPECT_EQ(plan.root.reads[0].block, (Ulid{{1, 1}}));
  EXPECT_EQ(metastore_.last_find().tenants, std::vector<std::string>{"t"});
}

TEST_F(QueryFrontendTest, ACancelledQueryIsNotBegun) {
  AddBackends(1);
  const auto cancellation = std::make_shared<contract::Cancellation>();
  const contract::RequestContext context{"id-1", clock_.MonotonicNs() + kNsPerSecond, cancellation};
  EXPECT_TRUE(frontend_.Query(context, Request()).ok());
  cancellation->Cancel();
  EXPECT_EQ(frontend_.Query(context, Request()).status().code(), Code::kCancelled);
  EXPECT_EQ(Calls(), 1u);
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_cancelled_total", "").value(), 1u);
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_failures_total", "").value(), 0u);
}

TEST_F(QueryFrontendTest, ACancelledQueryIsNotRepeated) {
  AddBackends(2);
  const auto cancellation = std::make_shared<contract::Cancellation>();
  for (const auto& backend : backends_) {
    backend->failures = {Unavailable("down")};
    backend->gone = cancellation.get();
  }
  const contract::RequestContext context{"id-1", clock_.MonotonicNs() + kNsPerSecond, cancellation};
  EXPECT_EQ(frontend_.Query(context, Request()).status().code(), Code::kCancelled);
  EXPECT_EQ(Calls(), 1u);
}

TEST_F(QueryFrontendTest, NothingFoundIsEveryReportEmptyAndNoWork) {
  AddBackends(1);
  const auto response = Query(Request("nobody"));
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->reports.size(), 2u);
  EXPECT_EQ(response->reports[0].kind, ReportKind::kFlameGraph);
  EXPECT_EQ(response->reports[1].kind, ReportKind::kLabelNames);
  EXPECT_EQ(Calls(), 0u);

  auto old = Request();
  old.start_ns = 1 * kNsPerSecond;
  old.end_ns = 2 * kNsPerSecond;
  const int finds = metastore_.finds();
  EXPECT_TRUE(Query(old).ok());
  EXPECT_EQ(metastore_.finds(), finds) << "beyond the look-back nothing is looked for";
}

TEST_F(QueryFrontendTest, BadQueriesReachNobody) {
  AddBackends(1);
  auto request = Request();
  request.profile_type = "cpu";
  EXPECT_EQ(Query(request).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(metastore_.finds(), 0);
  EXPECT_EQ(Calls(), 0u);
}

TEST_F(QueryFrontendTest, BackendsTakeTurns) {
  AddBackends(3);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Query().ok());
  for (const auto& backend : backends_) EXPECT_EQ(backend->plans.size(), 2u);
}

TEST_F(QueryFrontendTest, AnUnavailableBackendIsReplaced) {
  AddBackends(2);
  backends_[0]->failures = {Unavailable("gone")};
  EXPECT_TRUE(Query().ok());
  EXPECT_EQ(Calls(), 2u);
}

TEST_F(QueryFrontendTest, GivesUpWhenAllAreUnavailable) {
  AddBackends(5);
  for (auto& backend : backends_) backend->failures.assign(9, Unavailable("gone"));
  const Status status = Query().status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "query-backend backend-2: gone");
  EXPECT_EQ(Calls(), 3u);
}

TEST_F(QueryFrontendTest, OtherFailuresAreTheAnswer) {
  AddBackends(2);
  for (const Status& failure : {Corruption("block x"), ResourceExhausted("memory"), DeadlineExceeded("late")}) {
    const size_t before = Calls();
    for (auto& backend : backends_) backend->failures = {failure};
    EXPECT_EQ(Query().status(), failure);
    EXPECT_EQ(Calls(), before + 1);
    for (auto& backend : backends_) backend->failures.clear();
  }
}

TEST_F(QueryFrontendTest, NoSecondBackendAfterTheDeadline) {
  AddBackends(2);
  for (auto& backend : backends_) {
    backend->failures = {Unavailable("gone")};
    backend->clock = &clock_;
    backend->takes_ns = 11 * kNsPerSecond;
  }
  EXPECT_EQ(Query().status().code(), Code::kUnavailable);
  EXPECT_EQ(Calls(), 1u);
}

TEST_F(QueryFrontendTest, ABlockThatIsGoneIsLookedForOnceMore) {
  AddBackends(1);
  backends_[0]->failures = {NotFound("block 1")};
  EXPECT_TRUE(Query().ok());
  EXPECT_EQ(metastore_.finds(), 2);
  backends_[0]->failures = {NotFound("block 1"), NotFound("block 1")};
  EXPECT_EQ(Query().status(), Internal("a block of the answer is missing: block 1"))
      << "404 would read as: there is no such thing";
  EXPECT_TRUE(reported_.empty()) << "nobody said which";
}

TEST_F(QueryFrontendTest, ABadBlockIsLookedForOnceMoreAndThenReported) {
  AddBackends(1);
  const Ulid id{{1, 1}};
  for (const Status& bad : {NotFound("block 1"), Corruption("block 1: checksum")}) {
    const Status blamed = BlameBlock(bad, id);
    const int finds = metastore_.finds();
    reported_.clear();
    backends_[0]->failures = {blamed};
    EXPECT_TRUE(Query().ok());
    EXPECT_EQ(metastore_.finds(), finds + 2);
    EXPECT_TRUE(reported_.empty()) << "the index had changed";
    backends_[0]->failures = {blamed, blamed};
    const Status status = Query().status();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(bad.message()), std::string::npos);
    EXPECT_EQ(status.reason(), blamed.reason());
    EXPECT_EQ(reported_, (std::vector<std::pair<Ulid, std::string>>{{id, bad.message()}}));
  }
  // Nobody to report to.
  QueryFrontend silent({}, metastore_, peers_, clock_, registry_);
  backends_[0]->failures.assign(2, BlameBlock(Corruption("block 1"), id));
  EXPECT_EQ(silent.Query({"id-1", clock_.MonotonicNs() + kNsPerSecond}, Request()).status().code(), Code::kCorruption);
}

TEST_F(QueryFrontendTest, AQuarantinedBlockIsLeftOutAndNamed) {
  AddBackends(1);
  BlockMeta bad;
  bad.id = Ulid{{2, 2}};
  bad.datasets = {metastore_.FindBlocks({}, {.tenants = {"t"}, .end_ns = INT64_MAX})->at(0).datasets.at(0)};
  bad.quarantine = "samples of service api: checksum";
  metastore_.AddBlocks({}, {{bad}}, [](auto) {});
  const auto response = Query();
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->reports.size(), 2u);
  EXPECT_EQ(response->stats.blocks_failed, 1u);
  EXPECT_EQ(response->stats.failed_blocks, (std::vector<std::string>{bad.ObjectKey()}));
  ASSERT_EQ(backends_[0]->plans.back().root.reads.size(), 1u);
  EXPECT_EQ(backends_[0]->plans.back().root.reads[0].block, (Ulid{{1, 1}}));
  EXPECT_TRUE(reported_.empty());
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_incomplete_total", "").value(), 1u);
}

TEST_F(QueryFrontendTest, AnAnswerMayBeNothingButAQuarantinedBlock) {
  BlockMeta bad;
  bad.id = Ulid{{2, 2}};
  bad.quarantine = "missing";
  DatasetMeta d;
  d.tenant = "lonely";
  d.min_time_ns = d.max_time_ns = testing::kTestNowNs;
  d.profile_types = {Request().profile_type};
  bad.datasets = {d};
  metastore_.AddBlocks({}, {{bad}}, [](auto) {});
  const auto response = Query(Request("lonely"));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->reports.size(), 2u);
  EXPECT_EQ(response->stats.blocks_planned, 1u);
  EXPECT_EQ(response->stats.blocks_failed, 1u);
}

TEST_F(QueryFrontendTest, ExplainsWhenAsked) {
  AddBackends(1);
  EXPECT_EQ(Query()->explanation, "");
  auto request = Request();
  request.explain = true;
  const std::string explanation = Query(request)->explanation;
  EXPECT_TRUE(explanation.starts_with("read 1 blocks, 10 bytes\n  ")) << explanation;
  EXPECT_TRUE(explanation.ends_with(": raw; 10 bytes\n")) << explanation;
}

TEST_F(QueryFrontendTest, ABusyBackendIsReplacedByTheNext) {
  AddBackends(3);
  const Status busy = ResourceExhausted("full").WithReason(contract::kBackendBusy);
  for (const auto& backend : backends_) backend->failures = {busy};
  EXPECT_EQ(Query().status().reason(), contract::kBackendBusy) << "all of them are";
  EXPECT_EQ(Calls(), 3u);
  backends_[0]->failures = backends_[1]->failures = {busy};
  EXPECT_TRUE(Query().ok());
  backends_[2]->failures = backends_[1]->failures = backends_[0]->failures = {ResourceExhausted("memory").WithReason("query_memory_limit")};
  const size_t calls = Calls();
  EXPECT_FALSE(Query().ok());
  EXPECT_EQ(Calls(), calls + 1) << "the query's own limit is the answer";
}

TEST_F(QueryFrontendTest, ExplainsWhatWasExecutedWhereTheBackendTells) {
  AddBackends(1);
  backends_[0]->executed = ExecutedNode{.backend = "b-7", .blocks_read = 3};
  auto request = Request();
  EXPECT_FALSE(Query(request)->explanation.find("b-7") != std::string::npos);
  EXPECT_FALSE(backends_[0]->plans.back().spec.explain);
  request.explain = true;
  const std::string explanation = Query(request)->explanation;
  EXPECT_NE(explanation.find("\nexecuted:\nread on b-7: 0.0 ms, 3 blocks"), std::string::npos) << explanation;
  EXPECT_TRUE(backends_[0]->plans.back().spec.explain);
}

TEST_F(QueryFrontendTest, AQueryThatWouldReadTooMuchIsRefused) {
  AddBackends(1);
  std::string text = "tenants: { t: { limits.max-query-bytes: 10 } }";
  int64_t stamp = 0;
  const auto overrides = config::TenantOverrides::Open(
      "o.yaml", {},
      {.stamp = [&](const std::string&) -> Result<config::FileStamp> { return config::FileStamp{.modified_ns = ++stamp}; },
       .read = [&](const std::string&) -> Result<std::string> { return text; }});
  ASSERT_TRUE(overrides.ok()) << overrides.status().ToString();
  QueryFrontend frontend({}, metastore_, peers_, clock_, registry_, {}, overrides->get());
  const contract::RequestContext context{"id-1", clock_.MonotonicNs() + 10 * kNsPerSecond};
  EXPECT_TRUE(frontend.Query(context, Request()).ok()) << "ten bytes are what it reads";
  text = "tenants: { t: { limits.max-query-bytes: 9 } }";
  (*overrides)->Check();
  const Status status = frontend.Query(context, Request()).status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.reason(), "query_bytes_limit");
  EXPECT_EQ(status.message(), "the query would read more than the limit (max_query_bytes, actual: 10 bytes, limit: 9 bytes)");
  auto of_two = Request("nobody");
  of_two.tenants.push_back("t");
  EXPECT_EQ(frontend.Query(context, of_two).status().reason(), "query_bytes_limit");
  EXPECT_EQ(Calls(), 1u);
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_refused_total", "", {{"limit", "query_bytes_limit"}}).value(), 2u);
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_failures_total", "").value(), 0u) << "nothing failed";
  text = "tenants: {}";
  (*overrides)->Check();
  EXPECT_TRUE(frontend.Query(context, of_two).ok());
}

TEST_F(QueryFrontendTest, ARangeOverTheLimitIsCounted) {
  auto request = Request();
  request.start_ns = 1;
  EXPECT_EQ(Query(request).status().reason(), "query_limit");
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_refused_total", "", {{"limit", "query_limit"}}).value(), 1u);
}

// A backend that executes until it is told that it is done.
TEST_F(QueryFrontendTest, SlowQueriesAreCountedAndTellWhoDidWhat) {
  AddBackends(1);
  backends_[0]->clock = &clock_;
  backends_[0]->takes_ns = 10 * kNsPerMs;
  QueryFrontend frontend({.slow_query_ns = 10 * kNsPerMs}, metastore_, peers_, clock_, registry_);
  const Counter& slow = registry_.GetCounter("brazier_query_frontend_slow_total", "");
  ASSERT_TRUE(Query(frontend, "t").ok());
  EXPECT_EQ(slow.value(), 0u) << "not longer than the setting";
  EXPECT_TRUE(backends_[0]->plans.back().spec.explain);
  backends_[0]->takes_ns += 1;
  const auto response = frontend.Query({"id-1", clock_.MonotonicNs() + 10 * kNsPerSecond}, Request());
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(slow.value(), 1u);
  EXPECT_EQ(response->explanation, "") << "it was not asked for";
}

struct SlowBackend final : contract::QueryBackend {
  std::mutex mu;
  std::condition_variable changed;
  std::vector<std::string> begun;
  bool is_open = false;

  Result<QueryResult> Execute(const contract::RequestContext& context, const QueryPlan& plan) override {
    std::unique_lock lock(mu);
    begun.push_back(context.request_id);
    changed.notify_all();
    changed.wait(lock, [this] { return is_open; });
    QueryResult result;
    for (const auto& request : plan.spec.reports) result.reports.emplace_back().kind = request.kind;
    return result;
  }
  Status Ready() override { return Status::Ok(); }
  void AwaitBegun(size_t count) {
    std::unique_lock lock(mu);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(10), [&] { return begun.size() >= count; })) << count;
  }
  void Open() {
    std::lock_guard lock(mu);
    is_open = true;
    changed.notify_all();
  }
};

TEST_F(QueryFrontendTest, QueriesWaitForTheirTenantsTurn) {
  const auto backend = std::make_shared<SlowBackend>();
  peers_.peers.emplace_back().backend = backend;
  BlockMeta other;
  other.id = Ulid{{2, 2}};
  other.datasets = {metastore_.FindBlocks({}, {.tenants = {"t"}, .end_ns = INT64_MAX})->at(0).datasets.at(0)};
  other.datasets[0].tenant = "u";
  metastore_.AddBlocks({}, {{other}}, [](auto) {});
  QueryFrontendOptions options;
  options.concurrency = 2;
  options.queue_max = 2;
  QueryFrontend frontend(options, metastore_, peers_, clock_, registry_);
  Gauge& waiting = registry_.GetGauge("brazier_query_frontend_queue_length", "");
  const auto begin = [&](const std::string& id, std::vector<std::string> tenants) {
    auto request = Request();
    request.tenants = std::move(tenants);
    return std::async(std::launch::async, [this, &frontend, id, request = std::move(request)] {
      return frontend.Query({id, clock_.MonotonicNs() + 10 * kNsPerSecond}, request).status();
    });
  };
  auto first = begin("first", {"t"});
  backend->AwaitBegun(1);
  auto second = begin("second", {"t", "u"});
  for (int i = 0; i < 10'000 && waiting.value() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(waiting.value(), 1) << "it is charged to t, which has its slot";
  const Status refused = Query(frontend, "t");
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.reason(), "query_queue_limit");
  EXPECT_NE(refused.message().find("tenant \"t\": 1 of its queries wait already, the limit is 1"), std::string::npos)
      << refused.message();
  EXPECT_EQ(registry_.GetCounter("brazier_query_frontend_refused_total", "", {{"limit", "query_queue_limit"}}).value(), 1u);
  auto third = begin("third", {"u", "t"});
  backend->AwaitBegun(2);
  {
    std::lock_guard lock(backend->mu);
    EXPECT_EQ(backend->begun, (std::vector<std::string>{"first", "third"}));
  }
  backend->Open();
  for (auto* query : {&first, &second, &third}) EXPECT_TRUE(query->get().ok());
  EXPECT_EQ(waiting.value(), 0);
  EXPECT_EQ(registry_.GetHistogram("brazier_query_frontend_queue_wait_seconds", "", LatencyBounds()).Take().count, 3u);
}

TEST_F(QueryFrontendTest, AQueryGivesItsPlaceBackHoweverItEnds) {
  AddBackends(1);
  QueryFrontendOptions options;
  options.concurrency = 1;
  options.queue_max = 0;
  QueryFrontend frontend(options, metastore_, peers_, clock_, registry_);
  for (const Status& failure : {Status(), Corruption("x"), Unavailable("gone"), Status(Code::kCancelled, "gone")}) {
    if (!failure.ok()) backends_[0]->failures = {failure};
    EXPECT_EQ(Query(frontend, "t").code(), failure.code());
  }
  EXPECT_TRUE(Query(frontend, "t").ok());
}

TEST_F(QueryFrontendTest, FailuresOfTheMetastoreAreTheAnswer) {
  AddBackends(1);
  metastore_.FailFinds(Unavailable("no leader"));
  EXPECT_EQ(Query().status(), Unavailable("no leader"));
}

TEST_F(QueryFrontendTest, ReadyNeedsABackendAndTheMetastore) {
  EXPECT_EQ(frontend_.Ready().code(), Code::kUnavailable);
  EXPECT_EQ(Query().status(), Unavailable("no query-backend is alive"));
  AddBackends(1);
  EXPECT_TRUE(frontend_.Ready().ok());
  metastore_.SetReady(Unavailable("no leader"));
  EXPECT_EQ(frontend_.Ready(), Unavailable("no leader"));
}

TEST_F(QueryFrontendTest, TenantStatsComeFromTheMetastore) {
  EXPECT_TRUE(frontend_.GetTenantStats({}, "t")->data_ingested);
  EXPECT_FALSE(frontend_.GetTenantStats({}, "u")->data_ingested);
}

}  // namespace
}  // namespace brazier::query_frontend
