#include "store/index/overlay_reader.h"

#include <algorithm>

#include "common/base/check.h"

namespace brazier::index {

OverlayReader::OverlayReader(const kv::Reader& store, const Overlay& overlay) : store_(store), overlay_(overlay) {
  sorted_.reserve(overlay.size());
  for (const auto& item : overlay) sorted_.push_back(&item);
  std::sort(sorted_.begin(), sorted_.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
}

Result<std::string> OverlayReader::Get(kv::Family family, std::string_view key) const {
  CHECK(family == kv::Family::kState);
  const auto it = overlay_.find(std::string(key));
  if (it == overlay_.end()) return store_.Get(family, key);
  if (!it->second.value.has_value()) return NotFound("no such key");
  return *it->second.value;
}

Status OverlayReader::Scan(kv::Family family, std::string_view begin, std::string_view end,
                           const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  CHECK(family == kv::Family::kState);
  auto next = std::lower_bound(sorted_.begin(), sorted_.end(), begin,
                               [](const auto* item, std::string_view key) { return item->first < key; });
  const auto is_left = [&] { return next != sorted_.end() && (end.empty() || (*next)->first < end); };
  // Visits those of the overlay below `key`, or all of the range without one.
  const auto visit_pending = [&](std::optional<std::string_view> key) {
    for (; is_left() && (!key.has_value() || (*next)->first < *key); ++next) {
      const auto& [pending, write] = **next;
      if (write.value.has_value() && !visit(pending, *write.value)) return false;
    }
    return true;
  };
  bool goes_on = true;
  RETURN_IF_ERROR(store_.Scan(family, begin, end, [&](std::string_view key, std::string_view value) {
    goes_on = visit_pending(key);
    // The overlay's write of a key stands for the store's.
    if (goes_on && !(is_left() && (*next)->first == key)) goes_on = visit(key, value);
    return goes_on;
  }));
  if (goes_on) visit_pending(std::nullopt);
  return Status::Ok();
}

}  // namespace brazier::index
