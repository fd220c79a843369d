// OverlayReader: the state as it is after the last command: what the store holds, with the writes over it that the store does not have
// yet. For commands that have to walk keys; those that look at single ones go through MetadataIndex::Read, which is cheaper.
// Used within store/index only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/kv/key_value_store.h"

namespace brazier::index {

// A write that the store may not have yet.
struct PendingWrite {
  uint64_t index = 0;                // of its command
  std::optional<std::string> value;  // none: deleted
};
using Overlay = std::unordered_map<std::string, PendingWrite>;

// Of family kState only. Borrows both; of no use any more once something is written. Costs a sort of the overlay.
// Thread-compatible.
class OverlayReader final : public kv::Reader {
 public:
  OverlayReader(const kv::Reader& store, const Overlay& overlay);

  Result<std::string> Get(kv::Family family, std::string_view key) const override;
  Status Scan(kv::Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view key, std::string_view value)>& visit) const override;

 private:
  const kv::Reader& store_;
  const Overlay& overlay_;
  std::vector<const Overlay::value_type*> sorted_;
};

}  // namespace brazier::index
