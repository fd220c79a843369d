#include "common/rpc/convert_push.h"

#include <utility>

#include "common/rpc/convert_labels.h"
#include "common/rpc/convert_status.h"
#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

// The largest struct that a request holds in lists: the server reserves this much for each announced element.
static_assert(sizeof(idl::RawProfile) <= kElementBytes);

contract::PushRequest PushFromWire(idl::PushRequest&& request, std::string tenant) {
  contract::PushRequest out;
  out.tenant = std::move(tenant);
  out.source = "thrift";
  out.profiles.reserve(request.profiles.size());
  for (idl::RawProfile& wire : request.profiles) {
    RawProfile& profile = out.profiles.emplace_back();
    profile.labels = LabelsFromWire(wire.labels);
    profile.data = std::move(wire.data);
    profile.client_id = std::move(wire.client_id);
    IngestParams& params = profile.params;
    params.format = std::move(wire.format);
    params.name = std::move(wire.name);
    params.from_ns = wire.from_ns;
    params.until_ns = wire.until_ns;
    if (wire.sample_rate_hz > 0) {
      params.sample_rate_hz = static_cast<uint32_t>(wire.sample_rate_hz);
      params.sample_rate_given = true;
    }
    params.spy_name = std::move(wire.spy_name);
    params.content_type = std::move(wire.content_type);
    params.sample_type_config = std::move(wire.sample_type_config);
  }
  return out;
}

idl::PushRequest PushToWire(contract::PushRequest&& request) {
  idl::PushRequest out;
  out.header.tenant = std::move(request.tenant);
  out.profiles.reserve(request.profiles.size());
  for (RawProfile& profile : request.profiles) {
    idl::RawProfile& wire = out.profiles.emplace_back();
    wire.labels = LabelsToWire(profile.labels);
    wire.data = std::move(profile.data);
    wire.client_id = std::move(profile.client_id);
    IngestParams& params = profile.params;
    wire.format = std::move(params.format);
    wire.name = std::move(params.name);
    wire.from_ns = params.from_ns;
    wire.until_ns = params.until_ns;
    wire.sample_rate_hz = params.sample_rate_given ? static_cast<int32_t>(params.sample_rate_hz) : 0;
    wire.spy_name = std::move(params.spy_name);
    wire.content_type = std::move(params.content_type);
    wire.sample_type_config = std::move(params.sample_type_config);
  }
  return out;
}

idl::PushReceipt ReceiptToWire(const contract::PushReceipt& receipt) {
  idl::PushReceipt out;
  out.accepted = static_cast<int32_t>(receipt.accepted);
  out.duplicates = static_cast<int32_t>(receipt.duplicates);
  out.rejections.reserve(receipt.rejections.size());
  for (const contract::Rejection& rejection : receipt.rejections) {
    idl::Rejection& wire = out.rejections.emplace_back();
    wire.index = static_cast<int32_t>(rejection.index);
    wire.code = ToWire(rejection.status.code());
    wire.reason = rejection.status.reason();
    wire.message = CutMessage(rejection.status.message());
    wire.retryable = IsRetryable(rejection.status.code());
  }
  for (const Ulid& segment : receipt.segments) out.segment_ids.push_back(segment.ToString());
  return out;
}

Result<contract::PushReceipt> ReceiptFromWire(const idl::PushReceipt& receipt) {
  contract::PushReceipt out;
  if (receipt.accepted < 0 || receipt.duplicates < 0 || receipt.duplicates > receipt.accepted) {
    return Internal("push receipt with impossible counts: accepted " +
                    std::to_string(receipt.accepted) + ", duplicates " +
                    std::to_string(receipt.duplicates));
  }
  out.accepted = static_cast<uint32_t>(receipt.accepted);
  out.duplicates = static_cast<uint32_t>(receipt.duplicates);
  for (const idl::Rejection& wire : receipt.rejections) {
    if (wire.index < 0) return Internal("push receipt with a rejection of profile -1");
    out.rejections.push_back({.index = static_cast<uint32_t>(wire.index),
                              .status = Status(FromWire(wire.code), wire.message)
                                            .WithReason(wire.reason)});
  }
  for (const std::string& text : receipt.segment_ids) {
    Result<Ulid> segment = Ulid::Parse(text);
    if (!segment.ok()) return Internal("push receipt with segment id: " + segment.status().message());
    out.segments.push_back(*segment);
  }
  return out;
}

}  // namespace brazier::rpc
