#include "worker/query_backend/fan_out.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/contract/query_backend.h"
#include "common/model/bad_block.h"

namespace brazier::query_backend {
namespace {

uint64_t Suitability(uint64_t affinity, const std::string& executor) { return Hash64(executor, affinity); }

// What a peer's failure says.
enum class Meaning {
  kBusy,   // of the peer, for now
  kGone,   // of the peer
  kUnfit,  // of this part at that peer: another version, an answer too large to travel
  kFinal,  // of the data or the query: it would come from everybody
};

Meaning MeaningOf(const Status& failure) {
  if (contract::IsBusy(failure)) return Meaning::kBusy;
  if (BlamedBlock(failure).has_value()) return Meaning::kFinal;
  switch (failure.code()) {
    case Code::kCorruption:
    case Code::kNotFound:
    case Code::kResourceExhausted:
    case Code::kDeadlineExceeded: return Meaning::kFinal;
    // Nobody here has cancelled an attempt that is open: the peer is going down.
    case Code::kCancelled:
    case Code::kUnavailable: return Meaning::kGone;
    default: return Meaning::kUnfit;
  }
}

}  // namespace

FanOut::FanOut(const FanOutLimits& limits, size_t retries_max, std::vector<Part> parts,
               const std::vector<std::string>& executors)
    : limits_(limits),
      hedges_max_((parts.size() * static_cast<size_t>(std::max(limits.hedges_percent_max, 0)) + 99) / 100),
      retries_left_(retries_max),
      executors_(executors.size()) {
  CHECK(!parts.empty());
  CHECK(!executors.empty());
  CHECK(limits.parts_per_peer > 0);
  std::vector<uint64_t> suitability(executors.size());
  for (const Part& part : parts) {
    PartEntry& entry = parts_.emplace_back();
    entry.part = part;
    for (size_t e = 0; e < executors.size(); ++e) suitability[e] = Suitability(part.affinity, executors[e]);
    std::vector<uint32_t> order(executors.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return std::tie(suitability[b], a) < std::tie(suitability[a], b);
    });
    entry.rank.resize(executors.size());
    for (uint32_t place = 0; place < order.size(); ++place) entry.rank[order[place]] = place;
  }
}

std::vector<size_t> FanOut::Choose(uint64_t affinity, const std::vector<std::string>& peers, size_t n) {
  std::vector<size_t> order(peers.size());
  std::iota(order.begin(), order.end(), 0);
  if (n >= peers.size()) return order;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return Suitability(affinity, peers[a]) > Suitability(affinity, peers[b]);
  });
  order.resize(n);
  std::sort(order.begin(), order.end());
  return order;
}

FanOut::Step FanOut::OnAnswer(uint64_t attempt, int64_t now_ns) {
  Step step;
  if (!IsOpen(attempt)) return step;
  const OpenAttempt ended = End(attempt);
  const int64_t duration_ns = now_ns - ended.begun_ns;
  durations_ns_.insert(std::upper_bound(durations_ns_.begin(), durations_ns_.end(), duration_ns), duration_ns);
  executors_[ended.attempt.executor].is_overtaken = false;
  PartEntry& part = parts_[ended.attempt.part];
  step.counts = true;
  part.state = PartState::kDone;
  ++parts_done_;
  CancelOpen(part, &step);
  return Decide(now_ns, std::move(step));
}

FanOut::Step FanOut::OnFailure(uint64_t attempt, const Status& failure, int64_t now_ns) {
  Step step;
  if (!IsOpen(attempt)) return step;
  const OpenAttempt ended = End(attempt);
  PartEntry& part = parts_[ended.attempt.part];
  Executor& executor = executors_[ended.attempt.executor];
  if (ended.attempt.executor == kSelf) return Fail(failure, std::move(step));
  switch (MeaningOf(failure)) {
    case Meaning::kFinal: return Fail(failure, std::move(step));
    case Meaning::kBusy: executor.rests_until_ns = now_ns + limits_.busy_pause_ns; break;
    case Meaning::kGone: executor.is_gone = true; break;
    case Meaning::kUnfit: part.is_for_self = true; break;
  }
  // Another attempt may still bring it.
  if (!part.open.empty()) return Decide(now_ns, std::move(step));
  part.state = PartState::kWaiting;
  ++part.history.retries;
  if (retries_left_ > 0) {
    --retries_left_;
  } else {
    part.is_for_self = true;
  }
  return Decide(now_ns, std::move(step));
}

FanOut::Step FanOut::OnTick(int64_t now_ns) { return Decide(now_ns, {}); }

FanOut::Step FanOut::Decide(int64_t now_ns, Step step) {
  if (!failure_.ok()) return step;
  Assign(now_ns, &step);
  Hedge(now_ns, &step);
  SetNextTick(now_ns);
  return step;
}

bool FanOut::MayTake(size_t executor, int64_t now_ns) const {
  const Executor& e = executors_[executor];
  return !e.is_gone && !e.is_overtaken && e.rests_until_ns <= now_ns && e.open < RoomOf(executor);
}

void FanOut::Assign(int64_t now_ns, Step* step) {
  while (true) {
    using Place = std::tuple<size_t, uint32_t, uint64_t, size_t, size_t>;
    std::optional<Place> best;
    for (size_t p = 0; p < parts_.size(); ++p) {
      const PartEntry& part = parts_[p];
      if (part.state != PartState::kWaiting) continue;
      for (size_t e = 0; e < executors_.size(); ++e) {
        if (!MayTake(e, now_ns) || (part.is_for_self && e != kSelf)) continue;
        // Large parts before small ones.
        const Place place{executors_[e].open, part.rank[e], UINT64_MAX - part.part.bytes, p, e};
        if (!best.has_value() || place < *best) best = place;
      }
    }
    if (!best.has_value()) return;
    Start(std::get<3>(*best), std::get<4>(*best), false, now_ns, step);
  }
}

void FanOut::Hedge(int64_t now_ns, Step* step) {
  const bool is_any_waiting =
      std::any_of(parts_.begin(), parts_.end(), [](const PartEntry& p) { return p.state == PartState::kWaiting; });
  if (is_any_waiting) return;
  const int64_t delay_ns = HedgeDelayNs();
  std::vector<size_t> slow;  // parts, by age
  for (const auto& [id, open] : open_) {
    const PartEntry& part = parts_[open.attempt.part];
    if (part.open.size() == 1 && now_ns - open.begun_ns >= delay_ns) slow.push_back(open.attempt.part);
  }
  for (size_t p : slow) {
    if (hedges_ >= hedges_max_) return;
    PartEntry& part = parts_[p];
    const size_t holder = open_.at(part.open[0]).attempt.executor;
    std::optional<size_t> best;
    for (size_t e = 0; e < executors_.size(); ++e) {
      if (e == holder || executors_[e].open > 0 || !MayTake(e, now_ns) || (part.is_for_self && e != kSelf)) continue;
      if (!best.has_value() || part.rank[e] < part.rank[*best]) best = e;
    }
    if (!best.has_value()) continue;
    // We are not overtaken by peers: what waits for us has nobody else.
    if (holder != kSelf) executors_[holder].is_overtaken = true;
    ++hedges_;
    ++part.history.hedges;
    Start(p, *best, true, now_ns, step);
  }
}

int64_t FanOut::HedgeDelayNs() const {
  if (durations_ns_.empty()) return limits_.hedge_delay_first_ns;
  return std::max(limits_.hedge_delay_min_ns, limits_.hedge_factor * durations_ns_[durations_ns_.size() / 2]);
}

void FanOut::SetNextTick(int64_t now_ns) {
  next_tick_ns_ = INT64_MAX;
  if (IsDone()) return;
  const auto at = [&](int64_t ns) { next_tick_ns_ = std::min(next_tick_ns_, std::max(ns, now_ns + 1)); };
  for (const Executor& e : executors_) {
    if (!e.is_gone && e.rests_until_ns > now_ns) at(e.rests_until_ns);
  }
  if (hedges_ >= hedges_max_) return;
  const int64_t delay_ns = HedgeDelayNs();
  for (const auto& [id, open] : open_) {
    // One that is slow already waits for an executor, which an event makes free.
    if (open.begun_ns + delay_ns > now_ns) at(open.begun_ns + delay_ns);
  }
}

void FanOut::Start(size_t part, size_t executor, bool is_hedge, int64_t now_ns, Step* step) {
  const Attempt attempt{next_attempt_++, part, executor, is_hedge};
  parts_[part].state = PartState::kUnderWay;
  parts_[part].open.push_back(attempt.id);
  ++executors_[executor].open;
  open_[attempt.id] = {attempt, now_ns};
  step->begin.push_back(attempt);
}

FanOut::OpenAttempt FanOut::End(uint64_t attempt) {
  const auto it = open_.find(attempt);
  CHECK(it != open_.end());
  const OpenAttempt ended = it->second;
  open_.erase(it);
  --executors_[ended.attempt.executor].open;
  std::erase(parts_[ended.attempt.part].open, attempt);
  return ended;
}

void FanOut::CancelOpen(PartEntry& part, Step* step) {
  for (const uint64_t id : std::vector<uint64_t>(part.open)) {
    End(id);
    step->cancel.push_back(id);
  }
}

FanOut::Step FanOut::Fail(Status status, Step step) {
  if (failure_.ok()) failure_ = std::move(status);
  for (PartEntry& part : parts_) CancelOpen(part, &step);
  next_tick_ns_ = INT64_MAX;
  return step;
}

}  // namespace brazier::query_backend
