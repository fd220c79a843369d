// What the doors (HTTP, Thrift, ZeroMQ) ask of the distributor: accept these profiles, and say what became of each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "common/contract/context.h"
#include "common/model/ingest.h"

namespace brazier::contract {

using brazier::IngestParams;
using brazier::RawProfile;

struct PushRequest {
  std::string tenant;  // authenticated at the edge
  std::string source;  // "http", "thrift", "zeromq": for metrics
  std::vector<RawProfile> profiles;
};

struct Rejection {
  uint32_t index = 0;  // into PushRequest::profiles
  Status status;       // code, message, and reason such as "profile_size_limit"
};

// The answer to every push. accepted + rejections.size() == profiles.size().
struct PushReceipt {
  uint32_t accepted = 0;
  uint32_t duplicates = 0;  // of the accepted: known already by identity, counted once
  std::vector<Rejection> rejections;
  std::vector<Ulid> segments;  // where the accepted ones are, sorted, each once
};

class Distributor {
 public:
  virtual ~Distributor() = default;
  // Calls `done` exactly once, from any thread, when every accepted profile is durable and visible to queries, or
  // with a failure of the whole request (nothing in it can be said to be stored). `done` must not block.
  // Retrying is safe: identity makes a repeated profile count once. Thread-safe.
  virtual void Push(const RequestContext& context, PushRequest request,
                    std::function<void(Result<PushReceipt>)> done) = 0;
  // OK when a push made now would be expected to succeed.
  virtual Status Ready() = 0;
};

}  // namespace brazier::contract
