// Envelope: the header frame of every message between our processes; payload frames follow it. A
// msgpack map with short keys, versioned; keys that a reader does not know are skipped.
// docs/format/zeromq-append.md gives the bytes.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace brazier::pipeline {

// Bytes on the wire: numbers are never given a second meaning.
enum class Kind : uint8_t {
  kHello = 1,    // client: I am here
  kCredit = 2,   // server: you may have so many bytes under way
  kAppend = 3,   // client: a profile batch for a shard
  kExecute = 4,  // client: a query plan
  kCancel = 5,   // client: the answer to `id` is not wanted any more
  kOk = 6,       // server: the answer to `id` is in the payload
  kError = 7,    // server: `id` failed with code, reason, message
  kBusy = 8,     // server: `id` was not looked at, come back later
  kPullJobs = 9,       // client: a compaction worker wants jobs
  kJobHeartbeat = 10,  // client: it works on these
  kFinishJob = 11,     // client: it has done one
  kReturnJob = 12,     // client: it will not do one
};
inline constexpr Kind kLastKind = Kind::kReturnJob;

// Whether a client asks something with it that is answered.
constexpr bool IsRequest(Kind kind) {
  return kind == Kind::kAppend || kind == Kind::kExecute || (kind >= Kind::kPullJobs && kind <= kLastKind);
}

struct Envelope {
  static constexpr uint64_t kVersion = 1;
  Kind kind = Kind::kHello;
  uint64_t id = 0;            // of the request, chosen by the client, unique on its connection
  uint64_t deadline_ms = 0;   // requests: the time that is left
  std::string request_id;     // requests: for logs
  uint32_t shard = 0;         // kAppend
  uint32_t backends_max = 0;  // kExecute, of ExecutionShare; 0: not said
  uint32_t retries_max = 0;   // kExecute, likewise
  uint64_t work_bytes = 0;    // kExecute: to read for the plan
  uint64_t credit_bytes = 0;  // kCredit
  Status status;              // kError, kBusy
};

std::string EncodeEnvelope(const Envelope& envelope);
Result<Envelope> DecodeEnvelope(Bytes bytes);

// The code that CodeName() gives this name; kInternal for names of a newer version.
Code CodeFromName(std::string_view name);

}  // namespace brazier::pipeline
