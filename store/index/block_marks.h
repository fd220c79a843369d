// BlockMarks: what a query must know of blocks besides their entries: which are in quarantine, and which still hold data that was
// deleted. Read once per query, from short key ranges that are empty nearly always. Used within store/index only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/index/dataset_scan.h"
#include "store/index/deletion_scope.h"
#include "store/index/index_reader.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

// Memory: some 50 bytes for each block that waits to be rewritten because of a deletion that meets the selection, and for each
// block in quarantine, kQuarantineKeptMax of them; the others are read when they are met. Thread-compatible.
class BlockMarks {
 public:
  static constexpr size_t kQuarantineKeptMax = 10'000;

  explicit BlockMarks(const kv::Reader& reader) : reader_(reader) {}
  // "index_query_limit" when more than limits.entries_max blocks wait.
  Status Load(const BlockSelection& selection, const QueryLimits& limits);

  // Why the block is in quarantine; empty: it is not.
  Result<std::string> QuarantineOf(const Ulid& id);

  // How much of a dataset is deleted. Exact for kNothing and kAll.
  enum class Deleted { kNothing, kSome, kAll };
  Deleted DeletedOf(const ScannedDataset& dataset) const;
  // Of the selection's tenants; those that meet its service and range.
  std::vector<DataFilter> DeletionsOf(const Ulid& block) const;

 private:
  struct HashId {
    size_t operator()(const Ulid& id) const { return MixHash(id.bits.high, id.bits.low); }
  };
  Status LoadDeletions(const std::string& tenant, const BlockSelection& selection, const QueryLimits& limits);

  const kv::Reader& reader_;
  std::vector<DeletionScope> deletions_;
  std::unordered_map<Ulid, std::vector<uint32_t>, HashId> deleted_;  // positions in deletions_
  size_t waiting_ = 0;
  std::unordered_map<Ulid, std::string, HashId> quarantine_;
  bool has_all_quarantine_ = true;
};

}  // namespace brazier::index
