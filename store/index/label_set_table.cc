#include "store/index/label_set_table.h"

#include "store/index/index_entries.h"
#include "store/index/index_keys.h"

namespace brazier::index {
namespace {

constexpr size_t kCacheEntryBytes = 128;  // of the map, besides key and value

}  // namespace

uint32_t LabelSetNumber(const Labels& labels, uint32_t attempt) {
  const uint64_t hash = labels.Hash();
  return static_cast<uint32_t>(hash ^ hash >> 32) + attempt;
}

std::optional<std::vector<uint32_t>> LabelSetTable::Intern(std::string_view tenant, std::string_view service,
                                                           int64_t min_time_ns, const std::vector<Labels>& sets,
                                                           StateAccess& state) {
  std::vector<uint32_t> numbers;
  numbers.reserve(sets.size());
  std::string key = LabelSetPrefix(tenant, service, DayOf(min_time_ns));
  const size_t prefix_bytes = key.size();
  for (const Labels& labels : sets) {
    std::string value = EncodeLabelSet(labels);
    bool is_found = false;
    for (uint32_t attempt = 0; attempt < kProbesMax && !is_found; ++attempt) {
      const uint32_t number = LabelSetNumber(labels, attempt);
      key.resize(prefix_bytes);
      AppendLabelSetNumber(key, number);
      const std::string* stored = Lookup(key, state);
      if (stored == nullptr) {
        state.Write(key, value);
        stored = Remember(key, value);
      }
      is_found = *stored == value;
      if (is_found) numbers.push_back(number);
    }
    if (!is_found) return std::nullopt;
  }
  return numbers;
}

void LabelSetTable::Forget() {
  cache_.clear();
  cache_bytes_ = 0;
}

const std::string* LabelSetTable::Lookup(const std::string& key, const StateAccess& state) {
  if (const auto it = cache_.find(key); it != cache_.end()) return &it->second;
  std::string value;
  return state.Read(key, &value) ? Remember(key, std::move(value)) : nullptr;
}

const std::string* LabelSetTable::Remember(const std::string& key, std::string value) {
  const size_t bytes = key.size() + value.size() + kCacheEntryBytes;
  if (cache_bytes_ + bytes > kCacheBytesMax) Forget();
  cache_bytes_ += bytes;
  return &cache_.insert_or_assign(key, std::move(value)).first->second;
}

Result<Labels> ReadLabelSet(const kv::Reader& reader, std::string_view tenant, std::string_view service, int64_t min_time_ns,
                            uint32_t number) {
  std::string key = LabelSetPrefix(tenant, service, DayOf(min_time_ns));
  AppendLabelSetNumber(key, number);
  const auto value = reader.Get(kv::Family::kState, key);
  if (value.status().code() == Code::kNotFound) {
    return Corruption("index: label set " + std::to_string(number) + " of service \"" + std::string(service) +
                      "\" is missing");
  }
  RETURN_IF_ERROR(value.status());
  return DecodeLabelSet(*value);
}

}  // namespace brazier::index
