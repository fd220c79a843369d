// How much memory a merge takes whatever its inputs are: objects of hard to compress samples in a folder, many times larger than the
// budget, merged into one level. What the merge accounts for, and what the process has resident at its peak.
//
//   brazier-micro-merge-memory FOLDER [MB of inputs [MB of budget]]
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "benchmark/micro/micro.h"
#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/block/block_merge.h"
#include "store/block/block_writer.h"
#include "store/object/filesystem_object_store.h"

namespace brazier {
namespace {

constexpr int64_t kStartNs = 1'800'000'000'000'000'000;
constexpr uint32_t kServices = 40;
constexpr uint32_t kStacks = 8000;       // of a service, in every object
constexpr uint32_t kFreshStacks = 200;   // and of one object alone
constexpr uint32_t kProfilesPerObject = 4;  // of each service

uint64_t Mixed(uint64_t a, uint64_t b) { return MixHash(a, b); }

void AddFrame(SymbolTable& symbols, const std::string& name, uint32_t parent) {
  const uint32_t function = static_cast<uint32_t>(symbols.functions.size());
  symbols.functions.push_back({.name = symbols.strings.Add(name), .system_name = 0, .filename = 0, .start_line = 1});
  symbols.lines.push_back({function, 1});
  symbols.locations.push_back({.address = 0, .mapping = 0, .line_begin = function, .line_count = 1, .is_folded = false});
  symbols.stacks.push_back({parent, function});
}

ProfileBatch MakeBatch(uint32_t service, uint32_t object) {
  ProfileBatch batch;
  batch.tenant = "anonymous";
  batch.service = "service-" + std::to_string(service);
  for (uint32_t i = 0; i < kStacks; ++i) {
    AddFrame(batch.symbols, batch.service + "/pkg.function" + std::to_string(i), static_cast<uint32_t>(Mixed(service, i) % (i + 1)));
  }
  for (uint32_t i = 0; i < kFreshStacks; ++i) {
    AddFrame(batch.symbols, "fresh" + std::to_string(object) + "." + std::to_string(i), static_cast<uint32_t>(Mixed(object, i) % kStacks));
  }
  Labels labels;
  labels.Set("__profile_type__", "process_cpu:cpu:nanoseconds:cpu:nanoseconds");
  labels.Set("service_name", batch.service);
  batch.series.push_back(labels);
  for (uint32_t p = 0; p < kProfilesPerObject; ++p) {
    ProfileBatch::Profile profile;
    profile.time_ns = kStartNs + (int64_t{object} * kProfilesPerObject + p) * 1'000'000'000;
    profile.identity = {Mixed(service, object), p + 1};
    batch.profiles.push_back(profile);
    ProfileBatch::Row row{.series = 0, .profile = p, .sample_begin = static_cast<uint32_t>(batch.stacks.size()), .sample_end = 0, .total = 0};
    for (uint32_t stack = 1; stack <= kStacks + kFreshStacks; ++stack) {
      batch.stacks.push_back(stack);
      batch.values.push_back(static_cast<int64_t>(Mixed(Mixed(object, p), Mixed(service, stack)) >> 20));
      row.total += batch.values.back();
    }
    row.sample_end = static_cast<uint32_t>(batch.stacks.size());
    batch.rows.push_back(row);
  }
  return batch;
}

struct StoringHost final : block::MergeHost {
  explicit StoringHost(object::ObjectStore& s) : store(s) {}
  Status Put(block::BuiltBlock block) override {
    ++blocks;
    return store.Put(block.meta.ObjectKey(), {AsBytes(block.object)});
  }
  object::ObjectStore& store;
  size_t blocks = 0;
};

// The figure of /proc/self/status, in bytes.
uint64_t OfProcess(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) * 1024;
  }
  return 0;
}

double Megabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

// Writes the objects, and what the index would know of them to `list`.
void MakeInputs(object::ObjectStore& store, uint64_t bytes_wanted, const std::string& list) {
  std::ofstream metas(list, std::ios::binary);
  uint64_t bytes = 0;
  for (uint32_t object = 0; bytes < bytes_wanted; ++object) {
    block::BlockWriter writer(1);
    for (uint32_t service = 0; service < kServices; ++service) writer.Add(MakeBatch(service, object));
    block::BuiltBlock built = writer.Build(Ulid{{uint64_t{object + 1} << 16, 1}}, 0, 0);
    CHECK(store.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    for (auto& dataset : built.meta.datasets) dataset.identities.clear();
    bytes += built.object.size();
    const std::string meta = codec::EncodeBlockMeta(built.meta);
    metas << meta.size() << '\n' << meta;
  }
}

int Run(const std::string& folder, uint64_t input_mb, uint64_t budget_mb) {
  auto store = object::FilesystemObjectStore::Open(folder + "/objects");
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  const std::string list = folder + "/metas";
  // In a process of its own: its memory is not the merge's.
  const pid_t child = ::fork();
  if (child == 0) {
    MakeInputs(**store, input_mb * 1'000'000, list);
    ::_exit(0);
  }
  int ended = 0;
  if (child < 0 || ::waitpid(child, &ended, 0) != child || ended != 0) {
    std::fprintf(stderr, "the inputs could not be made\n");
    return 1;
  }
  std::vector<BlockMeta> inputs;
  uint64_t bytes = 0;
  uint64_t profiles = 0;
  std::ifstream metas(list, std::ios::binary);
  for (size_t size = 0; metas >> size;) {
    std::string meta(size, '\0');
    metas.get();
    metas.read(meta.data(), static_cast<std::streamsize>(size));
    auto decoded = codec::DecodeBlockMeta(AsBytes(meta));
    CHECK(decoded.ok());
    bytes += decoded->size;
    profiles += kServices * kProfilesPerObject;
    inputs.push_back(*std::move(decoded));
  }
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const uint64_t before = OfProcess("VmRSS");
  block::MergeOptions options;
  options.level = 1;
  options.memory_bytes_max = budget_mb << 20;
  StoringHost host(**store);
  Ulid bad;
  const double cpu = benchmark::CpuSeconds();
  const auto figures = block::MergeBlocks(options, **store, inputs, host, &bad);
  if (!figures.ok()) {
    std::fprintf(stderr, "%s\n", figures.status().ToString().c_str());
    return 1;
  }
  std::printf("%zu objects, %.0f MB, %" PRIu64 " profiles; budget %" PRIu64 " MiB\n", inputs.size(), Megabytes(bytes), profiles, budget_mb);
  std::printf("  %zu outputs, %.0f MB, %" PRIu64 " profiles, %.1f CPU-s\n", host.blocks, Megabytes(figures->bytes_written), figures->profiles,
              benchmark::CpuSeconds() - cpu);
  std::printf("  accounted peak %.0f MB; resident before %.0f MB, at its peak %.0f MB\n", Megabytes(figures->memory_bytes_peak),
              Megabytes(before), Megabytes(OfProcess("VmHWM")));
  return figures->profiles == profiles ? 0 : 1;
}

}  // namespace
}  // namespace brazier

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: brazier-micro-merge-memory FOLDER [MB of inputs [MB of budget]]\n");
    return 2;
  }
  const auto number = [&](int i, int otherwise) { return static_cast<uint64_t>(argc > i ? std::max(1, std::atoi(argv[i])) : otherwise); };
  return brazier::Run(argv[1], number(2, 2000), number(3, 256));
}
