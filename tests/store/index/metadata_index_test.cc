#include "store/index/metadata_index.h"

#include "store/index/index_keys.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

using Hidden = std::vector<std::vector<uint32_t>>;

class MetadataIndexTest : public testing::Test {
 protected:
  // Hidden positions of the only block of an AddBlocks that must succeed.
  Hidden AddOne(const BlockMeta& block, int64_t time_ns = kTestTime, const DedupBounds& dedup = {}) {
    const auto added = index_.Add({block}, time_ns, dedup);
    EXPECT_TRUE(added.ok()) << added.status().ToString();
    return added.ok() && added->size() == 1 ? added->front().hidden_profiles : Hidden{};
  }
  std::vector<BlockMeta> FindAll(const std::string& tenant = "t") {
    const auto found = index_.Find({.tenants = {tenant}, .start_ns = 0, .end_ns = INT64_MAX});
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? *found : std::vector<BlockMeta>{};
  }
  static BlockMeta Block(uint64_t n, std::vector<uint64_t> identities) {
    return MakeBlock(n, {MakeDataset("t", "s", 100, 200, std::move(identities))});
  }
  IndexUnderTest index_;
};

TEST_F(MetadataIndexTest, FoundAsAddedButForIdentities) {
  BlockMeta block = MakeBlock(5, {MakeDataset("t", "s", 100, 200, {1, 2}, {"cpu", "mem"}),
                                  MakeDataset("t", "v", 150, 400, {3})});
  EXPECT_EQ(AddOne(block), (Hidden{{}, {}}));
  for (DatasetMeta& dataset : block.datasets) dataset.identities.clear();
  EXPECT_EQ(FindAll(), std::vector<BlockMeta>{block});
  EXPECT_EQ(FindAll()[0].ObjectKey(), block.ObjectKey());
}

TEST_F(MetadataIndexTest, BlocksAboveLevel0KeepTheirKey) {
  BlockMeta block = Block(5, {1});
  block.level = 3;
  AddOne(block);
  ASSERT_EQ(FindAll().size(), 1u);
  EXPECT_EQ(FindAll()[0].ObjectKey(), block.ObjectKey());
  EXPECT_EQ(FindAll()[0].level, 3u);
}

TEST_F(MetadataIndexTest, TheSameBlockAgainChangesNothing) {
  AddOne(Block(1, {1, 2, 3}));
  EXPECT_EQ(AddOne(Block(2, {3, 4})), Hidden{{0}});
  const std::string before = index_.Dump();
  const auto again = index_.Add({Block(2, {3, 4}), Block(1, {1, 2, 3})}, kTestTime + kMinute);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->at(0).already_known);
  EXPECT_EQ(again->at(0).hidden_profiles, Hidden{{0}});
  EXPECT_TRUE(again->at(1).already_known);
  EXPECT_EQ(again->at(1).hidden_profiles, Hidden{{}});
  EXPECT_EQ(index_.Dump(), before);
}

TEST_F(MetadataIndexTest, TheSameBlockTwiceInOneCommand) {
  const auto added = index_.Add({Block(1, {1}), Block(1, {1})});
  ASSERT_TRUE(added.ok());
  EXPECT_FALSE(added->at(0).already_known);
  EXPECT_TRUE(added->at(1).already_known);
  EXPECT_EQ(added->at(1).hidden_profiles, Hidden{{}});
  EXPECT_EQ(FindAll().size(), 1u);
}

TEST_F(MetadataIndexTest, CommandsOfOneRoundSeeEachOther) {
  const auto answers = index_.Round({CommandOf({Block(1, {1, 2})}), CommandOf({Block(1, {1, 2})}),
                                     CommandOf({Block(2, {2, 3})})});
  EXPECT_FALSE(DecodeAddBlocksAnswer(answers[0])->at(0).already_known);
  EXPECT_TRUE(DecodeAddBlocksAnswer(answers[1])->at(0).already_known);
  EXPECT_EQ(DecodeAddBlocksAnswer(answers[2])->at(0).hidden_profiles, Hidden{{0}});
  const auto summary = ReadTenantSummary(index_.store(), "t");
  EXPECT_EQ(summary->blocks, 2u);
}

TEST_F(MetadataIndexTest, ARoundEndsTheSameHoweverItIsCut) {
  std::vector<std::string> commands;
  for (uint64_t n = 0; n < 12; ++n) commands.push_back(CommandOf({Block(n / 2, {n, n + 1})}));
  IndexUnderTest one_by_one, together;
  std::vector<std::string> answers;
  for (const std::string& command : commands) answers.push_back(one_by_one.Round({command})[0]);
  EXPECT_EQ(together.Round(commands), answers);
  EXPECT_EQ(together.Dump(), one_by_one.Dump());
}

// The store may confirm an earlier command while later ones are still only in the next batch.
TEST_F(MetadataIndexTest, AppliedForgetsOnlyWhatIsInTheStore) {
  kv::WriteBatch first, second;
  index_.index().Apply(100, CommandOf({Block(1, {1})}), first);
  index_.index().Apply(101, CommandOf({Block(2, {2})}), second);
  ASSERT_TRUE(index_.store().Write(first, false).ok());
  index_.index().Applied(100);
  const auto answer =
      DecodeAddBlocksAnswer(index_.index().Apply(102, CommandOf({Block(2, {2}), Block(1, {1})}), second));
  EXPECT_TRUE(answer->at(0).already_known);
  EXPECT_TRUE(answer->at(1).already_known);
}

TEST_F(MetadataIndexTest, RepeatsAreHiddenAcrossBlocksServicesAndWithinABlock) {
  EXPECT_EQ(AddOne(Block(1, {1, 2, 1})), (Hidden{{2}}));
  const BlockMeta other = MakeBlock(2, {MakeDataset("t", "a", 1, 2, {9, 2}),
                                        MakeDataset("t", "b", 1, 2, {9, 10, 10, 1})});
  EXPECT_EQ(AddOne(other), (Hidden{{1}, {0, 2, 3}}));
  const auto found = FindAll();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].datasets[0].hidden_profiles, (std::vector<uint32_t>{2}));
  EXPECT_EQ(found[1].datasets[1].hidden_profiles, (std::vector<uint32_t>{0, 2, 3}));
  EXPECT_EQ(index_.index().profiles_hidden(), 5u);
}

TEST_F(MetadataIndexTest, HiddenProfilesOfTheWriterStayHidden) {
  BlockMeta block = Block(1, {1, 2, 3, 2});
  block.datasets[0].hidden_profiles = {0, 3};
  EXPECT_EQ(AddOne(block), (Hidden{{0, 3}}));
}

TEST_F(MetadataIndexTest, ProfilesWithoutIdentityAreNeverHidden) {
  BlockMeta block = Block(1, {1, 2});
  block.datasets[0].identities = {Hash128{}, Hash128{}};
  EXPECT_EQ(AddOne(block), Hidden{{}});
  block.id = IdOf(2);
  EXPECT_EQ(AddOne(block), Hidden{{}});
  block.id = IdOf(3);
  block.datasets[0].identities.clear();
  EXPECT_EQ(AddOne(block), Hidden{{}});
  EXPECT_EQ(index_.index().window_identities(), 0u);
}

TEST_F(MetadataIndexTest, FullyHiddenDatasetsAreKeptButNotFound) {
  AddOne(Block(1, {1, 2}));
  AddOne(Block(2, {2, 1}));
  ASSERT_EQ(FindAll().size(), 1u);
  EXPECT_EQ(FindAll()[0].id, IdOf(1));
  EXPECT_TRUE(index_.Add({Block(2, {2, 1})})->at(0).already_known);
  EXPECT_EQ(ReadTenantSummary(index_.store(), "t")->blocks, 2u);
}

TEST_F(MetadataIndexTest, IdentitiesAreForgottenAfterTheWindow) {
  AddOne(Block(1, {1}), kTestTime);
  EXPECT_EQ(AddOne(Block(2, {1}), kTestTime + 10 * kMinute), Hidden{{0}}) << "still inside";
  // Seen again by block 2, so remembered from then on.
  EXPECT_EQ(AddOne(Block(3, {1}), kTestTime + 19 * kMinute), Hidden{{0}});
  EXPECT_EQ(AddOne(Block(4, {1}), kTestTime + 30 * kMinute), Hidden{{}});
}

TEST_F(MetadataIndexTest, TheWindowsLengthComesWithTheCommand) {
  const DedupBounds minute{.window_ns = kMinute};
  AddOne(Block(1, {1}), kTestTime, minute);
  EXPECT_EQ(AddOne(Block(2, {1}), kTestTime + kMinute + 1, minute), Hidden{{}});
  EXPECT_EQ(AddOne(Block(3, {1}), kTestTime + 9 * kMinute, {}), Hidden{{0}});
  EXPECT_EQ(AddOne(Block(4, {1}), kTestTime + 9 * kMinute, {.window_ns = 0}), Hidden{{}});
}

TEST_F(MetadataIndexTest, TheOldestIdentitiesAreDroppedOverTheBytes) {
  const DedupBounds bounds{.bytes_max = 4 * 16};
  AddOne(Block(1, {1, 2}), kTestTime, bounds);
  AddOne(Block(2, {3, 4}), kTestTime, bounds);
  EXPECT_EQ(index_.index().window_identities(), 4u);
  AddOne(Block(3, {5}), kTestTime, bounds);
  EXPECT_EQ(index_.index().window_identities(), 3u);
  EXPECT_EQ(AddOne(Block(4, {1, 3}), kTestTime, bounds), Hidden{{1}});
}

TEST_F(MetadataIndexTest, TheNewestBlockIsRememberedWhateverTheBytes) {
  const DedupBounds none{.bytes_max = 0};
  AddOne(Block(1, {1, 2, 3}), kTestTime, none);
  EXPECT_EQ(AddOne(Block(2, {3}), kTestTime, none), Hidden{{0}});
  EXPECT_EQ(AddOne(Block(3, {1}), kTestTime, none), Hidden{{}});
}

TEST_F(MetadataIndexTest, ManyEntriesAreForgottenAtOnce) {
  for (uint64_t n = 1; n <= 100; ++n) AddOne(Block(n, {n}));
  AddOne(Block(200, {1000}), kTestTime + 20 * kMinute);
  EXPECT_EQ(index_.index().window_identities(), 1u);
  size_t left = 0;
  ASSERT_TRUE(index_.store()
                  .Scan(kv::Family::kState, WindowPrefix(), PrefixEnd(WindowPrefix()),
                        [&](auto, auto) { return ++left, true; })
                  .ok());
  EXPECT_EQ(left, 1u);
  EXPECT_EQ(AddOne(Block(201, {50})), Hidden{{}});
}

TEST_F(MetadataIndexTest, ClocksThatGoBackChangeNothing) {
  AddOne(Block(1, {1}), kTestTime);
  EXPECT_EQ(AddOne(Block(2, {1, 2}), kTestTime - 60 * kMinute), Hidden{{0}});
  index_.Restart();
  EXPECT_EQ(AddOne(Block(3, {2}), kTestTime - 90 * kMinute), Hidden{{0}});
  EXPECT_EQ(AddOne(Block(4, {1}), 0), Hidden{{0}});
}

TEST_F(MetadataIndexTest, RestartsForgetNothing) {
  AddOne(Block(1, {1, 2}));
  AddOne(Block(2, {2, 3}));
  const std::string before = index_.Dump();
  index_.Restart(/*hash_seed=*/99);
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(index_.index().window_identities(), 4u);
  EXPECT_TRUE(index_.Add({Block(1, {1, 2})})->at(0).already_known);
  EXPECT_EQ(AddOne(Block(3, {1, 2, 3, 4})), (Hidden{{0, 1, 2}}));
}

TEST_F(MetadataIndexTest, ARefusedCommandWritesNothing) {
  AddOne(Block(1, {1}));
  const std::string before = index_.Dump();
  BlockMeta bad = Block(3, {3});
  bad.datasets[0].max_time_ns = 1;
  for (const std::string& command :
       {std::string(), std::string("garbage"), CommandOf({Block(2, {2}), bad}),
        CommandOf({Block(2, {2})}).substr(1), CommandOf({Block(2, {2})}) + "x"}) {
    EXPECT_FALSE(index_.Apply(command).ok());
    EXPECT_EQ(index_.Dump(), before);
  }
  EXPECT_EQ(AddOne(Block(2, {2})), Hidden{{}}) << "a refused command must not remember identities";
}

TEST_F(MetadataIndexTest, ACommandOfNoBlocksIsFine) {
  const auto added = index_.Add({});
  ASSERT_TRUE(added.ok());
  EXPECT_TRUE(added->empty());
}

TEST_F(MetadataIndexTest, HostileCommandsNeverCrash) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::mt19937_64 rng(seed);
    IndexUnderTest index;
    const std::string good = CommandOf({Block(seed, {1, 2}), MakeBlock(seed + 9, {
        MakeDataset("t", "s", 1, 2, {3}), MakeDataset("u", "v", 5, 6, {4})})});
    size_t accepted = 0;
    for (int i = 0; i < 4000; ++i) {
      std::string command = good;
      switch (rng() % 3) {
        case 0: command.resize(rng() % command.size()); break;
        case 1: command[rng() % command.size()] ^= static_cast<char>(1u << rng() % 8); break;
        default:
          for (int n = 0; n < 3; ++n) command[rng() % command.size()] = static_cast<char>(rng());
      }
      accepted += index.Apply(command).ok();
    }
    // Flips in times and ids make valid commands, so the loop reaches further than the decoder.
    EXPECT_GT(accepted, 10u) << "seed " << seed;
    const std::string dump = index.Dump();
    index.Restart();
    EXPECT_EQ(index.Dump(), dump);
    EXPECT_TRUE(index.Find({.tenants = {"t", "u"}, .start_ns = 0, .end_ns = INT64_MAX}).ok());
  }
}

// More services than are cached: the entries must be the same as without a cache.
TEST_F(MetadataIndexTest, ManyServicesKeepTheirClasses) {
  const auto service = [](size_t s) { return "service-" + std::to_string(s); };
  const size_t services = MetadataIndex::kServicesCachedMax + 100;
  constexpr size_t kPerBlock = 4000;
  for (size_t s = 0; s < services; s += kPerBlock) {
    std::vector<DatasetMeta> datasets;
    for (size_t i = s; i < std::min(services, s + kPerBlock); ++i) {
      datasets.push_back(MakeDataset("t", service(i), 100, 200, {}));
    }
    AddOne(MakeBlock(s + 1, datasets));
  }
  AddOne(MakeBlock(7'000'001, {MakeDataset("t", service(0), 100, 100 + 60 * kMinute, {}),
                               MakeDataset("t", service(services - 1), 100, 100 + 60 * kMinute, {})}));
  EXPECT_EQ(ListServices(index_.store(), "t")->size(), services);
  for (size_t s : {size_t{0}, services - 1}) {
    const auto found = index_.Find(
        {.tenants = {"t"}, .start_ns = 150, .end_ns = 160, .service = service(s)});
    EXPECT_EQ(found->size(), 2u) << "the short dataset and the long one";
  }
}

TEST_F(MetadataIndexTest, StateOfALaterVersionIsRefused) {
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, VersionKey(), "4");
  ASSERT_TRUE(index_.store().Write(batch, false).ok());
  const auto opened = MetadataIndex::Open(index_.store(), 0);
  EXPECT_EQ(opened.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(opened.status().message().find("version \"4\""), std::string::npos);
}

TEST_F(MetadataIndexTest, ADamagedWindowIsCorruption) {
  AddOne(Block(1, {1}));
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, WindowKey(kTestTime + 5, IdOf(9)), "not sixteen");
  ASSERT_TRUE(index_.store().Write(batch, false).ok());
  EXPECT_EQ(MetadataIndex::Open(index_.store(), 0).status().code(), Code::kCorruption);
}

TEST_F(MetadataIndexTest, ARestoredStateLeavesNothingOfTheOldOne) {
  const auto block = [](uint64_t n, std::string service, std::vector<uint64_t> identities) {
    return MakeBlock(n, {MakeDataset("t", std::move(service), 100, 200, std::move(identities))});
  };
  IndexUnderTest other;
  for (uint64_t n = 1; n <= 10; ++n) ASSERT_TRUE(other.Add({block(n, "theirs", {n})}).ok());
  for (uint64_t n = 11; n <= 15; ++n) ASSERT_TRUE(index_.Add({block(n, "ours", {n})}).ok());
  ASSERT_TRUE(index_.TakeStateOf(other).ok());
  EXPECT_EQ(index_.Dump(), other.Dump());
  EXPECT_EQ(index_.index().window_identities(), 10u);
  // Known and unknown blocks, identities and services, of either history.
  const std::string command = CommandOf({block(1, "theirs", {1}), block(11, "ours", {11, 20}),
                                         block(21, "ours", {3, 12}), block(22, "theirs", {20})});
  EXPECT_EQ(index_.Round({command}), other.Round({command}));
  EXPECT_EQ(index_.Dump(), other.Dump());
  EXPECT_EQ(index_.Find({.tenants = {"t"}, .start_ns = 0, .end_ns = 1000, .service = "ours"})->size(),
            2u);
}

TEST_F(MetadataIndexTest, ARestoredStateOfALaterVersionIsRefused) {
  IndexUnderTest other;
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, VersionKey(), "4");
  ASSERT_TRUE(other.store().Write(batch, false).ok());
  EXPECT_EQ(index_.TakeStateOf(other).code(), Code::kFailedPrecondition);
}

TEST_F(MetadataIndexTest, OtherKeysOfTheFamilyAreLeftAlone) {
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, "h", "before");
  batch.Put(kv::Family::kState, "j", "after");
  ASSERT_TRUE(index_.store().Write(batch, false).ok());
  index_.Restart();
  EXPECT_EQ(index_.Dump(), "");
  for (uint64_t n = 1; n <= 40; ++n) AddOne(Block(n, {n}));
  AddOne(Block(50, {50}), kTestTime + 60 * kMinute);
  EXPECT_EQ(*index_.store().Get(kv::Family::kState, "h"), "before");
  EXPECT_EQ(*index_.store().Get(kv::Family::kState, "j"), "after");
}

}  // namespace
}  // namespace brazier::index
