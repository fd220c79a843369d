#include "server/http/pprof_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <vector>

#include "server/http/json_text.h"

namespace brazier::http {
namespace {

enum class Kind { kSigned, kUnsigned, kBool, kString, kMessage };

struct MessageType;
struct Field {
  uint32_t number;
  const char* name;
  Kind kind;
  bool is_repeated = false;
  const MessageType* type = nullptr;
};
struct MessageType {
  std::span<const Field> fields;  // by number
};

// idl/connect/profile.proto.
constexpr std::array kValueTypeFields = {Field{1, "type", Kind::kSigned}, Field{2, "unit", Kind::kSigned}};
constexpr MessageType kValueType{kValueTypeFields};
constexpr std::array kLabelFields = {Field{1, "key", Kind::kSigned}, Field{2, "str", Kind::kSigned}, Field{3, "num", Kind::kSigned},
                                     Field{4, "numUnit", Kind::kSigned}};
constexpr MessageType kLabel{kLabelFields};
constexpr std::array kSampleFields = {Field{1, "locationId", Kind::kUnsigned, true}, Field{2, "value", Kind::kSigned, true},
                                      Field{3, "label", Kind::kMessage, true, &kLabel}};
constexpr MessageType kSample{kSampleFields};
constexpr std::array kMappingFields = {
    Field{1, "id", Kind::kUnsigned},         Field{2, "memoryStart", Kind::kUnsigned}, Field{3, "memoryLimit", Kind::kUnsigned},
    Field{4, "fileOffset", Kind::kUnsigned}, Field{5, "filename", Kind::kSigned},      Field{6, "buildId", Kind::kSigned},
    Field{7, "hasFunctions", Kind::kBool},   Field{8, "hasFilenames", Kind::kBool},    Field{9, "hasLineNumbers", Kind::kBool},
    Field{10, "hasInlineFrames", Kind::kBool}};
constexpr MessageType kMapping{kMappingFields};
constexpr std::array kLineFields = {Field{1, "functionId", Kind::kUnsigned}, Field{2, "line", Kind::kSigned}};
constexpr MessageType kLine{kLineFields};
constexpr std::array kLocationFields = {Field{1, "id", Kind::kUnsigned}, Field{2, "mappingId", Kind::kUnsigned},
                                        Field{3, "address", Kind::kUnsigned}, Field{4, "line", Kind::kMessage, true, &kLine},
                                        Field{5, "isFolded", Kind::kBool}};
constexpr MessageType kLocation{kLocationFields};
constexpr std::array kFunctionFields = {Field{1, "id", Kind::kUnsigned}, Field{2, "name", Kind::kSigned},
                                        Field{3, "systemName", Kind::kSigned}, Field{4, "filename", Kind::kSigned},
                                        Field{5, "startLine", Kind::kSigned}};
constexpr MessageType kFunction{kFunctionFields};
constexpr std::array kProfileFields = {
    Field{1, "sampleType", Kind::kMessage, true, &kValueType}, Field{2, "sample", Kind::kMessage, true, &kSample},
    Field{3, "mapping", Kind::kMessage, true, &kMapping},      Field{4, "location", Kind::kMessage, true, &kLocation},
    Field{5, "function", Kind::kMessage, true, &kFunction},    Field{6, "stringTable", Kind::kString, true},
    Field{7, "dropFrames", Kind::kSigned},                     Field{8, "keepFrames", Kind::kSigned},
    Field{9, "timeNanos", Kind::kSigned},                      Field{10, "durationNanos", Kind::kSigned},
    Field{11, "periodType", Kind::kMessage, false, &kValueType}, Field{12, "period", Kind::kSigned},
    Field{13, "comment", Kind::kSigned, true},                 Field{14, "defaultSampleType", Kind::kSigned}};
constexpr MessageType kProfile{kProfileFields};

bool ReadVarint(std::string_view* in, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

class Transcoder {
 public:
  explicit Transcoder(std::string* out) : out_(out) {}

  bool Message(const MessageType& type, std::string_view bytes, size_t depth) {
    if (entries_.size() <= depth) entries_.resize(depth + 1);
    if (!Collect(type, bytes, depth)) return false;
    out_->push_back('{');
    const char* separator = "";
    for (size_t i = 0; i < entries_[depth].size();) {
      const Field& field = *entries_[depth][i].field;
      size_t end = i + 1;
      while (end < entries_[depth].size() && entries_[depth][end].field == &field) ++end;
      // A singular field that came more than once: the last one counts.
      if (!field.is_repeated) i = end - 1;
      const bool is_left_out = !field.is_repeated && field.kind != Kind::kMessage && entries_[depth][i].bytes.data() == nullptr &&
                               entries_[depth][i].number == 0;
      if (!is_left_out) {
        out_->append(separator).append("\"").append(field.name).append(field.is_repeated ? "\":[" : "\":");
        separator = ",";
        if (!Values(field, i, end, depth)) return false;
        if (field.is_repeated) out_->push_back(']');
      }
      i = end;
    }
    out_->push_back('}');
    return true;
  }

 private:
  struct Entry {
    const Field* field;
    uint64_t number = 0;
    std::string_view bytes;  // of strings, messages and packed numbers; else without data
  };

  bool Collect(const MessageType& type, std::string_view bytes, size_t depth) {
    std::vector<Entry>& entries = entries_[depth];
    entries.clear();
    while (!bytes.empty()) {
      uint64_t key, number = 0;
      if (!ReadVarint(&bytes, &key)) return false;
      Entry entry{nullptr, 0, {}};
      for (const Field& field : type.fields) {
        if (field.number == key >> 3) entry.field = &field;
      }
      switch (key & 7) {
        case 0:
          if (!ReadVarint(&bytes, &entry.number)) return false;
          break;
        case 1:
        case 5: {
          const size_t size = (key & 7) == 1 ? 8 : 4;
          if (bytes.size() < size) return false;
          bytes.remove_prefix(size);
          entry.field = nullptr;  // no field of a pprof is of fixed size
          break;
        }
        case 2:
          if (!ReadVarint(&bytes, &number) || number > bytes.size()) return false;
          entry.bytes = bytes.substr(0, number);
          bytes.remove_prefix(number);
          break;
        default: return false;
      }
      if (entry.field == nullptr) continue;
      const bool is_text = entry.field->kind == Kind::kString || entry.field->kind == Kind::kMessage;
      const bool has_bytes = (key & 7) == 2;
      if (is_text != has_bytes && !(has_bytes && entry.field->is_repeated)) return false;
      entries.push_back(entry);
    }
    const auto by_number = [](const Entry& a, const Entry& b) { return a.field->number < b.field->number; };
    if (!std::is_sorted(entries.begin(), entries.end(), by_number)) std::stable_sort(entries.begin(), entries.end(), by_number);
    return true;
  }

  bool Values(const Field& field, size_t begin, size_t end, size_t depth) {
    bool is_first = true;
    const auto next = [&] {
      if (!is_first) out_->push_back(',');
      is_first = false;
    };
    for (size_t i = begin; i < end; ++i) {
      const Entry entry = entries_[depth][i];
      if (field.kind == Kind::kMessage) {
        next();
        if (!Message(*field.type, entry.bytes, depth + 1)) return false;
      } else if (field.kind == Kind::kString) {
        next();
        AppendJsonString(entry.bytes, JsonEscapes::kPlain, out_);
      } else if (entry.bytes.data() == nullptr) {
        next();
        Number(field, entry.number);
      } else {
        for (std::string_view packed = entry.bytes; !packed.empty();) {
          uint64_t number;
          if (!ReadVarint(&packed, &number)) return false;
          next();
          Number(field, number);
        }
      }
    }
    return true;
  }

  void Number(const Field& field, uint64_t number) {
    if (field.kind == Kind::kBool) {
      out_->append(number != 0 ? "true" : "false");
      return;
    }
    char text[24];
    char* const begin = text;
    const auto end = field.kind == Kind::kSigned ? std::to_chars(begin, text + sizeof text, static_cast<int64_t>(number)).ptr
                                                 : std::to_chars(begin, text + sizeof text, number).ptr;
    out_->push_back('"');
    out_->append(begin, end);
    out_->push_back('"');
  }

  std::string* const out_;
  std::vector<std::vector<Entry>> entries_;  // by depth
};

}  // namespace

Result<std::string> PprofToJson(std::string_view pprof) {
  std::string out;
  out.reserve(pprof.size() * 4);
  Transcoder transcoder(&out);
  if (!transcoder.Message(kProfile, pprof, 0)) return Internal("rendering pprof: the encoded profile is malformed");
  return out;
}

}  // namespace brazier::http
