// The stacks of a dataset as a tree in pre-order: how far each node lies above the one before, and which of the calls that
// its parent's location is known to make it is. Two small numbers per node in place of a parent and a location: half of the
// bytes. docs/format/object.md gives the columns. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/symbol_table.h"

namespace brazier::block {

// One number per node in the first two, one where `steps` says so in the others.
struct StackTreeColumns {
  std::string shape;  // varint: levels up from the node before, before going down one; 0: its child
  std::string steps;  // varint: 0 a fresh location, 1 a known one, 2 + k the k-th call known of the parent's location
  std::string fresh;  // signed: difference to the fresh location before
  std::string known;  // varint: the location
};

// `nodes`: in pre-order; parents are positions in it plus 1, 0 is the root. Locations below `location_count`.
StackTreeColumns EncodeStackTree(std::span<const StackNode> nodes, uint32_t location_count);

// The columns as they were stored, from wherever.
struct StackTreeBytes {
  Bytes shape, steps, fresh, known;
};
// Appends `count` nodes, all below the root. The caller has compared the count with the bytes of `shape`. kCorruption.
Status DecodeStackTree(const StackTreeBytes& columns, uint64_t count, uint32_t location_count, std::vector<StackNode>* out);

}  // namespace brazier::block
