// What a group of members with real threads and stores does when the disk of one of them stalls, is full, or comes back
// from a crash with a torn end. Takes wall time: elections do.
//
// BRAZIER_STALL_ROUNDS (5) stalls of 1 to BRAZIER_STALL_SECONDS_MAX (1) seconds each.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/server/metastore/threaded_group.h"
#include "tests/support/fake_random.h"

namespace brazier::metastore {
namespace {

// Two of the longest: 12 ticks of 50 ms each.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kTwoElectionsNs = 5 * 1200 * kNsPerMs;
#else
constexpr int64_t kTwoElectionsNs = 1200 * kNsPerMs;
#endif

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Prints them and answers the median.
int64_t Report(const char* what, std::vector<int64_t> ns) {
  std::sort(ns.begin(), ns.end());
  const auto at = [&](size_t per_cent) { return static_cast<double>(ns[(ns.size() - 1) * per_cent / 100]) * 1e-6; };
  std::printf("%s, %zu times: %.0f ms at least, median %.0f, 90 %% %.0f, at most %.0f\n", what, ns.size(), at(0),
              at(50), at(90), at(100));
  return ns[ns.size() / 2];
}

void ExpectNoClaims(ThreadedGroup& group, uint64_t id, std::string_view reason) {
  ThreadedGroup::Member& member = group.At(id);
  const consensus::ConsensusStatus status = member.raft->GetStatus();
  EXPECT_FALSE(status.is_leader);
  EXPECT_EQ(status.leader_id, 0u);
  EXPECT_TRUE(status.is_stalled);
  EXPECT_FALSE(member.raft->CanCommit());
  EXPECT_FALSE(member.raft->CanServe());
  EXPECT_EQ(member.raft->GetFailure().reason(), reason);
  EXPECT_EQ(member.raft->NotLeader().redirect(), "");
  EXPECT_FALSE(member.metastore->Ready().ok());
  EXPECT_EQ(member.metastore->Heartbeat(group.Context(), {.id = "a"}).reason(), "not_leader");
  EXPECT_NE(member.registry.Render().find("brazier_consensus_leader 0"), std::string::npos);
  // Refused at once, not at the deadline.
  const int64_t begun_ns = group.NowNs();
  EXPECT_EQ(group.BeginAdd(id, 999'999).get().reason(), reason);
  EXPECT_EQ(group.FoundThrough(id).status().reason(), reason);
  EXPECT_LT(group.NowNs() - begun_ns, kNsPerSecond);
}

TEST(GroupFaultsTest, WhileTheDiskOfTheLeaderStallsAnotherOneLeads) {
  const uint64_t rounds = FromEnvironment("BRAZIER_STALL_ROUNDS", 5);
  const uint64_t seconds_max = std::max<uint64_t>(FromEnvironment("BRAZIER_STALL_SECONDS_MAX", 1), 1);
  testing::FakeRandom random(rounds);
  ThreadedGroup group(3);
  std::vector<int64_t> failovers, catch_ups;
  uint64_t blocks = 0;
  for (uint64_t round = 0; round < rounds && !::testing::Test::HasFatalFailure(); ++round) {
    group.Add(++blocks);
    const uint64_t stalled = group.AwaitLeader();
    const int64_t stall_ns = static_cast<int64_t>(1 + random.Below(seconds_max)) * kNsPerSecond;
    group.At(stalled).disk->HoldSynced(true);
    std::future<Status> held = group.BeginAdd(stalled, ++blocks);
    group.At(stalled).disk->AwaitHeldWrite();
    const int64_t begun_ns = group.NowNs();

    // Never two at a time say that they lead.
    bool both = false;
    ASSERT_TRUE(group.Await([&] {
      const bool other_leads = group.Leader(stalled) != 0;
      both |= other_leads && group.At(stalled).raft->GetStatus().is_leader;
      return other_leads;
    }));
    failovers.push_back(group.NowNs() - begun_ns);
    EXPECT_FALSE(both);
    const uint64_t leader = group.Leader(stalled);
    ExpectNoClaims(group, stalled, "disk_stalled");
    for (int i = 0; i < 5; ++i) group.Add(++blocks, stalled);
    for (uint64_t id : {1, 2, 3}) {
      if (id == stalled) continue;
      // The block of the stalled write too: a leader sends entries before it writes them.
      EXPECT_EQ(*group.FoundThrough(id), blocks) << "member " << id;
    }
    const int64_t left_ns = begun_ns + stall_ns - group.NowNs();
    if (left_ns > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(left_ns));

    group.At(stalled).disk->HoldSynced(false);
    const int64_t released_ns = group.NowNs();
    ASSERT_TRUE(group.Await([&] { return group.At(stalled).raft->CanServe() && group.HasAllOf(stalled, group.Leader()); }, 10));
    catch_ups.push_back(group.NowNs() - released_ns);
    EXPECT_EQ(group.Leader(), leader);
    // OK when it sees its entry committed before it learns that it was replaced.
    const Status answer = held.get();
    EXPECT_TRUE(answer.ok() || answer.reason() == "not_leader" || answer.code() == Code::kDeadlineExceeded)
        << answer.ToString();
    EXPECT_EQ(*group.FoundThrough(stalled), blocks);
  }
  group.ExpectAgreement();
  EXPECT_LE(Report("another member led after", failovers), kTwoElectionsNs);
  Report("after the release the stalled one had everything within", catch_ups);
}

// A callback that blocks, a process that was stopped: no write is under way, and no heartbeat either.
TEST(GroupFaultsTest, WhileTheThreadOfTheLeaderIsHeldUpAnotherOneLeads) {
  ThreadedGroup group(3);
  group.Add(1);
  const uint64_t held_up = group.AwaitLeader();
  std::promise<void> release, held;
  group.At(held_up).metastore->AddBlocks(
      group.Context(), {{index::MakeBlock(2, {index::MakeDataset("t", "s", 100, 200, {})})}},
      [&](const auto&) {
        held.set_value();
        release.get_future().wait();
      });
  held.get_future().wait();
  bool both = false;
  ASSERT_TRUE(group.Await([&] {
    const bool other_leads = group.Leader(held_up) != 0;
    both |= other_leads && group.At(held_up).raft->GetStatus().is_leader;
    return other_leads;
  }));
  EXPECT_FALSE(both);
  EXPECT_FALSE(group.At(held_up).raft->CanCommit());
  EXPECT_FALSE(group.At(held_up).raft->CanServe());
  group.Add(3, held_up);
  release.set_value();
  // Nor for a moment after it runs again.
  ASSERT_TRUE(group.Await([&] {
    both |= group.At(held_up).raft->GetStatus().is_leader;
    return group.At(held_up).raft->CanServe();
  }));
  EXPECT_FALSE(both);
  EXPECT_EQ(*group.FoundThrough(held_up), 3u);
  group.ExpectAgreement();
}

TEST(GroupFaultsTest, ALeaderWithAFullDiskStepsBackAndCatchesUp) {
  ThreadedGroup group(3);
  group.Add(1);
  const uint64_t full = group.AwaitLeader();
  group.At(full).disk->SetFull(true);
  const int64_t begun_ns = group.NowNs();
  EXPECT_EQ(group.BeginAdd(full, 2).get().reason(), "disk_full");
  // At once, while nobody else leads yet.
  ExpectNoClaims(group, full, "disk_full");
  ASSERT_NE(group.AwaitLeader(full), 0u);
  Report("with a full disk another member led after", {group.NowNs() - begun_ns});
  for (uint64_t block = 3; block <= 20; ++block) group.Add(block, full);
  ExpectNoClaims(group, full, "disk_full");
  EXPECT_EQ(*group.FoundThrough(group.Leader()), 20u);  // the failed one was sent before it was written
  group.At(full).disk->SetFull(false);
  const int64_t freed_ns = group.NowNs();
  ASSERT_TRUE(group.Await([&] { return group.At(full).raft->CanServe() && group.HasAllOf(full, group.Leader()); }, 10));
  Report("with space again it had everything within", {group.NowNs() - freed_ns});
  group.Add(2);  // asked again, it is there once
  EXPECT_EQ(*group.FoundThrough(full), 20u);
  group.ExpectAgreement();
}

TEST(GroupFaultsTest, AFollowerWithAFullDiskDoesNotStopTheOthers) {
  ThreadedGroup group(3);
  group.Add(1);
  const uint64_t leader = group.AwaitLeader();
  const uint64_t full = leader % 3 + 1;
  group.At(full).disk->SetFull(true);
  uint64_t slowest_ns = 0;
  for (uint64_t block = 2; block <= 30; ++block) {
    const int64_t begun_ns = group.NowNs();
    ASSERT_TRUE(group.BeginAdd(leader, block).get().ok());
    slowest_ns = std::max<uint64_t>(slowest_ns, group.NowNs() - begun_ns);
  }
  EXPECT_LT(slowest_ns, static_cast<uint64_t>(kTwoElectionsNs));
  ExpectNoClaims(group, full, "disk_full");
  EXPECT_EQ(group.Leader(), leader);
  group.At(full).disk->SetFull(false);
  ASSERT_TRUE(group.Await([&] { return group.At(full).raft->CanServe() && group.HasAllOf(full, group.Leader()); }, 10));
  EXPECT_EQ(*group.FoundThrough(full), 30u);
  group.ExpectAgreement();
}

// The newest write-ahead log of a RocksDB folder.
std::string NewestLog(const std::string& folder) {
  std::string newest;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".log") newest = std::max(newest, file.path().string());
  }
  return newest;
}

// Bytes at the end of its write-ahead log are gone or wrong, synced ones among them: the disk lied. The member comes back with
// what precedes them, and the others give it the rest, before it may vote against what it once acknowledged.
TEST(GroupFaultsTest, AMemberComesBackFromATornWriteAheadLog) {
  testing::FakeRandom random(7);
  ThreadedGroup group(3);
  uint64_t blocks = 0;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 10; ++i) group.Add(++blocks);
    const uint64_t leader = group.AwaitLeader();
    const uint64_t killed = round % 2 == 0 ? leader : leader % 3 + 1;
    const uint64_t bytes = 1 + random.Below(round < 4 ? 64 : 4000);
    group.Kill(killed, [&](const std::string& folder) {
      const std::string log = NewestLog(folder);
      ASSERT_FALSE(log.empty());
      const uint64_t size = std::filesystem::file_size(log);
      ASSERT_GT(size, bytes);
      if (round % 4 < 2) return std::filesystem::resize_file(log, size - bytes);
      std::fstream file(log, std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(static_cast<std::streamoff>(size - bytes));
      file.write(std::string(bytes, '\x5a').data(), static_cast<std::streamsize>(bytes));
    });
    group.Add(++blocks);
    group.Start(killed);
    ASSERT_TRUE(group.Await([&] { return group.Leader() != 0 && group.HasAllOf(killed, group.Leader()); }, 10))
        << "round " << round << ", " << bytes << " bytes";
    EXPECT_EQ(*group.FoundThrough(killed), blocks);
  }
  group.ExpectAgreement();
}

}  // namespace
}  // namespace brazier::metastore
