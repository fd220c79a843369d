#include "server/http/receipt.h"

#include <algorithm>
#include <string>

namespace brazier::http {
namespace {

// A profile over its size limit will be over it tomorrow: no code that invites to retry.
Code FinalCode(const Status& status) {
  const bool never = status.reason() == "profile_size_limit" || status.reason() == "samples_limit";
  return never && status.code() == Code::kResourceExhausted ? Code::kInvalidArgument : status.code();
}

}  // namespace

void AddReceiptHeaders(const contract::PushReceipt& receipt, Headers* headers) {
  headers->Add("X-Brazier-Accepted", std::to_string(receipt.accepted));
  headers->Add("X-Brazier-Duplicates", std::to_string(receipt.duplicates));
  if (!receipt.rejections.empty()) {
    headers->Add("X-Brazier-Rejected", std::to_string(receipt.rejections.size()));
  }
  std::string segments;
  for (size_t i = 0; i < std::min(receipt.segments.size(), kReceiptSegmentsMax); ++i) {
    if (i > 0) segments += ',';
    segments += receipt.segments[i].ToString();
  }
  if (!segments.empty()) headers->Add("X-Brazier-Segments", segments);
}

Status ReceiptStatus(const contract::PushReceipt& receipt) {
  if (receipt.rejections.empty()) return Status::Ok();
  const Status& first = receipt.rejections[0].status;
  const Code code = FinalCode(first);
  const size_t profiles = receipt.accepted + receipt.rejections.size();
  if (profiles == 1) return Status(code, first.message()).WithReason(first.reason());
  std::string message = "accepted " + std::to_string(receipt.accepted) + " of " +
                        std::to_string(profiles) + " profiles; rejected:";
  const size_t listed = std::min(receipt.rejections.size(), kReceiptRejectionsMax);
  for (size_t i = 0; i < listed; ++i) {
    const contract::Rejection& rejection = receipt.rejections[i];
    message += (i > 0 ? "; [" : " [") + std::to_string(rejection.index) + "] ";
    if (!rejection.status.reason().empty()) message += rejection.status.reason() + ": ";
    message += rejection.status.message();
  }
  if (listed < receipt.rejections.size()) {
    message += "; and " + std::to_string(receipt.rejections.size() - listed) + " more";
  }
  return Status(code, std::move(message)).WithReason(first.reason());
}

}  // namespace brazier::http
