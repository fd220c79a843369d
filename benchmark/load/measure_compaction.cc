// Steady load with compaction at its defaults: how soon what is written is compacted, what that costs, what it leaves.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "benchmark/load/http_connection.h"
#include "benchmark/load/measurements.h"
#include "benchmark/load/profile_generator.h"
#include "benchmark/load/push_load.h"
#include "benchmark/load/server_process.h"

namespace brazier::benchmark {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kProfilesPerSecond = 50;
constexpr int kLevels = 5;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string MetricsOf(const ServerProcess& server) {
  HttpConnection connection(server.port());
  return connection.Get("/metrics").body;
}

// The sum of the values of all series whose line begins with `prefix`.
double Sum(const std::string& metrics, const std::string& prefix) {
  double sum = 0;
  for (size_t at = 0; at < metrics.size();) {
    const size_t end = std::min(metrics.find('\n', at), metrics.size());
    if (metrics.compare(at, prefix.size(), prefix) == 0) {
      sum += std::strtod(metrics.c_str() + metrics.rfind(' ', end) + 1, nullptr);
    }
    at = end + 1;
  }
  return sum;
}

std::string OfLevel(const char* name, int level) { return std::string(name) + "{level=\"" + std::to_string(level) + "\"}"; }

// The upper bound of the bucket in which the fraction lies: what is promised, not what is guessed between bounds.
double Quantile(const std::string& metrics, const std::string& histogram, double fraction) {
  const double count = Sum(metrics, histogram + "_count");
  if (count == 0) return 1e9;
  const std::string prefix = histogram + "_bucket{le=\"";
  for (size_t at = metrics.find(prefix); at != std::string::npos; at = metrics.find(prefix, at + 1)) {
    const char* bound = metrics.c_str() + at + prefix.size();
    const double value = std::strtod(metrics.c_str() + metrics.find("} ", at) + 2, nullptr);
    if (value >= fraction * count) return *bound == '+' ? 1e9 : std::strtod(bound, nullptr);
  }
  return 1e9;
}

double Waiting(const std::string& metrics, int below_level) {
  double blocks = 0;
  for (int level = 0; level < below_level; ++level) {
    blocks += Sum(metrics, OfLevel("brazier_compaction_waiting_blocks", level)) +
              Sum(metrics, OfLevel("brazier_compaction_leased_jobs", level + 1));
  }
  return blocks;
}

bool Await(const ServerProcess& server, int below_level, int seconds) {
  for (int i = 0; i < seconds * 5; ++i) {
    if (Waiting(MetricsOf(server), below_level) == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return false;
}

void MeasureOne(const Options& options, uint32_t services, Report* report) {
  const size_t count = static_cast<size_t>(options.compaction_seconds * kProfilesPerSecond);
  std::printf("\n== compaction: %u services, %.0f profiles/s for %.0f s, default settings\n", services, kProfilesPerSecond,
              options.compaction_seconds);
  const ProfileGenerator generator({.services = services});
  const PushBodies load = MakePushBodies(generator, count, NowNs() - 60'000'000'000, 1'000'000'000 / static_cast<int64_t>(kProfilesPerSecond));
  const double gzipped = static_cast<double>(load.gzipped_bytes);
  std::vector<std::string> flags = {"--compaction.delete-delay=1s", "--thrift.listen=127.0.0.1:" + std::to_string(FreePort())};
  flags.insert(flags.end(), options.server_flags.begin(), options.server_flags.end());
  ServerProcess server(options.brazier, options.scratch, flags);
  const PushOutcome outcome = PushAll(server.port(), load.bodies, 32, kProfilesPerSecond);
  if (outcome.failures > 0) std::printf("  ! %lu pushes failed: %s\n", outcome.failures, outcome.first_failure.c_str());
  if (!Await(server, 1, 120)) std::printf("  ! segments still wait after two minutes\n");
  std::string metrics = MetricsOf(server);
  const double p50 = Quantile(metrics, "brazier_compaction_first_compaction_seconds", 0.5);
  const double p95 = Quantile(metrics, "brazier_compaction_first_compaction_seconds", 0.95);
  const double first_cpu = Sum(metrics, OfLevel("brazier_compaction_worker_job_cpu_seconds_sum", 1));
  const double cpu_per_1000 = first_cpu / static_cast<double>(count) * 1000;
  std::printf("  write to first compaction: p50 <= %.1f s, p95 <= %.1f s; ack p50 %.1f ms, p99 %.1f ms\n", p50, p95,
              outcome.Percentile(0.5), outcome.Percentile(0.99));
  std::printf("  first compaction: %.3f CPU-s per 1,000 profiles; %.0f jobs\n", cpu_per_1000,
              Sum(metrics, OfLevel("brazier_compaction_jobs_finished_total", 1)));

  // All the way up, as time would take it.
  const std::string ctl = options.brazier + "ctl compaction force --server=" + flags[1].substr(flags[1].find('=') + 1) + " >/dev/null";
  for (int level = 1; level < kLevels; ++level) {
    if (std::system(ctl.c_str()) != 0) std::printf("  ! brazierctl compaction force failed\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    if (!Await(server, level, 120)) std::printf("  ! blocks below level %d still wait\n", level);
  }
  std::this_thread::sleep_for(std::chrono::seconds(5));
  metrics = MetricsOf(server);
  std::printf("  | level | jobs | read, x gzip'd input | written, x gzip'd input | CPU-s per 1,000 profiles |\n  |---|---|---|---|---|\n");
  double written = 0;
  for (int level = 1; level < kLevels; ++level) {
    const double out = Sum(metrics, OfLevel("brazier_compaction_output_bytes_total", level));
    written += out;
    std::printf("  | %d | %.0f | %.3f | %.3f | %.3f |\n", level, Sum(metrics, OfLevel("brazier_compaction_jobs_finished_total", level)),
                Sum(metrics, OfLevel("brazier_compaction_replaced_bytes_total", level)) / gzipped, out / gzipped,
                Sum(metrics, OfLevel("brazier_compaction_worker_job_cpu_seconds_sum", level)) / static_cast<double>(count) * 1000);
  }
  const DiskUse disk = server.Disk();
  const double fresh = Sum(metrics, OfLevel("brazier_compaction_replaced_bytes_total", 1));
  std::printf("  fresh %.3f x; in the end %.3f x the gzip'd input in %lu objects; write amplification %.2f (all levels over fresh bytes)\n",
              fresh / gzipped, static_cast<double>(disk.object_bytes) / gzipped, disk.object_count, (fresh + written) / std::max(1.0, fresh));
  std::printf("  memory: peak %.0f MiB\n", static_cast<double>(server.PeakRssBytes()) / kMiB);
  const std::string name = ", " + std::to_string(services) + " services";
  report->goals.push_back({"write to first compaction, p50" + name, p50, 5, "s"});
  report->goals.push_back({"write to first compaction, p95" + name, p95, 15, "s"});
  report->goals.push_back({"first compaction per 1,000 profiles" + name, cpu_per_1000, 0.25, "CPU-s"});
  if (services != 100) {
    report->goals.push_back({"bytes when compacted" + name, static_cast<double>(disk.object_bytes) / gzipped, services == 20 ? 0.08 : 0.25,
                             "x gzip'd input"});
  }
}

}  // namespace

void MeasureCompaction(const Options& options, Report* report) {
  for (const uint32_t services : {20u, 100u, 1000u}) MeasureOne(options, services, report);
}

}  // namespace brazier::benchmark
