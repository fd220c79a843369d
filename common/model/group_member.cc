#include "common/model/group_member.h"

#include <cstdio>

namespace brazier {

std::string IdText(uint64_t id) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id));
  return text;
}

}  // namespace brazier
