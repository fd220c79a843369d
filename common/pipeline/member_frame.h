// MemberHeader: the first frame of every message between members of a metastore group; the message itself is the second.
// The checksum covers both frames: what a member puts into its log is what the leader sent. Bytes: docs/format/zeromq-raft.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace brazier::pipeline {

struct MemberHeader {
  static constexpr uint8_t kVersion = 1;
  static constexpr size_t kAddressBytesMax = 255;
  uint64_t group_id = 0;
  uint64_t from = 0;  // node ids
  uint64_t to = 0;
  // Where the sender can be answered, "tcp://host:port": a newcomer knows nobody's address. Empty: not told. Longer ones
  // are not sent.
  std::string address;
  friend bool operator==(const MemberHeader&, const MemberHeader&) = default;
};

std::string EncodeMemberHeader(const MemberHeader& header, Bytes message);
// For hostile input. kInvalidArgument with reason "unreadable", "version" or "checksum".
Result<MemberHeader> DecodeMemberHeader(Bytes header, Bytes message);

}  // namespace brazier::pipeline
