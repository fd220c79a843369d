// InspectObject: what an object holds, as text for a person: trailer, footer, every section with its sizes and whether its
// checksum holds, and per dataset the series, profiles and rows. For tools that hold the whole object in memory.
//
// The bytes are hostile: lists are cut at the limits below, names are escaped and cut, so that neither the terminal nor
// the memory suffers. Pure; Thread-safe.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace brazier::block {

struct InspectLimits {
  static constexpr size_t kDatasetsMax = 1'000;  // listed per object
  static constexpr size_t kLinesMax = 100;       // series, profiles, rows: each, per dataset
  static constexpr size_t kTextBytesMax = 4 << 20;
  static constexpr size_t kNameBytesMax = 256;   // of one name or value
};

// An error when the trailer or the footer cannot be read: then nothing else can be found. A damaged section is part of
// the text ("DAMAGED: why") and of `*damaged`; the text ends with how many there are. All sections are checked, also
// those that the text has no room for.
Result<std::string> InspectObject(Bytes object, size_t* damaged = nullptr);

}  // namespace brazier::block
