// MemoryAccount: what a merge holds, by use. Its parts say how much they hold, and ask nobody: the shares they keep to follow
// from the budget. Sums sizes, not what the allocator rounds them up to. Thread-compatible.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

namespace brazier::block {

class MemoryAccount {
 public:
  enum Use : size_t { kInputs, kShared, kSymbols, kMaps, kRows, kSamples, kChunks, kRollups, kDataset, kOutput, kUses };

  void Set(Use use, uint64_t bytes) {
    held_[use] = bytes;
    peak_ = std::max(peak_, held());
  }
  uint64_t held() const { return std::accumulate(held_.begin(), held_.end(), uint64_t{0}); }
  uint64_t held(Use use) const { return held_[use]; }
  uint64_t peak() const { return peak_; }

 private:
  std::array<uint64_t, kUses> held_{};
  uint64_t peak_ = 0;
};

}  // namespace brazier::block
