#include "server/query_frontend/query_planner.h"

#include <gtest/gtest.h>

#include <algorithm>

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
std::string Plan(std::vector<BlockMeta> blocks, PlannerLimits limits) {
  return DescribePlan(PlanQuery({}, std::move(blocks), limits).root);
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
    const PlannerLimits limits{1 + random.Below(300), 2 + random.Below(20)};
    std::vector<BlockMeta> blocks;
    std::vector<Ulid> expected;
    for (uint64_t n = 1 + random.Below(500); n > 0; --n) {
      blocks.push_back(Block(blocks.size() + 1, random.Below(200)));
      expected.push_back(blocks.back().id);
    }
    const QueryPlan plan = PlanQuery({}, std::move(blocks), limits);
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
  QuerySpec spec;
  spec.query_id = "q";
  const QueryPlan plan = PlanQuery(spec, {block}, {});
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

}  // namespace
}  // namespace brazier::query_frontend
