#include "server/http/ops_routes.h"

#include <memory>
#include <utility>

#include "server/http/gzip.h"
#include "server/http/json_text.h"

namespace brazier::http {
namespace {

using Answer = std::function<HttpResponse(const HttpRequest&)>;

void AddGet(const char* path, Answer answer, Router* router) {
  Route route;
  route.method = "GET";
  route.path = path;
  route.handler = [answer = std::move(answer)](HttpRequest&& request, const Responder& responder) {
    HttpResponse response = answer(request);
    response.headers.Add("Cache-Control", "no-store");
    responder.Send(std::move(response));
  };
  router->Add(std::move(route));
}

HttpResponse JsonResponse(std::string body) {
  HttpResponse response;
  response.headers.Add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

std::string BuildInfo(const OpsOptions& options) {
  std::string json = "{\"status\":\"success\",\"data\":{\"version\":";
  AppendJsonString(options.version, JsonEscapes::kHtml, &json);
  json += ",\"revision\":";
  AppendJsonString(options.revision, JsonEscapes::kHtml, &json);
  return json + ",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}}";
}

std::string UiConfig(const OpsOptions& options) {
  std::string json = "{\"multitenancy\":";
  json += options.multitenancy ? "true" : "false";
  json += ",\"version\":";
  AppendJsonString(options.version, JsonEscapes::kHtml, &json);
  return json + "}";
}

}  // namespace

void AddOpsRoutes(OpsOptions options, Router* router) {
  AddGet("/ready", [ready = options.ready](const HttpRequest&) {
    const Status status = ready();
    return status.ok() ? TextResponse(200, "ready\n") : TextResponse(503, status.message() + "\n");
  }, router);
  AddGet("/metrics", [metrics = options.metrics](const HttpRequest& request) {
    HttpResponse response;
    response.headers.Add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    response.body = metrics();
    if (WantsGzip(request.headers)) GzipBody(&response);
    return response;
  }, router);
  AddGet("/api/v1/status/buildinfo",
         [json = BuildInfo(options)](const HttpRequest&) { return JsonResponse(json); }, router);
  AddGet("/api/v1/ui/config",
         [json = UiConfig(options)](const HttpRequest&) { return JsonResponse(json); }, router);
}

}  // namespace brazier::http
