#include "server/http/write_routes.h"

#include <random>

#include "common/codec/compression.h"
#include "push.pb.h"
#include "server/http/gzip.h"
#include "tests/server/http/fake_services.h"
#include "tests/server/http/test_client.h"

namespace brazier::http {
namespace {

constexpr const char* kPush = "/push.v1.PusherService/Push";
constexpr const char* kJson = "Content-Type: application/json\r\n";
constexpr const char* kProto = "Content-Type: application/proto\r\n";

class WriteRoutes : public testing::Test {
 protected:
  explicit WriteRoutes(WriteOptions options = {})
      : server_([&](Router* router) {
          AddPushRoutes(options, distributor_, router);
          AddIngestRoutes(options, distributor_, SystemClock(), router);
        }) {}

  FakeDistributor distributor_;
  TestServer server_;
};

class TenantWriteRoutes : public WriteRoutes {
 protected:
  TenantWriteRoutes() : WriteRoutes(WriteOptions{.multitenancy = true}) {}
};

push::v1::PushRequest TwoSeries() {
  push::v1::PushRequest request;
  for (const char* service : {"svc-a", "svc-b"}) {
    push::v1::RawProfileSeries* series = request.add_series();
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"service_name", service}, {"__name__", "process_cpu"}}) {
      series->add_labels()->set_name(name);
      series->mutable_labels(series->labels_size() - 1)->set_value(value);
    }
    for (int i = 0; i < 2; ++i) {
      series->add_samples()->set_raw_profile(std::string("\x1f\x8b\0raw", 6) + service + std::to_string(i));
      series->mutable_samples(i)->set_id(std::string("id-") + service + std::to_string(i));
    }
  }
  return request;
}

void ExpectTwoSeries(const contract::PushRequest& request) {
  EXPECT_EQ(request.tenant, "anonymous");
  EXPECT_EQ(request.source, "http");
  ASSERT_EQ(request.profiles.size(), 4u);
  EXPECT_EQ(request.profiles[1].labels,
            Labels({{"__name__", "process_cpu"}, {"service_name", "svc-a"}}));
  EXPECT_EQ(request.profiles[2].labels.Get("service_name"), "svc-b");
  EXPECT_EQ(request.profiles[1].data, std::string("\x1f\x8b\0raw", 6) + "svc-a1");
  EXPECT_EQ(request.profiles[3].client_id, "id-svc-b1");
  EXPECT_EQ(request.profiles[0].params.format, "pprof");
  EXPECT_EQ(request.profiles[0].params.name, "");
}

TEST_F(WriteRoutes, PushJson) {
  const auto response = server_.Call(
      "POST", kPush, kJson,
      R"({"series":[{"labels":[{"name":"__name__","value":"process_cpu"},{"name":"pod","value":"p0"}],)"
      R"("samples":[{"rawProfile":"aGVsbG8=","ID":"x"}],"annotations":[{"key":"k"}]}],"unknown":1})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}");
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/json");
  EXPECT_FALSE(response.headers.Has("Content-Encoding"));
  EXPECT_EQ(response.headers.Get("X-Brazier-Accepted"), "1");
  EXPECT_EQ(response.headers.Get("X-Brazier-Duplicates"), "0");
  EXPECT_FALSE(response.headers.Has("X-Brazier-Rejected"));
  EXPECT_EQ(response.headers.Get("X-Brazier-Segments").size(), 26u);
  ASSERT_EQ(distributor_.requests.size(), 1u);
  EXPECT_EQ(distributor_.requests[0].profiles[0].data, "hello");
  EXPECT_EQ(distributor_.requests[0].profiles[0].client_id, "x");
  EXPECT_EQ(distributor_.requests[0].profiles[0].labels.Get("pod"), "p0");
}

TEST_F(WriteRoutes, PushProto) {
  const auto response = server_.Call("POST", kPush, kProto, TwoSeries().SerializeAsString());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/proto");
  ASSERT_EQ(distributor_.requests.size(), 1u);
  ExpectTwoSeries(distributor_.requests[0]);
}

TEST_F(WriteRoutes, LabelsMayFollowSamplesOnTheWire) {
  push::v1::PushRequest labels_only;
  labels_only.add_series()->add_labels()->set_name("a");
  push::v1::PushRequest samples_only;
  samples_only.add_series()->add_samples()->set_raw_profile("p");
  const std::string series =
      samples_only.series(0).SerializeAsString() + labels_only.series(0).SerializeAsString();
  const auto response = server_.Call(
      "POST", kPush, kProto, std::string("\x0a") + static_cast<char>(series.size()) + series);
  EXPECT_EQ(response.status, 200);
  ASSERT_EQ(distributor_.requests.size(), 1u);
  EXPECT_EQ(distributor_.requests[0].profiles[0].labels.size(), 1u);
}

// Python and Rust SDKs: a gzip'ed request that does not say what it accepts gets a gzip'ed answer.
TEST_F(WriteRoutes, PushGzip) {
  const std::string headers = std::string(kProto) + "Content-Encoding: gzip\r\nAccept: */*\r\n";
  const auto response =
      server_.Call("POST", kPush, headers, GzipCompress(TwoSeries().SerializeAsString()));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Get("Content-Encoding"), "gzip");
  std::string body = "x";
  EXPECT_TRUE(codec::Gunzip(AsBytes(response.body), 100, &body).ok());
  EXPECT_EQ(body, "");
  ASSERT_EQ(distributor_.requests.size(), 1u);
  ExpectTwoSeries(distributor_.requests[0]);

  EXPECT_EQ(server_.Call("POST", kPush, headers, "\x1f\x8bnot gzip at all, really").status, 400);
  const auto unknown = server_.Call("POST", kPush, std::string(kProto) + "Content-Encoding: br\r\n", "x");
  EXPECT_EQ(unknown.status, 501);
  EXPECT_EQ(unknown.body,
            R"({"code":"unimplemented","message":"unknown compression \"br\": supported encodings are gzip"})");
}

TEST_F(WriteRoutes, TheProtocolsRefusals) {
  const auto type = server_.Call("POST", kPush, "Content-Type: text/plain\r\n", "x");
  EXPECT_EQ(type.status, 415);
  EXPECT_NE(type.headers.Get("Accept-Post").find("application/proto"), std::string::npos);
  EXPECT_EQ(server_.Call("POST", kPush, "", "x").status, 415);
  const auto method = server_.Call("GET", kPush);
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.Get("Allow"), "POST");
  const auto empty = server_.Call("POST", kPush, kJson, "{}");
  EXPECT_EQ(empty.status, 400);
  EXPECT_EQ(empty.body, R"({"code":"invalid_argument","message":"no profiles received"})");
  EXPECT_EQ(empty.headers.Get("Content-Type"), "application/json");
  EXPECT_EQ(server_.Call("POST", kPush, kProto, "").status, 400);
  const auto bad = server_.Call("POST", kPush, kJson, "bad");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("unmarshal into push.v1.PushRequest"), std::string::npos) << bad.body;
  EXPECT_EQ(server_.Call("POST", kPush, kProto, "\x0a\x7f!").status, 400);
  const auto twice = server_.Call(
      "POST", kPush, kJson, R"({"series":[{"labels":[{"name":"a"},{"name":"a"}],"samples":[{}]}]})");
  EXPECT_EQ(twice.status, 400);
  EXPECT_NE(twice.body.find("more than once"), std::string::npos);
  EXPECT_TRUE(distributor_.requests.empty());
}

TEST_F(WriteRoutes, TimeoutsBecomeDeadlines) {
  const std::string body = TwoSeries().SerializeAsString();
  const int64_t before = SystemClock().MonotonicNs();
  server_.Call("POST", kPush, std::string(kProto) + "Connect-Timeout-Ms: 1500\r\nConnect-Protocol-Version: 1\r\n",
               body);
  server_.Call("POST", kPush, kProto, body);
  ASSERT_EQ(distributor_.contexts.size(), 2u);
  EXPECT_GE(distributor_.contexts[0].deadline_ns, before + 1500 * kNsPerMs);
  EXPECT_LT(distributor_.contexts[0].deadline_ns, before + 3000 * kNsPerMs);
  EXPECT_GE(distributor_.contexts[1].deadline_ns, before + 30'000 * kNsPerMs);
  EXPECT_EQ(distributor_.contexts[0].request_id.size(), 16u);
  EXPECT_EQ(server_.Call("POST", kPush, std::string(kProto) + "Connect-Timeout-Ms: soon\r\n", body).status, 400);
}

TEST_F(WriteRoutes, RejectionsNameEachProfileAndWhatWasStored) {
  distributor_.answer = [](const contract::PushRequest&) {
    contract::PushReceipt receipt;
    receipt.accepted = 2;
    receipt.duplicates = 1;
    receipt.rejections.push_back(
        {1, ResourceExhausted("push rate limit exceeded").WithReason("rate_limited")});
    receipt.rejections.push_back({3, InvalidArgument("too <old>").WithReason("not_in_ingestion_window")});
    return receipt;
  };
  const auto response = server_.Call("POST", kPush, kProto, TwoSeries().SerializeAsString());
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.body,
            "{\"code\":\"resource_exhausted\",\"message\":\"accepted 2 of 4 profiles; rejected: [1] "
            "rate_limited: push rate limit exceeded; [3] not_in_ingestion_window: too \\u003cold\\u003e\"}");
  EXPECT_EQ(response.headers.Get("X-Brazier-Accepted"), "2");
  EXPECT_EQ(response.headers.Get("X-Brazier-Rejected"), "2");
  EXPECT_EQ(response.headers.Get("X-Brazier-Duplicates"), "1");
}

TEST_F(WriteRoutes, StatusOfRefusals) {
  const auto status_of = [&](Status status) {
    distributor_.answer = [status](const contract::PushRequest&) {
      contract::PushReceipt receipt;
      receipt.rejections.push_back({0, status});
      return receipt;
    };
    return server_.Call("POST", kPush, kJson, R"({"series":[{"samples":[{"rawProfile":"AA=="}]}]})").status;
  };
  EXPECT_EQ(status_of(InvalidArgument("x")), 400);
  EXPECT_EQ(status_of(ResourceExhausted("x").WithReason("rate_limited")), 429);
  EXPECT_EQ(status_of(ResourceExhausted("x").WithReason("profile_size_limit")), 400);
  EXPECT_EQ(status_of(Unavailable("x")), 503);
  distributor_.answer = [](const contract::PushRequest&) { return DeadlineExceeded("too slow"); };
  const auto failed = server_.Call("POST", kPush, kJson, R"({"series":[{"samples":[{}]}]})");
  EXPECT_EQ(failed.status, 504);
  EXPECT_EQ(failed.body, R"({"code":"deadline_exceeded","message":"too slow"})");
}

TEST_F(WriteRoutes, AnswersWhenTheDistributorDoes) {
  distributor_.hold = true;
  TestClient client(server_.port());
  client.Send(FormatRequest("POST", kPush, kJson, R"({"series":[{"samples":[{}]}]})"));
  FakeDistributor::Done done = distributor_.TakeHeld();
  ASSERT_NE(done, nullptr);
  EXPECT_FALSE(client.Readable(std::chrono::milliseconds(20)));
  done(FakeDistributor::AcceptAll(distributor_.requests[0]));
  EXPECT_EQ(client.Receive().status, 200);
}

TEST_F(TenantWriteRoutes, Tenants) {
  const std::string body = R"({"series":[{"samples":[{}]}]})";
  const auto call = [&](const std::string& header) {
    return server_.Call("POST", kPush, std::string(kJson) + header, body);
  };
  const auto none = call("");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.body, R"({"code":"unauthenticated","message":"no org id"})");
  EXPECT_EQ(call("X-Scope-OrgID: \r\n").status, 401);
  EXPECT_EQ(call("X-Scope-OrgID: bad/tenant\r\n").body,
            R"({"code":"unauthenticated","message":"tenant ID 'bad/tenant' contains unsupported character '/'"})");
  EXPECT_EQ(call("X-Scope-OrgID: ..\r\n").body,
            R"({"code":"unauthenticated","message":"tenant ID is '.' or '..'"})");
  EXPECT_EQ(call("X-Scope-OrgID: t1|t2\r\n").body,
            R"({"code":"unauthenticated","message":"multiple org IDs present"})");
  EXPECT_EQ(call("X-Scope-OrgID: t1\r\nx-scope-orgid: t2\r\n").status, 401);
  EXPECT_EQ(call("X-Scope-OrgID: " + std::string(151, 'a') + "\r\n").status, 401);
  EXPECT_TRUE(distributor_.requests.empty());
  EXPECT_EQ(call("X-Scope-OrgID: t1|t1\r\n").status, 200);
  EXPECT_EQ(call("x-scope-orgid: a-b_c.d*e'f(g)!\r\n").status, 200);
  ASSERT_EQ(distributor_.requests.size(), 2u);
  EXPECT_EQ(distributor_.requests[0].tenant, "t1");
  EXPECT_EQ(distributor_.requests[1].tenant, "a-b_c.d*e'f(g)!");
  const auto ingest = server_.Call("POST", "/ingest?name=a", "", "a;b 1\n");
  EXPECT_EQ(ingest.status, 401);
  EXPECT_EQ(ingest.body, "{\"code\":\"unauthenticated\",\"message\":\"no org id\"}\n");
}

TEST_F(WriteRoutes, IngestText) {
  const auto response = server_.Call(
      "POST", "/ingest?name=app.cpu%7Benv%3Da%7D&from=1700000000&until=1700000010&sampleRate=50&spyName=rbspy&units=samples",
      "", "a;b 1\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_FALSE(response.headers.Has("Content-Type"));
  EXPECT_EQ(response.headers.Get("X-Brazier-Accepted"), "1");
  ASSERT_EQ(distributor_.requests.size(), 1u);
  const RawProfile& profile = distributor_.requests[0].profiles[0];
  EXPECT_EQ(profile.params.name, "app.cpu{env=a}");
  EXPECT_EQ(profile.params.format, "groups");
  EXPECT_EQ(profile.params.from_ns, 1'700'000'000 * kNsPerSecond);
  EXPECT_EQ(profile.params.until_ns, 1'700'000'010 * kNsPerSecond);
  EXPECT_EQ(profile.params.sample_rate_hz, 50u);
  EXPECT_TRUE(profile.params.sample_rate_given);
  EXPECT_EQ(profile.params.spy_name, "rbspy");
  EXPECT_EQ(profile.data, "a;b 1\n");
  EXPECT_EQ(server_.Call("GET", "/ingest").status, 405);
}

TEST_F(WriteRoutes, IngestFormats) {
  const auto format_of = [&](const std::string& query, const std::string& headers) {
    EXPECT_EQ(server_.Call("POST", "/pyroscope/ingest?name=a" + query, headers, "data").status, 200);
    return distributor_.requests.back().profiles.at(0).params.format;
  };
  EXPECT_EQ(format_of("", ""), "groups");
  EXPECT_EQ(format_of("&format=collapsed", ""), "groups");
  EXPECT_EQ(format_of("&format=lines", ""), "lines");
  EXPECT_EQ(format_of("&format=pprof", "Content-Type: application/octet-stream\r\n"), "pprof");
  EXPECT_EQ(format_of("&format=speedscope", ""), "speedscope");
  EXPECT_EQ(format_of("", "Content-Type: binary/octet-stream+trie\r\n"), "trie");
  EXPECT_EQ(format_of("", "Content-Type: binary/octet-stream+tree\r\n"), "tree");
  EXPECT_EQ(format_of("&format=jfr&sampleRate=x", ""), "jfr");
  EXPECT_EQ(distributor_.requests.back().profiles[0].params.sample_rate_hz, 100u);
  EXPECT_FALSE(distributor_.requests.back().profiles[0].params.sample_rate_given);
  EXPECT_EQ(distributor_.requests.back().profiles[0].params.spy_name, "unknown");
}

std::string Part(const std::string& name, const std::string& data, const std::string& extra = "") {
  return "--XyZ\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"f;x\"\r\n" + extra +
         "\r\n" + data + "\r\n";
}
constexpr const char* kForm = "Content-Type: multipart/form-data; charset=x; boundary=\"XyZ\"\r\n";

// As the Go SDK sends it.
TEST_F(WriteRoutes, IngestMultipart) {
  const std::string profile("\x1f\x8b\r\n--Xy\0binary", 15);
  const std::string body = Part("profile", profile, "Content-Type: application/octet-stream\r\n") +
                           Part("whatever", "ignored") + Part("sample_type_config", R"({"cpu":{}})") +
                           "--XyZ--\r\n";
  const auto response = server_.Call(
      "POST", "/ingest?name=go.app%7B%7D&from=1700000000000000001&until=&spyName=gospy&sampleRate=100", kForm, body);
  EXPECT_EQ(response.status, 200);
  ASSERT_EQ(distributor_.requests.size(), 1u);
  const RawProfile& pushed = distributor_.requests[0].profiles.at(0);
  EXPECT_EQ(pushed.data, profile);
  EXPECT_EQ(pushed.params.format, "pprof");
  EXPECT_EQ(pushed.params.sample_type_config, R"({"cpu":{}})");
  EXPECT_EQ(pushed.params.content_type, "application/octet-stream");
  EXPECT_EQ(pushed.params.from_ns, 1'700'000'000'000'000'001);
  EXPECT_EQ(pushed.params.until_ns, 0);
}

TEST_F(WriteRoutes, IngestMultipartOddities) {
  const auto nothing = server_.Call("POST", "/ingest?name=a", kForm, Part("other", "x") + "--XyZ--");
  EXPECT_EQ(nothing.status, 200);
  EXPECT_EQ(nothing.headers.Get("X-Brazier-Accepted"), "0");
  const auto previous = server_.Call("POST", "/ingest?name=a", kForm,
                                     Part("profile", "x") + Part("prev_profile", "y") + "--XyZ--");
  EXPECT_EQ(previous.status, 422);
  EXPECT_EQ(previous.body,
            "{\"code\":\"unknown\",\"message\":\"parsing IngestInput-pprof failed unsupported client version. "
            "Please update github.com/grafana/pyroscope-go to the latest version\"}\n");
  for (const std::string& body : {std::string("no parts"), Part("profile", "x"), std::string("--XyZ\r\nA: b"),
                                  std::string("--XyZgarbage\r\n\r\n")}) {
    EXPECT_EQ(server_.Call("POST", "/ingest?name=a", kForm, body).status, 422) << body;
  }
  EXPECT_EQ(server_.Call("POST", "/ingest?name=a", "Content-Type: multipart/form-data\r\n", "x").status, 422);
  EXPECT_TRUE(distributor_.requests.empty());
  EXPECT_EQ(server_.Call("POST", "/ingest?name=a", kForm, Part("profile", "") + "--XyZ--").status, 200);
  EXPECT_EQ(distributor_.requests.at(0).profiles.at(0).data, "");
}

TEST_F(WriteRoutes, IngestRefusals) {
  const auto answer_to = [&](Status status) {
    distributor_.answer = [status](const contract::PushRequest&) {
      contract::PushReceipt receipt;
      receipt.rejections.push_back({0, status});
      return receipt;
    };
    return server_.Call("POST", "/ingest?name=a&format=pprof", "", "data");
  };
  const auto parse = answer_to(InvalidArgument("gzip reset: unexpected EOF").WithReason("malformed_profile"));
  EXPECT_EQ(parse.status, 422);
  EXPECT_EQ(parse.body,
            "{\"code\":\"unknown\",\"message\":\"parsing IngestInput-pprof failed invalid_argument: gzip reset: "
            "unexpected EOF\"}\n");
  const auto name = answer_to(InvalidArgument("name: service name is required").WithReason("invalid_name"));
  EXPECT_EQ(name.status, 400);
  EXPECT_EQ(name.body, "{\"code\":\"invalid_argument\",\"message\":\"name: service name is required\"}\n");
  EXPECT_EQ(answer_to(InvalidArgument("unknown profile type: xyz").WithReason("invalid_name")).body,
            "{\"code\":\"invalid_argument\",\"message\":\"pyroscopeIngesterAdapter failed to convert metadata: "
            "unknown profile type: xyz\"}\n");
  EXPECT_EQ(answer_to(ResourceExhausted("big").WithReason("profile_size_limit")).status, 413);
  EXPECT_EQ(answer_to(ResourceExhausted("slow down").WithReason("rate_limited")).status, 429);
  EXPECT_EQ(answer_to(Unavailable("no writer")).status, 503);
  distributor_.answer = [](const contract::PushRequest&) { return Unavailable("no writer"); };
  EXPECT_EQ(server_.Call("POST", "/ingest?name=a", "", "data").status, 503);
}

// A small body that inflates to a large one counts with its inflated size for as long as it is held.
TEST(InflatedBodies, CountAsBytesInFlight) {
  FakeDistributor distributor;
  distributor.hold = true;
  HttpServerOptions server_options;
  server_options.inflight_body_bytes_max = 10 << 20;
  TestServer server([&](Router* router) { AddPushRoutes(WriteOptions(), distributor, router); },
                    server_options);
  push::v1::PushRequest request;
  request.add_series()->add_samples()->set_raw_profile(std::string(6 << 20, 'x'));
  const std::string text = FormatRequest("POST", kPush, std::string(kProto) + "Content-Encoding: gzip\r\n",
                                         GzipCompress(request.SerializeAsString()));
  ASSERT_LT(text.size(), 100'000u);
  TestClient first(server.port());
  first.Send(text);
  FakeDistributor::Done done = distributor.TakeHeld();
  ASSERT_NE(done, nullptr);
  TestClient second(server.port());
  second.Send(text);
  EXPECT_EQ(second.Receive().status, 503);
  done(FakeDistributor::AcceptAll(distributor.requests[0]));
  done = nullptr;
  EXPECT_EQ(first.Receive().status, 200);
  distributor.hold = false;
  TestClient third(server.port());
  third.Send(text);
  EXPECT_EQ(third.Receive().status, 200);
}

TEST(DecodePush, HostileBytesNeverHurt) {
  const std::string good = TwoSeries().SerializeAsString();
  const PushLimits limits;
  for (size_t size = 0; size < good.size(); ++size) {
    (void)DecodePush(ConnectCodec::kProto, std::string_view(good).substr(0, size), limits);
  }
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<char>(random());
    const auto result = DecodePush(ConnectCodec::kProto, bad, limits);
    EXPECT_TRUE(!result.ok() || result->size() <= 1'000u);
  }
}

TEST(DecodePush, LimitsHold) {
  push::v1::PushRequest request;
  for (int i = 0; i < 5; ++i) {
    auto* series = request.add_series();
    series->add_labels()->set_name("n" + std::string(100, 'x'));
    for (int k = 0; k < 4; ++k) series->add_samples();
  }
  const std::string bytes = request.SerializeAsString();
  PushLimits limits;
  limits.profiles_max = 20;
  EXPECT_EQ(DecodePush(ConnectCodec::kProto, bytes, limits)->size(), 20u);
  limits.profiles_max = 19;
  EXPECT_EQ(DecodePush(ConnectCodec::kProto, bytes, limits).status().code(), Code::kInvalidArgument);
  limits = PushLimits();
  limits.label_bytes_max = 2019;
  EXPECT_FALSE(DecodePush(ConnectCodec::kProto, bytes, limits).ok());
  limits.label_bytes_max = 2020;
  EXPECT_TRUE(DecodePush(ConnectCodec::kProto, bytes, limits).ok());
  limits.labels_per_series_max = 0;
  EXPECT_FALSE(DecodePush(ConnectCodec::kProto, bytes, limits).ok());
}

}  // namespace
}  // namespace brazier::http
