#include "store/index/deletions.h"

#include "store/index/index_keys.h"
#include "store/index/lifecycle_entries.h"

namespace brazier::index {

using kv::Family;

Result<std::vector<Deletion>> ListDeletions(const kv::Reader& reader, std::string_view tenant, size_t limit) {
  std::vector<Deletion> deletions;
  if (limit == 0) return deletions;
  const std::string prefix = KindPrefix(KeyKind::kDeletion);
  Status bad;
  RETURN_IF_ERROR(reader.Scan(Family::kState, prefix, PrefixEnd(prefix), [&](std::string_view key, std::string_view value) {
    if (key.size() != prefix.size() + kIdBytes) {
      bad = Corruption("an index deletion key has " + std::to_string(key.size()) + " bytes");
      return false;
    }
    auto deletion = DecodeDeletion(ParseDeletionId(key.substr(prefix.size())), value);
    bad = deletion.status();
    if (!bad.ok()) return false;
    if (tenant.empty() || deletion->filter.tenant == tenant) deletions.push_back(std::move(deletion).value());
    return deletions.size() < limit;
  }));
  RETURN_IF_ERROR(bad);
  return deletions;
}

Result<std::optional<Deletion>> ReadDeletion(const kv::Reader& reader, const Ulid& id) {
  const auto value = reader.Get(Family::kState, DeletionKey(id));
  if (value.status().code() == Code::kNotFound) return std::optional<Deletion>();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(Deletion deletion, DecodeDeletion(id, *value));
  return std::optional<Deletion>(std::move(deletion));
}

Result<std::vector<DataFilter>> DeletionsOf(const kv::Reader& reader, const Ulid& block) {
  std::vector<DataFilter> filters;
  const auto value = reader.Get(Family::kState, DeletionsOfBlockKey(block));
  if (value.status().code() == Code::kNotFound) return filters;
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(const std::vector<NotedDeletion> noted, DecodeNotedDeletions(*value));
  for (const NotedDeletion& one : noted) {
    ASSIGN_OR_RETURN(std::optional<Deletion> deletion, ReadDeletion(reader, one.deletion));
    if (!deletion.has_value()) return Corruption("index: deletion " + one.deletion.ToString() + " is not there");
    filters.push_back(std::move(deletion->filter));
  }
  return filters;
}

}  // namespace brazier::index
