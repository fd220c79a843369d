// What clients of the Thrift QueryService see: truncated columns, levels, time series, labels, pprof.
#include <gtest/gtest.h>

#include "common/codec/pprof.h"
#include "common/rpc/convert_query.h"
#include "common/rpc/thrift_channel.h"
#include "idl/QueryService.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace brazier::rpc {
namespace {

class QueryRendering : public RpcFixture {
 protected:
  Status Query(idl::QueryRequest request, idl::QueryResponse& response) {
    ClientOptions once = Client();
    once.attempts_max = 1;
    ThriftChannel channel(once, "QueryService", SystemClock(), SystemRandom(), metrics);
    return channel.Call(Within(5000), "query",
                        [&](const Protocol& protocol, const idl::RequestHeader& header) {
                          request.header = header;
                          idl::QueryServiceClient(protocol).query(response, request);
                        });
  }

  static idl::QueryRequest Asking(std::vector<idl::ReportRequest> reports) {
    idl::QueryRequest request;
    request.profile_type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
    request.end_ns = 1'700'000'000'000'000'000;
    request.reports = std::move(reports);
    return request;
  }

  static idl::ReportRequest Kind(idl::ReportKind kind) {
    idl::ReportRequest report;
    report.kind = kind;
    return report;
  }
};

// main(1) -> hot(100), and `cold` functions of value 1 each.
FlameTree Tree(int cold) {
  FlameTreeBuilder builder;
  const uint32_t main = builder.Child(FlameTreeBuilder::kRoot, builder.NameId("main"));
  builder.AddSelf(main, 1);
  builder.AddSelf(builder.Child(main, builder.NameId("hot")), 100);
  for (int i = 0; i < cold; ++i) {
    builder.AddSelf(builder.Child(main, builder.NameId("cold" + std::to_string(i))), 1);
  }
  return builder.Finish();
}

TEST_F(QueryRendering, ColumnsAreTruncatedAndComplete) {
  StartServer();
  Report report{.kind = ReportKind::kFlameGraph};
  report.flame_tree = Tree(50);
  frontend.answer = contract::QueryResponse{.reports = {report}};
  idl::ReportRequest asked = Kind(idl::ReportKind::FLAME_GRAPH);
  asked.max_nodes = 2;
  idl::QueryResponse response;
  const Status status = Query(Asking({asked}), response);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(response.reports.size(), 1u);
  ASSERT_TRUE(response.reports[0].__isset.flame_tree);
  EXPECT_FALSE(response.reports[0].__isset.flame_levels);
  const idl::FlameTree& tree = response.reports[0].flame_tree;
  ASSERT_EQ(tree.parent.size(), tree.self_value.size());
  ASSERT_EQ(tree.name.size(), tree.self_value.size());
  EXPECT_LT(tree.parent.size(), 10u);
  int64_t sum = 0;
  bool other = false;
  for (size_t i = 0; i < tree.parent.size(); ++i) {
    EXPECT_LE(tree.parent[i], static_cast<int32_t>(i));
    ASSERT_LT(static_cast<size_t>(tree.name[i]), tree.names.size());
    other |= tree.names[static_cast<size_t>(tree.name[i])] == "other";
    sum += tree.self_value[i];
  }
  EXPECT_EQ(sum, 151) << "truncation keeps the total";
  EXPECT_TRUE(other);
}

TEST_F(QueryRendering, Levels) {
  StartServer();
  Report report{.kind = ReportKind::kFlameGraph};
  report.flame_tree = Tree(1);
  frontend.answer = contract::QueryResponse{.reports = {report}};
  idl::ReportRequest asked = Kind(idl::ReportKind::FLAME_GRAPH);
  asked.form = idl::FlameGraphForm::LEVELS;
  idl::QueryResponse response;
  ASSERT_TRUE(Query(Asking({asked}), response).ok());
  ASSERT_TRUE(response.reports.at(0).__isset.flame_levels);
  const idl::FlameLevels& levels = response.reports[0].flame_levels;
  EXPECT_EQ(levels.total, 102);
  EXPECT_EQ(levels.max_self, 100);
  EXPECT_EQ(levels.levels.size(), 3u);
}

TEST_F(QueryRendering, TimeSeriesNamesSeriesAndStats) {
  StartServer();
  Report series{.kind = ReportKind::kTimeSeries};
  series.time_series[Labels({Label{"a", "b"}})] = {{15, {.sum = 2.5, .count = 3}}, {30, {.sum = 4, .count = 1}}};
  Report names{.kind = ReportKind::kLabelNames};
  names.strings = {"x", "y"};
  Report sets{.kind = ReportKind::kSeries};
  sets.series = {Labels({Label{"k", "v"}})};
  frontend.answer = contract::QueryResponse{.reports = {series, names, sets},
                                            .stats = {.blocks_read = 5, .samples_read = 7}};
  idl::QueryResponse response;
  ASSERT_TRUE(Query(Asking({Kind(idl::ReportKind::TIME_SERIES), Kind(idl::ReportKind::LABEL_NAMES),
                            Kind(idl::ReportKind::SERIES)}),
                    response)
                  .ok());
  ASSERT_EQ(response.reports.size(), 3u);
  const idl::TimeSeries& wire = response.reports[0].time_series.at(0);
  EXPECT_EQ(wire.labels, (std::map<std::string, std::string>{{"a", "b"}}));
  EXPECT_EQ(wire.times_ns, (std::vector<int64_t>{15, 30}));
  EXPECT_EQ(wire.sums, (std::vector<double>{2.5, 4}));
  EXPECT_EQ(wire.counts, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(response.reports[1].strings, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(response.reports[2].series.at(0), (std::map<std::string, std::string>{{"k", "v"}}));
  EXPECT_EQ(response.stats.blocks_read, 5);
  EXPECT_EQ(response.stats.samples_read, 7);
}

TEST_F(QueryRendering, PprofIsReadableAndKeepsTheTotal) {
  StartServer();
  Report report{.kind = ReportKind::kPprof};
  StackProfile& profile = report.stack_profile;
  const uint32_t name = profile.symbols.strings.Add("main");
  profile.symbols.functions.push_back({.name = name});
  profile.symbols.lines.push_back({.function = 0, .line = 1});
  profile.symbols.locations.push_back({.line_begin = 0, .line_count = 1});
  profile.symbols.stacks.push_back({.parent = 0, .location = 0});
  profile.stacks = {1};
  profile.values = {42};
  frontend.answer = contract::QueryResponse{.reports = {report}};
  idl::QueryResponse response;
  ASSERT_TRUE(Query(Asking({Kind(idl::ReportKind::PPROF)}), response).ok());
  ASSERT_TRUE(response.reports.at(0).__isset.pprof);
  auto decoded = codec::DecodePprof(AsBytes(response.reports[0].pprof), {});
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->values, std::vector<int64_t>{42});
}

TEST_F(QueryRendering, AnswerAboveTheLimitIsRefusedWithAReason) {
  query_options.answer_bytes_max = 1000;
  StartServer();
  Report report{.kind = ReportKind::kFlameGraph};
  report.flame_tree = Tree(500);
  frontend.answer = contract::QueryResponse{.reports = {report}};
  idl::QueryResponse response;
  const Status status = Query(Asking({Kind(idl::ReportKind::FLAME_GRAPH)}), response);
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.reason(), "answer_size_limit");
  EXPECT_NE(status.message().find("1000"), std::string::npos);
}

TEST_F(QueryRendering, UnknownKindIsRefused) {
  StartServer();
  idl::QueryResponse response;
  const Status status = Query(Asking({Kind(static_cast<idl::ReportKind>(99))}), response);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("99"), std::string::npos);
  EXPECT_TRUE(frontend.queries.empty());
}

}  // namespace
}  // namespace brazier::rpc
