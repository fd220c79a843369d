#include "common/model/profile_type.h"

#include <vector>

namespace brazier {

Result<ProfileType> ProfileType::Parse(std::string_view text) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == ':') {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  const bool well_formed = parts.size() == 5 || (parts.size() == 6 && parts[5] == "delta");
  if (!well_formed) {
    return InvalidArgument(
        "profile-type selection must be of the form "
        "<name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), got(" +
        std::to_string(parts.size()) + "): \"" + std::string(text.substr(0, 256)) + "\"");
  }
  return ProfileType{std::string(parts[0]), std::string(parts[1]), std::string(parts[2]),
                     std::string(parts[3]), std::string(parts[4])};
}

std::string ProfileType::ToString() const {
  return name + ":" + sample_type + ":" + sample_unit + ":" + period_type + ":" + period_unit;
}

}  // namespace brazier
