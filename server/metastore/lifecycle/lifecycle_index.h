// LifecycleIndex: what retention, janitor, scrub and the operator's service ask of the index: views of it, and the commands that
// change what becomes of blocks. The seam behind which tests put an index of their own; MemberIndex is the real one.
//
// A view is linearizable: it has all that was answered before it was taken. Changes return when they are applied. Thread-safe; a
// view is Thread-compatible and should be let go soon: it holds on to what the store would compact.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "store/index/deletions.h"
#include "store/index/index_reader.h"
#include "store/index/job_command.h"
#include "store/index/jobs.h"
#include "store/index/tombstones.h"

namespace brazier::metastore {

// The functions of store/index of these names, over one moment.
class IndexView {
 public:
  virtual ~IndexView() = default;
  virtual Result<std::vector<std::pair<std::string, index::TenantSummary>>> ListTenants(std::string_view after,
                                                                                       size_t limit) const = 0;
  virtual Result<std::vector<index::ExpiringBlock>> ListExpiring(std::string_view tenant, int64_t before_ns,
                                                                 size_t limit) const = 0;
  virtual Result<std::vector<Ulid>> ListBlockIds(const std::optional<Ulid>& after, size_t limit) const = 0;
  virtual Result<BlockMeta> ReadBlock(const Ulid& id) const = 0;
  virtual Result<bool> HasBlock(const Ulid& id) const = 0;
  virtual Result<std::vector<index::Tombstone>> ListTombstones(int64_t before_ns,
                                                               const std::optional<index::TombstoneCursor>& after,
                                                               size_t limit) const = 0;
  virtual Result<std::optional<index::Tombstone>> ReadTombstone(const Ulid& id) const = 0;
  virtual Result<std::vector<index::Job>> ListJobs() const = 0;
  virtual Result<std::vector<index::QuarantinedBlock>> ListQuarantined(const std::optional<Ulid>& after,
                                                                       size_t limit) const = 0;
  virtual Result<std::vector<index::Deletion>> ListDeletions(std::string_view tenant, size_t limit) const = 0;
  virtual Result<std::optional<index::Deletion>> ReadDeletion(const Ulid& id) const = 0;
};

class LifecycleIndex {
 public:
  virtual ~LifecycleIndex() = default;
  // Whether this member leads and can commit: only then its loops do anything.
  virtual bool Leads() const = 0;
  // The error for who asks a member that does not.
  virtual Status NotLeader() const = 0;
  virtual Result<std::unique_ptr<IndexView>> View(int64_t deadline_ns) = 0;

  // The commands of job_command.h and compaction_command.h, with the time of the clock. Lists are within one command's limits.
  virtual Status RemoveBlocks(const std::vector<Ulid>& ids, int64_t deadline_ns) = 0;
  virtual Result<uint64_t> PurgeTombstones(const std::vector<Ulid>& ids, int64_t deadline_ns) = 0;
  virtual Result<uint64_t> CondemnObjects(const std::vector<index::CondemnedObject>& objects, int64_t deadline_ns) = 0;
  virtual Result<uint64_t> QuarantineBlocks(const std::vector<index::BadInput>& blocks, int64_t deadline_ns) = 0;
  virtual Result<uint64_t> ReleaseBlocks(const std::vector<Ulid>& ids, int64_t deadline_ns) = 0;
  virtual Result<uint64_t> DeleteData(const Ulid& id, const DataFilter& filter, int64_t deadline_ns) = 0;
  virtual Result<uint64_t> ForgetDeletions(const std::vector<Ulid>& ids, int64_t deadline_ns) = 0;
};

// Of one command of a background loop: small enough not to hold up the writes between.
inline constexpr size_t kLifecycleBatch = 500;
inline constexpr int64_t kLifecycleCallNs = int64_t{30} * 1'000'000'000;

}  // namespace brazier::metastore
