// MemberIndex: LifecycleIndex over one member of the metastore's group: its consensus and its store. Without a group nothing is
// asked or changed. Borrows the store and the clock. Thread-safe.
#pragma once

#include <functional>

#include "common/base/clock.h"
#include "server/metastore/lifecycle/lifecycle_index.h"
#include "store/consensus/consensus.h"
#include "store/kv/key_value_store.h"

namespace brazier::metastore {

class MemberIndex final : public LifecycleIndex {
 public:
  // `consensus` answers null while the member belongs to no group, and what it answers lives until nobody calls this any more.
  MemberIndex(std::function<consensus::Consensus*()> consensus, const kv::KeyValueStore& store, const Clock& clock)
      : consensus_(std::move(consensus)), store_(store), clock_(clock) {}

  bool Leads() const override;
  Status NotLeader() const override;
  Result<std::unique_ptr<IndexView>> View(int64_t deadline_ns) override;
  Status RemoveBlocks(const std::vector<Ulid>& ids, int64_t deadline_ns) override;
  Result<uint64_t> PurgeTombstones(const std::vector<Ulid>& ids, int64_t deadline_ns) override;
  Result<uint64_t> CondemnObjects(const std::vector<index::CondemnedObject>& objects, int64_t deadline_ns) override;
  Result<uint64_t> QuarantineBlocks(const std::vector<index::BadInput>& blocks, int64_t deadline_ns) override;
  Result<uint64_t> ReleaseBlocks(const std::vector<Ulid>& ids, int64_t deadline_ns) override;
  Result<uint64_t> DeleteData(const Ulid& id, const DataFilter& filter, int64_t deadline_ns) override;
  Result<uint64_t> ForgetDeletions(const std::vector<Ulid>& ids, int64_t deadline_ns) override;

 private:
  // Proposes and waits for the state machine's answer.
  Result<std::string> Propose(std::string command, int64_t deadline_ns);
  Result<uint64_t> Count(std::string command, int64_t deadline_ns, const char* doing);

  const std::function<consensus::Consensus*()> consensus_;
  const kv::KeyValueStore& store_;
  const Clock& clock_;
};

}  // namespace brazier::metastore
