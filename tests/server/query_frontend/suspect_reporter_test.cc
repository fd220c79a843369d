// SuspectReporter: each block is told once in a while, whoever asks; what the metastore does not take is counted.
#include "server/query_frontend/suspect_reporter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/fake_clock.h"

namespace brazier::query_frontend {
namespace {

struct ListeningMetastore final : contract::Metastore {
  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    done(Unavailable("not here"));
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&, const contract::FindBlocksRequest&) override {
    return Unavailable("not here");
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&, const std::string&) override {
    return Unavailable("not here");
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return Unavailable("not here"); }
  Result<MemberList> Members(const contract::RequestContext&) override { return Unavailable("not here"); }
  Status Ready() override { return Status::Ok(); }
  Status ReportSuspectBlock(const contract::RequestContext& context, const Ulid& id, const std::string& why) override {
    std::lock_guard lock(mu);
    EXPECT_GT(context.deadline_ns, 0);
    told.emplace_back(id, why);
    return answer;
  }

  std::mutex mu;
  std::vector<std::pair<Ulid, std::string>> told;
  Status answer;
};

struct SuspectReporterTest : ::testing::Test {
  brazier::testing::FakeClock clock;
  MetricsRegistry registry;
  ListeningMetastore metastore;
  SuspectReporter reporter{metastore, clock, registry};

  uint64_t Of(const char* name) { return registry.GetCounter(name, "").value(); }
  bool Await(const char* name, uint64_t count) {
    for (int i = 0; i < 1'000 && Of(name) < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return Of(name) == count;
  }
};

TEST_F(SuspectReporterTest, ABlockIsToldOnceInAWhile) {
  const Ulid a{{1, 1}}, b{{1, 2}};
  for (int i = 0; i < 5; ++i) reporter.Report(a, "checksum");
  reporter.Report(b, "missing");
  ASSERT_TRUE(Await("brazier_query_frontend_suspects_reported_total", 2));
  clock.Advance(SuspectReporter::kRepeatNs);
  reporter.Report(a, "again");
  ASSERT_TRUE(Await("brazier_query_frontend_suspects_reported_total", 3));
  std::lock_guard lock(metastore.mu);
  EXPECT_EQ(metastore.told, (std::vector<std::pair<Ulid, std::string>>{{a, "checksum"}, {b, "missing"}, {a, "again"}}));
}

TEST_F(SuspectReporterTest, WhatIsNotTakenIsCounted) {
  {
    std::lock_guard lock(metastore.mu);
    metastore.answer = Unavailable("no leader");
  }
  reporter.Report(Ulid{{1, 1}}, "checksum");
  EXPECT_TRUE(Await("brazier_query_frontend_suspects_dropped_total", 1));
  reporter.Report(Ulid{{1, 1}}, "checksum");
  clock.Advance(SuspectReporter::kRetryNs);
  {
    std::lock_guard lock(metastore.mu);
    metastore.answer = Status();
  }
  reporter.Report(Ulid{{1, 1}}, "checksum");
  EXPECT_TRUE(Await("brazier_query_frontend_suspects_reported_total", 1)) << "soon, since nobody knows of it yet";
  EXPECT_EQ(Of("brazier_query_frontend_suspects_dropped_total"), 1u);
}

}  // namespace
}  // namespace brazier::query_frontend
