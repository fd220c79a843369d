// The rules that every store's keys follow, so that a key is valid in all stores or in none.
#pragma once

#include <string_view>

#include "common/base/status.h"
#include "store/object/object_store.h"

namespace brazier::object {

inline constexpr size_t kKeyBytesMax = 1024;
inline constexpr size_t kKeyPartBytesMax = 255;  // of a file name
inline constexpr size_t kKeyPartsMax = 32;
// The first part of no key: the filesystem store writes unfinished objects there.
inline constexpr std::string_view kUnfinishedFolder = ".tmp";

// OK for relative, '/'-separated keys without empty, "." or ".." parts, NUL bytes, or parts and lengths over the limits.
Status ValidateKey(std::string_view key);
// kCorruption when an object of `size` bytes ends before the range does.
Status CheckRange(std::string_view key, uint64_t size, const ByteRange& range);

}  // namespace brazier::object
