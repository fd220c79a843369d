// Which datasets list their label sets, and that the writer lists what readers of the rows find.
#include "store/block/label_set_listing.h"

#include <gtest/gtest.h>

#include <set>

#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "tests/store/block/block_content.h"

namespace brazier::block {
namespace {

DatasetRows RowsOf(std::vector<Labels> series) {
  DatasetRows rows;
  rows.series = std::move(series);
  rows.profiles.emplace_back();
  for (uint32_t s = 0; s < rows.series.size(); ++s) rows.rows.push_back({s, 0, 1, 0, 1});
  return rows;
}

std::vector<Labels> Pods(size_t count, size_t name_bytes = 0) {
  std::vector<Labels> sets;
  for (size_t i = 0; i < count; ++i) sets.push_back(Labels(std::vector<Label>{{"pod", std::to_string(i) + std::string(name_bytes, 'x')}}));
  return sets;
}

TEST(LabelSetListing, ListsSeriesThatHaveARowSorted) {
  DatasetRows rows = RowsOf({Labels(std::vector<Label>{{"pod", "b"}}), Labels(std::vector<Label>{{"pod", "unused"}}), Labels(std::vector<Label>{{"pod", "a"}})});
  rows.rows.erase(rows.rows.begin() + 1);
  DatasetMeta meta;
  LabelSetListing().List(rows, &meta);
  EXPECT_TRUE(meta.lists_label_sets);
  EXPECT_EQ(meta.label_sets, (std::vector<Labels>{Labels(std::vector<Label>{{"pod", "a"}}), Labels(std::vector<Label>{{"pod", "b"}})}));
}

TEST(LabelSetListing, ADatasetOverALimitListsNothing) {
  const auto listed = [](const DatasetRows& rows) {
    DatasetMeta meta;
    LabelSetListing().List(rows, &meta);
    EXPECT_EQ(meta.lists_label_sets, !meta.label_sets.empty());
    return meta.lists_label_sets;
  };
  EXPECT_TRUE(listed(RowsOf(Pods(DatasetMeta::kLabelSetsMax))));
  EXPECT_FALSE(listed(RowsOf(Pods(DatasetMeta::kLabelSetsMax + 1))));
  // One string that all share: small when written, large in memory.
  std::vector<Labels> shared = Pods(20);
  for (Labels& labels : shared) labels.Set("command", std::string(DatasetMeta::kLabelSetBytesMax / 20, 'c'));
  EXPECT_FALSE(listed(RowsOf(shared)));
  shared.resize(10);
  EXPECT_TRUE(listed(RowsOf(shared)));
  EXPECT_FALSE(listed(RowsOf(Pods(100, LabelSetListing::kEncodedBytesMax / 100))));
}

TEST(LabelSetListing, DatasetsShareTheBudgetOfTheBlock) {
  LabelSetListing listing(1'000);
  DatasetMeta first, large, last;
  listing.List(RowsOf(Pods(1, 500)), &first);
  listing.List(RowsOf(Pods(1, 600)), &large);
  listing.List(RowsOf(Pods(2)), &last);
  EXPECT_TRUE(first.lists_label_sets);
  EXPECT_FALSE(large.lists_label_sets);
  EXPECT_TRUE(last.lists_label_sets) << "one that does not fit takes nothing from those after it";
}

// Whatever is listed, the encoded metadata stays in the budget.
TEST(LabelSetListing, TheBudgetBoundsTheFooter) {
  for (size_t value_bytes : {0, 10, 1000}) {
    LabelSetListing listing;
    BlockMeta with, without;
    for (int d = 0; d < 40; ++d) {
      DatasetMeta& meta = with.datasets.emplace_back();
      meta.service = "service-" + std::to_string(d);
      without.datasets.push_back(meta);
      std::vector<Labels> series = Pods(400, value_bytes);
      for (Labels& labels : series) labels.Set("service", meta.service);
      listing.List(RowsOf(series), &meta);
    }
    EXPECT_TRUE(with.datasets.front().lists_label_sets == (value_bytes < 1000));
    EXPECT_FALSE(with.datasets.back().lists_label_sets);
    EXPECT_LE(EncodeTail(with).size(), EncodeTail(without).size() + LabelSetListing::kEncodedBytesMax);
  }
}

TEST(BlockWriter, ListsTheLabelSetsOfTheRows) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    testing::RandomBatches random(seed);
    BlockWriter writer(1);
    for (int i = 0; i < 5; ++i) writer.Add(random.Next());
    const BuiltBlock built = writer.Build(Ulid{{1, seed}}, 0, 0);
    const auto footer = DecodeFooter(AsBytes(built.object));
    ASSERT_TRUE(footer.ok());
    const auto sections = BlockSections::FromObject(AsBytes(built.object), testing::ReadOf(built.meta), {.rows = true});
    ASSERT_TRUE(sections.ok());
    for (size_t d = 0; d < built.meta.datasets.size(); ++d) {
      const DatasetMeta& meta = built.meta.datasets[d];
      const auto rows = sections->Rows(d);
      ASSERT_TRUE(rows.ok());
      std::set<Labels> expected;
      for (const DatasetRow& row : rows->rows) expected.insert(rows->series[row.series]);
      ASSERT_TRUE(meta.lists_label_sets);
      EXPECT_EQ(meta.label_sets, std::vector<Labels>(expected.begin(), expected.end())) << "seed " << seed;
      EXPECT_EQ(footer->datasets[d].label_sets, meta.label_sets);
    }
  }
}

}  // namespace
}  // namespace brazier::block
