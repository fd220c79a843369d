#include "store/index/jobs.h"

#include <functional>

#include "store/index/index_keys.h"
#include "store/index/lifecycle_entries.h"
#include "store/index/state_version.h"

namespace brazier::index {
namespace {

using kv::Family;

// Visits the keys of [begin, end) until `visit` answers that it has enough; ends with the first error.
Status ScanEntries(const kv::Reader& reader, const std::string& begin, const std::string& end,
                   const std::function<Result<bool>(std::string_view key, std::string_view value)>& visit) {
  Status bad;
  RETURN_IF_ERROR(reader.Scan(Family::kState, begin, end, [&](std::string_view key, std::string_view value) {
    const Result<bool> goes_on = visit(key, value);
    bad = goes_on.status();
    return bad.ok() && *goes_on;
  }));
  return bad;
}

Result<bool> Has(const kv::Reader& reader, const std::string& key) {
  const auto value = reader.Get(Family::kState, key);
  if (value.status().code() == Code::kNotFound) return false;
  RETURN_IF_ERROR(value.status());
  return true;
}

Result<bool> HasAny(const kv::Reader& reader, KeyKind kind) {
  bool has = false;
  const std::string prefix = KindPrefix(kind);
  RETURN_IF_ERROR(reader.Scan(Family::kState, prefix, PrefixEnd(prefix), [&](std::string_view, std::string_view) {
    has = true;
    return false;
  }));
  return has;
}

// None: an empty one.
Result<FailedBlock> ReadFailure(const kv::Reader& reader, const Ulid& id) {
  const auto value = reader.Get(Family::kState, FailureKey(id));
  if (value.status().code() == Code::kNotFound) return FailedBlock{.id = id};
  RETURN_IF_ERROR(value.status());
  return DecodeFailure(id, *value);
}

Status CheckSize(std::string_view key, size_t bytes) {
  if (key.size() == bytes) return Status::Ok();
  return Corruption("an index key of kind " + std::string(key.substr(0, 2)) + " has " + std::to_string(key.size()) + " bytes");
}

// The keys of a kind that has an id behind it and nothing else.
Status ScanIds(const kv::Reader& reader, KeyKind kind, const std::optional<Ulid>& after,
               const std::function<Result<bool>(const Ulid& id, std::string_view value)>& visit) {
  const std::string prefix = KindPrefix(kind);
  std::string begin = prefix;
  if (after.has_value()) {
    AppendId(begin, *after);
    begin.push_back('\0');  // the first key above
  }
  return ScanEntries(reader, begin, PrefixEnd(prefix), [&](std::string_view key, std::string_view value) -> Result<bool> {
    RETURN_IF_ERROR(CheckSize(key, prefix.size() + kIdBytes));
    return visit(ParseId(key.substr(prefix.size())), value);
  });
}

}  // namespace

Result<std::vector<Job>> ListJobs(const kv::Reader& reader) {
  RETURN_IF_ERROR(CheckUpgraded(reader));
  std::vector<Job> jobs;
  const std::string prefix = KindPrefix(KeyKind::kJob);
  RETURN_IF_ERROR(ScanEntries(reader, prefix, PrefixEnd(prefix), [&](std::string_view key, std::string_view value) -> Result<bool> {
    RETURN_IF_ERROR(CheckSize(key, prefix.size() + kNumberBytes));
    ASSIGN_OR_RETURN(Job job, DecodeJob(ParseNumber(key.substr(prefix.size())), value));
    jobs.push_back(std::move(job));
    return true;
  }));
  return jobs;
}

Result<std::vector<FailedBlock>> ListFailedBlocks(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit) {
  std::vector<FailedBlock> blocks;
  if (limit == 0) return blocks;
  RETURN_IF_ERROR(ScanIds(reader, KeyKind::kFailure, after, [&](const Ulid& id, std::string_view value) -> Result<bool> {
    ASSIGN_OR_RETURN(FailedBlock failure, DecodeFailure(id, value));
    // Without failures of its own it only waits.
    if (failure.failures == 0) return true;
    ASSIGN_OR_RETURN(const bool is_in_job, Has(reader, JobOfBlockKey(id)));
    if (!is_in_job) blocks.push_back(std::move(failure));
    return blocks.size() < limit;
  }));
  return blocks;
}

Result<std::vector<QuarantinedBlock>> ListQuarantined(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit) {
  std::vector<QuarantinedBlock> blocks;
  if (limit == 0) return blocks;
  RETURN_IF_ERROR(ScanIds(reader, KeyKind::kQuarantine, after, [&](const Ulid& id, std::string_view value) -> Result<bool> {
    ASSIGN_OR_RETURN(QuarantinedBlock block, DecodeQuarantine(id, value));
    blocks.push_back(std::move(block));
    return blocks.size() < limit;
  }));
  return blocks;
}

Result<std::vector<ExpiringBlock>> ListExpiring(const kv::Reader& reader, std::string_view tenant, int64_t before_ns, size_t limit) {
  RETURN_IF_ERROR(CheckUpgraded(reader));
  std::vector<ExpiringBlock> blocks;
  if (limit == 0) return blocks;
  const std::string prefix = ExpiryPrefix(tenant);
  std::string end = prefix;
  AppendTime(end, before_ns);
  RETURN_IF_ERROR(ScanEntries(reader, prefix, end, [&](std::string_view key, std::string_view value) -> Result<bool> {
    RETURN_IF_ERROR(CheckSize(key, prefix.size() + kTimeBytes + kIdBytes));
    key.remove_prefix(prefix.size());
    ASSIGN_OR_RETURN(const uint64_t size, DecodeExpiry(value));
    blocks.push_back({ParseId(key.substr(kTimeBytes)), ParseTime(key.substr(0, kTimeBytes)), size});
    return blocks.size() < limit;
  }));
  return blocks;
}

Result<std::vector<std::string>> ListExpiringTenants(const kv::Reader& reader, const std::optional<std::string>& after, size_t limit) {
  RETURN_IF_ERROR(CheckUpgraded(reader));
  std::vector<std::string> tenants;
  const std::string kind = KindPrefix(KeyKind::kExpiry);
  std::string begin = after.has_value() ? PrefixEnd(ExpiryPrefix(*after)) : kind;
  for (bool found = true; found && tenants.size() < limit;) {
    found = false;
    std::string tenant;
    RETURN_IF_ERROR(ScanEntries(reader, begin, PrefixEnd(kind), [&](std::string_view key, std::string_view) -> Result<bool> {
      key.remove_prefix(kind.size());
      if (!TakeName(key, tenant)) return Corruption("an index expiry key is not well-formed");
      found = true;
      return false;
    }));
    if (!found) break;
    begin = PrefixEnd(ExpiryPrefix(tenant));
    tenants.push_back(std::move(tenant));
  }
  return tenants;
}

Result<bool> IsCompactionPaused(const kv::Reader& reader) {
  const auto value = reader.Get(Family::kState, SettingsKey());
  if (value.status().code() == Code::kNotFound) return false;
  RETURN_IF_ERROR(value.status());
  return DecodeSettings(*value);
}

Result<std::vector<FreeBlock>> ListFreeBlocks(const kv::Reader& reader, const std::optional<FreeBlockCursor>& after, size_t limit) {
  RETURN_IF_ERROR(CheckUpgraded(reader));
  std::vector<FreeBlock> blocks;
  if (limit == 0) return blocks;
  // Nearly always there are none of these, and no block has to be asked.
  ASSIGN_OR_RETURN(const bool has_deletions, HasAny(reader, KeyKind::kPendingDeletion));
  ASSIGN_OR_RETURN(const bool has_failures, HasAny(reader, KeyKind::kFailure));
  const std::string kind = KindPrefix(KeyKind::kQueue);
  const std::string begin = after.has_value() ? QueueKey(after->queue, after->id) + '\0' : kind;  // the first key above
  RETURN_IF_ERROR(ScanEntries(reader, begin, PrefixEnd(kind), [&](std::string_view key, std::string_view value) -> Result<bool> {
    FreeBlock free;
    Ulid id;
    ASSIGN_OR_RETURN(free.queue, ParseQueueKey(key, &id));
    ASSIGN_OR_RETURN(free.block, DecodeQueuedBlock(id, value));
    if (has_failures) {
      ASSIGN_OR_RETURN(const FailedBlock failure, ReadFailure(reader, id));
      free.failures = failure.failures;
      free.not_before_ns = failure.not_before_ns;
    }
    if (has_deletions) {
      ASSIGN_OR_RETURN(free.must_be_rewritten, Has(reader, DeletionsOfBlockKey(id)));
    }
    blocks.push_back(std::move(free));
    return blocks.size() < limit;
  }));
  return blocks;
}

}  // namespace brazier::index
