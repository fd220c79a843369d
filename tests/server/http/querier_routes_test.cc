#include "server/http/querier_routes.h"

#include "common/codec/compression.h"
#include "common/model/profile_id.h"
#include "querier.pb.h"
#include "server/http/connect.h"
#include "tests/server/http/fake_services.h"
#include "tests/server/http/test_client.h"

namespace brazier::http {
namespace {

constexpr const char* kJson = "Content-Type: application/json\r\n";
constexpr const char* kProto = "Content-Type: application/proto\r\n";
constexpr const char* kCpu = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

class QuerierRoutes : public testing::Test {
 protected:
  explicit QuerierRoutes(ReadOptions options = {})
      : server_([&](Router* router) {
          AddQuerierRoutes(options, frontend_, SystemClock(), router);
        }) {}

  TestClient::Response Json(const std::string& method, const std::string& body, const std::string& headers = "") {
    return server_.Call("POST", "/querier.v1.QuerierService/" + method, kJson + headers, body);
  }
  TestClient::Response Proto(const std::string& method, const google::protobuf::Message& message) {
    return server_.Call("POST", "/querier.v1.QuerierService/" + method, kProto, message.SerializeAsString());
  }
  const contract::QueryRequest& last() { return frontend_.requests.back(); }

  FakeQueryFrontend frontend_;
  TestServer server_;
};

class TenantQuerierRoutes : public QuerierRoutes {
 protected:
  TenantQuerierRoutes() : QuerierRoutes(ReadOptions{.multitenancy = true}) {}
};

Labels MakeLabels(std::vector<Label> labels) { return Labels(std::move(labels)); }

FlameTree SampleTree(int64_t scale = 10'000'000) {
  FlameTreeBuilder builder;
  const uint32_t main = builder.Child(0, builder.NameId("main"));
  const uint32_t foo = builder.Child(main, builder.NameId("foo"));
  builder.AddSelf(foo, 26 * scale);
  builder.AddSelf(builder.Child(foo, builder.NameId("bar")), 95 * scale);
  builder.AddSelf(builder.Child(main, builder.NameId("baz")), 13 * scale);
  return builder.Finish();
}

TEST_F(QuerierRoutes, ProfileTypes) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.strings = {"memory:inuse_space:bytes::", "memory:alloc_space:bytes:space:bytes"};
    return report;
  };
  const auto response = Json("ProfileTypes", R"({"start":"1000","end":2000})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            R"({"profileTypes":[{"ID":"memory:alloc_space:bytes:space:bytes","name":"memory","sampleType":"alloc_space","sampleUnit":"bytes","periodType":"space","periodUnit":"bytes"},{"ID":"memory:inuse_space:bytes::","name":"memory","sampleType":"inuse_space","sampleUnit":"bytes"}]})");
  EXPECT_EQ(last().start_ns, 1000 * kNsPerMs);
  EXPECT_EQ(last().end_ns, 2000 * kNsPerMs);
  EXPECT_EQ(last().reports.at(0).kind, ReportKind::kProfileTypes);
  EXPECT_TRUE(response.headers.Get("X-Query-Stats").starts_with("blocks=3,bytes=4096,ms="));
  EXPECT_TRUE(response.headers.Get("X-Query-Stats").ends_with(",rows=0,rollup_rows=24,blocks_failed=0"));
  EXPECT_EQ(response.headers.Get("X-Query-Failed-Blocks"), "");
  Json("ProfileTypes", "");
  EXPECT_EQ(last().end_ns - last().start_ns, 3600 * kNsPerSecond);
}

TEST_F(QuerierRoutes, AnswersNameTheBlocksThatTheyGoWithout) {
  frontend_.failed_blocks = {"blocks/1/t/A.brz", "segments/2/B.brz"};
  const auto response = Json("ProfileTypes", R"({"start":"1000","end":2000})");
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.headers.Get("X-Query-Stats").ends_with(",blocks_failed=2"));
  EXPECT_EQ(response.headers.Get("X-Query-Failed-Blocks"), "blocks/1/t/A.brz,segments/2/B.brz");
  frontend_.failed_blocks.clear();
  for (int i = 10; i < 100; ++i) frontend_.failed_blocks.push_back(std::to_string(i));
  EXPECT_EQ(Json("ProfileTypes", "{}").headers.Get("X-Query-Failed-Blocks").size(), 20u * 3 - 1) << "twenty, in a header";
}

TEST_F(QuerierRoutes, LabelNamesHideWhatOldClientsCannotTake) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.strings = {"__name__", "k8s.pod.name", "pod", "9x"};
    return report;
  };
  const std::string body = R"({"start":1,"end":2,"matchers":["{a=\"b\"}","{c=\"d\"}"]})";
  EXPECT_EQ(Json("LabelNames", body).body, R"({"names":["__name__","pod"]})");
  EXPECT_EQ(last().selectors, (std::vector<std::string>{R"({a="b"})", R"({c="d"})"}));
  EXPECT_EQ(Json("LabelNames", body, "Accept: application/json; allow-utf8-labelnames=true\r\n").body,
            R"({"names":["9x","__name__","k8s.pod.name","pod"]})");
  EXPECT_EQ(Json("LabelNames", body, "Accept: */*;q=0.5;allow-utf8-labelnames=false\r\n").body,
            R"({"names":["__name__","pod"]})");
  const auto bad = Json("LabelNames", body, "Accept: application/json; broken\r\n");
  EXPECT_EQ(bad.status, 400);
  EXPECT_TRUE(bad.body.starts_with("Invalid header format: ")) << bad.body;
  EXPECT_TRUE(bad.headers.Get("Content-Type").starts_with("text/plain"));
}

TEST_F(QuerierRoutes, LabelValues) {
  EXPECT_EQ(Json("LabelValues", R"({"start":1,"end":2})").body,
            R"({"code":"invalid_argument","message":"name is required"})");
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.strings = {"p1", "p0"};
    return report;
  };
  EXPECT_EQ(Json("LabelValues", R"({"name":"pod","start":1,"end":2})").body, R"({"names":["p0","p1"]})");
  EXPECT_EQ(last().reports.at(0).label_name, "pod");
  frontend_.answer = nullptr;
  EXPECT_EQ(Json("LabelValues", R"({"name":"pod","start":1,"end":2})").body, "{}");
}

TEST_F(QuerierRoutes, Series) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.series = {MakeLabels({{"service_name", "svc-b"}, {"k8s.pod", "x"}}), MakeLabels({{"k8s.pod", "y"}}),
                     MakeLabels({{"service_name", "svc-a"}}), Labels()};
    return report;
  };
  EXPECT_EQ(Json("Series", R"({"start":1,"end":2,"label_names":["service_name"]})").body,
            R"({"labelsSet":[{"labels":[{"name":"service_name","value":"svc-a"}]},{"labels":[{"name":"service_name","value":"svc-b"}]}]})");
  EXPECT_EQ(last().reports.at(0).label_names, (std::vector<std::string>{"service_name"}));
}

TEST_F(QuerierRoutes, SelectMergeStacktracesJson) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.flame_tree = SampleTree();
    return report;
  };
  // Snake case, numbers as strings, an unknown field and an unknown enum name.
  const auto response = Json(
      "SelectMergeStacktraces",
      R"({"start":"1","end":2,"profile_typeID":")" + std::string(kCpu) +
          R"(","label_selector":"{a=\"b\"}","nope":[1],"format":"X","stackTraceSelector":{"callSite":[{"name":"main"},{"name":"foo"}]}})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body,
            R"({"flamegraph":{"names":["total","main","foo","bar","baz"],"levels":[{"values":["0","1340000000","0","0"]},{"values":["0","1340000000","0","1"]},{"values":["0","130000000","130000000","4","0","1210000000","260000000","2"]},{"values":["390000000","950000000","950000000","3"]}],"total":"1340000000","maxSelf":"950000000"}})");
  EXPECT_EQ(last().profile_type, kCpu);
  EXPECT_EQ(last().selectors, (std::vector<std::string>{R"({a="b"})"}));
  EXPECT_EQ(last().call_site, (std::vector<std::string>{"main", "foo"}));
  EXPECT_EQ(last().reports.at(0).kind, ReportKind::kFlameGraph);
  frontend_.answer = nullptr;
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"start":1,"end":2})").body,
            R"({"flamegraph":{"names":["total"],"levels":[{"values":["0","0","0","0"]}]}})");
}

TEST_F(QuerierRoutes, JsonAndProtoSayTheSame) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    FlameTreeBuilder builder;
    builder.AddSelf(builder.Child(0, builder.NameId("r")), 0);
    report.flame_tree = SampleTree();
    report.time_series[MakeLabels({{"pod", "p"}, {"empty", ""}})] = {{15 * kNsPerSecond, {2.5, 2}},
                                                               {30 * kNsPerSecond, {9e7, 3}}};
    return report;
  };
  querier::v1::SelectMergeStacktracesRequest request;
  request.set_start(1);
  request.set_end(2);
  querier::v1::SelectMergeStacktracesResponse from_proto, from_json;
  const auto check = [&](auto* a, auto* b, const std::string& method, const auto& message) {
    ASSERT_TRUE(a->ParseFromString(Proto(method, message).body));
    ASSERT_TRUE(ParseMessage(ConnectCodec::kJson, Json(method, EncodeMessage(ConnectCodec::kJson, message)).body, b).ok());
    EXPECT_EQ(a->DebugString(), b->DebugString());
  };
  check(&from_proto, &from_json, "SelectMergeStacktraces", request);
  EXPECT_EQ(from_proto.flamegraph().levels(3).values(0), 390000000);
  EXPECT_EQ(from_proto.flamegraph().max_self(), 950000000);
  request.set_format(querier::v1::PROFILE_FORMAT_TREE);
  check(&from_proto, &from_json, "SelectMergeStacktraces", request);
  EXPECT_GT(from_proto.tree().size(), 30u);
  querier::v1::DiffRequest diff;
  *diff.mutable_left() = request;
  *diff.mutable_right() = request;
  querier::v1::DiffResponse diff_proto, diff_json;
  check(&diff_proto, &diff_json, "Diff", diff);
  EXPECT_EQ(diff_proto.flamegraph().leftticks(), 1340000000);
  querier::v1::SelectSeriesRequest series;
  series.set_step(15);
  querier::v1::SelectSeriesResponse series_proto, series_json;
  check(&series_proto, &series_json, "SelectSeries", series);
  EXPECT_EQ(series_proto.series(0).points(1).timestamp(), 30'000);
  EXPECT_EQ(series_proto.series(0).points(1).value(), 9e7);
}

TEST_F(QuerierRoutes, SelectMergeStacktracesTree) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.flame_tree = SampleTree();
    return report;
  };
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"start":1,"end":2,"format":"PROFILE_FORMAT_TREE"})").body,
            R"({"tree":"AAABBG1haW4AAgNmb2+Akv17AQNiYXKAs//EAwADYmF6gMn+PQA="})");
  EXPECT_EQ(Json("SelectMergeSpanProfile", R"({"start":1,"end":2,"format":2})").body,
            R"({"tree":"AAABBG1haW4AAgNmb2+Akv17AQNiYXKAs//EAwADYmF6gMn+PQA="})");
  frontend_.answer = nullptr;
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"start":1,"end":2,"format":2})").body, "{}");
}

TEST_F(QuerierRoutes, SelectMergeStacktracesDot) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    FlameTreeBuilder builder;
    builder.AddSelf(builder.Child(builder.Child(0, builder.NameId("main")), builder.NameId("\"f\xFF\"")), 1'500'000'000);
    report.flame_tree = builder.Finish();
    return report;
  };
  const std::string type = R"("profileTypeID":")" + std::string(kCpu) + "\"";
  const auto json = Json("SelectMergeStacktraces", "{" + type + R"(,"start":1,"end":2,"format":"PROFILE_FORMAT_DOT","labelSelector":"{}"})");
  EXPECT_EQ(json.status, 200);
  EXPECT_TRUE(json.body.starts_with(R"({"dot":"digraph \"cpu\" {\n)")) << json.body;
  EXPECT_EQ(last().reports.at(0).kind, ReportKind::kFlameGraph);
  querier::v1::SelectMergeStacktracesRequest request;
  request.set_profile_typeid(kCpu);
  request.set_format(querier::v1::PROFILE_FORMAT_DOT);
  querier::v1::SelectMergeStacktracesResponse from_proto, from_json;
  ASSERT_TRUE(from_proto.ParseFromString(Proto("SelectMergeStacktraces", request).body)) << "a string field must be UTF-8";
  ASSERT_TRUE(ParseMessage(ConnectCodec::kJson, json.body, &from_json).ok());
  EXPECT_EQ(from_proto.DebugString(), from_json.DebugString());
  EXPECT_NE(from_proto.dot().find("N1 [label=\"\\\"f\xEF\xBF\xBD\\\"\\n1.5s (100%)\""), std::string::npos) << from_proto.dot();
  EXPECT_NE(from_proto.dot().find("N2 -> N1 [label=\" 1.5s\""), std::string::npos) << from_proto.dot();
  frontend_.answer = nullptr;
  EXPECT_EQ(Json("SelectMergeStacktraces", "{" + type + R"(,"format":3})").body, R"({"dot":"digraph \"cpu\" {\n}\n"})");
}

TEST_F(QuerierRoutes, NodeLimits) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    FlameTreeBuilder builder;
    for (int i = 0; i < 10'000; ++i) {
      builder.AddSelf(builder.Child(0, builder.NameId("f" + std::to_string(i))), i + 1);
    }
    report.flame_tree = builder.Finish();
    return report;
  };
  const auto nodes = [&](const std::string& limit) {
    querier::v1::SelectMergeStacktracesResponse response;
    const auto http = Json("SelectMergeStacktraces", R"({"start":1,"end":2)" + limit + "}");
    EXPECT_TRUE(ParseMessage(ConnectCodec::kJson, http.body, &response).ok()) << http.body.substr(0, 200);
    return response.flamegraph().levels(1).values_size() / 4;
  };
  EXPECT_EQ(nodes(""), 8193);  // and "other"
  EXPECT_EQ(nodes(R"(,"maxNodes":0)"), 8193);
  EXPECT_EQ(nodes(R"(,"maxNodes":"10")"), 11);
  EXPECT_EQ(nodes(R"(,"max_nodes":1048576)"), 10'000);
  const auto functions = [&](const std::string& limit) {
    querier::v1::SelectMergeStacktracesResponse response;
    const auto http = Json("SelectMergeStacktraces",
                           R"({"format":"PROFILE_FORMAT_DOT","profileTypeID":")" + std::string(kCpu) + "\"" + limit + "}");
    EXPECT_TRUE(ParseMessage(ConnectCodec::kJson, http.body, &response).ok()) << http.body.substr(0, 200);
    int count = 0;
    for (size_t at = 0; (at = response.dot().find("\nN", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  // A chain: no function of it is too small.
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    FlameTreeBuilder builder;
    uint32_t node = FlameTreeBuilder::kRoot;
    for (int i = 0; i < 150; ++i) node = builder.Child(node, builder.NameId("f" + std::to_string(i)));
    builder.AddSelf(node, 1);
    report.flame_tree = builder.Finish();
    return report;
  };
  EXPECT_EQ(functions(""), 100 + 99) << "functions, and the edges between them";
  EXPECT_EQ(functions(R"(,"maxNodes":0)"), 100 + 99);
  EXPECT_EQ(functions(R"(,"maxNodes":"2")"), 2 + 1);
  EXPECT_EQ(functions(R"(,"maxNodes":1000)"), 150 + 149);
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"format":3,"maxNodes":-1})").status, 400);
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"format":3,"maxNodes":2000000})").status, 400);
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"maxNodes":2000000})").body,
            R"({"code":"invalid_argument","message":"max flamegraph nodes limit 2000000 is greater than allowed 1048576"})");
  EXPECT_EQ(Json("Diff", R"({"left":{"maxNodes":-1},"right":{"maxNodes":-3}})").body,
            R"json({"code":"invalid_argument","message":"max flamegraph nodes limit must be set (max allowed 1048576)"})json");
}

TEST_F(QuerierRoutes, WhatCannotBeHonouredIsRefusedByName) {
  const auto check = [&](const std::string& method, const std::string& body, const std::string& field) {
    const auto response = Json(method, body);
    EXPECT_EQ(response.status, 501) << body;
    EXPECT_NE(response.body.find(field), std::string::npos) << response.body;
  };
  check("SelectMergeStacktraces", R"({"async":{}})", "async");
  check("SelectSeries", R"({"step":1,"exemplarType":"EXEMPLAR_TYPE_SPAN"})", "span");
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"spanSelector":["a"],"traceIdSelector":["b"]})").status, 400);
  EXPECT_TRUE(frontend_.requests.empty());
}

TEST_F(QuerierRoutes, SelectorsOfSpansTracesAndProfiles) {
  const char* kSpan = "0001020304050607";
  const char* kTrace = "000102030405060708090a0b0c0d0e0f";
  const std::string id = "01234567-89ab-cdef-fedc-ba9876543210";
  EXPECT_EQ(Json("SelectMergeStacktraces", R"({"spanSelector":["0001020304050607"]})").status, 200);
  EXPECT_EQ(last().filter.span_ids, (std::vector<uint64_t>{ParseSpanId(kSpan).value()}));
  EXPECT_EQ(Json("SelectMergeSpanProfile", R"({"spanSelector":["0001020304050607","aaaaaaaaaaaaaaaa"]})").status, 200);
  EXPECT_EQ(last().filter.span_ids.size(), 2u);
  EXPECT_EQ(Json("SelectMergeProfile", R"({"traceIdSelector":["000102030405060708090a0b0c0d0e0f"],"profileIdSelector":[")" + id + R"("]})").status, 200);
  EXPECT_EQ(last().filter.trace_ids, (std::vector<Hash128>{ParseTraceId(kTrace).value()}));
  EXPECT_EQ(last().filter.profile_ids, (std::vector<Hash128>{ParseProfileId(id).value()}));
  EXPECT_EQ(Json("Diff", R"({"left":{},"right":{"spanSelector":["0001020304050607"]}})").status, 200);
  EXPECT_EQ(last().filter.span_ids.size(), 1u);
  frontend_.requests.clear();
  const auto refused = [&](const std::string& body, const std::string& text) {
    const auto response = Json("SelectMergeStacktraces", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_NE(response.body.find(text), std::string::npos) << response.body;
  };
  refused(R"({"spanSelector":["zz"]})", "invalid span id length");
  refused(R"({"traceIdSelector":["aa"]})", "invalid trace id length");
  refused(R"({"profileIdSelector":["aa"]})", "invalid UUID length: 2");
  refused(R"({"profileIdSelector":["zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"]})", "invalid UUID format");
  EXPECT_TRUE(frontend_.requests.empty());
}

TEST_F(QuerierRoutes, SelectSeriesNamesExemplars) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.time_series[Labels()] = {{15 * kNsPerSecond, {10, 4}}, {30 * kNsPerSecond, {0, 1}}};
    report.exemplars[Labels()][15 * kNsPerSecond] = {
        .value = 7, .profile_id = {1, 2}, .time_ns = 14 * kNsPerSecond, .trace_id = {}, .labels = MakeLabels({{"pod", "p1"}})};
    return report;
  };
  const std::string body = R"({"start":1,"end":2,"step":15,"labelSelector":"{}","exemplarType":"EXEMPLAR_TYPE_INDIVIDUAL"})";
  EXPECT_EQ(Json("SelectSeries", body).body,
            R"({"series":[{"points":[{"value":10,"timestamp":"15000","exemplars":[{"timestamp":"14000","profileId":"00000000-0000-0001-0000-000000000002","value":"7","labels":[{"name":"pod","value":"p1"}]}]},{"timestamp":"30000"}]}]})");
  EXPECT_TRUE(last().reports.at(0).exemplars);
  querier::v1::SelectSeriesRequest request;
  request.set_step(15);
  const auto response = Proto("SelectSeries", request);
  EXPECT_FALSE(last().reports.at(0).exemplars);
  querier::v1::SelectSeriesResponse message;
  ASSERT_TRUE(message.ParseFromString(response.body));
  ASSERT_EQ(message.series(0).points(0).exemplars_size(), 1);
  EXPECT_EQ(message.series(0).points(0).exemplars(0).profile_id(), "00000000-0000-0001-0000-000000000002");
  EXPECT_EQ(message.series(0).points(0).exemplars(0).labels(0).value(), "p1");
  EXPECT_EQ(message.series(0).points(1).exemplars_size(), 0);
}

TEST_F(QuerierRoutes, SelectHeatmap) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    auto& cells = report.heatmap[MakeLabels({{"pod", "p1"}})];
    cells[{15 * kNsPerSecond, 0}].count = 2;
    cells[{15 * kNsPerSecond, 4}].count = 3;
    cells[{15 * kNsPerSecond, 4}].exemplar = Exemplar{.value = 4, .profile_id = {1, 2}, .time_ns = kNsPerSecond, .span_id = 5, .trace_id = {3, 4}, .labels = {}};
    cells[{15 * kNsPerSecond, 3}].count = 1;
    cells[{15 * kNsPerSecond, 3}].exemplar = Exemplar{.value = 3, .profile_id = {1, 2}, .time_ns = kNsPerSecond, .span_id = 6, .trace_id = {}, .labels = {}};
    cells[{30 * kNsPerSecond, 100}].count = 1;
    report.heatmap[Labels()][{15 * kNsPerSecond, -1}].count = 1;
    return report;
  };
  querier::v1::SelectHeatmapRequest request;
  request.set_step(15);
  request.set_query_type(querier::v1::HEATMAP_QUERY_TYPE_SPAN);
  request.set_exemplar_type(types::v1::EXEMPLAR_TYPE_SPAN);
  request.add_group_by("pod");
  request.set_limit(1);
  querier::v1::SelectHeatmapResponse message;
  ASSERT_TRUE(message.ParseFromString(Proto("SelectHeatmap", request).body));
  EXPECT_TRUE(last().reports.at(0).of_spans && last().reports.at(0).exemplars);
  EXPECT_EQ(last().reports.at(0).step_ns, 15 * kNsPerSecond);
  ASSERT_EQ(message.series_size(), 1) << "the limit keeps the series with most";
  EXPECT_EQ(message.series(0).labels(0).value(), "p1");
  ASSERT_EQ(message.series(0).slots_size(), 2);
  const auto& slot = message.series(0).slots(0);
  EXPECT_EQ(slot.timestamp(), 15'000);
  ASSERT_EQ(slot.y_min_size(), 20);
  EXPECT_EQ(slot.y_min(0), 0);
  EXPECT_EQ(slot.y_min(1), 5);
  EXPECT_EQ(slot.y_min(19), 95);
  ASSERT_EQ(slot.counts_size(), 20);
  EXPECT_EQ(slot.counts(0), 6) << "0, 3 and 4 are in [0, 5)";
  ASSERT_EQ(slot.exemplars_size(), 1) << "the largest of the cell";
  EXPECT_EQ(slot.exemplars(0).value(), 4);
  EXPECT_EQ(slot.exemplars(0).profile_id(), "");
  EXPECT_EQ(slot.exemplars(0).trace_id(), "00000000000000030000000000000004");
  EXPECT_EQ(message.series(0).slots(1).counts(19), 1) << "the largest value is in the last part";

  const auto json = Json("SelectHeatmap", R"({"step":15,"queryType":"HEATMAP_QUERY_TYPE_INDIVIDUAL","limit":"1"})");
  EXPECT_EQ(json.status, 200);
  EXPECT_TRUE(json.body.starts_with(R"({"series":[{"labels":[{"name":"pod","value":"p1"}],"slots":[{"timestamp":"15000","yMin":[0,5,10,)")) << json.body;
  EXPECT_FALSE(last().reports.at(0).of_spans);
  EXPECT_EQ(Json("SelectHeatmap", R"({"step":15})").status, 400);
  EXPECT_EQ(Json("SelectHeatmap", R"({"step":15,"queryType":"HEATMAP_QUERY_TYPE_SPAN","exemplarType":"EXEMPLAR_TYPE_INDIVIDUAL"})").status, 400);
  EXPECT_EQ(Json("SelectHeatmap", R"({"step":0,"queryType":"HEATMAP_QUERY_TYPE_SPAN"})").status, 400);
  // One value: the axis is one long.
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.heatmap[Labels()][{15 * kNsPerSecond, 7}].count = 1;
    return report;
  };
  ASSERT_TRUE(message.ParseFromString(Proto("SelectHeatmap", request).body));
  EXPECT_EQ(message.series(0).slots(0).y_min(0), 7);
  EXPECT_DOUBLE_EQ(message.series(0).slots(0).y_min(19), 7.95);
  EXPECT_EQ(message.series(0).slots(0).counts(0), 1);
  frontend_.answer = nullptr;
  EXPECT_EQ(Json("SelectHeatmap", R"({"step":15,"queryType":"HEATMAP_QUERY_TYPE_SPAN"})").body, "{}");
}

Report PprofReport() {
  Report report;
  SymbolTable& symbols = report.stack_profile.symbols;
  Function function;
  function.name = symbols.strings.Add("main");
  symbols.functions.push_back(function);
  symbols.lines.push_back({0, 3});
  Location location;
  location.line_count = 1;
  symbols.locations.push_back(location);
  symbols.stacks.push_back({0, 0});
  report.stack_profile.stacks = {1};
  report.stack_profile.values = {42};
  return report;
}

TEST_F(QuerierRoutes, Pprof) {
  querier::v1::SelectMergeProfileRequest request;
  request.set_profile_typeid(kCpu);
  request.set_end(1'795'208'854'259);
  EXPECT_EQ(Proto("SelectMergeProfile", request).body, "");
  EXPECT_EQ(Json("SelectMergeProfile", "{}").body, "{}");
  frontend_.answer = [](const contract::QueryRequest&) { return PprofReport(); };
  google::v1::Profile profile;
  ASSERT_TRUE(profile.ParseFromString(Proto("SelectMergeProfile", request).body));
  ASSERT_EQ(profile.sample_size(), 1);
  EXPECT_EQ(profile.sample(0).value(0), 42);
  EXPECT_EQ(profile.time_nanos(), 1'795'208'854'259'000'000);
  EXPECT_EQ(profile.string_table(static_cast<int>(profile.function(0).name())), "main");
  const auto json = Json("SelectMergeProfile", R"({"profileTypeID":")" + std::string(kCpu) + R"(","end":1795208854259})");
  EXPECT_NE(json.body.find(R"("timeNanos":"1795208854259000000")"), std::string::npos) << json.body;
  EXPECT_NE(json.body.find(R"("sample":[{"locationId":["1"],"value":["42"]}])"), std::string::npos) << json.body;

  querier::v1::SelectMergeStacktracesRequest whole;
  whole.set_profile_typeid(kCpu);
  whole.set_format(querier::v1::PROFILE_FORMAT_PPROF);
  querier::v1::SelectMergeStacktracesResponse response;
  ASSERT_TRUE(response.ParseFromString(Proto("SelectMergeStacktraces", whole).body));
  EXPECT_EQ(response.pprof().profile().sample(0).value(0), 42);
  EXPECT_TRUE(Json("SelectMergeStacktraces", R"({"format":4,"profileTypeID":")" + std::string(kCpu) + "\"}")
                  .body.starts_with(R"({"pprof":{"profile":{"sampleType":[)"));
}

// main and f, called from two lines of main; the leaves differ in their lines.
Report GoReport() {
  Report report = PprofReport();
  SymbolTable& symbols = report.stack_profile.symbols;
  Function function;
  function.name = symbols.strings.Add("f");
  symbols.functions.push_back(function);
  for (const int64_t line : {10, 20}) {
    Location location;
    location.address = static_cast<uint64_t>(line);
    location.line_begin = static_cast<uint32_t>(symbols.lines.size());
    location.line_count = 1;
    symbols.lines.push_back({1, line});
    symbols.locations.push_back(location);
    symbols.stacks.push_back({1, static_cast<uint32_t>(symbols.locations.size() - 1)});
  }
  report.stack_profile.stacks = {0, 1, 2, 3};
  report.stack_profile.values = {1, 2, 4, 8};
  return report;
}

TEST_F(QuerierRoutes, GoPgo) {
  frontend_.answer = [](const contract::QueryRequest&) { return GoReport(); };
  const auto values = [](const google::v1::Profile& profile) {
    std::vector<std::pair<int, int64_t>> samples;  // number of locations, value
    for (const auto& sample : profile.sample()) samples.emplace_back(sample.location_id_size(), sample.value(0));
    std::sort(samples.begin(), samples.end());
    return samples;
  };
  using Samples = std::vector<std::pair<int, int64_t>>;
  const auto ask = [&](uint32_t keep, bool aggregate) {
    querier::v1::SelectMergeProfileRequest request;
    request.set_profile_typeid(kCpu);
    auto* go_pgo = request.mutable_stack_trace_selector()->mutable_go_pgo();
    go_pgo->set_keep_locations(keep);
    go_pgo->set_aggregate_callees(aggregate);
    google::v1::Profile bare;
    EXPECT_TRUE(bare.ParseFromString(Proto("SelectMergeProfile", request).body));
    querier::v1::SelectMergeStacktracesRequest whole;
    whole.set_profile_typeid(kCpu);
    whole.set_format(querier::v1::PROFILE_FORMAT_PPROF);
    *whole.mutable_stack_trace_selector() = request.stack_trace_selector();
    querier::v1::SelectMergeStacktracesResponse response;
    EXPECT_TRUE(response.ParseFromString(Proto("SelectMergeStacktraces", whole).body));
    EXPECT_EQ(bare.DebugString(), response.pprof().profile().DebugString());
    return bare;
  };
  EXPECT_EQ(values(ask(0, false)), (Samples{{0, 1}, {1, 2}, {2, 4}, {2, 8}}));
  EXPECT_EQ(values(ask(1, false)), (Samples{{0, 1}, {1, 2}, {1, 4}, {1, 8}}));
  EXPECT_EQ(values(ask(5, true)), (Samples{{0, 1}, {1, 2}, {2, 12}}));
  const google::v1::Profile profile = ask(1, true);
  EXPECT_EQ(values(profile), (Samples{{0, 1}, {1, 2}, {1, 12}}));
  for (const auto& location : profile.location()) EXPECT_EQ(location.line(0).line(), 0);
  const std::string body = R"({"profileTypeID":")" + std::string(kCpu) +
                           R"(","format":4,"stackTraceSelector":{"callSite":[{"name":"main"}],"goPgo":{"keepLocations":1,"aggregateCallees":true}}})";
  EXPECT_NE(Json("SelectMergeStacktraces", body).body.find(R"("value":["12"])"), std::string::npos);
  EXPECT_EQ(last().call_site, std::vector<std::string>{"main"});

  const size_t asked = frontend_.requests.size();
  const std::string refusal = R"({"code":"invalid_argument","message":"goPgo needs the pprof format"})";
  for (const char* format : {"", R"("format":2,)", R"("format":3,)"}) {
    const auto response = Json("SelectMergeStacktraces", "{" + std::string(format) + R"("stackTraceSelector":{"goPgo":{}}})");
    EXPECT_EQ(response.status, 400) << format;
    EXPECT_EQ(response.body, refusal);
  }
  EXPECT_EQ(Json("Diff", R"({"left":{},"right":{"format":4,"stackTraceSelector":{"goPgo":{}}}})").body, refusal);
  EXPECT_EQ(Json("SelectSeries", R"({"step":1,"stackTraceSelector":{"goPgo":{}}})").body, refusal);
  EXPECT_EQ(frontend_.requests.size(), asked);
}

TEST_F(QuerierRoutes, SelectSeries) {
  frontend_.answer = [](const contract::QueryRequest&) {
    Report report;
    report.time_series[MakeLabels({{"pod", "p0"}})] = {{15 * kNsPerSecond, {10, 4}}};
    report.time_series[MakeLabels({{"pod", "p1"}})] = {{30 * kNsPerSecond, {9e7, 3}}, {15 * kNsPerSecond, {1, 1}}};
    report.time_series[Labels()] = {{15 * kNsPerSecond, {10, 1}}};
    return report;
  };
  EXPECT_EQ(Json("SelectSeries", R"({"start":1,"end":2,"step":15,"groupBy":["pod"],"labelSelector":"{}"})").body,
            R"({"series":[{"labels":[{"name":"pod","value":"p1"}],"points":[{"value":1,"timestamp":"15000"},{"value":90000000,"timestamp":"30000"}]},{"points":[{"value":10,"timestamp":"15000"}]},{"labels":[{"name":"pod","value":"p0"}],"points":[{"value":10,"timestamp":"15000"}]}]})");
  EXPECT_EQ(last().reports.at(0).step_ns, 15 * kNsPerSecond);
  EXPECT_EQ(last().reports.at(0).group_by, (std::vector<std::string>{"pod"}));
  EXPECT_EQ(Json("SelectSeries", R"({"step":0.5,"limit":"1","aggregation":"TIME_SERIES_AGGREGATION_TYPE_AVERAGE"})").body,
            R"({"series":[{"labels":[{"name":"pod","value":"p1"}],"points":[{"value":1,"timestamp":"15000"},{"value":30000000,"timestamp":"30000"}]}]})");
  EXPECT_EQ(last().reports.at(0).step_ns, kNsPerSecond / 2);
  for (const char* body : {"{}", R"({"step":0.0009})", R"({"step":"NaN"})", R"({"step":-1})"}) {
    EXPECT_EQ(Json("SelectSeries", body).body, R"({"code":"invalid_argument","message":"step must be \u003e= 1ms"})");
  }
  EXPECT_EQ(Json("SelectSeries", R"({"step":1e300})").status, 200);
  frontend_.answer = nullptr;
  EXPECT_EQ(Json("SelectSeries", R"({"step":1})").body, "{}");
}

TEST_F(QuerierRoutes, Diff) {
  frontend_.answer = [](const contract::QueryRequest& request) {
    Report report;
    if (request.selectors[0] == "left") report.flame_tree = SampleTree(1);
    return report;
  };
  EXPECT_EQ(Json("Diff", R"({"left":{"labelSelector":"left"},"right":{"labelSelector":"right"}})").body.substr(0, 131),
            R"({"flamegraph":{"names":["total","main","foo","bar","baz"],"levels":[{"values":["0","134","0","0","0","0","0"]},{"values":["0","134")");
  EXPECT_EQ(frontend_.requests.size(), 2u);
}

TEST_F(QuerierRoutes, FailuresKeepTheirCode) {
  frontend_.failure = InvalidArgument("missing time range in the query");
  const auto missing = Json("LabelNames", "{}");
  EXPECT_EQ(missing.status, 400);
  EXPECT_EQ(missing.body, R"({"code":"invalid_argument","message":"missing time range in the query"})");
  frontend_.failure = Unavailable("no backend");
  EXPECT_EQ(Json("Diff", "{}").status, 503);
  frontend_.failure = Corruption("bad block");
  EXPECT_EQ(Json("Series", "{}").body, R"({"code":"data_loss","message":"bad block"})");
}

class HurriedQuerierRoutes : public QuerierRoutes {
 protected:
  HurriedQuerierRoutes() : QuerierRoutes(ReadOptions{.timeout = std::chrono::milliseconds(700)}) {}
};

TEST_F(HurriedQuerierRoutes, NoQueryHasMoreTimeThanTheSetting) {
  for (const auto& [header, most_ms] : {std::pair{"", 700}, std::pair{"Connect-Timeout-Ms: 60000\r\n", 700},
                                        std::pair{"Connect-Timeout-Ms: 300\r\n", 300}}) {
    const int64_t before_ns = SystemClock().MonotonicNs();
    ASSERT_EQ(Json("ProfileTypes", "", header).status, 200);
    const int64_t took_ms = (SystemClock().MonotonicNs() - before_ns) / kNsPerMs;
    const int64_t given_ms = (frontend_.contexts.back().deadline_ns - before_ns) / kNsPerMs;
    EXPECT_GE(given_ms, most_ms) << header;
    EXPECT_LE(given_ms, most_ms + took_ms) << header;
  }
}

TEST_F(QuerierRoutes, HostileJson) {
  for (const char open : {'[', '{'}) {
    std::string deep = R"({"x":)";
    for (int i = 0; i < 100'000; ++i) deep += open == '[' ? "[" : R"({"a":)";
    EXPECT_EQ(Json("LabelNames", deep).status, 400);
  }
  EXPECT_EQ(Json("LabelNames", "{\"start\":\"\xff\"}").status, 400);
  EXPECT_EQ(Json("LabelNames", R"({"start":1e400})").status, 400);
  EXPECT_EQ(Json("LabelNames", R"({"start":9223372036854775807,"end":"-9223372036854775808"})").status, 200);
  EXPECT_EQ(last().start_ns, INT64_MAX);
  EXPECT_EQ(last().end_ns, INT64_MIN);
  EXPECT_EQ(Json("LabelNames", std::string((1 << 20) + 1, ' ')).status, 413);
}

TEST_F(QuerierRoutes, StatsAndAnalyze) {
  EXPECT_EQ(Json("GetProfileStats", "").body, "{}");
  EXPECT_EQ(frontend_.stats_tenant, "anonymous");
  frontend_.stats = {.data_ingested = true, .oldest_ns = 5 * kNsPerMs, .newest_ns = 7 * kNsPerMs};
  EXPECT_EQ(Json("GetProfileStats", "{}").body,
            R"({"dataIngested":true,"oldestProfileTime":"5","newestProfileTime":"7"})");
  EXPECT_EQ(Json("AnalyzeQuery", R"({"query":"{}"})").body, "{}");
  EXPECT_EQ(Json("NoSuchMethod", "{}").status, 404);
}

TEST_F(QuerierRoutes, AnswersAreCompressedWhenTheClientAcceptsIt) {
  const auto response = Json("AnalyzeQuery", "{}", "Accept-Encoding: deflate, gzip;q=1.0\r\n");
  EXPECT_EQ(response.headers.Get("Content-Encoding"), "gzip");
  EXPECT_EQ(response.headers.Get("Accept-Encoding"), "gzip");
  std::string body;
  ASSERT_TRUE(codec::Gunzip(AsBytes(response.body), 1000, &body).ok());
  EXPECT_EQ(body, "{}");
  EXPECT_FALSE(Json("AnalyzeQuery", "{}", "Accept-Encoding: gzip;q=0\r\n").headers.Has("Content-Encoding"));
}

TEST_F(TenantQuerierRoutes, SeveralTenants) {
  EXPECT_EQ(Json("LabelNames", "{}").status, 401);
  EXPECT_EQ(Json("LabelNames", "{}", "X-Scope-OrgID: b|a|b\r\n").status, 200);
  EXPECT_EQ(last().tenants, (std::vector<std::string>{"a", "b"}));
  const auto stats = Json("GetProfileStats", "{}", "X-Scope-OrgID: b|a\r\n");
  EXPECT_EQ(stats.status, 400);
  EXPECT_EQ(stats.body, R"({"code":"invalid_argument","message":"expected 1 tenant, got 2"})");
  EXPECT_EQ(Json("LabelNames", "{}", "X-Scope-OrgID: a||b\r\n").status, 401);
}

}  // namespace
}  // namespace brazier::http
