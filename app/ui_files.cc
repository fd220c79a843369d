#include "app/ui_files.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "common/base/hash.h"
#include "web/assets.h"

namespace brazier::app {
namespace {

std::string_view ContentTypeOf(const std::string& extension) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kTypes = {{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".json", "application/json"},
      {".woff2", "font/woff2"},
      {".txt", "text/plain; charset=utf-8"},
  }};
  for (const auto& [known, type] : kTypes) {
    if (extension == known) return type;
  }
  return "application/octet-stream";
}

std::string Etag(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(value));
  return text;
}

struct File {
  std::string_view content_type;
  std::string bytes;
  std::string etag;
};
using Files = std::map<std::string, File, std::less<>>;  // by URL path

}  // namespace

http::StaticAssets EmbeddedUiFiles() {
  return [](std::string_view path) -> std::optional<http::StaticAsset> {
    const web::Asset* asset = web::FindAsset(path);
    if (asset == nullptr) return std::nullopt;
    return http::StaticAsset{.content_type = asset->content_type,
                             .identity = asset->identity,
                             .gzip = asset->gzip,
                             .immutable = asset->immutable,
                             .etag = Etag(asset->crc)};
  };
}

Result<http::StaticAssets> UiFilesOf(const std::string& folder) {
  namespace fs = std::filesystem;
  auto files = std::make_shared<Files>();
  size_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    std::ifstream stream(it->path(), std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(stream)), {});
    bytes += content.size();
    if (!stream || bytes > kUiBytesMax || files->size() >= kUiFilesMax) {
      return InvalidArgument("ui.dir " + folder + ": " + it->path().string() +
                             " cannot be read, or the folder is larger than " +
                             std::to_string(kUiBytesMax >> 20) + " MiB");
    }
    const std::string path = "/" + fs::relative(it->path(), folder, error).generic_string();
    const uint64_t hash = Hash64(content);
    (*files)[path] = {ContentTypeOf(it->path().extension().string()), std::move(content),
                      Etag(hash)};
  }
  if (error) return NotFound("ui.dir " + folder + ": " + error.message());
  if (!files->contains("/index.html")) return NotFound("ui.dir " + folder + " has no index.html");
  return http::StaticAssets([files](std::string_view path) -> std::optional<http::StaticAsset> {
    const auto file = files->find(path);
    if (file == files->end()) return std::nullopt;
    return http::StaticAsset{.content_type = file->second.content_type,
                             .identity = file->second.bytes,
                             .etag = file->second.etag};
  });
}

}  // namespace brazier::app
