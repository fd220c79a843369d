// The application name of the /ingest interface, "app.cpu{env=prod,region=eu}", and what follows from it: labels and,
// for the text formats, the profile type. Reference: "/ingest and /pyroscope/ingest".
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/labels.h"
#include "common/model/profile.h"

namespace brazier::codec {

struct IngestName {
  std::string app;  // as given, trimmed
  Labels tags;
};

// kInvalidArgument with reason "invalid_name" and the text that clients of this interface know.
Result<IngestName> ParseIngestName(std::string_view text);

// How the values of a text format are to be read: from the last dot segment of the application name.
struct TextProfileType {
  std::string service;      // the name without the segment when it was a type
  std::string metric;       // __name__
  ValueType sample_type;
  ValueType period_type;    // empty when there is none
  int64_t period = 0;
  int64_t value_scale = 1;  // each count is multiplied by it
};
// kInvalidArgument with reason "invalid_name": "unknown profile type: xyz".
Result<TextProfileType> TextProfileTypeOf(const std::string& app, uint32_t sample_rate_hz);

// __name__ of an uploaded pprof: one for the whole profile, from its sample types after the display names in
// `sample_type_config` (JSON, may be empty) are applied.
Result<std::string> PprofMetricName(const std::vector<ValueType>& types,
                                    const std::string& sample_type_config);

}  // namespace brazier::codec
