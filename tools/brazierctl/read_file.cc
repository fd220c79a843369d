#include "tools/brazierctl/read_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace brazier::ctl {

Result<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  std::unique_ptr<FILE, int (*)(FILE*)> owned(nullptr, &std::fclose);
  FILE* file = stdin;
  if (path != "-") {
    owned.reset(std::fopen(path.c_str(), "rb"));
    if (!owned) return NotFound("file " + path + ": " + std::strerror(errno));
    file = owned.get();
  }
  std::string data;
  char buffer[64 << 10];
  for (;;) {
    const size_t size = std::fread(buffer, 1, sizeof buffer, file);
    if (size == 0) break;
    if (data.size() + size > bytes_max) {
      return InvalidArgument("file " + path + " is larger than " + std::to_string(bytes_max) +
                             " bytes");
    }
    data.append(buffer, size);
  }
  if (std::ferror(file)) return NotFound("file " + path + ": " + std::strerror(errno));
  return data;
}

}  // namespace brazier::ctl
