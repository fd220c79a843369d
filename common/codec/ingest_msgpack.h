// The messages of profile shippers over ZeroMQ: hello and push from them, credit, ack and error to
// them. docs/format/zeromq-ingest.md is the contract, written so that a stranger can implement it.
// Decoding is for hostile input; failures carry a machine-readable reason. Pure functions over
// values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/base/ulid.h"
#include "common/model/ingest.h"

namespace brazier::codec {

inline constexpr uint64_t kIngestVersion = 1;
inline constexpr size_t kIngestIdBytesMax = 128;
inline constexpr size_t kIngestProfilesMax = 10'000;
inline constexpr size_t kIngestLabelsMax = 1024;

struct IngestMessage {
  enum class Kind { kHello, kPush };
  Kind kind = Kind::kPush;
  // The msgpack bytes of the message's id, to be sent back as they are. Empty when it gave none.
  std::string id;
  std::string tenant;      // empty when not given
  int64_t timeout_ms = 0;  // 0 when not given
  std::vector<RawProfile> profiles;
};

// Reads one message. On failure `message->id` is still filled when it could be read, so that the
// error can be answered to the right request. Reasons: not_msgpack, malformed, unsupported_version,
// unknown_kind.
Status DecodeIngestMessage(Bytes data, IngestMessage* message);

struct IngestRejection {
  uint32_t index = 0;
  Status status;
};

// `id`: as in IngestMessage.
std::string EncodeIngestCredit(std::string_view id, uint64_t credit_bytes,
                               uint64_t message_bytes_max);
std::string EncodeIngestAck(std::string_view id, uint32_t accepted, uint32_t duplicates,
                            const std::vector<IngestRejection>& rejections,
                            const std::vector<Ulid>& segments);
std::string EncodeIngestError(std::string_view id, const Status& status);

}  // namespace brazier::codec
