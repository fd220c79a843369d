// IndexSource: the blocks of an index for whoever walks them in the order of their ids: from a snapshot of a stopped metastore's store,
// or asked of a metastore that runs. Thread-compatible.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/contract/metastore.h"
#include "common/model/block_meta.h"
#include "store/kv/key_value_store.h"

namespace brazier::metastore {

class IndexSource {
 public:
  virtual ~IndexSource() = default;
  // The ids above `after`, ascending. Empty: there are no more.
  virtual Result<std::vector<Ulid>> NextIds(const std::optional<Ulid>& after) = 0;
  // kNotFound when the block is not known (any more).
  virtual Result<BlockMeta> Block(const Ulid& id) = 0;
  // Whether an error of Block() says that nobody answers, which ends a walk. Other errors are about that block.
  virtual bool IsGone(const Status& status) const { return false; }
};

class SnapshotIndex final : public IndexSource {
 public:
  explicit SnapshotIndex(const kv::Reader& reader) : reader_(reader) {}
  Result<std::vector<Ulid>> NextIds(const std::optional<Ulid>& after) override;
  Result<BlockMeta> Block(const Ulid& id) override;

 private:
  const kv::Reader& reader_;
};

// Asks for kBlocksPerCall blocks at a time, those that follow in the last page of ids. Every call is linearizable; the walk as a whole
// is no snapshot.
class ServerIndex final : public IndexSource {
 public:
  static constexpr size_t kIdsPerCall = 10'000;
  static constexpr size_t kBlocksPerCall = 256;

  // Borrows the metastore and the clock. `timeout_ns`: of one call.
  ServerIndex(contract::Metastore& metastore, const Clock& clock, int64_t timeout_ns)
      : metastore_(metastore), clock_(clock), timeout_ns_(timeout_ns) {}
  Result<std::vector<Ulid>> NextIds(const std::optional<Ulid>& after) override;
  Result<BlockMeta> Block(const Ulid& id) override;
  bool IsGone(const Status& status) const override;

 private:
  contract::RequestContext Context() const { return {"index-walk", clock_.MonotonicNs() + timeout_ns_}; }
  // Blocks of the page from `id` on.
  Status Fetch(const Ulid& id, size_t count);

  contract::Metastore& metastore_;
  const Clock& clock_;
  const int64_t timeout_ns_;
  std::vector<Ulid> page_;
  std::deque<BlockMeta> fetched_;  // ascending
};

}  // namespace brazier::metastore
