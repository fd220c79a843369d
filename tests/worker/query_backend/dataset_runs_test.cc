#include "worker/query_backend/dataset_runs.h"

#include <gtest/gtest.h>

namespace brazier::query_backend {
namespace {

BlockRead ReadOf(std::vector<std::tuple<std::string, std::string, uint64_t>> datasets) {
  BlockRead read;
  for (auto& [tenant, service, bytes] : datasets) {
    DatasetMeta meta;
    meta.tenant = tenant;
    meta.service = service;
    meta.sections.push_back({SectionKind::kRows, 0, 0, bytes - bytes / 4, 0, 0});
    meta.sections.push_back({SectionKind::kSamples, 0, 0, bytes / 4, 0, 0});
    read.datasets.push_back(std::move(meta));
  }
  return read;
}

class DatasetRunsTest : public ::testing::Test {
 protected:
  std::vector<DatasetRef> Sorted(const std::vector<std::string>& tenants) {
    reads_.clear();
    for (const BlockRead& block : blocks_) reads_.push_back(&block);
    return SortedDatasets(reads_, tenants);
  }
  std::function<uint64_t(const DatasetRef&)> BytesOf() {
    return [this](const DatasetRef& ref) {
      uint64_t bytes = 0;
      for (const SectionRef& section : blocks_[ref.block].datasets[ref.dataset].sections) bytes += section.size;
      return bytes;
    };
  }
  std::vector<BlockRead> blocks_;
  std::vector<const BlockRead*> reads_;
};

TEST_F(DatasetRunsTest, ServicesStayTogetherInTheOrderOfBlocks) {
  blocks_ = {ReadOf({{"t", "b", 8}, {"t", "a", 8}, {"u", "a", 8}}), ReadOf({{"t", "a", 8}, {"x", "a", 8}})};
  EXPECT_EQ(Sorted({"u", "t"}), (std::vector<DatasetRef>{{0, 1}, {1, 0}, {0, 0}, {0, 2}}));
  EXPECT_EQ(Sorted({"x"}), (std::vector<DatasetRef>{{1, 1}}));
  EXPECT_TRUE(Sorted({}).empty());
  EXPECT_EQ(CutIntoRuns({}, BytesOf(), 4).count(), 0u);
}

TEST_F(DatasetRunsTest, RunsCoverEverythingOnceAndAreAboutEqual) {
  for (int i = 0; i < 100; ++i) blocks_.push_back(ReadOf({{"t", "a", 100}, {"t", "b", 300}}));
  const std::vector<DatasetRef> sorted = Sorted({"t"});
  for (const size_t threads : {1, 2, 7}) {
    const DatasetRuns runs = CutIntoRuns(sorted, BytesOf(), threads);
    std::vector<DatasetRef> joined;
    for (size_t i = 0; i < runs.count(); ++i) {
      uint64_t bytes = 0;
      for (const DatasetRef& ref : runs.run(i)) {
        bytes += BytesOf()(ref);
        joined.push_back(ref);
      }
      if (threads > 1) {
        EXPECT_LE(bytes, 100 * 400 / threads / 4 + 300);
      }
    }
    EXPECT_EQ(joined, sorted);
    if (threads == 1) {
      EXPECT_EQ(runs.count(), 1u);
    } else {
      EXPECT_GE(runs.count(), threads * 3);
    }
  }
}

TEST_F(DatasetRunsTest, DatasetsWithoutBytesAreReadToo) {
  blocks_ = {ReadOf({{"t", "a", 0}, {"t", "b", 0}})};
  const DatasetRuns runs = CutIntoRuns(Sorted({"t"}), BytesOf(), 2);
  ASSERT_EQ(runs.count(), 2u);
  EXPECT_EQ(runs.run(0).size() + runs.run(1).size(), 2u);
}

}  // namespace
}  // namespace brazier::query_backend
