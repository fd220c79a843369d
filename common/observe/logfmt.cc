#include "common/observe/logfmt.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace brazier {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void AppendTime(std::string& out, int64_t time_ms) {
  const time_t seconds = static_cast<time_t>(time_ms / 1000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  out.append(text, size);
  std::snprintf(text, sizeof text, ".%03dZ", static_cast<int>(time_ms % 1000));
  out += text;
}

bool IsPlain(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && c != 0x7f;
  });
}

void AppendQuoted(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
          out += escape;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void AppendValue(std::string& out, std::string_view value) {
  if (value.size() > kLogValueBytesMax) {
    // Back to the beginning of a UTF-8 character: a cut one would make the line unreadable for some collectors.
    size_t cut = kLogValueBytesMax;
    while (cut > 0 && (static_cast<unsigned char>(value[cut]) & 0xC0) == 0x80) --cut;
    AppendQuoted(out, std::string(value.substr(0, cut)) + "...");
  } else if (IsPlain(value)) {
    out += value;
  } else {
    AppendQuoted(out, value);
  }
}

}  // namespace

std::string FormatLogLine(int64_t time_ms, LogLevel level, std::string_view message,
                          std::initializer_list<LogField> fields) {
  std::string line;
  line.reserve(128);
  line += "time=";
  AppendTime(line, time_ms);
  line += " level=";
  line += LevelName(level);
  line += " msg=";
  AppendValue(line, message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name();
    line += '=';
    AppendValue(line, field.value());
  }
  return line;
}

}  // namespace brazier
