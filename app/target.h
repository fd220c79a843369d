// Roles: what this process plays, from the setting `target`. Value type.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace brazier::app {

struct Roles {
  bool distributor = false;
  bool segment_writer = false;
  bool metastore = false;
  bool query_frontend = false;
  bool query_backend = false;
  bool compaction_worker = false;

  // Every role: nothing of the cluster lives elsewhere.
  bool IsAll() const {
    return distributor && segment_writer && metastore && query_frontend && query_backend && compaction_worker;
  }
  // Takes work from other processes over the pipeline.
  bool ServesPipeline() const { return segment_writer || query_backend; }
  // Needs to know who else lives.
  bool NeedsPeers() const { return distributor || query_frontend; }
  // "distributor", ... in a fixed order: what heartbeats and logs say.
  std::vector<std::string> Names() const;
  friend bool operator==(const Roles&, const Roles&) = default;
};

// "all" or names of roles. kInvalidArgument for an empty list or an unknown name.
Result<Roles> ParseTarget(const std::vector<std::string>& target);

}  // namespace brazier::app
