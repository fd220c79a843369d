#include "store/index/index_keys.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace brazier::index {
namespace {

constexpr int64_t kFirstClassNs = 16'000'000'000;
constexpr char kEscape = '\x00';
constexpr char kEscapedNul = '\xFF';
constexpr char kNameEnd = '\x01';

std::string KeyOf(KeyKind kind, size_t bytes) {
  std::string key;
  key.reserve(2 + bytes);
  key.push_back(kIndexPrefix);
  key.push_back(static_cast<char>(kind));
  return key;
}

void AppendBigEndian(std::string& key, uint64_t value) {
  const uint64_t big = __builtin_bswap64(value);
  char bytes[sizeof(big)];
  std::memcpy(bytes, &big, sizeof(big));
  key.append(bytes, sizeof(bytes));
}

uint64_t ParseBigEndian(std::string_view bytes) {
  CHECK(bytes.size() >= sizeof(uint64_t));
  uint64_t big;
  std::memcpy(&big, bytes.data(), sizeof(big));
  return __builtin_bswap64(big);
}

std::string KeyOfId(KeyKind kind, const Ulid& id) {
  std::string key = KeyOf(kind, kIdBytes);
  AppendId(key, id);
  return key;
}

std::string KeyOfTenant(KeyKind kind, std::string_view tenant, size_t more_bytes) {
  std::string key = KeyOf(kind, tenant.size() + 2 + more_bytes);
  AppendName(key, tenant);
  return key;
}

// Puts negative numbers below positive ones.
constexpr uint64_t kSignBit = uint64_t{1} << 63;

}  // namespace

uint32_t DurationClass(int64_t duration_ns) {
  uint32_t c = 0;
  while (duration_ns > DurationClassMax(c)) ++c;
  return c;
}

int64_t DurationClassMax(uint32_t duration_class) {
  CHECK(duration_class < kDurationClasses);
  if (duration_class == kDurationClasses - 1) return INT64_MAX;
  return kFirstClassNs << (2 * duration_class);
}
// The longest class that is computed still fits.
static_assert(kFirstClassNs <= (INT64_MAX >> (2 * (kDurationClasses - 2))));

void AppendName(std::string& key, std::string_view name) {
  for (char c : name) {
    key.push_back(c);
    if (c == kEscape) key.push_back(kEscapedNul);
  }
  key.push_back(kEscape);
  key.push_back(kNameEnd);
}

bool TakeName(std::string_view& key, std::string& name) {
  name.clear();
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] != kEscape) {
      name.push_back(key[i]);
      continue;
    }
    if (i + 1 == key.size()) return false;
    ++i;
    if (key[i] == kNameEnd) {
      key.remove_prefix(i + 1);
      return true;
    }
    if (key[i] != kEscapedNul) return false;
    name.push_back(kEscape);
  }
  return false;
}

void AppendTime(std::string& key, int64_t time_ns) {
  AppendBigEndian(key, static_cast<uint64_t>(time_ns) ^ kSignBit);
}

int64_t ParseTime(std::string_view bytes) {
  return static_cast<int64_t>(ParseBigEndian(bytes) ^ kSignBit);
}

void AppendId(std::string& key, const Ulid& id) {
  AppendBigEndian(key, id.bits.high);
  AppendBigEndian(key, id.bits.low);
}

Ulid ParseId(std::string_view bytes) {
  CHECK(bytes.size() == kIdBytes);
  return Ulid{{ParseBigEndian(bytes), ParseBigEndian(bytes.substr(8))}};
}

void AppendNumber(std::string& key, uint64_t number) { AppendBigEndian(key, number); }

uint64_t ParseNumber(std::string_view bytes) {
  CHECK(bytes.size() == kNumberBytes);
  return ParseBigEndian(bytes);
}

std::string KindPrefix(KeyKind kind) { return KeyOf(kind, 0); }

std::string BlockKey(const Ulid& id) { return KeyOfId(KeyKind::kBlock, id); }

std::string TenantPrefix() { return KeyOf(KeyKind::kTenant, 0); }

std::string TenantKey(std::string_view tenant) {
  std::string key = KeyOf(KeyKind::kTenant, tenant.size() + 2);
  AppendName(key, tenant);
  return key;
}

std::string UpgradeKey() { return KeyOf(KeyKind::kUpgrade, 0); }

std::string VersionKey() { return KeyOf(KeyKind::kVersion, 0); }

std::string ServicePrefix(std::string_view tenant) {
  std::string key = KeyOf(KeyKind::kService, tenant.size() + 2);
  AppendName(key, tenant);
  return key;
}

std::string ServiceKey(std::string_view tenant, std::string_view service) {
  std::string key = KeyOf(KeyKind::kService, tenant.size() + service.size() + 4);
  AppendName(key, tenant);
  AppendName(key, service);
  return key;
}

std::string DatasetPrefix(std::string_view tenant, std::string_view service,
                          uint32_t duration_class) {
  std::string key =
      KeyOf(KeyKind::kDataset, tenant.size() + service.size() + 5 + kTimeBytes + kIdBytes);
  AppendName(key, tenant);
  AppendName(key, service);
  key.push_back(static_cast<char>(duration_class));
  return key;
}

std::string DatasetKey(std::string_view tenant, std::string_view service, int64_t min_time_ns,
                       int64_t max_time_ns, const Ulid& id) {
  CHECK(min_time_ns >= 0);
  CHECK(max_time_ns >= min_time_ns);
  std::string key = DatasetPrefix(tenant, service, DurationClass(max_time_ns - min_time_ns));
  AppendTime(key, min_time_ns);
  AppendId(key, id);
  return key;
}

std::string LabelSetPrefix(std::string_view tenant, std::string_view service, int64_t day) {
  std::string key =
      KeyOf(KeyKind::kLabelSet, tenant.size() + service.size() + 4 + kTimeBytes + kLabelSetNumberBytes);
  AppendName(key, tenant);
  AppendName(key, service);
  AppendTime(key, day * kDayNs);
  return key;
}

void AppendLabelSetNumber(std::string& key, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
}

uint32_t ParseLabelSetNumber(std::string_view bytes) {
  CHECK(bytes.size() == kLabelSetNumberBytes);
  uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

std::string SettingsKey() { return KeyOf(KeyKind::kSettings, 0); }

std::string ExpiryPrefix(std::string_view tenant) {
  return KeyOfTenant(KeyKind::kExpiry, tenant, kTimeBytes + kIdBytes);
}

std::string ExpiryKey(std::string_view tenant, int64_t max_time_ns, const Ulid& id) {
  std::string key = ExpiryPrefix(tenant);
  AppendTime(key, max_time_ns);
  AppendId(key, id);
  return key;
}

std::string FailureKey(const Ulid& id) { return KeyOfId(KeyKind::kFailure, id); }

std::string DeletionsOfBlockKey(const Ulid& id) { return KeyOfId(KeyKind::kDeletionsOfBlock, id); }

std::string JobKey(uint64_t job) {
  std::string key = KeyOf(KeyKind::kJob, kNumberBytes);
  AppendNumber(key, job);
  return key;
}

std::string JobOfBlockKey(const Ulid& id) { return KeyOfId(KeyKind::kJobOfBlock, id); }

std::string NewestJobKey() { return KeyOf(KeyKind::kNewestJob, 0); }

std::string DeletionKey(const Ulid& deletion) {
  return KeyOfId(KeyKind::kDeletion, Ulid{{~deletion.bits.high, ~deletion.bits.low}});
}

Ulid ParseDeletionId(std::string_view bytes) {
  const Ulid complement = ParseId(bytes);
  return Ulid{{~complement.bits.high, ~complement.bits.low}};
}

std::string BlockOfDeletionPrefix(const Ulid& deletion) { return KeyOfId(KeyKind::kBlockOfDeletion, deletion); }

std::string BlockOfDeletionKey(const Ulid& deletion, const Ulid& id) {
  std::string key = BlockOfDeletionPrefix(deletion);
  AppendId(key, id);
  return key;
}

std::string PendingDeletionPrefix(std::string_view tenant) {
  return KeyOfTenant(KeyKind::kPendingDeletion, tenant, kIdBytes);
}

std::string PendingDeletionKey(std::string_view tenant, const Ulid& deletion) {
  std::string key = PendingDeletionPrefix(tenant);
  AppendId(key, deletion);
  return key;
}

std::string QuarantineKey(const Ulid& id) { return KeyOfId(KeyKind::kQuarantine, id); }

std::string WindowPrefix() { return KeyOf(KeyKind::kWindow, 0); }

std::string WindowKey(int64_t time_ns, const Ulid& id) {
  std::string key = KeyOf(KeyKind::kWindow, kTimeBytes + kIdBytes);
  AppendTime(key, time_ns);
  AppendId(key, id);
  return key;
}

std::string PrefixEnd(std::string prefix) {
  // The first byte of every key is below 0xFF, so this ends.
  while (static_cast<uint8_t>(prefix.back()) == 0xFF) prefix.pop_back();
  prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

}  // namespace brazier::index
