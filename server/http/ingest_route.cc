// /ingest: one profile per request, its meaning in the query parameters. Answers and texts as legacy SDKs know them.
#include <algorithm>
#include <charconv>
#include <utility>

#include "common/codec/compression.h"
#include "server/http/attime.h"
#include "server/http/connect.h"
#include "server/http/multipart.h"
#include "server/http/receipt.h"
#include "server/http/status_mapping.h"
#include "server/http/tenant.h"
#include "server/http/write_routes.h"

namespace brazier::http {
namespace {

constexpr std::string_view kDefaultSpy = "unknown";
constexpr std::string_view kPreviousProfileText =
    "unsupported client version. Please update github.com/grafana/pyroscope-go to the latest version";

// The row of the format table: the parameter decides, the content type fills in.
std::string FormatOf(std::string_view format, std::string_view media_type) {
  if (format == "trie" || media_type == "binary/octet-stream+trie") return "trie";
  if (format == "tree" || media_type == "binary/octet-stream+tree") return "tree";
  for (const std::string_view known : {"pprof", "jfr", "lines", "speedscope"}) {
    if (format == known) return std::string(known);
  }
  if (format.empty() && media_type == "multipart/form-data") return "pprof";
  return "groups";
}

IngestParams ParamsOf(const HttpRequest& request, int64_t now_ns) {
  IngestParams params;
  params.name = request.query.Get("name");
  params.content_type = request.headers.Get("Content-Type");
  params.format = FormatOf(request.query.Get("format"), MediaType(params.content_type));
  // A time that cannot be read counts as not given, as clients of this interface expect.
  params.from_ns = ParseAttime(request.query.Get("from"), now_ns).value_or(0);
  params.until_ns = ParseAttime(request.query.Get("until"), now_ns).value_or(0);
  params.spy_name = request.query.Get("spyName");
  if (params.spy_name.empty()) params.spy_name = kDefaultSpy;
  const std::string_view rate = request.query.Get("sampleRate");
  uint32_t hertz = 0;
  const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), hertz);
  if (!rate.empty() && error == std::errc() && end == rate.data() + rate.size()) {
    params.sample_rate_hz = hertz;
    params.sample_rate_given = true;
  }
  return params;
}

HttpResponse ParseFailed(const std::string& format, std::string_view detail) {
  return PlainError(422, "unknown", "parsing IngestInput-" + format + " failed " + std::string(detail));
}

// A refusal of the distributor in the words and numbers of this interface.
HttpResponse RefusalOf(const std::string& format, const Status& status) {
  const std::string& reason = status.reason();
  if (reason == "malformed_profile") return ParseFailed(format, status.ToString());
  if (reason == "profile_size_limit" || reason == "body_size_limit_exceeded") {
    return PlainError(413, CodeName(status.code()), status.message());
  }
  if (reason == "invalid_name" && status.message().starts_with("unknown profile type")) {
    return PlainError(
        status.Annotate("pyroscopeIngesterAdapter failed to convert metadata"));
  }
  return PlainError(status);
}

HttpResponse AnswerIngest(const std::string& format, const Result<contract::PushReceipt>& receipt) {
  if (!receipt.ok()) return RefusalOf(format, receipt.status());
  HttpResponse response =
      receipt->rejections.empty() ? EmptyResponse(200) : RefusalOf(format, ReceiptStatus(*receipt));
  AddReceiptHeaders(*receipt, &response.headers);
  return response;
}

// What a body turned into: a profile, nothing to store, or an answer already.
struct Body {
  bool has_profile = false;
  std::optional<HttpResponse> refusal;
};

Body TakeMultipart(HttpRequest& request, RawProfile* profile) {
  Body result;
  const std::string& format = profile->params.format;
  const Result<std::vector<MultipartPart>> parts =
      ParseMultipart(request.headers.Get("Content-Type"), request.body);
  if (!parts.ok()) {
    result.refusal = ParseFailed(format, parts.status().ToString());
    return result;
  }
  const std::string_view wanted = format == "jfr" ? "jfr" : "profile";
  for (const MultipartPart& part : *parts) {
    if (part.name == "prev_profile" && format == "pprof") {
      result.refusal = ParseFailed(format, kPreviousProfileText);
      return result;
    }
    if (part.name == "sample_type_config") profile->params.sample_type_config = part.data;
    if (part.name != wanted || result.has_profile) continue;
    result.has_profile = true;
    profile->data = part.data;
    profile->params.content_type = part.content_type;
  }
  return result;
}

Body TakeBody(HttpRequest& request, size_t bytes_max, RawProfile* profile) {
  const std::string_view encoding = request.headers.Get("Content-Encoding");
  Body result;
  if (EqualsIgnoreCase(encoding, "gzip") && codec::IsGzip(AsBytes(request.body))) {
    Result<std::string> inflated = InflateBody(request, bytes_max);
    if (!inflated.ok()) {
      result.refusal = RefusalOf(profile->params.format, inflated.status());
      return result;
    }
    request.body = std::move(*inflated);
  } else if (!encoding.empty() && !EqualsIgnoreCase(encoding, "identity") &&
             !EqualsIgnoreCase(encoding, "gzip")) {
    result.refusal = PlainError({Code::kUnimplemented, "unknown content encoding \"" +
                                                           std::string(encoding) + "\": gzip is supported"});
    return result;
  }
  const std::string& format = profile->params.format;
  const bool multipart = MediaType(request.headers.Get("Content-Type")) == "multipart/form-data";
  if (multipart && (format == "pprof" || format == "jfr")) return TakeMultipart(request, profile);
  profile->data = std::move(request.body);
  result.has_profile = true;
  return result;
}

void HandleIngest(const WriteOptions& options, contract::Distributor& distributor, const Clock& clock,
                  HttpRequest&& request, const Responder& responder) {
  Result<std::string> tenant = WriteTenant(request.headers, options.multitenancy);
  if (!tenant.ok()) return responder.Send(PlainError(tenant.status()));
  RawProfile profile;
  profile.params = ParamsOf(request, clock.NowNs());
  if (profile.params.name.find_first_not_of(" \t") == std::string::npos) {
    return responder.Send(PlainError(InvalidArgument("name: service name is required")));
  }
  Body body = TakeBody(request, options.body_bytes_max, &profile);
  if (body.refusal) return responder.Send(std::move(*body.refusal));
  if (!body.has_profile) {
    // A form without a profile: legacy servers answer OK, and so do we; the header tells.
    HttpResponse response = EmptyResponse(200);
    AddReceiptHeaders(contract::PushReceipt(), &response.headers);
    return responder.Send(std::move(response));
  }
  const contract::RequestContext context = ContextOf(request, options.timeout);
  contract::PushRequest push;
  push.tenant = std::move(*tenant);
  push.source = "http";
  push.profiles.push_back(std::move(profile));
  std::string format = push.profiles[0].params.format;
  distributor.Push(context, std::move(push),
                   [responder, format = std::move(format)](Result<contract::PushReceipt> receipt) {
                     responder.Send(AnswerIngest(format, receipt));
                   });
}

}  // namespace

void AddIngestRoutes(const WriteOptions& options, contract::Distributor& distributor,
                     const Clock& clock, Router* router) {
  for (const char* path : {"/ingest", "/pyroscope/ingest"}) {
    Route route;
    route.method = "POST";
    route.path = path;
    route.body_bytes_max = options.body_bytes_max;
    route.handler = [options, &distributor, &clock](HttpRequest&& request, Responder responder) {
      HandleIngest(options, distributor, clock, std::move(request), responder);
    };
    router->Add(std::move(route));
  }
}

}  // namespace brazier::http
