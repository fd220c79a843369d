#include "server/metastore/writer_placement.h"

#include <gtest/gtest.h>

#include <set>

#include "common/model/placement.h"

namespace brazier::metastore {
namespace {

Member Writer(const std::string& id) {
  return {.id = id, .roles = {"query-backend", "segment-writer"}, .pipeline_address = "tcp://" + id + ":4052"};
}

TEST(PlaceService, IsWhatADistributorChooses) {
  MemberList members{.version = 42, .members = {}};
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back("writer-" + std::to_string(i));
    members.members.push_back(Writer(ids.back()));
  }
  const Ring ring(ids);
  std::set<uint32_t> shards;
  for (int i = 0; i < 100; ++i) {
    const std::string service = "service-" + std::to_string(i);
    const auto placement = PlaceService(members, "t", service);
    EXPECT_EQ(placement.version, 42u);
    EXPECT_EQ(placement.writers, members.members);
    ASSERT_EQ(placement.shards.size(), 1u);
    const auto& shard = placement.shards[0];
    EXPECT_EQ(shard.shard, ShardOf("t", service, 5));
    const std::vector<size_t> line = ring.WritersOf(shard.shard, 5);
    ASSERT_EQ(shard.writer_ids.size(), line.size());
    for (size_t n = 0; n < line.size(); ++n) EXPECT_EQ(shard.writer_ids[n], ids[line[n]]);
    shards.insert(shard.shard);
  }
  EXPECT_EQ(shards.size(), 5u);
}

TEST(PlaceService, WhoTakesNoBatchesIsNotInTheRing) {
  MemberList members{.version = 1, .members = {Writer("a"), Writer("b"), Writer("c"), Writer("d")}};
  members.members[0].draining = true;
  members.members[1].pipeline_address.clear();
  members.members[2].roles = {"query-backend"};
  const auto placement = PlaceService(members, "t", "s");
  ASSERT_EQ(placement.writers.size(), 1u);
  EXPECT_EQ(placement.writers[0].id, "d");
  ASSERT_EQ(placement.shards.size(), 1u);
  EXPECT_EQ(placement.shards[0].shard, 1u);
  EXPECT_EQ(placement.shards[0].writer_ids, std::vector<std::string>{"d"});
  members.members.pop_back();
  EXPECT_TRUE(PlaceService(members, "t", "s").writers.empty());
  EXPECT_TRUE(PlaceService(members, "t", "s").shards.empty());
}

TEST(PlaceService, NamesSoManyWritersAtMost) {
  MemberList members;
  for (int i = 100; i < 140; ++i) members.members.push_back(Writer("w" + std::to_string(i)));
  const auto placement = PlaceService(members, "t", "s");
  EXPECT_EQ(placement.writers.size(), 40u);
  EXPECT_EQ(placement.shards.at(0).writer_ids.size(), contract::Metastore::kWritersPerShardMax);
}

}  // namespace
}  // namespace brazier::metastore
