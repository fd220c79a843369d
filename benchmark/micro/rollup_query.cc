// Flame graphs over long ranges, with and without roll-ups: a profile of 3 types every 15 seconds of each of 10 pods, in blocks of a day
// made by the same merge that compaction runs, held in memory. One thread. The floor of a query is what it takes to decompress and
// decode, once, the columns that it needs, with nothing done with them; measured in the same run. Ratios are of CPU time: beside other
// work on the machine, the clock on the wall says little.
//
//   brazier-micro-rollup [days [samples of a profile and type [distinct stacks [repetitions]]]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "benchmark/micro/micro.h"
#include "common/base/clock.h"
#include "common/codec/flame_fold.h"
#include "common/codec/flame_graph.h"
#include "common/model/rollup.h"
#include "common/model/rollup_cover.h"
#include "common/observe/metrics.h"
#include "store/block/block_merge.h"
#include "store/block/block_reader.h"
#include "store/block/section_samples.h"
#include "store/object/memory_object_store.h"
#include "tests/support/batch_builder.h"
#include "tests/support/fake_random.h"
#include "worker/query_backend/query_backend.h"

namespace brazier {
namespace {

using testing::kCpuType;

constexpr int64_t kBase = 20'000 * kRollupDayNs;
constexpr int64_t kEveryNs = 15 * kNsPerSecond;
constexpr int kPods = 10;
constexpr size_t kMaxNodes = 8'192;
constexpr const char* kTypes[] = {kCpuType, "memory:alloc_space:bytes:space:bytes", "mutex:delay:nanoseconds:contentions:count"};

struct Scale {
  int days = 30;
  int samples = 20;
  int stacks = 2'000;
  int repetitions = 9;
};

// Stacks of a program: 4 to 11 frames, most of them under few roots.
ProfileBatch Program(int stacks, testing::FakeRandom& random) {
  testing::FoldedSamples samples;
  for (int i = 0; i < stacks; ++i) {
    std::string stack = "main";
    for (uint64_t depth = 2 + random.Below(8), d = 0; d < depth; ++d) {
      stack += ";package.Function" + std::to_string(d) + "_" + std::to_string(random.Below(4));
    }
    samples.emplace_back(stack + ";leaf" + std::to_string(i), 1);
  }
  return testing::BatchBuilder("t", "api").Profile({1, 1}, kBase, samples).Build();
}

class Data {
 public:
  Data(const Scale& scale, object::ObjectStore& store) : scale_(scale), store_(store), program_(Program(scale.stacks, random_)) {
    for (int pod = 0; pod < kPods; ++pod) {
      for (const char* type : kTypes) {
        Labels& labels = series_.emplace_back();
        labels.Set(label::kServiceName, "api");
        labels.Set(label::kProfileType, type);
        labels.Set("pod", std::to_string(pod));
      }
    }
    for (int day = 0; day < scale.days; ++day) AddDay(day);
  }
  std::vector<BlockMeta> blocks;
  uint64_t bytes = 0;

 private:
  ProfileBatch Hour(int64_t begin_ns) {
    ProfileBatch batch;
    batch.tenant = "t";
    batch.service = "api";
    batch.symbols = program_.symbols;
    batch.series = series_;
    std::vector<uint32_t> picked;
    for (int64_t t = begin_ns + kEveryNs; t <= begin_ns + kRollupHourNs; t += kEveryNs) {
      for (uint32_t pod = 0; pod < kPods; ++pod) {
        const auto profile = static_cast<uint32_t>(batch.profiles.size());
        batch.profiles.push_back({{2, ++identities_}, t - static_cast<int64_t>(pod) * kNsPerSecond, kEveryNs, 10'000'000});
        for (uint32_t type = 0; type < std::size(kTypes); ++type) {
          picked.clear();
          for (int i = 0; i < scale_.samples; ++i) {
            // A few stacks have most of the samples.
            const uint64_t n = program_.stacks.size();
            picked.push_back(static_cast<uint32_t>(random_.Below(2) == 0 ? random_.Below(n) : random_.Below(n) * random_.Below(n) / n));
          }
          std::sort(picked.begin(), picked.end());
          picked.erase(std::unique(picked.begin(), picked.end()), picked.end());
          ProfileBatch::Row row;
          row.profile = profile;
          row.series = pod * static_cast<uint32_t>(std::size(kTypes)) + type;
          row.sample_begin = static_cast<uint32_t>(batch.stacks.size());
          for (const uint32_t i : picked) {
            batch.stacks.push_back(program_.stacks[i]);
            batch.values.push_back(static_cast<int64_t>(1 + random_.Below(100)) * 10'000'000);
            row.total += batch.values.back();
          }
          row.sample_end = static_cast<uint32_t>(batch.stacks.size());
          batch.rows.push_back(row);
        }
      }
    }
    return batch;
  }

  void AddDay(int day) {
    class Host final : public block::MergeHost {
     public:
      explicit Host(Data& data) : data_(data) {}
      Status Put(block::BuiltBlock block) override {
        data_.blocks.push_back(block.meta);
        data_.bytes += block.object.size();
        return data_.store_.Put(block.meta.ObjectKey(), {AsBytes(block.object)});
      }

     private:
      Data& data_;
    } host(*this);
    object::MemoryObjectStore segments;
    std::vector<BlockMeta> inputs;
    for (int hour = 0; hour < 24; ++hour) {
      block::BlockWriter writer(1);
      writer.Add(Hour(kBase + day * kRollupDayNs + hour * kRollupHourNs));
      const auto id = static_cast<uint64_t>(day * 24 + hour + 1);
      block::BuiltBlock built = writer.Build(Ulid{{id, id}}, 1, 0);
      CHECK(segments.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
      for (DatasetMeta& dataset : built.meta.datasets) dataset.identities.clear();
      inputs.push_back(std::move(built.meta));
    }
    block::MergeOptions options{.level = 4, .block_bytes_max = 1 << 30, .hour_rollups = true, .day_rollups = true};
    Ulid bad;
    const auto figures = block::MergeBlocks(options, segments, inputs, host, &bad);
    CHECK(figures.ok());
  }

  const Scale scale_;
  object::ObjectStore& store_;
  testing::FakeRandom random_{7};
  const ProfileBatch program_;
  std::vector<Labels> series_;
  uint64_t identities_ = 0;
};

QueryPlan PlanFor(const std::vector<BlockMeta>& blocks, int64_t start_ns, int64_t end_ns, bool with_rollups) {
  QueryPlan plan;
  plan.spec.tenants = {"t"};
  plan.spec.start_ns = start_ns;
  plan.spec.end_ns = end_ns;
  plan.spec.selector = std::string("{__profile_type__=\"") + kCpuType + "\"}";
  plan.spec.reports = {{.kind = ReportKind::kFlameGraph}};
  for (const BlockMeta& block : blocks) {
    if (block.max_time_ns < start_ns || block.min_time_ns > end_ns) continue;
    BlockRead read{block.id, block.ObjectKey(), block.symbols, block.datasets, {}};
    for (DatasetMeta& dataset : read.datasets) {
      if (with_rollups) continue;
      std::erase_if(dataset.sections, [](const SectionRef& s) { return s.kind >= SectionKind::kHourRows; });
    }
    plan.root.reads.push_back(std::move(read));
  }
  return plan;
}

struct Cost {
  double wall_ms = 0;
  double cpu_ms = 0;
};

// Medians.
Cost Measure(int repetitions, const Clock& clock, const std::function<void()>& work) {
  std::vector<double> wall, cpu;
  for (int i = 0; i < repetitions; ++i) {
    const int64_t begun = clock.MonotonicNs();
    const double cpu_begun = benchmark::CpuSeconds();
    work();
    cpu.push_back((benchmark::CpuSeconds() - cpu_begun) * 1e3);
    wall.push_back(static_cast<double>(clock.MonotonicNs() - begun) / 1e6);
  }
  std::sort(wall.begin(), wall.end());
  std::sort(cpu.begin(), cpu.end());
  return {wall[wall.size() / 2], cpu[cpu.size() / 2]};
}

// The samples of all rows that a needed chunk has.
void DecodeSamples(const block::BlockSections& sections, const DatasetMeta& dataset, size_t index, SectionKind kind,
                   const DatasetCover& cover, const block::DatasetRows& rows, uint32_t stacks) {
  auto chunks = block::SampleChunks(dataset, kind);
  CHECK(chunks.ok());
  for (size_t i = 0; i < chunks->size(); ++i) {
    if (!cover.Needs(*(*chunks)[i].section)) continue;
    auto parts = sections.SampleChunk(index, kind, i);
    CHECK(parts.ok());
    auto samples = block::SamplesDecoder::Open(*parts, stacks);
    CHECK(samples.ok());
    const size_t end = std::min<size_t>((*chunks)[i].row_end, rows.rows.size());
    for (size_t r = (*chunks)[i].row_begin; r < end; ++r) CHECK(samples->Next(rows.rows[r]).ok());
  }
}

void DecodeOnce(const QueryPlan& plan, object::ObjectStore& store) {
  for (const BlockRead& read : plan.root.reads) {
    std::vector<DatasetCover> covers;
    for (const DatasetMeta& dataset : read.datasets) covers.push_back(CoverDataset(plan.spec, dataset, {}));
    auto sections = block::BlockSections::FetchWanted(
        store, read, [&](size_t dataset, const SectionRef& section) { return covers[dataset].Needs(section); });
    CHECK(sections.ok());
    for (size_t i = 0; i < read.datasets.size(); ++i) {
      const DatasetMeta& dataset = read.datasets[i];
      auto symbols = sections->SharedSymbols(dataset.tenant);
      CHECK(symbols.ok() && sections->OwnSymbols(i, &*symbols).ok());
      const auto stacks = static_cast<uint32_t>(symbols->stacks.size());
      if (!covers[i].rows.raw.empty()) {
        const auto rows = sections->Rows(i);
        CHECK(rows.ok());
        DecodeSamples(*sections, dataset, i, SectionKind::kSampleChunk, covers[i], *rows, stacks);
      }
      if (!covers[i].rows.hours.empty()) {
        const auto rows = sections->Rollup(i, SectionKind::kHourRows);
        CHECK(rows.ok());
        DecodeSamples(*sections, dataset, i, SectionKind::kHourSamples, covers[i], rows->rows, stacks);
      }
      if (!covers[i].rows.days.empty()) {
        const auto rows = sections->Rollup(i, SectionKind::kDayRows);
        CHECK(rows.ok());
        DecodeSamples(*sections, dataset, i, SectionKind::kDaySamples, covers[i], rows->rows, stacks);
      }
    }
  }
}

void Row(const char* range, const char* how, query_backend::QueryBackend& backend, object::ObjectStore& store, const Clock& clock,
         const QueryPlan& plan, int repetitions, int64_t* total) {
  QueryStats stats;
  size_t nodes = 0;
  const Cost query = Measure(repetitions, clock, [&] {
    auto result = backend.Execute({"r", clock.MonotonicNs() + 600 * kNsPerSecond}, plan);
    CHECK(result.ok());
    const FlameTree drawn = codec::Truncate(result->reports[0].flame_tree, kMaxNodes);
    nodes = drawn.nodes.size();
    *total = drawn.Totals()[0];
    stats = result->stats;
  });
  const Cost floor = Measure(repetitions, clock, [&] { DecodeOnce(plan, store); });
  std::printf("| %-4s | %-8s | %3zu | %8.1f | %8.1f | %8.1f | %5.2f | %9llu | %7llu | %11llu | %9.1f | %5zu |\n", range, how,
              plan.root.reads.size(), query.wall_ms, query.cpu_ms, floor.cpu_ms, query.cpu_ms / floor.cpu_ms, static_cast<unsigned long long>(stats.rows_read),
              static_cast<unsigned long long>(stats.rollup_rows_read), static_cast<unsigned long long>(stats.samples_read),
              static_cast<double>(stats.bytes_read) / (1 << 20), nodes);
}

void Run(const Scale& scale) {
  const Clock& clock = SystemClock();
  object::MemoryObjectStore store;
  MetricsRegistry registry;
  const int64_t begun = clock.MonotonicNs();
  const Data data(scale, store);
  std::printf("%zu blocks, %.1f MiB, made in %.1f s; %d profiles a day of %zu types, %d samples each of %d stacks\n", data.blocks.size(),
              static_cast<double>(data.bytes) / (1 << 20), static_cast<double>(clock.MonotonicNs() - begun) / 1e9,
              static_cast<int>(kRollupDayNs / kEveryNs) * kPods, std::size(kTypes), scale.samples, scale.stacks);
  std::printf("| range | read from | blocks | p50 ms | CPU ms | floor CPU ms | ratio | rows | roll-up rows | samples | MiB | nodes |\n"
              "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  query_backend::QueryBackend backend({.threads = 1}, store, clock, registry);
  // Ends at no round time, as dashboards do.
  const int64_t end_ns = kBase + scale.days * kRollupDayNs - 7 * 60 * kNsPerSecond;
  const struct {
    const char* name;
    int64_t length_ns;
  } ranges[] = {{"1 h", kRollupHourNs}, {"1 d", kRollupDayNs}, {"7 d", 7 * kRollupDayNs}, {"30 d", 30 * kRollupDayNs}};
  for (const auto& range : ranges) {
    if (range.length_ns > scale.days * kRollupDayNs) continue;
    int64_t raw = 0, rolled = 0;
    const auto plan = [&](bool with_rollups) { return PlanFor(data.blocks, end_ns - range.length_ns, end_ns, with_rollups); };
    const int few = range.length_ns > 2 * kRollupDayNs ? 1 : scale.repetitions;
    Row(range.name, "raw", backend, store, clock, plan(false), few, &raw);
    Row(range.name, "roll-ups", backend, store, clock, plan(true), scale.repetitions, &rolled);
    CHECK(raw == rolled);
  }
}

}  // namespace
}  // namespace brazier

int main(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) { return argc > i ? std::max(1, std::atoi(argv[i])) : otherwise; };
  brazier::Run({.days = number(1, 30), .samples = number(2, 20), .stacks = number(3, 2'000), .repetitions = number(4, 9)});
  return 0;
}
