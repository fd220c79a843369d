// A YAML configuration file as flat rows: nested maps become dotted keys ("http: {listen: x}" is "http.listen"),
// sequences become comma separated texts; and a file of overrides per tenant. Knows nothing of which keys exist. Hides the YAML library. Pure function.
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

// The settings of one tenant in a file of overrides, "tenants: { NAME: { key: value } }"; a name may hold dots.
struct TenantEntries {
  std::string tenant;
  std::vector<FileEntry> entries;  // as of ParseConfigFile
};
// Sorted by tenant. Refuses what ParseConfigFile refuses, any other key at the top, a tenant that comes twice.
Result<std::vector<TenantEntries>> ParseOverridesFile(std::string_view yaml);

}  // namespace brazier::config
