#include "store/object/object_key.h"

#include <algorithm>
#include <string>

namespace brazier::object {
namespace {

Status Invalid(std::string_view key, const std::string& why) {
  return InvalidArgument("object key \"" + std::string(key.substr(0, 128)) + "\": " + why);
}

}  // namespace

Status ValidateKey(std::string_view key) {
  if (key.empty()) return Invalid(key, "is empty");
  if (key.size() > kKeyBytesMax) {
    return Invalid(key, std::to_string(key.size()) + " bytes, the limit is " +
                            std::to_string(kKeyBytesMax));
  }
  if (key.find('\0') != std::string_view::npos) return Invalid(key, "holds a NUL byte");
  const auto slashes = static_cast<size_t>(std::count(key.begin(), key.end(), '/'));
  if (slashes >= kKeyPartsMax) {
    return Invalid(key, std::to_string(slashes + 1) + " parts, the limit is " +
                            std::to_string(kKeyPartsMax));
  }
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view part = key.substr(begin, end - begin);
    if (part.empty()) return Invalid(key, "has an empty part");
    if (part == "." || part == "..") return Invalid(key, "has a \".\" or \"..\" part");
    if (part.size() > kKeyPartBytesMax) {
      return Invalid(key, "a part has " + std::to_string(part.size()) + " bytes, the limit is " +
                              std::to_string(kKeyPartBytesMax));
    }
    if (begin == 0 && part == kUnfinishedFolder) return Invalid(key, "begins with a reserved part");
    begin = end + 1;
  }
  return Status();
}

Status CheckRange(std::string_view key, uint64_t size, const ByteRange& range) {
  if (range.offset <= size && range.size <= size - range.offset) return Status();
  return Corruption("object " + std::string(key) + " has " + std::to_string(size) +
                    " bytes; asked for " + std::to_string(range.size) + " at offset " +
                    std::to_string(range.offset));
}

}  // namespace brazier::object
