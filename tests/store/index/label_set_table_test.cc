// Numbers of label sets: equal for equal states, distinct for distinct sets, also when hashes collide.
#include "store/index/label_set_table.h"

#include <map>

#include "store/index/index_entries.h"
#include "store/index/index_keys.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

struct MapAccess final : StateAccess {
  bool Read(const std::string& key, std::string* value) const override {
    ++reads;
    const auto it = state.find(key);
    if (it == state.end()) return false;
    *value = it->second;
    return true;
  }
  void Write(std::string key, std::string value) override { state[std::move(key)] = std::move(value); }
  std::map<std::string, std::string> state;
  mutable int reads = 0;
};

Labels Pod(const std::string& name) { return Labels(std::vector<Label>{{"pod", name}}); }

std::string KeyOf(const Labels& labels, uint32_t attempt) {
  std::string key = LabelSetPrefix("t", "s", 0);
  AppendLabelSetNumber(key, LabelSetNumber(labels, attempt));
  return key;
}

TEST(LabelSetTable, ASetIsWrittenOnceAndItsNumberIsItsHash) {
  MapAccess access;
  LabelSetTable table;
  const auto numbers = table.Intern("t", "s", 5, {Pod("a"), Pod("b")}, access);
  ASSERT_TRUE(numbers.has_value());
  EXPECT_EQ(*numbers, (std::vector<uint32_t>{LabelSetNumber(Pod("a"), 0), LabelSetNumber(Pod("b"), 0)}));
  EXPECT_EQ(access.state.size(), 2u);
  EXPECT_EQ(access.state[KeyOf(Pod("a"), 0)], EncodeLabelSet(Pod("a")));
  const int reads = access.reads;
  EXPECT_EQ(table.Intern("t", "s", 6, {Pod("b")}, access)->at(0), numbers->at(1));
  EXPECT_EQ(access.reads, reads) << "known sets cost no read";
  // A table that does not remember finds the same.
  EXPECT_EQ(*LabelSetTable().Intern("t", "s", 7, {Pod("a"), Pod("b")}, access), *numbers);
  EXPECT_EQ(access.state.size(), 2u);
}

TEST(LabelSetTable, EachTenantServiceAndDayHasItsOwn) {
  MapAccess access;
  LabelSetTable table;
  for (const char* tenant : {"t", "u"}) {
    for (const char* service : {"s", "r"}) {
      for (int64_t day : {0, 1}) table.Intern(tenant, service, day * kDayNs + 1, {Pod("a")}, access);
    }
  }
  EXPECT_EQ(access.state.size(), 8u);
}

TEST(LabelSetTable, CollidingSetsTakeTheNextNumber) {
  MapAccess access;
  access.state[KeyOf(Pod("a"), 0)] = EncodeLabelSet(Pod("x"));
  access.state[KeyOf(Pod("a"), 1)] = EncodeLabelSet(Pod("y"));
  for (int round = 0; round < 2; ++round) {
    LabelSetTable table;
    const auto numbers = table.Intern("t", "s", 0, {Pod("a")}, access);
    ASSERT_TRUE(numbers.has_value());
    EXPECT_EQ(numbers->at(0), LabelSetNumber(Pod("a"), 2));
  }
  EXPECT_EQ(access.state.size(), 3u);
}

TEST(LabelSetTable, ASetThatFindsNoNumberLeavesTheDatasetUnlisted) {
  MapAccess access;
  for (uint32_t i = 0; i < LabelSetTable::kProbesMax; ++i) access.state[KeyOf(Pod("a"), i)] = EncodeLabelSet(Pod(std::to_string(i)));
  LabelSetTable table;
  EXPECT_FALSE(table.Intern("t", "s", 0, {Pod("a")}, access).has_value());
  EXPECT_TRUE(table.Intern("t", "s", 0, {Pod("b")}, access).has_value());
}

TEST(LabelSetTable, TheCacheStartsAnewWhenItIsFull) {
  MapAccess access;
  LabelSetTable table;
  const std::string large(1 << 20, 'x');
  std::vector<uint32_t> first;
  for (int i = 0; i < 40; ++i) first.push_back(table.Intern("t", "s", 0, {Pod(large + std::to_string(i))}, access)->at(0));
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(table.Intern("t", "s", 0, {Pod(large + std::to_string(i))}, access)->at(0), first[static_cast<size_t>(i)]);
  }
  EXPECT_EQ(access.state.size(), 40u);
}

// The index with such a state: a dataset whose set finds no number is answered by its block.
TEST(LabelSetTable, TheIndexMarksSuchADataset) {
  IndexUnderTest index;
  kv::WriteBatch batch;
  for (uint32_t i = 0; i < LabelSetTable::kProbesMax; ++i) {
    batch.Put(kv::Family::kState, KeyOf(Pod("a"), i), EncodeLabelSet(Pod(std::to_string(i))));
  }
  ASSERT_TRUE(index.store().Write(batch, false).ok());
  BlockMeta block = MakeBlock(1, {MakeDataset("t", "s", 1, 2, {1})});
  block.datasets[0].lists_label_sets = true;
  block.datasets[0].label_sets = {Pod("a")};
  ASSERT_TRUE(index.Add({block}).ok());
  EXPECT_FALSE(ReadBlock(index.store(), block.id)->datasets[0].lists_label_sets);
  const auto answer = QueryLabels(index.store(), {.tenants = {"t"}, .start_ns = 0, .end_ns = 9}, {{.kind = ReportKind::kLabelNames}});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->unanswered.size(), 1u);
}

TEST(LabelSetTable, AMissingOrDamagedSetIsCorruption) {
  IndexUnderTest index;
  BlockMeta block = MakeBlock(1, {MakeDataset("t", "s", 1, 2, {1})});
  block.datasets[0].lists_label_sets = true;
  block.datasets[0].label_sets = {Pod("a")};
  ASSERT_TRUE(index.Add({block}).ok());
  const auto query = [&] {
    return QueryLabels(index.store(), {.tenants = {"t"}, .start_ns = 0, .end_ns = 9}, {{.kind = ReportKind::kSeries}}).status().code();
  };
  EXPECT_EQ(query(), Code::kOk);
  kv::WriteBatch damage;
  damage.Put(kv::Family::kState, KeyOf(Pod("a"), 0), "?");
  ASSERT_TRUE(index.store().Write(damage, false).ok());
  EXPECT_EQ(query(), Code::kCorruption);
  kv::WriteBatch removal;
  removal.Delete(kv::Family::kState, KeyOf(Pod("a"), 0));
  ASSERT_TRUE(index.store().Write(removal, false).ok());
  EXPECT_EQ(query(), Code::kCorruption);
  EXPECT_EQ(ReadBlock(index.store(), block.id).status().code(), Code::kCorruption);
}

// A state of version 1 goes on as version 2, wherever the member restarted.
}  // namespace
}  // namespace brazier::index
