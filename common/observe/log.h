// Structured logs: a constant message and fields. Hides the logging library.
//
//   Log(LogLevel::kInfo, "segment flushed", {{"shard", 3}, {"bytes", size}});
//
// Error: someone must act. Warn: degraded and counted. Info: lifecycle. Debug: per request. Never log payloads or
// secrets. Thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace brazier {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// One field. Strings are quoted when they need it.
class LogField {
 public:
  LogField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  LogField(std::string_view name, const char* value) : name_(name), value_(value) {}
  LogField(std::string_view name, const std::string& value) : name_(name), value_(value) {}
  template <typename T>
    requires std::is_arithmetic_v<T>
  LogField(std::string_view name, T value) : name_(name), value_(std::to_string(value)) {}
  std::string_view name() const { return name_; }
  std::string_view value() const { return value_; }

 private:
  std::string_view name_;
  std::string value_;
};

// Call once, before threads start. level: "debug", "info", "warn", "error". Lines go to stderr.
void InitLogging(std::string_view level);
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace brazier
