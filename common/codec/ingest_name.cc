#include "common/codec/ingest_name.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace brazier::codec {
namespace {

Status BadName(std::string message) {
  return InvalidArgument(std::move(message)).WithReason("invalid_name");
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool IsAppChar(char c) { return IsAlphanumeric(c) || c == '_' || c == '.' || c == '-' || c == '/'; }
bool IsTagChar(char c) { return IsAlphanumeric(c) || c == '_' || c == '.'; }

Status CheckChars(std::string_view text, bool (*allowed)(char), const std::string& what) {
  const auto begin = std::find_if_not(text.begin(), text.end(), allowed);
  if (begin == text.end()) return Status::Ok();
  // The message travels as UTF-8: the whole character is shown.
  auto end = begin + 1;
  while (end != text.end() && end - begin < 4 && (static_cast<unsigned char>(*end) & 0xC0) == 0x80) ++end;
  return BadName("name: invalid " + what + ": " + std::string(text.substr(0, 256)) +
                 ": character is not allowed: '" + std::string(begin, end) + "'");
}

constexpr size_t kNameBytesMax = 256 * 1024;

struct TypeRow {
  std::string_view suffix;
  std::string_view metric;
  std::string_view type;
  std::string_view unit;
  bool is_timed;  // counts are samples of the clock: value = count * 1e9 / rate, period cpu:nanoseconds
};

constexpr std::array kTypes = {
    TypeRow{"cpu", "process_cpu", "cpu", "nanoseconds", true},
    TypeRow{"itimer", "process_cpu", "cpu", "nanoseconds", true},
    TypeRow{"wall", "wall", "wall", "nanoseconds", true},
    TypeRow{"inuse_objects", "memory", "inuse_objects", "count", false},
    TypeRow{"alloc_objects", "memory", "alloc_objects", "count", false},
    TypeRow{"inuse_space", "memory", "inuse_space", "bytes", false},
    TypeRow{"alloc_space", "memory", "alloc_space", "bytes", false},
    TypeRow{"goroutines", "goroutine", "goroutines", "count", false},
    TypeRow{"mutex_count", "mutex", "contentions", "count", false},
    TypeRow{"mutex_duration", "mutex", "delay", "nanoseconds", false},
    TypeRow{"block_count", "block", "contentions", "count", false},
    TypeRow{"lock_count", "block", "contentions", "count", false},
    TypeRow{"block_duration", "block", "delay", "nanoseconds", false},
    TypeRow{"lock_duration", "block", "delay", "nanoseconds", false},
    TypeRow{"alloc_in_new_tlab_objects", "memory", "alloc_in_new_tlab_objects", "count", false},
    TypeRow{"alloc_in_new_tlab_bytes", "memory", "alloc_in_new_tlab_bytes", "bytes", false},
    TypeRow{"alloc_outside_tlab_objects", "memory", "alloc_outside_tlab_objects", "count", false},
    TypeRow{"alloc_outside_tlab_bytes", "memory", "alloc_outside_tlab_bytes", "bytes", false},
    TypeRow{"live", "memory", "live", "count", false},
    TypeRow{"exceptions", "exceptions", "samples", "count", false},
};

}  // namespace

Result<IngestName> ParseIngestName(std::string_view text) {
  if (text.size() > kNameBytesMax) {
    return BadName("name: longer than the limit of " + std::to_string(kNameBytesMax) + " bytes");
  }
  IngestName name;
  const size_t brace = text.find('{');
  const std::string_view app = Trim(text.substr(0, brace));
  if (app.empty()) return BadName("name: service name is required");
  RETURN_IF_ERROR(CheckChars(app, IsAppChar, "service name"));
  name.app = app;
  if (brace == std::string_view::npos) return name;

  std::string_view rest = text.substr(brace + 1);
  if (const size_t close = rest.rfind('}'); close != std::string_view::npos) {
    rest = rest.substr(0, close);
  }
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view pair = Trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (pair.empty()) continue;
    const size_t equal = pair.find('=');
    if (equal == std::string_view::npos) {
      return BadName("name: invalid label \"" + std::string(pair.substr(0, 256)) + "\": expected key=value");
    }
    const std::string_view key = Trim(pair.substr(0, equal));
    if (key.empty()) return BadName("name: label name is required");
    RETURN_IF_ERROR(CheckChars(key, IsTagChar, "label name"));
    if (key == label::kName) return BadName("name: label name __name__ is reserved");
    name.tags.Set(key, Trim(pair.substr(equal + 1)));
  }
  return name;
}

Result<TextProfileType> TextProfileTypeOf(const std::string& app, uint32_t sample_rate_hz) {
  TextProfileType out;
  const size_t dot = app.rfind('.');
  const std::string suffix = dot == std::string::npos ? "cpu" : app.substr(dot + 1);
  out.service = app.substr(0, dot);
  const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                [&](const TypeRow& r) { return r.suffix == suffix; });
  if (row == kTypes.end()) {
    return BadName("pyroscopeIngesterAdapter failed to convert metadata: unknown profile type: " +
                   suffix.substr(0, 256));
  }
  if (out.service.empty()) return BadName("name: service name is required");
  out.metric = row->metric;
  out.sample_type = {std::string(row->type), std::string(row->unit)};
  if (!row->is_timed) return out;
  if (sample_rate_hz == 0) {
    // Without a rate, time cannot be told: what was counted stays a count.
    out.sample_type = {"samples", "count"};
    return out;
  }
  out.period = 1'000'000'000 / static_cast<int64_t>(sample_rate_hz);
  out.value_scale = out.period;
  out.period_type = {"cpu", "nanoseconds"};
  return out;
}

Result<std::string> PprofMetricName(const std::vector<ValueType>& types,
                                    const std::string& sample_type_config) {
  nlohmann::json config = nlohmann::json::object();
  if (!sample_type_config.empty()) {
    config = nlohmann::json::parse(sample_type_config, nullptr, /*allow_exceptions=*/false);
    if (!config.is_object()) {
      return InvalidArgument("sample_type_config is not a JSON object")
          .WithReason("malformed_profile");
    }
  }
  auto display_name = [&](const std::string& type) -> std::string {
    if (auto it = config.find(type); it != config.end() && it->is_object()) {
      if (auto name = it->find("display-name"); name != it->end() && name->is_string()) {
        if (!name->get_ref<const std::string&>().empty()) return name->get<std::string>();
      }
      return type;
    }
    if (type == "samples") return "cpu";
    if (type == "contentions") return "mutex_count";
    if (type == "delay") return "mutex_duration";
    if (type == "goroutine") return "goroutines";
    return type;
  };
  std::vector<std::string> names;
  for (const ValueType& type : types) names.push_back(display_name(type.type));
  if (std::find(names.begin(), names.end(), "wall") != names.end()) return std::string("wall");
  for (const std::string& name : names) {
    auto contains = [&](std::string_view part) { return name.find(part) != std::string::npos; };
    if (contains("cpu")) return std::string("process_cpu");
    if (contains("alloc_") || contains("inuse_") || name == "space" || name == "objects") {
      return std::string("memory");
    }
    if (contains("mutex_")) return std::string("mutex");
    if (contains("block_")) return std::string("block");
    if (contains("goroutines")) return std::string("goroutines");
  }
  return types.empty() ? std::string("unknown") : types.back().type;
}

}  // namespace brazier::codec
