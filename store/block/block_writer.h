// BlockWriter: builds one object from profile batches: symbols once per tenant, samples per dataset, footer, trailer.
//
// Pure: no I/O. Use: Add() batches, then Build() once. Memory grows with what was added; MemoryBytes() lets the owner
// seal in time. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/model/block_meta.h"
#include "common/model/profile.h"
#include "store/block/label_set_listing.h"
#include "store/block/section_rows.h"
#include "store/block/symbol_interner.h"

namespace brazier::block {

struct BuiltBlock {
  BlockMeta meta;      // datasets with identities, for AddBlocks
  std::string object;  // the complete bytes
};

class BlockWriter {
 public:
  // zstd level: 1 for segments (write speed), 3 for blocks (size).
  explicit BlockWriter(int zstd_level);
  ~BlockWriter();

  // Where a batch's profiles are: positions [first_profile, first_profile + count) of the dataset's profile list.
  struct Added {
    uint32_t dataset = 0;  // order of first appearance; see dataset_position()
    uint32_t first_profile = 0;
    uint32_t profile_count = 0;
  };
  // REQUIRES: the batch is valid, its rows are sorted by stack (see ProfileBatch), and no node of its stack tree has two
  // children with the same location: otherwise equal stacks are stored as two.
  Added Add(ProfileBatch batch);

  BuiltBlock Build(Ulid id, uint32_t shard, uint32_t level);
  // After Build(): position in meta.datasets of a dataset by its order of first appearance.
  uint32_t dataset_position(uint32_t dataset) const { return positions_[dataset]; }

  size_t profile_count() const { return profile_count_; }

 private:
  struct Tenant;
  struct Dataset;

  Dataset& DatasetOf(const ProfileBatch& batch);
  void WriteTenant(const std::string& name, Tenant& tenant, BuiltBlock* out);
  void WriteDataset(const std::string& tenant, Dataset& dataset, const class SymbolNumbering& numbering,
                    const SymbolTable& table, BuiltBlock* out);

  const int zstd_level_;
  std::map<std::string, std::unique_ptr<Tenant>> tenants_;
  std::vector<uint32_t> positions_;
  LabelSetListing label_sets_;
  size_t profile_count_ = 0;
};

// The footer and the trailer that end an object of `sections_size` bytes so far.
std::string EncodeTail(const BlockMeta& meta);

}  // namespace brazier::block
