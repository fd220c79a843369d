// MsgpackWriter and MsgpackReader: one value after the other, for messages whose shape the caller
// knows.
//
// The writer appends to a string (through msgpack-cxx). The reader walks bytes of unknown origin
// without building an object tree: a claimed count is compared with the bytes that are left before
// anybody believes it, so that reading allocates nothing and no message is amplified. Failure is
// sticky: after the first one every read returns zero, empty or false, and status() says what was
// wrong at which byte; callers check once per loop and once at the end.
//
// Strings and blobs that the reader returns point into its input. Thread-compatible.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/status.h"

namespace brazier::codec {

// Columns travel as they lie in memory.
static_assert(std::endian::native == std::endian::little, "columns on the wire are little-endian");

class MsgpackWriter {
 public:
  void Uint(uint64_t v);
  void Int(int64_t v);
  void Double(double v);
  void Bool(bool v);
  void Nil();
  void Str(std::string_view s);  // at most 4 GiB
  void Bin(Bytes b);             // likewise
  void BinHeader(size_t bytes);  // the caller appends exactly that many with Raw()
  void Array(size_t count);
  void Map(size_t pairs);
  void Raw(const void* data, size_t bytes) { out_.append(static_cast<const char*>(data), bytes); }

  void Key(std::string_view name) { Str(name); }
  // A blob of fixed-size elements without padding.
  template <typename T>
  void Column(const std::vector<T>& column) {
    static_assert(std::is_trivially_copyable_v<T>);
    BinHeader(column.size() * sizeof(T));
    Raw(column.data(), column.size() * sizeof(T));
  }

  void Reserve(size_t bytes) { out_.reserve(bytes); }
  size_t size() const { return out_.size(); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class MsgpackReader {
 public:
  static constexpr int kDepthMax = 32;  // of values that are skipped

  // `what` names the message in errors and must outlive the reader.
  MsgpackReader(Bytes data, std::string_view what) : data_(data), what_(what) {}

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  size_t position() const { return position_; }
  size_t remaining() const { return data_.size() - position_; }
  bool AtEnd() const { return position_ == data_.size(); }

  uint64_t Uint(uint64_t max = UINT64_MAX);
  uint32_t Uint32() { return static_cast<uint32_t>(Uint(UINT32_MAX)); }
  int64_t Int();
  double Double();  // integers are accepted too
  bool Bool();
  std::string_view Str(size_t bytes_max = SIZE_MAX);
  Bytes Bin(size_t bytes_max = SIZE_MAX);
  std::string_view StrOrBin(size_t bytes_max = SIZE_MAX);
  // The count, at most what the rest of the bytes could hold and at most `max`.
  size_t Array(size_t max = SIZE_MAX);
  size_t Map(size_t max = SIZE_MAX);
  bool TryNil();  // consumes a nil when it is next
  // Passes over one value and returns its bytes.
  Bytes Skip();

  // A blob of whole elements of T, copied (the input may be misaligned).
  template <typename T>
  void Column(std::vector<T>& column) {
    static_assert(std::is_trivially_copyable_v<T>);
    const size_t at = position_;
    const Bytes bytes = Bin();
    if (bytes.size() % sizeof(T) != 0) return FailColumn(at, bytes.size(), sizeof(T));
    column.resize(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(column.data(), bytes.data(), bytes.size());
  }

  // Marks the input as bad. The first failure is kept.
  void Fail(std::string_view message) { FailAt(position_, message); }
  // OK when nothing failed and every byte was read.
  Status Finish();

 private:
  void FailAt(size_t position, std::string_view message);
  void FailColumn(size_t position, size_t bytes, size_t element);
  bool NextTag(uint8_t* tag, std::string_view expected);
  uint64_t BigEndian(size_t bytes);
  Bytes TakeBytes(uint64_t bytes, uint64_t bytes_max, size_t start);
  size_t Count(uint64_t count, size_t bytes_each, size_t max, size_t start);
  void SkipValue(int depth);

  Bytes data_;
  std::string_view what_;
  size_t position_ = 0;
  Status status_;
};

}  // namespace brazier::codec
