// multipart/form-data, as SDKs send profiles. Parts are views of the body, which must outlive them. For hostile input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace brazier::http {

inline constexpr size_t kMultipartPartsMax = 64;
inline constexpr size_t kPartHeaderBytesMax = 8 << 10;

struct MultipartPart {
  std::string name;
  std::string content_type;
  std::string_view data;
};

// kInvalidArgument when there is no boundary, a part does not end, or there are too many.
Result<std::vector<MultipartPart>> ParseMultipart(std::string_view content_type, std::string_view body);

}  // namespace brazier::http
