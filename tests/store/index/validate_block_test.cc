#include "store/index/validate_block.h"

#include <functional>

#include "common/model/tenant.h"
#include "store/index/index_limits.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

BlockMeta Good() {
  return MakeBlock(1, {MakeDataset("a", "x", 100, 200, {1, 2, 3}, {"cpu", "mem"}),
                       MakeDataset("a", "y", 150, 300, {4}), MakeDataset("b", "", 50, 60, {5})});
}

Labels LabelsOf(std::string name, std::string value) { return Labels(std::vector<Label>{{std::move(name), std::move(value)}}); }

TEST(ValidateBlockTest, AcceptsWhatWritersMake) {
  EXPECT_TRUE(ValidateBlock(Good()).ok());
  BlockMeta block = Good();
  block.datasets[0].hidden_profiles = {0, 2};
  EXPECT_TRUE(ValidateBlock(block).ok());
  for (DatasetMeta& dataset : block.datasets) dataset.identities.clear();
  EXPECT_TRUE(ValidateBlock(block).ok()) << "blocks from footers have no identities";
  block.datasets[1].lists_label_sets = true;
  EXPECT_TRUE(ValidateBlock(block).ok());
  block.datasets[1].label_sets = {Labels(), Labels(std::vector<Label>{{"pod", "a"}})};
  EXPECT_TRUE(ValidateBlock(block).ok());
  for (const SectionKind kind : {SectionKind::kSampleChunk, SectionKind::kHourSamples, SectionKind::kDaySamples}) {
    block.datasets[1].sections[2] = {kind, 1, 150, 300, 1000, 3, /*row_count=*/7, /*min_time_ns=*/100, /*max_time_ns=*/200};
    EXPECT_TRUE(ValidateBlock(block).ok());
  }
  block.datasets[1].sections[2].kind = SectionKind{77};
  EXPECT_TRUE(ValidateBlock(block).ok()) << "of a later version";
  block.datasets[1].label_sets = {LabelsOf("pod", std::string(kLabelTextBytesMax, 'x'))};
  EXPECT_TRUE(ValidateBlock(block).ok());
  block = MakeBlock(1, {MakeDataset("a", "x", 0, 0, {})});
  block.level = 1;
  EXPECT_TRUE(ValidateBlock(block).ok());
}

void ListLabelSets(DatasetMeta& dataset, std::vector<Labels> sets) {
  dataset.lists_label_sets = true;
  dataset.label_sets = std::move(sets);
}

struct Case {
  const char* name;
  const char* says;
  std::function<void(BlockMeta&)> spoil;
};

class ValidateBlockRefuses : public testing::TestWithParam<Case> {};

TEST_P(ValidateBlockRefuses, WithAReason) {
  BlockMeta block = Good();
  GetParam().spoil(block);
  const Status status = ValidateBlock(block);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find(GetParam().says), std::string::npos) << status.message();
  EXPECT_TRUE(status.message().starts_with("block ")) << status.message();
}

INSTANTIATE_TEST_SUITE_P(
    , ValidateBlockRefuses,
    testing::Values(
        Case{"LabelSetsNotListed", "does not list",
             [](BlockMeta& b) { b.datasets[0].label_sets = {LabelsOf("pod", "a")}; }},
        Case{"LabelSetsUnsorted", "label sets are not sorted",
             [](BlockMeta& b) { ListLabelSets(b.datasets[0], {LabelsOf("pod", "b"), LabelsOf("pod", "a")}); }},
        Case{"LabelSetRepeated", "or repeat",
             [](BlockMeta& b) { ListLabelSets(b.datasets[0], {LabelsOf("pod", "a"), LabelsOf("pod", "a")}); }},
        Case{"LabelSetBytes", "bytes of label sets 524292",
             [](BlockMeta& b) { ListLabelSets(b.datasets[0], {LabelsOf("pods", std::string(512 << 10, 'x'))}); }},
        Case{"LabelSetBytesOfTheBlock", "label sets of its datasets 4200070",
             [](BlockMeta& b) {
               b = MakeBlock(1, {});
               b.max_time_ns = 1;
               b.min_time_ns = 0;
               for (int i = 0; i < 10; ++i) {
                 b.datasets.push_back(MakeDataset("t", std::string(1, static_cast<char>('a' + i)), 0, 1, {}));
                 std::vector<Labels> sets;
                 for (char c = '0'; c < '7'; ++c) sets.push_back(LabelsOf("p", std::string(59'999, 'x') + c));
                 ListLabelSets(b.datasets.back(), std::move(sets));
               }
               b.symbols.clear();
               b.size = 4096;
             }},
        Case{"LongLabelValue", "label's value 65537",
             [](BlockMeta& b) { ListLabelSets(b.datasets[0], {LabelsOf("pod", std::string(kLabelTextBytesMax + 1, 'x'))}); }},
        Case{"LongLabelName", "label's name 65537",
             [](BlockMeta& b) { ListLabelSets(b.datasets[0], {LabelsOf(std::string(kLabelTextBytesMax + 1, 'x'), "a")}); }},
        Case{"TooManyLabels", "labels of a set 1025",
             [](BlockMeta& b) {
               std::vector<Label> labels;
               for (int i = 0; i < 1025; ++i) labels.push_back({"n" + std::to_string(i), "v"});
               ListLabelSets(b.datasets[0], {Labels(std::move(labels))});
             }},
        Case{"ChunkWithoutRows", "a chunk of no rows",
             [](BlockMeta& b) { b.datasets[0].sections[2].kind = SectionKind::kSampleChunk; }},
        Case{"ChunkTimes", "a chunk: times",
             [](BlockMeta& b) {
               SectionRef& section = b.datasets[0].sections[2];
               section.kind = SectionKind::kDaySamples;
               section.row_count = 1;
               section.min_time_ns = 2;
               section.max_time_ns = 1;
             }},
        Case{"RowsOfNoChunk", "no chunk", [](BlockMeta& b) { b.datasets[0].sections[1].row_count = 1; }},
        Case{"TimesOfNoChunk", "no chunk", [](BlockMeta& b) { b.symbols[0].section.max_time_ns = 1; }},
        Case{"ZeroId", "id is zero", [](BlockMeta& b) { b.id = Ulid{}; }},
        Case{"Level", "level 65", [](BlockMeta& b) { b.level = 65; }},
        Case{"Size", "object's size", [](BlockMeta& b) { b.size = UINT64_MAX; }},
        Case{"NegativeTime", "times", [](BlockMeta& b) { b.min_time_ns = -1; }},
        Case{"ReversedTime", "times", [](BlockMeta& b) { b.max_time_ns = b.min_time_ns - 1; }},
        Case{"NoDatasets", "no datasets", [](BlockMeta& b) { b.datasets.clear(); }},
        Case{"NoTenant", "tenant is empty", [](BlockMeta& b) { b.datasets[0].tenant.clear(); }},
        Case{"LongTenant", "tenant's length 151",
             [](BlockMeta& b) { b.datasets[2].tenant = std::string(kTenantBytesMax + 1, 'z'); }},
        Case{"LongService", "service's length",
             [](BlockMeta& b) { b.datasets[2].service = std::string(4097, 'z'); }},
        Case{"DatasetTimes", "dataset 1", [](BlockMeta& b) { b.datasets[1].min_time_ns = 301; }},
        Case{"DatasetNegativeTime", "times",
             [](BlockMeta& b) { b.datasets[2].min_time_ns = INT64_MIN; }},
        Case{"DatasetBeforeBlock", "not inside the block's",
             [](BlockMeta& b) { b.datasets[2].min_time_ns = 49; }},
        Case{"DatasetAfterBlock", "not inside the block's",
             [](BlockMeta& b) { b.datasets[1].max_time_ns = 301; }},
        Case{"Unsorted", "not sorted", [](BlockMeta& b) { std::swap(b.datasets[0], b.datasets[1]); }},
        Case{"Repeated", "repeat", [](BlockMeta& b) { b.datasets[1] = b.datasets[0]; }},
        Case{"TenantsAboveLevel0", "several tenants", [](BlockMeta& b) { b.level = 1; }},
        Case{"SectionPastEnd", "outside the object",
             [](BlockMeta& b) { b.datasets[0].sections[0].offset = 4000; }},
        Case{"SectionOverflow", "outside the object",
             [](BlockMeta& b) {
               b.datasets[0].sections[0].offset = 10;
               b.datasets[0].sections[0].size = UINT64_MAX - 5;
             }},
        Case{"SectionKindZero", "kind 0",
             [](BlockMeta& b) { b.datasets[0].sections[1].kind = SectionKind{0}; }},
        Case{"SectionRawSize", "raw size",
             [](BlockMeta& b) { b.datasets[0].sections[1].raw_size = UINT64_MAX; }},
        Case{"TooManySections", "number of sections 16385",
             [](BlockMeta& b) { b.datasets[0].sections.resize(kSectionsPerDatasetMax + 1); }},
        Case{"TypesUnsorted", "profile types are not sorted",
             [](BlockMeta& b) { b.datasets[0].profile_types = {"mem", "cpu"}; }},
        Case{"TypesRepeated", "profile types are not sorted",
             [](BlockMeta& b) { b.datasets[0].profile_types = {"cpu", "cpu"}; }},
        Case{"LongType", "profile type's length",
             [](BlockMeta& b) { b.datasets[0].profile_types = {std::string(1025, 'p')}; }},
        Case{"TooManyTypes", "number of profile types",
             [](BlockMeta& b) { b.datasets[0].profile_types.resize(1025); }},
        Case{"TooManyProfiles", "number of profiles",
             [](BlockMeta& b) { b.datasets[0].profile_count = kProfilesPerDatasetMax + 1; }},
        Case{"IdentityMissing", "2 identities for 3 profiles",
             [](BlockMeta& b) { b.datasets[0].identities.pop_back(); }},
        Case{"IdentityTooMany", "identities for 0 profiles",
             [](BlockMeta& b) { b.datasets[0].profile_count = 0; }},
        Case{"HiddenOutside", "hidden profile 3 of 3",
             [](BlockMeta& b) { b.datasets[0].hidden_profiles = {3}; }},
        Case{"HiddenUnsorted", "not ascending",
             [](BlockMeta& b) { b.datasets[0].hidden_profiles = {1, 0}; }},
        Case{"HiddenRepeated", "not ascending",
             [](BlockMeta& b) { b.datasets[0].hidden_profiles = {1, 1}; }},
        Case{"SymbolsUnsorted", "symbols are not sorted",
             [](BlockMeta& b) { std::swap(b.symbols[0], b.symbols[1]); }},
        Case{"SymbolsOfNobody", "without datasets", [](BlockMeta& b) { b.symbols[0].tenant = "aa"; }},
        Case{"SymbolsPastEnd", "shared symbols: a section",
             [](BlockMeta& b) { b.symbols[1].section.size = 4096; }}),
    [](const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace brazier::index
