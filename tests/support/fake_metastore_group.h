// FakeMetastoreGroup: one member of a metastore group as an operator sees it: answers as told, remembers what it was asked.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/contract/metastore_group.h"

namespace brazier::testing {

// Thread-safe once set up; functions run without the mutex.
class FakeMetastoreGroup : public contract::MetastoreGroup {
 public:
  Result<contract::GroupIdentity> identity = contract::GroupIdentity{};
  Result<contract::GroupStatus> status = contract::GroupStatus{};
  Result<uint64_t> group_id = uint64_t{1};
  Result<uint64_t> added_id = uint64_t{1};
  Result<contract::GroupSnapshot> snapshot = contract::GroupSnapshot{};
  // Of AdoptGroup, PromoteMember, RemoveMember and TransferLeadership: OK unless set; given the number of the call of this
  // kind, from 1.
  std::function<Status(const std::string& method, int call)> answer;

  std::vector<std::string> calls() {
    std::lock_guard lock(mu_);
    return calls_;
  }
  std::vector<GroupMember> founders() {
    std::lock_guard lock(mu_);
    return founders_;
  }

  Result<contract::GroupIdentity> Identify(const contract::RequestContext&) override {
    Note("identify");
    return identity;
  }
  Result<contract::GroupStatus> GetGroupStatus(const contract::RequestContext&) override {
    Note("status");
    return status;
  }
  Result<uint64_t> FoundGroup(const contract::RequestContext&,
                              const std::vector<std::string>& rpc_addresses) override {
    std::string call = "found";
    for (const std::string& address : rpc_addresses) call += " " + address;
    Note(call);
    return group_id;
  }
  Status AdoptGroup(const contract::RequestContext&, uint64_t group,
                    const std::vector<GroupMember>& founders) override {
    {
      std::lock_guard lock(mu_);
      founders_ = founders;
    }
    return Answer("adopt", group);
  }
  Result<uint64_t> AddMember(const contract::RequestContext&, const std::string& address) override {
    Note("add " + address);
    return added_id;
  }
  Status PromoteMember(const contract::RequestContext&, uint64_t node_id) override {
    return Answer("promote", node_id);
  }
  Status RemoveMember(const contract::RequestContext&, uint64_t node_id) override {
    return Answer("remove", node_id);
  }
  Status TransferLeadership(const contract::RequestContext&, uint64_t node_id) override {
    return Answer("transfer", node_id);
  }
  Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext&) override {
    Note("snapshot");
    return snapshot;
  }

 private:
  int Note(const std::string& call) {
    std::lock_guard lock(mu_);
    calls_.push_back(call);
    const std::string kind = call.substr(0, call.find(' '));
    int count = 0;
    for (const std::string& other : calls_) count += other.substr(0, other.find(' ')) == kind;
    return count;
  }
  Status Answer(const std::string& method, uint64_t id) {
    const int call = Note(method + " " + std::to_string(id));
    return answer ? answer(method, call) : Status::Ok();
  }

  std::mutex mu_;
  std::vector<std::string> calls_;     // guarded by mu_
  std::vector<GroupMember> founders_;  // guarded by mu_
};

}  // namespace brazier::testing
