#include "server/metastore/lifecycle/member_index.h"

#include <future>

#include "store/index/compaction_command.h"

namespace brazier::metastore {
namespace {

Status NoGroup() { return Unavailable("this member belongs to no metastore group yet").WithReason("no_group"); }

class SnapshotView final : public IndexView {
 public:
  explicit SnapshotView(std::unique_ptr<kv::Reader> reader) : reader_(std::move(reader)) {}

  Result<std::vector<std::pair<std::string, index::TenantSummary>>> ListTenants(std::string_view after,
                                                                               size_t limit) const override {
    return index::ListTenants(*reader_, after, limit);
  }
  Result<std::vector<index::ExpiringBlock>> ListExpiring(std::string_view tenant, int64_t before_ns,
                                                         size_t limit) const override {
    return index::ListExpiring(*reader_, tenant, before_ns, limit);
  }
  Result<std::vector<Ulid>> ListBlockIds(const std::optional<Ulid>& after, size_t limit) const override {
    return index::ListBlockIds(*reader_, after, limit);
  }
  Result<BlockMeta> ReadBlock(const Ulid& id) const override { return index::ReadBlock(*reader_, id); }
  Result<bool> HasBlock(const Ulid& id) const override { return index::HasBlock(*reader_, id); }
  Result<std::vector<index::Tombstone>> ListTombstones(int64_t before_ns, const std::optional<index::TombstoneCursor>& after,
                                                       size_t limit) const override {
    return index::ListTombstones(*reader_, before_ns, after, limit);
  }
  Result<std::optional<index::Tombstone>> ReadTombstone(const Ulid& id) const override {
    return index::ReadTombstone(*reader_, id);
  }
  Result<std::vector<index::Job>> ListJobs() const override { return index::ListJobs(*reader_); }
  Result<std::vector<index::QuarantinedBlock>> ListQuarantined(const std::optional<Ulid>& after,
                                                               size_t limit) const override {
    return index::ListQuarantined(*reader_, after, limit);
  }
  Result<std::vector<index::Deletion>> ListDeletions(std::string_view tenant, size_t limit) const override {
    return index::ListDeletions(*reader_, tenant, limit);
  }
  Result<std::optional<index::Deletion>> ReadDeletion(const Ulid& id) const override {
    return index::ReadDeletion(*reader_, id);
  }

 private:
  const std::unique_ptr<kv::Reader> reader_;
};

}  // namespace

bool MemberIndex::Leads() const {
  const consensus::Consensus* consensus = consensus_();
  return consensus != nullptr && consensus->GetStatus().is_leader && consensus->CanCommit();
}

Status MemberIndex::NotLeader() const {
  const consensus::Consensus* consensus = consensus_();
  return consensus == nullptr ? NoGroup() : consensus->NotLeader();
}

Result<std::unique_ptr<IndexView>> MemberIndex::View(int64_t deadline_ns) {
  consensus::Consensus* consensus = consensus_();
  if (consensus == nullptr) return NoGroup();
  RETURN_IF_ERROR(consensus->ReadBarrier(deadline_ns));
  return std::unique_ptr<IndexView>(std::make_unique<SnapshotView>(store_.Snapshot()));
}

Result<std::string> MemberIndex::Propose(std::string command, int64_t deadline_ns) {
  consensus::Consensus* consensus = consensus_();
  if (consensus == nullptr) return NoGroup();
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  auto future = promise->get_future();
  // Consensus answers by the deadline, or when it stops.
  consensus->Propose(std::move(command), deadline_ns,
                     [promise](Result<std::string> answer) { promise->set_value(std::move(answer)); });
  return future.get();
}

Result<uint64_t> MemberIndex::Count(std::string command, int64_t deadline_ns, const char* doing) {
  const Result<std::string> answer = Propose(std::move(command), deadline_ns);
  Result<uint64_t> count = answer.ok() ? index::DecodeCountAnswer(*answer) : answer.status();
  if (!count.ok()) return count.status().Annotate(doing);
  return count;
}

Status MemberIndex::RemoveBlocks(const std::vector<Ulid>& ids, int64_t deadline_ns) {
  const Result<std::string> answer = Propose(index::EncodeReplaceBlocksCommand(clock_.NowNs(), {}, ids), deadline_ns);
  const Status status = answer.ok() ? index::DecodeReplaceBlocksAnswer(*answer).status() : answer.status();
  return status.Annotate("removing blocks");
}

Result<uint64_t> MemberIndex::PurgeTombstones(const std::vector<Ulid>& ids, int64_t deadline_ns) {
  const Result<std::string> answer = Propose(index::EncodePurgeTombstonesCommand(clock_.NowNs(), ids), deadline_ns);
  if (!answer.ok()) return answer.status().Annotate("purging tombstones");
  ASSIGN_OR_RETURN(const index::Purged purged, index::DecodePurgeTombstonesAnswer(*answer));
  return purged.tombstones;
}

Result<uint64_t> MemberIndex::CondemnObjects(const std::vector<index::CondemnedObject>& objects, int64_t deadline_ns) {
  return Count(index::EncodeCondemnObjectsCommand({.time_ns = clock_.NowNs(), .objects = objects}), deadline_ns,
               "condemning objects");
}

Result<uint64_t> MemberIndex::QuarantineBlocks(const std::vector<index::BadInput>& blocks, int64_t deadline_ns) {
  return Count(index::EncodeQuarantineBlocksCommand({.time_ns = clock_.NowNs(), .blocks = blocks}), deadline_ns,
               "quarantining blocks");
}

Result<uint64_t> MemberIndex::ReleaseBlocks(const std::vector<Ulid>& ids, int64_t deadline_ns) {
  return Count(index::EncodeReleaseBlocksCommand({.time_ns = clock_.NowNs(), .blocks = ids}), deadline_ns,
               "releasing blocks");
}

Result<uint64_t> MemberIndex::DeleteData(const Ulid& id, const DataFilter& filter, int64_t deadline_ns) {
  return Count(index::EncodeDeleteDataCommand({.time_ns = clock_.NowNs(), .id = id, .filter = filter}), deadline_ns,
               "deleting data");
}

Result<uint64_t> MemberIndex::ForgetDeletions(const std::vector<Ulid>& ids, int64_t deadline_ns) {
  return Count(index::EncodeForgetDeletionsCommand({.time_ns = clock_.NowNs(), .ids = ids}), deadline_ns,
               "forgetting deletions");
}

}  // namespace brazier::metastore
