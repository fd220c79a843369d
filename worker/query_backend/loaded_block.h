// LoadedBlock: the sections of one block that a query needs, in memory. Thread-safe once loaded; refers to the read,
// which must outlive it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/query.h"
#include "store/block/block_reader.h"
#include "store/object/object_store.h"

namespace brazier::query_backend {

class LoadedBlock {
 public:
  explicit LoadedBlock(const BlockRead& read) : read_(read) {}

  // Adds the sections that are wanted and not there yet. kNotFound, kCorruption, or what the store says; names the block.
  Status Load(object::ObjectStore& store, const block::BlockSections::Wanted& wanted);

  const BlockRead& read() const { return read_; }
  const block::BlockSections& sections() const { return sections_; }
  // The symbols that a dataset refers to, the tenant's shared ones first, into a table whose memory is used again.
  Status ReadSymbols(size_t dataset, SymbolTable* symbols) const;

 private:
  // A tenant's shared symbols, decoded once; an empty table when it has none.
  Result<const SymbolTable*> SharedSymbols(const std::string& tenant) const;

  const BlockRead& read_;
  block::BlockSections sections_;
  struct Shared {
    std::string tenant;
    SymbolTable symbols;
  };
  mutable std::mutex mu_;
  mutable std::vector<std::unique_ptr<const Shared>> shared_;  // guarded by mu_; entries do not move
};

}  // namespace brazier::query_backend
