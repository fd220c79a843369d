// MakeLabels({{"name", "value"}, ...}): a label set in one expression.
#pragma once

#include <initializer_list>
#include <vector>

#include "common/model/labels.h"

namespace brazier::testing {

inline Labels MakeLabels(std::initializer_list<Label> labels) {
  return Labels(std::vector<Label>(labels));
}

}  // namespace brazier::testing
