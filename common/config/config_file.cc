#include "common/config/config_file.h"

#include <algorithm>
#include <exception>
#include <map>

#include <yaml-cpp/yaml.h>

namespace brazier::config {
namespace {

std::string AtLine(const YAML::Node& node) {
  return "line " + std::to_string(node.Mark().line + 1) + ": ";
}

Result<std::string> SequenceText(const std::string& key, const YAML::Node& node) {
  std::string out;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) {
      return InvalidArgument(AtLine(node) + key + ": a list may hold texts only");
    }
    if (item.Scalar().find(',') != std::string::npos) {
      return InvalidArgument(AtLine(item) + key + ": an item of a list may not hold a comma");
    }
    if (!out.empty()) out += ',';
    out += item.Scalar();
  }
  return out;
}

Status Flatten(const std::string& prefix, const YAML::Node& map, int depth,
               std::vector<FileEntry>& entries) {
  if (depth > kConfigDepthMax) {
    return InvalidArgument(AtLine(map) + prefix + ": nested deeper than " +
                           std::to_string(kConfigDepthMax) + " levels");
  }
  for (const auto& pair : map) {
    if (!pair.first.IsScalar()) return InvalidArgument(AtLine(pair.first) + "a key must be a text");
    const std::string key =
        prefix.empty() ? pair.first.Scalar() : prefix + "." + pair.first.Scalar();
    const YAML::Node& value = pair.second;
    const int line = value.Mark().line + 1;
    if (value.IsMap()) {
      RETURN_IF_ERROR(Flatten(key, value, depth + 1, entries));
    } else if (value.IsSequence()) {
      ASSIGN_OR_RETURN(std::string text, SequenceText(key, value));
      entries.push_back({key, std::move(text), line});
    } else {
      // "key:" with nothing after it is null, which is how one writes an empty text.
      entries.push_back({key, value.IsNull() ? std::string() : value.Scalar(), line});
    }
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<FileEntry>> ParseConfigFile(std::string_view yaml) {
  if (yaml.size() > kConfigFileBytesMax) {
    return InvalidArgument("larger than " + std::to_string(kConfigFileBytesMax) + " bytes");
  }
  std::vector<FileEntry> entries;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root || root.IsNull()) return entries;
    if (!root.IsMap()) return InvalidArgument("not a map of settings");
    RETURN_IF_ERROR(Flatten("", root, 1, entries));
  } catch (const std::exception& e) {
    return InvalidArgument(std::string("not YAML: ") + e.what());
  }
  std::map<std::string, int> lines;
  for (const FileEntry& entry : entries) {
    const auto [earlier, is_new] = lines.emplace(entry.key, entry.line);
    if (!is_new) {
      return InvalidArgument("line " + std::to_string(entry.line) + ": " + entry.key +
                             " is set already in line " + std::to_string(earlier->second));
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const FileEntry& a, const FileEntry& b) { return a.line < b.line; });
  return entries;
}

}  // namespace brazier::config
