// What a member's keeper asks for. Whole groups: tests/server/metastore/group_test.cc.
#include "server/metastore/group/group_keeper.h"

#include <gtest/gtest.h>

#include "store/consensus/group_founding.h"
#include "tests/store/consensus/recording_machine.h"
#include "tests/support/fake_metastore_group.h"

namespace brazier::metastore {
namespace {

constexpr uint64_t kGroup = 77;
const GroupMember kSelf = {5, "m2", "m2:1", "tcp://m2:2"};

class Nowhere final : public consensus::Transport {
 public:
  void Send(uint64_t to, std::string message) override {}
};

// A member that was let into the group and not told anything.
class Newcomer final : public GroupHost {
 public:
  Newcomer() {
    CHECK(consensus::FoundStore(store_, {kSelf.node_id, kGroup}, {}).ok());
    consensus::RaftConsensus::Options options;
    options.node.node_id = kSelf.node_id;
    options.transport = &nowhere_;
    auto raft = consensus::RaftConsensus::OpenRaft(options, store_, machine_, SystemClock());
    CHECK(raft.ok());
    raft_ = std::move(*raft);
  }
  contract::GroupIdentity Identity() const override { return {.member = kSelf, .group_id = kGroup}; }
  consensus::RaftConsensus* raft() const override { return raft_.get(); }
  Status Adopt(uint64_t, const std::vector<GroupMember>&) override { return Status::Ok(); }
  Status CheckMayFound() override { return Status::Ok(); }
  Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext&) override { return NoGroup(); }

 private:
  consensus::FaultyStore store_;
  consensus::RecordingMachine machine_{store_};
  Nowhere nowhere_;
  std::unique_ptr<consensus::RaftConsensus> raft_;
};

class GroupKeeperTest : public ::testing::Test {
 protected:
  // A connection to another member; what it was asked stays in `calls_`.
  class Connection final : public brazier::testing::FakeMetastoreGroup {
   public:
    explicit Connection(std::vector<std::string>& calls) : all_calls_(calls) {}
    ~Connection() override {
      for (std::string& call : calls()) all_calls_.push_back(std::move(call));
    }

   private:
    std::vector<std::string>& all_calls_;
  };

  GroupKeeperTest()
      : connect_([this](const std::string&) {
          auto connection = std::make_unique<Connection>(calls_);
          connection->identity = contract::GroupIdentity{.member = {1, "m1", "m1:1", ""}, .group_id = other_group_};
          contract::GroupStatus status;
          for (const GroupMember& member : members_) status.members.push_back({.member = member});
          connection->status = status;
          return connection;
        }) {}

  std::vector<std::string> calls_;
  uint64_t other_group_ = kGroup;
  std::vector<GroupMember> members_ = {{1, "m1", "m1:1", ""}, {2, "m2", "m2:1", ""}};
  Newcomer host_;
  ConnectToMember connect_;
  GroupAdmin admin_{host_, connect_};
  GroupKeeper keeper_{host_, admin_, connect_, {"m1:1", "m2:1"}, SystemClock()};
};

// The leader changed after it had let the member in and before it had entered it.
TEST_F(GroupKeeperTest, AMemberThatWasLetInAndNotEnteredAsksAgain) {
  keeper_.RunOnce();
  EXPECT_EQ(calls_.back(), "add m2:1");
  EXPECT_EQ(keeper_.Waiting(), "");
}

TEST_F(GroupKeeperTest, AMemberWhoseAddressTheGroupDoesNotKnowWaitsForAnOperator) {
  members_.pop_back();
  keeper_.RunOnce();
  EXPECT_EQ(std::count(calls_.begin(), calls_.end(), "add m2:1"), 0);
  EXPECT_NE(keeper_.Waiting().find("brazierctl metastore add m2:1"), std::string::npos) << keeper_.Waiting();
}

TEST_F(GroupKeeperTest, AnotherGroupIsNotAsked) {
  other_group_ = kGroup + 1;
  keeper_.RunOnce();
  EXPECT_EQ(std::count(calls_.begin(), calls_.end(), "add m2:1"), 0);
  EXPECT_NE(keeper_.Waiting(), "");
}

}  // namespace
}  // namespace brazier::metastore
