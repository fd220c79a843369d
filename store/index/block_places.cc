// Where a block of the index is: free in its queue, in a job, or in quarantine; and its place in the order of expiry. Parts of
// MetadataIndex that several commands share. In a state of an earlier version, blocks that the upgrade has not reached are in the
// queues of that version, or in none, and have no place in the order of expiry.
#include "common/base/check.h"
#include "store/index/block_queue.h"
#include "store/index/index_keys.h"
#include "store/index/metadata_index.h"

namespace brazier::index {
namespace {

QueuedBlock QueuedOf(const BlockMeta& block) { return {block.id, block.size, block.min_time_ns, block.max_time_ns}; }

std::string ExpiryKeyOf(const BlockMeta& block) {
  return ExpiryKey(QueueOf(block).tenant, block.max_time_ns, block.id);
}

}  // namespace

void MetadataIndex::PlaceBlock(const BlockMeta& block, kv::WriteBatch& batch) {
  if (version_.IsCurrent(block.id)) Write(ExpiryKeyOf(block), EncodeExpiry(block.size), batch);
  Enqueue(block, {}, batch);
}

void MetadataIndex::TakeFromPlaces(const BlockMeta& block, kv::WriteBatch& batch) {
  if (version_.IsCurrent(block.id)) Erase(ExpiryKeyOf(block), batch);
  std::string stored;
  if (std::string key = FailureKey(block.id); Read(key, &stored)) Erase(std::move(key), batch);
  if (std::string key = QuarantineKey(block.id); Read(key, &stored)) return Erase(std::move(key), batch);
  // Its job keeps its name: whoever finishes it is told that the block is gone.
  if (JobOf(block.id).has_value()) return Erase(JobOfBlockKey(block.id), batch);
  Dequeue(block, batch);
}

void MetadataIndex::BringPlaceUp(const BlockMeta& block, kv::WriteBatch& batch) {
  const std::string old_key = QueueKey(QueueOfVersion2(block), block.id);
  if (old_key != QueueKey(QueueOf(block), block.id)) Erase(old_key, batch);
  Write(ExpiryKeyOf(block), EncodeExpiry(block.size), batch);
  std::string stored;
  // There are no jobs before the upgrade is done.
  if (!Read(QuarantineKey(block.id), &stored)) Enqueue(block, {}, batch);
}

void MetadataIndex::Enqueue(const BlockMeta& block, const FailedBlock& failure, kv::WriteBatch& batch) {
  const bool is_current = version_.IsCurrent(block.id);
  if (!is_current && !version_.HasOldQueueOf(block.id)) return;
  const QueueName queue = is_current ? QueueOf(block) : QueueOfVersion2(block);
  Write(QueueKey(queue, block.id), EncodeQueuedBlock(QueuedOf(block)), batch);
  TellQueued(queue, QueuedOf(block), failure);
}

void MetadataIndex::Dequeue(const BlockMeta& block, kv::WriteBatch& batch) {
  // Above the place of an upgrade some may be in a queue of version 2 and others in none: deleting a key that is not there does no harm.
  const QueueName queue = version_.IsCurrent(block.id) ? QueueOf(block) : QueueOfVersion2(block);
  Erase(QueueKey(queue, block.id), batch);
  if (observer_ != nullptr && version_.IsUpgraded()) observer_->BlockTaken(queue, block.id);
}

void MetadataIndex::TellQueued(const QueueName& queue, const QueuedBlock& block, const FailedBlock& failure) const {
  if (observer_ == nullptr || !version_.IsUpgraded()) return;
  observer_->BlockQueued(queue, block, failure.failures, failure.not_before_ns);
  if (!DeletionsNoted(block.id).empty()) observer_->BlockMustBeRewritten(queue, block.id);
}

BlockMeta MetadataIndex::BlockEntryOf(const Ulid& id) const {
  std::string stored;
  CHECK(Read(BlockKey(id), &stored));
  // Written by Apply and covered by the store's checksums; here and below.
  auto block = DecodeBlockEntry(stored);
  CHECK(block.ok());
  return std::move(block).value();
}

FailedBlock MetadataIndex::FailureOf(const Ulid& id) const {
  std::string stored;
  if (!Read(FailureKey(id), &stored)) return {.id = id};
  auto failure = DecodeFailure(id, stored);
  CHECK(failure.ok());
  return std::move(failure).value();
}

void MetadataIndex::SetFailure(const FailedBlock& failure, kv::WriteBatch& batch) {
  std::string key = FailureKey(failure.id);
  if (failure.failures > 0 || failure.not_before_ns > 0) return Write(std::move(key), EncodeFailure(failure), batch);
  std::string stored;
  if (Read(key, &stored)) Erase(std::move(key), batch);
}

std::optional<JobOfBlock> MetadataIndex::JobOf(const Ulid& id) const {
  std::string stored;
  if (!Read(JobOfBlockKey(id), &stored)) return std::nullopt;
  const auto place = DecodeJobOfBlock(id, stored);
  CHECK(place.ok());
  return *place;
}

void MetadataIndex::FreeFromJob(const Job& job, const JobOfBlock& place, const FailedBlock& failure, kv::WriteBatch& batch) {
  const Ulid& id = place.block.id;
  Erase(JobOfBlockKey(id), batch);
  SetFailure(failure, batch);
  Write(QueueKey(job.queue, id), EncodeQueuedBlock(place.block), batch);
  TellQueued(job.queue, place.block, failure);
}

bool MetadataIndex::Quarantine(const BadInput& bad, int64_t time_ns, uint64_t* left_job, kv::WriteBatch& batch) {
  *left_job = 0;
  std::string stored;
  if (!IsPresent(bad.id) || Read(QuarantineKey(bad.id), &stored)) return false;
  if (const auto place = JobOf(bad.id); place.has_value()) {
    *left_job = place->job;
    Erase(JobOfBlockKey(bad.id), batch);
  } else {
    Dequeue(BlockEntryOf(bad.id), batch);
  }
  SetFailure({.id = bad.id}, batch);
  Write(QuarantineKey(bad.id), EncodeQuarantine({bad.id, time_ns, bad.reason}), batch);
  return true;
}

}  // namespace brazier::index
