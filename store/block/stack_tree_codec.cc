#include "store/block/stack_tree_codec.h"

#include <algorithm>
#include <array>
#include <bit>

#include "common/base/check.h"
#include "common/base/varint.h"

namespace brazier::block {
namespace {

enum Step : uint8_t { kFresh = 0, kKnown = 1, kFirstCall = 2 };

// Of a location that calls more than this many, the others are written out each time: nothing may make a node cost more
// than a constant.
constexpr uint32_t kCallsMax = 64;
constexpr uint32_t kNone = 0xFFFFFFFF;
static_assert(kFirstCall + kCallsMax < 0x80, "a step is one byte");

// What calls are known of each location, oldest first. Most make a handful, which lie beside their count.
class KnownCalls {
 public:
  // One more than there are locations: the root is a caller too.
  explicit KnownCalls(size_t callers) : callers_(callers) {}

  // The position of the call, or kNone when it is not known; then it is, if there is room.
  uint32_t FindOrAdd(uint32_t caller, uint32_t callee) {
    const Caller& from = callers_[caller];
    // All at once: where the call is among the known ones is as good as at random, so a search would be mispredicted.
    uint32_t found = 0;
#pragma GCC unroll 6
    for (uint32_t i = 0; i < kNear; ++i) found |= uint32_t{from.near[i] == callee} << i;
    if (found != 0) return static_cast<uint32_t>(std::countr_zero(found));
    if (from.count > kNear) {
      const Far& far = far_[from.far];
      for (uint32_t i = kNear; i < from.count; ++i) {
        if (far[i - kNear] == callee) return i;
      }
    }
    Add(caller, callee);
    return kNone;
  }
  // kNone when there is none at that position.
  uint32_t At(uint32_t caller, uint64_t position) const {
    const Caller& from = callers_[caller];
    if (position >= from.count) return kNone;
    return position < kNear ? from.near[position] : far_[from.far][position - kNear];
  }
  void Add(uint32_t caller, uint32_t callee) {
    Caller& from = callers_[caller];
    if (from.count < kNear) {
      from.near[from.count++] = callee;
      return;
    }
    if (from.count == kCallsMax) return;
    if (from.count == kNear) {
      from.far = static_cast<uint32_t>(far_.size());
      far_.emplace_back();
    }
    far_[from.far][from.count++ - kNear] = callee;
  }

 private:
  static constexpr uint32_t kNear = 6;
  struct Caller {
    uint32_t count = 0;
    uint32_t far = 0;  // into far_, when there are more than kNear
    std::array<uint32_t, kNear> near{kNone, kNone, kNone, kNone, kNone, kNone};
  };
  using Far = std::array<uint32_t, kCallsMax - kNear>;
  std::vector<Caller> callers_;
  std::vector<Far> far_;
};

Status Corrupt(const char* what) { return Corruption(std::string("stacks: ") + what); }

}  // namespace

StackTreeColumns EncodeStackTree(std::span<const StackNode> nodes, uint32_t location_count) {
  StackTreeColumns out;
  KnownCalls calls(size_t{location_count} + 1);
  std::vector<uint8_t> is_met(location_count);
  std::vector<uint32_t> depths(nodes.size() + 1);
  ByteWriter fresh, known;
  uint32_t last_fresh = 0;
  std::string& steps = out.steps;
  steps.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto [parent, location] = nodes[i];
    DCHECK(parent <= i && location < location_count);
    depths[i + 1] = depths[parent] + 1;
    const uint32_t caller = parent == 0 ? location_count : nodes[parent - 1].location;
    const uint32_t position = calls.FindOrAdd(caller, location);
    if (position != kNone) {
      steps[i] = static_cast<char>(kFirstCall + position);
    } else if (is_met[location]) {
      steps[i] = static_cast<char>(kKnown);
      known.Varint(location);
    } else {
      steps[i] = static_cast<char>(kFresh);
      fresh.Signed(static_cast<int64_t>(location) - static_cast<int64_t>(last_fresh));
      last_fresh = location;
      is_met[location] = 1;
    }
  }
  ByteWriter shape;
  shape.Varints(nodes.size(), [&](size_t i) { return depths[i] + 1 - depths[i + 1]; });
  out.shape = shape.Take();
  out.fresh = fresh.Take();
  out.known = known.Take();
  return out;
}

Status DecodeStackTree(const StackTreeBytes& columns, uint64_t count, uint32_t location_count,
                       std::vector<StackNode>* out) {
  ByteReader shape(columns.shape), steps(columns.steps), fresh(columns.fresh), known(columns.known);
  KnownCalls calls(size_t{location_count} + 1);
  // The node before and what is above it, from the root: path[0] to path[depth].
  std::vector<uint32_t> path(64);
  size_t depth = 0;
  uint32_t last_fresh = 0;
  const uint32_t begin = static_cast<uint32_t>(out->size());
  out->resize(begin + count);
  StackNode* const nodes = out->data();
  for (uint32_t node = begin; node < begin + count; ++node) {
    const uint64_t up = shape.Varint();
    if (up > depth) return Corrupt("a node lies above the root");
    depth -= up;
    const uint32_t parent = path[depth];
    const uint32_t caller = parent == 0 ? location_count : nodes[parent].location;
    const uint64_t step = steps.Varint();
    uint32_t location;
    if (step >= kFirstCall) {
      location = calls.At(caller, step - kFirstCall);
    } else {
      if (step == kKnown) {
        const uint64_t v = known.Varint();
        location = v < location_count ? static_cast<uint32_t>(v) : kNone;
      } else {
        location = last_fresh += static_cast<uint32_t>(fresh.Signed());
      }
      if (location < location_count) calls.Add(caller, location);
    }
    if (location >= location_count) return Corrupt("a location does not exist");
    nodes[node] = {parent, location};
    if (++depth == path.size()) path.resize(depth * 2);
    path[depth] = node;
  }
  for (const ByteReader* column : {&shape, &steps, &fresh, &known}) {
    if (!column->ok()) return Corrupt("a column is truncated");
    if (!column->AtEnd()) return Corrupt("there are bytes left over");
  }
  return Status::Ok();
}

}  // namespace brazier::block
