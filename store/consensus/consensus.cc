#include "store/consensus/consensus.h"

namespace brazier::consensus {

Status NotLeaderStatus(const GroupMember* leader) {
  std::string who = "no leader is known";
  if (leader != nullptr) {
    who = "node " + IdText(leader->node_id) +
          (leader->name.empty() ? "" : ", " + leader->name + " at " + leader->rpc_address + ",") + " does";
  }
  Status status = Unavailable("this metastore member does not lead; " + who).WithReason("not_leader");
  if (leader != nullptr) status = std::move(status).WithRedirect(leader->rpc_address);
  return status;
}

}  // namespace brazier::consensus
