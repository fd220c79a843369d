#include "server/metastore/metastore.h"

#include <gtest/gtest.h>

#include "server/metastore/add_blocks_packing.h"
#include "server/metastore/index_state_machine.h"
#include "tests/server/metastore/fake_consensus.h"
#include "tests/store/index/index_harness.h"

namespace brazier::metastore {
namespace {

using contract::AddBlocksResponse;
using index::MakeBlock;
using index::MakeDataset;

class FakeClock final : public Clock {
 public:
  int64_t NowNs() const override { return index::kTestTime + now_ns; }
  int64_t MonotonicNs() const override { return now_ns; }
  int64_t now_ns = 0;
};

class MetastoreTest : public testing::Test {
 protected:
  MetastoreTest() {
    auto opened = index::MetadataIndex::Open(*store_, 0);
    CHECK(opened.ok());
    index_ = std::move(opened).value();
    machine_ = std::make_unique<IndexStateMachine>(*index_, clock_, registry_);
    consensus_ = std::make_unique<FakeConsensus>(*store_, *machine_);
    metastore_ = std::make_unique<Metastore>(options_, *consensus_, *store_, clock_, registry_);
  }
  Result<AddBlocksResponse> Add(std::vector<BlockMeta> blocks) {
    std::optional<Result<AddBlocksResponse>> answer;
    metastore_->AddBlocks(context_, {std::move(blocks)}, [&](Result<AddBlocksResponse> response) {
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(response);
    });
    if (!answer.has_value()) return Internal("not answered");
    return *answer;
  }
  static BlockMeta Block(uint64_t n, std::vector<uint64_t> identities) {
    return MakeBlock(n, {MakeDataset("t", "s", 100, 200, std::move(identities))});
  }
  // A block whose metadata takes a bit more than `identities` * 16 bytes.
  static BlockMeta BigBlock(uint64_t n, uint64_t identities) {
    std::vector<uint64_t> numbers(identities);
    for (uint64_t i = 0; i < identities; ++i) numbers[i] = n * 1'000'000 + i;
    return Block(n, std::move(numbers));
  }
  Result<std::vector<BlockMeta>> FindAll() {
    return metastore_->FindBlocks(context_, {.tenants = {"t"}, .start_ns = 0, .end_ns = 1000});
  }

  const contract::RequestContext context_{.request_id = "r", .deadline_ns = 12345};
  Metastore::Options options_{.dedup = {.window_ns = index::kMinute}, .query = {.datasets_max = 50}};
  FakeClock clock_;
  MetricsRegistry registry_;
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<index::MetadataIndex> index_;
  std::unique_ptr<IndexStateMachine> machine_;
  std::unique_ptr<FakeConsensus> consensus_;
  std::unique_ptr<Metastore> metastore_;
};

TEST_F(MetastoreTest, AddedBlocksAreFoundAndRepeatsHidden) {
  const auto first = Add({Block(1, {1, 2})});
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_FALSE(first->blocks[0].already_known);
  const auto second = Add({Block(2, {2, 3}), Block(1, {1, 2})});
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->blocks.size(), 2u);
  EXPECT_EQ(second->blocks[0].hidden_profiles, (std::vector<std::vector<uint32_t>>{{0}}));
  EXPECT_TRUE(second->blocks[1].already_known);
  const auto found = FindAll();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->size(), 2u);
}

TEST_F(MetastoreTest, TimeAndSettingsAndDeadlineTravel) {
  clock_.now_ns = 77;
  ASSERT_TRUE(Add({Block(1, {1})}).ok());
  const auto command = index::DecodeAddBlocksCommand(consensus_->commands.at(0));
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->time_ns, index::kTestTime + 77);
  EXPECT_EQ(command->dedup.window_ns, index::kMinute);
  EXPECT_EQ(consensus_->deadlines.at(0), 12345);
  (void)FindAll();
  EXPECT_EQ(consensus_->barrier_deadline, 12345);
  clock_.now_ns += 2 * index::kMinute;
  EXPECT_EQ(Add({Block(2, {1})})->blocks[0].hidden_profiles[0].size(), 0u) << "out of the window";
}

TEST_F(MetastoreTest, BadMetadataIsRefusedBeforeItIsProposed) {
  BlockMeta bad = Block(2, {2});
  bad.size = 3;
  const auto answer = Add({Block(1, {1}), bad});
  EXPECT_EQ(answer.status().code(), Code::kInvalidArgument);
  EXPECT_NE(answer.status().message().find(bad.id.ToString()), std::string::npos);
  EXPECT_TRUE(consensus_->commands.empty());
}

TEST_F(MetastoreTest, NoBlocksNeedNoCommand) {
  const auto answer = Add({});
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->blocks.empty());
  EXPECT_TRUE(consensus_->commands.empty());
}

TEST_F(MetastoreTest, LargeRequestsAreSplitAndAnsweredInOrder) {
  std::vector<BlockMeta> blocks;
  for (uint64_t n = 1; n <= 5; ++n) blocks.push_back(BigBlock(n, 25'000));  // 400 kB each
  blocks.push_back(BigBlock(3, 25'000));                                     // the third again
  consensus_->hold = true;
  std::optional<Result<AddBlocksResponse>> answer;
  metastore_->AddBlocks(context_, {blocks}, [&](Result<AddBlocksResponse> r) { answer = std::move(r); });
  EXPECT_EQ(consensus_->commands.size(), 3u);
  for (const std::string& command : consensus_->commands) {
    EXPECT_LE(command.size(), consensus::Consensus::kCommandBytesMax);
  }
  EXPECT_FALSE(answer.has_value());
  consensus_->Release();
  ASSERT_TRUE(answer.has_value());
  ASSERT_TRUE(answer->ok()) << answer->status().ToString();
  ASSERT_EQ((*answer)->blocks.size(), 6u);
  // The commands were applied last first, so it is the third block that came second.
  EXPECT_TRUE((*answer)->blocks[2].already_known);
  EXPECT_FALSE((*answer)->blocks[5].already_known);
  EXPECT_EQ(FindAll()->size(), 5u);
}

TEST_F(MetastoreTest, OneFailedCommandFailsTheRequestAndARetrySucceeds) {
  std::vector<BlockMeta> blocks;
  for (uint64_t n = 1; n <= 4; ++n) blocks.push_back(BigBlock(n, 25'000));
  consensus_->fail_at = 1;
  const auto answer = Add(blocks);
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
  EXPECT_NE(answer.status().message().find("the disk is gone"), std::string::npos);
  const auto retried = Add(blocks);
  ASSERT_TRUE(retried.ok());
  EXPECT_FALSE(retried->blocks[0].already_known);
  EXPECT_TRUE(retried->blocks[3].already_known);
  for (const auto& block : retried->blocks) EXPECT_TRUE(block.hidden_profiles[0].empty());
}

TEST_F(MetastoreTest, ABlockThatFitsNoCommandIsRefusedWithTheLimit) {
  const auto answer = Add({BigBlock(1, 70'000)});
  EXPECT_EQ(answer.status().code(), Code::kInvalidArgument);
  EXPECT_NE(answer.status().message().find("the limit is 1048"), std::string::npos)
      << answer.status().message();
}

TEST(PackAddBlocksTest, EveryCommandFitsAndNoneIsWasted) {
  std::vector<BlockMeta> blocks;
  for (uint64_t n = 1; n <= 100; ++n) {
    blocks.push_back(MakeBlock(n, {MakeDataset("t", "s", 1, 2, std::vector<uint64_t>(n % 7, n))}));
  }
  const size_t largest = codec::EncodeBlockMeta(blocks[5]).size() + index::kCommandOverheadBytes +
                         index::kCommandOverheadBytesPerBlock;
  size_t before = SIZE_MAX;
  for (size_t limit : {largest, size_t{1000}, size_t{5000}, size_t{1} << 20}) {
    const auto commands = PackAddBlocks(blocks, 1, {}, limit);
    ASSERT_TRUE(commands.ok()) << limit << commands.status().ToString();
    EXPECT_LT(commands->size(), before);
    before = commands->size();
    std::vector<BlockMeta> all;
    for (const std::string& command : *commands) {
      EXPECT_LE(command.size(), limit);
      auto decoded = index::DecodeAddBlocksCommand(command);
      ASSERT_TRUE(decoded.ok());
      EXPECT_FALSE(decoded->blocks.empty());
      std::move(decoded->blocks.begin(), decoded->blocks.end(), std::back_inserter(all));
    }
    EXPECT_EQ(all, blocks);
  }
  EXPECT_EQ(before, 1u);
  EXPECT_FALSE(PackAddBlocks(blocks, 1, {}, largest - 1).ok());
}

TEST(PackAddBlocksTest, ABlockThatDoesNotFitWithItsLabelSetsGoesWithout) {
  BlockMeta block = MakeBlock(1, {MakeDataset("t", "s", 1, 2, {1})});
  const size_t without = codec::EncodeBlockMeta(block).size();
  block.datasets[0].lists_label_sets = true;
  block.datasets[0].label_sets = {Labels(std::vector<Label>{{"pod", "a"}})};
  const size_t with = codec::EncodeBlockMeta(block).size();
  const size_t overhead = index::kCommandOverheadBytes + index::kCommandOverheadBytesPerBlock;
  for (size_t limit : {with, with - 1, without}) {
    const auto commands = PackAddBlocks({block}, 1, {}, overhead + limit);
    ASSERT_TRUE(commands.ok()) << commands.status().ToString();
    const auto decoded = index::DecodeAddBlocksCommand(commands->at(0));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->blocks[0].datasets[0].lists_label_sets, limit == with);
  }
  EXPECT_FALSE(PackAddBlocks({block}, 1, {}, overhead + without - 1).ok());
}

TEST_F(MetastoreTest, ReadsWaitForTheBarrier) {
  consensus_->barrier_status = DeadlineExceeded("too slow");
  EXPECT_EQ(FindAll().status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(metastore_->GetTenantStats(context_, "t").status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(consensus_->barriers, 2);
}

// A block of tenant t: service "s" with these pods, times 100 to 200.
BlockMeta PodsBlock(uint64_t n, std::vector<std::string> pods) {
  BlockMeta block = MakeBlock(n, {MakeDataset("t", "s", 100, 200, {n})});
  block.datasets[0].lists_label_sets = true;
  for (const std::string& pod : pods) {
    block.datasets[0].label_sets.push_back(
        Labels(std::vector<Label>{{"__profile_type__", "cpu"}, {"pod", pod}, {"service_name", "s"}}));
  }
  return block;
}

TEST_F(MetastoreTest, SelectorsReachTheIndex) {
  ASSERT_TRUE(Add({PodsBlock(1, {"a", "b"}), PodsBlock(2, {"c"}), Block(3, {30})}).ok());
  const auto find = [&](const std::string& selector) {
    return metastore_->FindBlocks(context_, {.tenants = {"t"}, .start_ns = 0, .end_ns = 1000, .selector = selector});
  };
  EXPECT_EQ(find("")->size(), 3u);
  ASSERT_EQ(find("{pod=\"c\"}")->size(), 2u) << "block 3 lists nothing";
  EXPECT_EQ(find("{pod=\"c\"}")->at(0).id, index::IdOf(2));
  EXPECT_EQ(find("{pod=~\"a|c\"}")->size(), 3u);
  EXPECT_EQ(find("{pod=").status().code(), Code::kInvalidArgument);
}

TEST_F(MetastoreTest, LabelsAreAnsweredFromTheIndex) {
  ASSERT_TRUE(Add({PodsBlock(1, {"a", "b"}), PodsBlock(2, {"c"}), Block(3, {30})}).ok());
  contract::QueryLabelsRequest request = {.tenants = {"t"},
                                          .start_ns = 0,
                                          .end_ns = 1000,
                                          .selector = "{pod!=\"b\", service_name=\"s\", __profile_type__=\"cpu\"}",
                                          .reports = {{.kind = ReportKind::kLabelValues, .label_name = "pod"},
                                                      {.kind = ReportKind::kLabelNames}}};
  auto labels = metastore_->QueryLabels(context_, request);
  ASSERT_TRUE(labels.ok()) << labels.status().ToString();
  EXPECT_EQ(labels->reports.at(0).strings, (std::set<std::string>{"a", "c"}));
  EXPECT_EQ(labels->reports.at(1).strings, (std::set<std::string>{"__profile_type__", "pod", "service_name"}));
  EXPECT_EQ(labels->datasets_answered, 2u);
  EXPECT_EQ(labels->newest_data_ns, 200);
  ASSERT_EQ(labels->unanswered.size(), 1u);
  EXPECT_EQ(labels->unanswered[0].id, index::IdOf(3));
  request.selector = "{";
  EXPECT_EQ(metastore_->QueryLabels(context_, request).status().code(), Code::kInvalidArgument);
  request.selector.clear();
  request.reports = {{.kind = ReportKind::kPprof}};
  EXPECT_EQ(metastore_->QueryLabels(context_, request).status().code(), Code::kInvalidArgument);
}

TEST_F(MetastoreTest, BlocksByIdAndListsArePagedBehindTheBarrier) {
  std::vector<BlockMeta> blocks;
  std::vector<Ulid> ids;
  for (uint64_t n = 1; n <= 5; ++n) {
    blocks.push_back(PodsBlock(n, {"a"}));
    blocks.back().datasets[0].tenant = n % 2 == 0 ? "t" : "u";
    blocks.back().symbols.clear();
    ids.push_back(blocks.back().id);
  }
  ASSERT_TRUE(Add(blocks).ok());
  const auto got = metastore_->GetBlocks(context_, {ids[3], index::IdOf(77), ids[0]});
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->blocks.size(), 2u);
  EXPECT_EQ(got->blocks[0].id, ids[3]);
  EXPECT_EQ(got->blocks[0].datasets[0].label_sets, blocks[3].datasets[0].label_sets);
  EXPECT_EQ(got->unknown, std::vector<Ulid>{index::IdOf(77)});
  EXPECT_EQ(metastore_->GetBlocks(context_, std::vector<Ulid>(1001)).status().code(), Code::kInvalidArgument);

  std::vector<Ulid> listed;
  for (std::optional<Ulid> after; listed.size() < 9;) {
    const auto page = metastore_->ListBlocks(context_, after, 2);
    ASSERT_TRUE(page.ok());
    listed.insert(listed.end(), page->begin(), page->end());
    if (page->size() < 2) break;
    after = page->back();
  }
  EXPECT_EQ(listed, ids);
  const auto tenants = metastore_->ListTenants(context_, "", SIZE_MAX);
  ASSERT_TRUE(tenants.ok());
  ASSERT_EQ(tenants->size(), 2u);
  EXPECT_EQ(tenants->at(0).tenant, "t");
  EXPECT_EQ(tenants->at(0).stats.blocks, 2u);
  EXPECT_EQ(metastore_->ListTenants(context_, "t", SIZE_MAX)->at(0).tenant, "u");
  EXPECT_EQ(metastore_->ListTenants(context_, "", 1)->size(), 1u);
  EXPECT_TRUE(metastore_->ListTenants(context_, "u", 5)->empty());

  const int barriers = consensus_->barriers;
  consensus_->barrier_status = Unavailable("no leader");
  EXPECT_EQ(metastore_->GetBlocks(context_, {}).status().code(), Code::kUnavailable);
  EXPECT_EQ(metastore_->ListBlocks(context_, {}, 1).status().code(), Code::kUnavailable);
  EXPECT_EQ(metastore_->ListTenants(context_, "", 1).status().code(), Code::kUnavailable);
  EXPECT_EQ(metastore_->QueryLabels(context_, {.tenants = {"t"}}).status().code(), Code::kUnavailable);
  EXPECT_EQ(consensus_->barriers, barriers + 4);
  for (const char* method : {"get_blocks", "list_blocks", "list_tenants", "query_labels"}) {
    EXPECT_EQ(registry_.GetCounter("brazier_metastore_requests_total", "", {{"method", method}, {"code", "unavailable"}}).value(), 1u)
        << method;
  }
}

TEST_F(MetastoreTest, QueryLimitsApply) {
  for (uint64_t n = 1; n <= 51; ++n) ASSERT_TRUE(Add({Block(n, {n})}).ok());
  EXPECT_EQ(FindAll().status().code(), Code::kResourceExhausted);
  EXPECT_EQ(FindAll().status().reason(), "index_query_limit");
}

TEST_F(MetastoreTest, SelectionReachesTheIndex) {
  ASSERT_TRUE(Add({MakeBlock(1, {MakeDataset("t", "a", 100, 200, {1}, {"cpu"}),
                                 MakeDataset("t", "b", 100, 200, {2}, {"mem"})})}).ok());
  const auto found = metastore_->FindBlocks(
      context_, {.tenants = {"t"}, .start_ns = 200, .end_ns = 300, .service = "b", .profile_type = "mem"});
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->at(0).datasets.at(0).service, "b");
  EXPECT_TRUE(metastore_->FindBlocks(context_, {.tenants = {"t"}, .start_ns = 201, .end_ns = 300})->empty());
  EXPECT_TRUE(metastore_->FindBlocks(context_, {.tenants = {"u"}, .start_ns = 0, .end_ns = 300})->empty());
}

TEST_F(MetastoreTest, TenantStats) {
  EXPECT_FALSE(metastore_->GetTenantStats(context_, "t")->data_ingested);
  ASSERT_TRUE(Add({Block(1, {1})}).ok());
  const auto stats = metastore_->GetTenantStats(context_, "t");
  EXPECT_TRUE(stats->data_ingested);
  EXPECT_EQ(stats->oldest_ns, 100);
  EXPECT_EQ(stats->newest_ns, 200);
  EXPECT_EQ(stats->blocks, 1u);
  EXPECT_EQ(stats->bytes, 450u + 64u);
}

TEST_F(MetastoreTest, MembersLiveByHeartbeats) {
  const Member member{.id = "host-1", .roles = {"segment-writer"}};
  ASSERT_TRUE(metastore_->Heartbeat(context_, member).ok());
  const auto list = metastore_->Members(context_);
  ASSERT_EQ(list->members.size(), 1u);
  EXPECT_GT(list->version, static_cast<uint64_t>(index::kTestTime / kNsPerMs));
  clock_.now_ns += MemberList::kTtlMs * kNsPerMs + 1;
  EXPECT_TRUE(metastore_->Members(context_)->members.empty());
  EXPECT_GT(metastore_->Members(context_)->version, list->version);
}

TEST_F(MetastoreTest, OnlyTheLeaderKnowsTheMembers) {
  consensus_->status = {.is_leader = false, .leader_id = 3};
  const Status status = metastore_->Heartbeat(context_, {.id = "a"});
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("node 0000000000000003"), std::string::npos);
  EXPECT_EQ(metastore_->Members(context_).status().code(), Code::kUnavailable);
  consensus_->status = {.is_leader = false, .leader_id = 0};
  EXPECT_TRUE(metastore_->Heartbeat(context_, {.id = "a"}).ok()) << "nobody leads yet";
  consensus_->status = {.is_leader = false, .leader_id = 0, .is_stalled = true};
  EXPECT_EQ(metastore_->Heartbeat(context_, {.id = "a"}).reason(), "not_leader") << "others may lead";
  EXPECT_EQ(metastore_->Members(context_).status().reason(), "not_leader");
}

TEST_F(MetastoreTest, ReadyMeansCanServe) {
  EXPECT_TRUE(metastore_->Ready().ok());
  consensus_->status = {.is_leader = false, .leader_id = 3};
  EXPECT_TRUE(metastore_->Ready().ok());
  consensus_->status = {.is_leader = false, .leader_id = 0};
  EXPECT_EQ(metastore_->Ready().code(), Code::kUnavailable);
}

TEST_F(MetastoreTest, OutcomesAreCounted) {
  ASSERT_TRUE(Add({Block(1, {1, 1})}).ok());
  ASSERT_TRUE(Add({Block(1, {1, 1})}).ok());
  BlockMeta bad = Block(2, {});
  bad.size = 0;
  EXPECT_FALSE(Add({bad}).ok());
  const std::string page = registry_.Render();
  for (const char* line :
       {"brazier_metastore_blocks_added_total 1", "brazier_metastore_blocks_repeated_total 1",
        "brazier_metastore_profiles_hidden_total 1", "brazier_metastore_dedup_window_bytes 32",
        "brazier_metastore_apply_duration_seconds_count 2"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << "\n" << page;
  }
  EXPECT_NE(page.find("code=\"invalid_argument\""), std::string::npos);
}

}  // namespace
}  // namespace brazier::metastore
