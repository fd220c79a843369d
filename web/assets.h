// The files of the web page, compiled into the program, each as it is and gzip'ed.
//
// Built by web/CMakeLists.txt from web/src (with npm) or from web/dist; with BRAZIER_UI=OFF there are none. The data
// lives as long as the process and never changes. Thread-safe. Limit: embed_assets refuses more than 8 MB in all.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace brazier::web {

struct Asset {
  std::string_view path;          // begins with a slash: "/index.html", "/assets/index-xyz.js"
  std::string_view content_type;  // with charset where it is text
  std::string_view identity;      // the bytes of the file
  std::string_view gzip;          // the same as a gzip member; empty when that would not be smaller
  uint32_t crc = 0;               // CRC-32 of identity: good for an ETag
  bool immutable = false;         // the name holds a hash of the content: may be cached for ever
};

// Sorted by path.
std::span<const Asset> Assets();

// The asset of a URL path, with or without the leading slash; "" and "/" are the page itself, "/index.html".
// nullptr when there is none. Which other paths show the page (/explore) is the HTTP server's to decide.
const Asset* FindAsset(std::string_view path);

}  // namespace brazier::web
