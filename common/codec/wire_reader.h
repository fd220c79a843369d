// WireReader: reads the protobuf wire format from hostile bytes. No copies: length-delimited fields are spans of the
// input. After the first malformed byte ok() is false and everything reads as the end. Thread-compatible.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/base/bytes.h"

namespace brazier::codec {

// The number that the low seven bits of eight bytes make.
inline uint64_t JoinSevens(uint64_t word) {
  word = (word & 0x007F007F007F007Full) | (word & 0x7F007F007F007F00ull) >> 1;
  word = (word & 0x00003FFF00003FFFull) | (word & 0x3FFF00003FFF0000ull) >> 2;
  return (word & 0x000000000FFFFFFFull) | (word & 0x0FFFFFFF00000000ull) >> 4;
}

// A varint of up to eight bytes without a branch per byte. False, and nothing read, for a longer one and for one that
// ends behind `end`. REQUIRES: eight bytes can be read at `at`.
[[gnu::always_inline]] inline bool ReadShortVarint(const uint8_t*& at, const uint8_t* end, uint64_t* value) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  const uint64_t stops = ~word & 0x8080808080808080ull;
  const uint8_t* const next = at + (__builtin_ctzll(stops | uint64_t{1} << 63) + 1) / 8;
  if (stops == 0 || next > end) [[unlikely]] return false;
  *value = JoinSevens(word & (stops ^ (stops - 1)));
  at = next;
  return true;
}

class WireReader {
 public:
  explicit WireReader(Bytes data) : p_(data.data()), end_(data.data() + data.size()) {}

  enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  // Advances to the next field. False at the end or on malformed input.
  bool Next() {
    if (p_ >= end_) return false;
    const uint8_t tag = *p_;
    // Fields 1 to 15 of the two types that messages consist of; the rest is out of the way.
    if (tag < 0x80 && tag >= 8) [[likely]] {
      field_ = tag >> 3;
      type_ = tag & 7;
      if (type_ == kBytes) {
        ++p_;
        return ReadBytes();
      }
      if (type_ == kVarint) {
        ++p_;
        value_ = ReadVarint();
        return ok_;
      }
    }
    return NextOfAnyKind();
  }

  uint32_t field() const { return field_; }
  uint32_t type() const { return type_; }
  bool is_varint() const { return type_ == kVarint; }
  bool is_bytes() const { return type_ == kBytes; }
  uint64_t value() const { return value_; }  // of a varint field
  int64_t signed_value() const { return static_cast<int64_t>(value_); }
  Bytes bytes() const { return bytes_; }  // of a length-delimited field
  bool ok() const { return ok_; }

  bool AtEnd() const { return p_ >= end_; }
  const uint8_t* position() const { return p_; }  // of what is read next
  // One bare varint, for packed fields.
  uint64_t ReadVarint() {
    if (p_ < end_ && *p_ < 0x80) [[likely]] return *p_++;
    if (end_ - p_ >= 2 && p_[1] < 0x80) [[likely]] {
      const uint64_t value = (p_[0] & 0x7Fu) | uint64_t{p_[1]} << 7;
      p_ += 2;
      return value;
    }
    return ReadLongVarint();
  }

 private:
  bool ReadBytes() {
    const uint64_t size = ReadVarint();
    if (size > static_cast<uint64_t>(end_ - p_)) {
      bytes_ = Bytes(p_, 0);
      Fail();
      return false;
    }
    bytes_ = Bytes(p_, size);
    p_ += size;
    return ok_;
  }
  [[gnu::noinline]] bool NextOfAnyKind() {
    const uint64_t tag = ReadVarint();
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    if (field_ == 0 || tag > 0xFFFFFFFFu) Fail();
    switch (type_) {
      case kVarint:
        value_ = ReadVarint();
        break;
      case kFixed64:
        Skip(8);
        break;
      case kBytes:
        ReadBytes();
        break;
      case kFixed32:
        Skip(4);
        break;
      default:
        Fail();
    }
    return ok_;
  }
  [[gnu::noinline]] uint64_t ReadLongVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && p_ < end_; shift += 7) {
      const uint8_t byte = *p_++;
      value |= static_cast<uint64_t>(byte & 0x7F) << (shift < 64 ? shift : 63);
      if (byte < 0x80) return value;
    }
    Fail();
    return 0;
  }
  void Skip(size_t n) {
    if (n > static_cast<size_t>(end_ - p_)) {
      Fail();
    } else {
      p_ += n;
    }
  }
  void Fail() {
    ok_ = false;
    p_ = end_;
  }

  const uint8_t* p_;
  const uint8_t* end_;
  uint64_t value_ = 0;
  Bytes bytes_;
  uint32_t field_ = 0;
  uint32_t type_ = 0;
  bool ok_ = true;
};

}  // namespace brazier::codec
