// The files of the web UI for the HTTP server: those compiled into the program, or those of a folder (setting ui.dir),
// which is read once, at the start, so that a request never touches the disk. Immutable after that; Thread-safe.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/result.h"
#include "server/http/ui_routes.h"

namespace brazier::app {

inline constexpr size_t kUiBytesMax = 64u << 20;
inline constexpr size_t kUiFilesMax = 10'000;

// The answer owns what it returns views of, and lives as long as the server that asks it.
http::StaticAssets EmbeddedUiFiles();
// kNotFound when the folder has no index.html, kInvalidArgument above the limits.
Result<http::StaticAssets> UiFilesOf(const std::string& folder);

}  // namespace brazier::app
