// Bounded decompression and compression. Nothing here allocates more than the bound it is given. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace brazier::codec {

bool IsGzip(Bytes data);

// Inflates all members of a gzip stream into `out` (replaced). kResourceExhausted with reason "profile_size_limit"
// when the output would pass `bytes_max`; kInvalidArgument with reason "malformed_profile" when it is no gzip.
Status Gunzip(Bytes data, size_t bytes_max, std::string* out);

// Appends one zstd frame to `out`.
void ZstdCompress(Bytes data, int level, std::string* out);
// Likewise, but nearly all of the work is coding each byte by how frequent it is: less than half the time of level 1,
// and fewer bytes, for columns of numbers in which hardly any sequence comes twice. Text grows by more than half.
void ZstdCompressNumbers(Bytes data, std::string* out);
// The frame must inflate to exactly `raw_size` bytes, else kCorruption. `out` is replaced.
Status ZstdDecompress(Bytes data, size_t raw_size, std::string* out);

}  // namespace brazier::codec
