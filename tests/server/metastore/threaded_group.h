// ThreadedGroup: a group of metastore members in one process, with their real stores, consensus threads and clock, over
// disks that can be made to fail. Messages are handed over directly. For tests of what only threads show.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "server/metastore/index_state_machine.h"
#include "server/metastore/metastore.h"
#include "store/consensus/group_founding.h"
#include "store/consensus/raft_consensus.h"
#include "tests/store/index/index_harness.h"
#include "tests/store/object/temporary_folder.h"
#include "tests/support/faulty_disk.h"

namespace brazier::metastore {

class ThreadedGroup {
 public:
  struct Member {
    MetricsRegistry registry;
    std::unique_ptr<testing::FaultyDisk> disk;
    std::unique_ptr<index::MetadataIndex> index;
    std::unique_ptr<IndexStateMachine> machine;
    std::unique_ptr<consensus::Transport> transport;
    std::unique_ptr<consensus::RaftConsensus> raft;
    std::unique_ptr<Metastore> metastore;
  };

  explicit ThreadedGroup(uint64_t members) {
    for (uint64_t id = 1; id <= members; ++id) {
      founders_.push_back({id, "m" + std::to_string(id), "m" + std::to_string(id) + ":1", "tcp://m:2"});
    }
    for (uint64_t id = 1; id <= members; ++id) Start(id);
  }
  ~ThreadedGroup() {
    for (const GroupMember& founder : founders_) Stop(founder.node_id);
  }

  void Start(uint64_t id) {
    auto member = std::make_unique<Member>();
    auto store = kv::OpenRocksKeyValueStore(FolderOf(id));
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    member->disk = std::make_unique<testing::FaultyDisk>(std::move(*store));
    if (!consensus::IsFounded(*member->disk).value()) {
      ASSERT_TRUE(consensus::FoundStore(*member->disk, {id, consensus::GroupIdOf(founders_)}, founders_).ok());
    }
    auto index = index::MetadataIndex::Open(*member->disk, id);
    ASSERT_TRUE(index.ok()) << index.status().ToString();
    member->index = std::move(*index);
    member->machine = std::make_unique<IndexStateMachine>(*member->index, clock_, member->registry);
    member->transport = std::make_unique<Line>(*this);
    consensus::RaftConsensus::Options options;
    options.node.node_id = id;
    options.node.seed = id + 100 * ++starts_;
    options.transport = member->transport.get();
    options.registry = &member->registry;
    auto raft = consensus::RaftConsensus::OpenRaft(options, *member->disk, *member->machine, clock_);
    ASSERT_TRUE(raft.ok()) << raft.status().ToString();
    member->raft = std::move(*raft);
    member->metastore = std::make_unique<Metastore>(Metastore::Options{}, *member->raft, *member->disk, clock_,
                                                    member->registry);
    std::lock_guard lock(mu_);
    members_[id] = std::move(member);
  }
  void Stop(uint64_t id) {
    std::unique_ptr<Member> member;
    {
      std::lock_guard lock(mu_);
      member = std::move(members_[id]);
    }
    if (member) member->raft->Stop();
  }
  // As kill -9: what the files hold at one moment is what it comes back with; `damage` sees them in between.
  void Kill(uint64_t id, const std::function<void(const std::string& folder)>& damage) {
    const std::string image = folder_.path() + "/image";
    At(id).disk->WhileStill([&] {
      std::filesystem::copy(FolderOf(id), image, std::filesystem::copy_options::recursive);
    });
    Stop(id);
    std::filesystem::remove_all(FolderOf(id));
    std::filesystem::rename(image, FolderOf(id));
    damage(FolderOf(id));
  }

  Member& At(uint64_t id) { return *members_.at(id); }
  std::vector<uint64_t> Ids() const {
    std::vector<uint64_t> ids;
    for (const auto& [id, member] : members_) {
      if (member) ids.push_back(id);
    }
    return ids;
  }
  // Who claims to lead and can; 0: nobody.
  uint64_t Leader(uint64_t except = 0) {
    for (uint64_t id : Ids()) {
      if (id != except && At(id).raft->GetStatus().is_leader && At(id).raft->CanCommit()) return id;
    }
    return 0;
  }
  uint64_t AwaitLeader(uint64_t except = 0) {
    EXPECT_TRUE(Await([&] { return Leader(except) != 0; }));
    return Leader(except);
  }
  // Polls every millisecond.
  bool Await(const std::function<bool()>& reached, int64_t seconds = 15) {
    const int64_t end_ns = clock_.MonotonicNs() + seconds * kNsPerSecond;
    while (clock_.MonotonicNs() < end_ns) {
      if (reached()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return reached();
  }

  contract::RequestContext Context(int64_t seconds = 5) const {
    return {.request_id = "r", .deadline_ns = clock_.MonotonicNs() + seconds * kNsPerSecond};
  }
  std::future<Status> BeginAdd(uint64_t id, uint64_t block) {
    auto promise = std::make_shared<std::promise<Status>>();
    At(id).metastore->AddBlocks(
        Context(), {{index::MakeBlock(block, {index::MakeDataset("t", "s", 100, 200, {})})}},
        [promise](const auto& response) { promise->set_value(response.status()); });
    return promise->get_future();
  }
  // Through whoever leads, until it is acknowledged.
  void Add(uint64_t block, uint64_t except = 0) {
    ASSERT_TRUE(Await([&] {
      const uint64_t leader = Leader(except);
      return leader != 0 && BeginAdd(leader, block).get().ok();
    }));
  }
  Result<size_t> FoundThrough(uint64_t id) {
    ASSIGN_OR_RETURN(const std::vector<BlockMeta> found,
                     At(id).metastore->FindBlocks(Context(), {.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX}));
    return found.size();
  }
  bool HasAllOf(uint64_t id, uint64_t leader) {
    const consensus::ConsensusStatus status = At(id).raft->GetStatus();
    const consensus::ConsensusStatus first = At(leader).raft->GetStatus();
    return !status.is_stalled && status.leader_id == leader && status.applied_index == first.last_index;
  }
  // All members have applied the same, and their states are equal byte for byte.
  void ExpectAgreement() {
    ASSERT_TRUE(Await([&] {
      const uint64_t leader = Leader();
      if (leader == 0) return false;
      for (uint64_t id : Ids()) {
        if (!HasAllOf(id, leader)) return false;
      }
      return true;
    }));
    const std::string expected = StateOf(Ids().front());
    for (uint64_t id : Ids()) EXPECT_EQ(StateOf(id), expected) << "member " << id;
  }
  int64_t NowNs() const { return clock_.MonotonicNs(); }
  std::string FolderOf(uint64_t id) const { return folder_.path() + "/" + std::to_string(id); }

 private:
  // The way out of one member.
  class Line final : public consensus::Transport {
   public:
    explicit Line(ThreadedGroup& group) : group_(group) {}
    void Send(uint64_t to, std::string message) override {
      std::lock_guard lock(group_.mu_);
      const auto found = group_.members_.find(to);
      if (found != group_.members_.end() && found->second) found->second->raft->Receive(std::move(message));
    }

   private:
    ThreadedGroup& group_;
  };

  std::string StateOf(uint64_t id) {
    std::string state;
    const Status scanned = At(id).disk->Snapshot()->Scan(
        kv::Family::kState, "", "", [&](std::string_view key, std::string_view value) {
          state.append(std::to_string(key.size())).append(key).append(std::to_string(value.size())).append(value);
          return true;
        });
    EXPECT_TRUE(scanned.ok());
    return state;
  }

  const Clock& clock_ = SystemClock();
  TemporaryFolder folder_;
  std::vector<GroupMember> founders_;
  uint64_t starts_ = 0;
  std::mutex mu_;  // guards the map against the members' threads
  std::map<uint64_t, std::unique_ptr<Member>> members_;
};

}  // namespace brazier::metastore
