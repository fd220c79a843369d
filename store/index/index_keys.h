// The keys of the index in family kState: constants and builders for docs/format/index.md. Every key begins with
// kIndexPrefix and one byte for its kind; numbers are big-endian, so that byte order is numeric order.
//
//   ib <id>                                                block
//   id <tenant> <service> <class> <min time> <id>          dataset
//   ig <time> <id>                                         removed block, by the time of its removal (tombstones.h)
//   iq <level> <shard> <tenant> <id>                       block in its queue (block_queue.h)
//   ir <id>                                                removed block (tombstones.h)
//   il <tenant> <service> <day> <number>                   label set
//   is <tenant> <service>                                  service
//   it <tenant>                                            tenant
//   iu                                                     how far an upgrade of the state is
//   iv                                                     version of the state
//   iw <time> <id>                                         identities of a block in the dedup window
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
  kDataset = 'd',
  kRemovedByTime = 'g',
  kQueue = 'q',
  kRemoved = 'r',
  kLabelSet = 'l',
  kService = 's',
  kTenant = 't',
  kUpgrade = 'u',
  kVersion = 'v',
  kWindow = 'w',
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
inline constexpr size_t kTimeBytes = 8;
inline constexpr size_t kIdBytes = 16;

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
std::string WindowPrefix();
std::string WindowKey(int64_t time_ns, const Ulid& id);
// The smallest key above all keys that begin with `prefix`. REQUIRES: a prefix of this file.
std::string PrefixEnd(std::string prefix);

}  // namespace brazier::index
