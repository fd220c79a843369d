// Fuzz targets of the text and pprof decoders and of the codecs of batches, plans and results. What a decoder accepts must come
// through the encoder and the decoder unchanged; encodings are canonical, so equal bytes are equal values.
#include <algorithm>

#include "benchmark/load/profile_generator.h"
#include "common/codec/folded.h"
#include "common/codec/ingest_formats.h"
#include "common/codec/ingest_name.h"
#include "common/codec/pprof.h"
#include "common/codec/profile_batch_msgpack.h"
#include "common/codec/query_msgpack.h"
#include "common/model/rollup_cover.h"
#include "common/model/selector.h"
#include "common/model/tenant.h"
#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

constexpr int64_t kTimeNs = 1'795'207'895'000'000'000;

// What every decoder promises of a profile that it returns.
void CheckProfile(const DecodedProfile& profile) {
  FUZZ_CHECK(profile.symbols.Validate().ok());
  FUZZ_CHECK(profile.values.size() == profile.stacks.size() * profile.sample_types.size());
  for (uint32_t stack : profile.stacks) FUZZ_CHECK(stack < profile.symbols.stacks.size());
  FUZZ_CHECK(profile.label_set.empty() || profile.label_set.size() == profile.stacks.size());
  for (uint32_t set : profile.label_set) FUZZ_CHECK(set < profile.label_sets.size());
  FUZZ_CHECK(profile.span_ids.empty() || profile.span_ids.size() == profile.stacks.size());
  FUZZ_CHECK(profile.trace_ids.empty() || profile.trace_ids.size() == profile.stacks.size());
}

void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void PutBytes(std::string& out, uint32_t field, const std::string& bytes) {
  PutVarint(out, field << 3 | 2);
  PutVarint(out, bytes.size());
  out += bytes;
}

void PutNumber(std::string& out, uint32_t field, uint64_t value) {
  PutVarint(out, field << 3);
  PutVarint(out, value);
}

// A pprof with sample labels, a span id, an unpacked column, and a location without lines: what the generator lacks.
std::string LabelledPprof() {
  std::string type, sample, label, span, location, line, function, out;
  PutNumber(type, 1, 1);
  PutNumber(type, 2, 2);
  PutBytes(out, 1, type);
  PutNumber(label, 1, 3);
  PutNumber(label, 2, 4);
  PutNumber(span, 1, 5);
  PutNumber(span, 2, 6);
  PutNumber(sample, 1, 1);
  PutNumber(sample, 1, 2);
  PutNumber(sample, 2, 77);
  PutBytes(sample, 3, label);
  PutBytes(sample, 3, span);
  PutBytes(out, 2, sample);
  PutNumber(line, 1, 1);
  PutNumber(line, 2, 12);
  PutNumber(location, 1, 1);
  PutBytes(location, 4, line);
  PutBytes(out, 4, location);
  location.clear();
  PutNumber(location, 1, 2);
  PutNumber(location, 3, 0xabcdef);
  PutBytes(out, 4, location);
  PutNumber(function, 1, 1);
  PutNumber(function, 2, 7);
  PutBytes(out, 5, function);
  for (const char* s : {"", "cpu", "nanoseconds", "endpoint", "/in", "span_id", "0011223344556677", "main"}) PutBytes(out, 6, s);
  PutNumber(out, 9, kTimeNs);
  PutBytes(out, 11, type);
  PutNumber(out, 12, 10'000'000);
  return out;
}

ProfileBatch SmallBatch() {
  const auto decoded = codec::DecodePprof(AsBytes(SmallPprofs()[0]), {});
  FUZZ_CHECK(decoded.ok());
  ProfileBatch batch;
  batch.tenant = "t";
  batch.service = "svc";
  batch.symbols = decoded->symbols;
  batch.series = {Labels({{"service_name", "svc"}, {"__profile_type__", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"}})};
  batch.profiles = {{{1, 2}, kTimeNs, 0, 1}, {{3, 4}, kTimeNs + 1, 0, 1}};
  for (uint32_t profile = 0; profile < 2; ++profile) {
    ProfileBatch::Row row{.series = 0, .profile = profile, .sample_begin = static_cast<uint32_t>(batch.stacks.size())};
    std::vector<uint32_t> stacks = decoded->stacks;
    std::sort(stacks.begin(), stacks.end());
    stacks.erase(std::unique(stacks.begin(), stacks.end()), stacks.end());
    for (uint32_t stack : stacks) {
      batch.stacks.push_back(stack);
      batch.values.push_back(stack + 1);
      row.total += stack + 1;
    }
    row.sample_end = static_cast<uint32_t>(batch.stacks.size());
    batch.rows.push_back(row);
  }
  FUZZ_CHECK(batch.Validate().ok());
  return batch;
}

}  // namespace

std::vector<std::string> SmallPprofs() {
  const benchmark::ProfileGenerator generator({.seed = 3, .services = 2, .samples_mean = 12});
  std::vector<std::string> profiles = {LabelledPprof()};
  for (benchmark::ProfileKind kind : benchmark::kProfileKinds) profiles.push_back(generator.Generate(1, kind, 1, kTimeNs));
  return profiles;
}

void RunPprof(Bytes input) {
  codec::PprofLimits limits;
  limits.samples_max = 5000;
  const auto profile = codec::DecodePprof(input, limits);
  if (profile.ok()) CheckProfile(*profile);
}
std::vector<std::string> PprofCorpus() { return SmallPprofs(); }

void RunIngestPprof(Bytes input) {
  RawProfile raw;
  raw.params.format = "pprof";
  raw.params.name = "app{k=v}";
  raw.data = std::string(AsString(input));
  codec::IngestLimits limits;
  limits.profile_bytes_max = 1 << 20;
  const auto profile = codec::DecodeIngest(raw, limits);
  if (profile.ok()) CheckProfile(profile->profile);
}
std::vector<std::string> IngestPprofCorpus() {
  std::vector<std::string> corpus = SmallPprofs();
  for (size_t i = 0, n = corpus.size(); i < n; ++i) corpus.push_back(benchmark::GzipProfile(corpus[i]));
  corpus.push_back(corpus.back() + corpus[corpus.size() - 2]);  // two gzip members
  corpus.push_back(benchmark::GzipProfile(std::string(2 << 20, 'a')));  // beyond the limit
  return corpus;
}

void RunFolded(Bytes input) {
  for (auto* decode : {&codec::DecodeFolded, &codec::DecodeLines}) {
    const auto profile = decode(AsString(input), {});
    if (profile.ok()) CheckProfile(*profile);
  }
}
std::vector<std::string> FoldedCorpus() {
  std::string deep;
  for (int i = 0; i < 1500; ++i) deep += "f" + std::to_string(i) + ";";
  return {"main;serve;query 7\nmain;serve 3\n\nmain 1\n", "a;b;c\na;b\n", "with space;x y 12\r\nz 1\n", deep + "leaf 1\n",
          "a 9223372036854775807\na 9223372036854775807\n", "a;;b 1\n;a 2\n;; 3\n", "n\xC3\xA4me;\xE2\x82\xAC 5\n"};
}

void RunIngestName(Bytes input) {
  const auto name = codec::ParseIngestName(AsString(input));
  if (!name.ok()) return;
  FUZZ_CHECK(!name->app.empty());
  const auto type = codec::TextProfileTypeOf(name->app, 100);
  FUZZ_CHECK(!type.ok() || !type->metric.empty());
  (void)codec::PprofMetricName({{"cpu", "nanoseconds"}}, std::string(AsString(input)));
}
std::vector<std::string> IngestNameCorpus() {
  return {"app.cpu{env=prod,region=eu}", "app", "a.b.alloc_space{ k = v , k2=v2 }", "app{k=v", "app{}", "x{__session_id__=1}",
          R"({"cpu":{"units":"nanoseconds","display-name":"cpu","aggregation":"sum","cumulative":false,"sampled":true}})"};
}

void RunSelector(Bytes input) {
  const auto selector = Selector::Parse(AsString(input));
  if (!selector.ok()) {
    FUZZ_CHECK(!selector.status().message().empty());
    return;
  }
  const Labels labels({{"__name__", "process_cpu"}, {"service_name", "api"}, {"region", "eu-1"}});
  const bool matches = selector->Matches(labels);
  const auto again = Selector::Parse(selector->ToString());
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->matchers().size() == selector->matchers().size());
  FUZZ_CHECK(again->Matches(labels) == matches);
}
std::vector<std::string> SelectorCorpus() {
  return {"{}", R"({service_name="api"})", R"({region=~"eu-.*",service_name!="b",})", R"(process_cpu{a!~'x|y'})", "{a=`raw\\n`}",
          R"({"k8s.pod.name"="p0", odd="q\"uo\\te\n\x41\u00e4"})", "memory:inuse_space:bytes::{}", R"({a=~"(?i)x{2,5}[^a-z]+"})",
          "metric_name", R"({nope=""} )"};
}

void RunProfileBatch(Bytes input) {
  const auto batch = codec::DecodeProfileBatch(input);
  if (!batch.ok()) return;
  FUZZ_CHECK(batch->Validate().ok());
  const std::string bytes = codec::EncodeProfileBatch(*batch);
  const auto again = codec::DecodeProfileBatch(AsBytes(bytes));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(codec::EncodeProfileBatch(*again) == bytes);
}
std::vector<std::string> ProfileBatchCorpus() { return {codec::EncodeProfileBatch(SmallBatch()), codec::EncodeProfileBatch({})}; }

// Whatever times a plan names, covers have no more ranges than they may.
void CheckCovers(const QuerySpec& spec, const PlanNode& node) {
  for (const BlockRead& read : node.reads) {
    for (const DatasetMeta& dataset : read.datasets) {
      const DatasetCover cover = CoverDataset(spec, dataset, read.deletions);
      for (const RollupCover& report : cover.reports) {
        FUZZ_CHECK(report.raw.size() <= 2 && report.hours.size() <= 2 && report.days.size() <= 1);
      }
      FUZZ_CHECK(!DescribeCover(cover).empty());
    }
  }
  for (const PlanNode& child : node.children) CheckCovers(spec, child);
}

void RunQueryPlan(Bytes input) {
  const auto plan = codec::DecodeQueryPlan(input);
  if (!plan.ok()) return;
  FUZZ_CHECK(plan->spec.tenants.size() <= kTenantsPerQueryMax);
  const std::string bytes = codec::EncodeQueryPlan(*plan);
  const auto again = codec::DecodeQueryPlan(AsBytes(bytes));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(codec::EncodeQueryPlan(*again) == bytes);
  CheckCovers(plan->spec, plan->root);
}
std::vector<std::string> QueryPlanCorpus() {
  QueryPlan plan;
  plan.spec.query_id = "q1";
  plan.spec.tenants = {"t", "u"};
  plan.spec.start_ns = 1;
  plan.spec.end_ns = kTimeNs;
  plan.spec.selector = "{a=\"b\"}";
  plan.spec.call_site = {"main"};
  plan.spec.reports = {{.kind = ReportKind::kFlameGraph},
                       {.kind = ReportKind::kTimeSeries, .step_ns = 1'000'000'000, .group_by = {"pod"}},
                       {.kind = ReportKind::kSeries, .label_names = {"a", "b"}},
                       {.kind = ReportKind::kLabelValues, .label_name = "pod"}};
  BlockRead read;
  read.object_key = "segments/0/x";
  read.symbols = {{"t", {.kind = SectionKind::kSharedSymbols, .codec = 1, .offset = 0, .size = 10, .raw_size = 20, .crc = 3}}};
  DatasetMeta dataset;
  dataset.tenant = "t";
  dataset.service = "svc";
  dataset.profile_count = 2;
  dataset.profile_types = {"process_cpu:cpu:nanoseconds:cpu:nanoseconds"};
  dataset.sections = {{.kind = SectionKind::kRows, .offset = 10, .size = 5, .raw_size = 5},
                      {.kind = SectionKind::kSamples, .offset = 15, .size = 5, .raw_size = 5}};
  dataset.hidden_profiles = {1};
  DatasetMeta compacted = dataset;
  compacted.hidden_profiles.clear();
  compacted.max_time_ns = kTimeNs;
  compacted.sections = {{.kind = SectionKind::kRows, .size = 5},
                        {.kind = SectionKind::kSampleChunk, .size = 5, .row_count = 2, .min_time_ns = 1, .max_time_ns = kTimeNs},
                        {.kind = SectionKind::kHourRows, .size = 5},
                        {.kind = SectionKind::kDayRows, .size = 5}};
  read.datasets = {dataset, compacted};
  read.deletions = {{"t", "other", "{a=\"b\"}", 1, 2}};
  PlanNode leaf;
  leaf.reads = {read};
  leaf.bytes = 20;
  plan.root.kind = PlanNode::Kind::kMerge;
  plan.root.children = {leaf, leaf};
  return {codec::EncodeQueryPlan(plan), codec::EncodeQueryPlan({})};
}

void RunQueryResult(Bytes input) {
  const auto result = codec::DecodeQueryResult(input);
  if (!result.ok()) return;
  for (const Report& report : result->reports) FUZZ_CHECK(report.stack_profile.symbols.Validate().ok());
  for (const Report& report : result->reports) {
    if (report.kind == ReportKind::kFlameGraph) FUZZ_CHECK(report.flame_tree.Validate().ok());
  }
  const std::string bytes = codec::EncodeQueryResult(*result);
  const auto again = codec::DecodeQueryResult(AsBytes(bytes));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(codec::EncodeQueryResult(*again) == bytes);
}
std::vector<std::string> QueryResultCorpus() {
  const ProfileBatch batch = SmallBatch();
  QueryResult result;
  Report strings{.kind = ReportKind::kLabelNames};
  strings.strings = {"a", "service_name"};
  Report series{.kind = ReportKind::kSeries};
  series.series = {batch.series[0]};
  Report time_series{.kind = ReportKind::kTimeSeries};
  time_series.time_series[batch.series[0]][kTimeNs] = {1.5, 2};
  Report pprof{.kind = ReportKind::kPprof};
  pprof.stack_profile.symbols = batch.symbols;
  pprof.stack_profile.stacks = {1, 2, 3};
  pprof.stack_profile.values = {5, 6, 7};
  Report flame_graph{.kind = ReportKind::kFlameGraph};
  FlameTreeBuilder builder;
  uint32_t node = FlameTreeBuilder::kRoot;
  for (const char* name : {"main", "serve", "query"}) {
    node = builder.Child(node, builder.NameId(name));
    builder.AddSelf(node, 7);
  }
  flame_graph.flame_tree = builder.Finish();
  result.reports = {strings, series, time_series, pprof, flame_graph, Report{.kind = ReportKind::kFlameGraph}};
  result.stats.blocks_read = 3;
  result.stats.failed_blocks = {"blocks/1/t/A.brz", "segments/2/B.brz"};
  return {codec::EncodeQueryResult(result), codec::EncodeQueryResult({})};
}

}  // namespace brazier::fuzz
