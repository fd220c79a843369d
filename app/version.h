// The version of this build, from the project() line of CMakeLists.txt.
#pragma once

namespace brazier::app {

inline constexpr char kVersion[] = BRAZIER_VERSION;

}  // namespace brazier::app
