// What the index costs in CPU time over both stores, printed for the reader. The limits only catch an order of magnitude:
// the goals are 100 us for an AddBlocks of 20 datasets and 50 profiles and 1 ms for FindBlocks over 240 blocks.
#include <time.h>

#include "tests/store/index/index_harness.h"
#include "tests/store/object/temporary_folder.h"

namespace brazier::index {
namespace {

constexpr uint64_t kBlocks = 240;

double ThreadCpuUs() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

BlockMeta SegmentOf(uint64_t n) {
  std::vector<DatasetMeta> datasets;
  for (uint64_t s = 0; s < 20; ++s) {
    std::vector<uint64_t> identities = {n * 100 + 3 * s, n * 100 + 3 * s + 1};
    if (s % 2 == 0) identities.push_back(n * 100 + 3 * s + 2);
    const int64_t t = static_cast<int64_t>(n) * 15 * kSecond;
    datasets.push_back(MakeDataset("tenant-1", "service-" + std::to_string(s), t, t + 10 * kSecond,
                                   identities,
                                   {"memory:inuse_space:bytes:space:bytes",
                                    "process_cpu:cpu:nanoseconds:cpu:nanoseconds"}));
    // Each segment has some of the service's ten pods.
    std::vector<Labels> sets;
    for (uint64_t pod = n % 4; pod < 10; pod += 4) {
      for (const std::string& type : datasets.back().profile_types) {
        sets.push_back(Labels(std::vector<Label>{{"__profile_type__", type},
                                                 {"__service_name__", datasets.back().service},
                                                 {"namespace", "default"},
                                                 {"pod", datasets.back().service + "-7d9f8b-" + std::to_string(pod)},
                                                 {"region", "eu-west-1"},
                                                 {"service_name", datasets.back().service}}));
      }
    }
    std::sort(sets.begin(), sets.end());
    datasets.back().lists_label_sets = true;
    datasets.back().label_sets = std::move(sets);
  }
  return MakeBlock(n, datasets);
}

void Measure(const char* name, kv::KeyValueStore& store) {
  auto index = std::move(MetadataIndex::Open(store, 0)).value();
  double apply_us = 0, write_us = 0;
  size_t bytes = 0;
  for (uint64_t n = 1; n <= kBlocks; ++n) {
    const std::string command = CommandOf({SegmentOf(n)}, kTestTime + static_cast<int64_t>(n));
    kv::WriteBatch batch;
    const double begin = ThreadCpuUs();
    index->Apply(n, command, batch);
    const double applied = ThreadCpuUs();
    ASSERT_TRUE(store.Write(batch, false).ok());
    write_us += ThreadCpuUs() - applied;
    apply_us += applied - begin;
    bytes += batch.bytes();
    index->Applied(n);
  }
  BlockSelection selection{.tenants = {"tenant-1"}, .start_ns = 0, .end_ns = INT64_MAX};
  double find_us[2] = {0, 0};
  for (int i = 0; i < 10; ++i) {
    for (int narrow : {0, 1}) {
      selection.service = narrow != 0 ? "service-7" : "";
      const double begin = ThreadCpuUs();
      const auto found = FindBlocks(*store.Snapshot(), selection);
      find_us[narrow] += (ThreadCpuUs() - begin) / 10;
      ASSERT_EQ(found->size(), kBlocks);
      ASSERT_EQ(found->at(0).datasets.size(), narrow != 0 ? 1u : 20u);
    }
  }
  double labels_us[2] = {0, 0};
  const auto selector = Selector::Parse("{pod=~\".*-3\"}");
  for (int i = 0; i < 10; ++i) {
    for (int selects : {0, 1}) {
      selection.service.clear();
      selection.selector = selects != 0 ? &*selector : nullptr;
      const double begin = ThreadCpuUs();
      const auto answer = QueryLabels(*store.Snapshot(), selection, {{.kind = ReportKind::kLabelValues, .label_name = "pod"}});
      labels_us[selects] += (ThreadCpuUs() - begin) / 10;
      ASSERT_TRUE(answer.ok()) << answer.status().ToString();
      ASSERT_EQ(answer->reports[0].strings.size(), selects != 0 ? 20u : 200u);
      ASSERT_TRUE(answer->unanswered.empty());
    }
  }
  printf("%s: pods of twenty services from %llu datasets %.0f us, of those that match %.0f us\n", name,
         static_cast<unsigned long long>(20 * kBlocks), labels_us[0], labels_us[1]);
  printf("%s: Apply %.0f us, its writes %.0f us and %zu bytes; FindBlocks one service %.0f us, twenty %.0f us\n",
         name, apply_us / kBlocks, write_us / kBlocks, bytes / kBlocks, find_us[1], find_us[0]);
  // Against disasters; a busy machine and a sanitizer may take ten times as long each.
  EXPECT_LT(apply_us / kBlocks, 20'000);
  EXPECT_LT(find_us[1], 200'000);
}

TEST(MetadataIndexFigures, Memory) { Measure("memory", *kv::MakeMemoryKeyValueStore()); }

TEST(MetadataIndexFigures, Rocks) {
  TemporaryFolder folder;
  auto store = kv::OpenRocksKeyValueStore(folder.path() + "/db");
  ASSERT_TRUE(store.ok());
  Measure("RocksDB", **store);
}

}  // namespace
}  // namespace brazier::index
