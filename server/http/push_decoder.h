// push.v1.PushRequest -> the profiles of a contract::PushRequest. For hostile input: counts and copied labels are
// bounded. The protobuf form is read without intermediate objects; each profile's bytes are copied once.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/ingest.h"
#include "server/http/connect.h"

namespace brazier::http {

struct PushLimits {
  size_t profiles_max = 16'384;          // in one request
  size_t labels_per_series_max = 1'024;  // the tenant's own, lower limit is the distributor's
  // A series' labels are repeated for each of its profiles: all copies together.
  size_t label_bytes_max = 64 << 20;
};

// kInvalidArgument: "no profiles received", a label name that comes twice, malformed bytes, a limit.
Result<std::vector<RawProfile>> DecodePush(ConnectCodec codec, std::string_view message,
                                           const PushLimits& limits);

}  // namespace brazier::http
