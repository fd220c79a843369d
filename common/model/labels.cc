#include "common/model/labels.h"

#include <algorithm>

#include "common/base/hash.h"

namespace brazier {
namespace {

auto LowerBound(auto& items, std::string_view name) {
  return std::lower_bound(items.begin(), items.end(), name,
                          [](const Label& l, std::string_view n) { return l.name < n; });
}

}  // namespace

Labels::Labels(std::vector<Label> labels) : items_(std::move(labels)) {
  // What was written by us is in order.
  const auto first_out_of_order = std::adjacent_find(items_.begin(), items_.end(),
                                                     [](const Label& a, const Label& b) { return a.name >= b.name; });
  if (first_out_of_order == items_.end()) return;
  std::stable_sort(items_.begin(), items_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  items_.erase(std::unique(items_.begin(), items_.end(),
                           [](const Label& a, const Label& b) { return a.name == b.name; }),
               items_.end());
}

bool Labels::Has(std::string_view name) const {
  auto it = LowerBound(items_, name);
  return it != items_.end() && it->name == name;
}

std::string_view Labels::Get(std::string_view name) const {
  auto it = LowerBound(items_, name);
  return it != items_.end() && it->name == name ? std::string_view(it->value) : std::string_view();
}

void Labels::Set(std::string_view name, std::string_view value) {
  auto it = LowerBound(items_, name);
  if (it != items_.end() && it->name == name) {
    it->value = value;
  } else {
    items_.insert(it, Label{std::string(name), std::string(value)});
  }
}

void Labels::SetDefault(std::string_view name, std::string_view value) {
  auto it = LowerBound(items_, name);
  if (it == items_.end() || it->name != name) {
    items_.insert(it, Label{std::string(name), std::string(value)});
  }
}

void Labels::Erase(std::string_view name) {
  auto it = LowerBound(items_, name);
  if (it != items_.end() && it->name == name) items_.erase(it);
}

uint64_t Labels::Hash() const {
  // Lengths delimit, so that {"ab","c"} and {"a","bc"} differ.
  uint64_t h = items_.size();
  for (const Label& l : items_) {
    h = Hash64(l.name, h);
    h = Hash64(l.value, h ^ l.name.size());
  }
  return h;
}

size_t Labels::Bytes() const {
  size_t n = 0;
  for (const Label& l : items_) n += l.name.size() + l.value.size();
  return n;
}

}  // namespace brazier
