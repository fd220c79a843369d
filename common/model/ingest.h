// A profile as a client sent it: labels, bytes, and what came along with them. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>

#include "common/model/labels.h"

namespace brazier {

// What came along with the bytes of one profile. Empty and zero mean "not given".
struct IngestParams {
  // Row of the format table: "pprof", "folded" (or "groups"), "lines", ...; unknown names are refused.
  std::string format = "pprof";
  // From /ingest only: the application name as given, "app.cpu{tag=value}". When set, labels and profile type follow
  // the rules of that interface (reference: "/ingest"); when empty, RawProfile::labels is complete as it is.
  std::string name;
  int64_t from_ns = 0;
  int64_t until_ns = 0;
  uint32_t sample_rate_hz = 100;
  bool sample_rate_given = false;
  std::string spy_name;
  std::string content_type;         // of the body or the multipart part
  std::string sample_type_config;   // JSON, as sent beside a pprof
};

struct RawProfile {
  Labels labels;
  IngestParams params;
  std::string data;       // the client's bytes, gzip'd or not
  std::string client_id;  // the client's own id of this profile, any bytes; empty when it gave none
};

}  // namespace brazier
