// What the tests of the index share: building blocks, and an index with its store that can be restarted.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/codec/block_meta_msgpack.h"
#include "store/index/index_command.h"
#include "store/index/index_reader.h"
#include "store/index/metadata_index.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinute = 60 * kSecond;
// Commands of tests are proposed around this time: 2023-11-14.
constexpr int64_t kTestTime = 1'700'000'000 * kSecond;

inline Ulid IdOf(uint64_t n) { return Ulid{{n + 1, n * 7919}}; }
inline Hash128 IdentityOf(uint64_t n) { return {n * 0x9E3779B97F4A7C15ull + 1, n}; }

// A dataset with one profile per identity.
inline DatasetMeta MakeDataset(std::string tenant, std::string service, int64_t min_ns, int64_t max_ns,
                               std::vector<uint64_t> identities,
                               std::vector<std::string> types = {"cpu"}) {
  DatasetMeta d;
  d.tenant = std::move(tenant);
  d.service = std::move(service);
  d.min_time_ns = min_ns;
  d.max_time_ns = max_ns;
  d.profile_count = static_cast<uint32_t>(identities.size());
  d.sample_count = 10 * identities.size();
  d.profile_types = std::move(types);
  d.sections = {{SectionKind::kSymbols, 1, 0, 100, 400, 1},
                {SectionKind::kRows, 1, 100, 50, 90, 2},
                {SectionKind::kSamples, 1, 150, 300, 1000, 3}};
  for (uint64_t n : identities) d.identities.push_back(IdentityOf(n));
  return d;
}

// A segment of these datasets, which are sorted here; each tenant has shared symbols.
inline BlockMeta MakeBlock(uint64_t n, std::vector<DatasetMeta> datasets) {
  BlockMeta b;
  b.id = IdOf(n);
  b.shard = static_cast<uint32_t>(n % 4);
  b.size = 4096;
  std::sort(datasets.begin(), datasets.end(), [](const DatasetMeta& x, const DatasetMeta& y) {
    return std::tie(x.tenant, x.service) < std::tie(y.tenant, y.service);
  });
  b.min_time_ns = INT64_MAX;
  for (const DatasetMeta& d : datasets) {
    b.min_time_ns = std::min(b.min_time_ns, d.min_time_ns);
    b.max_time_ns = std::max(b.max_time_ns, d.max_time_ns);
    if (b.symbols.empty() || b.symbols.back().tenant != d.tenant) {
      b.symbols.push_back({d.tenant, {SectionKind::kSharedSymbols, 1, 1000 + b.symbols.size(), 64, 99, 7}});
    }
  }
  b.datasets = std::move(datasets);
  return b;
}

inline std::string CommandOf(const std::vector<BlockMeta>& blocks, int64_t time_ns = kTestTime,
                             const DedupBounds& dedup = {}) {
  std::vector<std::string> encoded;
  for (const BlockMeta& block : blocks) encoded.push_back(codec::EncodeBlockMeta(block));
  return EncodeAddBlocksCommand(time_ns, dedup, encoded);
}

class IndexUnderTest {
 public:
  IndexUnderTest() { Restart(); }

  // A fresh index over the same store.
  void Restart(uint64_t hash_seed = 0) {
    auto opened = MetadataIndex::Open(*store_, hash_seed);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    index_ = std::move(opened).value();
  }
  // Another replica's state in place of this one's, as a snapshot brings it: the index object stays.
  Status TakeStateOf(const IndexUnderTest& other) {
    kv::WriteBatch batch;
    batch.ClearStaging();
    const Status read = other.store_->Scan(kv::Family::kState, "", "",
                                           [&](std::string_view key, std::string_view value) {
                                             batch.Put(kv::Family::kStaging, std::string(key),
                                                       std::string(value));
                                             return true;
                                           });
    EXPECT_TRUE(read.ok());
    batch.SwapState();
    EXPECT_TRUE(store_->Write(batch, true).ok());
    log_index_ = other.log_index_;
    return index_->Restored(log_index_);
  }
  // Applies the commands as one round: their writes reach the store together, after the last.
  std::vector<std::string> Round(const std::vector<std::string>& commands) {
    kv::WriteBatch batch;
    std::vector<std::string> answers;
    for (const std::string& command : commands) {
      answers.push_back(index_->Apply(++log_index_, command, batch));
    }
    EXPECT_TRUE(store_->Write(batch, false).ok());
    index_->Applied(log_index_);
    return answers;
  }
  Result<std::vector<AddedBlock>> Apply(const std::string& command) {
    return DecodeAddBlocksAnswer(Round({command}).front());
  }
  Result<std::vector<AddedBlock>> Add(const std::vector<BlockMeta>& blocks,
                                      int64_t time_ns = kTestTime, const DedupBounds& dedup = {}) {
    return Apply(CommandOf(blocks, time_ns, dedup));
  }
  Result<std::vector<BlockMeta>> Find(const BlockSelection& selection,
                                      const QueryLimits& limits = {}) const {
    return FindBlocks(*store_->Snapshot(), selection, limits);
  }
  std::string Dump() const {
    std::string dump;
    EXPECT_TRUE(DumpState(*store_, [&](std::string_view piece) { dump += piece; }).ok());
    return dump;
  }
  kv::KeyValueStore& store() { return *store_; }
  MetadataIndex& index() { return *index_; }

 private:
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<MetadataIndex> index_;
  uint64_t log_index_ = 0;
};

inline std::vector<std::string> TenantNames(const kv::Reader& reader, std::string_view after, size_t limit) {
  std::vector<std::string> names;
  const auto tenants = ListTenants(reader, after, limit);
  CHECK(tenants.ok());
  for (const auto& [name, summary] : *tenants) names.push_back(name);
  return names;
}

}  // namespace brazier::index
