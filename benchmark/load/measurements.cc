#include "benchmark/load/measurements.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <thread>

#include "benchmark/load/floor.h"
#include "benchmark/load/http_connection.h"
#include "benchmark/load/profile_generator.h"
#include "benchmark/load/push_load.h"
#include "benchmark/load/server_process.h"

namespace brazier::benchmark {
namespace {

constexpr double kMiB = 1 << 20;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void PrintFailures(const PushOutcome& outcome) {
  if (outcome.failures > 0) {
    std::printf("  ! %lu pushes failed, the first with: %s\n", outcome.failures, outcome.first_failure.c_str());
  }
}

struct FullSpeedRun {
  PushOutcome outcome;
  double cpu_seconds = 0;
  uint64_t peak_rss = 0;
  uint64_t rss_after = 0;
  DiskUse disk;
};

FullSpeedRun PushAtFullSpeed(const Options& options, const PushBodies& load) {
  // What a push costs, and how many bytes are fresh: compaction has a measurement of its own.
  std::vector<std::string> flags = {"--compaction.concurrency=0"};
  flags.insert(flags.end(), options.server_flags.begin(), options.server_flags.end());
  ServerProcess server(options.brazier, options.scratch, flags);
  FullSpeedRun run;
  // Threads, tables and allocator pools come up with the first profiles; they are not the cost of a profile.
  const std::vector<std::string> warm_up(load.bodies.begin(), load.bodies.begin() + static_cast<long>(load.bodies.size() / 10));
  PrintFailures(PushAll(server.port(), warm_up, options.connections, 0));
  const std::vector<std::string> rest(load.bodies.begin() + static_cast<long>(warm_up.size()), load.bodies.end());
  const double before = server.CpuSeconds();
  run.outcome = PushAll(server.port(), rest, options.connections, 0);
  run.cpu_seconds = (server.CpuSeconds() - before) / static_cast<double>(rest.size());
  run.peak_rss = server.PeakRssBytes();
  run.disk = server.Disk();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  run.rss_after = server.RssBytes();
  PrintFailures(run.outcome);
  return run;
}

void PrintDisk(const DiskUse& disk, uint64_t gzipped_bytes) {
  std::printf("  objects %.1f MiB in %lu files = %.3f x the gzip'd input; index and logs %.1f MiB\n",
              static_cast<double>(disk.object_bytes) / kMiB, disk.object_count,
              static_cast<double>(disk.object_bytes) / static_cast<double>(gzipped_bytes),
              static_cast<double>(disk.other_bytes) / kMiB);
}

}  // namespace

void MeasureIngest(const Options& options, Report* report) {
  std::printf("\n== ingest at full speed: 20 services, %zu profiles, %u connections\n", options.profiles, options.connections);
  const ProfileGenerator generator({});
  const PushBodies load = MakePushBodies(generator, options.profiles, NowNs() - 600'000'000'000, 100'000'000);
  const double floor = InflateAndScanSeconds(MakeGzippedProfiles(generator, 400), 5);
  std::printf("  input: %.1f KB raw, %.1f KB gzip'd on average\n", static_cast<double>(load.raw_bytes) / 1e3 / static_cast<double>(options.profiles),
              static_cast<double>(load.gzipped_bytes) / 1e3 / static_cast<double>(options.profiles));
  std::printf("  floor: %.0f us to inflate and scan one profile, one thread\n", floor * 1e6);

  const FullSpeedRun run = PushAtFullSpeed(options, load);
  const double pushed = static_cast<double>(run.outcome.latencies_ms.size());
  std::printf("  server CPU %.0f us per profile = %.2f x floor; %.0f profiles/s; ack p50 %.1f ms p99 %.1f ms\n",
              run.cpu_seconds * 1e6, run.cpu_seconds / floor, pushed / run.outcome.seconds, run.outcome.Percentile(0.5),
              run.outcome.Percentile(0.99));
  PrintDisk(run.disk, load.gzipped_bytes);
  std::printf("  memory: peak %.0f MiB, two seconds after %.0f MiB\n", static_cast<double>(run.peak_rss) / kMiB,
              static_cast<double>(run.rss_after) / kMiB);
  report->goals.push_back({"failed pushes", static_cast<double>(run.outcome.failures), 0, ""});
  report->goals.push_back({"server CPU per pushed profile", run.cpu_seconds / floor, 5, "x floor"});
  report->goals.push_back({"fresh bytes, 20 services", static_cast<double>(run.disk.object_bytes) / static_cast<double>(load.gzipped_bytes),
                           0.5, "x gzip'd input"});
  report->goals.push_back({"peak memory while ingesting", static_cast<double>(run.peak_rss) / kMiB, 400, "MiB"});
}

void MeasureManyServices(const Options& options, Report* report) {
  std::printf("\n== ingest at full speed: 1,000 services, %zu profiles\n", options.profiles);
  const ProfileGenerator generator({.services = 1000});
  const PushBodies load = MakePushBodies(generator, options.profiles, NowNs() - 600'000'000'000, 100'000'000);
  const FullSpeedRun run = PushAtFullSpeed(options, load);
  std::printf("  server CPU %.0f us per profile; %.0f profiles/s; peak memory %.0f MiB\n", run.cpu_seconds * 1e6,
              static_cast<double>(run.outcome.latencies_ms.size()) / run.outcome.seconds, static_cast<double>(run.peak_rss) / kMiB);
  PrintDisk(run.disk, load.gzipped_bytes);
  report->goals.push_back({"fresh bytes, 1,000 services",
                           static_cast<double>(run.disk.object_bytes) / static_cast<double>(load.gzipped_bytes), 0.9, "x gzip'd input"});
  report->goals.push_back({"peak memory, 1,000 services", static_cast<double>(run.peak_rss) / kMiB, 400, "MiB"});
}

void MeasureAcknowledgement(const Options& options, Report* report) {
  std::printf("\n== one profile at a time on an idle server\n");
  const ProfileGenerator generator({});
  constexpr size_t kCount = 150;
  const PushBodies load = MakePushBodies(generator, kCount, NowNs() - 60'000'000'000, 100'000'000);
  const double durable = DurableFileSeconds(options.scratch, 20'000, 50) * 1e3;
  std::printf("  floor: %.2f ms for one durable 20 KB file (write, fsync, rename, fsync of the folder)\n", durable);

  ServerProcess server(options.brazier, options.scratch, options.server_flags);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const double idle = static_cast<double>(server.RssBytes()) / kMiB;
  const PushOutcome outcome = PushAll(server.port(), load.bodies, 1, 25);
  PrintFailures(outcome);
  std::printf("  ack p50 %.2f ms, p90 %.2f ms, p99 %.2f ms = %.1f x floor at p50; idle memory %.0f MiB\n", outcome.Percentile(0.5),
              outcome.Percentile(0.9), outcome.Percentile(0.99), outcome.Percentile(0.5) / durable, idle);
  report->goals.push_back({"acknowledgement on an idle server, p50", outcome.Percentile(0.5), 10, "ms"});
  report->goals.push_back({"idle memory", idle, 60, "MiB"});
}

void MeasureLinger(const Options& options, Report*) {
  std::printf("\n== segment.linger: 20 services, %.0f s per row\n", options.table_seconds);
  std::printf("  | profiles/s | linger | bytes / gzip'd input | objects/s | ack p50 | ack p99 | cores |\n");
  std::printf("  |---|---|---|---|---|---|---|\n");
  const ProfileGenerator generator({});
  for (const double rate : {30.0, 300.0}) {
    const size_t count = static_cast<size_t>(rate * options.table_seconds);
    const PushBodies load = MakePushBodies(generator, count, NowNs() - 60'000'000'000, 1'000'000);
    for (const char* linger : {"0ms", "10ms", "50ms", "200ms"}) {
      std::vector<std::string> flags = options.server_flags;
      flags.push_back("--compaction.concurrency=0");
      flags.push_back(std::string("--segment.linger=") + linger);
      ServerProcess server(options.brazier, options.scratch, flags);
      // Enough connections that a rate of 300/s with 200 ms of waiting never lacks one.
      const double before = server.CpuSeconds();
      const PushOutcome outcome = PushAll(server.port(), load.bodies, 96, rate);
      const DiskUse disk = server.Disk();
      std::printf("  | %.0f | %s | %.3f | %.1f | %.1f ms | %.1f ms | %.2f |\n", rate, linger,
                  static_cast<double>(disk.object_bytes) / static_cast<double>(load.gzipped_bytes),
                  static_cast<double>(disk.object_count) / outcome.seconds, outcome.Percentile(0.5), outcome.Percentile(0.99),
                  (server.CpuSeconds() - before) / outcome.seconds);
      PrintFailures(outcome);
      std::fflush(stdout);
    }
  }
}

namespace {

struct QueryTimes {
  double p50_ms = std::numeric_limits<double>::infinity();
  double max_ms = 0;
  double cpu_ms = 0;  // of the server, per query
  size_t answer_bytes = 0;
};

QueryTimes TimeFlameGraph(const ServerProcess& server, const std::string& selector, int64_t begin_ns, int64_t end_ns, int count) {
  HttpConnection connection(server.port());
  std::string escaped;
  for (char c : selector) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
  const std::string body = "{\"profileTypeID\":\"process_cpu:cpu:nanoseconds:cpu:nanoseconds\",\"labelSelector\":\"" + escaped +
                           "\",\"start\":" + std::to_string(begin_ns / 1'000'000) + ",\"end\":" +
                           std::to_string(end_ns / 1'000'000 + 1) + "}";
  QueryTimes times;
  std::vector<double> all;
  const double cpu_before = server.CpuSeconds();
  for (int i = 0; i < count; ++i) {
    const auto started = std::chrono::steady_clock::now();
    const HttpAnswer answer = connection.Post("/querier.v1.QuerierService/SelectMergeStacktraces", "application/json", body);
    all.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count());
    if (answer.status != 200) {
      std::printf("  ! query failed: %d %s\n", answer.status, answer.body.substr(0, 300).c_str());
      return QueryTimes();
    }
    times.answer_bytes = answer.body.size();
  }
  times.cpu_ms = (server.CpuSeconds() - cpu_before) * 1e3 / count;
  std::sort(all.begin(), all.end());
  times.p50_ms = all[all.size() / 2];
  times.max_ms = all.back();
  return times;
}

}  // namespace

void MeasureQueries(const Options& options, Report* report) {
  constexpr size_t kProfiles = 6000;
  constexpr size_t kPerObject = 25;
  constexpr int64_t kRangeNs = 900'000'000'000;
  std::printf("\n== flame graphs: 15 minutes, 20 services, %zu profiles in %zu small objects\n", kProfiles, kProfiles / kPerObject);
  const ProfileGenerator generator({});
  const int64_t begin = NowNs() - kRangeNs;
  const PushBodies load = MakePushBodies(generator, kProfiles, begin, kRangeNs / kProfiles, kPerObject);
  // One request after the other, and time for all profiles of a request to arrive: each request makes one object.
  std::vector<std::string> flags = {"--segment.linger=100ms", "--compaction.concurrency=0"};
  flags.insert(flags.end(), options.server_flags.begin(), options.server_flags.end());
  ServerProcess server(options.brazier, options.scratch, flags);
  PrintFailures(PushAll(server.port(), load.bodies, 1, 0));
  std::printf("  objects: %lu\n", server.Disk().object_count);

  const std::string service = std::string(generator.ServiceName(3));
  const QueryTimes cold = TimeFlameGraph(server, "{service_name=\"" + service + "\"}", begin, begin + kRangeNs, 1);
  const QueryTimes one = TimeFlameGraph(server, "{service_name=\"" + service + "\"}", begin, begin + kRangeNs, 41);
  const QueryTimes all = TimeFlameGraph(server, "{}", begin, begin + kRangeNs, 15);
  std::printf("  one service: first %.1f ms, p50 %.1f ms, max %.1f ms, server CPU %.1f ms, answer %zu KB\n", cold.p50_ms, one.p50_ms,
              one.max_ms, one.cpu_ms, one.answer_bytes / 1000);
  std::printf("  all services: p50 %.1f ms, max %.1f ms, server CPU %.1f ms, answer %zu KB\n", all.p50_ms, all.max_ms, all.cpu_ms,
              all.answer_bytes / 1000);
  std::printf("  memory after: %.0f MiB, peak %.0f MiB\n", static_cast<double>(server.RssBytes()) / kMiB,
              static_cast<double>(server.PeakRssBytes()) / kMiB);
  report->goals.push_back({"flame graph of one service, p50", one.p50_ms, 15, "ms"});
  report->goals.push_back({"flame graph of all services, p50", all.p50_ms, 150, "ms"});
}

}  // namespace brazier::benchmark
