#include "benchmark/index/block_fleet.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <set>

namespace brazier::benchmark {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// One block in so many is compacted.
constexpr uint64_t kCompactedEvery = 10;

// SplitMix64: a number out of a state that moves on.
uint64_t NextNumber(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

double NextFraction(uint64_t& state) {
  return static_cast<double>(NextNumber(state) >> 11) * 0x1p-53;
}

int64_t Between(int64_t low, int64_t high, uint64_t& state) {
  return low + static_cast<int64_t>(NextFraction(state) * static_cast<double>(high - low));
}

// As the runtimes' clients send them: what one profile of each kind holds.
const std::vector<std::vector<std::string>> kTypesOfKinds = {
    {"process_cpu:cpu:nanoseconds:cpu:nanoseconds", "process_cpu:samples:count:cpu:nanoseconds"},
    {"memory:alloc_objects:count:space:bytes", "memory:alloc_space:bytes:space:bytes",
     "memory:inuse_objects:count:space:bytes", "memory:inuse_space:bytes:space:bytes"},
    {"goroutines:goroutine:count:goroutine:count"},
    {"mutex:contentions:count:contentions:count", "mutex:delay:nanoseconds:contentions:count"},
};

SectionRef Section(SectionKind kind, uint64_t size, uint64_t& offset, uint64_t& state) {
  const SectionRef section{.kind = kind,
                           .codec = 1,
                           .offset = offset,
                           .size = size,
                           .raw_size = size * 3 + NextNumber(state) % 64,
                           .crc = static_cast<uint32_t>(NextNumber(state))};
  offset += size;
  return section;
}

}  // namespace

BlockFleet::BlockFleet() : shards_(kShards), tenants_(kTenants) {
  double all = 0;
  for (uint32_t t = 0; t < kTenants; ++t) {
    const double tenant_weight = 1.0 / (t + 1);
    const auto services =
        static_cast<uint32_t>(std::clamp(1000 * std::pow(t + 1, -0.9), 20.0, 1000.0));
    double sum = 0;
    for (uint32_t s = 0; s < services; ++s) sum += std::pow(s + 1, -0.8);
    for (uint32_t s = 0; s < services; ++s) {
      char tenant[32], name[64];
      std::snprintf(tenant, sizeof(tenant), "tenant-%02u", t);
      std::snprintf(name, sizeof(name), "namespace-%02u/service-%04u", s % 12, s);
      services_.push_back({tenant, name, tenant_weight * std::pow(s + 1, -0.8) / sum, t});
    }
    all += tenant_weight;
  }
  std::sort(services_.begin(), services_.end(), [](const Service& a, const Service& b) {
    return std::tie(a.tenant, a.name) < std::tie(b.tenant, b.name);
  });
  for (uint32_t i = 0; i < services_.size(); ++i) {
    services_[i].weight /= all;
    AddTo(shards_[Hash64(services_[i].tenant + "/" + services_[i].name) % kShards], i);
    AddTo(tenants_[services_[i].tenant_number], i);
  }
}

void BlockFleet::AddTo(Draw& draw, uint32_t service) {
  draw.services.push_back(service);
  draw.sums.push_back((draw.sums.empty() ? 0 : draw.sums.back()) + services_[service].weight);
}

std::vector<uint32_t> BlockFleet::Take(const Draw& draw, uint64_t& state) const {
  std::set<uint32_t> taken;
  // Hot services come again and again: not for ever.
  for (int tries = 0; tries < 40 && taken.size() < kDatasetsPerBlock; ++tries) {
    const double at = NextFraction(state) * draw.sums.back();
    const auto it = std::upper_bound(draw.sums.begin(), draw.sums.end() - 1, at);
    taken.insert(draw.services[static_cast<size_t>(it - draw.sums.begin())]);
  }
  return {taken.begin(), taken.end()};
}

BlockMeta BlockFleet::Block(uint64_t number) const {
  uint64_t state = number * 0xD1342543DE82EF95ull + 1;
  const bool compacted = number % kCompactedEvery == kCompactedEvery - 1;
  BlockMeta block;
  const int64_t time_ns = TimeOf(number);
  // 48 bits of milliseconds, then bits that look random but never repeat.
  block.id.bits.high = static_cast<uint64_t>(time_ns / 1'000'000) << 16 | (NextNumber(state) & 0xFFFF);
  block.id.bits.low = NextNumber(state);
  block.shard = static_cast<uint32_t>(NextNumber(state) % kShards);
  const Draw* draw = &shards_[block.shard];
  int64_t length_ns = Between(4 * kSecondNs, 8 * kSecondNs, state);
  if (compacted) {
    const uint64_t level = NextNumber(state) % 10;
    block.level = level < 6 ? 1 : level < 9 ? 2 : 3;
    length_ns = (block.level == 1 ? 600 : block.level == 2 ? 3600 : 6 * 3600) * kSecondNs;
    const std::vector<uint32_t> any = Take(*draw, state);
    draw = &tenants_[services_[any[NextNumber(state) % any.size()]].tenant_number];
  }
  block.max_time_ns = time_ns - Between(0, kSecondNs, state);
  block.min_time_ns = block.max_time_ns - length_ns;
  uint64_t offset = 0;
  const uint64_t section_bytes = compacted ? 200'000 : 4'000;
  for (uint32_t service : Take(*draw, state)) {
    DatasetMeta& dataset = block.datasets.emplace_back();
    dataset.tenant = services_[service].tenant;
    dataset.service = services_[service].name;
    dataset.min_time_ns = block.min_time_ns + Between(0, kSecondNs, state);
    dataset.max_time_ns = block.max_time_ns - Between(0, kSecondNs, state);
    dataset.profile_count = static_cast<uint32_t>(compacted ? length_ns / kSecondNs : 1 + NextNumber(state) % 3);
    dataset.sample_count = 400 * dataset.profile_count + NextNumber(state) % 999;
    std::set<std::string> types;
    for (uint64_t n = compacted ? kTypesOfKinds.size() : dataset.profile_count; n > 0; --n) {
      const auto& kind = kTypesOfKinds[compacted ? n - 1 : NextNumber(state) % kTypesOfKinds.size()];
      types.insert(kind.begin(), kind.end());
    }
    dataset.profile_types.assign(types.begin(), types.end());
    for (SectionKind kind : {SectionKind::kSymbols, SectionKind::kRows, SectionKind::kSamples}) {
      dataset.sections.push_back(Section(kind, section_bytes + NextNumber(state) % section_bytes, offset, state));
    }
    for (uint32_t i = 0; !compacted && i < dataset.profile_count; ++i) {
      dataset.identities.push_back({NextNumber(state), NextNumber(state)});
    }
  }
  for (const DatasetMeta& dataset : block.datasets) {
    if (!block.symbols.empty() && block.symbols.back().tenant == dataset.tenant) continue;
    block.symbols.push_back({dataset.tenant, Section(SectionKind::kSharedSymbols, 20'000, offset, state)});
  }
  block.size = offset + 2'000;
  return block;
}

BlockMeta BlockFleet::BlockOfIdentities(uint64_t number, uint32_t identities) const {
  BlockMeta block = Block(number);
  block.level = 0;
  DatasetMeta& dataset = block.datasets.front();
  dataset.profile_count = identities;
  uint64_t state = ~number;
  dataset.identities.clear();
  for (uint32_t i = 0; i < identities; ++i) dataset.identities.push_back({NextNumber(state), NextNumber(state)});
  for (size_t i = 1; i < block.datasets.size(); ++i) block.datasets[i].identities.clear();
  return block;
}

double BlockFleet::DatasetsPerHour(const Service& service) const {
  const double blocks_per_hour = 3600.0 * kSecondNs / kBlockIntervalNs;
  return service.weight * blocks_per_hour * static_cast<double>(kDatasetsPerBlock);
}

}  // namespace brazier::benchmark
