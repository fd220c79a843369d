#include "server/metastore/group/raft_endpoint.h"

namespace brazier::metastore {

Status RaftEndpoint::Listen(uint64_t node_id, std::function<void(std::string)> on_message) {
  auto links = pipeline::MemberLinks::Open(
      loop_, {.listen = options_.listen, .node_id = node_id},
      [on_message = std::move(on_message)](uint64_t, std::string message) { on_message(std::move(message)); },
      metrics_);
  if (!links.ok()) return links.status().Annotate("metastore.raft-listen");
  links_ = std::move(*links);
  return Status::Ok();
}

void RaftEndpoint::Stop() {
  if (links_) links_->Stop();
}

std::string RaftEndpoint::address() const {
  return options_.advertise.empty() ? links_->address() : options_.advertise;
}

}  // namespace brazier::metastore
