#include "benchmark/index/remote_commits.h"

#include <atomic>
#include <cstdio>
#include <future>
#include <thread>

#include "benchmark/index/measure.h"
#include "benchmark/micro/micro.h"
#include "common/base/check.h"
#include "common/base/random.h"
#include "common/rpc/metastore_client.h"

namespace brazier::benchmark {
namespace {

constexpr size_t kRequests = 20'000;
constexpr int kIdleRequests = 200;
constexpr int64_t kDeadlineNs = 60 * kNsPerSecond;

// The time of the answer, ms.
double AddOne(rpc::MetastoreClient& client, BlockMeta block) {
  const double begun = WallSeconds();
  std::promise<void> answered;
  client.AddBlocks({.request_id = "bench", .deadline_ns = SystemClock().MonotonicNs() + kDeadlineNs}, {{std::move(block)}},
                   [&](const Result<contract::AddBlocksResponse>& response) {
                     CHECK(response.ok());
                     answered.set_value();
                   });
  answered.get_future().wait();
  return (WallSeconds() - begun) * 1e3;
}

}  // namespace

void MeasureRemoteCommits(const BlockFleet& fleet, const std::vector<std::string>& addresses, size_t callers) {
  MetricsRegistry metrics;
  rpc::ClientOptions options = rpc::MetastoreClientOptions(addresses);
  options.threads = callers;
  options.idle_connections_max = callers;
  rpc::MetastoreClient client(options, SystemClock(), SystemRandom(), metrics);
  // Other blocks than those of a run in the days before: an id that is known costs less. Small enough for BlockFleet::TimeOf.
  const uint64_t first = static_cast<uint64_t>(SystemClock().NowNs() / kNsPerSecond % 200'000) * 50'000;
  std::vector<double> idle_ms;
  for (int i = 0; i < kIdleRequests; ++i) {
    idle_ms.push_back(AddOne(client, fleet.Block(first + static_cast<uint64_t>(i))));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::printf("one caller: answer p50 %.2f ms, p99 %.2f ms\n", Percentile(idle_ms, 0.5), Percentile(idle_ms, 0.99));

  std::vector<BlockMeta> blocks;
  for (size_t i = 0; i < kRequests; ++i) blocks.push_back(fleet.Block(first + kIdleRequests + i));
  std::vector<double> times_ms(kRequests);
  std::atomic<size_t> next = 0;
  const double begun = WallSeconds();
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        for (size_t n = next.fetch_add(1); n < kRequests; n = next.fetch_add(1)) {
          times_ms[n] = AddOne(client, std::move(blocks[n]));
        }
      });
    }
  }
  const double seconds = WallSeconds() - begun;
  std::printf("%zu callers: %.0f requests/s of one block each; answer p50 %.1f ms, p99 %.1f ms\n", callers,
              static_cast<double>(kRequests) / seconds, Percentile(times_ms, 0.5), Percentile(times_ms, 0.99));
}

}  // namespace brazier::benchmark
