// A YAML configuration file as flat rows: nested maps become dotted keys ("http: {listen: x}" is "http.listen"),
// sequences become comma separated texts. Knows nothing of which keys exist. Hides the YAML library. Pure function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace brazier::config {

struct FileEntry {
  std::string key;
  std::string value;
  int line = 0;  // of the value, from 1
};

inline constexpr size_t kConfigFileBytesMax = 1 << 20;
inline constexpr int kConfigDepthMax = 8;

// Sorted by line. Refuses what is not YAML, not a map at the top, nested too deep, or a key that comes twice.
Result<std::vector<FileEntry>> ParseConfigFile(std::string_view yaml);

}  // namespace brazier::config
