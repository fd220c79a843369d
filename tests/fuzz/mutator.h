// Mutator: turns valid inputs into nearly valid ones. Deterministic by seed; each Mutator draws its own weights, so that runs
// differ in style: some only flip bits, others cut and splice. Value; Thread-compatible.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace brazier::fuzz {

class Mutator {
 public:
  static constexpr size_t kInputBytesMax = 1 << 20;

  explicit Mutator(uint64_t seed);

  // A mutation of one of the inputs, at most kInputBytesMax bytes. REQUIRES: !corpus.empty()
  std::string Next(const std::vector<std::string>& corpus);

 private:
  enum Kind { kFlip, kSet, kInteresting, kInsert, kErase, kRepeat, kSwap, kSplice, kTruncate, kVarint, kKinds };
  uint64_t Draw();
  size_t Below(size_t bound) { return bound == 0 ? 0 : Draw() % bound; }
  Kind DrawKind();
  void Apply(Kind kind, const std::vector<std::string>& corpus, std::string* input);

  uint64_t state_;
  std::array<uint32_t, kKinds> weights_{};
};

}  // namespace brazier::fuzz
