#include "common/codec/query_msgpack.h"

#include <gtest/gtest.h>

#include "common/codec/msgpack_io.h"
#include "tests/common/codec/hostile_bytes.h"
#include "tests/common/codec/random_values.h"

namespace brazier::codec {
namespace {

using testing::RandomValues;

void ExpectNodesEqual(const PlanNode& a, const PlanNode& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.bytes, b.bytes);
  ASSERT_EQ(a.reads.size(), b.reads.size());
  for (size_t i = 0; i < a.reads.size(); ++i) {
    EXPECT_EQ(a.reads[i].block, b.reads[i].block);
    EXPECT_EQ(a.reads[i].object_key, b.reads[i].object_key);
    EXPECT_EQ(a.reads[i].symbols, b.reads[i].symbols);
    EXPECT_EQ(a.reads[i].datasets, b.reads[i].datasets);
    EXPECT_EQ(a.reads[i].deletions, b.reads[i].deletions);
  }
  ASSERT_EQ(a.children.size(), b.children.size());
  for (size_t i = 0; i < a.children.size(); ++i) ExpectNodesEqual(a.children[i], b.children[i]);
}

TEST(QueryPlanMsgpack, RoundTrip) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const QueryPlan plan = RandomValues(seed).Plan();
    Result<QueryPlan> decoded = DecodeQueryPlan(AsBytes(EncodeQueryPlan(plan)));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(plan.spec.query_id, decoded->spec.query_id);
    EXPECT_EQ(plan.spec.tenants, decoded->spec.tenants);
    EXPECT_EQ(plan.spec.start_ns, decoded->spec.start_ns);
    EXPECT_EQ(plan.spec.end_ns, decoded->spec.end_ns);
    EXPECT_EQ(plan.spec.selector, decoded->spec.selector);
    EXPECT_EQ(plan.spec.call_site, decoded->spec.call_site);
    EXPECT_EQ(plan.spec.filter, decoded->spec.filter);
    EXPECT_EQ(plan.spec.memory_bytes_max, decoded->spec.memory_bytes_max);
    ASSERT_EQ(plan.spec.reports.size(), decoded->spec.reports.size());
    for (size_t i = 0; i < plan.spec.reports.size(); ++i) {
      EXPECT_EQ(plan.spec.reports[i].kind, decoded->spec.reports[i].kind);
      EXPECT_EQ(plan.spec.reports[i].step_ns, decoded->spec.reports[i].step_ns);
      EXPECT_EQ(plan.spec.reports[i].group_by, decoded->spec.reports[i].group_by);
      EXPECT_EQ(plan.spec.reports[i].label_names, decoded->spec.reports[i].label_names);
      EXPECT_EQ(plan.spec.reports[i].label_name, decoded->spec.reports[i].label_name);
      EXPECT_EQ(plan.spec.reports[i].function, decoded->spec.reports[i].function);
      EXPECT_EQ(plan.spec.reports[i].is_function_regex, decoded->spec.reports[i].is_function_regex);
      EXPECT_EQ(plan.spec.reports[i].of_spans, decoded->spec.reports[i].of_spans);
      EXPECT_EQ(plan.spec.reports[i].exemplars, decoded->spec.reports[i].exemplars);
    }
    ExpectNodesEqual(plan.root, decoded->root);
  }
}

// "root", [1, bytes 0, [read]], where the read is as before deletions were known, and with one.
TEST(QueryPlanMsgpack, GoldenDeletions) {
  QueryPlan plan;
  BlockRead& read = plan.root.reads.emplace_back();
  read.object_key = "k";
  const std::string before = EncodeQueryPlan(plan);
  EXPECT_TRUE(before.ends_with(std::string("\xa4root\x93\x01\x00\x91\x95\x00\x00\xa1k\x90\x90", 16)));
  read.deletions = {{"t", "api", "{}", -1, 5}};
  const std::string with = EncodeQueryPlan(plan);
  EXPECT_TRUE(with.ends_with(
      std::string("\xa4root\x93\x01\x00\x91\x96\x00\x00\xa1k\x90\x90\x91\x95\xa1t\xa3" "api\xa2{}\xff\x05", 29)));
  EXPECT_TRUE(DecodeQueryPlan(AsBytes(before))->root.reads[0].deletions.empty());
  EXPECT_EQ(DecodeQueryPlan(AsBytes(with))->root.reads[0].deletions, read.deletions);
}

TEST(QueryPlanMsgpack, HostileBytes) {
  for (uint64_t seed = 10; seed < 15; ++seed) {
    SCOPED_TRACE(seed);
    testing::ExpectSurvivesHostileBytes(EncodeQueryPlan(RandomValues(seed).Plan()), seed,
                                        [](Bytes b) { return DecodeQueryPlan(b).status(); });
  }
}

QueryPlan PlanOfDepth(int depth) {
  QueryPlan plan;
  for (int i = 1; i < depth; ++i) {
    PlanNode merge;
    merge.kind = PlanNode::Kind::kMerge;
    merge.children.push_back(std::move(plan.root));
    plan.root = std::move(merge);
  }
  return plan;
}

TEST(QueryPlanMsgpack, AKeyThatComesTwiceSharesItsLimit) {
  const auto result = [](size_t lists) {
    MsgpackWriter out;
    out.Map(1 + lists);
    out.Key("v");
    out.Uint(1);
    for (size_t list = 0; list < lists; ++list) {
      out.Key("reports");
      out.Array(40);
      for (int i = 0; i < 40; ++i) {
        out.Array(2);
        out.Uint(static_cast<uint64_t>(ReportKind::kLabelNames));
        out.Array(0);
      }
    }
    return out.Take();
  };
  EXPECT_TRUE(DecodeQueryResult(AsBytes(result(1))).ok());
  const Status status = DecodeQueryResult(AsBytes(result(2))).status();
  EXPECT_NE(status.message().find("limit"), std::string::npos) << status.message();
  // The same of a plan's reports.
  QuerySpec spec;
  spec.reports.resize(40, {.kind = ReportKind::kLabelNames});
  std::string plan = EncodeQueryPlan({.spec = spec, .root = {}});
  EXPECT_TRUE(DecodeQueryPlan(AsBytes(plan)).ok());
  spec.reports.resize(65, {.kind = ReportKind::kLabelNames});
  plan = EncodeQueryPlan({.spec = spec, .root = {}});
  EXPECT_FALSE(DecodeQueryPlan(AsBytes(plan)).ok());
}

TEST(QueryPlanMsgpack, DepthIsLimited) {
  EXPECT_TRUE(DecodeQueryPlan(AsBytes(EncodeQueryPlan(PlanOfDepth(32)))).ok());
  const Status status = DecodeQueryPlan(AsBytes(EncodeQueryPlan(PlanOfDepth(33)))).status();
  EXPECT_NE(status.message().find("deeper than 32"), std::string::npos) << status.message();
}

TEST(QueryPlanMsgpack, ExplainTravelsAndIsAbsentOtherwise) {
  QueryPlan plan;
  const std::string without = EncodeQueryPlan(plan);
  EXPECT_FALSE(DecodeQueryPlan(AsBytes(without))->spec.explain);
  EXPECT_EQ(without.find("explain"), std::string::npos);
  plan.spec.explain = true;
  EXPECT_TRUE(DecodeQueryPlan(AsBytes(EncodeQueryPlan(plan)))->spec.explain);
}

// Who does not know filters must refuse a plan that has one: its version says so.
TEST(QueryPlanMsgpack, GoldenFilter) {
  QueryPlan plan;
  const std::string without = EncodeQueryPlan(plan);
  EXPECT_TRUE(without.starts_with("\x83\xa1v\x01")) << "as before there were filters";
  EXPECT_EQ(without.find("filter"), std::string::npos);
  plan.spec.filter = {.profile_ids = {{1, 2}}, .span_ids = {3}, .trace_ids = {}, .functions = {"f"}, .min_value = 5};
  const std::string with = EncodeQueryPlan(plan);
  EXPECT_TRUE(with.starts_with("\x83\xa1v\x02"));
  const std::string filter(
      "\xa6" "filter\x85\xabprofile_ids\xc4\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\xa8span_ids\xc4\x08\x03\0\0\0\0\0\0\0"
      "\xa9trace_ids\xc4\0\xa9" "functions\x91\xa1" "f\xa9min_value\x05", 93);
  EXPECT_NE(with.find(filter), std::string::npos);
  EXPECT_EQ(DecodeQueryPlan(AsBytes(with))->spec.filter, plan.spec.filter);
  std::string unknown = with;
  unknown.replace(unknown.find("min_value"), 9, "max_value");
  EXPECT_NE(DecodeQueryPlan(AsBytes(unknown)).status().message().find("max_value"), std::string::npos);
}

// [kind, columns] of the kinds that came later.
TEST(QueryResultMsgpack, GoldenFunctionsAndHeatmaps) {
  QueryResult result;
  result.reports.resize(2);
  result.reports[0].kind = ReportKind::kTopFunctions;
  result.reports[0].functions = {{"f", {1, 2}}};
  result.reports[1].kind = ReportKind::kHeatmap;
  HeatmapCell& cell = result.reports[1].heatmap[Labels()][{7, 8}];
  cell.count = 9;
  cell.exemplar = Exemplar{.value = 8, .profile_id = {1, 2}, .time_ns = 6, .span_id = 5, .trace_id = {3, 4}, .labels = {}};
  const std::string bytes = EncodeQueryResult(result);
  const std::string functions("\x92\x08\x84\xaestring_lengths\xc4\x08\0\0\0\0\x01\0\0\0\xacstring_bytes\xc4\x01" "f\xa5selfs\xc4\x08\x01\0\0\0\0\0\0\0"
                              "\xa6totals\xc4\x08\x02\0\0\0\0\0\0\0", 75);
  EXPECT_NE(bytes.find(functions), std::string::npos);
  const std::string heatmap("\x92\x0a\x91\x95\x90\xc4\x08\x07\0\0\0\0\0\0\0\xc4\x08\x08\0\0\0\0\0\0\0\xc4\x08\x09\0\0\0\0\0\0\0"
                            "\x91\x98\x08\x01\x02\x06\x05\x03\x04\x90", 45);
  EXPECT_NE(bytes.find(heatmap), std::string::npos);
  EXPECT_EQ(EncodeQueryResult(*DecodeQueryResult(AsBytes(bytes))), bytes);
}

// "executed", [backend, kind, duration, bytes, blocks, samples, retries, hedges, children].
TEST(QueryResultMsgpack, GoldenExecuted) {
  QueryResult result;
  const std::string without = EncodeQueryResult(result);
  EXPECT_FALSE(DecodeQueryResult(AsBytes(without))->executed.has_value());
  result.executed = ExecutedNode{.backend = "b", .kind = PlanNode::Kind::kMerge, .duration_ns = 5, .bytes_read = 6, .blocks_read = 7,
                                 .samples_read = 8, .retries = 1, .hedges = 2, .children = {ExecutedNode{}}};
  const std::string with = EncodeQueryResult(result);
  EXPECT_TRUE(with.ends_with(std::string("\xa8" "executed\x99\xa1" "b\x02\x05\x06\x07\x08\x01\x02\x91"
                                         "\x99\xa0\x01\x00\x00\x00\x00\x00\x00\x90", 30)));
  EXPECT_EQ(EncodeQueryResult(*DecodeQueryResult(AsBytes(with))), with);
}

TEST(QueryResultMsgpack, ExecutedTreesAreBounded) {
  QueryResult result;
  ExecutedNode& root = result.executed.emplace();
  root.children.resize(ExecutedNode::kNodesMax + 5);
  EXPECT_EQ(DecodeQueryResult(AsBytes(EncodeQueryResult(result)))->executed->children.size(), ExecutedNode::kNodesMax);
  ExecutedNode deep;
  for (int i = 0; i < 50; ++i) {
    ExecutedNode parent;
    parent.children.push_back(std::move(deep));
    deep = std::move(parent);
  }
  result.executed = std::move(deep);
  int depth = 0;
  const auto cut = DecodeQueryResult(AsBytes(EncodeQueryResult(result)));
  ASSERT_TRUE(cut.ok()) << cut.status().ToString();
  for (const ExecutedNode* node = &*cut->executed; !node->children.empty(); node = &node->children[0]) ++depth;
  EXPECT_EQ(depth, 31);
}

TEST(QueryResultMsgpack, RoundTripIsByteEqual) {
  // The encoding is canonical, so equal bytes after a second encoding mean equal values; spot
  // checks make sure that the values are there at all.
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const QueryResult result = RandomValues(seed).Answer();
    const std::string bytes = EncodeQueryResult(result);
    Result<QueryResult> decoded = DecodeQueryResult(AsBytes(bytes));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(bytes, EncodeQueryResult(*decoded));
    ASSERT_EQ(result.reports.size(), decoded->reports.size());
    EXPECT_EQ(result.stats.bytes_read, decoded->stats.bytes_read);
    EXPECT_EQ(result.stats.newest_data_ns, decoded->stats.newest_data_ns);
    EXPECT_EQ(result.stats.rollup_rows_read, decoded->stats.rollup_rows_read);
    EXPECT_EQ(result.stats.failed_blocks, decoded->stats.failed_blocks);
    for (size_t i = 0; i < result.reports.size(); ++i) {
      const Report& a = result.reports[i];
      const Report& b = decoded->reports[i];
      EXPECT_EQ(a.kind, b.kind);
      EXPECT_EQ(a.strings, b.strings);
      EXPECT_EQ(a.series, b.series);
      EXPECT_EQ(a.stack_profile.values, b.stack_profile.values);
      ASSERT_EQ(a.flame_tree.nodes.size(), b.flame_tree.nodes.size());
      for (size_t k = 0; k < a.flame_tree.nodes.size(); ++k) {
        EXPECT_EQ(a.flame_tree.names.Get(a.flame_tree.nodes[k].name),
                  b.flame_tree.names.Get(b.flame_tree.nodes[k].name));
        EXPECT_EQ(a.flame_tree.nodes[k].self, b.flame_tree.nodes[k].self);
      }
      ASSERT_EQ(a.time_series.size(), b.time_series.size());
      for (const auto& [labels, points] : a.time_series) {
        for (const auto& [time, point] : points) {
          EXPECT_EQ(point.sum, b.time_series.at(labels).at(time).sum);
          EXPECT_EQ(point.count, b.time_series.at(labels).at(time).count);
        }
      }
    }
  }
}

TEST(QueryResultMsgpack, HostileBytes) {
  for (uint64_t seed = 20; seed < 26; ++seed) {
    SCOPED_TRACE(seed);
    testing::ExpectSurvivesHostileBytes(EncodeQueryResult(RandomValues(seed).Answer()), seed,
                                        [](Bytes b) { return DecodeQueryResult(b).status(); });
  }
}

TEST(QueryResultMsgpack, RefusesInvalidTreesAndStacks) {
  QueryResult result;
  result.reports.emplace_back();
  result.reports[0].flame_tree.nodes.push_back({7, 0, 1});  // a parent that comes later
  EXPECT_FALSE(DecodeQueryResult(AsBytes(EncodeQueryResult(result))).ok());

  result.reports[0] = Report{.kind = ReportKind::kPprof};
  result.reports[0].stack_profile.stacks = {0, 0};
  result.reports[0].stack_profile.values = {1, 2};
  const Status status = DecodeQueryResult(AsBytes(EncodeQueryResult(result))).status();
  EXPECT_NE(status.message().find("ascending"), std::string::npos) << status.message();
}

TEST(MsgpackReader, NumbersOfEveryLength) {
  for (int shift = 0; shift < 63; ++shift) {
    for (int64_t v : {int64_t{1} << shift, -(int64_t{1} << shift), (int64_t{1} << shift) - 1}) {
      MsgpackWriter out;
      out.Int(v);
      out.Uint(static_cast<uint64_t>(v));
      const std::string bytes = out.Take();
      MsgpackReader in(AsBytes(bytes), "test");
      EXPECT_EQ(in.Int(), v);
      EXPECT_EQ(in.Uint(), static_cast<uint64_t>(v));
      EXPECT_TRUE(in.Finish().ok()) << in.status().ToString();
    }
  }
  MsgpackWriter negative;
  negative.Int(-1);
  const std::string bytes = negative.Take();
  MsgpackReader in(AsBytes(bytes), "test");
  EXPECT_EQ(in.Uint(), 0u);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace brazier::codec
