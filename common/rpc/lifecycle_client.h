// LifecycleClient: contract::Lifecycle over Thrift, for tools. Every call goes to the leader of the metastore's group, found through
// the addresses given and through redirects. Calls block their caller until the answer or the deadline. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/lifecycle.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

class LifecycleClient final : public contract::Lifecycle {
 public:
  // Addresses of Thrift doors of members, "host:port", at least one. The references outlive the client.
  LifecycleClient(std::vector<std::string> addresses, const Clock& clock, Random& random, MetricsRegistry& metrics);
  // Calls that run fail with kUnavailable.
  ~LifecycleClient() override;

  Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext& context) override;
  Status SetCompactionPaused(const contract::RequestContext& context, bool is_paused) override;
  Status ForceCompaction(const contract::RequestContext& context, const std::vector<uint32_t>& levels,
                         const std::string& tenant) override;
  Result<uint64_t> RetryFailed(const contract::RequestContext& context, const std::vector<Ulid>& ids) override;
  Result<contract::DeletionView> Delete(const contract::RequestContext& context, const Ulid& id,
                                        const DataFilter& filter) override;
  Result<std::vector<contract::DeletionView>> ListDeletions(const contract::RequestContext& context,
                                                            const std::string& tenant) override;
  Result<std::vector<contract::QuarantinedBlockView>> ListQuarantined(const contract::RequestContext& context) override;
  Result<uint64_t> ReleaseQuarantined(const contract::RequestContext& context, const std::vector<Ulid>& ids) override;
  Status StartScrub(const contract::RequestContext& context, bool repairs) override;
  Result<contract::ScrubReport> GetScrub(const contract::RequestContext& context) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::rpc
