#include "server/query_frontend/query_planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/model/rollup.h"
#include "common/model/rollup_cover.h"

#include "tests/support/fake_random.h"

namespace brazier::query_frontend {
namespace {

DatasetMeta Dataset(const std::string& tenant, const std::string& service, uint64_t bytes) {
  DatasetMeta d;
  d.tenant = tenant;
  d.service = service;
  d.profile_count = 2;
  d.sections = {{SectionKind::kRows, 1, 0, bytes / 2, bytes, 0},
                {SectionKind::kSamples, 1, bytes / 2, bytes - bytes / 2, bytes, 0}};
  return d;
}
BlockMeta Block(uint64_t n, uint64_t bytes) {
  BlockMeta b;
  b.id = Ulid{{n, n}};
  b.shard = 1;
  b.datasets = {Dataset("t", "s", bytes)};
  return b;
}
std::vector<BlockMeta> Blocks(size_t count, uint64_t bytes) {
  std::vector<BlockMeta> blocks;
  for (size_t i = 0; i < count; ++i) blocks.push_back(Block(i + 1, bytes));
  return blocks;
}
QuerySpec Spec() {
  QuerySpec spec;
  spec.tenants = {"t"};
  spec.end_ns = 100 * kRollupDayNs;
  spec.reports = {{.kind = ReportKind::kFlameGraph}};
  return spec;
}
std::string Plan(std::vector<BlockMeta> blocks, PlannerLimits limits) {
  return DescribePlan(PlanQuery(Spec(), std::move(blocks), limits).plan.root);
}

TEST(QueryPlanner, GoldenPlans) {
  EXPECT_EQ(Plan({}, {}), "read 0 blocks, 0 bytes\n");
  EXPECT_EQ(Plan(Blocks(3, 10), {100, 4}), "read 3 blocks, 30 bytes\n");
  EXPECT_EQ(Plan(Blocks(3, 10), {20, 4}),
            "merge 2 nodes, 30 bytes\n"
            "  read 2 blocks, 20 bytes\n"
            "  read 1 blocks, 10 bytes\n");
  EXPECT_EQ(Plan(Blocks(5, 10), {10, 4}),
            "merge 2 nodes, 50 bytes\n"
            "  merge 3 nodes, 30 bytes\n"
            "    read 1 blocks, 10 bytes\n"
            "    read 1 blocks, 10 bytes\n"
            "    read 1 blocks, 10 bytes\n"
            "  merge 2 nodes, 20 bytes\n"
            "    read 1 blocks, 10 bytes\n"
            "    read 1 blocks, 10 bytes\n");
  EXPECT_EQ(Plan({Block(1, 5), Block(2, 500), Block(3, 5), Block(4, 5)}, {100, 4}),
            "merge 3 nodes, 515 bytes\n"
            "  read 1 blocks, 5 bytes\n"
            "  read 1 blocks, 500 bytes\n"
            "  read 2 blocks, 10 bytes\n")
      << "a block over the limit has a node of its own";
}

TEST(QueryPlanner, GoldenPlansForSeveralBackends) {
  const auto plan = [](size_t blocks, size_t backends, size_t children_max = 4) {
    return Plan(Blocks(blocks, 10), {.read_node_bytes_max = 40, .children_max = children_max, .read_node_bytes_min = 20, .backends = backends});
  };
  EXPECT_EQ(plan(2, 4), "read 2 blocks, 20 bytes\n") << "not worth more than one";
  EXPECT_EQ(plan(4, 4),
            "merge 2 nodes, 40 bytes\n"
            "  read 2 blocks, 20 bytes\n"
            "  read 2 blocks, 20 bytes\n") << "a node has the minimum, though more backends live";
  EXPECT_EQ(plan(12, 2),
            "merge 4 nodes, 120 bytes\n"
            "  read 3 blocks, 30 bytes\n"
            "  read 3 blocks, 30 bytes\n"
            "  read 3 blocks, 30 bytes\n"
            "  read 3 blocks, 30 bytes\n") << "two for each backend";
  EXPECT_EQ(plan(12, 1),
            "merge 3 nodes, 120 bytes\n"
            "  read 4 blocks, 40 bytes\n"
            "  read 4 blocks, 40 bytes\n"
            "  read 4 blocks, 40 bytes\n") << "one backend: as few as the maximum allows";
  EXPECT_EQ(plan(12, 64),
            "merge 2 nodes, 120 bytes\n"
            "  merge 3 nodes, 60 bytes\n"
            "    read 2 blocks, 20 bytes\n"
            "    read 2 blocks, 20 bytes\n"
            "    read 2 blocks, 20 bytes\n"
            "  merge 3 nodes, 60 bytes\n"
            "    read 2 blocks, 20 bytes\n"
            "    read 2 blocks, 20 bytes\n"
            "    read 2 blocks, 20 bytes\n") << "more nodes than children: another level";
}

void Walk(const PlanNode& node, int depth, const PlannerLimits& limits, std::vector<Ulid>* blocks,
          std::vector<int>* depths) {
  uint64_t below = 0;
  if (node.kind == PlanNode::Kind::kRead) {
    EXPECT_TRUE(node.children.empty());
    EXPECT_FALSE(node.reads.empty());
    EXPECT_TRUE(node.bytes <= limits.read_node_bytes_max || node.reads.size() == 1);
    for (const BlockRead& read : node.reads) {
      blocks->push_back(read.block);
      for (const auto& d : read.datasets) for (const auto& s : d.sections) below += s.size;
    }
    depths->push_back(depth);
  } else {
    EXPECT_TRUE(node.reads.empty());
    EXPECT_GE(node.children.size(), 1u);
    EXPECT_LE(node.children.size(), limits.children_max);
    size_t least = SIZE_MAX, most = 0;
    for (const PlanNode& child : node.children) {
      below += child.bytes;
      least = std::min(least, child.children.size());
      most = std::max(most, child.children.size());
      Walk(child, depth + 1, limits, blocks, depths);
    }
    EXPECT_LE(most - least, 1u) << "siblings have even numbers of children";
  }
  EXPECT_EQ(node.bytes, below);
}

TEST(QueryPlanner, RandomPlansAreCompleteBoundedAndBalanced) {
  testing::FakeRandom random(17);
  for (int round = 0; round < 100; ++round) {
    const PlannerLimits limits{.read_node_bytes_max = 1 + random.Below(300), .children_max = 2 + random.Below(20),
                               .read_node_bytes_min = 1 + random.Below(100), .backends = 1 + random.Below(9)};
    std::vector<BlockMeta> blocks;
    std::vector<Ulid> expected;
    for (uint64_t n = 1 + random.Below(500); n > 0; --n) {
      blocks.push_back(Block(blocks.size() + 1, random.Below(200)));
      expected.push_back(blocks.back().id);
    }
    const QueryPlan plan = PlanQuery(Spec(), std::move(blocks), limits).plan;
    std::vector<Ulid> got;
    std::vector<int> depths;
    Walk(plan.root, 0, limits, &got, &depths);
    ASSERT_EQ(got, expected) << "each block once, in order; round " << round;
    EXPECT_EQ(*std::min_element(depths.begin(), depths.end()),
              *std::max_element(depths.begin(), depths.end()));
  }
}

TEST(QueryPlanner, ReadsNameTheObjectAndOnlyTheSymbolsInUse) {
  BlockMeta block = Block(1, 10);
  block.datasets.push_back(Dataset("u", "s", 10));
  block.datasets[1].hidden_profiles = {0, 1};  // all of it repeats
  const auto symbols = [](uint64_t size) { return SectionRef{SectionKind::kSharedSymbols, 1, 0, size, 0, 0}; };
  block.symbols = {{"t", symbols(7)}, {"u", symbols(9)}};
  const std::string key = block.ObjectKey();
  QuerySpec spec = Spec();
  spec.query_id = "q";
  const QueryPlan plan = PlanQuery(spec, {block}, {}).plan;
  EXPECT_EQ(plan.spec.query_id, "q");
  ASSERT_EQ(plan.root.reads.size(), 1u);
  const BlockRead& read = plan.root.reads[0];
  EXPECT_EQ(read.object_key, key);
  ASSERT_EQ(read.datasets.size(), 1u);
  EXPECT_EQ(read.datasets[0].tenant, "t");
  ASSERT_EQ(read.symbols.size(), 1u);
  EXPECT_EQ(read.symbols[0].tenant, "t");
  EXPECT_EQ(plan.root.bytes, 17u);
}

TEST(QueryPlanner, PartlyHiddenDatasetsAreRead) {
  BlockMeta block = Block(1, 10);
  block.datasets[0].hidden_profiles = {1};
  EXPECT_EQ(Plan({block}, {}), "read 1 blocks, 10 bytes\n");
  block.datasets[0].hidden_profiles = {0, 1};
  EXPECT_EQ(Plan({block}, {}), "read 0 blocks, 0 bytes\n");
}

// A block of two days of two services, the second one's compacted lately and without roll-ups.
BlockMeta Compacted(uint64_t n) {
  BlockMeta block = Block(n, 10);
  block.level = 4;
  block.shard = 0;
  block.datasets = {Dataset("t", "api", 0), Dataset("t", "web", 0)};
  for (DatasetMeta& d : block.datasets) {
    d.min_time_ns = 1;
    d.max_time_ns = 2 * kRollupDayNs;
    d.sections = {{.kind = SectionKind::kRows, .size = 100},
                  {.kind = SectionKind::kSampleChunk, .size = 1'000, .row_count = 9, .min_time_ns = 1, .max_time_ns = 2 * kRollupDayNs}};
  }
  const auto rollups = [](SectionKind rows, SectionKind samples, int64_t first_ns) -> std::vector<SectionRef> {
    return {{.kind = rows, .size = 1},
            {.kind = samples, .size = 10, .row_count = 9, .min_time_ns = first_ns, .max_time_ns = 2 * kRollupDayNs}};
  };
  auto& sections = block.datasets[0].sections;
  for (const SectionRef& s : rollups(SectionKind::kHourRows, SectionKind::kHourSamples, kRollupHourNs)) sections.push_back(s);
  for (const SectionRef& s : rollups(SectionKind::kDayRows, SectionKind::kDaySamples, kRollupDayNs)) sections.push_back(s);
  return block;
}

TEST(QueryPlanner, ExplainSaysWhatIsReadOfABlock) {
  QuerySpec spec = Spec();
  const auto explain = [&](std::vector<BlockMeta> blocks, size_t blocks_max = 9) {
    return ExplainPlan(PlanQuery(spec, std::move(blocks), {10'000, 4}), blocks_max);
  };
  const std::string fresh = Block(1, 10).ObjectKey(), old = Compacted(2).ObjectKey();
  EXPECT_EQ(explain({Block(1, 10), Compacted(2)}),
            "read 2 blocks, 1121 bytes\n"
            "  " + fresh + ": raw; 10 bytes\n"
            "  " + old + ": 2 days (1 dataset); raw (1 dataset); 1111 bytes\n");
  spec.start_ns = kRollupDayNs - kRollupHourNs;
  BlockMeta one = Compacted(2);
  one.datasets.pop_back();
  EXPECT_EQ(explain({one}), "read 1 blocks, 1122 bytes\n  " + old + ": raw edges, 1 hours, 1 days; 1122 bytes\n")
      << "the profile at the very end of an hour is of that hour";
  spec.start_ns += 1;
  EXPECT_EQ(explain({one}), "read 1 blocks, 22 bytes\n  " + old + ": 1 hours, 1 days; 22 bytes\n");
  one.deletions = {{"t", "", "", 5, 5}};
  EXPECT_EQ(explain({one}), "read 1 blocks, 1100 bytes\n  " + old + ": raw; 1 deletions; 1100 bytes\n");
  EXPECT_EQ(explain(Blocks(3, 10), 1), "read 3 blocks, 0 bytes\n  " + fresh + ": nothing; 0 bytes\n... 2 more blocks\n");
}

TEST(QueryPlanner, OnlyWhatIsReadCounts) {
  const auto bytes = [](QuerySpec spec) { return PlanQuery(std::move(spec), {Compacted(1)}, {}).plan.root.bytes; };
  QuerySpec spec = Spec();
  EXPECT_EQ(bytes(spec), 11u + 1'100u);
  spec.reports = {{.kind = ReportKind::kLabelNames}};
  EXPECT_EQ(bytes(spec), 200u);
  spec.reports = {{.kind = ReportKind::kTimeSeries, .step_ns = kRollupDayNs}};
  EXPECT_EQ(bytes(spec), 1u + 100u);
}

TEST(QueryPlanner, QuarantinedBlocksAreLeftOutAndNamed) {
  std::vector<BlockMeta> blocks = Blocks(4, 10);
  blocks[1].quarantine = "checksum";
  blocks[1].datasets.clear();  // the index need not tell them
  blocks[3].quarantine = "missing";
  const PlannedQuery query = PlanQuery(Spec(), blocks, {});
  ASSERT_EQ(query.plan.root.reads.size(), 2u);
  EXPECT_EQ(query.plan.root.reads[0].block, blocks[0].id);
  EXPECT_EQ(query.plan.root.reads[1].block, blocks[2].id);
  EXPECT_EQ(query.left_out.blocks_planned, 2u);
  EXPECT_EQ(query.left_out.blocks_failed, 2u);
  EXPECT_EQ(query.left_out.failed_blocks, (std::vector<std::string>{blocks[1].ObjectKey(), blocks[3].ObjectKey()}));
  EXPECT_NE(ExplainPlan(query).find(blocks[3].ObjectKey() + ": not read, it is quarantined\n"), std::string::npos);

  std::vector<BlockMeta> many = Blocks(150, 10);
  for (BlockMeta& block : many) block.quarantine = "x";
  const QueryStats left_out = PlanQuery(Spec(), many, {}).left_out;
  EXPECT_EQ(left_out.blocks_failed, 150u);
  EXPECT_EQ(left_out.failed_blocks.size(), QueryStats::kNamedBlocksMax);
}

TEST(QueryPlanner, DeletionsTravelInThePlan) {
  BlockMeta block = Block(1, 10);
  block.deletions = {{"t", "s", "{a=\"b\"}", 1, 2}};
  EXPECT_EQ(PlanQuery(Spec(), {block}, {}).plan.root.reads[0].deletions, block.deletions);
}

}  // namespace
}  // namespace brazier::query_frontend
