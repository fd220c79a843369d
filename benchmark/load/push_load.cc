#include "benchmark/load/push_load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <thread>

#include "benchmark/load/http_connection.h"

namespace brazier::benchmark {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr const char* kPushPath = "/push.v1.PusherService/Push";

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void AppendField(std::string& out, uint32_t field, std::string_view content) {
  AppendVarint(out, field << 3 | 2);
  AppendVarint(out, content.size());
  out += content;
}

std::string Label(std::string_view name, std::string_view value) {
  std::string label;
  AppendField(label, 1, name);
  AppendField(label, 2, value);
  return label;
}

struct Origin {
  uint32_t service;
  ProfileKind kind;
  uint64_t snapshot;
};

Origin OriginOf(const ProfileGenerator& generator, size_t index) {
  const size_t series = generator.service_count() * kProfileKinds.size();
  const size_t within = index % series;
  return {static_cast<uint32_t>(within % generator.service_count()), kProfileKinds[within / generator.service_count()],
          index / series};
}

// Runs work(i) for i in [0, count) on every core.
template <typename Work>
void ForEachInParallel(size_t count, const Work& work) {
  std::atomic<size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t) {
    threads.emplace_back([&] {
      for (size_t i; (i = next.fetch_add(1)) < count;) work(i);
    });
  }
}

}  // namespace

PushBodies MakePushBodies(const ProfileGenerator& generator, size_t count, int64_t begin_ns, int64_t step_ns,
                          size_t per_body) {
  PushBodies result;
  result.bodies.resize((count + per_body - 1) / per_body);
  std::atomic<uint64_t> gzipped_bytes{0}, raw_bytes{0};
  ForEachInParallel(result.bodies.size(), [&](size_t b) {
    for (size_t i = b * per_body; i < std::min(count, (b + 1) * per_body); ++i) {
      const Origin origin = OriginOf(generator, i);
      const std::string raw = generator.Generate(origin.service, origin.kind, origin.snapshot,
                                                 begin_ns + static_cast<int64_t>(i) * step_ns);
      const std::string gzipped = GzipProfile(raw);
      gzipped_bytes += gzipped.size();
      raw_bytes += raw.size();
      std::string series, sample;
      AppendField(series, 1, Label("__name__", ProfileGenerator::MetricName(origin.service, origin.kind)));
      AppendField(series, 1, Label("service_name", generator.ServiceName(origin.service)));
      AppendField(series, 1, Label("pod", std::string(generator.ServiceName(origin.service)) + "-7d9f6c5b4-x2x8p"));
      AppendField(series, 1, Label("region", "eu-west-1"));
      AppendField(sample, 1, gzipped);
      AppendField(series, 2, sample);
      AppendField(result.bodies[b], 1, series);
    }
  });
  result.gzipped_bytes = gzipped_bytes;
  result.raw_bytes = raw_bytes;
  return result;
}

std::vector<std::string> MakeGzippedProfiles(const ProfileGenerator& generator, size_t count) {
  std::vector<std::string> profiles(count);
  ForEachInParallel(count, [&](size_t i) {
    const Origin origin = OriginOf(generator, i);
    profiles[i] = GzipProfile(generator.Generate(origin.service, origin.kind, origin.snapshot, 1));
  });
  return profiles;
}

double PushOutcome::Percentile(double fraction) const {
  if (latencies_ms.empty()) return std::numeric_limits<double>::infinity();
  return latencies_ms[std::min(latencies_ms.size() - 1, static_cast<size_t>(fraction * static_cast<double>(latencies_ms.size())))];
}

PushOutcome PushAll(uint16_t port, const std::vector<std::string>& bodies, unsigned connections, double per_second) {
  PushOutcome outcome;
  std::mutex mutex;
  std::atomic<size_t> next{0};
  const auto started = SteadyClock::now();
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < connections; ++t) {
      threads.emplace_back([&] {
        HttpConnection connection(port);
        std::vector<double> latencies_ms;
        uint64_t failures = 0;
        std::string first_failure;
        for (size_t i; (i = next.fetch_add(1)) < bodies.size();) {
          if (per_second > 0) {
            std::this_thread::sleep_until(started + std::chrono::duration_cast<SteadyClock::duration>(
                                                        std::chrono::duration<double>(static_cast<double>(i) / per_second)));
          }
          const auto sent = SteadyClock::now();
          const HttpAnswer answer = connection.Post(kPushPath, "application/proto", bodies[i]);
          if (answer.status == 200) {
            latencies_ms.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - sent).count());
          } else if (failures++ == 0) {
            first_failure = std::to_string(answer.status) + " " + answer.body.substr(0, 300);
          }
        }
        const std::lock_guard lock(mutex);
        outcome.latencies_ms.insert(outcome.latencies_ms.end(), latencies_ms.begin(), latencies_ms.end());
        outcome.failures += failures;
        if (outcome.first_failure.empty()) outcome.first_failure = first_failure;
      });
    }
  }
  outcome.seconds = std::chrono::duration<double>(SteadyClock::now() - started).count();
  std::sort(outcome.latencies_ms.begin(), outcome.latencies_ms.end());
  return outcome;
}

}  // namespace brazier::benchmark
