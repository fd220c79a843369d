#include "common/model/bad_block.h"

namespace brazier {
namespace {

constexpr std::string_view kReason = "bad_block:";

bool IsOfBytes(Code code) { return code == Code::kCorruption || code == Code::kNotFound; }

}  // namespace

Status BlameBlock(Status status, const Ulid& block) {
  if (!IsOfBytes(status.code())) return status;
  return std::move(status).WithReason(std::string(kReason) + block.ToString());
}

std::optional<Ulid> BlamedBlock(const Status& status) {
  const std::string_view reason = status.reason();
  if (!IsOfBytes(status.code()) || !reason.starts_with(kReason)) return std::nullopt;
  const Result<Ulid> id = Ulid::Parse(reason.substr(kReason.size()));
  if (!id.ok()) return std::nullopt;
  return *id;
}

}  // namespace brazier
