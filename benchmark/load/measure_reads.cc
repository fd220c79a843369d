// Queries of every kind over compacted data, and beside somebody else's long ones.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "benchmark/load/http_connection.h"
#include "benchmark/load/measurements.h"
#include "benchmark/load/profile_generator.h"
#include "benchmark/load/push_load.h"
#include "benchmark/load/server_process.h"

namespace brazier::benchmark {
namespace {

constexpr double kMiB = 1 << 20;
constexpr size_t kProfiles = 6000;
constexpr int64_t kRangeNs = 900'000'000'000;
constexpr const char* kQuerier = "/querier.v1.QuerierService/";

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

struct Question {
  const char* name;
  const char* method;
  std::string selector;  // as JSON
  std::string more;      // further members, with a comma before them
  int count = 21;
  double goal_ms = 0;    // 0: none
};

std::string BodyOf(const Question& question, int64_t begin_ns, int64_t end_ns) {
  return "{\"profileTypeID\":\"process_cpu:cpu:nanoseconds:cpu:nanoseconds\",\"labelSelector\":\"" + question.selector +
         "\",\"start\":" + std::to_string(begin_ns / 1'000'000) + ",\"end\":" + std::to_string(end_ns / 1'000'000 + 1) +
         question.more + "}";
}

// Milliseconds of each, sorted; empty when one failed.
std::vector<double> Ask(HttpConnection& connection, const Question& question, const std::string& body, size_t* answer_bytes) {
  std::vector<double> all;
  for (int i = 0; i < question.count; ++i) {
    const auto started = std::chrono::steady_clock::now();
    const HttpAnswer answer = connection.Post(std::string(kQuerier) + question.method, "application/json", body);
    all.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count());
    if (answer.status != 200) {
      std::printf("  ! %s failed: %d %s\n", question.name, answer.status, answer.body.substr(0, 300).c_str());
      return {};
    }
    *answer_bytes = answer.body.size();
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Until no object is replaced any more for some seconds.
void AwaitCompaction(const ServerProcess& server) {
  uint64_t before = 0;
  int calm = 0;
  for (int i = 0; i < 240 && calm < 20; ++i) {
    const uint64_t now = server.Disk().object_count;
    calm = now == before ? calm + 1 : 0;
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

std::vector<std::string> Flags(const Options& options, std::vector<std::string> flags) {
  flags.insert(flags.end(), {"--compaction.level0-delay=500ms", "--compaction.delete-delay=1s", "--limits.unlimited=true"});
  flags.insert(flags.end(), options.server_flags.begin(), options.server_flags.end());
  return flags;
}

void MeasureKinds(const Options& options, uint32_t services, Report* report) {
  std::printf("\n== queries: 15 minutes, %u services, %zu profiles, compacted\n", services, kProfiles);
  const ProfileGenerator generator({.services = services});
  const int64_t begin = NowNs() - kRangeNs;
  const PushBodies load = MakePushBodies(generator, kProfiles, begin, kRangeNs / kProfiles, 25);
  ServerProcess server(options.brazier, options.scratch, Flags(options, {}));
  if (const PushOutcome pushed = PushAll(server.port(), load.bodies, options.connections, 0); pushed.failures > 0) {
    std::printf("  ! %lu pushes failed: %s\n", pushed.failures, pushed.first_failure.c_str());
  }
  AwaitCompaction(server);
  std::printf("  objects: %lu, %.1f MiB\n", server.Disk().object_count, static_cast<double>(server.Disk().object_bytes) / kMiB);
  const bool is_few = services <= 20;
  const std::string one = "{service_name=\\\"" + std::string(generator.ServiceName(3)) + "\\\"}";
  const std::vector<Question> questions = {
      {"flame graph of one service", "SelectMergeStacktraces", one, "", 41, is_few ? 4.0 : 0},
      {"flame graph of all services", "SelectMergeStacktraces", "{}", "", 15, is_few ? 40.0 : 400.0},
      {"merged pprof of everything", "SelectMergeProfile", "{}", "", 9, is_few ? 60.0 : 0},
      {"time series by service of everything", "SelectSeries", "{}", ",\"step\":15,\"groupBy\":[\"service_name\"]", 41, is_few ? 5.0 : 0},
      {"the same with exemplars", "SelectSeries", "{}",
       ",\"step\":15,\"groupBy\":[\"service_name\"],\"exemplarType\":\"EXEMPLAR_TYPE_INDIVIDUAL\"", 41, 0},
      {"heatmap of everything", "SelectHeatmap", "{}", ",\"step\":15,\"queryType\":\"HEATMAP_QUERY_TYPE_INDIVIDUAL\"", 41, 0},
      {"call graph of everything", "SelectMergeStacktraces", "{}", ",\"format\":\"PROFILE_FORMAT_DOT\"", 9, 0},
  };
  std::printf("  | query | p50 ms | max ms | server CPU ms | answer KB |\n  |---|---|---|---|---|\n");
  for (const Question& question : questions) {
    HttpConnection connection(server.port());
    const double cpu_before = server.CpuSeconds();
    size_t bytes = 0;
    const std::vector<double> all = Ask(connection, question, BodyOf(question, begin, begin + kRangeNs), &bytes);
    const double p50 = all.empty() ? std::numeric_limits<double>::infinity() : all[all.size() / 2];
    if (!all.empty()) {
      std::printf("  | %s | %.1f | %.1f | %.1f | %zu |\n", question.name, p50, all.back(),
                  (server.CpuSeconds() - cpu_before) * 1e3 / question.count, bytes / 1000);
    }
    if (question.goal_ms > 0) {
      report->goals.push_back({std::string(question.name) + ", " + std::to_string(services) + " services, p50", p50, question.goal_ms, "ms"});
    }
  }
  std::printf("  memory after: %.0f MiB, peak %.0f MiB\n", static_cast<double>(server.RssBytes()) / kMiB,
              static_cast<double>(server.PeakRssBytes()) / kMiB);
  if (!is_few) {
    report->goals.push_back({"peak RSS over 1,000 services", static_cast<double>(server.PeakRssBytes()) / kMiB, 300, "MiB"});
  }
}

// A tenant that asks for thirty days of everything over and over, on four connections, and one with short queries.
void MeasureFairness(const Options& options, Report* report) {
  std::printf("\n== fairness: 15 minutes of one service beside another tenant's 30 days of everything, 4 at a time\n");
  const ProfileGenerator generator({});
  const int64_t begin = NowNs() - kRangeNs;
  ServerProcess server(options.brazier, options.scratch, Flags(options, {"--multitenancy=true"}));
  const PushBodies many = MakePushBodies(generator, kProfiles, begin, kRangeNs / kProfiles, 25);
  const PushBodies few = MakePushBodies(generator, 600, begin, kRangeNs / 600, 25);
  const auto push = [&](const char* tenant, const PushBodies& load) {
    HttpConnection connection(server.port(), tenant);
    for (const std::string& body : load.bodies) {
      if (connection.Post("/push.v1.PusherService/Push", "application/proto", body).status != 200) std::printf("  ! a push failed\n");
    }
  };
  push("many", many);
  push("few", few);
  AwaitCompaction(server);
  const Question short_one{"the short query", "SelectMergeStacktraces",
                           "{service_name=\\\"" + std::string(generator.ServiceName(3)) + "\\\"}", "", 101, 0};
  const std::string short_body = BodyOf(short_one, begin, begin + kRangeNs);
  HttpConnection connection(server.port(), "few");
  size_t bytes = 0;
  const std::vector<double> idle = Ask(connection, short_one, short_body, &bytes);
  std::atomic<bool> is_over{false};
  std::atomic<int> long_ones{0};
  std::vector<std::thread> flood;
  for (int i = 0; i < 4; ++i) {
    flood.emplace_back([&] {
      const Question long_one{"the long query", "SelectMergeStacktraces", "{}", "", 1, 0};
      const int64_t end_ns = NowNs();
      const std::string body = BodyOf(long_one, end_ns - int64_t{29} * 24 * 3600 * 1'000'000'000, end_ns);
      HttpConnection other(server.port(), "many");
      size_t ignored = 0;
      while (!is_over) {
        if (Ask(other, long_one, body, &ignored).empty()) return;
        ++long_ones;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const std::vector<double> beside = Ask(connection, short_one, short_body, &bytes);
  is_over = true;
  for (std::thread& thread : flood) thread.join();
  if (idle.empty() || beside.empty()) return;
  const auto at = [](const std::vector<double>& all, double fraction) {
    return all[static_cast<size_t>(static_cast<double>(all.size() - 1) * fraction)];
  };
  std::printf("  idle: p50 %.1f ms, p95 %.1f ms; beside %d long queries: p50 %.1f ms, p95 %.1f ms\n", at(idle, 0.5), at(idle, 0.95),
              long_ones.load(), at(beside, 0.5), at(beside, 0.95));
  report->goals.push_back({"short query beside long ones, p50 to idle", at(beside, 0.5) / at(idle, 0.5), 2, "x"});
}

}  // namespace

void MeasureReads(const Options& options, Report* report) {
  MeasureKinds(options, 20, report);
  MeasureKinds(options, 1000, report);
  MeasureFairness(options, report);
}

}  // namespace brazier::benchmark
