// Peers: the living members of a role and a connection to each. In the monolith there is one peer, the object itself;
// between processes the list comes from the metastore and the connections are pipeline clients (app/wiring).
#pragma once

#include <memory>
#include <vector>

#include "common/contract/query_backend.h"
#include "common/contract/segment_writer.h"
#include "common/model/member.h"

namespace brazier::contract {

struct SegmentWriterPeer {
  Member member;
  std::shared_ptr<SegmentWriter> writer;  // the pointer keeps the connection alive while in use
};

class SegmentWriterPeers {
 public:
  virtual ~SegmentWriterPeers() = default;
  // Live, not draining, sorted by member id. May be empty. Thread-safe and cheap (a cached list).
  virtual std::shared_ptr<const std::vector<SegmentWriterPeer>> Live() = 0;
};

struct QueryBackendPeer {
  Member member;
  std::shared_ptr<QueryBackend> backend;
};

class QueryBackendPeers {
 public:
  virtual ~QueryBackendPeers() = default;
  virtual std::shared_ptr<const std::vector<QueryBackendPeer>> Live() = 0;
};

}  // namespace brazier::contract
