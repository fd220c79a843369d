// CompactionControl: what an operator asks of the scheduler of compaction jobs, as the lifecycle service sees it. The words are those
// of contract::Lifecycle, whose calls of these names end here. Thread-safe.
#pragma once

#include "common/contract/lifecycle.h"

namespace brazier::metastore {

class CompactionControl {
 public:
  virtual ~CompactionControl() = default;
  // All but tombstones and quarantine, which the service adds.
  virtual Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext& context) = 0;
  virtual Status SetCompactionPaused(const contract::RequestContext& context, bool is_paused) = 0;
  virtual Status ForceCompaction(const contract::RequestContext& context, const std::vector<uint32_t>& levels,
                                 const std::string& tenant) = 0;
  virtual Result<uint64_t> RetryFailed(const contract::RequestContext& context, const std::vector<Ulid>& ids) = 0;
};

}  // namespace brazier::metastore
