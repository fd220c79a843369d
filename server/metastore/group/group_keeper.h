// GroupKeeper: brings its member into the group that its settings name, and keeps its entry there true, without hands:
//
// - without a group: asks the configured members who they are, and founds a group with them, or, when they belong to one
//   that knows this address under another node id (a disk was lost), asks to be added again;
// - as a learner that came that way, or as a voter beside its old self: asks to be promoted, which removes the old one;
// - with other addresses than the group knows: tells the leader the new ones.
//
// A member whose address the group does not know waits for an operator: groups do not grow by accident. RunOnce() is a
// step that tests can call; Start() runs it every second on a thread of its own. Borrows host and admin. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "server/metastore/group/group_admin.h"

namespace brazier::metastore {

class GroupKeeper {
 public:
  static constexpr int64_t kPauseNs = kNsPerSecond;
  static constexpr int64_t kCallNs = 2 * kNsPerSecond;  // the longest time that one step waits for the others

  // `configured`: Thrift addresses of the group's members, this one among them; may be empty.
  GroupKeeper(GroupHost& host, GroupAdmin& admin, ConnectToMember connect,
              std::vector<std::string> configured, const Clock& clock);
  ~GroupKeeper();  // stops

  void RunOnce();
  void Start();
  void Stop();
  // What this member waits for; empty when there is nothing.
  std::string Waiting() const;

 private:
  std::string Found(const contract::RequestContext& context);
  std::string Rejoin(const contract::RequestContext& context, const std::string& via);
  std::string KeepEntry(const contract::RequestContext& context);
  // A connection that finds the leader from any member that is known; null when none is.
  std::unique_ptr<contract::MetastoreGroup> ConnectToLeader() const;

  GroupHost& host_;
  GroupAdmin& admin_;
  const ConnectToMember connect_;
  const std::vector<std::string> configured_;
  const Clock& clock_;

  mutable std::mutex mu_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mu_
  std::string waiting_;    // guarded by mu_
  std::thread thread_;
};

}  // namespace brazier::metastore
