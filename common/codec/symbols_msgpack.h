// The pieces that batches, plans and results share on the wire: strings, labels, symbols, flat
// records. docs/format/zeromq-append.md gives the bytes. Functions of the codecs in this folder;
// reading fails through the reader.
#pragma once

#include <tuple>
#include <vector>

#include "common/codec/msgpack_io.h"
#include "common/model/labels.h"
#include "common/model/symbol_table.h"

namespace brazier::codec {

inline constexpr size_t kLabelsPerSeriesMax = 1024;

// Lengths and bytes of all strings: two keys of the surrounding map.
inline constexpr size_t kStringTableKeys = 2;
void WriteStrings(MsgpackWriter& out, const StringTable& strings);
// Reads them again, in any order.
class StringColumns {
 public:
  // Reads the value of the key, when it is one of the two.
  bool Read(MsgpackReader& in, std::string_view key);
  // After the map: the strings; empty, and a failure of `in`, when the two do not fit together.
  StringTable Make(MsgpackReader& in) const;

 private:
  std::vector<uint32_t> lengths_;
  Bytes bytes_;
};

// [name, value, name, value, ...], ascending by name. Reading refuses any other order.
void WriteLabels(MsgpackWriter& out, const Labels& labels);
Labels ReadLabels(MsgpackReader& in);

void WriteSymbols(MsgpackWriter& out, const SymbolTable& symbols);
SymbolTable ReadSymbols(MsgpackReader& in);       // not yet validated: the caller's Validate() does
size_t SymbolsBytes(const SymbolTable& symbols);  // about what WriteSymbols() writes

// Flat records: the fields of `tie(record)` one after the other without padding.
template <typename Tie>
constexpr size_t FlatBytes() {
  return []<typename... F>(std::type_identity<std::tuple<F&...>>) {
    return (sizeof(F) + ... + 0);
  }(std::type_identity<Tie>{});
}

template <typename Record, typename TieFunction>
void WriteRecords(MsgpackWriter& out, const std::vector<Record>& records, TieFunction tie) {
  constexpr size_t kBytes = FlatBytes<decltype(tie(std::declval<Record&>()))>();
  out.BinHeader(records.size() * kBytes);
  char flat[kBytes];
  for (Record record : records) {
    char* p = flat;
    std::apply(
        [&p](auto&... field) {
          ((std::memcpy(p, &field, sizeof(field)), p += sizeof(field)), ...);
        },
        tie(record));
    out.Raw(flat, kBytes);
  }
}

template <typename Record, typename TieFunction>
void ReadRecords(MsgpackReader& in, std::vector<Record>& records, TieFunction tie) {
  constexpr size_t kBytes = FlatBytes<decltype(tie(std::declval<Record&>()))>();
  const Bytes blob = in.Bin();
  if (blob.size() % kBytes != 0) {
    return in.Fail("a column of " + std::to_string(blob.size()) +
                   " bytes is not made of whole records of " + std::to_string(kBytes) + " bytes");
  }
  records.resize(blob.size() / kBytes);
  const uint8_t* p = blob.data();
  for (Record& record : records) {
    std::apply(
        [&p](auto&... field) {
          ((std::memcpy(&field, p, sizeof(field)), p += sizeof(field)), ...);
        },
        tie(record));
  }
}

}  // namespace brazier::codec
