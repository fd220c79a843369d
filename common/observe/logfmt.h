// One log line as text: time=... level=... msg=... name=value. Pure, so that tests see what stderr would.
// Values are quoted when they hold anything but plain characters; control characters become escapes, so that one
// event is always one line whatever a client sent.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/observe/log.h"

namespace brazier {

// A longer value is cut here and marked with "...": a log line is not a place for payloads.
inline constexpr size_t kLogValueBytesMax = 4096;

// time_ms: wall time since the epoch. No newline at the end.
std::string FormatLogLine(int64_t time_ms, LogLevel level, std::string_view message,
                          std::initializer_list<LogField> fields);

}  // namespace brazier
