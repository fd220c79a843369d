// gzip for answers. Requests are inflated by common/codec/compression.h. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace brazier::http {

std::string GzipCompress(std::string_view data);

// Compresses the body and sets Content-Encoding and Vary.
void GzipBody(HttpResponse* response);

// Whether an answer to this request is to be gzip'ed: it accepts gzip, or it came in gzip and does not say what it
// accepts (some SDKs expect that).
bool WantsGzip(const Headers& request);

}  // namespace brazier::http
