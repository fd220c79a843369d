// GroupClient: contract::MetastoreGroup of other processes, over Thrift: for operators' tools, and for members that found a
// group or add to one.
//
// What only the leader does (AddMember, PromoteMember, RemoveMember, TransferLeadership) is asked of the addresses in turn
// and wherever they redirect. What is about one member (Identify, GetGroupStatus, FoundGroup, AdoptGroup, TakeSnapshot)
// goes to the first address and nowhere else: make one client per member. Calls block their caller until the answer or
// the deadline. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/metastore_group.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

class GroupClient final : public contract::MetastoreGroup {
 public:
  // Addresses of Thrift doors, "host:port", at least one. The references outlive the client.
  GroupClient(std::vector<std::string> addresses, const Clock& clock, Random& random,
              MetricsRegistry& metrics);
  // Calls that run fail with kUnavailable.
  ~GroupClient() override;

  Result<contract::GroupIdentity> Identify(const contract::RequestContext& context) override;
  Result<contract::GroupStatus> GetGroupStatus(const contract::RequestContext& context) override;
  Result<uint64_t> FoundGroup(const contract::RequestContext& context,
                              const std::vector<std::string>& rpc_addresses) override;
  Status AdoptGroup(const contract::RequestContext& context, uint64_t group_id,
                    const std::vector<GroupMember>& founders) override;
  Result<uint64_t> AddMember(const contract::RequestContext& context,
                             const std::string& rpc_address) override;
  // kUnavailable, reason "not_caught_up", is answered at once: it is for the caller to wait.
  Status PromoteMember(const contract::RequestContext& context, uint64_t node_id) override;
  Status RemoveMember(const contract::RequestContext& context, uint64_t node_id) override;
  Status TransferLeadership(const contract::RequestContext& context, uint64_t node_id) override;
  Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext& context) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::rpc
