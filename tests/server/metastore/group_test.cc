// Whole metastore members with their real stores, logs and threads, in one process: messages between them are handed over
// directly. What a group goes through: founding, failure, lost disks, growth, moving leadership.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "server/metastore/metastore_role.h"
#include "tests/store/index/index_harness.h"
#include "tests/store/object/temporary_folder.h"

namespace brazier::metastore {
namespace {

using index::MakeBlock;
using index::MakeDataset;

// Hands messages to whoever listens under a node id. Thread-safe.
class Exchange {
 public:
  using OnMessage = std::function<void(std::string)>;
  void Listen(uint64_t node_id, OnMessage on_message) {
    std::lock_guard lock(mu_);
    listeners_[node_id] = std::make_shared<OnMessage>(std::move(on_message));
  }
  void Close(uint64_t node_id) {
    std::lock_guard lock(mu_);
    listeners_.erase(node_id);
  }
  void Send(uint64_t to, std::string message) {
    // Under the lock, so that nobody is closed while it is called.
    std::lock_guard lock(mu_);
    const auto found = listeners_.find(to);
    if (found != listeners_.end()) (*found->second)(std::move(message));
  }

 private:
  std::mutex mu_;
  std::map<uint64_t, std::shared_ptr<OnMessage>> listeners_;
};

class DirectTransport final : public MemberTransport {
 public:
  DirectTransport(Exchange& exchange, std::string address) : exchange_(exchange), address_(std::move(address)) {}
  ~DirectTransport() override { Stop(); }
  Status Listen(uint64_t node_id, std::function<void(std::string)> on_message) override {
    node_id_ = node_id;
    exchange_.Listen(node_id, std::move(on_message));
    return Status::Ok();
  }
  void SetGroup(uint64_t group_id) override { has_group_ = true; }
  void Send(uint64_t to, std::string message) override {
    if (has_group_) exchange_.Send(to, std::move(message));
  }
  void Stop() override { exchange_.Close(node_id_); }
  std::string address() const override { return address_; }

 private:
  Exchange& exchange_;
  const std::string address_;
  uint64_t node_id_ = 0;
  std::atomic<bool> has_group_ = false;
};

class GroupTest : public testing::Test {
 protected:
  struct Slot {
    std::unique_ptr<DirectTransport> transport;
    std::unique_ptr<MetastoreRole> role;
  };

  static std::string AddressOf(int n) { return "m" + std::to_string(n) + ":1"; }

  // A connection to a slot: what goes to the leader only is tried on everybody, as redirects do.
  class Connection final : public contract::MetastoreGroup {
   public:
    Connection(GroupTest& test, std::string address) : test_(test), address_(std::move(address)) {}
    Result<contract::GroupIdentity> Identify(const contract::RequestContext& context) override {
      auto* role = test_.RoleAt(address_);
      return role ? role->group().Identify(context) : Gone();
    }
    Result<contract::GroupStatus> GetGroupStatus(const contract::RequestContext& context) override {
      auto* role = test_.RoleAt(address_);
      return role ? role->group().GetGroupStatus(context) : Gone();
    }
    Result<uint64_t> FoundGroup(const contract::RequestContext& context,
                                const std::vector<std::string>& addresses) override {
      auto* role = test_.RoleAt(address_);
      return role ? role->group().FoundGroup(context, addresses) : Gone();
    }
    Status AdoptGroup(const contract::RequestContext& context, uint64_t group_id,
                      const std::vector<GroupMember>& founders) override {
      auto* role = test_.RoleAt(address_);
      return role ? role->group().AdoptGroup(context, group_id, founders) : Gone();
    }
    Result<uint64_t> AddMember(const contract::RequestContext& context, const std::string& address) override {
      Result<uint64_t> last = Gone();
      for (auto* role : test_.Roles()) {
        last = role->group().AddMember(context, address);
        if (last.status().reason() != "not_leader" && last.status().reason() != "no_group") return last;
      }
      return last;
    }
    Status PromoteMember(const contract::RequestContext& context, uint64_t node_id) override {
      return ByLeader([&](contract::MetastoreGroup& group) { return group.PromoteMember(context, node_id); });
    }
    Status RemoveMember(const contract::RequestContext& context, uint64_t node_id) override {
      return ByLeader([&](contract::MetastoreGroup& group) { return group.RemoveMember(context, node_id); });
    }
    Status TransferLeadership(const contract::RequestContext& context, uint64_t node_id) override {
      return ByLeader([&](contract::MetastoreGroup& group) { return group.TransferLeadership(context, node_id); });
    }
    Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext& context) override { return Gone(); }

   private:
    static Status Gone() { return Unavailable("nobody is there"); }
    Status ByLeader(const std::function<Status(contract::MetastoreGroup&)>& call) {
      Status last = Gone();
      for (auto* role : test_.Roles()) {
        last = call(role->group());
        if (last.reason() != "not_leader" && last.reason() != "no_group") return last;
      }
      return last;
    }
    GroupTest& test_;
    const std::string address_;
  };

  ~GroupTest() override {
    for (int n = 1; n <= 5; ++n) Stop(n);
  }

  void Start(int n, std::vector<std::string> members) {
    Slot slot;
    slot.transport = std::make_unique<DirectTransport>(exchange_, "tcp://m" + std::to_string(n) + ":2");
    auto opened = MetastoreRole::Open(
        {.folder = folder_.path() + "/" + std::to_string(n),
         .founds_alone = false,
         .members = std::move(members),
         .name = "m" + std::to_string(n),
         .rpc_address = AddressOf(n),
         .transport = slot.transport.get(),
         .connect = [this](const std::string& address) { return std::make_unique<Connection>(*this, address); }},
        SystemClock(), registry_[n]);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    slot.role = std::move(*opened);
    std::lock_guard lock(mu_);
    slots_[n] = std::move(slot);
  }
  void Stop(int n) {
    Slot slot;
    {
      std::lock_guard lock(mu_);
      slot = std::move(slots_[n]);
      slots_[n] = {};
    }
    // Others may still be in a call into it: they end within their deadlines.
    if (slot.role) retired_.push_back(std::move(slot.role));
    if (slot.transport) retired_transports_.push_back(std::move(slot.transport));
    if (!retired_transports_.empty()) retired_transports_.back()->Stop();
  }

  MetastoreRole* RoleAt(const std::string& address) {
    std::lock_guard lock(mu_);
    for (auto& [n, slot] : slots_) {
      if (AddressOf(n) == address) return slot.role.get();
    }
    return nullptr;
  }
  std::vector<MetastoreRole*> Roles() {
    std::lock_guard lock(mu_);
    std::vector<MetastoreRole*> roles;
    for (auto& [n, slot] : slots_) {
      if (slot.role) roles.push_back(slot.role.get());
    }
    return roles;
  }
  MetastoreRole& At(int n) { return *slots_.at(n).role; }

  static contract::RequestContext Context(int64_t seconds = 10) {
    return {.request_id = "r", .deadline_ns = SystemClock().MonotonicNs() + seconds * kNsPerSecond};
  }
  static bool Await(const std::function<bool()>& reached) {
    for (int i = 0; i < 1500; ++i) {
      if (reached()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  int Leader() {
    for (int n = 1; n <= 5; ++n) {
      if (auto* role = RoleAt(AddressOf(n))) {
        const auto status = role->group().GetGroupStatus(Context());
        if (status.ok() && status->can_commit) return n;
      }
    }
    return 0;
  }
  // Through whoever leads, until it is acknowledged.
  void Add(uint64_t block) {
    ASSERT_TRUE(Await([&] {
      for (auto* role : Roles()) {
        auto promise = std::make_shared<std::promise<Status>>();
        auto future = promise->get_future();
        role->AddBlocks(Context(2), {{MakeBlock(block, {MakeDataset("t", "s", 100, 200, {})})}},
                        [promise](const auto& response) { promise->set_value(response.status()); });
        if (future.get().ok()) return true;
      }
      return false;
    }));
  }
  size_t FoundThrough(int n) {
    const auto found = At(n).FindBlocks(Context(), {.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX});
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? found->size() : 0;
  }
  size_t Voters(int n) {
    const auto status = At(n).group().GetGroupStatus(Context());
    size_t voters = 0;
    for (const auto& member : status->members) voters += member.is_voter ? 1 : 0;
    return voters;
  }

  std::vector<std::string> Addresses(std::vector<int> members) {
    std::vector<std::string> out;
    for (int n : members) out.push_back(AddressOf(n));
    return out;
  }

  TemporaryFolder folder_;
  Exchange exchange_;
  std::map<int, MetricsRegistry> registry_;
  std::mutex mu_;
  std::map<int, Slot> slots_;
  std::vector<std::unique_ptr<DirectTransport>> retired_transports_;
  std::vector<std::unique_ptr<MetastoreRole>> retired_;
};

TEST_F(GroupTest, FoundsItselfFromItsSettingsAndServesThroughEveryMember) {
  for (int n : {1, 2}) Start(n, Addresses({1, 2, 3}));
  EXPECT_EQ(At(1).Ready().reason(), "no_group");
  Start(3, Addresses({1, 2, 3}));
  ASSERT_TRUE(Await([&] { return Leader() != 0; }));
  for (uint64_t block = 1; block <= 5; ++block) {
    Add(block);
    for (int n : {1, 2, 3}) EXPECT_EQ(FoundThrough(n), block);
  }
  for (int n : {1, 2, 3}) EXPECT_TRUE(At(n).Ready().ok());
}

TEST_F(GroupTest, FoundingTwiceAtOnceMakesOneGroup) {
  for (int n : {1, 2, 3}) Start(n, {});
  std::vector<std::future<Result<uint64_t>>> answers;
  for (int n : {1, 2, 3}) {
    answers.push_back(std::async(std::launch::async, [&, n] {
      return At(n).group().FoundGroup(Context(), Addresses({1, 2, 3}));
    }));
  }
  std::vector<uint64_t> groups;
  for (auto& answer : answers) {
    const auto group = answer.get();
    ASSERT_TRUE(group.ok()) << group.status().ToString();
    groups.push_back(*group);
  }
  EXPECT_EQ(groups[0], groups[1]);
  EXPECT_EQ(groups[0], groups[2]);
  ASSERT_TRUE(Await([&] { return Leader() != 0; }));
  EXPECT_EQ(*At(2).group().FoundGroup(Context(), Addresses({1, 2, 3})), groups[0]);
  EXPECT_EQ(At(2).group().FoundGroup(Context(), Addresses({2})).status().code(), Code::kFailedPrecondition);
}

TEST_F(GroupTest, AMemberWhoseDiskWasLostComesBackByItself) {
  for (int n : {1, 2, 3}) Start(n, Addresses({1, 2, 3}));
  ASSERT_TRUE(Await([&] { return Leader() != 0; }));
  for (uint64_t block = 1; block <= 3; ++block) Add(block);
  const int lost = Leader();
  const uint64_t old_node = At(lost).group().Identify(Context())->member.node_id;
  Stop(lost);
  retired_.clear();
  std::filesystem::remove_all(folder_.path() + "/" + std::to_string(lost));
  Add(4);
  Start(lost, Addresses({1, 2, 3}));
  EXPECT_NE(At(lost).group().Identify(Context())->member.node_id, old_node);
  ASSERT_TRUE(Await([&] {
    const auto status = At(lost).group().GetGroupStatus(Context());
    size_t voters = 0;
    for (const auto& member : status->members) {
      voters += member.is_voter ? 1 : 0;
      if (member.member.node_id == old_node) return false;
    }
    return voters == 3;
  }));
  EXPECT_EQ(FoundThrough(lost), 4u);
  Add(5);
  EXPECT_EQ(FoundThrough(lost), 5u);
}

TEST_F(GroupTest, GrowsOnlyWhenAsked) {
  Start(1, Addresses({1}));
  ASSERT_TRUE(Await([&] { return Leader() == 1; }));
  Add(1);
  Start(2, Addresses({1, 2}));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(Voters(1), 1u);
  EXPECT_NE(At(2).Ready().message().find("brazierctl metastore add"), std::string::npos) << At(2).Ready().ToString();
  const auto node = At(1).group().AddMember(Context(), AddressOf(2));
  ASSERT_TRUE(node.ok()) << node.status().ToString();
  EXPECT_EQ(*At(1).group().AddMember(Context(), AddressOf(2)), *node);
  ASSERT_TRUE(Await([&] { return At(1).group().PromoteMember(Context(), *node).ok(); }));
  EXPECT_EQ(Voters(1), 2u);
  EXPECT_EQ(FoundThrough(2), 1u);
  // And shrinks again, the leader itself included.
  const uint64_t first = At(1).group().Identify(Context())->member.node_id;
  Connection any(*this, AddressOf(1));
  ASSERT_TRUE(Await([&] { return any.RemoveMember(Context(), first).ok(); }));
  EXPECT_EQ(Voters(2), 1u);
  EXPECT_EQ(any.RemoveMember(Context(), *node).code(), Code::kFailedPrecondition);
  Add(2);
  EXPECT_EQ(FoundThrough(2), 2u);
}

TEST_F(GroupTest, LeadershipMovesBeforeACleanStop) {
  for (int n : {1, 2, 3}) Start(n, Addresses({1, 2, 3}));
  ASSERT_TRUE(Await([&] { return Leader() != 0; }));
  const int first = Leader();
  At(first).GiveUpLeadership(5 * kNsPerSecond);
  ASSERT_TRUE(Await([&] { return Leader() != 0; }));
  EXPECT_NE(Leader(), first);
}

}  // namespace
}  // namespace brazier::metastore
