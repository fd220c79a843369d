// The web UI: embedded files under their paths, and the page itself for every address a browser may stand on.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/router.h"

namespace brazier::http {

// One file. The views live as long as the server.
struct StaticAsset {
  std::string_view content_type;
  std::string_view identity;
  std::string_view gzip;  // empty: only the plain form
  bool immutable = false;  // its name holds a hash of its content
  std::string etag;        // with quotes; empty: none
};
// "/index.html", "/assets/app-xyz.js"; nothing when there is no such file. Thread-safe.
using StaticAssets = std::function<std::optional<StaticAsset>(std::string_view path)>;

// Takes the router's fallback. A path that is no file shows /index.html when a browser asks for HTML outside of the
// APIs; otherwise it is 404, never HTML.
void AddUiRoutes(StaticAssets assets, Router* router);

}  // namespace brazier::http
