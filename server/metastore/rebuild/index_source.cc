#include "server/metastore/rebuild/index_source.h"

#include <algorithm>

#include "store/index/index_reader.h"

namespace brazier::metastore {

Result<std::vector<Ulid>> SnapshotIndex::NextIds(const std::optional<Ulid>& after) {
  return index::ListBlockIds(reader_, after, 10'000);
}

Result<BlockMeta> SnapshotIndex::Block(const Ulid& id) { return index::ReadBlock(reader_, id); }

Result<std::vector<Ulid>> ServerIndex::NextIds(const std::optional<Ulid>& after) {
  ASSIGN_OR_RETURN(page_, metastore_.ListBlocks(Context(), after, kIdsPerCall));
  return page_;
}

Result<BlockMeta> ServerIndex::Block(const Ulid& id) {
  while (!fetched_.empty() && fetched_.front().id < id) fetched_.pop_front();
  if (fetched_.empty() || fetched_.front().id != id) {
    Status status = Fetch(id, kBlocksPerCall);
    // Together they were too large, or one of them is damaged: then this one alone.
    if (!status.ok() && !IsGone(status)) status = Fetch(id, 1);
    RETURN_IF_ERROR(status);
  }
  if (fetched_.empty() || fetched_.front().id != id) return NotFound("block " + id.ToString() + " is not known");
  BlockMeta block = std::move(fetched_.front());
  fetched_.pop_front();
  return block;
}

// One that nobody reaches; other errors are about what was asked for.
bool ServerIndex::IsGone(const Status& status) const {
  return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded ||
         status.code() == Code::kUnimplemented || status.code() == Code::kCancelled;
}

Status ServerIndex::Fetch(const Ulid& id, size_t count) {
  fetched_.clear();
  auto it = std::lower_bound(page_.begin(), page_.end(), id);
  std::vector<Ulid> ids = {id};
  for (; it != page_.end() && ids.size() < count; ++it) {
    if (*it != id) ids.push_back(*it);
  }
  ASSIGN_OR_RETURN(contract::GetBlocksResponse response, metastore_.GetBlocks(Context(), ids));
  for (BlockMeta& block : response.blocks) fetched_.push_back(std::move(block));
  return Status();
}

}  // namespace brazier::metastore
