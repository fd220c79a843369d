// ReferenceIndex: what the members must agree with: the real index on a store that never fails, given each committed
// command once, and beside it a plain model of deduplication that shares no code with it. Thread-hostile.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/index/metadata_index.h"

namespace brazier::simulation {

// Hidden positions per dataset.
using HiddenProfiles = std::vector<std::vector<uint32_t>>;

// Deduplication by the book: docs/format/index.md.
class DedupModel {
 public:
  std::vector<index::AddedBlock> Add(const index::AddBlocksCommand& command);
  // Of every block, as of its first registration.
  const std::map<Ulid, HiddenProfiles>& blocks() const { return blocks_; }

 private:
  struct Entry {
    int64_t time_ns;
    std::vector<Hash128> identities;
  };
  void ForgetOldest();

  std::map<Ulid, HiddenProfiles> blocks_;
  std::deque<Entry> window_;
  std::map<Hash128, size_t> remembered_;  // identity -> entries that have it
  size_t size_ = 0;
};

class ReferenceIndex {
 public:
  ReferenceIndex();
  // The answer to the command. `disagreement` says how index and model differ, if they do.
  std::string Apply(uint64_t index, std::string_view command, std::string* disagreement);
  const DedupModel& model() const { return model_; }
  std::string Dump() const;

 private:
  std::unique_ptr<kv::KeyValueStore> store_;
  std::unique_ptr<index::MetadataIndex> index_;
  DedupModel model_;
};

// DumpState as one string.
std::string DumpOf(const kv::Reader& reader);

}  // namespace brazier::simulation
