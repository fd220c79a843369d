#include "tests/fuzz/mutator.h"

#include <algorithm>

namespace brazier::fuzz {
namespace {

// Numbers that length and index checks get wrong.
constexpr uint64_t kInterestingNumbers[] = {
    0, 1, 2, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, (1ull << 31) - 1, 1ull << 31, (1ull << 32) - 1,
    1ull << 32, (1ull << 63) - 1, 1ull << 63, UINT64_MAX, UINT64_MAX - 1};

std::string Varint(uint64_t value) {
  std::string out;
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
  return out;
}

}  // namespace

Mutator::Mutator(uint64_t seed) : state_(seed) {
  for (uint32_t& weight : weights_) weight = Below(4) == 0 ? 0 : 1 + static_cast<uint32_t>(Below(8));
  weights_[kSet] += 1;  // never all zero
}

uint64_t Mutator::Draw() {
  uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

Mutator::Kind Mutator::DrawKind() {
  uint32_t sum = 0;
  for (uint32_t weight : weights_) sum += weight;
  size_t at = Below(sum);
  for (int kind = 0; kind < kKinds; ++kind) {
    if (at < weights_[static_cast<size_t>(kind)]) return static_cast<Kind>(kind);
    at -= weights_[static_cast<size_t>(kind)];
  }
  return kSet;
}

void Mutator::Apply(Kind kind, const std::vector<std::string>& corpus, std::string* input) {
  std::string& s = *input;
  const size_t at = Below(s.size());
  const size_t length = std::min(s.size() - std::min(at, s.size()), size_t{1} + Below(Below(8) == 0 ? 4096 : 16));
  switch (kind) {
    case kFlip:
      if (!s.empty()) s[at] = static_cast<char>(s[at] ^ (1 << Below(8)));
      return;
    case kSet:
      if (!s.empty()) s[at] = static_cast<char>(Draw());
      return;
    case kInteresting: {
      const uint64_t number = kInterestingNumbers[Below(std::size(kInterestingNumbers))];
      const size_t width = size_t{1} << Below(4);
      const bool big_endian = Below(2) == 0;  // msgpack is, protobuf's fixed fields are not
      for (size_t i = 0; i < width && at + i < s.size(); ++i) {
        s[at + i] = static_cast<char>(number >> (8 * (big_endian ? width - 1 - i : i)));
      }
      return;
    }
    case kInsert: {
      std::string bytes(1 + Below(8), '\0');
      for (char& c : bytes) c = static_cast<char>(Draw());
      s.insert(at, bytes);
      return;
    }
    case kErase:
      s.erase(at, length);
      return;
    case kRepeat:
      for (size_t i = 0, n = 1 + Below(Below(10) == 0 ? 200 : 4); i < n && s.size() < kInputBytesMax; ++i) {
        s.insert(at, std::string(s, at, length));
      }
      return;
    case kSwap: {
      if (s.size() < 2) return;
      const size_t other = Below(s.size());
      const size_t n = std::min(length, s.size() - std::max(at, other));
      for (size_t i = 0; i < n; ++i) std::swap(s[at + i], s[other + i]);
      return;
    }
    case kSplice: {
      const std::string& other = corpus[Below(corpus.size())];
      const size_t from = Below(other.size());
      s = s.substr(0, at) + other.substr(from);
      return;
    }
    case kTruncate:
      s.resize(at);
      return;
    case kVarint: {
      size_t end = at;
      while (end < s.size() && (s[end] & 0x80) != 0 && end - at < 10) ++end;
      const uint64_t number = Below(2) == 0 ? kInterestingNumbers[Below(std::size(kInterestingNumbers))] : Draw() >> Below(64);
      if (!s.empty()) s.replace(at, std::min(end + 1, s.size()) - at, Varint(number));
      return;
    }
    case kKinds: return;
  }
}

std::string Mutator::Next(const std::vector<std::string>& corpus) {
  std::string input = corpus[Below(corpus.size())];
  for (size_t i = 0, n = 1 + Below(Below(4) == 0 ? 16 : 4); i < n; ++i) Apply(DrawKind(), corpus, &input);
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
  return input;
}

}  // namespace brazier::fuzz
