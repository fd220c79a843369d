// A group of one without a log or a thread: proposals are applied in the caller's thread, or kept until Release(). The
// test decides who leads and what fails.
#pragma once

#include <deque>
#include <mutex>

#include "store/consensus/consensus.h"

namespace brazier::metastore {

class FakeConsensus final : public consensus::Consensus {
 public:
  static constexpr const char* kLeaderAddress = "leader:4041";

  FakeConsensus(kv::KeyValueStore& store, consensus::StateMachine& machine)
      : store_(store), machine_(machine) {}

  void Propose(std::string command, int64_t deadline_ns,
               std::function<void(Result<std::string>)> done) override {
    if (!status.is_leader) return done(NotLeader());
    std::lock_guard lock(mu_);
    commands.push_back(command);
    deadlines.push_back(deadline_ns);
    if (commands.size() == fail_at) return done(Unavailable("the disk is gone"));
    if (hold) {
      held_.push_back({std::move(command), std::move(done)});
    } else {
      Apply(command, done);
    }
  }
  // Applies what was held, last proposal first: answers may come in any order.
  void Release() {
    std::lock_guard lock(mu_);
    while (!held_.empty()) {
      auto [command, done] = std::move(held_.back());
      held_.pop_back();
      Apply(command, done);
    }
  }
  Status ReadBarrier(int64_t deadline_ns) override {
    ++barriers;
    barrier_deadline = deadline_ns;
    return barrier_status;
  }
  bool CanCommit() const override { return status.is_leader; }
  bool CanServe() const override { return status.leader_id != 0; }
  Status NotLeader() const override {
    const GroupMember leader{.node_id = status.leader_id, .rpc_address = kLeaderAddress};
    return consensus::NotLeaderStatus(&leader);
  }
  consensus::ConsensusStatus GetStatus() const override { return status; }
  void Stop() override {}

  // What happened.
  std::vector<std::string> commands;
  std::vector<int64_t> deadlines;
  int barriers = 0;
  int64_t barrier_deadline = 0;
  // What shall happen.
  bool hold = false;
  size_t fail_at = SIZE_MAX;  // the number of the proposal that fails, from 1
  Status barrier_status;
  consensus::ConsensusStatus status{.is_leader = true, .leader_id = 1};

 private:
  struct Held {
    std::string command;
    std::function<void(Result<std::string>)> done;
  };
  void Apply(const std::string& command, const std::function<void(Result<std::string>)>& done) {
    kv::WriteBatch batch;
    std::string answer = machine_.Apply(++index_, command, batch);
    const Status written = store_.Write(batch, false);
    machine_.Applied(index_);
    done(written.ok() ? Result<std::string>(std::move(answer)) : Result<std::string>(written));
  }

  kv::KeyValueStore& store_;
  consensus::StateMachine& machine_;
  std::mutex mu_;
  uint64_t index_ = 0;
  std::deque<Held> held_;
};

}  // namespace brazier::metastore
