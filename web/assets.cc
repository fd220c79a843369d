#include "web/assets.h"

#include <algorithm>

#include "web/embed/asset_table.h"

namespace brazier::web {

std::span<const Asset> Assets() { return {kAssets, kAssetCount}; }

const Asset* FindAsset(std::string_view path) {
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  if (path.empty()) path = "index.html";
  const std::span<const Asset> assets = Assets();
  const auto without_slash = [](const Asset& asset) { return asset.path.substr(1); };
  const auto found = std::ranges::lower_bound(assets, path, {}, without_slash);
  return found != assets.end() && without_slash(*found) == path ? &*found : nullptr;
}

}  // namespace brazier::web
