#include "common/observe/log.h"

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/observe/logfmt.h"

namespace brazier {
namespace {

std::atomic<LogLevel> level_min{LogLevel::kInfo};

// The sink serialises whole lines, so that lines of two threads never mix. It flushes each line: a process that
// dies has said why.
spdlog::logger& Sink() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>(
        "brazier", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void InitLogging(std::string_view level) {
  if (level == "debug") {
    level_min = LogLevel::kDebug;
  } else if (level == "warn") {
    level_min = LogLevel::kWarn;
  } else if (level == "error") {
    level_min = LogLevel::kError;
  } else {
    level_min = LogLevel::kInfo;
  }
  Sink();
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < level_min.load(std::memory_order_relaxed)) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::string line = FormatLogLine(now_ms, level, message, fields);
  try {
    Sink().log(SpdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
  } catch (...) {
    // A log line that cannot be written must not take the request down with it.
  }
}

}  // namespace brazier
