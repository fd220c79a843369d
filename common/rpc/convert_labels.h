// Labels <-> the map of the wire.
#pragma once

#include <map>
#include <string>

#include "common/model/labels.h"

namespace brazier::rpc {

using WireLabels = std::map<std::string, std::string>;

// Moves the values out of `wire`.
Labels LabelsFromWire(WireLabels& wire);
WireLabels LabelsToWire(const Labels& labels);

}  // namespace brazier::rpc
