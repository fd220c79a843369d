// RaftEndpoint: the members' messages over pipeline::MemberLinks. `loop` and `metrics` outlive it.
#pragma once

#include <memory>
#include <string>

#include "common/observe/metrics.h"
#include "common/pipeline/loop.h"
#include "common/pipeline/member_links.h"
#include "server/metastore/group/member_transport.h"

namespace brazier::metastore {

class RaftEndpoint final : public MemberTransport {
 public:
  struct Options {
    std::string listen;     // "tcp://host:port"
    std::string advertise;  // empty: the address that was bound
  };
  RaftEndpoint(Options options, pipeline::Loop& loop, MetricsRegistry& metrics)
      : options_(std::move(options)), loop_(loop), metrics_(metrics) {}

  Status Listen(uint64_t node_id, std::function<void(std::string)> on_message) override;
  void SetGroup(uint64_t group_id) override { links_->SetGroup(group_id); }
  void SetMembers(const std::vector<GroupMember>& members) override { links_->SetMembers(members); }
  void Send(uint64_t to, std::string message) override { links_->Send(to, std::move(message)); }
  void Stop() override;
  std::string address() const override;

 private:
  const Options options_;
  pipeline::Loop& loop_;
  MetricsRegistry& metrics_;
  std::unique_ptr<pipeline::MemberLinks> links_;
};

}  // namespace brazier::metastore
