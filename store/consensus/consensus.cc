#include "store/consensus/consensus.h"

namespace brazier::consensus {

Status NotLeaderStatus(const GroupMember* leader) {
  std::string who = "no leader is known";
  if (leader != nullptr) {
    who = "node " + IdText(leader->node_id) +
          (leader->name.empty() ? "" : ", " + leader->name + " at " + leader->rpc_address + ",") + " does";
  }
  return Unavailable("this metastore member does not lead; " + who).WithReason("not_leader");
}

}  // namespace brazier::consensus
