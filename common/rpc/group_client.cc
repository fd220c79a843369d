#include "common/rpc/group_client.h"

#include <utility>

#include "common/rpc/convert_group.h"
#include "common/rpc/thrift_channel.h"
#include "idl/AdminService.h"

namespace brazier::rpc {
namespace {

constexpr int64_t kFirstAttemptMs = 5'000;  // changes of members wait for a commit, and for other members

ClientOptions LeaderOptions(const std::vector<std::string>& addresses) {
  ClientOptions options = MetastoreClientOptions(addresses);
  options.first_attempt_ms = kFirstAttemptMs;
  options.final_reasons = {"not_caught_up"};
  return options;
}

ClientOptions MemberOptions(const std::vector<std::string>& addresses) {
  ClientOptions options;
  if (!addresses.empty()) options.addresses = {addresses.front()};
  options.connect_timeout_ms = 1'000;
  options.attempts_max = 3;
  options.follow_redirects = false;
  return options;
}

}  // namespace

class GroupClient::Impl {
 public:
  Impl(const std::vector<std::string>& addresses, const Clock& clock, Random& random,
       MetricsRegistry& metrics)
      : leader(LeaderOptions(addresses), "AdminService", clock, random, metrics),
        member(MemberOptions(addresses), "AdminService", clock, random, metrics) {}

  // Runs `call(client, header)`, which keeps its answer.
  template <typename F>
  static Status Run(ThriftChannel& channel, const contract::RequestContext& context,
                    const char* method, const F& call) {
    return channel.Call(context, method,
                        [&](const Protocol& protocol, const idl::RequestHeader& header) {
                          idl::AdminServiceClient client(protocol);
                          call(client, header);
                        });
  }
  // The calls of the leader that name a member.
  Status RunOnMember(const contract::RequestContext& context, const char* method,
                     void (idl::AdminServiceClient::*call)(const idl::GroupMemberRequest&),
                     uint64_t node_id) {
    return Run(leader, context, method, [&](auto& client, const auto& header) {
      idl::GroupMemberRequest request;
      request.header = header;
      request.node_id = IdToWire(node_id);
      (client.*call)(request);
    });
  }

  ThriftChannel leader;
  ThriftChannel member;
};

GroupClient::GroupClient(std::vector<std::string> addresses, const Clock& clock, Random& random,
                         MetricsRegistry& metrics)
    : impl_(std::make_unique<Impl>(addresses, clock, random, metrics)) {}
GroupClient::~GroupClient() = default;

Result<contract::GroupIdentity> GroupClient::Identify(const contract::RequestContext& context) {
  idl::GroupIdentity identity;
  RETURN_IF_ERROR(Impl::Run(impl_->member, context, "identify",
                            [&](auto& client, const auto& header) {
                              identity = {};  // of an attempt before
                              client.identify(identity, header);
                            }));
  return IdentityFromWire(identity);
}

Result<contract::GroupStatus> GroupClient::GetGroupStatus(const contract::RequestContext& context) {
  idl::GroupStatus status;
  RETURN_IF_ERROR(Impl::Run(impl_->member, context, "groupStatus",
                            [&](auto& client, const auto& header) {
                              status = {};
                              client.groupStatus(status, header);
                            }));
  return GroupStatusFromWire(status);
}

Result<uint64_t> GroupClient::FoundGroup(const contract::RequestContext& context,
                                         const std::vector<std::string>& rpc_addresses) {
  int64_t group_id = 0;
  RETURN_IF_ERROR(Impl::Run(impl_->member, context, "foundGroup",
                            [&](auto& client, const auto& header) {
                              idl::FoundGroupRequest request;
                              request.header = header;
                              request.rpc_addresses = rpc_addresses;
                              group_id = client.foundGroup(request);
                            }));
  return IdFromWire(group_id);
}

Status GroupClient::AdoptGroup(const contract::RequestContext& context, uint64_t group_id,
                               const std::vector<GroupMember>& founders) {
  return Impl::Run(impl_->member, context, "adoptGroup", [&](auto& client, const auto& header) {
    idl::AdoptGroupRequest request;
    request.header = header;
    request.group_id = IdToWire(group_id);
    for (const GroupMember& founder : founders) {
      request.founders.push_back(GroupMemberToWire(founder));
    }
    client.adoptGroup(request);
  });
}

Result<uint64_t> GroupClient::AddMember(const contract::RequestContext& context,
                                        const std::string& rpc_address) {
  int64_t node_id = 0;
  RETURN_IF_ERROR(Impl::Run(impl_->leader, context, "addMember",
                            [&](auto& client, const auto& header) {
                              idl::AddMemberRequest request;
                              request.header = header;
                              request.rpc_address = rpc_address;
                              node_id = client.addMember(request);
                            }));
  return IdFromWire(node_id);
}

Status GroupClient::PromoteMember(const contract::RequestContext& context, uint64_t node_id) {
  return impl_->RunOnMember(context, "promoteMember", &idl::AdminServiceClient::promoteMember,
                            node_id);
}

Status GroupClient::RemoveMember(const contract::RequestContext& context, uint64_t node_id) {
  return impl_->RunOnMember(context, "removeMember", &idl::AdminServiceClient::removeMember,
                            node_id);
}

Status GroupClient::TransferLeadership(const contract::RequestContext& context, uint64_t node_id) {
  return impl_->RunOnMember(context, "transferLeadership",
                            &idl::AdminServiceClient::transferLeadership, node_id);
}

Result<contract::GroupSnapshot> GroupClient::TakeSnapshot(const contract::RequestContext& context) {
  idl::GroupSnapshot snapshot;
  RETURN_IF_ERROR(Impl::Run(impl_->member, context, "takeSnapshot",
                            [&](auto& client, const auto& header) {
                              snapshot = {};
                              client.takeSnapshot(snapshot, header);
                            }));
  return SnapshotFromWire(snapshot);
}

}  // namespace brazier::rpc
