// FairQueue: who is next, the room of one tenant and of all, what is refused; and its guarantee, in a random world.
#include "server/query_frontend/fair_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/fake_random.h"

namespace brazier::query_frontend {
namespace {

using Ids = std::vector<FairQueue::Id>;
constexpr uint64_t kMiB = uint64_t{1} << 20;

FairQueueLimits Slots(size_t concurrency) { return {.concurrency = concurrency}; }

struct FairQueueTest : ::testing::Test {
  Ids Arrive(FairQueue& queue, FairQueue::Id id, const std::string& tenant, uint64_t mib = 1, TenantShare share = {}) {
    const auto admitted = queue.Arrive({.id = id, .tenant = tenant, .cost = mib * kMiB, .memory_bytes = 10, .share = share});
    EXPECT_TRUE(admitted.ok()) << admitted.status().ToString();
    return admitted.ok() ? *admitted : Ids();
  }
  static std::string Refusal(FairQueue& queue, FairQueue::Id id, const std::string& tenant, uint64_t memory_bytes = 10,
                             TenantShare share = {}) {
    const auto admitted = queue.Arrive({.id = id, .tenant = tenant, .memory_bytes = memory_bytes, .share = share});
    if (admitted.ok()) return "";
    EXPECT_EQ(admitted.status().code(), Code::kResourceExhausted);
    EXPECT_EQ(admitted.status().reason(), "query_queue_limit");
    return admitted.status().message();
  }
};

TEST_F(FairQueueTest, RunsAtOnceWhileThereIsRoom) {
  FairQueue queue(Slots(3));
  EXPECT_EQ(Arrive(queue, 1, "a"), Ids{1});
  EXPECT_EQ(Arrive(queue, 2, "a"), Ids{2});
  EXPECT_EQ(Arrive(queue, 3, "b"), Ids{3});
  EXPECT_EQ(Arrive(queue, 4, "b"), Ids{});
  EXPECT_EQ(queue.running(), 3u);
  EXPECT_EQ(queue.waiting(), 1u);
  EXPECT_EQ(queue.Leave(1), Ids{4});
  EXPECT_EQ(queue.Leave(2), Ids{});
}

TEST_F(FairQueueTest, OneTenantNeverHasAllSlots) {
  FairQueue queue(Slots(4));
  for (FairQueue::Id id = 1; id <= 10; ++id) {
    EXPECT_EQ(Arrive(queue, id, "flood", 1, {.concurrency = 100}), id <= 3 ? Ids{id} : Ids{});
  }
  EXPECT_EQ(Arrive(queue, 11, "other"), Ids{11}) << "waits for none of them";
  EXPECT_EQ(Arrive(queue, 12, "third"), Ids{});
  EXPECT_EQ(queue.Leave(11), Ids{12});
  EXPECT_EQ(queue.Leave(12), Ids{});
  EXPECT_EQ(queue.Leave(1), Ids{4});
  FairQueue one(Slots(1));
  EXPECT_EQ(Arrive(one, 1, "a"), Ids{1}) << "with one slot there is nothing to keep free";
  EXPECT_EQ(Arrive(one, 2, "b"), Ids{});
}

TEST_F(FairQueueTest, ATenantHasALimitOfItsOwn) {
  FairQueue queue(Slots(10));
  EXPECT_EQ(Arrive(queue, 1, "a", 1, {.concurrency = 2}), Ids{1});
  EXPECT_EQ(Arrive(queue, 2, "a", 1, {.concurrency = 2}), Ids{2});
  EXPECT_EQ(Arrive(queue, 3, "a", 1, {.concurrency = 2}), Ids{});
  EXPECT_EQ(Arrive(queue, 4, "b", 1, {.concurrency = 2}), Ids{4});
  // The limit grows, and shrinks.
  EXPECT_EQ(Arrive(queue, 5, "a", 1, {.concurrency = 4}), (Ids{3, 5}));
  EXPECT_EQ(Arrive(queue, 6, "a", 1, {.concurrency = 1}), Ids{});
  for (const FairQueue::Id id : {1, 2, 3}) EXPECT_EQ(queue.Leave(id), Ids{});
  EXPECT_EQ(queue.Leave(5), Ids{6});
}

TEST_F(FairQueueTest, AFloodDelaysOthersByOneSlotOnly) {
  FairQueue queue(Slots(2));
  Arrive(queue, 1, "flood", 1000);
  Arrive(queue, 2, "noise", 1000);
  for (FairQueue::Id id = 10; id < 50; ++id) EXPECT_EQ(Arrive(queue, id, "flood", 1000), Ids{});
  for (FairQueue::Id id = 50; id < 90; ++id) EXPECT_EQ(Arrive(queue, id, "noise", 1000), Ids{});
  EXPECT_EQ(Arrive(queue, 90, "late", 1), Ids{});
  EXPECT_EQ(queue.Leave(1), Ids{90}) << "before 80 that came earlier";
}

TEST_F(FairQueueTest, BytesCountNotQueries) {
  FairQueue queue(Slots(1));
  Arrive(queue, 1, "x");
  for (FairQueue::Id id = 10; id < 14; ++id) Arrive(queue, id, "large", 100);
  for (FairQueue::Id id = 20; id < 50; ++id) Arrive(queue, id, "small", 10);
  Ids order;
  for (FairQueue::Id running = 1; order.size() < 23; running = order.back()) {
    const Ids next = queue.Leave(running);
    ASSERT_EQ(next.size(), 1u);
    order.push_back(next[0]);
  }
  // Ten of the small ones for each large one.
  EXPECT_EQ(order[0], 10u);
  EXPECT_EQ(std::count_if(order.begin(), order.begin() + 11, [](auto id) { return id < 20; }), 1);
  EXPECT_EQ(std::count_if(order.begin(), order.begin() + 22, [](auto id) { return id < 20; }), 2);
}

TEST_F(FairQueueTest, CheapQueriesAreNotFree) {
  FairQueue queue(Slots(1));
  Arrive(queue, 1, "x");
  for (FairQueue::Id id = 10; id < 20; ++id) Arrive(queue, id, "free", 0);
  for (FairQueue::Id id = 20; id < 30; ++id) Arrive(queue, id, "mib", 1);
  EXPECT_EQ(queue.Leave(1), Ids{10});
  EXPECT_EQ(queue.Leave(10), Ids{20});
  EXPECT_EQ(queue.Leave(20), Ids{11});
  EXPECT_EQ(queue.Leave(11), Ids{21});
}

TEST_F(FairQueueTest, WeightsShareWhatIsRead) {
  FairQueue queue(Slots(1));
  Arrive(queue, 1, "x");
  for (FairQueue::Id id = 100; id < 200; ++id) Arrive(queue, id, "light", 10, {.weight = 1});
  for (FairQueue::Id id = 200; id < 300; ++id) Arrive(queue, id, "heavy", 10, {.weight = 3});
  FairQueue::Id running = 1;
  int heavy = 0;
  for (int i = 0; i < 40; ++i) {
    const Ids next = queue.Leave(running);
    ASSERT_EQ(next.size(), 1u);
    running = next[0];
    heavy += running >= 200 ? 1 : 0;
  }
  EXPECT_NEAR(heavy, 30, 1);
}

TEST_F(FairQueueTest, IdleTimeIsNoCredit) {
  FairQueue queue(Slots(1));
  Arrive(queue, 1, "busy", 10);
  FairQueue::Id running = 1;
  for (FairQueue::Id id = 2; id < 100; ++id) {
    Arrive(queue, id, "busy", 10);
    EXPECT_EQ(queue.Leave(running), Ids{id});
    running = id;
  }
  for (FairQueue::Id id = 200; id < 220; ++id) Arrive(queue, id, "busy", 10);
  for (FairQueue::Id id = 300; id < 320; ++id) Arrive(queue, id, "idle", 10);
  int of_idle = 0;
  for (int i = 0; i < 20; ++i) {
    running = queue.Leave(running).at(0);
    of_idle += running >= 300 ? 1 : 0;
  }
  EXPECT_NEAR(of_idle, 10, 1) << "a hundred queries of the other before do not matter";
}

TEST_F(FairQueueTest, TimeAtItsOwnLimitIsNoCredit) {
  FairQueue queue(Slots(3));
  Arrive(queue, 1, "slow", 1, {.concurrency = 1});
  for (FairQueue::Id id = 2; id < 20; ++id) Arrive(queue, id, "slow", 1, {.concurrency = 1});
  // Another reads a lot meanwhile.
  Arrive(queue, 100, "fast", 100);
  for (FairQueue::Id id = 101; id < 150; ++id) {
    Arrive(queue, id, "fast", 100);
    queue.Leave(id - 1);
  }
  Arrive(queue, 200, "third", 1000);
  ASSERT_EQ(queue.running(), 3u);
  Arrive(queue, 201, "new", 1);
  EXPECT_EQ(Arrive(queue, 20, "slow", 1, {.concurrency = 0}), Ids{});
  EXPECT_EQ(queue.Leave(149), Ids{201}) << "it was there before the limit was lifted";
  EXPECT_EQ(queue.Leave(201), Ids{2});
}

TEST_F(FairQueueTest, WhoGivesUpIsNotChargedAndLeavesItsPlace) {
  FairQueue queue(Slots(1));
  Arrive(queue, 1, "x");
  Arrive(queue, 2, "a", 500);
  Arrive(queue, 3, "a", 5);
  Arrive(queue, 4, "b", 5);
  EXPECT_EQ(queue.Leave(2), Ids{});
  EXPECT_EQ(queue.waiting(), 2u);
  EXPECT_EQ(queue.Leave(1), Ids{3}) << "a's place before b";
  EXPECT_EQ(queue.Leave(4), Ids{});
  EXPECT_EQ(queue.Leave(3), Ids{});
  EXPECT_EQ(queue.waiting(), 0u);
  EXPECT_EQ(queue.running(), 0u);
  EXPECT_EQ(queue.remembered_tenants(), 0u);
}

TEST_F(FairQueueTest, BoundsOfOneTenantAndOfAll) {
  FairQueue queue({.concurrency = 1, .waiting_max = 4, .waiting_per_tenant_max = 3});
  EXPECT_EQ(Refusal(queue, 1, "a"), "");
  for (FairQueue::Id id = 2; id < 5; ++id) EXPECT_EQ(Refusal(queue, id, "a"), "");
  EXPECT_EQ(Refusal(queue, 5, "a"),
            "tenant \"a\": 3 of its queries wait already, the limit is 3 (one tenant's part of query.queue-max)");
  EXPECT_EQ(Refusal(queue, 5, "b"), "");
  EXPECT_EQ(Refusal(queue, 6, "c"), "tenant \"c\": 4 queries of all tenants wait already, the limit is 4 (query.queue-max)");
  EXPECT_EQ(queue.remembered_tenants(), 2u) << "who is refused leaves nothing behind";
  EXPECT_EQ(queue.waiting(), 4u);
  queue.Leave(5);
  EXPECT_EQ(Refusal(queue, 6, "c"), "");
  // The refused ones can be asked again under the same id.
  queue.Leave(6);
  EXPECT_EQ(Refusal(queue, 6, "c"), "");
}

TEST_F(FairQueueTest, WithoutAQueueWhatCannotRunIsRefused) {
  FairQueue queue({.concurrency = 2, .waiting_max = 0, .waiting_per_tenant_max = 0});
  EXPECT_EQ(Refusal(queue, 1, "a"), "");
  EXPECT_NE(Refusal(queue, 2, "a"), "") << "the slot of others";
  EXPECT_EQ(Refusal(queue, 2, "b"), "");
  EXPECT_NE(Refusal(queue, 3, "c"), "");
  EXPECT_EQ(queue.running(), 2u);
  queue.Leave(1);
  EXPECT_EQ(Refusal(queue, 3, "c"), "");
}

TEST_F(FairQueueTest, ARefusedQueryDoesNotChangeItsTenantsShare) {
  FairQueue queue({.concurrency = 8, .waiting_max = 2, .waiting_per_tenant_max = 1});
  const TenantShare narrow{.concurrency = 1};
  EXPECT_EQ(Refusal(queue, 1, "a", 10, narrow), "");
  EXPECT_EQ(Refusal(queue, 2, "a", 10, narrow), "");
  EXPECT_NE(Refusal(queue, 3, "a", 10, {.concurrency = 5}), "");
  EXPECT_EQ(queue.running(), 1u);
  EXPECT_EQ(queue.Leave(1), Ids{2});
}

TEST_F(FairQueueTest, BoundOfTheMemoryThatWaits) {
  FairQueue queue({.concurrency = 1, .waiting_bytes_max = 100});
  EXPECT_EQ(Refusal(queue, 1, "x", 1'000), "") << "it does not wait";
  EXPECT_EQ(Refusal(queue, 2, "x", 1'000), "") << "it is the only one";
  EXPECT_EQ(Refusal(queue, 3, "b", 1),
            "tenant \"b\": queries that wait hold plans of 1000 bytes already, the limit is 100 (bytes of plans that wait)");
  queue.Leave(2);
  EXPECT_EQ(Refusal(queue, 4, "a", 60), "");
  EXPECT_NE(Refusal(queue, 5, "b", 41), "");
  EXPECT_EQ(Refusal(queue, 5, "b", 40), "");
  EXPECT_EQ(queue.Leave(1), Ids{4});
  EXPECT_EQ(Refusal(queue, 6, "b", 60), "") << "what runs does not wait any more";
}

TEST_F(FairQueueTest, TenantsThatComeAndGoAreForgotten) {
  FairQueue queue(Slots(2));
  Arrive(queue, 1, "long");
  FairQueue::Id id = 1;
  for (size_t i = 0; i < 5 * FairQueue::kIdleTenantsMax; ++i) {
    ++id;
    EXPECT_EQ(Arrive(queue, id, "t" + std::to_string(i), 1 + i % 7), Ids{id});
    queue.Leave(id);
    ASSERT_LE(queue.remembered_tenants(), FairQueue::kIdleTenantsMax + 2);
  }
  queue.Leave(1);
  EXPECT_EQ(queue.remembered_tenants(), 0u);
}

// Each of them would be before one who has read something already.
TEST_F(FairQueueTest, EverNewTenantsDoNotStarveOne) {
  FairQueue queue(Slots(2));
  Arrive(queue, 1, "patient", 1'000'000);
  Arrive(queue, 2, "patient", 1);
  Arrive(queue, 3, "t");
  FairQueue::Id running = 3;
  bool is_admitted = false;
  // Another holds one of the two slots from now on.
  EXPECT_EQ(queue.Leave(1), Ids{2});
  queue.Leave(2);
  Arrive(queue, 4, "holder");
  Arrive(queue, 5, "patient", 1);
  FairQueue::Id id = 5;
  size_t passed = 0;
  for (; passed < 20 * FairQueue::kIdleTenantsMax && !is_admitted; ++passed) {
    Arrive(queue, ++id, "new" + std::to_string(passed), 1 + passed % 9'000'000);
    const Ids next = queue.Leave(running);
    ASSERT_EQ(next.size(), 1u);
    running = next[0];
    is_admitted = running == 5;
  }
  EXPECT_TRUE(is_admitted) << "after " << passed;
  EXPECT_GT(passed, FairQueue::kIdleTenantsMax) << "that so few would have been enough is not what this is about";
}

TEST_F(FairQueueTest, VirtualTimeDoesNotOverflow) {
  FairQueue queue(Slots(1));
  Arrive(queue, 1, "x");
  FairQueue::Id id = 1, running = 1;
  std::map<std::string, int> turns;
  std::map<FairQueue::Id, std::string> of;
  const auto add = [&](const std::string& tenant) {
    of[++id] = tenant;
    Arrive(queue, id, tenant, (tenant == "whole" ? FairQueue::kCostMax : FairQueue::kCostMax / 2) / kMiB);
  };
  for (int i = 0; i < 3; ++i) {
    add("whole");
    add("half");
  }
  for (int i = 0; i < 300; ++i) {
    running = queue.Leave(running).at(0);
    ++turns[of[running]];
    add(of[running]);
    ASSERT_LE(std::abs(2 * turns["whole"] - turns["half"]), 3) << i;
  }
  EXPECT_EQ(Arrive(queue, ++id, "huge", UINT64_MAX / kMiB), Ids{}) << "counts as kCostMax";
}

// A random world: tenants come and go, with queries of all sizes. What is true after each step is checked, and the guarantee
// for each pair of tenants over each time in which one of them waited and could have run.
class World {
 public:
  explicit World(uint64_t seed)
      : random_(seed),
        limits_{.concurrency = 1 + random_.Below(8),
                .waiting_max = 60,
                .waiting_per_tenant_max = 25,
                .waiting_bytes_max = 1'000},
        queue_(limits_) {
    const size_t tenants = 2 + random_.Below(5);
    const bool equal_weights = random_.Below(3) == 0;
    for (size_t i = 0; i < tenants; ++i) {
      Tenant tenant;
      tenant.share.weight = equal_weights ? 1 : 1 + static_cast<uint32_t>(random_.Below(10));
      tenant.share.concurrency = random_.Below(4) == 0 ? 1 + random_.Below(3) : 0;
      tenant.appetite = 1 + random_.Below(10);
      tenant.cost_max = 1 + random_.Below(200);
      tenants_["t" + std::to_string(i)] = tenant;
    }
  }

  void Run(size_t steps) {
    for (size_t step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      const uint64_t what = random_.Below(10);
      if (what < 5) {
        Arrive();
      } else if (what < 9) {
        EndOne();
      } else {
        GiveUp();
      }
      CheckState();
    }
    // No more come: everybody has a turn.
    while (!running_.empty() && !::testing::Test::HasFailure()) EndOne();
    EXPECT_TRUE(waiting_.empty()) << waiting_.size() << " were never admitted";
    EXPECT_EQ(queue_.remembered_tenants(), 0u);
  }

  size_t spans_checked() const { return spans_checked_; }
  size_t refused() const { return refused_; }

 private:
  struct Tenant {
    TenantShare share;
    uint64_t appetite = 1;
    uint64_t cost_max = 1;
    size_t waiting = 0;
    size_t running = 0;
    uint64_t memory = 0;
    // Of the time, if any, since when it waits and could run.
    bool could_run = false;
    std::map<std::string, uint64_t> admitted;  // cost by tenant
  };
  struct Query {
    std::string tenant;
    uint64_t cost;
    uint64_t memory;
  };

  size_t RunningMax(const Tenant& tenant) const {
    const size_t of_all = limits_.concurrency > 1 ? limits_.concurrency - 1 : 1;
    return tenant.share.concurrency == 0 ? of_all : std::min(of_all, tenant.share.concurrency);
  }

  void Arrive() {
    std::string name;
    for (uint64_t tries = 0;; ++tries) {
      auto it = tenants_.begin();
      std::advance(it, random_.Below(tenants_.size()));
      name = it->first;
      if (random_.Below(10) < it->second.appetite) break;
    }
    Tenant& tenant = tenants_[name];
    const FairQueue::Id id = ++last_id_;
    const Query query{name, (1 + random_.Below(tenant.cost_max)) * kMiB, random_.Below(40)};
    const bool at_once = running_.size() < limits_.concurrency && tenant.running < RunningMax(tenant) && tenant.waiting == 0;
    const bool has_room = waiting_.size() < limits_.waiting_max && tenant.waiting < limits_.waiting_per_tenant_max &&
                          (waiting_.empty() || memory_ + query.memory <= limits_.waiting_bytes_max);
    const auto admitted = queue_.Arrive(
        {.id = id, .tenant = name, .cost = query.cost, .memory_bytes = query.memory, .share = tenant.share});
    ASSERT_EQ(admitted.ok(), at_once || has_room);
    if (!admitted.ok()) {
      ++refused_;
      return;
    }
    ASSERT_EQ(*admitted, at_once ? Ids{id} : Ids{});
    waiting_[id] = query;
    ++tenant.waiting;
    memory_ += query.memory;
    for (const FairQueue::Id next : *admitted) Admit(next);
  }

  void EndOne() {
    if (running_.empty()) return;
    auto it = running_.begin();
    std::advance(it, random_.Below(running_.size()));
    const FairQueue::Id id = it->first;
    --tenants_[it->second.tenant].running;
    running_.erase(it);
    // Whoever could not run for its own limit's sake can now: its time begins before the next is chosen.
    NoteWhoCouldRun();
    for (const FairQueue::Id next : queue_.Leave(id)) Admit(next);
  }

  void GiveUp() {
    if (waiting_.empty()) return;
    auto it = waiting_.begin();
    std::advance(it, random_.Below(waiting_.size()));
    const FairQueue::Id id = it->first;
    --tenants_[it->second.tenant].waiting;
    memory_ -= it->second.memory;
    waiting_.erase(it);
    NoteWhoCouldRun();
    EXPECT_EQ(queue_.Leave(id), Ids{});
  }

  void Admit(FairQueue::Id id) {
    const auto it = waiting_.find(id);
    ASSERT_NE(it, waiting_.end()) << id << " does not wait";
    const Query query = it->second;
    waiting_.erase(it);
    memory_ -= query.memory;
    Tenant& tenant = tenants_[query.tenant];
    --tenant.waiting;
    ++tenant.running;
    ASSERT_LE(tenant.running, RunningMax(tenant)) << query.tenant;
    running_[id] = query;
    ASSERT_LE(running_.size(), limits_.concurrency);
    for (auto& [name, other] : tenants_) {
      if (!other.could_run) continue;
      other.admitted[query.tenant] += query.cost;
      CheckGuarantee(name, other, query.tenant);
    }
    NoteWhoCouldRun();
  }

  // cost(m) / weight(m) <= cost(f) / weight(f) + largest(m) / weight(m) + largest(f) / weight(f)
  void CheckGuarantee(const std::string& name, const Tenant& f, const std::string& other) {
    if (name == other) return;
    ++spans_checked_;
    const Tenant& m = tenants_[other];
    const auto share_of = [&](const std::string& t) {
      const auto it = f.admitted.find(t);
      return it == f.admitted.end() ? 0.0 : static_cast<double>(it->second) / tenants_[t].share.weight;
    };
    const double slack =
        static_cast<double>(m.cost_max * kMiB) / m.share.weight + static_cast<double>(f.cost_max * kMiB) / f.share.weight;
    EXPECT_LE(share_of(other), share_of(name) + slack + 1'000) << name << " waits while " << other << " runs";
  }

  void NoteWhoCouldRun() {
    for (auto& [name, tenant] : tenants_) {
      const bool could_run = tenant.waiting > 0 && tenant.running < RunningMax(tenant);
      if (could_run != tenant.could_run) tenant.admitted.clear();
      tenant.could_run = could_run;
    }
  }

  void CheckState() {
    NoteWhoCouldRun();
    EXPECT_EQ(queue_.waiting(), waiting_.size());
    EXPECT_EQ(queue_.running(), running_.size());
    if (running_.size() == limits_.concurrency) return;
    for (const auto& [name, tenant] : tenants_) EXPECT_FALSE(tenant.could_run) << name << " waits though there is room";
  }

  testing::FakeRandom random_;
  const FairQueueLimits limits_;
  FairQueue queue_;
  std::map<std::string, Tenant> tenants_;
  std::map<FairQueue::Id, Query> waiting_;
  std::map<FairQueue::Id, Query> running_;
  FairQueue::Id last_id_ = 0;
  uint64_t memory_ = 0;
  size_t spans_checked_ = 0;
  size_t refused_ = 0;
};

TEST_F(FairQueueTest, KeepsItsGuaranteeInARandomWorld) {
  size_t spans = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    world.Run(2'000);
    spans += world.spans_checked();
    refused += world.refused();
  }
  EXPECT_GT(spans, 100'000u) << "somebody must have waited, or nothing was checked";
  EXPECT_GT(refused, 1'000u);
}

// From the beginning of a busy time on, with equal weights: nobody gets less than an equal share of what was admitted, but for
// one largest query.
TEST_F(FairQueueTest, AnEqualShareButForOneQuery) {
  for (uint64_t seed = 1; seed <= 100 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::FakeRandom random(seed);
    const size_t tenants = 2 + random.Below(6);
    const uint64_t largest = 1 + random.Below(300);
    FairQueue queue({.concurrency = 1, .waiting_max = 10'000, .waiting_per_tenant_max = 10'000});
    Arrive(queue, 1, "before");
    FairQueue::Id id = 1, running = 1;
    std::map<FairQueue::Id, std::pair<size_t, uint64_t>> what;
    const auto add = [&](size_t tenant) {
      const uint64_t mib = tenant == 0 ? largest : 1 + random.Below(largest);
      what[++id] = {tenant, mib};
      Arrive(queue, id, "t" + std::to_string(tenant), mib);
    };
    for (size_t i = 0; i < 3 * tenants; ++i) add(i % tenants);
    std::vector<uint64_t> admitted(tenants);
    uint64_t sum = 0;
    for (int i = 0; i < 500; ++i) {
      running = queue.Leave(running).at(0);
      const auto [tenant, mib] = what.at(running);
      admitted[tenant] += mib;
      sum += mib;
      for (size_t t = 0; t < tenants; ++t) ASSERT_GE(admitted[t] + largest, sum / tenants) << "t" << t << " at " << i;
      add(tenant);
    }
  }
}

}  // namespace
}  // namespace brazier::query_frontend
