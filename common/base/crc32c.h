// CRC-32C (Castagnoli), the checksum of every section and footer at rest.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace brazier {

// Continues from `crc` (0 to begin).
uint32_t Crc32c(Bytes data, uint32_t crc = 0);

}  // namespace brazier
