// FanOut without anything around it: golden decisions, and random worlds in which whatever can happen to a part happens.
#include "worker/query_backend/fan_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/contract/query_backend.h"
#include "common/model/bad_block.h"
#include "tests/support/fake_random.h"

namespace brazier::query_backend {
namespace {

constexpr int64_t kMs = kNsPerMs;

Status Busy() { return ResourceExhausted("full").WithReason(contract::kBackendBusy); }

std::vector<FanOut::Part> Parts(size_t n, uint64_t bytes = 10) {
  std::vector<FanOut::Part> parts;
  for (size_t i = 0; i < n; ++i) parts.push_back({bytes, i + 1});
  return parts;
}
std::vector<std::string> Executors(size_t peers) {
  std::vector<std::string> names = {"self"};
  for (size_t i = 1; i <= peers; ++i) names.push_back("peer-" + std::to_string(i));
  return names;
}
FanOutLimits OnePerPeer() {
  FanOutLimits limits;
  limits.parts_per_peer = 1;
  return limits;
}
std::vector<size_t> ExecutorsOf(const FanOut::Step& step) {
  std::vector<size_t> out;
  for (const auto& attempt : step.begin) out.push_back(attempt.executor);
  std::sort(out.begin(), out.end());
  return out;
}
uint64_t AttemptAt(const FanOut::Step& step, size_t executor) {
  for (const auto& attempt : step.begin) {
    if (attempt.executor == executor) return attempt.id;
  }
  ADD_FAILURE() << "nothing begun at " << executor;
  return 0;
}
size_t PartOf(const FanOut::Step& step, uint64_t id) {
  for (const auto& attempt : step.begin) {
    if (attempt.id == id) return attempt.part;
  }
  return SIZE_MAX;
}

TEST(FanOut, EverybodyGetsOneBeforeAnybodyGetsTwo) {
  FanOut fan_out({}, 4, Parts(5), Executors(3));
  const auto step = fan_out.Begin(0);
  ASSERT_EQ(step.begin.size(), 5u);
  const auto executors = ExecutorsOf(step);
  EXPECT_EQ(std::set<size_t>(executors.begin(), executors.end()), (std::set<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(std::count(executors.begin(), executors.end(), FanOut::kSelf), 1) << "one at a time here";
}

TEST(FanOut, LargePartsGoFirst) {
  auto parts = Parts(3);
  parts[1].bytes = 1'000;
  for (auto& part : parts) part.affinity = 7;  // all suit everybody alike
  FanOut fan_out(OnePerPeer(), 4, parts, Executors(1));
  const auto step = fan_out.Begin(0);
  ASSERT_EQ(step.begin.size(), 2u);
  EXPECT_EQ(step.begin[0].part, 1u);
}

TEST(FanOut, TheSamePartsGoToTheSamePeersWhoeverAsks) {
  // Of 8 parts over 8 backends most find the one that had them before, from another backend's point of view too.
  const std::vector<std::string> from_a = {"a", "b", "c", "d"};
  const std::vector<std::string> from_c = {"c", "a", "b", "d"};
  std::map<size_t, std::string> at_a, at_c;
  FanOut a(OnePerPeer(), 4, Parts(4), from_a), c(OnePerPeer(), 4, Parts(4), from_c);
  for (const auto& attempt : a.Begin(0).begin) at_a[attempt.part] = from_a[attempt.executor];
  for (const auto& attempt : c.Begin(0).begin) at_c[attempt.part] = from_c[attempt.executor];
  EXPECT_EQ(at_a, at_c);
}

TEST(FanOut, WhoeverIsDoneGetsTheNext) {
  FanOut fan_out(OnePerPeer(), 4, Parts(4), Executors(1));
  auto step = fan_out.Begin(0);
  EXPECT_EQ(ExecutorsOf(step), (std::vector<size_t>{0, 1}));
  const uint64_t here = AttemptAt(step, 0);
  for (uint64_t last = AttemptAt(step, 1), i = 0; i < 2; ++i) {
    step = fan_out.OnAnswer(last, 10 * kMs);
    EXPECT_TRUE(step.counts);
    ASSERT_EQ(ExecutorsOf(step), std::vector<size_t>{1});
    last = step.begin[0].id;
  }
  EXPECT_TRUE(fan_out.OnAnswer(here, 20 * kMs).counts);
  EXPECT_FALSE(fan_out.OnAnswer(here, 20 * kMs).counts) << "a repeated answer";
  EXPECT_FALSE(fan_out.IsDone());
}

TEST(FanOut, ADeadPeersPartsGoToOthersAndItGetsNothingMore) {
  FanOut fan_out({}, 4, Parts(6), Executors(2));
  auto step = fan_out.Begin(0);
  ASSERT_EQ(step.begin.size(), 5u);
  for (const auto& attempt : step.begin) {
    if (attempt.executor != 1) continue;
    for (const auto& next : fan_out.OnFailure(attempt.id, Unavailable("killed"), kMs).begin) EXPECT_NE(next.executor, 1u);
  }
  EXPECT_EQ(fan_out.retries_left(), 2u);
  EXPECT_TRUE(fan_out.failure().ok());
}

TEST(FanOut, WhenAllPeersAreGoneEverythingIsDoneHere) {
  FanOut fan_out({}, 1, Parts(6), Executors(2));
  auto step = fan_out.Begin(0);
  std::set<uint64_t> here = {AttemptAt(step, 0)};
  for (const auto& attempt : step.begin) {
    if (attempt.executor == 0) continue;
    EXPECT_TRUE(fan_out.OnFailure(attempt.id, Unavailable("killed"), kMs).begin.empty()) << "the other one is full or gone";
  }
  int answers = 0;
  for (uint64_t id = *here.begin(); !fan_out.IsDone(); ++answers) {
    const auto next = fan_out.OnAnswer(id, (answers + 2) * kMs);
    ASSERT_TRUE(next.counts) << answers;
    if (fan_out.IsDone()) break;
    ASSERT_EQ(ExecutorsOf(next), std::vector<size_t>{0});
    id = next.begin[0].id;
  }
  EXPECT_EQ(answers, 5);
}

TEST(FanOut, ABusyPeerRestsAndIsAskedAgain) {
  FanOut fan_out(OnePerPeer(), 9, Parts(3), Executors(1));
  auto step = fan_out.Begin(0);
  const size_t part = PartOf(step, AttemptAt(step, 1));
  step = fan_out.OnFailure(AttemptAt(step, 1), Busy(), kMs);
  EXPECT_TRUE(step.begin.empty());
  EXPECT_EQ(fan_out.history(part).retries, 1u);
  EXPECT_EQ(fan_out.next_tick_ns(), 101 * kMs);
  EXPECT_TRUE(fan_out.OnTick(100 * kMs).begin.empty());
  EXPECT_EQ(ExecutorsOf(fan_out.OnTick(101 * kMs)), std::vector<size_t>{1});
}

TEST(FanOut, WithoutRetriesAPartIsForOurselvesAlone) {
  FanOut fan_out(OnePerPeer(), 0, Parts(2), Executors(2));
  auto step = fan_out.Begin(0);
  ASSERT_EQ(step.begin.size(), 2u);
  const auto at_peer = *std::find_if(step.begin.begin(), step.begin.end(), [](const auto& a) { return a.executor != 0; });
  step = fan_out.OnFailure(at_peer.id, Unavailable("killed"), kMs);
  for (const auto& attempt : step.begin) EXPECT_EQ(attempt.executor, FanOut::kSelf);
}

TEST(FanOut, AnAnswerTooLargeToTravelIsMadeHere) {
  FanOut fan_out(OnePerPeer(), 9, Parts(2), Executors(1));
  const auto begun = fan_out.Begin(0);
  auto step = fan_out.OnFailure(AttemptAt(begun, 1), InvalidArgument("x").WithReason("message_size_limit"), kMs);
  EXPECT_TRUE(step.begin.empty()) << "we have something to do, and the peer is not asked again";
  step = fan_out.OnAnswer(AttemptAt(begun, 0), 2 * kMs);
  EXPECT_EQ(ExecutorsOf(step), std::vector<size_t>{0});
}

TEST(FanOut, FailuresOfTheDataOrTheQueryAreTheAnswer) {
  const std::vector<Status> finals = {BlameBlock(Corruption("checksum"), Ulid{{1, 1}}), BlameBlock(NotFound("gone"), Ulid{{1, 1}}),
                                      ResourceExhausted("memory").WithReason("query_memory_limit"), DeadlineExceeded("late")};
  for (const Status& final : finals) {
    FanOut fan_out({}, 9, Parts(5), Executors(2));
    const auto begun = fan_out.Begin(0);
    const auto step = fan_out.OnFailure(AttemptAt(begun, 1), final, kMs);
    EXPECT_EQ(fan_out.failure(), final);
    EXPECT_EQ(step.cancel.size(), begun.begin.size() - 1) << "all others are told";
    EXPECT_TRUE(step.begin.empty());
    EXPECT_EQ(fan_out.next_tick_ns(), INT64_MAX);
    EXPECT_FALSE(fan_out.OnAnswer(AttemptAt(begun, 0), kMs).counts);
  }
  FanOut here({}, 9, Parts(5), Executors(2));
  const auto begun = here.Begin(0);
  (void)here.OnFailure(AttemptAt(begun, 0), Unavailable("the object store"), kMs);
  EXPECT_EQ(here.failure(), Unavailable("the object store")) << "whatever fails here";
}

TEST(FanOut, ASlowPartIsHedgedAndTheFirstAnswerCounts) {
  FanOut fan_out(OnePerPeer(), 9, Parts(3), Executors(2));
  const auto begun = fan_out.Begin(0);
  EXPECT_EQ(fan_out.next_tick_ns(), kNsPerSecond) << "nobody knows yet how long a part takes";
  (void)fan_out.OnAnswer(AttemptAt(begun, 0), 30 * kMs);
  EXPECT_EQ(fan_out.next_tick_ns(), 90 * kMs) << "three times the median";
  (void)fan_out.OnAnswer(AttemptAt(begun, 2), 30 * kMs);
  EXPECT_TRUE(fan_out.OnTick(89 * kMs).begin.empty());
  const auto hedge = fan_out.OnTick(90 * kMs);
  ASSERT_EQ(hedge.begin.size(), 1u);
  EXPECT_TRUE(hedge.begin[0].is_hedge);
  EXPECT_NE(hedge.begin[0].executor, 1u);
  const size_t part = hedge.begin[0].part;
  EXPECT_EQ(part, PartOf(begun, AttemptAt(begun, 1)));
  EXPECT_EQ(fan_out.history(part).hedges, 1u);
  const auto end = fan_out.OnAnswer(hedge.begin[0].id, 100 * kMs);
  EXPECT_TRUE(end.counts);
  EXPECT_EQ(end.cancel, std::vector<uint64_t>{AttemptAt(begun, 1)});
  EXPECT_TRUE(fan_out.IsDone());
  EXPECT_FALSE(fan_out.OnAnswer(AttemptAt(begun, 1), 110 * kMs).counts) << "dropped";
}

TEST(FanOut, TheSlowOneMayStillBeTheFirst) {
  FanOutLimits limits = OnePerPeer();
  limits.hedges_percent_max = 100;
  limits.hedge_delay_first_ns = 10 * kMs;
  limits.hedge_delay_min_ns = 10 * kMs;
  FanOut fan_out(limits, 9, Parts(2), Executors(1));
  const auto begun = fan_out.Begin(0);
  (void)fan_out.OnAnswer(AttemptAt(begun, 0), 1 * kMs);
  const auto hedge = fan_out.OnTick(10 * kMs);
  ASSERT_EQ(ExecutorsOf(hedge), std::vector<size_t>{0});
  const auto end = fan_out.OnAnswer(AttemptAt(begun, 1), 11 * kMs);
  EXPECT_TRUE(end.counts);
  EXPECT_EQ(end.cancel, std::vector<uint64_t>{hedge.begin[0].id});
  EXPECT_TRUE(fan_out.IsDone());
}

TEST(FanOut, AFailureOfOneOfTwoAttemptsWaitsForTheOther) {
  FanOutLimits limits = OnePerPeer();
  limits.hedge_delay_first_ns = 10 * kMs;
  limits.hedge_delay_min_ns = 10 * kMs;
  FanOut fan_out(limits, 9, Parts(2), Executors(1));
  const auto begun = fan_out.Begin(0);
  (void)fan_out.OnAnswer(AttemptAt(begun, 0), 1 * kMs);
  const auto hedge = fan_out.OnTick(10 * kMs);
  ASSERT_EQ(hedge.begin.size(), 1u);
  EXPECT_TRUE(fan_out.OnFailure(AttemptAt(begun, 1), Unavailable("killed"), 11 * kMs).begin.empty());
  EXPECT_EQ(fan_out.history(hedge.begin[0].part).retries, 0u);
  EXPECT_TRUE(fan_out.OnAnswer(hedge.begin[0].id, 12 * kMs).counts);
  EXPECT_TRUE(fan_out.IsDone());
}

TEST(FanOut, NoHedgesWhenNoneAreAllowed) {
  FanOutLimits limits = OnePerPeer();
  limits.hedges_percent_max = 0;
  FanOut fan_out(limits, 9, Parts(2), Executors(1));
  const auto begun = fan_out.Begin(0);
  (void)fan_out.OnAnswer(AttemptAt(begun, 0), 1 * kMs);
  EXPECT_TRUE(fan_out.OnTick(kNsPerSecond * 100).begin.empty());
  EXPECT_EQ(fan_out.next_tick_ns(), INT64_MAX);
}

TEST(FanOut, ChoosesTheSamePeersForTheSameData) {
  const std::vector<std::string> peers = {"a", "b", "c", "d", "e"};
  EXPECT_EQ(FanOut::Choose(7, peers, 9), (std::vector<size_t>{0, 1, 2, 3, 4}));
  const auto two = FanOut::Choose(7, peers, 2);
  ASSERT_EQ(two.size(), 2u);
  // Who is left out before may leave without changing the choice.
  std::vector<std::string> fewer;
  for (size_t i = 0; i < peers.size(); ++i) {
    if (i == two[0] || i == two[1] || fewer.size() < 2) fewer.push_back(peers[i]);
  }
  std::set<std::string> before, after;
  for (size_t i : two) before.insert(peers[i]);
  for (size_t i : FanOut::Choose(7, fewer, 2)) after.insert(fewer[i]);
  EXPECT_EQ(before, after);
}

// A world of peers that answer, fail, are busy, die, freeze, and answer twice or after they were cancelled, in any order.
class RandomWorld {
 public:
  explicit RandomWorld(uint64_t seed) : random_(seed) {
    limits_.parts_per_peer = 1 + random_.Below(3);
    limits_.hedges_percent_max = static_cast<int>(random_.Below(5)) * 25;
    parts_ = 1 + random_.Below(30);
    peers_ = random_.Below(6);
    retries_max_ = random_.Below(10);
    is_dead_.assign(peers_ + 1, false);
    for (size_t e = 1; e <= peers_; ++e) is_frozen_.push_back(random_.Below(6) == 0);
  }

  void Run(std::vector<std::string>* trace) {
    std::vector<FanOut::Part> parts;
    for (size_t i = 0; i < parts_; ++i) parts.push_back({random_.Below(1000), random_.Next()});
    FanOut fan_out(limits_, retries_max_, parts, Executors(peers_));
    std::vector<int> answered(parts_, 0);
    Take(fan_out.Begin(now_ns_), trace);
    size_t steps = 0;
    while (!fan_out.IsDone()) {
      ASSERT_LT(++steps, 10'000u) << "it does not end";
      now_ns_ += static_cast<int64_t>(random_.Below(40)) * kMs;
      ASSERT_FALSE(open_.empty()) << "nobody has anything to do, and it is not done";
      if (random_.Below(8) == 0 && !past_.empty()) {  // an answer that nobody waits for, or a second one
        const auto late = past_[random_.Below(past_.size())];
        const FanOut::Step step = random_.Below(2) == 0 ? fan_out.OnAnswer(late.id, now_ns_)
                                                        : fan_out.OnFailure(late.id, Unavailable("late"), now_ns_);
        EXPECT_FALSE(step.counts);
        EXPECT_TRUE(step.begin.empty() && step.cancel.empty());
        continue;
      }
      if (random_.Below(4) == 0) {
        Take(fan_out.OnTick(now_ns_), trace);
        continue;
      }
      const auto attempt = open_[random_.Below(open_.size())];
      if (attempt.executor != FanOut::kSelf && is_frozen_[attempt.executor - 1]) {
        // Its connection is given up at last.
        if (random_.Below(5) == 0) {
          is_dead_[attempt.executor] = true;
          Close(attempt.id);
          Take(fan_out.OnFailure(attempt.id, Unavailable("silent"), now_ns_), trace);
        }
        continue;
      }
      Close(attempt.id);
      const uint64_t outcome = attempt.executor == FanOut::kSelf ? 9 : random_.Below(10);
      if (outcome == 0) {
        is_dead_[attempt.executor] = true;
        Take(fan_out.OnFailure(attempt.id, Unavailable("killed"), now_ns_), trace);
      } else if (outcome <= 2) {
        Take(fan_out.OnFailure(attempt.id, Busy(), now_ns_), trace);
      } else if (outcome == 3) {
        Take(fan_out.OnFailure(attempt.id, Internal("unreadable"), now_ns_), trace);
      } else {
        const FanOut::Step step = fan_out.OnAnswer(attempt.id, now_ns_);
        EXPECT_TRUE(step.counts);
        ++answered[attempt.part];
        Take(step, trace);
      }
      ASSERT_TRUE(fan_out.failure().ok());
    }
    for (size_t p = 0; p < parts_; ++p) EXPECT_EQ(answered[p], 1) << "part " << p;
    EXPECT_TRUE(open_.empty());
    EXPECT_LE(hedges_, (parts_ * static_cast<size_t>(limits_.hedges_percent_max) + 99) / 100);
    // First ones, repeated ones, hedges, and those that came home.
    EXPECT_LE(begun_, parts_ + retries_max_ + hedges_ + parts_);
  }

 private:
  void Close(uint64_t id) {
    const auto it = std::find_if(open_.begin(), open_.end(), [&](const auto& a) { return a.id == id; });
    ASSERT_NE(it, open_.end());
    past_.push_back(*it);
    open_.erase(it);
  }
  void Take(const FanOut::Step& step, std::vector<std::string>* trace) {
    for (uint64_t id : step.cancel) {
      Close(id);
      trace->push_back("cancel " + std::to_string(id));
    }
    for (const auto& attempt : step.begin) {
      trace->push_back("begin " + std::to_string(attempt.id) + " " + std::to_string(attempt.part) + " at " +
                       std::to_string(attempt.executor));
      EXPECT_FALSE(is_dead_[attempt.executor]);
      for (const auto& other : open_) {
        EXPECT_FALSE(other.part == attempt.part && other.executor == attempt.executor) << "twice at one";
        EXPECT_TRUE(other.part != attempt.part || attempt.is_hedge);
      }
      open_.push_back(attempt);
      ++begun_;
      hedges_ += attempt.is_hedge ? 1 : 0;
      const auto at_it = std::count_if(open_.begin(), open_.end(), [&](const auto& a) { return a.executor == attempt.executor; });
      EXPECT_LE(static_cast<size_t>(at_it), attempt.executor == FanOut::kSelf ? 1 : limits_.parts_per_peer);
    }
  }

  testing::FakeRandom random_;
  FanOutLimits limits_;
  size_t parts_, peers_, retries_max_;
  std::vector<bool> is_dead_, is_frozen_;
  std::vector<FanOut::Attempt> open_, past_;
  size_t begun_ = 0, hedges_ = 0;
  int64_t now_ns_ = 0;
};

TEST(FanOut, InAnyWorldEachPartIsAnsweredOnceWithinTheBounds) {
  for (uint64_t seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::vector<std::string> trace, again;
    RandomWorld(seed).Run(&trace);
    if (HasFailure()) return;
    if (seed % 10 != 0) continue;
    RandomWorld(seed).Run(&again);
    EXPECT_EQ(trace, again) << "the same events, other decisions";
  }
}

}  // namespace
}  // namespace brazier::query_backend
