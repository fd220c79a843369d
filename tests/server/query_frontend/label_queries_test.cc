// Label queries by way of the index against the same queries over the blocks: real objects, index, planner and backend; random
// profiles, repeats, ranges and selectors.
#include <gtest/gtest.h>

#include <random>

#include "server/metastore/index_state_machine.h"
#include "server/metastore/metastore.h"
#include "server/query_frontend/query_frontend.h"
#include "store/block/block_writer.h"
#include "store/object/memory_object_store.h"
#include "tests/server/metastore/fake_consensus.h"
#include "tests/support/batch_builder.h"
#include "tests/support/fake_clock.h"
#include "worker/query_backend/query_backend.h"

namespace brazier::query_frontend {
namespace {

using testing::kTestNowNs;

// A metastore that has no label queries, as of before there were any. The rest is the one behind it.
class BlocksOnly final : public contract::Metastore {
 public:
  explicit BlocksOnly(contract::Metastore& metastore) : metastore_(metastore) {}
  void AddBlocks(const contract::RequestContext& context, contract::AddBlocksRequest request,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    metastore_.AddBlocks(context, std::move(request), std::move(done));
  }
  // Of before selectors too.
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext& context,
                                            const contract::FindBlocksRequest& request) override {
    contract::FindBlocksRequest plain = request;
    plain.selector.clear();
    return metastore_.FindBlocks(context, plain);
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context,
                                               const std::string& tenant) override {
    return metastore_.GetTenantStats(context, tenant);
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return Status::Ok(); }
  Result<MemberList> Members(const contract::RequestContext&) override { return MemberList(); }
  Status Ready() override { return Status::Ok(); }

 private:
  contract::Metastore& metastore_;
};

struct OnePeer final : contract::QueryBackendPeers {
  std::shared_ptr<const std::vector<contract::QueryBackendPeer>> Live() override { return peers; }
  std::shared_ptr<std::vector<contract::QueryBackendPeer>> peers =
      std::make_shared<std::vector<contract::QueryBackendPeer>>();
};

class LabelQueriesTest : public ::testing::Test {
 protected:
  LabelQueriesTest() {
    auto opened = index::MetadataIndex::Open(*store_, 0);
    CHECK(opened.ok());
    index_ = std::move(opened).value();
    machine_ = std::make_unique<metastore::IndexStateMachine>(*index_, clock_, registry_);
    consensus_ = std::make_unique<metastore::FakeConsensus>(*store_, *machine_);
    metastore_ = std::make_unique<metastore::Metastore>(options_, *consensus_, *store_, clock_, registry_);
    blocks_only_ = std::make_unique<BlocksOnly>(*metastore_);
    backend_ = std::make_shared<query_backend::QueryBackend>(query_backend::QueryBackendOptions{1, 1 << 30}, objects_,
                                                             clock_, registry_);
    contract::QueryBackendPeer peer;
    peer.member.id = "b";
    peer.backend = backend_;
    peers_.peers->push_back(peer);
    by_index_ = std::make_unique<QueryFrontend>(QueryFrontendOptions(), *metastore_, peers_, clock_, registry_);
    by_blocks_ = std::make_unique<QueryFrontend>(QueryFrontendOptions(), *blocks_only_, peers_, clock_, other_registry_);
  }

  // Writes the object and registers it, without its list of label sets when `listed` is not set.
  void Store(std::vector<ProfileBatch> batches, bool listed = true) {
    block::BlockWriter writer(1);
    for (ProfileBatch& batch : batches) writer.Add(std::move(batch));
    ++blocks_;
    block::BuiltBlock built = writer.Build(Ulid{{blocks_, blocks_}}, 1, 0);
    ASSERT_TRUE(objects_.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    for (DatasetMeta& d : built.meta.datasets) {
      d.lists_label_sets &= listed;
      if (!listed) d.label_sets.clear();
    }
    metastore_->AddBlocks(Context(), {{built.meta}}, [](const auto& answer) { EXPECT_TRUE(answer.ok()); });
  }
  contract::RequestContext Context() const { return {"r", clock_.MonotonicNs() + 10 * kNsPerSecond}; }
  static contract::QueryRequest Request(std::vector<ReportRequest> reports, std::string selector = "{}") {
    contract::QueryRequest request;
    request.tenants = {"t"};
    request.start_ns = kTestNowNs - 1000 * kNsPerSecond;
    request.end_ns = kTestNowNs;
    request.selectors = {std::move(selector)};
    request.reports = std::move(reports);
    return request;
  }
  uint64_t Counted(const char* answered_by) {
    return registry_.GetCounter("brazier_query_frontend_label_queries_total", "", {{"answered_by", answered_by}}).value();
  }

  testing::FakeClock clock_;
  MetricsRegistry registry_, other_registry_;
  metastore::Metastore::Options options_;
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<index::MetadataIndex> index_;
  std::unique_ptr<metastore::IndexStateMachine> machine_;
  std::unique_ptr<metastore::FakeConsensus> consensus_;
  std::unique_ptr<metastore::Metastore> metastore_;
  std::unique_ptr<BlocksOnly> blocks_only_;
  object::MemoryObjectStore objects_;
  std::shared_ptr<query_backend::QueryBackend> backend_;
  OnePeer peers_;
  std::unique_ptr<QueryFrontend> by_index_, by_blocks_;
  uint64_t blocks_ = 0;
};

TEST_F(LabelQueriesTest, BothWaysAreEqual) {
  constexpr int64_t kRange = 600 * kNsPerSecond;
  const char* const kTypes[] = {"process_cpu:cpu:nanoseconds:cpu:nanoseconds", "memory:inuse_space:bytes:space:bytes"};
  const char* const kSelectors[] = {"{}",
                                    "{service_name=\"api\"}",
                                    "{service_name!=\"api\"}",
                                    "{service_name=~\"a.*\", pod!=\"p1\"}",
                                    "{pod=~\"p[1-3]\"}",
                                    "{zone=\"\"}",
                                    "{zone=~\".+\"}",
                                    "{__profile_type__=\"memory:inuse_space:bytes:space:bytes\"}"};
  const std::vector<std::vector<ReportRequest>> kReports = {
      {{.kind = ReportKind::kProfileTypes}},
      {{.kind = ReportKind::kLabelNames}},
      {{.kind = ReportKind::kLabelValues, .label_name = "pod"}},
      {{.kind = ReportKind::kLabelValues, .label_name = "absent"}},
      {{.kind = ReportKind::kSeries}},
      {{.kind = ReportKind::kSeries, .label_names = {"zone", "pod"}}},
      {{.kind = ReportKind::kLabelNames}, {.kind = ReportKind::kLabelValues, .label_name = "zone"}, {.kind = ReportKind::kSeries}}};
  std::mt19937_64 rng(20);
  const auto below = [&](uint64_t n) { return rng() % n; };
  const auto random_time = [&] { return kTestNowNs - static_cast<int64_t>(below(static_cast<uint64_t>(kRange))); };
  int queries = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<ProfileBatch> batches;
    const int64_t begin_ns = random_time();
    for (uint64_t n = 1 + below(3); n > 0; --n) {
      const char* const kServices[] = {"api", "db", "a-worker"};
      testing::BatchBuilder batch(below(4) == 0 ? "u" : "t", kServices[below(3)]);
      for (uint64_t p = 1 + below(3); p > 0; --p) {
        Labels labels;
        labels.Set("pod", "p" + std::to_string(below(5)));
        if (below(4) == 0) labels.Set("zone", "z" + std::to_string(below(3)));
        if (below(25) == 0) labels.Set("rare" + std::to_string(below(4)), "x");
        const int64_t time_ns = below(3) == 0 ? random_time() : begin_ns - static_cast<int64_t>(below(5)) * kNsPerSecond;
        batch.Profile({1, below(150)}, time_ns, {{"main;work", 7}}, labels, kTypes[below(2)]);
      }
      batches.push_back(batch.Build());
    }
    ASSERT_NO_FATAL_FAILURE(Store(std::move(batches), below(15) != 0));
    for (int q = 0; q < 25; ++q, ++queries) {
      contract::QueryRequest request = Request(kReports[below(kReports.size())], kSelectors[below(std::size(kSelectors))]);
      if (below(3) == 0) request.tenants = {"t", "u"};
      if (below(4) != 0) {
        request.start_ns = random_time() - 10 * kNsPerSecond;
        request.end_ns = request.start_ns + static_cast<int64_t>(below(static_cast<uint64_t>(kRange)));
      }
      const auto got = by_index_->Query(Context(), request);
      const auto want = by_blocks_->Query(Context(), request);
      ASSERT_TRUE(got.ok()) << got.status().ToString();
      ASSERT_TRUE(want.ok()) << want.status().ToString();
      ASSERT_EQ(got->reports.size(), want->reports.size());
      for (size_t i = 0; i < got->reports.size(); ++i) {
        ASSERT_EQ(got->reports[i].kind, want->reports[i].kind);
        ASSERT_EQ(got->reports[i].strings, want->reports[i].strings) << "query " << queries << " " << request.selectors[0];
        ASSERT_EQ(got->reports[i].series, want->reports[i].series) << "query " << queries << " " << request.selectors[0];
      }
      EXPECT_LE(got->stats.blocks_read, want->stats.blocks_read);
    }
  }
  EXPECT_GT(Counted("index"), 150u);
  EXPECT_GT(Counted("index_and_blocks"), 200u);
  EXPECT_EQ(Counted("blocks"), 0u);
}

// The selector prunes blocks of other queries too, and changes no answer.
TEST_F(LabelQueriesTest, ASelectorSparesBlocks) {
  for (int i = 0; i < 10; ++i) {
    Labels labels;
    labels.Set("pod", "p" + std::to_string(i));
    Store({testing::BatchBuilder("t", "api").Profile({1, static_cast<uint64_t>(i)}, kTestNowNs - i, {{"main", 1 + i}}, labels).Build()},
          i != 0);
  }
  contract::QueryRequest request = Request({{.kind = ReportKind::kTimeSeries, .step_ns = kNsPerSecond}}, "{pod=\"p3\"}");
  request.profile_type = testing::kCpuType;
  const auto got = by_index_->Query(Context(), request);
  const auto want = by_blocks_->Query(Context(), request);
  ASSERT_TRUE(got.ok() && want.ok());
  EXPECT_EQ(want->stats.blocks_read, 10u);
  EXPECT_EQ(got->stats.blocks_read, 2u) << "the one that matches and the one that lists nothing";
  ASSERT_EQ(got->reports[0].time_series.size(), 1u);
  EXPECT_EQ(got->reports[0].time_series.begin()->second.begin()->second.sum, 4);
  EXPECT_EQ(want->reports[0].time_series.begin()->second.begin()->second.sum, 4);
}

TEST_F(LabelQueriesTest, TheIndexAloneNeedsNoBackend) {
  Store({testing::BatchBuilder("t", "api").Profile({1, 1}, kTestNowNs - 5, {{"main", 1}}).Build()});
  peers_.peers->clear();
  const auto got = by_index_->Query(Context(), Request({{.kind = ReportKind::kLabelValues, .label_name = "service_name"}}));
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got->reports.at(0).strings, std::set<std::string>{"api"});
  EXPECT_EQ(got->stats.newest_data_ns, kTestNowNs - 5);
  EXPECT_EQ(got->stats.blocks_read, 0u);
}

// What the index may not build, backends may.
TEST_F(LabelQueriesTest, OverALimitOfTheIndexTheBlocksAreRead) {
  options_.query.label_bytes_max = 100;
  metastore_ = std::make_unique<metastore::Metastore>(options_, *consensus_, *store_, clock_, registry_);
  by_index_ = std::make_unique<QueryFrontend>(QueryFrontendOptions(), *metastore_, peers_, clock_, registry_);
  Store({testing::BatchBuilder("t", "api").Profile({1, 1}, kTestNowNs - 5, {{"main", 1}}).Build()});
  const auto got = by_index_->Query(Context(), Request({{.kind = ReportKind::kLabelNames}}));
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got->reports.at(0).strings, (std::set<std::string>{"__profile_type__", "service_name"}));
  EXPECT_EQ(got->stats.blocks_read, 1u);
  EXPECT_EQ(Counted("blocks"), 1u);
  consensus_->barrier_status = Unavailable("no leader");
  EXPECT_EQ(by_index_->Query(Context(), Request({{.kind = ReportKind::kLabelNames}})).status().code(), Code::kUnavailable);
  EXPECT_EQ(Counted("blocks"), 1u) << "other failures are the answer";
}

}  // namespace
}  // namespace brazier::query_frontend
