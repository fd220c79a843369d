// `brazierctl metastore`: what an operator does with the group of the metastore's members.
//
// The commands talk to members through contract::MetastoreGroup and wait through a function, so that tests need neither
// sockets nor time. Each prints what it did to `out` and how far it is to `progress`. Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/metastore_group.h"

namespace brazier::ctl {

struct GroupOptions {
  std::vector<std::string> servers;  // Thrift addresses of members; one that answers is enough
  int64_t timeout_ms = 30'000;       // of one call
  int64_t wait_ns = 10 * 60 * kNsPerSecond;  // for a member to catch up
  std::vector<std::string> members;  // found: Thrift addresses of all
  std::string member;                // add: Thrift address; others: node id, name or address
  bool learner = false;              // add: and do not promote
  bool yes = false;                  // remove: although the group gets weaker
  bool json = false;                 // status
};

struct GroupTools {
  // Asks these addresses in turn; see rpc::GroupClient.
  std::function<std::unique_ptr<contract::MetastoreGroup>(std::vector<std::string> addresses)> connect;
  const Clock* clock = nullptr;
  std::function<void(int64_t ns)> sleep;
  std::ostream* out = nullptr;
  std::ostream* progress = nullptr;
  bool progress_is_terminal = false;
};

// *all_well: the group exists, commits, and every member is active.
Status GroupStatusCommand(const GroupTools& tools, const GroupOptions& options, bool* all_well);
// Founds a group and waits until it can commit.
Status GroupFound(const GroupTools& tools, const GroupOptions& options);
// Adds a learner, waits until it has caught up, and makes it a voter.
Status GroupAdd(const GroupTools& tools, const GroupOptions& options);
Status GroupPromote(const GroupTools& tools, const GroupOptions& options);
// kFailedPrecondition without `yes` when the group gets weaker by it.
Status GroupRemove(const GroupTools& tools, const GroupOptions& options);
Status GroupTransfer(const GroupTools& tools, const GroupOptions& options);
Status GroupStepDown(const GroupTools& tools, const GroupOptions& options);
// Of the first server that answers.
Status GroupTakeSnapshot(const GroupTools& tools, const GroupOptions& options);

}  // namespace brazier::ctl
