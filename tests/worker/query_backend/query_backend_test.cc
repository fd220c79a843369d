#include "worker/query_backend/query_backend.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/model/bad_block.h"
#include "tests/support/fake_random.h"
#include "tests/support/make_labels.h"
#include "tests/worker/query_backend/block_fixture.h"

namespace brazier::query_backend {
namespace {

using testing::MakeLabels;

class QueryBackendTest : public BlockFixture {
 protected:
  ProfileBatch Api(int64_t time_ns, const testing::FoldedSamples& samples, Labels labels = {}) {
    return BatchBuilder("t", "api").Profile(NextIdentity(), time_ns, samples, std::move(labels)).Build();
  }
  void Corrupt(const BlockMeta& block, uint64_t offset) {
    std::string object = *store_.Get(block.ObjectKey());
    object[offset] = static_cast<char>(object[offset] ^ 0x40);
    ASSERT_TRUE(store_.Put(block.ObjectKey(), {AsBytes(object)}).ok());
  }
};

TEST_F(QueryBackendTest, AFlameGraphAddsUpOverServicesAndBlocks) {
  const auto a = Store({Api(10, {{"main;work", 3}, {"main", 1}}), Api(20, {{"main;work", 4}}),
                        BatchBuilder("t", "web").Profile(NextIdentity(), 30, {{"main;serve", 5}}).Build()});
  const auto b = Store({Api(40, {{"main;work;deep", 7}, {"other", 2}})});
  const QueryResult result = Answer(Spec(), {a, b});
  const FlameTree& tree = result.reports.at(0).flame_tree;
  EXPECT_EQ(FoldedOf(tree), (Folded{{"main", 1}, {"main;work", 7}, {"main;serve", 5},
                                    {"main;work;deep", 7}, {"other", 2}}));
  EXPECT_EQ(tree.Totals()[0], 22);
  EXPECT_EQ(result.stats.blocks_planned, 2u);
  EXPECT_EQ(result.stats.blocks_read, 2u);
  EXPECT_EQ(result.stats.datasets_read, 3u);
  EXPECT_EQ(result.stats.rows_read, 4u);
  EXPECT_EQ(result.stats.samples_read, 6u);
  EXPECT_EQ(result.stats.newest_data_ns, 40);
  EXPECT_GT(result.stats.bytes_read, 0u);
}

TEST_F(QueryBackendTest, TheRangeIncludesBothEnds) {
  const auto block = Store({Api(10, {{"a", 1}}), Api(20, {{"b", 2}}), Api(30, {{"c", 4}}), Api(40, {{"d", 8}})});
  QuerySpec spec = Spec();
  spec.start_ns = 20;
  spec.end_ns = 30;
  EXPECT_EQ(FlameGraph(spec, {block}), (Folded{{"b", 2}, {"c", 4}}));
  spec.start_ns = spec.end_ns = 25;
  EXPECT_EQ(FlameGraph(spec, {block}), Folded());
}

TEST_F(QueryBackendTest, SelectorsSayWhichSeries) {
  const auto block = Store({Api(10, {{"eu", 1}}, MakeLabels({{"region", "eu"}})),
                            Api(10, {{"us", 2}}, MakeLabels({{"region", "us"}})), Api(10, {{"none", 4}})});
  const auto ask = [&](const std::string& selector) {
    QuerySpec spec = Spec();
    spec.selector = selector;
    return FlameGraph(spec, {block});
  };
  EXPECT_EQ(ask("{}"), (Folded{{"eu", 1}, {"us", 2}, {"none", 4}}));
  EXPECT_EQ(ask(R"({region="eu"})"), (Folded{{"eu", 1}}));
  EXPECT_EQ(ask(R"({region!="eu"})"), (Folded{{"us", 2}, {"none", 4}})) << "absent is not eu";
  EXPECT_EQ(ask(R"({region=~"e.|us"})"), (Folded{{"eu", 1}, {"us", 2}}));
  EXPECT_EQ(ask(R"({region=~"e"})"), Folded()) << "expressions are anchored";
  EXPECT_EQ(ask(R"({region=""})"), (Folded{{"none", 4}}));
  EXPECT_EQ(ask(R"({region!~".+"})"), (Folded{{"none", 4}}));
  EXPECT_EQ(ask(R"({service_name="web"})"), Folded());
}

TEST_F(QueryBackendTest, CallSitesAreRootFirstPrefixesOfNames) {
  const auto block = Store({Api(10, {{"main;a;b", 1}, {"main;a", 2}, {"main;b", 4}, {"a;b", 8},
                                     {"main;in/line;x", 16}})});
  const auto ask = [&](std::vector<std::string> site) {
    QuerySpec spec = Spec();
    spec.call_site = std::move(site);
    return FlameGraph(spec, {block});
  };
  EXPECT_EQ(ask({"main", "a"}), (Folded{{"main;a;b", 1}, {"main;a", 2}}));
  EXPECT_EQ(ask({"a"}), (Folded{{"a;b", 8}}));
  EXPECT_EQ(ask({"main", "in"}), (Folded{{"main;in;line;x", 16}})) << "inlined frames count as frames";
  EXPECT_EQ(ask({"main", "in", "line", "x"}), (Folded{{"main;in;line;x", 16}}));
  EXPECT_EQ(ask({"main", "line"}), Folded());
  EXPECT_EQ(ask({"main", "a", "b", "c"}), Folded());
}

TEST_F(QueryBackendTest, CallSitesMatchTheNamesThatFlameGraphsShow) {
  ProfileBatch batch = Api(10, {{"x;y", 1}});
  for (Function& f : batch.symbols.functions) std::swap(f.name, f.system_name);
  const auto block = Store({std::move(batch)});
  EXPECT_EQ(FlameGraph(Spec(), {block}), (Folded{{"x;y", 1}}));
  QuerySpec spec = Spec();
  spec.call_site = {"x"};
  EXPECT_EQ(FlameGraph(spec, {block}), (Folded{{"x;y", 1}}));
}

TEST_F(QueryBackendTest, HiddenProfilesAreSkippedInEveryReport) {
  auto block = Store({Api(10, {{"a", 1}}), Api(10, {{"a", 1}}), Api(20, {{"b", 2}}, MakeLabels({{"l", "v"}}))});
  QuerySpec spec = Spec();
  spec.reports = {{.kind = ReportKind::kFlameGraph},
                  {.kind = ReportKind::kTimeSeries, .step_ns = 100},
                  {.kind = ReportKind::kLabelNames},
                  {.kind = ReportKind::kPprof}};
  block.datasets[0].hidden_profiles = {1, 2, 9'999};  // the last lies beyond the dataset: ignored
  const QueryResult result = Answer(spec, {block});
  EXPECT_EQ(FoldedOf(result.reports[0].flame_tree), (Folded{{"a", 1}}));
  ASSERT_EQ(result.reports[1].time_series.size(), 1u);
  EXPECT_EQ(result.reports[1].time_series.begin()->second.begin()->second.sum, 1);
  EXPECT_FALSE(result.reports[2].strings.contains("l"));
  EXPECT_EQ(FoldedOf(result.reports[3].stack_profile), (Folded{{"a", 1}}));
  EXPECT_EQ(result.stats.profiles_hidden, 3u);
}

TEST_F(QueryBackendTest, WhatADeletionNamesIsSkippedInEveryReport) {
  const auto block = Store({Api(10, {{"a", 1}}, MakeLabels({{"pod", "1"}})), Api(20, {{"a", 2}}, MakeLabels({{"pod", "1"}})),
                            Api(30, {{"a", 4}}, MakeLabels({{"pod", "1"}})), Api(20, {{"b", 8}}, MakeLabels({{"pod", "2"}})),
                            BatchBuilder("t", "web").Profile(NextIdentity(), 20, {{"c", 16}}, MakeLabels({{"pod", "1"}})).Build()});
  QuerySpec spec = Spec();
  // With the type named, a flame graph would come from the cache: it knows nothing of deletions.
  spec.selector = std::string("{__profile_type__=\"") + kCpuType + "\"}";
  const auto ask = [&](std::vector<DataFilter> deletions) {
    PlanNode root = ReadNode({block});
    root.reads[0].deletions = std::move(deletions);
    const auto result = Execute(spec, root);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    return result.ok() ? FoldedOf(result->reports.at(0).flame_tree) : Folded();
  };
  EXPECT_EQ(ask({}), (Folded{{"a", 7}, {"b", 8}, {"c", 16}}));
  EXPECT_EQ(ask({{"t", "api", "{pod=\"1\"}", 11, 20}}), (Folded{{"a", 5}, {"b", 8}, {"c", 16}})) << "both ends count";
  EXPECT_EQ(ask({{"t", "", "{pod=\"1\"}", 20, 29}}), (Folded{{"a", 5}, {"b", 8}})) << "of every service";
  EXPECT_EQ(ask({{"t", "", "", 0, 100}}), Folded());
  EXPECT_EQ(ask({{"u", "", "", 0, 100}}), (Folded{{"a", 7}, {"b", 8}, {"c", 16}})) << "another tenant's";
  EXPECT_EQ(ask({{"t", "api", "{pod=\"2\"}", 0, 100}, {"t", "web", "{}", 20, 20}}), (Folded{{"a", 7}}));
  spec.selector = "{}";
  spec.reports = {{.kind = ReportKind::kTimeSeries, .step_ns = 100}, {.kind = ReportKind::kLabelValues, .label_name = "pod"},
                  {.kind = ReportKind::kPprof}};
  PlanNode root = ReadNode({block});
  root.reads[0].deletions = {{"t", "", "{pod=\"1\"}", 0, 100}};
  const auto result = Execute(spec, root);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->reports[0].time_series.begin()->second.begin()->second.sum, 8);
  EXPECT_EQ(result->reports[1].strings, std::set<std::string>{"2"});
  EXPECT_EQ(FoldedOf(result->reports[2].stack_profile), (Folded{{"b", 8}}));
  root.reads[0].deletions[0].selector = "{";
  EXPECT_EQ(Execute(spec, root).status().code(), Code::kInvalidArgument) << "never an answer with what may be deleted";
}

TEST_F(QueryBackendTest, AnotherTenantsDatasetInThePlanIsNotRead) {
  const auto block = Store({Api(10, {{"mine", 1}}),
                            BatchBuilder("other", "api").Profile(NextIdentity(), 10, {{"theirs", 2}},
                                                                 MakeLabels({{"secret", "x"}})).Build()});
  ASSERT_EQ(block.datasets.size(), 2u);
  QuerySpec spec = Spec();
  spec.reports = {{.kind = ReportKind::kFlameGraph}, {.kind = ReportKind::kLabelNames}};
  QueryResult result = Answer(spec, {block});
  EXPECT_EQ(FoldedOf(result.reports[0].flame_tree), (Folded{{"mine", 1}}));
  EXPECT_FALSE(result.reports[1].strings.contains("secret"));
  for (uint32_t i = 0; i < result.reports[0].flame_tree.names.size(); ++i) {
    EXPECT_NE(result.reports[0].flame_tree.names.Get(i), "theirs");
  }
  spec.tenants = {"t", "other"};
  EXPECT_EQ(FoldedOf(Answer(spec, {block}).reports[0].flame_tree), (Folded{{"mine", 1}, {"theirs", 2}}));
}

TEST_F(QueryBackendTest, ACorruptBlockIsNamed) {
  const auto good = Store({Api(10, {{"a", 1}})});
  const auto bad = Store({Api(10, {{"a", 1}})});
  for (const SectionRef& section : bad.datasets[0].sections) {
    Corrupt(bad, section.offset + section.size / 2);
    for (int threads : {1, 3}) {
      const auto result = Execute(Spec(), ReadNode({good, bad, good}), threads);
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.status().code(), Code::kCorruption) << result.status().ToString();
      EXPECT_NE(result.status().message().find(bad.ObjectKey()), std::string::npos);
      EXPECT_EQ(BlamedBlock(result.status()), bad.id);
    }
    Corrupt(bad, section.offset + section.size / 2);
  }
  EXPECT_TRUE(Execute(Spec(), ReadNode({good, bad})).ok());
}

TEST_F(QueryBackendTest, AMissingOrTruncatedBlockIsAnError) {
  const auto block = Store({Api(10, {{"a", 1}})});
  const std::string object = *store_.Get(block.ObjectKey());
  ASSERT_TRUE(store_.Put(block.ObjectKey(), {AsBytes(object).first(3)}).ok());
  EXPECT_EQ(Execute(Spec(), ReadNode({block})).status().code(), Code::kCorruption);
  ASSERT_TRUE(store_.Delete(block.ObjectKey()).ok());
  const auto result = Execute(Spec(), ReadNode({block}));
  EXPECT_EQ(result.status().code(), Code::kNotFound);
  EXPECT_NE(result.status().message().find(block.ObjectKey()), std::string::npos);
  EXPECT_EQ(BlamedBlock(result.status()), block.id);
}

TEST_F(QueryBackendTest, AfterTheDeadlineNothingIsRead) {
  const auto block = Store({Api(10, {{"a", 1}})});
  contract::RequestContext context = Context();
  clock_.Advance(2 * kNsPerSecond);
  const auto result = backend().Execute(context, {Spec(), ReadNode({block, block})});
  EXPECT_EQ(result.status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(result.status().message(), "the query's deadline passed after 0 of 2 blocks");
  EXPECT_EQ(registry_.GetCounter("brazier_query_backend_failures_total", "").value(), 1u);
}

TEST_F(QueryBackendTest, ACancelledQueryReadsNothingMore) {
  const auto block = Store({Api(10, {{"a", 1}})});
  contract::RequestContext context = Context();
  const auto cancellation = std::make_shared<contract::Cancellation>();
  context.cancellation = cancellation;
  EXPECT_TRUE(backend().Execute(context, {Spec(), ReadNode({block})}).ok());
  cancellation->Cancel();
  const auto result = backend().Execute(context, {Spec(), ReadNode({block, block})});
  EXPECT_EQ(result.status().code(), Code::kCancelled);
  EXPECT_EQ(result.status().message(), "the query was cancelled after 0 of 2 blocks");
}

TEST_F(QueryBackendTest, MemoryOfPartialResultsIsLimited) {
  testing::FoldedSamples samples;
  for (int i = 0; i < 5'000; ++i) samples.emplace_back("main;function-" + std::to_string(i), 1);
  const auto block = Store({Api(10, samples)});
  QuerySpec spec = Spec();
  spec.memory_bytes_max = 100'000;
  for (const ReportKind kind : {ReportKind::kFlameGraph, ReportKind::kPprof}) {
    spec.reports = {{.kind = kind}};
    const auto result = Execute(spec, ReadNode({block}));
    EXPECT_EQ(result.status().code(), Code::kResourceExhausted);
    EXPECT_EQ(result.status().reason(), "query_memory_limit");
    EXPECT_NE(result.status().message().find("100000"), std::string::npos);
  }
  spec.memory_bytes_max = 0;  // the backend's own limit
  EXPECT_TRUE(Execute(spec, ReadNode({block})).ok());
  const auto small = backend(1, 100'000).Execute(Context(), {spec, ReadNode({block})});
  EXPECT_EQ(small.status().reason(), "query_memory_limit");
}

TEST_F(QueryBackendTest, RowsDoNotCountAsMemoryOfTimeSeries) {
  BatchBuilder batch("t", "api");
  for (int i = 0; i < 20'000; ++i) batch.Profile(NextIdentity(), 10 + i % 3, {{"a", 1}});
  const auto block = Store({batch.Build()});
  QuerySpec spec = Spec(ReportKind::kTimeSeries);
  spec.reports[0].step_ns = 1;
  spec.memory_bytes_max = 100'000;
  const auto result = Execute(spec, ReadNode({block}));
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(result->reports[0].time_series.begin()->second.size(), 3u);
}

TEST_F(QueryBackendTest, SeriesWithManyPointsDoCount) {
  BatchBuilder batch("t", "api");
  for (int i = 0; i < 20'000; ++i) batch.Profile(NextIdentity(), 10 + i, {{"a", 1}});
  const auto block = Store({batch.Build()});
  QuerySpec spec = Spec(ReportKind::kTimeSeries);
  spec.reports[0].step_ns = 1;
  spec.memory_bytes_max = 100'000;
  EXPECT_EQ(Execute(spec, ReadNode({block})).status().reason(), "query_memory_limit");
}

TEST_F(QueryBackendTest, BadPlansAreRefused) {
  const auto block = Store({Api(10, {{"a", 1}})});
  const auto refusal = [&](auto change) {
    QueryPlan plan{Spec(), ReadNode({block})};
    change(plan);
    return backend().Execute(Context(), plan).status();
  };
  EXPECT_TRUE(refusal([](QueryPlan&) {}).ok());
  const auto code = [&](auto change) { return refusal(change).code(); };
  EXPECT_EQ(code([](QueryPlan& p) { p.spec.reports.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](QueryPlan& p) { p.spec.tenants.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](QueryPlan& p) { p.spec.selector = "{"; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](QueryPlan& p) { p.spec.reports[0].kind = static_cast<ReportKind>(99); }),
            Code::kInvalidArgument);
  // Too deep: an error, never an answer without what lies below.
  EXPECT_EQ(code([](QueryPlan& p) {
    for (int i = 0; i < 40; ++i) {
      PlanNode parent;
      parent.kind = PlanNode::Kind::kMerge;
      parent.children.push_back(std::move(p.root));
      p.root = std::move(parent);
    }
  }), Code::kInvalidArgument);
}

TEST_F(QueryBackendTest, AnEmptyPlanHasEmptyReports) {
  const auto result = Execute(Spec(), PlanNode());
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->reports.size(), 1u);
  EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), Folded());
}

// A tree of random shape over the blocks.
PlanNode RandomTree(std::vector<PlanNode> leaves, testing::FakeRandom& random) {
  while (leaves.size() > 1) {
    PlanNode parent;
    parent.kind = PlanNode::Kind::kMerge;
    for (uint64_t n = 1 + random.Below(4); n > 0 && !leaves.empty(); --n) {
      const size_t i = random.Below(leaves.size());
      parent.children.push_back(std::move(leaves[i]));
      leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (parent.children.size() > 1 || leaves.empty()) {
      leaves.push_back(std::move(parent));
    } else {
      leaves.push_back(std::move(parent.children[0]));
    }
  }
  return std::move(leaves[0]);
}

// The same profiles, in whatever blocks, plan and number of threads, give the same answer.
TEST_F(QueryBackendTest, ShapeOfBlocksPlanAndThreadsCannotChangeAnAnswer) {
  testing::FakeRandom random(23);
  const auto profile = [&](int i) {
    testing::FoldedSamples samples;
    for (uint64_t n = 1 + random.Below(6); n > 0; --n) {
      std::string stack = "main";
      for (uint64_t d = random.Below(4); d > 0; --d) stack += ";f" + std::to_string(random.Below(5));
      samples.emplace_back(stack, static_cast<int64_t>(1 + random.Below(100)));
    }
    return BatchBuilder("t", "service-" + std::to_string(random.Below(3)))
        .Profile(NextIdentity(), 100 + i * 10, samples, MakeLabels({{"pod", std::to_string(random.Below(4))}}))
        .Build();
  };
  for (int round = 0; round < 10; ++round) {
    std::vector<ProfileBatch> batches;
    for (int i = 0; i < 40; ++i) batches.push_back(profile(i));
    QuerySpec spec = Spec();
    spec.start_ns = 130;
    spec.end_ns = 450;
    spec.selector = R"({pod!="2"})";
    spec.reports = {{.kind = ReportKind::kFlameGraph},
                    {.kind = ReportKind::kTimeSeries, .step_ns = 70, .group_by = {"pod"}},
                    {.kind = ReportKind::kLabelNames},
                    {.kind = ReportKind::kLabelValues, .label_name = "pod"},
                    {.kind = ReportKind::kSeries},
                    {.kind = ReportKind::kPprof}};
    for (const ReportRequest& report : MoreReports(70)) spec.reports.push_back(report);
    const QueryResult whole = Answer(spec, {Store(batches)});
    const Comparable expected = ComparableOf(whole);
    ASSERT_FALSE(expected.flame_graph.empty());
    int64_t by_graph = 0, by_pprof = 0;
    for (const auto& [path, value] : expected.flame_graph) by_graph += value;
    for (const auto& [path, value] : expected.pprof) by_pprof += value;
    EXPECT_EQ(by_graph, by_pprof);

    for (const int threads : {1, 4}) {
      std::vector<PlanNode> leaves;
      for (size_t at = 0; at < batches.size();) {
        std::vector<BlockMeta> blocks;
        for (uint64_t n = 1 + random.Below(3); n > 0 && at < batches.size(); --n) {
          const size_t end = std::min(batches.size(), at + 1 + random.Below(6));
          blocks.push_back(Store({batches.begin() + static_cast<std::ptrdiff_t>(at),
                                  batches.begin() + static_cast<std::ptrdiff_t>(end)}));
          at = end;
        }
        leaves.push_back(ReadNode(blocks));
      }
      const auto result = Execute(spec, RandomTree(std::move(leaves), random), threads);
      ASSERT_TRUE(result.ok()) << result.status().ToString();
      EXPECT_TRUE(ComparableOf(*result) == expected) << "round " << round << ", threads " << threads;
      EXPECT_LE(result->stats.samples_read, whole.stats.samples_read) << "datasets without a function in question are passed over";
    }
  }
}

TEST_F(QueryBackendTest, ManyQueriesAtOnceShareTheReaders) {
  std::vector<BlockMeta> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(Store({Api(10, {{"f" + std::to_string(i % 4), i + 1}})}));
  const Folded expected = FlameGraph(Spec(), blocks);
  const auto broken = Store({Api(10, {{"a", 1}})});
  ASSERT_TRUE(store_.Delete(broken.ObjectKey()).ok());
  auto with_broken = blocks;
  with_broken.insert(with_broken.begin() + 6, broken);
  QueryBackend& shared = backend(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const bool fails = (t + i) % 3 == 0;
        const auto result = shared.Execute(Context(), {Spec(), ReadNode(fails ? with_broken : blocks)});
        if (fails) {
          EXPECT_EQ(result.status().code(), Code::kNotFound);
        } else {
          ASSERT_TRUE(result.ok());
          EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), expected);
          EXPECT_EQ(result->stats.blocks_read, 12u);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

// Eight queries over everything, where two fit: none brings the process down, at least one is answered, and the others are answered or
// told that it is busy.
TEST_F(QueryBackendTest, QueriesTogetherKeepToTheBudget) {
  std::vector<BlockMeta> blocks;
  for (int block = 0; block < 20; ++block) {
    testing::FoldedSamples samples;
    for (int i = 0; i < 2'000; ++i) samples.emplace_back("main;b" + std::to_string(block) + ";f" + std::to_string(i), 1 + i);
    blocks.push_back(Store({BatchBuilder("t", "service-" + std::to_string(block)).Profile(NextIdentity(), 10 + block, samples).Build()}));
  }
  const auto run = [&](size_t bytes_max, int queries) {
    QueryBackend backend({.threads = 2, .memory_bytes_max_of_all = bytes_max, .cache_bytes_max = 0, .batch_bytes_max = 64 << 10},
                         store_, SystemClock(), registry_);
    std::atomic<int> answered{0}, busy{0}, other{0};
    std::vector<std::thread> threads;
    for (int q = 0; q < queries; ++q) {
      threads.emplace_back([&] {
        const contract::RequestContext context{"r", SystemClock().MonotonicNs() + 60 * kNsPerSecond};
        const auto result = backend.Execute(context, {Spec(), ReadNode(blocks)});
        ++(result.ok() ? answered : contract::IsBusy(result.status()) ? busy : other);
        if (!result.ok() && !contract::IsBusy(result.status())) ADD_FAILURE() << result.status().ToString();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(other, 0);
    EXPECT_EQ(registry_.GetGauge("brazier_query_backend_memory_bytes", "").value(), 0);
    return std::make_pair(answered.load(), busy.load());
  };
  EXPECT_EQ(run(0, 8), std::make_pair(8, 0));
  for (int round = 0; round < 5; ++round) {
    const auto [answered, busy] = run(6 << 20, 8);
    EXPECT_GE(answered, 1) << busy;
    std::printf("under the budget: %d answered, %d busy\n", answered, busy);
  }
  QueryBackend small({.threads = 2, .memory_bytes_max_of_all = 1 << 20, .cache_bytes_max = 0}, store_, clock_, registry_);
  EXPECT_EQ(small.Execute(Context(), {Spec(), ReadNode(blocks)}).status().reason(), "query_memory_limit") << "alone it is too large";
}

}  // namespace
}  // namespace brazier::query_backend
