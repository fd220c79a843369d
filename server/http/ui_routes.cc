#include "server/http/ui_routes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace brazier::http {
namespace {

constexpr std::string_view kIndex = "/index.html";
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'self'";
// Addresses of programs: what is not there is an error, not a page.
constexpr std::array<std::string_view, 8> kApiPrefixes{"/api", "/pyroscope", "/ingest",  "/assets",
                                                       "/metrics", "/ready", "/debug", "/v1development"};

bool IsApiPath(std::string_view path) {
  const bool known = std::any_of(kApiPrefixes.begin(), kApiPrefixes.end(), [&](std::string_view prefix) {
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
  });
  // "/package.v1.Service/Method"
  const std::string_view first = path.substr(0, path.find('/', 1));
  return known || first.find(".v1.") != std::string_view::npos;
}

// Does an If-None-Match list name this tag?
bool Matches(std::string_view list, std::string_view etag) {
  if (etag.empty()) return false;
  return list == "*" || list.find(etag) != std::string_view::npos;
}

HttpResponse Serve(const StaticAsset& asset, const HttpRequest& request) {
  HttpResponse response;
  response.headers.Add("Cache-Control",
                       asset.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  response.headers.Add("Vary", "Accept-Encoding");
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.headers.Add("Content-Security-Policy", kContentSecurityPolicy);
  response.headers.Add("Referrer-Policy", "same-origin");
  if (!asset.etag.empty()) response.headers.Add("ETag", asset.etag);
  if (Matches(request.headers.Get("If-None-Match"), asset.etag)) {
    response.status = 304;
    return response;
  }
  response.headers.Add("Content-Type", asset.content_type);
  response.static_body = asset.identity;
  if (!asset.gzip.empty() && HeaderListHas(request.headers.Get("Accept-Encoding"), "gzip")) {
    response.headers.Add("Content-Encoding", "gzip");
    response.static_body = asset.gzip;
  }
  return response;
}

HttpResponse Find(const StaticAssets& assets, const HttpRequest& request) {
  if (const auto asset = assets(request.path == "/" ? kIndex : request.path)) {
    return Serve(*asset, request);
  }
  if (!IsApiPath(request.path) && HeaderListHas(request.headers.Get("Accept"), "text/html")) {
    if (const auto index = assets(kIndex)) return Serve(*index, request);
  }
  return TextResponse(404, "404 page not found\n");
}

}  // namespace

void AddUiRoutes(StaticAssets assets, Router* router) {
  Route route;
  route.method = "GET";
  route.path = "/";
  route.name = "ui";
  route.handler = [assets = std::move(assets)](HttpRequest&& request, const Responder& responder) {
    responder.Send(Find(assets, request));
  };
  router->SetFallback(std::move(route));
}

}  // namespace brazier::http
