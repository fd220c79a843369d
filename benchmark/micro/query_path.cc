// A query without a server: 6,000 profiles of 20 services in 240 objects held in memory; CPU time and wall time of a flame
// graph of one service and of all, from the plan to the rows that a client draws.
//
//   brazier-micro-query [repetitions [threads [MiB of the dataset cache; 0: every query reads and decodes]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "benchmark/load/profile_generator.h"
#include "benchmark/micro/micro.h"
#include "common/base/clock.h"
#include "common/codec/flame_graph.h"
#include "common/codec/ingest_formats.h"
#include "server/distributor/normalise.h"
#include "store/block/block_writer.h"
#include "store/object/memory_object_store.h"
#include "worker/query_backend/query_backend.h"

namespace brazier {
namespace {

using benchmark::CpuSeconds;

constexpr size_t kProfiles = 6'000;
constexpr size_t kPerObject = 25;
constexpr int64_t kMaxNodes = 8'192;

std::vector<BlockMeta> WriteBlocks(const benchmark::ProfileGenerator& generator, object::ObjectStore& store) {
  const distributor::TenantLimits limits;
  benchmark::CountingRandom random;
  std::vector<BlockMeta> blocks;
  for (size_t begin = 0; begin < kProfiles; begin += kPerObject) {
    block::BlockWriter writer(1);
    for (size_t i = begin; i < begin + kPerObject; ++i) {
      const uint32_t service = static_cast<uint32_t>(i % generator.service_count());
      const auto kind = benchmark::kProfileKinds[i / generator.service_count() % 4];
      RawProfile raw;
      raw.data = generator.Generate(service, kind, i, 1'700'000'000'000'000'000 + static_cast<int64_t>(i));
      raw.labels.Set(label::kName, benchmark::ProfileGenerator::MetricName(service, kind));
      raw.labels.Set(label::kServiceName, generator.ServiceName(service));
      auto ingested = codec::DecodeIngest(raw, limits.ingest);
      CHECK(ingested.ok());
      const Hash128 id = distributor::IdentityOf("anonymous", *ingested, "");
      auto batches = distributor::Normalise("anonymous", std::move(*ingested), id, limits);
      CHECK(batches.ok());
      for (auto& batch : *batches) writer.Add(std::move(batch));
    }
    block::BuiltBlock built = writer.Build(Ulid::Make(1, random), 1, 0);
    CHECK(store.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    blocks.push_back(std::move(built.meta));
  }
  return blocks;
}

// As the metastore and the planner narrow it down.
QueryPlan PlanFor(const std::vector<BlockMeta>& blocks, const std::string& type, const std::string& service) {
  QueryPlan plan;
  plan.spec.tenants = {"anonymous"};
  plan.spec.end_ns = INT64_MAX;
  plan.spec.selector = "{__profile_type__=\"" + type + "\"" + (service.empty() ? "" : ",service_name=\"" + service + "\"") + "}";
  plan.spec.reports = {{.kind = ReportKind::kFlameGraph}};
  for (const BlockMeta& block : blocks) {
    BlockRead read{block.id, block.ObjectKey(), block.symbols, {}};
    for (const DatasetMeta& dataset : block.datasets) {
      const auto& types = dataset.profile_types;
      if (!service.empty() && dataset.service != service) continue;
      if (std::find(types.begin(), types.end(), type) != types.end()) read.datasets.push_back(dataset);
    }
    if (!read.datasets.empty()) plan.root.reads.push_back(std::move(read));
  }
  return plan;
}

void Measure(const char* name, query_backend::QueryBackend& backend, const Clock& clock, const QueryPlan& plan, int count) {
  std::vector<double> wall;
  size_t nodes = 0, rows = 0;
  double execute_ms = 0;
  const double cpu = CpuSeconds();
  for (int i = 0; i < count; ++i) {
    const int64_t begun = clock.MonotonicNs();
    auto result = backend.Execute({"r", begun + 60 * kNsPerSecond}, plan);
    CHECK(result.ok());
    execute_ms += static_cast<double>(clock.MonotonicNs() - begun) / 1e6;
    nodes = result->reports[0].flame_tree.nodes.size();
    rows = codec::EncodeLevels(codec::Truncate(result->reports[0].flame_tree, kMaxNodes)).levels.size();
    wall.push_back(static_cast<double>(clock.MonotonicNs() - begun) / 1e6);
  }
  const double cpu_ms = (CpuSeconds() - cpu) * 1e3 / count;
  std::sort(wall.begin(), wall.end());
  std::printf("%-12s p50 %.1f ms, min %.1f ms (execute %.1f ms), CPU %.1f ms; %zu blocks, %zu nodes before truncation, %zu rows\n", name,
              wall[wall.size() / 2], wall[0], execute_ms / count, cpu_ms, plan.root.reads.size(), nodes, rows);
}

void Run(int count, int threads, int cache_mib) {
  const benchmark::ProfileGenerator generator({});
  object::MemoryObjectStore store;
  const Clock& clock = SystemClock();
  MetricsRegistry registry;
  const std::vector<BlockMeta> blocks = WriteBlocks(generator, store);
  query_backend::QueryBackend backend({.threads = threads, .cache_bytes_max = static_cast<size_t>(cache_mib) << 20}, store, clock, registry);
  const std::string type = benchmark::ProfileGenerator::ProfileTypeId(3, benchmark::ProfileKind::kCpu, 1);
  Measure("one service", backend, clock, PlanFor(blocks, type, std::string(generator.ServiceName(3))), count);
  Measure("all services", backend, clock, PlanFor(blocks, type, ""), count);
}

}  // namespace
}  // namespace brazier

int main(int argc, char** argv) {
  brazier::Run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 9, argc > 2 ? std::atoi(argv[2]) : 0,
               argc > 3 ? std::max(0, std::atoi(argv[3])) : 256);
  return 0;
}
