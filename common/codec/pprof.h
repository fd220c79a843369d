// pprof bytes -> DecodedProfile. A wire reader of our own: this is the hottest decoder, and its input is hostile.
//
// What is malformed (kInvalidArgument, reason "malformed_profile"): a wire format error, a string index out of range or
// negative, a sample with a location that does not exist or with the wrong number of values, text that is not UTF-8,
// a sample type name with '-'. What is repaired: unknown mappings become "no mapping", frames with neither line nor
// address are left out, over-long stacks keep their leaf-most frames, over-long strings their last bytes.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/profile.h"

namespace brazier::codec {

struct PprofLimits {
  size_t samples_max = 16'000;           // reason "samples_limit"; 0: no limit
  size_t sample_labels_max = 100;        // per sample, reason "sample_labels_limit"
  size_t stack_depth_max = 1'000;        // frames beyond it are cut off at the root side
  size_t symbol_value_bytes_max = 65'535;  // longer names keep their end
  // Sample type names may hold '-' when the sender is known to write them; they become '_'.
  bool replace_dash_in_types = false;
};

// `data` is the inflated message.
Result<DecodedProfile> DecodePprof(Bytes data, const PprofLimits& limits);

}  // namespace brazier::codec
