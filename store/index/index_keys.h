// The keys of the index in family kState: constants and builders for docs/format/index.md. Every key begins with
// kIndexPrefix and one byte for its kind; numbers are big-endian, so that byte order is numeric order.
//
//   ib <id>                                                block
//   ic                                                     settings (lifecycle_entries.h)
//   id <tenant> <service> <class> <min time> <id>          dataset
//   ie <tenant> <max time> <id>                            block, by the time of its newest profile (jobs.h)
//   if <id>                                                failures of a block's jobs (jobs.h)
//   ig <time> <id>                                         removed block, by the time of its removal (tombstones.h)
//   ih <id>                                                deletions that concern a block, or did when it was removed (deletions.h)
//   ij <number>                                            job (jobs.h)
//   ik <id>                                                job that has the block
//   im <deletion, complemented>                            deletion (deletions.h)
//   in                                                     number of the newest job
//   ip <deletion> <id>                                     block that still holds what the deletion names
//   iq <level> <shard> <tenant> <id>                       block in its queue, free for a job (block_queue.h)
//   ir <id>                                                removed block (tombstones.h)
//   il <tenant> <service> <day> <number>                   label set
//   is <tenant> <service>                                  service
//   it <tenant>                                            tenant
//   iu                                                     how far an upgrade of the state is
//   iv                                                     version of the state
//   iw <time> <id>                                         identities of a block in the dedup window
//   ix <tenant> <deletion>                                 deletion that has blocks under ip
//   iz <id>                                                block in quarantine (jobs.h)
//
// Tenants and services are escaped and terminated (AppendName), so that no name's keys lie between another's: a range
// scan of one tenant cannot reach the next.
//
// <class> is the duration class of the dataset: a scan for [start, end] of class c begins at start - DurationClassMax(c), so
// one dataset that spans a year does not make every look-up read a year.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/ulid.h"

namespace brazier::index {

inline constexpr char kIndexPrefix = 'i';
enum class KeyKind : char {
  kBlock = 'b',
  kSettings = 'c',
  kDataset = 'd',
  kExpiry = 'e',
  kFailure = 'f',
  kRemovedByTime = 'g',
  kDeletionsOfBlock = 'h',
  kJob = 'j',
  kJobOfBlock = 'k',
  kDeletion = 'm',
  kNewestJob = 'n',
  kBlockOfDeletion = 'p',
  kQueue = 'q',
  kRemoved = 'r',
  kLabelSet = 'l',
  kService = 's',
  kTenant = 't',
  kUpgrade = 'u',
  kVersion = 'v',
  kWindow = 'w',
  kPendingDeletion = 'x',
  kQuarantine = 'z',
};

// Class 0: up to 16 s; each further class four times as long; the last one without end.
inline constexpr uint32_t kDurationClasses = 16;
uint32_t DurationClass(int64_t duration_ns);
// The longest duration of the class.
int64_t DurationClassMax(uint32_t duration_class);

// Ordered like the names, prefix-free: 0x00 becomes 0x00 0xFF, and 0x00 0x01 ends the name.
void AppendName(std::string& key, std::string_view name);
// Takes a name from the front of `key`; false when there is none that is well-formed.
bool TakeName(std::string_view& key, std::string& name);
// Ordered as numbers; negative ones too.
void AppendTime(std::string& key, int64_t time_ns);
int64_t ParseTime(std::string_view bytes);  // REQUIRES: 8 bytes
void AppendId(std::string& key, const Ulid& id);
Ulid ParseId(std::string_view bytes);  // REQUIRES: 16 bytes
void AppendNumber(std::string& key, uint64_t number);
uint64_t ParseNumber(std::string_view bytes);  // REQUIRES: 8 bytes
inline constexpr size_t kTimeBytes = 8;
inline constexpr size_t kIdBytes = 16;
inline constexpr size_t kNumberBytes = 8;

// The first bytes of all keys of the kind.
std::string KindPrefix(KeyKind kind);
std::string BlockKey(const Ulid& id);
std::string TenantPrefix();  // all tenants
std::string TenantKey(std::string_view tenant);
std::string UpgradeKey();
std::string VersionKey();
// All services of a tenant.
std::string ServicePrefix(std::string_view tenant);
std::string ServiceKey(std::string_view tenant, std::string_view service);
// All datasets of (tenant, service) in the class.
std::string DatasetPrefix(std::string_view tenant, std::string_view service, uint32_t duration_class);
std::string DatasetKey(std::string_view tenant, std::string_view service, int64_t min_time_ns,
                       int64_t max_time_ns, const Ulid& id);
// Label sets of the datasets of (tenant, service) that begin on one day (UTC), by number.
inline constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;
inline constexpr size_t kLabelSetNumberBytes = 4;
inline int64_t DayOf(int64_t min_time_ns) { return min_time_ns / kDayNs; }  // REQUIRES: not negative
std::string LabelSetPrefix(std::string_view tenant, std::string_view service, int64_t day);
void AppendLabelSetNumber(std::string& key, uint32_t number);
uint32_t ParseLabelSetNumber(std::string_view bytes);  // REQUIRES: 4 bytes
std::string SettingsKey();
// Blocks of a tenant in the order of their newest profiles.
std::string ExpiryPrefix(std::string_view tenant);
std::string ExpiryKey(std::string_view tenant, int64_t max_time_ns, const Ulid& id);
std::string FailureKey(const Ulid& id);
std::string DeletionsOfBlockKey(const Ulid& id);
std::string JobKey(uint64_t job);
std::string JobOfBlockKey(const Ulid& id);
std::string NewestJobKey();
// In the order from the newest id to the oldest.
std::string DeletionKey(const Ulid& deletion);
Ulid ParseDeletionId(std::string_view bytes);  // REQUIRES: 16 bytes
std::string BlockOfDeletionPrefix(const Ulid& deletion);
std::string BlockOfDeletionKey(const Ulid& deletion, const Ulid& id);
std::string PendingDeletionPrefix(std::string_view tenant);
std::string PendingDeletionKey(std::string_view tenant, const Ulid& deletion);
std::string QuarantineKey(const Ulid& id);
std::string WindowPrefix();
std::string WindowKey(int64_t time_ns, const Ulid& id);
// The smallest key above all keys that begin with `prefix`. REQUIRES: a prefix of this file.
std::string PrefixEnd(std::string prefix);

}  // namespace brazier::index
