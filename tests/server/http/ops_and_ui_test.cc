#include "common/codec/compression.h"
#include "server/http/ops_routes.h"
#include "server/http/ui_routes.h"
#include "tests/server/http/test_client.h"

namespace brazier::http {
namespace {

TEST(OpsRoutes, ReadyMetricsAndInfo) {
  Status ready = Unavailable("metastore: no leader");
  TestServer server([&](Router* router) {
    OpsOptions options;
    options.ready = [&] { return ready; };
    options.metrics = [] { return std::string("up 1\n"); };
    options.version = "1.2\"3";
    options.multitenancy = true;
    AddOpsRoutes(options, router);
  });
  const auto waiting = server.Call("GET", "/ready");
  EXPECT_EQ(waiting.status, 503);
  EXPECT_EQ(waiting.body, "metastore: no leader\n");
  ready = Status::Ok();
  const auto serving = server.Call("GET", "/ready");
  EXPECT_EQ(serving.status, 200);
  EXPECT_EQ(serving.body, "ready\n");
  EXPECT_EQ(server.Call("GET", "/metrics").body, "up 1\n");
  const auto compressed = server.Call("GET", "/metrics", "Accept-Encoding: gzip\r\n");
  std::string page;
  ASSERT_TRUE(codec::Gunzip(AsBytes(compressed.body), 100, &page).ok());
  EXPECT_EQ(page, "up 1\n");
  EXPECT_EQ(server.Call("GET", "/api/v1/status/buildinfo").body,
            R"({"status":"success","data":{"version":"1.2\"3","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}})");
  EXPECT_EQ(server.Call("GET", "/api/v1/ui/config").body, R"({"multitenancy":true,"version":"1.2\"3"})");
  EXPECT_EQ(server.Call("POST", "/ready").status, 405);
}

std::optional<StaticAsset> FakeAssets(std::string_view path) {
  if (path == "/index.html") return StaticAsset{"text/html; charset=utf-8", "<html>", "", false, "\"c0ffee\""};
  if (path == "/assets/app-1.js") return StaticAsset{"text/javascript", "plain", "zipped", true, "\"1\""};
  return std::nullopt;
}

class UiRoutes : public testing::Test {
 protected:
  UiRoutes() : server_([](Router* router) {
    AddUiRoutes(FakeAssets, router);
    router->Add(MakeRoute("POST", "/ingest", [](HttpRequest&&, const Responder& responder) {
      responder.Send(EmptyResponse(200));
    }));
  }) {}
  TestServer server_;
};

TEST_F(UiRoutes, PageAndFiles) {
  const auto page = server_.Call("GET", "/");
  EXPECT_EQ(page.body, "<html>");
  EXPECT_EQ(page.headers.Get("Cache-Control"), "no-cache");
  EXPECT_EQ(page.headers.Get("ETag"), "\"c0ffee\"");
  EXPECT_EQ(page.headers.Get("X-Content-Type-Options"), "nosniff");
  EXPECT_NE(page.headers.Get("Content-Security-Policy").find("script-src 'self'"), std::string::npos);
  const auto file = server_.Call("GET", "/assets/app-1.js");
  EXPECT_EQ(file.body, "plain");
  EXPECT_EQ(file.headers.Get("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(file.headers.Get("Vary"), "Accept-Encoding");
  const auto zipped = server_.Call("GET", "/assets/app-1.js", "Accept-Encoding: gzip, deflate\r\n");
  EXPECT_EQ(zipped.body, "zipped");
  EXPECT_EQ(zipped.headers.Get("Content-Encoding"), "gzip");
  EXPECT_EQ(server_.Call("HEAD", "/").headers.Get("Content-Length"), "6");
}

TEST_F(UiRoutes, NotModified) {
  TestClient client(server_.port());
  client.Send(FormatRequest("GET", "/", "If-None-Match: W/\"x\", \"c0ffee\"\r\n") + FormatRequest("GET", "/"));
  const auto unchanged = client.Receive();
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.headers.Get("ETag"), "\"c0ffee\"");
  EXPECT_EQ(client.Receive().body, "<html>");
}

TEST_F(UiRoutes, AddressesOfThePage) {
  const char* html = "Accept: text/html,application/xhtml+xml;q=0.9\r\n";
  for (const char* path : {"/explore", "/diff?lq=x", "/admin/blocks", "/ingestion"}) {
    EXPECT_EQ(server_.Call("GET", path, html).body, "<html>") << path;
  }
  for (const char* path : {"/assets/gone.js", "/api/v1/x", "/pyroscope/render", "/querier.v1.QuerierService/X",
                           "/metrics", "/debug/pprof"}) {
    EXPECT_EQ(server_.Call("GET", path, html).status, 404) << path;
  }
  EXPECT_EQ(server_.Call("GET", "/explore").status, 404);
  EXPECT_EQ(server_.Call("GET", "/ingest", html).status, 405);
  EXPECT_EQ(server_.Call("POST", "/explore", html, "x").status, 404);
}

}  // namespace
}  // namespace brazier::http
