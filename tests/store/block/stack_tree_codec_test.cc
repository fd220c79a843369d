#include "store/block/stack_tree_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "common/model/stack_order.h"

namespace brazier::block {
namespace {

using Stacks = std::vector<StackNode>;

StackTreeBytes BytesOf(const StackTreeColumns& c) {
  return {AsBytes(c.shape), AsBytes(c.steps), AsBytes(c.fresh), AsBytes(c.known)};
}

Result<Stacks> Decode(const StackTreeColumns& columns, uint64_t count, uint32_t locations) {
  Stacks out(1);
  if (Status s = DecodeStackTree(BytesOf(columns), count, locations, &out); !s.ok()) return s;
  return out;
}

// A tree in pre-order, without its root. Locations call a few others, as code does, or, `wild`, anything.
Stacks RandomTree(std::mt19937_64& random, size_t count, uint32_t locations, bool wild) {
  Stacks stacks(1);
  for (size_t i = 1; i <= count; ++i) {
    const uint32_t parent = static_cast<uint32_t>(random() % i);
    const uint32_t caller = parent == 0 ? 1 : stacks[parent].location;
    const uint32_t callee = wild ? static_cast<uint32_t>(random()) : caller * 5 + static_cast<uint32_t>(random() % 4);
    stacks.push_back({parent, callee % locations});
  }
  SortInPreOrder(&stacks, {});
  return {stacks.begin() + 1, stacks.end()};
}

TEST(StackTreeCodec, WritesTwoSmallNumbersPerNode) {
  // main calls f and g; f calls g; g calls f.
  const Stacks nodes{{0, 0}, {1, 1}, {2, 2}, {1, 2}, {4, 1}, {5, 2}};
  const StackTreeColumns columns = EncodeStackTree(nodes, 3);
  EXPECT_EQ(columns.shape, std::string({0, 0, 0, 2, 0, 0}));
  EXPECT_EQ(columns.steps, std::string({0, 0, 0, 1, 1, 2}));
  EXPECT_EQ(columns.fresh, std::string({0, 2, 2}));
  EXPECT_EQ(columns.known, std::string({2, 1}));
  Stacks expected(1);
  expected.insert(expected.end(), nodes.begin(), nodes.end());
  EXPECT_TRUE(*Decode(columns, nodes.size(), 3) == expected);
}

TEST(StackTreeCodec, RoundTrips) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const uint32_t locations = 1 + static_cast<uint32_t>(random() % 300);
    const Stacks nodes = RandomTree(random, random() % 800, locations, seed % 3 == 0);
    const StackTreeColumns columns = EncodeStackTree(nodes, locations);
    const auto decoded = Decode(columns, nodes.size(), locations);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_TRUE(Stacks(decoded->begin() + 1, decoded->end()) == nodes) << "seed " << seed;
  }
}

// A location that calls more others than are kept, and a chain deeper than one byte says.
TEST(StackTreeCodec, WideAndDeepTrees) {
  Stacks nodes;
  for (uint32_t i = 0; i < 500; ++i) nodes.push_back({i, 0});
  for (uint32_t i = 1; i < 2'000; ++i) nodes.push_back({1, i % 300});
  const StackTreeColumns columns = EncodeStackTree(nodes, 300);
  EXPECT_GT(columns.shape.size(), nodes.size());
  const auto decoded = Decode(columns, nodes.size(), 300);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_TRUE(Stacks(decoded->begin() + 1, decoded->end()) == nodes);
}

TEST(StackTreeCodec, AppendsBehindWhatIsThere) {
  const Stacks nodes{{0, 0}, {1, 1}, {0, 1}};
  const StackTreeColumns columns = EncodeStackTree(nodes, 2);
  Stacks out{{}, {0, 1}, {1, 1}};
  ASSERT_TRUE(DecodeStackTree(BytesOf(columns), 3, 2, &out).ok());
  EXPECT_TRUE(out == (Stacks{{}, {0, 1}, {1, 1}, {0, 0}, {3, 1}, {0, 1}}));
}

TEST(StackTreeCodec, ErrorsSayWhatIsWrong) {
  const auto error = [](StackTreeColumns columns, uint64_t count = 2) {
    return Decode(columns, count, 3).status().message();
  };
  const StackTreeColumns good{{0, 0}, {0, 1}, {2}, {2}};
  EXPECT_EQ(error(good), "");
  EXPECT_EQ(error({{1, 0}, {0, 1}, {2}, {2}}), "stacks: a node lies above the root");
  EXPECT_EQ(error({{0, 2}, {0, 1}, {2}, {2}}), "stacks: a node lies above the root");
  EXPECT_EQ(error({{0, 0}, {0, 2}, {2}, {2}}), "stacks: a location does not exist") << "no call is known";
  EXPECT_EQ(error({{0, 0}, {0, 1}, {2}, {3}}), "stacks: a location does not exist");
  EXPECT_EQ(error({{0, 0}, {0, 1}, {1}, {2}}), "stacks: a location does not exist") << "fresh: -1";
  EXPECT_EQ(error(good, 1), "stacks: there are bytes left over");
  EXPECT_EQ(error(good, 3), "stacks: a column is truncated");
  EXPECT_EQ(error({{0, 0}, {0, 1}, {2}, {2, 0}}), "stacks: there are bytes left over");
}

TEST(StackTreeCodec, HostileBytesGiveAnErrorOrAValidTree) {
  std::mt19937_64 random(3);
  const Stacks nodes = RandomTree(random, 300, 40, false);
  const StackTreeColumns good = EncodeStackTree(nodes, 40);
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    StackTreeColumns columns = good;
    for (std::string* column : {&columns.shape, &columns.steps, &columns.fresh, &columns.known}) {
      if (random() % 2 == 0 && !column->empty()) (*column)[random() % column->size()] = static_cast<char>(random());
    }
    const auto decoded = Decode(columns, nodes.size(), 40);
    refused += !decoded.ok();
    if (!decoded.ok()) continue;
    for (size_t n = 1; n < decoded->size(); ++n) {
      ASSERT_LT((*decoded)[n].parent, n);
      ASSERT_LT((*decoded)[n].location, 40u);
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace brazier::block
