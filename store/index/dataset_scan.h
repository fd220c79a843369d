// DatasetScan: the dataset entries of a selection, in the order of tenants, services and duration classes. What look-ups of blocks
// and of labels have in common. Used within store/index only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "store/index/index_entries.h"
#include "store/index/index_reader.h"

namespace brazier::index {

// One entry whose time range meets the selection's. The views live for the call.
struct ScannedDataset {
  const std::string& tenant;
  const std::string& service;
  int64_t min_time_ns;
  Ulid id;
  std::string_view value;  // of the entry
  DatasetEntryHead head;
};

class LabelSetStates;

// Algorithm: 1 per tenant, name the services; 2 per service that the selector can mean, read which duration classes it has;
// 3 per class, scan keys from (start - longest duration of the class) to end and visit entries that reach start.
class DatasetScan {
 public:
  // Borrows all three.
  DatasetScan(const kv::Reader& reader, const BlockSelection& selection, const QueryLimits& limits)
      : reader_(reader), selection_(selection), limits_(limits) {}
  virtual ~DatasetScan() = default;

  Status Run();

 protected:
  virtual Status Visit(const ScannedDataset& dataset) = 0;
  // The service's entries have been visited.
  virtual Status EndService(const std::string& tenant, const std::string& service) { return Status(); }

  // Decodes the entry. False, and no entry, when the dataset can have no part in an answer: hidden as a whole, or without a profile
  // of the selected type. Label sets are looked at elsewhere.
  Result<bool> DecodeIfItMatches(const ScannedDataset& dataset, DatasetEntry* entry) const;

  // Whether the selector matches one of the dataset's label sets; one whose label sets are not listed always can.
  Result<bool> CanMatch(const ScannedDataset& dataset, LabelSetStates& states) const;

  const kv::Reader& reader_;
  const BlockSelection& selection_;
  const QueryLimits& limits_;

 private:
  Status ScanTenant(const std::string& tenant);
  Status ScanService(const std::string& tenant, const std::string& service, uint32_t classes);
  Status ScanClass(const std::string& tenant, const std::string& service, uint32_t duration_class);
  bool SelectsService(const std::string& service) const;

  size_t entries_ = 0;
};

// What a look-up thinks of the label sets of one service, by day and number.
enum class LabelSetState : uint8_t {
  kOther,    // the selector does not match
  kMatches,  // it does
  kCounted,  // and the set is in the answer
};
class LabelSetStates {
 public:
  LabelSetStates(const kv::Reader& reader, const Selector* selector, size_t limit)
      : reader_(reader), selector_(selector), limit_(limit) {}

  // Reads the label set when it is met for the first time.
  Result<LabelSetState*> Find(const ScannedDataset& dataset, uint32_t number) {
    return Find(dataset.tenant, dataset.service, dataset.min_time_ns, number);
  }
  Result<LabelSetState*> Find(const std::string& tenant, const std::string& service, int64_t min_time_ns, uint32_t number);
  // Another service comes.
  void Clear() { states_.clear(); }

 private:
  const kv::Reader& reader_;
  const Selector* const selector_;
  const size_t limit_;
  std::unordered_map<uint64_t, LabelSetState> states_;  // day << 32 | number
};

Status IndexQueryOverLimit(std::string_view what, size_t limit);

// The blocks of the entries, sorted by id. REQUIRES: entries of one block are in the order of tenants and services.
struct FoundDataset {
  Ulid id;
  DatasetEntry entry;  // with tenant and service
};
std::vector<BlockMeta> GroupByBlock(std::vector<FoundDataset> found);

}  // namespace brazier::index
