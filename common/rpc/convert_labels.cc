#include "common/rpc/convert_labels.h"

#include <utility>
#include <vector>

namespace brazier::rpc {

Labels LabelsFromWire(WireLabels& wire) {
  std::vector<Label> labels;
  labels.reserve(wire.size());
  for (auto& [name, value] : wire) labels.push_back({name, std::move(value)});
  return Labels(std::move(labels));
}

WireLabels LabelsToWire(const Labels& labels) {
  WireLabels wire;
  for (const Label& label : labels) wire.emplace_hint(wire.end(), label.name, label.value);
  return wire;
}

}  // namespace brazier::rpc
