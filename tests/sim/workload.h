// Workload: clients that register blocks and read them, one request at a time each, through any member. They repeat what
// failed or timed out, and what succeeded, through other members; blocks share identities on purpose.
//
// Every dataset holds a profile without identity, which is never hidden, so that a read shows each block that is there.
// Thread-hostile.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/simulated_member.h"

namespace brazier::simulation {

struct WorkloadFigures {
  uint64_t adds = 0;  // requests
  uint64_t adds_acknowledged = 0;
  uint64_t reads = 0;
  uint64_t reads_answered = 0;
};

class Workload {
 public:
  struct Options {
    size_t clients = 4;
    int64_t think_max_ns = 300 * kMs;
    int64_t deadline_ns = 2 * kSecond;
    uint64_t shared_identities = 60;
  };

  Workload(const Options& options, const SimulatedMember::World& world,
           std::vector<std::unique_ptr<SimulatedMember>>& members)
      : options_(options), world_(world), members_(members), clients_(options.clients) {}

  void Start();
  // No requests after those under way.
  void Stop() { is_stopped_ = true; }
  const WorkloadFigures& figures() const { return figures_; }

 private:
  struct Client {
    uint64_t request = 0;            // the one under way, or the last
    std::vector<BlockMeta> to_repeat;  // not acknowledged yet
  };

  void Next(size_t client);
  void Begin(size_t client);
  void Add(size_t client, SimulatedMember& member);
  void Read(size_t client, SimulatedMember& member);
  // The client goes on when the request ends, however it does; the first end counts.
  void End(size_t client, uint64_t request);
  BlockMeta MakeBlock();
  HistoryChecker::Service AnyService();

  const Options options_;
  const SimulatedMember::World world_;
  std::vector<std::unique_ptr<SimulatedMember>>& members_;
  std::vector<Client> clients_;
  std::vector<BlockMeta> sent_;
  WorkloadFigures figures_;
  bool is_stopped_ = false;
};

}  // namespace brazier::simulation
