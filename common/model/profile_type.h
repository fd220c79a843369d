// ProfileType: what the values of a series mean, written name:sample_type:sample_unit:period_type:period_unit.
// The text form is what clients select by and what the label __profile_type__ holds. Value type.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace brazier {

struct ProfileType {
  std::string name;
  std::string sample_type;
  std::string sample_unit;
  std::string period_type;  // may be empty, then period_unit is too
  std::string period_unit;

  // Five parts, or six with a last "delta", which is ignored.
  static Result<ProfileType> Parse(std::string_view text);
  std::string ToString() const;
  friend auto operator<=>(const ProfileType&, const ProfileType&) = default;
};

}  // namespace brazier
