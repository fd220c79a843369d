// SimulatedNetwork: carries the members' messages: late, in another order, twice or not at all. A link is one direction
// between two members, so that a partition can be one-way. What is under way survives a crash of either end.
// Thread-hostile.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "store/consensus/transport.h"
#include "tests/sim/virtual_clock.h"
#include "tests/support/fake_random.h"

namespace brazier::simulation {

struct NetworkFaults {
  uint64_t lost_per_mille = 0;
  uint64_t repeated_per_mille = 0;
  uint64_t slow_per_mille = 0;  // messages that take up to slow_max_ns
  int64_t slow_max_ns = 0;
};

class SimulatedNetwork {
 public:
  using Deliver = std::function<void(uint64_t from, uint64_t to, const std::string& message)>;

  SimulatedNetwork(EventQueue& events, testing::FakeRandom& random, Deliver deliver)
      : events_(events), random_(random), deliver_(std::move(deliver)) {}

  void Send(uint64_t from, uint64_t to, std::string message) {
    if (random_.Below(1000) < faults_.lost_per_mille) return;
    const int copies = random_.Below(1000) < faults_.repeated_per_mille ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      int64_t delay_ns = 50'000 + static_cast<int64_t>(random_.Below(kMs));
      if (random_.Below(1000) < faults_.slow_per_mille) {
        delay_ns += static_cast<int64_t>(random_.Below(faults_.slow_max_ns));
      }
      events_.After(delay_ns, [this, from, to, message] {
        if (!blocked_.contains({from, to})) deliver_(from, to, message);
      });
    }
  }

  void SetFaults(const NetworkFaults& faults) { faults_ = faults; }
  void Block(uint64_t from, uint64_t to) { blocked_.insert({from, to}); }
  void Unblock() { blocked_.clear(); }

 private:
  EventQueue& events_;
  testing::FakeRandom& random_;
  const Deliver deliver_;
  NetworkFaults faults_;
  std::set<std::pair<uint64_t, uint64_t>> blocked_;
};

// A member's end of it.
class NetworkEnd final : public consensus::Transport {
 public:
  NetworkEnd(uint64_t from, SimulatedNetwork& network) : from_(from), network_(network) {}
  void Send(uint64_t to, std::string message) override {
    network_.Send(from_, to, std::move(message));
  }

 private:
  const uint64_t from_;
  SimulatedNetwork& network_;
};

}  // namespace brazier::simulation
