#include "benchmark/index/look_ups.h"

#include <algorithm>
#include <cstdio>
#include <random>

#include "benchmark/index/index_build.h"
#include "benchmark/index/measure.h"
#include "common/base/check.h"
#include "store/index/index_entries.h"
#include "store/index/index_reader.h"

namespace brazier::benchmark {
namespace {

constexpr double kMib = 1 << 20;
constexpr int kLookUps = 300;

// Services by how much they send.
struct Class {
  const char* name;
  double per_hour_min;
  double per_hour_max;
};
constexpr Class kClasses[] = {{"hot", 200, 1e9}, {"warm", 50, 200}, {"cool", 2, 50}};

struct Range {
  const char* name;
  int64_t length_ns;
};
constexpr int64_t kMinuteNs = 60 * kNsPerSecond;
constexpr Range kRanges[] = {
    {"10 min", 10 * kMinuteNs}, {"1 h", 60 * kMinuteNs}, {"6 h", 360 * kMinuteNs}, {"24 h", 1440 * kMinuteNs}};

std::vector<const BlockFleet::Service*> ServicesOf(const BlockFleet& fleet, const Class& wanted) {
  std::vector<const BlockFleet::Service*> found;
  for (const BlockFleet::Service& service : fleet.services()) {
    const double per_hour = fleet.DatasetsPerHour(service);
    if (per_hour >= wanted.per_hour_min && per_hour < wanted.per_hour_max) found.push_back(&service);
  }
  CHECK(!found.empty());
  return found;
}

// Decoding the answer's entries from memory: what no index could spare.
double FloorSeconds(const std::vector<BlockMeta>& answer) {
  std::vector<std::string> entries;
  for (const BlockMeta& block : answer) {
    for (const DatasetMeta& dataset : block.datasets) {
      index::DatasetEntry entry{.shard = block.shard, .level = block.level, .block_size = block.size,
                                .block_min_time_ns = block.min_time_ns, .block_max_time_ns = block.max_time_ns,
                                .shared_symbols = block.symbols.front().section, .dataset = dataset};
      entry.dataset.tenant.clear();
      entry.dataset.service.clear();
      entries.push_back(index::EncodeDatasetEntry(entry));
    }
  }
  const double begun = WallSeconds();
  for (const std::string& entry : entries) CHECK(index::DecodeDatasetEntry(entry).ok());
  return WallSeconds() - begun;
}

struct Times {
  std::vector<double> us;
  double datasets = 0;
  double floor_us = 0;
};

Times LookUp(const kv::KeyValueStore& store, const std::vector<index::BlockSelection>& selections) {
  Times times;
  for (const index::BlockSelection& selection : selections) {
    const double begun = WallSeconds();
    const auto found = index::FindBlocks(*store.Snapshot(), selection);
    times.us.push_back((WallSeconds() - begun) * 1e6);
    CHECK(found.ok());
    for (const BlockMeta& block : *found) times.datasets += static_cast<double>(block.datasets.size());
    times.floor_us += FloorSeconds(*found) * 1e6;
  }
  times.datasets /= static_cast<double>(selections.size());
  times.floor_us /= static_cast<double>(selections.size());
  return times;
}

void Print(const char* service, const char* range, const Times& cold, const Times& warm) {
  std::printf("| %-10s | %-6s | %7.0f | %8.0f | %8.0f | %8.0f | %8.0f | %5.1f |\n", service, range, warm.datasets,
              Percentile(warm.us, 0.5), Percentile(warm.us, 0.99), Percentile(cold.us, 0.5),
              Percentile(cold.us, 0.99), warm.datasets > 0 ? Percentile(warm.us, 0.5) / warm.floor_us : 0);
  std::fflush(stdout);
}

void MeasureLookUps(const BlockFleet& fleet, const std::string& folder, const kv::KeyValueStore& store, uint64_t blocks) {
  std::mt19937_64 random(42);
  const int64_t first = BlockFleet::kFirstBlockNs, last = BlockFleet::TimeOf(blocks);
  const auto measure = [&](const char* name, const char* range, auto make) {
    std::vector<index::BlockSelection> selections;
    for (int i = 0; i < kLookUps; ++i) selections.push_back(make());
    DropCached(folder);
    const Times cold = LookUp(store, selections);
    Print(name, range, cold, LookUp(store, selections));
  };
  std::printf("| service    | range  | answer  | p50 us   | p99 us   | cold p50 | cold p99 | floor |\n"
              "|---|---|---|---|---|---|---|---|\n");
  for (const Class& wanted : kClasses) {
    const auto services = ServicesOf(fleet, wanted);
    for (const Range& range : kRanges) {
      if (range.length_ns > last - first) continue;
      measure(wanted.name, range.name, [&] {
        const BlockFleet::Service& service = *services[random() % services.size()];
        const int64_t start =
            first + static_cast<int64_t>(random() % static_cast<uint64_t>(last - first - range.length_ns + 1));
        return index::BlockSelection{
            .tenants = {service.tenant}, .start_ns = start, .end_ns = start + range.length_ns, .service = service.name};
      });
    }
  }
  const auto services = ServicesOf(fleet, kClasses[1]);
  measure("warm, now", "1 h", [&] {
    const BlockFleet::Service& service = *services[random() % services.size()];
    return index::BlockSelection{.tenants = {service.tenant}, .start_ns = last - 60 * kMinuteNs, .end_ns = last,
                                 .service = service.name};
  });
  measure("unknown", "1 h", [&] {
    return index::BlockSelection{.tenants = {"tenant-07"}, .start_ns = last - 60 * kMinuteNs, .end_ns = last,
                                 .service = "nobody-" + std::to_string(random() % 1000)};
  });
  measure("warm, none", "1 h", [&] {
    const BlockFleet::Service& service = *services[random() % services.size()];
    const int64_t start = first - static_cast<int64_t>(10 + random() % 100) * 1440 * kMinuteNs;
    return index::BlockSelection{.tenants = {service.tenant}, .start_ns = start, .end_ns = start + 60 * kMinuteNs,
                                 .service = service.name};
  });
}

}  // namespace

void MeasureIndex(const BlockFleet& fleet, const std::string& folder, uint64_t blocks) {
  const double resident_before = static_cast<double>(ResidentBytes());
  DropCached(folder);
  const auto cold = OpenIndex(folder);
  std::printf("open, cold: store %.2f s, index %.2f s, log and consensus %.2f s; together %.2f s (log of %llu entries, %.1f MiB)\n",
              cold->store_seconds, cold->index_seconds, cold->consensus_seconds,
              cold->store_seconds + cold->index_seconds + cold->consensus_seconds,
              static_cast<unsigned long long>(cold->consensus->GetStatus().last_index + 1 -
                                              cold->consensus->GetStatus().first_index),
              static_cast<double>(cold->consensus->GetStatus().log_bytes) / kMib);
  const double resident_open = static_cast<double>(ResidentBytes());
  MeasureLookUps(fleet, folder, *cold->store, blocks);
  const double resident_end = static_cast<double>(ResidentBytes());
  const double n = static_cast<double>(blocks);
  std::printf("resident: %.0f MiB when open (dedup window of %.0f MiB of identities), %.0f MiB after the look-ups; %.1f bytes a block\n",
              (resident_open - resident_before) / kMib,
              static_cast<double>(cold->index->window_identities() * 16) / kMib,
              (resident_end - resident_before) / kMib, (resident_end - resident_open) / n);
  std::printf("on disk: %.0f MiB, %.0f bytes a block\n", static_cast<double>(FolderBytes(folder)) / kMib,
              static_cast<double>(FolderBytes(folder)) / n);
  cold->consensus->Stop();
}

}  // namespace brazier::benchmark
