// The table of ingest formats: one row each, from the client's bytes to a decoded profile with its series labels.
// Adding a format is one file with a decoder and one row in ingest_formats.cc. Thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/hash.h"
#include "common/base/result.h"
#include "common/codec/pprof.h"
#include "common/model/ingest.h"
#include "common/model/profile.h"

namespace brazier::codec {

struct IngestLimits {
  PprofLimits profile;
  size_t profile_bytes_max = 4 << 20;  // inflated; reason "profile_size_limit"
};

struct IngestedProfile {
  DecodedProfile profile;
  Labels labels;         // with __name__ and, from /ingest, service_name; not yet per sample type
  Hash128 content_hash;  // of the inflated bytes
  size_t bytes = 0;      // inflated
};

// kInvalidArgument (reasons "malformed_profile", "invalid_name", "unknown_format", ...) or kResourceExhausted.
Result<IngestedProfile> DecodeIngest(const RawProfile& raw, const IngestLimits& limits);

// The names in the table, for messages and docs.
std::vector<std::string_view> IngestFormatNames();

}  // namespace brazier::codec
