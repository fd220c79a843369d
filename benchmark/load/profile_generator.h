// ProfileGenerator: realistic pprof profiles out of a seed, for measurements and soak runs.
//
// It invents a fleet of services. Each has its own program: functions with names and files as a Go program has them, a
// call graph in layers, and under it the runtime and libraries that all services share. A profile is a set of random
// walks through that graph: snapshots of one service share most of their symbols, and services share only the runtime.
// How many stacks two snapshots of a service have in common depends on the kind, as it does in life: an eighth to a quarter
// in sampled profiles (cpu, wall), nearly all in those that count since the process began (memory, mutex), most in goroutine.
//
// Generate() is a pure function of (seed, service, kind, snapshot, time): the same arguments give the same bytes on every
// machine. With the default options (20 services, 4 kinds, 1,250 samples) the measured averages are written in
// docs/benchmark.md and checked by tests/benchmark/load/profile_generator_test.cc.
//
// Memory: about 150 KB per service. The object is immutable after construction: Generate() is Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace brazier::benchmark {

// What a profile measures. kConcurrency is "goroutine" for even services and "wall" for odd ones.
enum class ProfileKind : uint8_t { kCpu, kMemory, kMutex, kConcurrency };
inline constexpr std::array kProfileKinds = {ProfileKind::kCpu, ProfileKind::kMemory, ProfileKind::kMutex,
                                      ProfileKind::kConcurrency};

struct GeneratorOptions {
  uint64_t seed = 1;
  uint32_t services = 20;
  // Mean over the four kinds; a single profile has between half and one and a half times as many.
  uint32_t samples_mean = 1250;
};

class ProfileGenerator {
 public:
  explicit ProfileGenerator(const GeneratorOptions& options);
  ~ProfileGenerator();
  ProfileGenerator(const ProfileGenerator&) = delete;
  ProfileGenerator& operator=(const ProfileGenerator&) = delete;

  uint32_t service_count() const;
  // "checkout-gateway", "billing-worker-3": unique per service.
  std::string_view ServiceName(uint32_t service) const;
  // The metric name such a profile is pushed under: "process_cpu", "memory", "mutex", "goroutine" or "wall".
  static std::string_view MetricName(uint32_t service, ProfileKind kind);
  // The full id of the kind's first sample type, for queries: "process_cpu:samples:count:cpu:nanoseconds".
  static std::string ProfileTypeId(uint32_t service, ProfileKind kind, uint32_t sample_type = 0);

  // One profile as raw (not gzip'd) pprof bytes. REQUIRES: service < service_count().
  std::string Generate(uint32_t service, ProfileKind kind, uint64_t snapshot, int64_t time_ns) const;

 private:
  struct Fleet;
  std::unique_ptr<const Fleet> fleet_;
};

// gzip as the Go runtime does it: one member, fastest level.
std::string GzipProfile(std::string_view raw);

}  // namespace brazier::benchmark
