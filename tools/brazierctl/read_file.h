// Reading a whole file, with a limit. "-" is standard input.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/result.h"

namespace brazier::ctl {

inline constexpr size_t kFileBytesMax = size_t{2} << 30;

Result<std::string> ReadFile(const std::string& path, size_t bytes_max = kFileBytesMax);

}  // namespace brazier::ctl
