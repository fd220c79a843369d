// Compaction without a server: segments of generated profiles merged level by level. CPU per 1,000 profiles and bytes as a share of the
// gzip'd input, for numbers of services and levels of zstd.
//
//   brazier-micro-merge [services [profiles [segments per merge]]]
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "benchmark/load/floor.h"
#include "benchmark/load/profile_generator.h"
#include "benchmark/micro/micro.h"
#include "common/codec/ingest_formats.h"
#include "server/distributor/normalise.h"
#include "store/block/block_merge.h"
#include "common/base/varint.h"
#include "store/block/section_codec.h"
#include "store/object/memory_object_store.h"

namespace brazier {
namespace {

using benchmark::CpuSeconds;

constexpr int64_t kStartNs = 1'800'000'000'000'000'000;

struct Input {
  std::vector<BlockMeta> blocks;
  size_t profiles = 0;
  size_t gzip_bytes = 0;
  size_t bytes = 0;
  std::vector<std::string> some;  // gzip'd profiles, for the floor
};

// Every service sends one of its kinds in turn, `per_segment` profiles to an object.
Input MakeSegments(object::MemoryObjectStore& store, uint32_t services, size_t count, size_t per_segment) {
  benchmark::GeneratorOptions options;
  options.services = services;
  const benchmark::ProfileGenerator generator(options);
  const distributor::TenantLimits limits;
  Input input;
  for (size_t begin = 0; begin < count; begin += per_segment) {
    block::BlockWriter writer(1);
    std::vector<ProfileBatch> batches;
    for (size_t i = begin; i < std::min(count, begin + per_segment); ++i) {
      const uint32_t service = static_cast<uint32_t>(i % services);
      const auto kind = benchmark::kProfileKinds[i / services % 4];
      const int64_t time_ns = kStartNs + static_cast<int64_t>(i) * 15'000'000'000 / services;
      RawProfile raw;
      raw.data = benchmark::GzipProfile(generator.Generate(service, kind, i, time_ns));
      raw.labels.Set(label::kName, benchmark::ProfileGenerator::MetricName(service, kind));
      raw.labels.Set(label::kServiceName, generator.ServiceName(service));
      raw.labels.Set("region", "eu-west-1");
      raw.labels.Set("pod", std::string(generator.ServiceName(service)) + "-" + std::to_string(i / services / 4 % 3));
      input.gzip_bytes += raw.data.size();
      if (input.some.size() < 200) input.some.push_back(raw.data);
      auto decoded = codec::DecodeIngest(raw, limits.ingest);
      CHECK(decoded.ok());
      const Hash128 id = distributor::IdentityOf("anonymous", *decoded, "");
      auto out = distributor::Normalise("anonymous", std::move(*decoded), id, limits);
      CHECK(out.ok());
      for (auto& batch : *out) batches.push_back(std::move(batch));
      ++input.profiles;
    }
    std::stable_sort(batches.begin(), batches.end(), [](const auto& a, const auto& b) { return a.service < b.service; });
    for (auto& batch : batches) writer.Add(std::move(batch));
    block::BuiltBlock built = writer.Build(Ulid{{static_cast<uint64_t>(begin + 1) << 16, 1}}, 0, 0);
    CHECK(store.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    for (auto& dataset : built.meta.datasets) dataset.identities.clear();
    input.bytes += built.object.size();
    input.blocks.push_back(std::move(built.meta));
  }
  return input;
}

struct StoringHost : block::MergeHost {
  explicit StoringHost(object::MemoryObjectStore& s) : store(s) {}
  object::MemoryObjectStore& store;
  std::vector<BlockMeta> blocks;
  Status Put(block::BuiltBlock block) override {
    blocks.push_back(block.meta);
    return store.Put(block.meta.ObjectKey(), {AsBytes(block.object)});
  }
};

void Level(object::MemoryObjectStore& store, const Input& input, std::vector<BlockMeta>* blocks, uint32_t level, size_t group, int zstd) {
  StoringHost host(store);
  block::MergeOptions options;
  options.level = level;
  options.zstd_level = zstd;
  options.hour_rollups = level >= 3;
  options.day_rollups = level >= 4;
  uint64_t peak = 0;
  const double t0 = CpuSeconds();
  for (size_t begin = 0; begin < blocks->size(); begin += group) {
    const std::vector<BlockMeta> some(blocks->begin() + static_cast<ptrdiff_t>(begin),
                                      blocks->begin() + static_cast<ptrdiff_t>(std::min(blocks->size(), begin + group)));
    Ulid bad;
    const auto figures = block::MergeBlocks(options, store, some, host, &bad);
    if (!figures.ok()) std::printf("%s\n", figures.status().ToString().c_str());
    CHECK(figures.ok());
    peak = std::max(peak, figures->memory_bytes_peak);
  }
  const double cpu = CpuSeconds() - t0;
  std::map<SectionKind, size_t> kinds;
  size_t bytes = 0;
  for (const BlockMeta& meta : host.blocks) {
    bytes += meta.size;
    for (const auto& s : meta.symbols) kinds[s.section.kind] += s.section.size;
    for (const auto& d : meta.datasets) {
      for (const auto& s : d.sections) kinds[s.kind] += s.size;
    }
  }
  const double gzip = static_cast<double>(input.gzip_bytes);
  std::printf("  level %u (of %zu each, zstd %d): %.3f CPU-s per 1,000 profiles, bytes/gzip %.4f in %zu blocks, peak %.1f MB:", level,
              group, zstd, cpu * 1000 / static_cast<double>(input.profiles), static_cast<double>(bytes) / gzip, host.blocks.size(),
              static_cast<double>(peak) / 1e6);
  // Columns of the raw chunks: stored sizes of their parts.
  size_t parts[10] = {};
  for (const BlockMeta& meta : host.blocks) {
    const auto object = store.Get(meta.ObjectKey());
    for (const auto& d : meta.datasets) {
      for (const auto& s : d.sections) {
        if (s.kind != SectionKind::kSampleChunk) continue;
        ByteReader r(AsBytes(*object).subspan(s.offset, s.size));
        const uint64_t n = r.Varint();
        for (uint64_t i = 0; i < n && i < 10; ++i) {
          const uint64_t raw = r.Varint();
          const uint64_t stored = r.Varint();
          parts[i] += stored == 0 ? raw : stored;
        }
      }
    }
  }
  std::printf(" (chunks' parts:");
  for (size_t part : parts) std::printf(" %.4f", static_cast<double>(part) / gzip);
  std::printf(")");
  for (const auto& [kind, size] : kinds) std::printf(" %s %.4f", std::string(block::SectionName(kind)).c_str(), static_cast<double>(size) / gzip);
  std::printf("\n");
  std::fflush(stdout);
  *blocks = host.blocks;
}

void Run(uint32_t services, size_t count, size_t per_segment, size_t group) {
  object::MemoryObjectStore store;
  const Input input = MakeSegments(store, services, count, per_segment);
  std::printf("services=%u profiles=%zu gzip=%.0f B each, %zu segments of %zu: bytes/gzip %.3f\n", services, input.profiles,
              static_cast<double>(input.gzip_bytes) / static_cast<double>(input.profiles), input.blocks.size(), per_segment,
              static_cast<double>(input.bytes) / static_cast<double>(input.gzip_bytes));
  std::printf("  floor (inflate and scan): %.3f CPU-s per 1,000 profiles\n", benchmark::InflateAndScanSeconds(input.some, 3) * 1000);
  for (int zstd : {1, 3}) {
    std::vector<BlockMeta> blocks = input.blocks;
    Level(store, input, &blocks, 1, group, zstd);
    if (zstd != 3) continue;
    std::vector<BlockMeta> next = blocks;
    Level(store, input, &next, 2, group, zstd);
    Level(store, input, &next, 3, group, zstd);
    Level(store, input, &next, 4, 1000, zstd);
  }
}

}  // namespace
}  // namespace brazier

int main(int argc, char** argv) {
  if (argc > 1) {
    const auto number = [&](int i, int otherwise) { return argc > i ? std::max(1, std::atoi(argv[i])) : otherwise; };
    brazier::Run(static_cast<uint32_t>(number(1, 20)), static_cast<size_t>(number(2, 2000)), static_cast<size_t>(number(4, 20)),
                 static_cast<size_t>(number(3, 20)));
    return 0;
  }
  brazier::Run(20, 8000, 20, 20);
  brazier::Run(100, 8000, 20, 20);
  brazier::Run(1000, 8000, 20, 20);
  return 0;
}
