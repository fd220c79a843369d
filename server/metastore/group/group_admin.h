// GroupAdmin: contract::MetastoreGroup over one member's consensus: founding, adding, promoting, removing, moving leadership.
// The order of steps is such that any of them may be the last one before a crash, and the whole be asked again.
//
// Calls block up to their contexts' deadlines; other members are asked over the connections that `connect` makes.
// Borrows the host, which outlives it. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/contract/metastore_group.h"
#include "server/metastore/group/founding_plan.h"
#include "store/consensus/raft_consensus.h"

namespace brazier::metastore {

// The member that the admin speaks for. Thread-safe.
class GroupHost {
 public:
  virtual ~GroupHost() = default;
  virtual contract::GroupIdentity Identity() const = 0;
  // Null while it belongs to no group; afterwards always the same.
  virtual consensus::RaftConsensus* raft() const = 0;
  // Idempotent.
  virtual Status Adopt(uint64_t group_id, const std::vector<GroupMember>& founders) = 0;
  // OK when a group may begin with an empty index now. Asked by whoever begins to found one.
  virtual Status CheckMayFound() = 0;
  virtual Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext& context) = 0;
};

// A connection to the member at a Thrift address; calls for the leader may be redirected.
using ConnectToMember =
    std::function<std::unique_ptr<contract::MetastoreGroup>(const std::string& rpc_address)>;

class GroupAdmin final : public contract::MetastoreGroup {
 public:
  // `connect` may be null: then nothing that needs other members works.
  GroupAdmin(GroupHost& host, ConnectToMember connect) : host_(host), connect_(std::move(connect)) {}

  Result<contract::GroupIdentity> Identify(const contract::RequestContext& context) override;
  Result<contract::GroupStatus> GetGroupStatus(const contract::RequestContext& context) override;
  Result<uint64_t> FoundGroup(const contract::RequestContext& context,
                              const std::vector<std::string>& rpc_addresses) override;
  Status AdoptGroup(const contract::RequestContext& context, uint64_t group_id,
                    const std::vector<GroupMember>& founders) override;
  Result<uint64_t> AddMember(const contract::RequestContext& context,
                             const std::string& rpc_address) override;
  Status PromoteMember(const contract::RequestContext& context, uint64_t node_id) override;
  Status RemoveMember(const contract::RequestContext& context, uint64_t node_id) override;
  Status TransferLeadership(const contract::RequestContext& context, uint64_t node_id) override;
  Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext& context) override;

  // Asks every address but this member's own who it is. For the keeper too.
  std::vector<AskedMember> Ask(const contract::RequestContext& context,
                               const std::vector<std::string>& rpc_addresses);
  // Carries out a plan whose step is kFound.
  Status Found(const contract::RequestContext& context, const FoundingPlan& plan);

 private:
  // The consensus of this member if it leads.
  Result<consensus::RaftConsensus*> Leader() const;
  Result<std::unique_ptr<contract::MetastoreGroup>> Connect(const std::string& rpc_address) const;

  GroupHost& host_;
  const ConnectToMember connect_;
};

// The error of everything that needs a group, on a member that has none.
Status NoGroup();

}  // namespace brazier::metastore
