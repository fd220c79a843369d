#include "server/http/connect.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <charconv>

#include "common/codec/compression.h"
#include "server/http/gzip.h"
#include "server/http/status_mapping.h"

namespace brazier::http {
namespace {

constexpr std::string_view kAcceptPost = "application/json, application/proto";

ConnectBegin Refused(HttpResponse response) {
  ConnectBegin begin;
  begin.refusal = std::move(response);
  return begin;
}

Result<std::chrono::milliseconds> TimeoutOf(const Headers& headers, const ConnectOptions& options) {
  const std::string_view text = headers.Get("Connect-Timeout-Ms");
  if (text.empty()) return options.default_timeout;
  int64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (error != std::errc() || end != text.data() + text.size() || milliseconds < 0 ||
      text.size() > 10) {
    return InvalidArgument("protocol error: invalid timeout: \"" + std::string(text) + "\"");
  }
  return std::min(std::chrono::milliseconds(milliseconds), options.timeout_max);
}

}  // namespace

contract::RequestContext ContextOf(const HttpRequest& request, std::chrono::milliseconds timeout) {
  contract::RequestContext context;
  context.request_id = request.request_id;
  context.deadline_ns = request.received_ns + timeout.count() * kNsPerMs;
  context.cancellation = request.cancellation;
  return context;
}

Result<std::string> InflateBody(HttpRequest& request, size_t bytes_max) {
  const BodyLease* lease = request.lease.get();
  const size_t room = lease == nullptr ? bytes_max : std::min(bytes_max, lease->Available());
  // Whether a smaller load could make room; a body too large for the whole bound is too large, not early.
  const bool may_fit_later = lease != nullptr && lease->IsShared() && room < bytes_max;
  std::string inflated;
  const Status status = codec::Gunzip(AsBytes(request.body), room, &inflated);
  const bool no_room = status.code() == Code::kResourceExhausted && may_fit_later;
  if (no_room || (status.ok() && request.lease != nullptr && !request.lease->Add(inflated.size()))) {
    return Unavailable("too many bytes of requests are in flight");
  }
  if (status.code() == Code::kResourceExhausted) {
    return InvalidArgument("the request body inflates to more than the limit of " +
                           std::to_string(room) + " bytes (http.body-bytes-max)")
        .WithReason("body_size_limit_exceeded");
  }
  if (!status.ok()) return status;
  request.body = std::string();
  return inflated;
}

ConnectBegin BeginConnect(HttpRequest& request, const ConnectOptions& options) {
  ConnectBegin begin;
  const std::string type = MediaType(request.headers.Get("Content-Type"));
  if (type == "application/json") {
    begin.call.codec = ConnectCodec::kJson;
  } else if (type == "application/proto") {
    begin.call.codec = ConnectCodec::kProto;
  } else {
    HttpResponse response = EmptyResponse(415);
    response.headers.Add("Accept-Post", kAcceptPost);
    return Refused(std::move(response));
  }
  const Result<std::chrono::milliseconds> timeout = TimeoutOf(request.headers, options);
  if (!timeout.ok()) return Refused(ConnectError(timeout.status()));
  begin.call.context = ContextOf(request, *timeout);
  begin.call.gzip_answer = WantsGzip(request.headers);

  const std::string_view encoding = request.headers.Get("Content-Encoding");
  if (encoding.empty() || EqualsIgnoreCase(encoding, "identity")) {
    if (request.body.size() > options.message_bytes_max) {
      return Refused(ConnectError(ResourceExhausted(
          "message size " + std::to_string(request.body.size()) + " exceeds the maximum of " +
          std::to_string(options.message_bytes_max) + " bytes")));
    }
    begin.call.message = std::move(request.body);
  } else if (!EqualsIgnoreCase(encoding, "gzip")) {
    return Refused(ConnectError({Code::kUnimplemented, "unknown compression \"" + std::string(encoding) +
                                                           "\": supported encodings are gzip"}));
  } else if (!request.body.empty()) {
    Result<std::string> inflated = InflateBody(request, options.message_bytes_max);
    if (!inflated.ok()) return Refused(ConnectError(inflated.status().Annotate("decompress")));
    begin.call.message = std::move(*inflated);
  }
  begin.ok = true;
  return begin;
}

Status ParseMessage(ConnectCodec codec, std::string_view text, google::protobuf::Message* message) {
  message->Clear();
  if (codec == ConnectCodec::kProto) {
    if (text.size() > INT32_MAX) return InvalidArgument("unmarshal message: larger than 2 GiB");
    if (message->ParseFromArray(text.data(), static_cast<int>(text.size()))) return Status::Ok();
    return InvalidArgument("unmarshal message: malformed " + message->GetTypeName());
  }
  if (text.empty()) return Status::Ok();
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(text.data(), text.size()), message, options);
  if (status.ok()) return Status::Ok();
  return InvalidArgument("unmarshal message: unmarshal into " + message->GetTypeName() + ": " +
                         std::string(status.message()));
}

std::string EncodeMessage(ConnectCodec codec, const google::protobuf::Message& message) {
  std::string out;
  if (codec == ConnectCodec::kProto) {
    message.SerializeToString(&out);
  } else {
    // Cannot fail for generated messages of ours: their descriptors are linked in.
    (void)google::protobuf::util::MessageToJsonString(message, &out);
  }
  return out;
}

HttpResponse ConnectAnswer(const ConnectCall& call, std::string message) {
  HttpResponse response;
  response.headers.Add("Content-Type", call.codec == ConnectCodec::kJson ? "application/json"
                                                                         : "application/proto");
  response.headers.Add("Accept-Encoding", "gzip");
  response.body = std::move(message);
  if (call.gzip_answer) GzipBody(&response);
  return response;
}

}  // namespace brazier::http
