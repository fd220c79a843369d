// The two forms of a profile on its way in.
//
// DecodedProfile is what a format decoder makes of the client's bytes: one profile, all its sample types, nothing
// dropped yet. ProfileBatch is what the distributor places: one tenant and one service, rows ready to be stored.
// Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/hash.h"
#include "common/model/labels.h"
#include "common/model/symbol_table.h"

namespace brazier {

struct ValueType {
  std::string type;
  std::string unit;
  friend bool operator==(const ValueType&, const ValueType&) = default;
};

// One decoded profile. Samples are rows: stacks[i], values[i * sample_types.size() + t], label_sets[label_set[i]].
struct DecodedProfile {
  SymbolTable symbols;
  std::vector<ValueType> sample_types;
  ValueType period_type;
  int64_t period = 0;
  int64_t time_ns = 0;      // 0: not given
  int64_t duration_ns = 0;

  std::vector<uint32_t> stacks;     // stack node of each sample
  std::vector<int64_t> values;      // samples x sample types, row-major
  std::vector<uint32_t> label_set;  // per sample, into label_sets; empty when no sample has labels
  // Distinct string-label sets of samples, without span_id, trace_id and profile_id. label_sets[0] is empty.
  std::vector<Labels> label_sets{Labels{}};
  std::vector<uint64_t> span_ids;   // per sample, 0 for none; empty when no sample has one
  std::vector<Hash128> trace_ids;   // likewise

  size_t sample_count() const { return stacks.size(); }
};

// Profiles of one (tenant, service), decoded, normalised and identified.
struct ProfileBatch {
  struct Profile {
    Hash128 identity;
    int64_t time_ns = 0;
    int64_t duration_ns = 0;
    int64_t period = 0;
  };
  // One profile's samples in one series. Columns [sample_begin, sample_end), sorted by stack, stacks distinct unless
  // spans or traces differ.
  struct Row {
    uint32_t series = 0;   // into series
    uint32_t profile = 0;  // into profiles
    uint32_t sample_begin = 0;
    uint32_t sample_end = 0;
    int64_t total = 0;  // sum of the values
  };

  std::string tenant;
  std::string service;
  SymbolTable symbols;
  std::vector<Labels> series;  // complete, with __profile_type__ and its parts
  std::vector<Profile> profiles;
  std::vector<Row> rows;
  std::vector<uint32_t> stacks;
  std::vector<int64_t> values;
  std::vector<uint64_t> span_ids;  // empty, or one per sample (0: none)
  std::vector<Hash128> trace_ids;  // likewise

  // References are in range, columns have equal lengths. For batches that came over a wire.
  Status Validate() const;
  size_t MemoryBytes() const;
};

}  // namespace brazier
