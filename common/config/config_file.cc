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

// Runs `read(root)` over the map at the top of the file; an empty file has none.
template <typename F>
Status ReadYaml(std::string_view yaml, const char* of_what, const F& read) {
  if (yaml.size() > kConfigFileBytesMax) {
    return InvalidArgument("larger than " + std::to_string(kConfigFileBytesMax) + " bytes");
  }
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root || root.IsNull()) return Status::Ok();
    if (!root.IsMap()) return InvalidArgument(std::string("not a map of ") + of_what);
    return read(root);
  } catch (const std::exception& e) {
    return InvalidArgument(std::string("not YAML: ") + e.what());
  }
}

Status CheckNoneTwice(const std::vector<FileEntry>& entries) {
  std::map<std::string, int> lines;
  for (const FileEntry& entry : entries) {
    const auto [earlier, is_new] = lines.emplace(entry.key, entry.line);
    if (!is_new) {
      return InvalidArgument("line " + std::to_string(entry.line) + ": " + entry.key +
                             " is set already in line " + std::to_string(earlier->second));
    }
  }
  return Status::Ok();
}

void SortByLine(std::vector<FileEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const FileEntry& a, const FileEntry& b) { return a.line < b.line; });
}

Status ReadTenants(const YAML::Node& root, std::vector<TenantEntries>& tenants) {
  for (const auto& pair : root) {
    if (!pair.first.IsScalar() || pair.first.Scalar() != "tenants") {
      return InvalidArgument(AtLine(pair.first) + (pair.first.IsScalar() ? pair.first.Scalar() : "a key") +
                             ": only \"tenants\" may stand at the top");
    }
    if (pair.second.IsNull()) continue;
    if (!pair.second.IsMap()) return InvalidArgument(AtLine(pair.second) + "tenants: not a map of tenants");
    for (const auto& entry : pair.second) {
      const YAML::Node& name = entry.first;
      const YAML::Node& settings = entry.second;
      if (!name.IsScalar() || name.Scalar().empty()) return InvalidArgument(AtLine(name) + "a tenant must be a text");
      TenantEntries tenant{.tenant = name.Scalar(), .entries = {}};
      if (!settings.IsNull() && !settings.IsMap()) {
        return InvalidArgument(AtLine(settings) + "tenant \"" + tenant.tenant + "\": not a map of settings");
      }
      if (settings.IsMap()) RETURN_IF_ERROR(Flatten("", settings, 1, tenant.entries));
      if (const Status twice = CheckNoneTwice(tenant.entries); !twice.ok()) {
        return twice.Annotate("tenant \"" + tenant.tenant + "\"");
      }
      SortByLine(tenant.entries);
      tenants.push_back(std::move(tenant));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<FileEntry>> ParseConfigFile(std::string_view yaml) {
  std::vector<FileEntry> entries;
  RETURN_IF_ERROR(ReadYaml(yaml, "settings", [&](const YAML::Node& root) { return Flatten("", root, 1, entries); }));
  RETURN_IF_ERROR(CheckNoneTwice(entries));
  SortByLine(entries);
  return entries;
}

Result<std::vector<TenantEntries>> ParseOverridesFile(std::string_view yaml) {
  std::vector<TenantEntries> tenants;
  RETURN_IF_ERROR(ReadYaml(yaml, "overrides", [&](const YAML::Node& root) { return ReadTenants(root, tenants); }));
  std::sort(tenants.begin(), tenants.end(),
            [](const TenantEntries& a, const TenantEntries& b) { return a.tenant < b.tenant; });
  const auto twice = std::adjacent_find(tenants.begin(), tenants.end(), [](const TenantEntries& a, const TenantEntries& b) {
    return a.tenant == b.tenant;
  });
  if (twice != tenants.end()) return InvalidArgument("tenant \"" + twice->tenant + "\" is there twice");
  return tenants;
}

}  // namespace brazier::config
