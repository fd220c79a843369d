#include "server/http/gzip.h"

#include <libdeflate.h>

#include <memory>

#include "common/base/check.h"

namespace brazier::http {
namespace {

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

// Small answers are worth a better ratio, large ones must not cost more time than they save on the wire.
constexpr int kSmallLevel = 4;
constexpr int kLargeLevel = 1;
constexpr size_t kLargeBytes = 1 << 20;

}  // namespace

std::string GzipCompress(std::string_view data) {
  thread_local const Compressor small(libdeflate_alloc_compressor(kSmallLevel));
  thread_local const Compressor large(libdeflate_alloc_compressor(kLargeLevel));
  libdeflate_compressor* compressor = data.size() < kLargeBytes ? small.get() : large.get();
  CHECK(compressor != nullptr);
  std::string out(libdeflate_gzip_compress_bound(compressor, data.size()), '\0');
  const size_t size =
      libdeflate_gzip_compress(compressor, data.data(), data.size(), out.data(), out.size());
  CHECK(size > 0);
  out.resize(size);
  return out;
}

void GzipBody(HttpResponse* response) {
  // The answer to nearly every push.
  static const std::string empty = GzipCompress("");
  static const std::string empty_object = GzipCompress("{}");
  if (response->body.empty()) {
    response->body = empty;
  } else if (response->body == "{}") {
    response->body = empty_object;
  } else {
    response->body = GzipCompress(response->body);
  }
  response->headers.Add("Content-Encoding", "gzip");
  response->headers.Add("Vary", "Accept-Encoding");
}

bool WantsGzip(const Headers& request) {
  if (request.Has("Accept-Encoding")) {
    return HeaderListHas(request.Get("Accept-Encoding"), "gzip");
  }
  return EqualsIgnoreCase(request.Get("Content-Encoding"), "gzip");
}

}  // namespace brazier::http
