// SymbolTable: what the samples of some profiles refer to: strings, functions, mappings, locations, and the stack
// traces as a tree of parent pointers. Plain columns, ids are indexes. Value type; Thread-compatible.
//
// Shapes: node 0 of `stacks` is the root (the empty stack); a node's parent has a smaller index. A stack trace is a
// node: the node's location is the leaf frame, its ancestors are the callers. String 0 is "". Mapping 0 is "no
// mapping". A location has zero or more lines, innermost inlined function first, as in pprof.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace brazier {

// Id -> bytes. Id 0 is always "". At most 4 GiB of bytes.
class StringTable {
 public:
  StringTable() : offsets_{0, 0} {}
  uint32_t Add(std::string_view s) {
    bytes_.append(s);
    offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
    return static_cast<uint32_t>(offsets_.size() - 2);
  }
  // REQUIRES: id < size()
  std::string_view Get(uint32_t id) const {
    return std::string_view(bytes_).substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
  }
  uint32_t size() const { return static_cast<uint32_t>(offsets_.size() - 1); }
  size_t bytes() const { return bytes_.size(); }
  // Adds every string of `other`, "" included, in order.
  void Append(const StringTable& other);
  // Drops the strings from `count` on. REQUIRES: 0 < count <= size()
  void Truncate(uint32_t count) {
    bytes_.resize(offsets_[count]);
    offsets_.resize(count + 1);
  }
  void Reserve(size_t strings, size_t bytes) {
    offsets_.reserve(strings + 1);
    bytes_.reserve(bytes);
  }

 private:
  std::vector<uint32_t> offsets_;  // size() + 1
  std::string bytes_;
};

struct Function {
  uint32_t name = 0;         // string
  uint32_t system_name = 0;  // string
  uint32_t filename = 0;     // string
  int64_t start_line = 0;
  friend bool operator==(const Function&, const Function&) = default;
};

struct Mapping {
  uint64_t memory_start = 0;
  uint64_t memory_limit = 0;
  uint64_t file_offset = 0;
  uint32_t filename = 0;  // string
  uint32_t build_id = 0;  // string
  // Bits: 1 has_functions, 2 has_filenames, 4 has_line_numbers, 8 has_inline_frames.
  uint8_t flags = 0;
  friend bool operator==(const Mapping&, const Mapping&) = default;
};

struct Line {
  uint32_t function = 0;  // function
  int64_t line = 0;
  friend bool operator==(const Line&, const Line&) = default;
};

struct Location {
  uint64_t address = 0;
  uint32_t mapping = 0;     // mapping
  uint32_t line_begin = 0;  // into lines
  uint32_t line_count = 0;
  bool is_folded = false;
};

struct StackNode {
  uint32_t parent = 0;    // node
  uint32_t location = 0;  // location; meaningless for node 0
  friend bool operator==(const StackNode&, const StackNode&) = default;
};

struct SymbolTable {
  StringTable strings;
  std::vector<Function> functions;
  std::vector<Mapping> mappings{Mapping{}};
  std::vector<Line> lines;
  std::vector<Location> locations;
  std::vector<StackNode> stacks{StackNode{}};

  // Every reference is in range and every parent precedes its child. For tables that came over a wire.
  Status Validate() const;
  size_t MemoryBytes() const;
};

// The frame name of a location that has no lines: "binary!0xaddr", or "unknown!0xaddr".
std::string UnsymbolizedName(const SymbolTable& symbols, const Location& location);

}  // namespace brazier
