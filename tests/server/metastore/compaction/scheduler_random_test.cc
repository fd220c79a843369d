// The scheduler against a model of the index, with random blocks, workers that die, answers that are late or lost, leaders that
// change, operators that pause, force and retry. After each step: no block is in two jobs, what is handed out is leased, nothing is
// leased while paused, memory is bounded. At the end, with workers that work: nothing that is due is left.
#include <gtest/gtest.h>

#include <deque>

#include "tests/server/metastore/compaction/scheduler_model.h"
#include "tests/support/fake_random.h"

namespace brazier::metastore {
namespace {

using contract::CompactionJob;
using contract::ReturnReason;

class World {
 public:
  World(uint64_t seed, size_t blocks_max) : random_(seed) {
    policy_.blocks_known_max = blocks_max;
    policy_.proposals_max = 3;
    for (LevelPolicy& level : policy_.levels) level.blocks_max = 10;
    policy_.last_level.blocks_max = 10;
    scheduler_ = std::make_unique<CompactionScheduler>(policy_);
    scheduler_->Begin(false);
    model_.emplace(*scheduler_);
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      now_ += static_cast<int64_t>(random_.Below(600)) * kNsPerMs;
      Happen();
      Step();
    }
    Settle();
  }

 private:
  struct Held {
    CompactionJob job;
    int64_t ends_ns = 0;
  };
  struct Worker {
    std::map<std::pair<uint64_t, uint64_t>, Held> jobs;
    uint64_t pull = 0;  // that waits
    bool is_dead = false;
  };
  struct InFlight {
    int64_t at_ns = 0;
    std::function<void()> deliver;
  };

  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }
  template <typename Map>
  typename Map::const_iterator AnyOf(const Map& map) {
    return std::next(map.begin(), static_cast<ptrdiff_t>(random_.Below(map.size())));
  }

  index::QueueName AnyQueue() {
    const auto level = static_cast<uint32_t>(OneIn(3) ? random_.Below(5) : 0);
    const auto shard = static_cast<uint32_t>(level >= 2 ? 0 : 1 + random_.Below(3));
    return {level, shard, level == 0 ? "" : "tenant-" + std::to_string(random_.Below(3))};
  }

  void Happen() {
    for (uint64_t n = random_.Below(4); n > 0; --n) {
      if (OneIn(20)) {
        model_->AddAs(IdAt(now_ - static_cast<int64_t>(random_.Below(100'000)) * kSecond, ++old_), AnyQueue(), 1, now_);
      } else {
        model_->Add(AnyQueue(), OneIn(5) ? 70u << 20 : 1u << 10, now_);
      }
    }
    if (OneIn(10) && !model_->blocks().empty()) model_->Delete(AnyOf(model_->blocks())->first, now_);
    if (OneIn(15) && !model_->blocks().empty()) model_->Remove(AnyOf(model_->blocks())->first, now_);
    if (OneIn(8) && workers_.size() < 12) workers_["worker-" + std::to_string(++last_worker_)];
    if (OneIn(40) && !workers_.empty()) {
      Worker& dies = workers_.at(AnyOf(workers_)->first);
      dies.is_dead = true;
      dies.jobs.clear();
    }
    if (OneIn(60)) SetPaused(!is_paused_);
    if (OneIn(60)) scheduler_->Force({}, OneIn(2) ? "" : "tenant-1", now_);
    if (OneIn(100)) model_->ForgetFailures(now_);
    if (OneIn(150)) ChangeLeader();
    if (OneIn(100)) {  // changes were lost
      scheduler_->Reload();
      model_->Load(*scheduler_, now_);
    }
    for (auto& [name, worker] : workers_) Work(name, worker);
  }

  void SetPaused(bool is_paused) {
    is_paused_ = is_paused;
    scheduler_->SetPaused(is_paused);
  }

  void ChangeLeader() {
    // What the old one proposed is applied or not; nobody hears the answer.
    for (InFlight& answer : in_flight_) {
      if (OneIn(2)) answer.deliver();
    }
    in_flight_.clear();
    auto next = std::make_unique<CompactionScheduler>(policy_);
    next->Begin(is_paused_);
    model_->SetScheduler(*next);
    model_->Load(*next, now_);
    scheduler_ = std::move(next);
    ++term_;
    for (auto& [name, worker] : workers_) worker.pull = 0;  // refused
  }

  void Work(const std::string& name, Worker& worker) {
    if (worker.is_dead) return;
    if (worker.pull == 0 && worker.jobs.size() < 3 && OneIn(2)) {
      worker.pull = ++last_pull_;
      scheduler_->Pull(worker.pull, name, 3 - worker.jobs.size(), now_ + 10 * kSecond, now_);
    }
    std::vector<contract::JobProgress> progress;
    for (const auto& [key, held] : worker.jobs) progress.push_back({.id = key.first, .token = key.second});
    const std::vector<uint64_t> stop = scheduler_->Heartbeat(name, progress, now_);
    std::erase_if(worker.jobs, [&](const auto& item) {
      return std::find(stop.begin(), stop.end(), item.first.first) != stop.end();
    });
    for (auto it = worker.jobs.begin(); it != worker.jobs.end();) {
      if (it->second.ends_ns > now_) {
        ++it;
        continue;
      }
      End(it->second.job);
      it = worker.jobs.erase(it);
    }
  }

  // As commands: applied now or later, in this term or never.
  void End(const CompactionJob& job) {
    const bool returns = faulty_ && OneIn(4);
    const auto reason = static_cast<ReturnReason>(1 + random_.Below(3));
    std::vector<Ulid> inputs = job.inputs;
    std::erase_if(inputs, [&](const Ulid& id) { return !model_->blocks().contains(id); });
    if (faulty_ && OneIn(6) && inputs.size() > 1) inputs.resize(inputs.size() / 2);
    const index::QueueName output{job.level, job.level >= 2 ? 0 : std::max(1u, job.shard),
                                  job.tenant.empty() ? "tenant-0" : job.tenant};
    Later([this, job, returns, reason, inputs, output] {
      if (returns) {
        const JobReturn plan = scheduler_->PlanReturn(job.id, job.token, reason, "error", now_);
        model_->Return(plan, now_);
        scheduler_->Returned(plan.id, plan.token, plan.counts, Status::Ok(), now_);
      } else if (model_->Finish(job.id, job.token, inputs, output, now_)) {
        scheduler_->Finished(job.id, job.token);
      }
    });
  }

  void Later(std::function<void()> deliver) {
    const auto wait = static_cast<int64_t>(faulty_ ? random_.Below(3'000) : 10);
    const int64_t at_ns = std::max(now_ + wait * kNsPerMs, in_flight_.empty() ? 0 : in_flight_.back().at_ns);
    in_flight_.push_back({at_ns, std::move(deliver)});
  }

  void Lease(const LeaseProposal& lease) {
    EXPECT_FALSE(is_paused_) << "leased while paused";
    for (const index::JobLease& job : lease.jobs) {
      EXPECT_TRUE(std::is_sorted(job.inputs.begin(), job.inputs.end()));
      EXPECT_LE(job.inputs.size(), 10u);
      EXPECT_EQ(job.inputs.empty(), job.id > 0);
    }
    const int fate = faulty_ ? static_cast<int>(random_.Below(20)) : 2;
    Later([this, lease, fate, term = term_] {
      if (fate == 0) return scheduler_->Leased(lease.number, ResourceExhausted("full"), now_);
      for (const index::JobLease& job : lease.jobs) {
        for (const Ulid& id : job.inputs) {
          const auto block = model_->blocks().find(id);
          EXPECT_TRUE(block == model_->blocks().end() || block->second.job == 0u) << "a block in two jobs";
        }
      }
      const auto answer = model_->Lease(lease, now_);
      if (fate == 1) return scheduler_->Leased(lease.number, DeadlineExceeded("lost"), now_);
      if (term == term_) scheduler_->Leased(lease.number, answer, now_);
    });
  }

  void Step() {
    while (!in_flight_.empty() && in_flight_.front().at_ns <= now_) {
      const InFlight answer = std::move(in_flight_.front());
      in_flight_.pop_front();
      answer.deliver();
    }
    Decisions decisions = scheduler_->Decide(now_);
    EXPECT_LE(scheduler_->blocks_known(), policy_.blocks_known_max);
    for (const PullAnswer& answer : decisions.answers) HandOut(answer);
    for (const LeaseProposal& lease : decisions.leases) Lease(lease);
    for (const JobReturn& plan : decisions.returns) {
      Later([this, plan, lost = faulty_ && OneIn(5)] {
        if (lost) return scheduler_->Returned(plan.id, plan.token, plan.counts, Unavailable("lost"), now_);
        model_->Return(plan, now_);
        scheduler_->Returned(plan.id, plan.token, plan.counts, Status::Ok(), now_);
      });
    }
    if (decisions.reload) {
      scheduler_->Reload();
      model_->Load(*scheduler_, now_);
    }
  }

  void HandOut(const PullAnswer& answer) {
    Worker* worker = nullptr;
    for (auto& [name, candidate] : workers_) {
      if (candidate.pull == answer.pull) worker = &candidate;
    }
    for (const CompactionJob& job : answer.jobs) {
      const auto known = model_->jobs().find(job.id);
      if (known == model_->jobs().end() || known->second.token != job.token) continue;  // over, or another's already
      for (const Ulid& id : known->second.inputs) {
        EXPECT_TRUE(std::binary_search(job.inputs.begin(), job.inputs.end(), id)) << "the lease has other inputs";
      }
      if (worker == nullptr || worker->is_dead) continue;
      worker->jobs[{job.id, job.token}] = {job, now_ + static_cast<int64_t>(random_.Below(20'000)) * kNsPerMs};
    }
    if (worker != nullptr) worker->pull = 0;
  }

  void Settle() {
    faulty_ = false;
    SetPaused(false);
    workers_["good"];
    // Longer than any back-off and any age but the last level's, in steps that keep heartbeats alive.
    for (int i = 0; i < 4'000 && !::testing::Test::HasFailure(); ++i) {
      now_ += kSecond;
      for (auto& [name, worker] : workers_) Work(name, worker);
      Step();
    }
    EXPECT_TRUE(in_flight_.empty() || in_flight_.front().at_ns > now_);
    size_t left = 0;
    for (const auto& [id, block] : model_->blocks()) {
      if (block.queue.level >= 3 && !block.must_be_rewritten) continue;
      // Made late, of what was late itself: its age and a back-off are not over.
      if (now_ - id.TimeMs() * kNsPerMs < 1'600 * kSecond) continue;
      ++left;
      ADD_FAILURE() << "level " << block.queue.level << ", failures " << block.failures << ", job " << block.job << ", waits until "
                    << block.not_before_ns - now_ << ", to be rewritten: " << block.must_be_rewritten << ", made " << (now_ - id.TimeMs() * kNsPerMs) / kSecond << " s ago, known "
                    << scheduler_->blocks_known() << " of " << model_->blocks().size();
    }
    EXPECT_EQ(left, 0u) << "blocks that were due are not compacted";
  }

  brazier::testing::FakeRandom random_;
  CompactionPolicy policy_;
  std::unique_ptr<CompactionScheduler> scheduler_;
  std::optional<SchedulerModel> model_;
  std::map<std::string, Worker> workers_;
  std::deque<InFlight> in_flight_;
  int64_t now_ = kT0;
  bool faulty_ = true;
  bool is_paused_ = false;
  uint64_t term_ = 0;
  uint64_t last_pull_ = 0;
  uint64_t last_worker_ = 0;
  uint64_t old_ = 1'000'000;
};

TEST(CompactionSchedulerRandom, NoBlockTwiceAndNoneForgotten) {
  for (uint64_t seed = 1; seed <= 60 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World(seed, seed % 3 == 0 ? 200 : 100'000).Run(1'500);
  }
}

}  // namespace
}  // namespace brazier::metastore
