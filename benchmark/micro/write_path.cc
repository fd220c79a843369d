// The stages of the write path, one thread, no server: what each costs per profile, as a ratio to the floor (inflate
// and one wire scan) measured in the same run, and how many bytes an object takes per profile.
//
//   brazier-micro-write [profiles per object]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "benchmark/load/floor.h"
#include "benchmark/load/profile_generator.h"
#include "benchmark/micro/micro.h"
#include "common/base/clock.h"
#include "common/codec/compression.h"
#include "common/codec/ingest_formats.h"
#include "server/distributor/normalise.h"
#include "store/block/block_writer.h"

namespace brazier {
namespace {

using benchmark::CpuSeconds;

void Run(uint32_t services, size_t count, size_t per_object) {
  benchmark::GeneratorOptions generator_options;
  generator_options.services = services;
  const benchmark::ProfileGenerator generator(generator_options);
  std::vector<RawProfile> profiles;
  std::vector<std::string> gzipped;
  size_t gzip_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t service = static_cast<uint32_t>(i * 7 % services);
    const auto kind = benchmark::kProfileKinds[i / services % 4];
    RawProfile raw;
    raw.data = benchmark::GzipProfile(generator.Generate(service, kind, i, 1'700'000'000'000'000'000 + static_cast<int64_t>(i)));
    raw.labels.Set(label::kName, benchmark::ProfileGenerator::MetricName(service, kind));
    raw.labels.Set(label::kServiceName, generator.ServiceName(service));
    raw.labels.Set("region", "eu-west-1");
    raw.labels.Set("pod", std::string(generator.ServiceName(service)) + "-" + std::to_string(i % 3));
    gzip_bytes += raw.data.size();
    gzipped.push_back(raw.data);
    profiles.push_back(std::move(raw));
  }
  const double n = static_cast<double>(count);
  const double floor_us = benchmark::InflateAndScanSeconds(gzipped, 3) * 1e6;

  const distributor::TenantLimits limits;
  double inflate_us = 0, decode_us = 0, normalise_us = 0, add_us = 0, build_us = 0;
  size_t object_bytes = 0, samples = 0, stacks = 0;
  size_t shared_bytes = 0, symbol_bytes = 0, row_bytes = 0, sample_bytes = 0, footer_bytes = 0;
  benchmark::CountingRandom random;
  std::string inflated;
  for (const auto& data : gzipped) {
    const double t = CpuSeconds();
    CHECK(codec::Gunzip(AsBytes(data), 4 << 20, &inflated).ok());
    inflate_us += CpuSeconds() - t;
  }
  for (size_t begin = 0; begin < count; begin += per_object) {
    const size_t end = std::min(count, begin + per_object);
    block::BlockWriter writer(1);
    std::vector<ProfileBatch> batches;
    double t0 = CpuSeconds();
    std::vector<codec::IngestedProfile> decoded;
    for (size_t i = begin; i < end; ++i) {
      auto ingested = codec::DecodeIngest(profiles[i], limits.ingest);
      CHECK(ingested.ok());
      decoded.push_back(std::move(*ingested));
    }
    double t1 = CpuSeconds();
    decode_us += t1 - t0;
    for (auto& ingested : decoded) {
      samples += ingested.profile.sample_count();
      stacks += ingested.profile.symbols.stacks.size();
      const Hash128 id = distributor::IdentityOf("anonymous", ingested, "");
      auto out = distributor::Normalise("anonymous", std::move(ingested), id, limits);
      CHECK(out.ok());
      for (auto& batch : *out) batches.push_back(std::move(batch));
    }
    double t2 = CpuSeconds();
    normalise_us += t2 - t1;
    // As the segment-writer does.
    std::stable_sort(batches.begin(), batches.end(),
                     [](const auto& a, const auto& b) { return a.service < b.service; });
    for (auto& batch : batches) writer.Add(std::move(batch));
    double t3 = CpuSeconds();
    add_us += t3 - t2;
    const block::BuiltBlock built = writer.Build(Ulid::Make(1, random), 1, 0);
    build_us += CpuSeconds() - t3;
    object_bytes += built.object.size();
    size_t sections = 0;
    for (const auto& s : built.meta.symbols) shared_bytes += s.section.size, sections += s.section.size;
    for (const auto& d : built.meta.datasets) {
      for (const auto& s : d.sections) {
        sections += s.size;
        if (s.kind == SectionKind::kSymbols) symbol_bytes += s.size;
        if (s.kind == SectionKind::kRows) row_bytes += s.size;
        if (s.kind == SectionKind::kSamples) sample_bytes += s.size;
      }
    }
    footer_bytes += built.object.size() - sections;
  }
  const double scale = 1e6 / n;
  const double total = (decode_us + normalise_us + add_us + build_us) * scale;
  const double g = static_cast<double>(gzip_bytes);
  std::printf("services=%u per_object=%zu gzip=%.0f B samples=%.0f stacks=%.0f floor=%.1f us\n",
              services, per_object, g / n, static_cast<double>(samples) / n,
              static_cast<double>(stacks) / n, floor_us);
  std::printf("  inflate %.1f  decode(with inflate) %.1f  normalise %.1f  add %.1f  build %.1f  total %.1f us = %.2f x floor\n",
              inflate_us * scale, decode_us * scale, normalise_us * scale, add_us * scale,
              build_us * scale, total, total / floor_us);
  std::printf("  bytes/gzip: object %.3f = shared %.3f symbols %.3f rows %.3f samples %.3f footer %.3f\n",
              static_cast<double>(object_bytes) / g, static_cast<double>(shared_bytes) / g,
              static_cast<double>(symbol_bytes) / g, static_cast<double>(row_bytes) / g,
              static_cast<double>(sample_bytes) / g, static_cast<double>(footer_bytes) / g);
}

}  // namespace
}  // namespace brazier

int main(int argc, char** argv) {
  if (argc > 1) {
    brazier::Run(20, 400, static_cast<size_t>(std::max(1, std::atoi(argv[1]))));
    return 0;
  }
  for (size_t per_object : {1, 12, 50, 200}) brazier::Run(20, 400, per_object);
  for (size_t per_object : {12, 50, 200}) brazier::Run(1000, 1000, per_object);
  return 0;
}
