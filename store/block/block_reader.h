// BlockReader: reads objects of the format. OpenObject() is for tools that hold the whole object; DatasetReader is the
// query's way in: from the metastore's entry straight to the sections it needs, in one ranged read per object.
//
// Bytes are checked (sizes, CRC, references) and never trusted: bad ones give kCorruption naming the section.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "common/model/query.h"
#include "common/model/symbol_table.h"
#include "store/block/section_rows.h"
#include "store/object/object_store.h"

namespace brazier::block {

// Checks the trailer and decodes the footer of a complete object.
Result<BlockMeta> DecodeFooter(Bytes object);
// The same of a stored object of `object_size` bytes, by one ranged read, or two when the footer is larger than
// kTailBytes. A footer of more than `footer_bytes_max` bytes is kCorruption and not read.
Result<BlockMeta> FetchFooter(object::ObjectStore& store, const std::string& object_key,
                              uint64_t object_size, uint64_t footer_bytes_max);
inline constexpr uint64_t kTailBytes = 16 << 10;

const SectionRef* FindSection(const std::vector<SectionRef>& sections, SectionKind kind);

// Which sections a query needs of each dataset.
struct SectionNeeds {
  bool rows = true;
  bool samples = false;  // implies symbols
};

// The sections of one block that a read needs, fetched together. Thread-compatible.
class BlockSections {
 public:
  // Reads from the store; near ranges become one request. `wanted`: per dataset whether it is; empty: all of them. The
  // sections of others stay empty.
  static Result<BlockSections> Fetch(object::ObjectStore& store, const BlockRead& read,
                                     SectionNeeds needs, const std::vector<bool>& wanted = {});
  // From a complete object in memory, which must outlive this.
  static Result<BlockSections> FromObject(Bytes object, const BlockRead& read, SectionNeeds needs);

  uint64_t bytes_read() const { return bytes_read_; }

  // Decodes the shared symbols of a tenant into a fresh table; an empty table when it has none.
  Result<SymbolTable> SharedSymbols(const std::string& tenant) const;
  // Appends the dataset's own symbols to a table that holds the shared ones.
  Status OwnSymbols(size_t dataset, SymbolTable* table) const;
  Result<DatasetRows> Rows(size_t dataset) const;
  // The parts of the samples section, for SamplesDecoder.
  Result<std::vector<std::string>> Samples(size_t dataset) const;

 private:
  struct Piece {
    SectionRef section;
    Bytes bytes;
  };
  Result<std::vector<std::string>> Decode(size_t dataset, SectionKind kind) const;

  std::vector<std::string> buffers_;
  std::vector<std::pair<std::string, Piece>> shared_;  // by tenant
  std::vector<std::vector<Piece>> datasets_;           // parallel to BlockRead::datasets
  uint64_t bytes_read_ = 0;
};

}  // namespace brazier::block
