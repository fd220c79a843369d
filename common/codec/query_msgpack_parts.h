// What the codings of query plans and of their results share. Internal to common/codec.
#pragma once

#include <string>
#include <vector>

#include "common/codec/msgpack_io.h"
#include "common/model/query.h"

namespace brazier::codec::query {

inline constexpr uint64_t kVersion = 1;
// Of plans with a filter: who does not know filters must refuse them, or it would answer too much.
inline constexpr uint64_t kFilterVersion = 2;

// Limits of what is decoded; encoders of ours stay far below.
inline constexpr int kPlanDepthMax = 32;
inline constexpr size_t kReportsMax = 64;

inline void ReadVersion(MsgpackReader& in, uint64_t* version, uint64_t newest = kVersion) {
  *version = in.Uint();
  if (in.ok() && (*version < kVersion || *version > newest)) {
    in.Fail("version " + std::to_string(*version) + ", this reads versions up to " + std::to_string(newest));
  }
}

inline void WriteStringList(MsgpackWriter& out, const auto& strings) {
  out.Array(strings.size());
  for (const std::string& s : strings) out.Str(s);
}

inline std::vector<std::string> ReadStringList(MsgpackReader& in, size_t max) {
  std::vector<std::string> strings;
  for (size_t n = in.Array(max); n > 0 && in.ok(); --n) strings.emplace_back(in.Str());
  return strings;
}

inline ReportKind ReadKind(MsgpackReader& in) {
  const uint64_t kind = in.Uint();
  if (in.ok() && (kind < 1 || kind > static_cast<uint64_t>(kLastReportKind))) {
    in.Fail("report kind " + std::to_string(kind) + " does not exist");
  }
  return static_cast<ReportKind>(kind);
}

}  // namespace brazier::codec::query
