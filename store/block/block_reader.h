// Reads objects of the format. DecodeFooter() is for who holds the whole object; BlockSections is the query's way in: from the
// metastore's entry straight to the sections it needs, in few ranged reads of the object.
//
// Sample columns come in chunks: a compacted dataset has any number of them (and of its roll-ups), that of a segment is one.
// SampleChunks() says which rows and times each has, so that a reader chooses before it fetches.
//
// Bytes are checked (sizes, CRC, references) and never trusted: bad ones give kCorruption naming the section.
#pragma once

#include <functional>
#include <list>
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

// The sample columns of some of a dataset's rows.
struct SampleChunkRef {
  const SectionRef* section = nullptr;  // of the dataset
  uint32_t row_begin = 0;
  uint32_t row_end = 0;  // UINT32_MAX: to the last row, however many there are
  int64_t min_time_ns = 0;
  int64_t max_time_ns = 0;
};
// The chunks of a kind (kSampleChunk, kHourSamples or kDaySamples) in the order of their rows. A dataset with a section
// kSamples has that as its one kSampleChunk. The dataset must outlive what is returned.
Result<std::vector<SampleChunkRef>> SampleChunks(const DatasetMeta& dataset, SectionKind kind);
// How many there are.
size_t SampleChunkCount(const DatasetMeta& dataset, SectionKind kind);

// The sections of one block that a read needs, fetched together. Thread-compatible.
class BlockSections {
 public:
  // Whether a section of the dataset (position in BlockRead::datasets) is wanted. The reference is to the BlockRead's own.
  using Wanted = std::function<bool(size_t dataset, const SectionRef& section)>;

  // Reads from the store; near ranges become one request. `wanted`: per dataset whether it is; empty: all of them. The
  // sections of others stay empty.
  static Result<BlockSections> Fetch(object::ObjectStore& store, const BlockRead& read,
                                     SectionNeeds needs, const std::vector<bool>& wanted = {});
  // Likewise, the sections that are wanted. The shared symbols of a tenant come with symbols and samples of its datasets.
  static Result<BlockSections> FetchWanted(object::ObjectStore& store, const BlockRead& read, const Wanted& wanted);
  // From a complete object in memory, which must outlive this.
  static Result<BlockSections> FromObject(Bytes object, const BlockRead& read, SectionNeeds needs);
  static Result<BlockSections> WantedFromObject(Bytes object, const BlockRead& read, const Wanted& wanted);

  // Takes over the sections of another fetch of the same read: those that this has not.
  void Add(BlockSections more);

  uint64_t bytes_read() const { return bytes_read_; }

  // Decodes the shared symbols of a tenant into a fresh table; an empty table when it has none.
  Result<SymbolTable> SharedSymbols(const std::string& tenant) const;
  // Appends the dataset's own symbols to a table that holds the shared ones.
  Status OwnSymbols(size_t dataset, SymbolTable* table) const;
  Result<DatasetRows> Rows(size_t dataset) const;
  // The parts of a chunk's columns, for SamplesDecoder, which then takes the rows of this chunk alone. `kind` and `chunk` as of
  // SampleChunks(), whether or not the chunks before it were fetched. kCorruption when it was not fetched or does not exist.
  Result<std::vector<std::string>> SampleChunk(size_t dataset, SectionKind kind, size_t chunk) const;
  Result<std::vector<std::string>> SampleChunk(size_t dataset, size_t chunk) const {
    return SampleChunk(dataset, SectionKind::kSampleChunk, chunk);
  }
  // All chunks as if they were one: the columns of all rows. Who has no bound for these takes them one by one.
  Result<std::vector<std::string>> Samples(size_t dataset) const;
  // kHourRows or kDayRows; empty when the dataset has none. Their samples are the chunks of kHourSamples or kDaySamples.
  Result<RollupRows> Rollup(size_t dataset, SectionKind kind) const;

 private:
  struct Piece {
    SectionRef section;
    Bytes bytes;
    uint32_t chunk = 0;  // position among the sections of its kind
  };
  static Result<BlockSections> Choose(const BlockRead& read, const Wanted& wanted);
  std::vector<Piece*> Pieces();
  const Piece* Find(size_t dataset, SectionKind kind, size_t chunk) const;
  Result<std::vector<std::string>> Decode(size_t dataset, SectionKind kind, size_t chunk = 0) const;

  std::list<std::vector<std::string>> buffers_;  // of each fetch; pieces point into them
  std::vector<std::pair<std::string, Piece>> shared_;  // by tenant
  std::vector<std::vector<Piece>> datasets_;           // parallel to BlockRead::datasets
  uint64_t bytes_read_ = 0;
};

}  // namespace brazier::block
