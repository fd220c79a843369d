// What the tests of rebuild and verify share: objects in a memory bucket, made at times that the test chooses, and a
// metastore over memory stores.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/metastore/index_state_machine.h"
#include "server/metastore/metastore.h"
#include "server/metastore/rebuild/block_clock.h"
#include "server/metastore/rebuild/findings.h"
#include "store/block/block_writer.h"
#include "store/object/memory_object_store.h"
#include "tests/server/metastore/fake_consensus.h"
#include "tests/store/index/index_harness.h"
#include "tests/support/batch_builder.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore::testing {

using brazier::testing::BatchBuilder;
using brazier::testing::kTestNowNs;

struct ProfileSpec {
  std::string tenant;
  std::string service;
  uint64_t identity = 0;  // 0: none
};

// An object of these profiles, made `age_s` before kTestNowNs. Blocks of one age are told apart by `n`.
inline block::BuiltBlock MakeObject(int64_t age_s, uint64_t n, const std::vector<ProfileSpec>& profiles,
                                    uint32_t shard = 1, uint32_t level = 0) {
  block::BlockWriter writer(1);
  const int64_t time_ns = kTestNowNs - age_s * kNsPerSecond;
  for (const ProfileSpec& p : profiles) {
    Labels labels;
    labels.Set("pod", "p" + std::to_string(p.identity % 3));
    const Hash128 identity = p.identity == 0 ? Hash128{} : Hash128{p.identity, p.identity * 31};
    writer.Add(BatchBuilder(p.tenant, p.service)
                   .Profile(identity, time_ns, {{"main;work", 7}, {"main;idle", 2}}, labels)
                   .Build());
  }
  Ulid id;
  id.bits.high = static_cast<uint64_t>(time_ns / kNsPerMs) << 16;
  id.bits.low = n;
  return writer.Build(id, shard, level);
}

// Over memory stores.
class MetastoreUnderTest {
 public:
  explicit MetastoreUnderTest(const Clock& clock, index::DedupBounds dedup = {}) : clock_(clock) {
    auto opened = index::MetadataIndex::Open(*store_, 0);
    CHECK(opened.ok());
    index_ = std::move(opened).value();
    machine_ = std::make_unique<IndexStateMachine>(*index_, clock, registry_);
    consensus_ = std::make_unique<FakeConsensus>(*store_, *machine_);
    metastore_ = std::make_unique<Metastore>(Metastore::Options{.dedup = dedup, .query = {}}, *consensus_, *store_,
                                             clock, registry_);
  }
  void Add(const BlockMeta& block) {
    metastore_->AddBlocks({.request_id = "r", .deadline_ns = clock_.MonotonicNs() + kNsPerSecond}, {{block}},
                          [](const Result<contract::AddBlocksResponse>& response) {
                            EXPECT_TRUE(response.ok()) << response.status().ToString();
                          });
  }
  // The canonical dump; without the dedup window's entries when asked to.
  std::string Dump(bool with_window = true) const {
    std::string dump;
    EXPECT_TRUE(store_->Scan(kv::Family::kState, "i", "j", [&](std::string_view key, std::string_view value) {
                        if (with_window || !key.starts_with("iw")) {
                          dump += std::to_string(key.size()) + ":" + std::string(key) + "=" +
                                  std::to_string(value.size()) + ":" + std::string(value) + "\n";
                        }
                        return true;
                      }).ok());
    return dump;
  }
  Metastore& metastore() { return *metastore_; }
  FakeConsensus& consensus() { return *consensus_; }
  kv::KeyValueStore& store() { return *store_; }

 private:
  const Clock& clock_;
  MetricsRegistry registry_;
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<index::MetadataIndex> index_;
  std::unique_ptr<IndexStateMachine> machine_;
  std::unique_ptr<FakeConsensus> consensus_;
  std::unique_ptr<Metastore> metastore_;
};

// A bucket, and the metastore that its objects were registered with.
class BucketUnderTest {
 public:
  BucketUnderTest() : metastore(clock) {}

  // Puts the object and registers it as if it were now as long ago as it was made.
  BlockMeta Put(const block::BuiltBlock& built) {
    PutObject(built.meta.ObjectKey(), built.object);
    clock.SetTo(built.meta.id);
    metastore.Add(built.meta);
    return built.meta;
  }
  void PutObject(const std::string& key, const std::string& bytes) {
    ASSERT_TRUE(store.Put(key, {AsBytes(bytes)}).ok());
  }
  std::string Bytes(const std::string& key) { return store.Get(key).value(); }

  brazier::testing::FakeClock now;
  BlockClock clock{now};
  object::MemoryObjectStore store;
  MetastoreUnderTest metastore;
};

inline std::string TextOf(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings.kept()) text += finding.object_key + ": " + finding.reason + "\n";
  return text;
}

}  // namespace brazier::metastore::testing
