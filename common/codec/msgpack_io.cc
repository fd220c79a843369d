#include "common/codec/msgpack_io.h"

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>

namespace brazier::codec {
namespace {

struct StringSink {
  std::string& out;
  void write(const char* data, size_t bytes) { out.append(data, bytes); }
};

msgpack::packer<StringSink> PackerOf(StringSink& sink) { return msgpack::packer<StringSink>(sink); }

}  // namespace

void MsgpackWriter::Uint(uint64_t v) {
  StringSink sink{out_};
  PackerOf(sink).pack_uint64(v);
}
void MsgpackWriter::Int(int64_t v) {
  StringSink sink{out_};
  PackerOf(sink).pack_int64(v);
}
void MsgpackWriter::Double(double v) {
  StringSink sink{out_};
  PackerOf(sink).pack_double(v);
}
void MsgpackWriter::Bool(bool v) {
  StringSink sink{out_};
  v ? PackerOf(sink).pack_true() : PackerOf(sink).pack_false();
}
void MsgpackWriter::Nil() {
  StringSink sink{out_};
  PackerOf(sink).pack_nil();
}
void MsgpackWriter::Str(std::string_view s) {
  StringSink sink{out_};
  PackerOf(sink).pack_str(static_cast<uint32_t>(s.size()));
  out_.append(s);
}
void MsgpackWriter::Bin(Bytes b) {
  BinHeader(b.size());
  Raw(b.data(), b.size());
}
void MsgpackWriter::BinHeader(size_t bytes) {
  StringSink sink{out_};
  PackerOf(sink).pack_bin(static_cast<uint32_t>(bytes));
}
void MsgpackWriter::Array(size_t count) {
  StringSink sink{out_};
  PackerOf(sink).pack_array(static_cast<uint32_t>(count));
}
void MsgpackWriter::Map(size_t pairs) {
  StringSink sink{out_};
  PackerOf(sink).pack_map(static_cast<uint32_t>(pairs));
}

void MsgpackReader::FailAt(size_t position, std::string_view message) {
  if (!status_.ok()) return;
  std::string text(what_);
  text += ": byte " + std::to_string(position) + ": ";
  text += message;
  status_ = InvalidArgument(std::move(text));
}

void MsgpackReader::FailColumn(size_t position, size_t bytes, size_t element) {
  FailAt(position, "a column of " + std::to_string(bytes) +
                       " bytes is not made of whole elements of " + std::to_string(element) +
                       " bytes");
}

Status MsgpackReader::Finish() {
  if (ok() && !AtEnd()) Fail(std::to_string(remaining()) + " bytes follow the end of the message");
  return status_;
}

bool MsgpackReader::NextTag(uint8_t* tag, std::string_view expected) {
  if (!ok()) return false;
  if (AtEnd()) {
    Fail("ends where " + std::string(expected) + " should be");
    return false;
  }
  *tag = data_[position_++];
  return true;
}

uint64_t MsgpackReader::BigEndian(size_t bytes) {
  if (!ok()) return 0;
  if (remaining() < bytes) {
    Fail("ends inside a number");
    return 0;
  }
  uint64_t v = 0;
  for (size_t i = 0; i < bytes; ++i) v = v << 8 | data_[position_++];
  return v;
}

Bytes MsgpackReader::TakeBytes(uint64_t bytes, uint64_t bytes_max, size_t start) {
  if (!ok()) return {};
  if (bytes > remaining()) {
    FailAt(start, "claims " + std::to_string(bytes) + " bytes where " +
                      std::to_string(remaining()) + " are left");
    return {};
  }
  if (bytes > bytes_max) {
    FailAt(start,
           "has " + std::to_string(bytes) + " bytes, the limit is " + std::to_string(bytes_max));
    return {};
  }
  const Bytes taken = data_.subspan(position_, bytes);
  position_ += bytes;
  return taken;
}

size_t MsgpackReader::Count(uint64_t count, size_t bytes_each, size_t max, size_t start) {
  if (!ok()) return 0;
  if (count > remaining() / bytes_each) {
    FailAt(start, "claims " + std::to_string(count) + " elements where " +
                      std::to_string(remaining()) + " bytes are left");
    return 0;
  }
  if (count > max) {
    FailAt(start,
           "has " + std::to_string(count) + " elements, the limit is " + std::to_string(max));
    return 0;
  }
  return count;
}

uint64_t MsgpackReader::Uint(uint64_t max) {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "an unsigned integer")) return 0;
  uint64_t v = 0;
  if (tag <= 0x7f) {
    v = tag;
  } else if (tag >= 0xcc && tag <= 0xcf) {
    v = BigEndian(size_t{1} << (tag - 0xcc));
  } else if (tag >= 0xd0 && tag <= 0xd3) {
    // Some packers write positive numbers in signed forms.
    const size_t bytes = size_t{1} << (tag - 0xd0);
    v = BigEndian(bytes);
    if (v >> (bytes * 8 - 1) != 0)
      FailAt(start, "a negative number where an unsigned one should be");
  } else {
    FailAt(start, "not an unsigned integer");
  }
  if (ok() && v > max) {
    FailAt(start,
           "the number " + std::to_string(v) + " is over the limit of " + std::to_string(max));
  }
  return ok() ? v : 0;
}

int64_t MsgpackReader::Int() {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "an integer")) return 0;
  if (tag <= 0x7f || tag >= 0xe0) return static_cast<int8_t>(tag);
  switch (tag) {
    case 0xcc:
      return static_cast<int64_t>(BigEndian(1));
    case 0xcd:
      return static_cast<int64_t>(BigEndian(2));
    case 0xce:
      return static_cast<int64_t>(BigEndian(4));
    case 0xcf: {
      const uint64_t v = BigEndian(8);
      if (v > static_cast<uint64_t>(INT64_MAX)) FailAt(start, "a number beyond 63 bits");
      return ok() ? static_cast<int64_t>(v) : 0;
    }
    case 0xd0:
      return static_cast<int8_t>(BigEndian(1));
    case 0xd1:
      return static_cast<int16_t>(BigEndian(2));
    case 0xd2:
      return static_cast<int32_t>(BigEndian(4));
    case 0xd3:
      return static_cast<int64_t>(BigEndian(8));
    default:
      FailAt(start, "not an integer");
      return 0;
  }
}

double MsgpackReader::Double() {
  if (ok() && !AtEnd() && data_[position_] == 0xcb) {
    ++position_;
    return std::bit_cast<double>(BigEndian(8));
  }
  if (ok() && !AtEnd() && data_[position_] == 0xca) {
    ++position_;
    return std::bit_cast<float>(static_cast<uint32_t>(BigEndian(4)));
  }
  return static_cast<double>(Int());
}

bool MsgpackReader::Bool() {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "a boolean")) return false;
  if (tag != 0xc2 && tag != 0xc3) FailAt(start, "not a boolean");
  return ok() && tag == 0xc3;
}

std::string_view MsgpackReader::Str(size_t bytes_max) {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "a string")) return {};
  uint64_t bytes = 0;
  if (tag >= 0xa0 && tag <= 0xbf) {
    bytes = tag & 0x1f;
  } else if (tag >= 0xd9 && tag <= 0xdb) {
    bytes = BigEndian(size_t{1} << (tag - 0xd9));
  } else {
    FailAt(start, "not a string");
  }
  return AsString(TakeBytes(bytes, bytes_max, start));
}

Bytes MsgpackReader::Bin(size_t bytes_max) {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "a blob")) return {};
  uint64_t bytes = 0;
  if (tag >= 0xc4 && tag <= 0xc6) {
    bytes = BigEndian(size_t{1} << (tag - 0xc4));
  } else {
    FailAt(start, "not a blob");
  }
  return TakeBytes(bytes, bytes_max, start);
}

std::string_view MsgpackReader::StrOrBin(size_t bytes_max) {
  const bool is_bin = ok() && !AtEnd() && data_[position_] >= 0xc4 && data_[position_] <= 0xc6;
  return is_bin ? AsString(Bin(bytes_max)) : Str(bytes_max);
}

size_t MsgpackReader::Array(size_t max) {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "an array")) return 0;
  uint64_t count = 0;
  if (tag >= 0x90 && tag <= 0x9f) {
    count = tag & 0x0f;
  } else if (tag == 0xdc || tag == 0xdd) {
    count = BigEndian(tag == 0xdc ? 2 : 4);
  } else {
    FailAt(start, "not an array");
  }
  return Count(count, 1, max, start);
}

size_t MsgpackReader::Map(size_t max) {
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "a map")) return 0;
  uint64_t count = 0;
  if (tag >= 0x80 && tag <= 0x8f) {
    count = tag & 0x0f;
  } else if (tag == 0xde || tag == 0xdf) {
    count = BigEndian(tag == 0xde ? 2 : 4);
  } else {
    FailAt(start, "not a map");
  }
  return Count(count, 2, max, start);
}

bool MsgpackReader::TryNil() {
  if (!ok() || AtEnd() || data_[position_] != 0xc0) return false;
  ++position_;
  return true;
}

Bytes MsgpackReader::Skip() {
  const size_t start = position_;
  SkipValue(0);
  return ok() ? data_.subspan(start, position_ - start) : Bytes{};
}

void MsgpackReader::SkipValue(int depth) {
  if (depth > kDepthMax) return Fail("nested deeper than " + std::to_string(kDepthMax) + " levels");
  const size_t start = position_;
  uint8_t tag = 0;
  if (!NextTag(&tag, "a value")) return;
  --position_;
  if (tag <= 0x7f || tag >= 0xe0 || (tag >= 0xcc && tag <= 0xd3)) {
    if (tag == 0xcf) {
      Uint();
    } else {
      Int();
    }
  } else if ((tag >= 0xa0 && tag <= 0xbf) || (tag >= 0xd9 && tag <= 0xdb)) {
    Str();
  } else if (tag >= 0xc4 && tag <= 0xc6) {
    Bin();
  } else if (tag == 0xca || tag == 0xcb) {
    Double();
  } else if (tag == 0xc0 || tag == 0xc2 || tag == 0xc3) {
    ++position_;
  } else if ((tag >= 0xd4 && tag <= 0xd8) || (tag >= 0xc7 && tag <= 0xc9)) {
    ++position_;
    const uint64_t bytes =
        tag >= 0xd4 ? uint64_t{1} << (tag - 0xd4) : BigEndian(size_t{1} << (tag - 0xc7));
    TakeBytes(bytes + 1, UINT64_MAX, start);  // and the type byte
  } else if ((tag >= 0x90 && tag <= 0x9f) || tag == 0xdc || tag == 0xdd) {
    for (size_t n = Array(); n > 0 && ok(); --n) SkipValue(depth + 1);
  } else if ((tag >= 0x80 && tag <= 0x8f) || tag == 0xde || tag == 0xdf) {
    for (size_t n = 2 * Map(); n > 0 && ok(); --n) SkipValue(depth + 1);
  } else {
    FailAt(start, "a byte that starts no value");
  }
}

}  // namespace brazier::codec
