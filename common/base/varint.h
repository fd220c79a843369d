// Variable-length integers (LEB128, 7 bits a byte, low bits first) and zig-zag signs: the columns of the object format.
// Writer appends to its own buffer; reader is for hostile bytes: after the first malformed one ok() is false and
// everything reads as 0. Thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/bytes.h"

namespace brazier {

inline uint64_t ZigZag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
inline int64_t UnZigZag(uint64_t v) {
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}

// The bytes PutVarint() may write.
inline constexpr size_t kVarintBytesMax = 10;

// Writes a varint at `at` and returns the end of it. Numbers below 2^28 without a branch: in a column of differences
// nothing tells the processor how long the next one is.
inline char* PutVarint(char* at, uint64_t v) {
  if (v < (uint64_t{1} << 28)) [[likely]] {
    const uint32_t n = static_cast<uint32_t>(v);
    const uint32_t more = (n >= 1u << 7) + (n >= 1u << 14) + (n >= 1u << 21);
    const uint32_t sevens =
        (n & 0x7F) | (n << 1 & 0x7F00) | (n << 2 & 0x7F0000) | (n << 3 & 0x7F000000);
    const uint32_t word = sevens | (0x80808080u & ((1u << (8 * more)) - 1));
    std::memcpy(at, &word, sizeof(word));
    return at + more + 1;
  }
  for (; v >= 0x80; v >>= 7) *at++ = static_cast<char>(v | 0x80);
  *at++ = static_cast<char>(v);
  return at;
}

class ByteWriter {
 public:
  void Varint(uint64_t v) {
    if (v < 0x80) [[likely]] {
      bytes_.push_back(static_cast<char>(v));
      return;
    }
    char buffer[10];
    size_t n = 0;
    while (v >= 0x80) {
      buffer[n++] = static_cast<char>(v | 0x80);
      v >>= 7;
    }
    buffer[n++] = static_cast<char>(v);
    bytes_.append(buffer, n);
  }
  void Signed(int64_t v) { Varint(ZigZag(v)); }
  // A whole column: Varint(value(0)) to Varint(value(count - 1)), for loops that matter.
  template <typename Value>
  void Varints(size_t count, Value value) {
    constexpr size_t kBlock = 128;
    char block[kBlock * kVarintBytesMax];
    for (size_t begin = 0; begin < count; begin += kBlock) {
      const size_t end = std::min(count, begin + kBlock);
      char* at = block;
      for (size_t i = begin; i < end; ++i) at = PutVarint(at, value(i));
      bytes_.append(block, static_cast<size_t>(at - block));
    }
  }
  void Raw(std::string_view s) { bytes_.append(s); }
  void Fixed64(uint64_t v) { bytes_.append(reinterpret_cast<const char*>(&v), 8); }
  void String(std::string_view s) {
    Varint(s.size());
    Raw(s);
  }
  size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }
  void Clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(Bytes data) : p_(data.data()), end_(data.data() + data.size()) {}

  uint64_t Varint() {
    if (p_ < end_ && *p_ < 0x80) [[likely]] return *p_++;
    return LongVarint();
  }
  int64_t Signed() { return UnZigZag(Varint()); }
  // A count of things of at least `bytes_each` bytes; fails when they cannot be there, so that nothing is allocated
  // on the word of a hostile length.
  uint64_t Count(size_t bytes_each = 1) {
    const uint64_t n = Varint();
    if (n > remaining() / (bytes_each == 0 ? 1 : bytes_each)) {
      Fail();
      return 0;
    }
    return n;
  }
  Bytes Raw(uint64_t n) {
    if (n > remaining()) {
      Fail();
      return {};
    }
    Bytes out(p_, n);
    p_ += n;
    return out;
  }
  uint64_t Fixed64() {
    uint64_t v = 0;
    const Bytes raw = Raw(8);
    if (raw.size() == 8) std::memcpy(&v, raw.data(), 8);
    return v;
  }
  std::string_view String() { return AsString(Raw(Varint())); }

  size_t remaining() const { return static_cast<size_t>(end_ - p_); }
  bool AtEnd() const { return p_ == end_; }
  bool ok() const { return ok_; }

 private:
  uint64_t LongVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && p_ < end_; shift += 7) {
      const uint8_t byte = *p_++;
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    Fail();
    return 0;
  }
  void Fail() {
    ok_ = false;
    p_ = end_;
  }

  const uint8_t* p_;
  const uint8_t* end_;
  bool ok_ = true;
};

}  // namespace brazier
