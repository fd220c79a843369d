// The contracts, asked through Thrift on loopback, behave as when asked directly.
#include <gtest/gtest.h>

#include "common/base/ulid.h"
#include "common/rpc/metastore_client.h"
#include "common/rpc/push_client.h"
#include "common/rpc/query_client.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace brazier::rpc {
namespace {

Ulid MakeUlid(int64_t ms) { return Ulid::Make(ms, SystemRandom()); }

contract::PushRequest OnePush(std::string tenant = "") {
  contract::PushRequest request;
  request.tenant = std::move(tenant);
  RawProfile& profile = request.profiles.emplace_back();
  profile.labels = Labels({{"service_name", "api"}, {"region", "eu"}});
  profile.data = std::string("\x1f\x8b\x00\xff binary", 12);
  profile.client_id = std::string("\x00\x01\xfe", 3);
  profile.params = {.format = "folded",
                    .name = "app.cpu{a=b}",
                    .from_ns = 1'700'000'000'000'000'001,
                    .until_ns = 1'700'000'010'000'000'001,
                    .sample_rate_hz = 97,
                    .sample_rate_given = true,
                    .spy_name = "gospy",
                    .content_type = "text/plain",
                    .sample_type_config = "{}"};
  return request;
}

Result<contract::PushReceipt> Push(contract::Distributor& client, contract::PushRequest request,
                                   int64_t deadline_ms = 5000) {
  Awaited<contract::PushReceipt> answer;
  client.Push(RpcFixture::Within(deadline_ms), std::move(request), answer.Callback());
  return answer.Get();
}

using PushOverThrift = RpcFixture;
using MetastoreOverThrift = RpcFixture;
using QueryOverThrift = RpcFixture;

TEST_F(PushOverThrift, ValuesMakeTheRoundTrip) {
  StartServer();
  const Ulid segment = MakeUlid(1'700'000'000'000);
  distributor.answer = [&](const contract::PushRequest&) -> Result<contract::PushReceipt> {
    contract::PushReceipt receipt;
    receipt.accepted = 3;
    receipt.duplicates = 2;
    receipt.segments = {segment};
    receipt.rejections.push_back(
        {.index = 7,
         .status = ResourceExhausted("profile of 9 bytes, the limit is 8").WithReason("profile_size_limit")});
    return receipt;
  };
  PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const contract::PushRequest sent = OnePush("ignored");
  auto receipt = Push(client, sent);
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_EQ(receipt->accepted, 3u);
  EXPECT_EQ(receipt->duplicates, 2u);
  EXPECT_EQ(receipt->segments, std::vector{segment});
  ASSERT_EQ(receipt->rejections.size(), 1u);
  EXPECT_EQ(receipt->rejections[0].index, 7u);
  EXPECT_EQ(receipt->rejections[0].status.code(), Code::kResourceExhausted);
  EXPECT_EQ(receipt->rejections[0].status.reason(), "profile_size_limit");
  EXPECT_EQ(receipt->rejections[0].status.message(), "profile of 9 bytes, the limit is 8");

  ASSERT_EQ(distributor.pushes.size(), 1u);
  const contract::PushRequest& got = distributor.pushes[0];
  EXPECT_EQ(got.tenant, "anonymous") << "without multi-tenancy the field says nothing";
  EXPECT_EQ(got.source, "thrift");
  ASSERT_EQ(got.profiles.size(), 1u);
  EXPECT_EQ(got.profiles[0].labels, sent.profiles[0].labels);
  EXPECT_EQ(got.profiles[0].data, sent.profiles[0].data);
  EXPECT_EQ(got.profiles[0].client_id, sent.profiles[0].client_id);
  const IngestParams& params = got.profiles[0].params;
  EXPECT_EQ(params.format, "folded");
  EXPECT_EQ(params.name, "app.cpu{a=b}");
  EXPECT_EQ(params.from_ns, 1'700'000'000'000'000'001);
  EXPECT_EQ(params.until_ns, 1'700'000'010'000'000'001);
  EXPECT_EQ(params.sample_rate_hz, 97u);
  EXPECT_TRUE(params.sample_rate_given);
  EXPECT_EQ(params.spy_name, "gospy");
  EXPECT_EQ(params.content_type, "text/plain");
  EXPECT_EQ(params.sample_type_config, "{}");
  EXPECT_EQ(distributor.contexts[0].request_id, "test-request");
}

TEST_F(PushOverThrift, RateThatWasNotGivenStaysSo) {
  StartServer();
  PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
  contract::PushRequest request = OnePush();
  request.profiles[0].params = {};
  ASSERT_TRUE(Push(client, request).ok());
  EXPECT_EQ(distributor.pushes.at(0).profiles.at(0).params.sample_rate_hz, 100u);
  EXPECT_FALSE(distributor.pushes.at(0).profiles.at(0).params.sample_rate_given);
}

TEST_F(PushOverThrift, EveryErrorKeepsCodeReasonAndMessage) {
  StartServer();
  ClientOptions once = Client();
  once.attempts_max = 1;
  PushClient client(once, SystemClock(), SystemRandom(), metrics);
  for (Code code : {Code::kInvalidArgument, Code::kUnauthenticated, Code::kNotFound,
                    Code::kAlreadyExists, Code::kFailedPrecondition, Code::kResourceExhausted,
                    Code::kUnimplemented, Code::kUnavailable, Code::kDeadlineExceeded,
                    Code::kCancelled, Code::kCorruption, Code::kInternal}) {
    const Status sent = Status(code, "because of " + std::string(CodeName(code))).WithReason("why");
    distributor.answer = [&](const contract::PushRequest&) { return Result<contract::PushReceipt>(sent); };
    auto receipt = Push(client, OnePush());
    ASSERT_FALSE(receipt.ok());
    EXPECT_EQ(receipt.status().code(), code);
    EXPECT_EQ(receipt.status().reason(), "why");
    EXPECT_NE(receipt.status().message().find(sent.message()), std::string::npos)
        << receipt.status().message();
  }
  EXPECT_EQ(server->connections(), 1) << "an error must not cost the connection";
}

TEST_F(PushOverThrift, DeadlineIsHonouredByBothSides) {
  StartServer();
  distributor.silent = true;
  PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const auto start = std::chrono::steady_clock::now();
  auto receipt = Push(client, OnePush(), 300);
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_FALSE(receipt.ok());
  EXPECT_EQ(receipt.status().code(), Code::kDeadlineExceeded);
  EXPECT_GT(took, std::chrono::milliseconds(200));
  EXPECT_LT(took, std::chrono::seconds(3));
  EXPECT_EQ(CounterValue("brazier_rpc_server_calls_total",
                         {{"service", "push"}, {"method", "push"}, {"code", "deadline_exceeded"}}),
            1u)
      << "the server gave up in time to say so";
  // The late answer finds its slot.
  for (auto& done : distributor.unanswered) done(contract::PushReceipt{});
}

TEST_F(PushOverThrift, MultitenancyNeedsAValidTenant) {
  push_options.multitenancy = true;
  StartServer();
  PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
  EXPECT_EQ(Push(client, OnePush("")).status().reason(), "tenant_missing");
  EXPECT_EQ(Push(client, OnePush("a|b")).status().code(), Code::kUnauthenticated);
  EXPECT_TRUE(distributor.pushes.empty());
  ASSERT_TRUE(Push(client, OnePush("team-a")).ok());
  EXPECT_EQ(distributor.pushes.at(0).tenant, "team-a");
}

TEST_F(PushOverThrift, PushAboveTheFrameLimitIsRefusedBeforeItIsSent) {
  StartServer();
  ClientOptions small = Client();
  small.frame.frame_bytes_max = 100'000;
  PushClient client(small, SystemClock(), SystemRandom(), metrics);
  contract::PushRequest request = OnePush();
  request.profiles[0].data.assign(200'000, 'x');
  auto receipt = Push(client, std::move(request));
  ASSERT_FALSE(receipt.ok());
  EXPECT_EQ(receipt.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(receipt.status().reason(), "message_size_limit");
  EXPECT_TRUE(Push(client, OnePush()).ok()) << "the next call works";
}

TEST_F(PushOverThrift, TwentyMegabytesArrive) {
  StartServer();
  PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
  contract::PushRequest request = OnePush();
  request.profiles[0].data.assign(20'000'000, 'x');
  ASSERT_TRUE(Push(client, request).ok());
  EXPECT_EQ(distributor.pushes.at(0).profiles.at(0).data.size(), 20'000'000u);
}

TEST_F(PushOverThrift, ReadySaysWhatHinders) {
  StartServer();
  ClientOptions once = Client();
  once.attempts_max = 1;
  PushClient client(once, SystemClock(), SystemRandom(), metrics);
  EXPECT_TRUE(client.Ready().ok());
  distributor.ready = Unavailable("no segment-writer");
  EXPECT_EQ(client.Ready().code(), Code::kUnavailable);
}

BlockMeta MakeBlock() {
  BlockMeta block;
  block.id = MakeUlid(1'700'000'000'123);
  block.shard = 4'000'000'000u;
  block.level = 1;
  block.min_time_ns = 10;
  block.max_time_ns = 20;
  block.size = 1ull << 40;
  DatasetMeta dataset;
  dataset.tenant = "team-a";
  dataset.service = "api";
  dataset.min_time_ns = 10;
  dataset.max_time_ns = 20;
  dataset.profile_count = 2;
  dataset.sample_count = 99;
  dataset.profile_types = {"process_cpu:cpu:nanoseconds:cpu:nanoseconds"};
  dataset.sections.push_back({.kind = SectionKind::kRows, .codec = 1, .offset = 5, .size = 6, .raw_size = 7, .crc = 8});
  dataset.hidden_profiles = {1};
  dataset.identities = {{1, 2}, {3, 4}};
  block.datasets.push_back(std::move(dataset));
  return block;
}

TEST_F(MetastoreOverThrift, AddBlocksMakesTheRoundTrip) {
  StartServer();
  contract::AddBlocksResponse response;
  response.blocks.push_back({.already_known = true, .hidden_profiles = {{0, 4'000'000'000u}, {}}});
  metastore.add_answer = response;
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const BlockMeta block = MakeBlock();
  Awaited<contract::AddBlocksResponse> answer;
  client.AddBlocks(Within(5000), {.blocks = {block}}, answer.Callback());
  auto result = answer.Get();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  ASSERT_EQ(result->blocks.size(), 1u);
  EXPECT_TRUE(result->blocks[0].already_known);
  EXPECT_EQ(result->blocks[0].hidden_profiles, response.blocks[0].hidden_profiles);
  ASSERT_EQ(metastore.added.size(), 1u);
  EXPECT_EQ(metastore.added[0].blocks, std::vector{block});
}

TEST_F(MetastoreOverThrift, AnswerForAnotherNumberOfBlocksIsAnError) {
  StartServer();
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  Awaited<contract::AddBlocksResponse> answer;
  client.AddBlocks(Within(5000), {.blocks = {MakeBlock()}}, answer.Callback());
  EXPECT_EQ(answer.Get().status().code(), Code::kInternal);
}

TEST_F(MetastoreOverThrift, AddBlocksIsRepeatedWhileThereIsNoLeader) {
  StartServer();
  metastore.failures_left = 2;
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  Awaited<contract::AddBlocksResponse> answer;
  client.AddBlocks(Within(5000), {}, answer.Callback());
  EXPECT_TRUE(answer.Get().ok());
  EXPECT_EQ(metastore.added.size(), 3u);
  EXPECT_EQ(CounterValue("brazier_rpc_client_retries_total", {{"service", "MetastoreService"}}), 2u);
}

TEST_F(MetastoreOverThrift, NextAddressIsAskedWhenOneIsDead) {
  StartServer();
  ClientOptions two = Client();
  two.addresses.insert(two.addresses.begin(), "127.0.0.1:1");  // nobody listens there
  MetastoreClient client(two, SystemClock(), SystemRandom(), metrics);
  EXPECT_TRUE(client.Members(Within(5000)).ok());
  EXPECT_EQ(CounterValue("brazier_rpc_client_peer_failures_total",
                         {{"peer", "127.0.0.1:1"}, {"reason", "connect"}}),
            1u);
  EXPECT_TRUE(client.Members(Within(5000)).ok()) << "and stays with the one that answered";
  EXPECT_EQ(CounterValue("brazier_rpc_client_peer_failures_total",
                         {{"peer", "127.0.0.1:1"}, {"reason", "connect"}}),
            1u);
}

TEST_F(MetastoreOverThrift, DeadPeerFailsWithinTheDeadline) {
  StartServer();
  ClientOptions dead = Client();
  dead.addresses = {"127.0.0.1:1"};
  MetastoreClient client(dead, SystemClock(), SystemRandom(), metrics);
  const auto start = std::chrono::steady_clock::now();
  const Status status = client.Members(Within(400)).status();
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_NE(status.message().find("127.0.0.1:1"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(MetastoreOverThrift, FindStatsHeartbeatMembersMakeTheRoundTrip) {
  StartServer();
  const BlockMeta block = MakeBlock();
  metastore.find_answer = std::vector{block};
  metastore.stats = {.data_ingested = true, .oldest_ns = 1, .newest_ns = 2, .blocks = 3, .bytes = 4};
  const Member member = {.id = "host-1",
                         .roles = {"segment-writer", "query-backend"},
                         .pipeline_address = "tcp://127.0.0.1:4052",
                         .rpc_address = "127.0.0.1:4041",
                         .jobs_address = "tcp://127.0.0.1:4045",
                         .draining = true};
  metastore.members = {.version = 1ull << 60, .members = {member}};
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);

  auto blocks = client.FindBlocks(Within(5000), {.tenants = {"a", "b"},
                                                 .start_ns = -5,
                                                 .end_ns = 1'700'000'000'000'000'000,
                                                 .service = "api",
                                                 .profile_type = "t",
                                                 .selector = "{pod=\"a\"}"});
  ASSERT_TRUE(blocks.ok()) << blocks.status().ToString();
  EXPECT_EQ(*blocks, std::vector{block});
  ASSERT_EQ(metastore.found.size(), 1u);
  EXPECT_EQ(metastore.found[0].tenants, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(metastore.found[0].start_ns, -5);
  EXPECT_EQ(metastore.found[0].end_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(metastore.found[0].service, "api");
  EXPECT_EQ(metastore.found[0].profile_type, "t");
  EXPECT_EQ(metastore.found[0].selector, "{pod=\"a\"}");

  auto stats = client.GetTenantStats(Within(5000), "team-a");
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(metastore.stats_tenant, "team-a");
  EXPECT_TRUE(stats->data_ingested);
  EXPECT_EQ(stats->oldest_ns, 1);
  EXPECT_EQ(stats->newest_ns, 2);
  EXPECT_EQ(stats->blocks, 3u);
  EXPECT_EQ(stats->bytes, 4u);

  ASSERT_TRUE(client.Heartbeat(Within(5000), member).ok());
  EXPECT_EQ(metastore.heartbeats, std::vector{member});
  auto members = client.Members(Within(5000));
  ASSERT_TRUE(members.ok());
  EXPECT_EQ(members->version, 1ull << 60);
  EXPECT_EQ(members->members, std::vector{member});
  EXPECT_TRUE(client.Ready().ok());
}

TEST_F(MetastoreOverThrift, LabelQueriesMakeTheRoundTrip) {
  StartServer();
  contract::QueryLabelsResponse answer;
  answer.reports.resize(2);
  answer.reports[0].kind = ReportKind::kLabelValues;
  answer.reports[0].strings = {"", "a", std::string("nul\0byte", 8)};
  answer.reports[1].kind = ReportKind::kSeries;
  // More elements than a message of lists may have.
  for (int i = 0; i < 30'000; ++i) {
    Labels labels;
    for (const char* name : {"a", "b", "c", "d", "e"}) labels.Set(name, std::to_string(i));
    answer.reports[1].series.insert(labels);
  }
  answer.unanswered = {MakeBlock()};
  answer.datasets_answered = 12;
  answer.newest_data_ns = 1'700'000'000'000'000'000;
  metastore.labels_answer = answer;
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const contract::QueryLabelsRequest request = {.tenants = {"a", "b"},
                                                .start_ns = -5,
                                                .end_ns = 9,
                                                .selector = "{pod=~\"x.*\"}",
                                                .reports = {{.kind = ReportKind::kLabelValues, .label_name = "pod"},
                                                            {.kind = ReportKind::kSeries, .label_names = {"a", "b"}}}};
  const auto got = client.QueryLabels(Within(5000), request);
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  ASSERT_EQ(got->reports.size(), 2u);
  EXPECT_EQ(got->reports[0].kind, ReportKind::kLabelValues);
  EXPECT_EQ(got->reports[0].strings, answer.reports[0].strings);
  EXPECT_EQ(got->reports[1].series, answer.reports[1].series);
  EXPECT_EQ(got->unanswered, answer.unanswered);
  EXPECT_EQ(got->datasets_answered, 12u);
  EXPECT_EQ(got->newest_data_ns, answer.newest_data_ns);
  ASSERT_EQ(metastore.labels_asked.size(), 1u);
  const contract::QueryLabelsRequest& asked = metastore.labels_asked[0];
  EXPECT_EQ(asked.tenants, request.tenants);
  EXPECT_EQ(asked.start_ns, -5);
  EXPECT_EQ(asked.end_ns, 9);
  EXPECT_EQ(asked.selector, request.selector);
  ASSERT_EQ(asked.reports.size(), 2u);
  EXPECT_EQ(asked.reports[0].kind, ReportKind::kLabelValues);
  EXPECT_EQ(asked.reports[0].label_name, "pod");
  EXPECT_EQ(asked.reports[1].label_names, request.reports[1].label_names);

  // Reports that were not asked for are the peer's fault; kinds that are none of labels are the caller's.
  EXPECT_EQ(client.QueryLabels(Within(5000), {.reports = {{.kind = ReportKind::kSeries}}}).status().code(), Code::kInternal);
  EXPECT_EQ(client.QueryLabels(Within(5000), {.reports = {{.kind = ReportKind::kPprof}}}).status().code(),
            Code::kInvalidArgument);
}

TEST_F(MetastoreOverThrift, BlocksByIdAndListsMakeTheRoundTrip) {
  StartServer();
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const Ulid first{{1, 2}}, second{{UINT64_MAX, 3}};
  metastore.blocks_answer = {.blocks = {MakeBlock()}, .unknown = {second}};
  metastore.blocks_answer.blocks[0].datasets[0].lists_label_sets = true;
  metastore.blocks_answer.blocks[0].datasets[0].label_sets = {Labels(std::vector<Label>{{"pod", "a"}})};
  const auto blocks = client.GetBlocks(Within(5000), {first, second});
  ASSERT_TRUE(blocks.ok()) << blocks.status().ToString();
  EXPECT_EQ(metastore.ids_asked, (std::vector<Ulid>{first, second}));
  EXPECT_EQ(blocks->blocks, metastore.blocks_answer.blocks);
  EXPECT_EQ(blocks->unknown, std::vector<Ulid>{second});

  metastore.ids_answer = {first, second};
  EXPECT_EQ(*client.ListBlocks(Within(5000), std::nullopt, SIZE_MAX), metastore.ids_answer);
  EXPECT_FALSE(metastore.blocks_after.has_value());
  EXPECT_EQ(metastore.limit_asked, contract::Metastore::kIdsPerListMax);
  EXPECT_TRUE(client.ListBlocks(Within(5000), first, 7).ok());
  EXPECT_EQ(metastore.blocks_after, first);
  EXPECT_EQ(metastore.limit_asked, 7u);
  EXPECT_TRUE(client.ListBlocks(Within(5000), first, 0)->empty());

  metastore.tenants_answer = {{"a", {.data_ingested = true, .oldest_ns = 1, .newest_ns = 2, .blocks = 3, .bytes = 4}}, {"b", {}}};
  const auto tenants = client.ListTenants(Within(5000), "Z", 2);
  ASSERT_TRUE(tenants.ok()) << tenants.status().ToString();
  EXPECT_EQ(metastore.tenants_after, "Z");
  EXPECT_EQ(metastore.limit_asked, 2u);
  ASSERT_EQ(tenants->size(), 2u);
  EXPECT_EQ(tenants->at(0).tenant, "a");
  EXPECT_EQ(tenants->at(0).stats.bytes, 4u);
}

TEST_F(MetastoreOverThrift, QueuesMakeTheRoundTrip) {
  StartServer();
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const Ulid first{{1, 2}}, second{{UINT64_MAX, 3}};
  const contract::BlockQueue queue{64, UINT32_MAX, std::string("a\0b", 3)};
  metastore.queues_answer = {{0, 1, ""}, queue};
  EXPECT_EQ(*client.ListQueues(Within(5000), std::nullopt, SIZE_MAX), metastore.queues_answer);
  EXPECT_FALSE(metastore.queues_after.has_value());
  EXPECT_EQ(metastore.limit_asked, contract::Metastore::kQueuesPerListMax);
  ASSERT_TRUE(client.ListQueues(Within(5000), queue, 7).ok());
  EXPECT_EQ(metastore.queues_after, queue);
  EXPECT_EQ(metastore.limit_asked, 7u);
  EXPECT_TRUE(client.ListQueues(Within(5000), queue, 0)->empty());
  // The first queue there can be is another question than none.
  ASSERT_TRUE(client.ListQueues(Within(5000), contract::BlockQueue{}, 7).ok());
  EXPECT_EQ(metastore.queues_after, contract::BlockQueue{});

  metastore.queued_answer = {{first, 1ull << 40, -5, 6}, {second, 7, 8, 1'700'000'000'000'000'000}};
  EXPECT_EQ(*client.ListQueuedBlocks(Within(5000), queue, std::nullopt, SIZE_MAX), metastore.queued_answer);
  EXPECT_EQ(metastore.queue_asked, queue);
  EXPECT_FALSE(metastore.blocks_after.has_value());
  EXPECT_EQ(metastore.limit_asked, contract::Metastore::kQueuedBlocksPerListMax);
  ASSERT_TRUE(client.ListQueuedBlocks(Within(5000), queue, second, 3).ok());
  EXPECT_EQ(metastore.blocks_after, second);
  EXPECT_EQ(metastore.limit_asked, 3u);
}

TEST_F(MetastoreOverThrift, ReplacementsAndTombstonesMakeTheRoundTrip) {
  StartServer();
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const Ulid first{{1, 2}}, second{{UINT64_MAX, 3}};
  const BlockMeta output = MakeBlock();
  const auto replace = [&] {
    Awaited<contract::ReplaceBlocksResponse> answer;
    client.ReplaceBlocks(Within(5000), {.outputs = {output}, .inputs = {first, second}}, answer.Callback());
    return answer.Get();
  };
  metastore.replace_answer = contract::ReplaceBlocksResponse{.already_done = true};
  const auto done = replace();
  ASSERT_TRUE(done.ok()) << done.status().ToString();
  EXPECT_TRUE(done->already_done);
  ASSERT_EQ(metastore.replaced.size(), 1u);
  EXPECT_EQ(metastore.replaced[0].outputs, std::vector{output});
  EXPECT_EQ(metastore.replaced[0].inputs, (std::vector<Ulid>{first, second}));
  metastore.replace_answer = Status(Code::kFailedPrecondition, "output X was removed before");
  const Status refused = replace().status();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.message().find("output X"), std::string::npos);
  EXPECT_EQ(metastore.replaced.size(), 2u) << "and was not repeated";

  metastore.tombstones_answer = {
      {.id = first, .removed_ns = 5, .shard = UINT32_MAX, .level = 64, .tenant = "t", .size = 1ull << 40},
      {.id = second, .removed_ns = 1'700'000'000'000'000'000, .shard = 0, .level = 0, .tenant = "", .size = 0}};
  EXPECT_EQ(*client.ListTombstones(Within(5000), 1'700'000'000'000'000'001, std::nullopt, SIZE_MAX), metastore.tombstones_answer);
  EXPECT_EQ(metastore.tombstones_before_ns, 1'700'000'000'000'000'001);
  EXPECT_FALSE(metastore.tombstones_after.has_value());
  EXPECT_EQ(metastore.limit_asked, contract::Metastore::kTombstonesPerListMax);
  ASSERT_TRUE(client.ListTombstones(Within(5000), 9, contract::TombstoneCursor{5, first}, 4).ok());
  EXPECT_EQ(metastore.tombstones_after, (contract::TombstoneCursor{5, first}));
  EXPECT_EQ(metastore.limit_asked, 4u);

  Awaited<contract::PurgeTombstonesResponse> purged;
  client.PurgeTombstones(Within(5000), {second, first}, purged.Callback());
  const auto answer = purged.Get();
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->purged, 3u);
  EXPECT_EQ(metastore.ids_asked, (std::vector<Ulid>{second, first}));
}

TEST_F(MetastoreOverThrift, PlacementMakesTheRoundTrip) {
  StartServer();
  MetastoreClient client(Client(), SystemClock(), SystemRandom(), metrics);
  metastore.placement_answer = {
      .version = 1ull << 60,
      .writers = {{.id = "a", .roles = {"segment-writer"}, .pipeline_address = "tcp://127.0.0.1:4052"}, {.id = "b"}},
      .shards = {{.shard = UINT32_MAX, .writer_ids = {"b", "a"}}}};
  const auto placement = client.Placement(Within(5000), "t", "api");
  ASSERT_TRUE(placement.ok()) << placement.status().ToString();
  EXPECT_EQ(metastore.placement_asked, (std::pair<std::string, std::string>{"t", "api"}));
  EXPECT_EQ(placement->version, 1ull << 60);
  EXPECT_EQ(placement->writers, metastore.placement_answer.writers);
  ASSERT_EQ(placement->shards.size(), 1u);
  EXPECT_EQ(placement->shards[0].shard, UINT32_MAX);
  EXPECT_EQ(placement->shards[0].writer_ids, (std::vector<std::string>{"b", "a"}));
}

// A metastore of before it could: the contract's defaults.
struct OldMetastore final : contract::Metastore {
  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    done(contract::AddBlocksResponse{});
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&, const contract::FindBlocksRequest&) override {
    return std::vector<BlockMeta>{};
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&, const std::string&) override {
    return contract::TenantStats{};
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return Status::Ok(); }
  Result<MemberList> Members(const contract::RequestContext&) override { return MemberList{}; }
  Status Ready() override { return Status::Ok(); }
};

TEST(OldMetastoreContract, WhatItCannotIsUnimplementedAndAnswered) {
  OldMetastore old;
  const contract::RequestContext context;
  EXPECT_EQ(old.ListQueues(context, {}, 1).status().code(), Code::kUnimplemented);
  EXPECT_EQ(old.ListQueuedBlocks(context, {}, {}, 1).status().code(), Code::kUnimplemented);
  EXPECT_EQ(old.ListTombstones(context, 1, {}, 1).status().code(), Code::kUnimplemented);
  EXPECT_EQ(old.Placement(context, "t", "s").status().code(), Code::kUnimplemented);
  Awaited<contract::ReplaceBlocksResponse> replaced;
  old.ReplaceBlocks(context, {}, replaced.Callback());
  EXPECT_EQ(replaced.Get().status().code(), Code::kUnimplemented);
  Awaited<contract::PurgeTombstonesResponse> purged;
  old.PurgeTombstones(context, {}, purged.Callback());
  EXPECT_EQ(purged.Get().status().code(), Code::kUnimplemented);
}

TEST_F(MetastoreOverThrift, ServerThatComesBackIsFoundAgain) {
  StartServer();
  const ClientOptions same = Client();
  MetastoreClient client(same, SystemClock(), SystemRandom(), metrics);
  ASSERT_TRUE(client.Members(Within(5000)).ok());
  options.port = server->port();
  server.reset();
  EXPECT_FALSE(client.Members(Within(300)).ok());
  StartServer();
  EXPECT_TRUE(client.Members(Within(5000)).ok());
}

FlameTree SmallTree() {
  FlameTreeBuilder builder;
  const uint32_t main = builder.Child(FlameTreeBuilder::kRoot, builder.NameId("main"));
  const uint32_t work = builder.Child(main, builder.NameId("work"));
  builder.AddSelf(main, 1);
  builder.AddSelf(work, 41);
  return builder.Finish();
}

TEST_F(QueryOverThrift, ResultAndStatsMakeTheRoundTrip) {
  query_options.multitenancy = true;
  StartServer();
  contract::QueryResponse response;
  response.stats = {.blocks_planned = 1, .blocks_read = 2, .blocks_failed = 3, .profiles_hidden = 4,
                    .bytes_read = 5, .datasets_read = 6, .rows_read = 7, .samples_read = 8,
                    .rollup_rows_read = 10, .newest_data_ns = 9, .failed_blocks = {"blocks/1/t/A.brz"}};
  response.explanation = "read 1 blocks";
  Report flame{.kind = ReportKind::kFlameGraph};
  flame.flame_tree = SmallTree();
  Report series{.kind = ReportKind::kTimeSeries};
  series.time_series[Labels({Label{"a", "b"}})][15] = {.sum = 2.5, .count = 3};
  Report names{.kind = ReportKind::kLabelNames};
  names.strings = {"x", "y"};
  response.reports = {flame, series, names};
  frontend.answer = response;

  QueryClient client(Client(), SystemClock(), SystemRandom(), metrics);
  contract::QueryRequest request;
  request.tenants = {"b", "a"};
  request.start_ns = 1;
  request.end_ns = 2;
  request.selectors = {"{service_name=\"api\"}", "{x=~\"y\"}"};
  request.profile_type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
  request.call_site = {"main"};
  request.reports = {{.kind = ReportKind::kFlameGraph},
                     {.kind = ReportKind::kTimeSeries, .step_ns = 15, .group_by = {"a"}},
                     {.kind = ReportKind::kLabelNames}};
  auto result = client.Query(Within(5000), request);
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(result->explanation, "") << "only what was asked for";
  EXPECT_EQ(result->stats.rollup_rows_read, 10u);
  EXPECT_EQ(result->stats.failed_blocks, response.stats.failed_blocks);

  ASSERT_EQ(frontend.queries.size(), 1u);
  EXPECT_FALSE(frontend.queries[0].explain);
  request.explain = true;
  EXPECT_EQ(client.Query(Within(5000), request)->explanation, "read 1 blocks");
  EXPECT_TRUE(frontend.queries[1].explain);
  const contract::QueryRequest& got = frontend.queries[0];
  EXPECT_EQ(got.tenants, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(got.start_ns, 1);
  EXPECT_EQ(got.end_ns, 2);
  EXPECT_EQ(got.selectors, request.selectors);
  EXPECT_EQ(got.profile_type, request.profile_type);
  EXPECT_EQ(got.call_site, request.call_site);
  ASSERT_EQ(got.reports.size(), 3u);
  EXPECT_EQ(got.reports[1].kind, ReportKind::kTimeSeries);
  EXPECT_EQ(got.reports[1].step_ns, 15);
  EXPECT_EQ(got.reports[1].group_by, std::vector<std::string>{"a"});

  ASSERT_EQ(result->reports.size(), 3u);
  EXPECT_EQ(result->reports[0].flame_tree.nodes.size(), 3u);
  EXPECT_EQ(result->reports[0].flame_tree.Totals()[0], 42);
  EXPECT_EQ(result->reports[1].time_series.at(Labels({Label{"a", "b"}})).at(15).sum, 2.5);
  EXPECT_EQ(result->reports[2].strings, names.strings);
  EXPECT_EQ(result->stats.blocks_planned, 1u);
  EXPECT_EQ(result->stats.newest_data_ns, 9);
}

TEST_F(QueryOverThrift, NoQueryHasMoreTimeThanTheSetting) {
  query_options.timeout_ms = 700;
  StartServer();
  QueryClient client(Client(), SystemClock(), SystemRandom(), metrics);
  contract::QueryRequest request;
  request.reports = {{.kind = ReportKind::kLabelNames}};
  for (const int64_t wanted_ms : {60'000, 300}) {
    frontend.answer->reports = {{.kind = ReportKind::kLabelNames}};
    const int64_t before_ns = SystemClock().MonotonicNs();
    const auto answer = client.Query(Within(wanted_ms), request);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    const int64_t given_ms = (frontend.deadline_ns - before_ns) / kNsPerMs;
    const int64_t most_ms = std::min<int64_t>(wanted_ms, query_options.timeout_ms);
    const int64_t took_ms = (SystemClock().MonotonicNs() - before_ns) / kNsPerMs;
    EXPECT_LE(given_ms, most_ms + took_ms);
    EXPECT_GE(given_ms, most_ms - 25);  // shortened by what the answer needs to come back
  }
}

TEST_F(QueryOverThrift, TenantStatsAskForTheHeadersTenant) {
  query_options.multitenancy = true;
  StartServer();
  frontend.stats = {.data_ingested = true, .oldest_ns = 5, .newest_ns = 6, .blocks = 7, .bytes = 8};
  QueryClient client(Client(), SystemClock(), SystemRandom(), metrics);
  auto stats = client.GetTenantStats(Within(5000), "team-a");
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->blocks, 7u);
  EXPECT_EQ(frontend.stats_tenant, "team-a");
  EXPECT_EQ(client.GetTenantStats(Within(5000), "a|b").status().code(), Code::kUnauthenticated);
}

TEST_F(QueryOverThrift, ErrorsKeepTheirText) {
  StartServer();
  frontend.answer = InvalidArgument("1:5: unexpected end").WithReason("bad_selector");
  QueryClient client(Client(), SystemClock(), SystemRandom(), metrics);
  const Status status = client.Query(Within(5000), {}).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), "1:5: unexpected end");
  EXPECT_EQ(status.reason(), "bad_selector");
}

}  // namespace
}  // namespace brazier::rpc
