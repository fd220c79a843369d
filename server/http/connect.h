// Connect unary calls: from an HTTP request to a message and back.
//
// BeginConnect checks what the protocol demands (content type, encoding, timeout), inflates the body and derives the
// deadline. Messages travel as protobuf or as protobuf's JSON. Errors are always JSON, never compressed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/contract/context.h"
#include "server/http/http_message.h"

namespace google::protobuf {
class Message;
}

namespace brazier::http {

enum class ConnectCodec { kJson, kProto };

struct ConnectOptions {
  std::chrono::milliseconds default_timeout{30'000};
  std::chrono::milliseconds timeout_max{600'000};  // a client's wish is cut to this
  size_t message_bytes_max = 4 << 20;              // inflated
};

struct ConnectCall {
  ConnectCodec codec = ConnectCodec::kJson;
  std::string message;  // inflated
  bool gzip_answer = false;
  contract::RequestContext context;
};

// The call, or the answer that refuses it. Takes the body out of the request.
struct ConnectBegin {
  bool ok = false;
  ConnectCall call;
  HttpResponse refusal;
};
ConnectBegin BeginConnect(HttpRequest& request, const ConnectOptions& options);

// Takes the body out of a gzip'ed request, inflated, at most `bytes_max` and as much as the bytes in flight allow:
// kUnavailable beyond that.
Result<std::string> InflateBody(HttpRequest& request, size_t bytes_max);

// `message` is replaced. Unknown fields and unknown enum names are skipped; an empty JSON text is an empty message.
Status ParseMessage(ConnectCodec codec, std::string_view text, google::protobuf::Message* message);
// protobuf's canonical JSON (lowerCamelCase, zero fields left out), or protobuf.
std::string EncodeMessage(ConnectCodec codec, const google::protobuf::Message& message);

// 200 with a message that is encoded already.
HttpResponse ConnectAnswer(const ConnectCall& call, std::string message);

// Of a request that gives no deadline; cancelled when the request is.
contract::RequestContext ContextOf(const HttpRequest& request, std::chrono::milliseconds timeout);

}  // namespace brazier::http
