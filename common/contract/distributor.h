// What the doors (HTTP, Thrift, ZeroMQ) ask of the distributor: accept these profiles, and say what became of each.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "common/contract/context.h"
#include "common/model/labels.h"

namespace brazier::contract {

// What came along with the bytes of one profile. Empty and zero mean "not given".
struct IngestParams {
  // Row of the format table: "pprof", "folded" (or "groups"), "lines", ...; unknown names are refused.
  std::string format = "pprof";
  // From /ingest only: the application name as given, "app.cpu{tag=value}". When set, labels and profile type follow
  // the rules of that interface (reference: "/ingest"); when empty, RawProfile::labels is complete as it is.
  std::string name;
  int64_t from_ns = 0;
  int64_t until_ns = 0;
  uint32_t sample_rate_hz = 100;
  bool sample_rate_given = false;
  std::string spy_name;
  std::string content_type;         // of the body or the multipart part
  std::string sample_type_config;   // JSON, as sent beside a pprof
};

struct RawProfile {
  Labels labels;
  IngestParams params;
  std::string data;       // the client's bytes, gzip'd or not
  std::string client_id;  // the client's own id of this profile, any bytes; empty when it gave none
};

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
