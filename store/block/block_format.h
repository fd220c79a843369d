// Constants of the object format. docs/format/object.md describes every byte.
//
//   [sections ...][footer: msgpack block metadata][trailer: 24 bytes]
#pragma once

#include <cstdint>
#include <string_view>

namespace brazier::block {

// Written; readers accept it and all before it.
inline constexpr uint32_t kFormatVersion = 2;
inline constexpr std::string_view kMagic = "BRAZIER\n";
// u64 footer size, u32 format version, u32 CRC-32C over footer + size + version, 8 bytes magic; little-endian.
inline constexpr size_t kTrailerBytes = 24;

// Codecs of a section.
inline constexpr uint8_t kCodecParts = 2;

// Bounds that readers enforce before they allocate.
inline constexpr uint64_t kSectionRawBytesMax = 1ull << 30;
inline constexpr uint64_t kFooterBytesMax = 256ull << 20;

}  // namespace brazier::block
