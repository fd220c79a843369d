#include "common/pipeline/member_links.h"

#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/pipeline/member_frame.h"

namespace brazier::pipeline {
namespace {

constexpr uint64_t kGroup = 0xabcdef;

bool WaitFor(const std::function<bool()>& condition, int64_t ms = 8000) {
  const int64_t end_ns = SystemClock().MonotonicNs() + ms * kNsPerMs;
  while (!condition()) {
    if (SystemClock().MonotonicNs() > end_ns) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// One member with a loop of its own; keeps what it received.
class Member {
 public:
  explicit Member(uint64_t id, uint64_t group = kGroup, MemberLinkLimits limits = {},
                  const std::string& listen = "tcp://127.0.0.1:0")
      : id_(id) {
    auto opened = MemberLinks::Open(
        loop_, {.listen = listen, .group_id = group, .node_id = id, .limits = limits},
        [this](uint64_t from, std::string message) {
          std::lock_guard lock(mu_);
          received_.emplace_back(from, std::move(message));
        },
        metrics_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    links_ = std::move(opened).value();
  }
  ~Member() { links_->Stop(); }

  GroupMember entry() const { return {id_, "", "", links_->address()}; }
  MemberLinks& links() { return *links_; }
  Context& context() { return context_; }
  std::vector<std::pair<uint64_t, std::string>> received() {
    std::lock_guard lock(mu_);
    return received_;
  }
  size_t count() {
    std::lock_guard lock(mu_);
    return received_.size();
  }
  bool Connect(const std::vector<GroupMember>& members) {
    links_->SetMembers(members);
    return WaitFor([&] {
      for (const GroupMember& m : members) {
        if (m.node_id != id_ && !links_->IsConnected(m.node_id)) return false;
      }
      return true;
    });
  }
  uint64_t Refused(const std::string& reason) {
    return metrics_.GetCounter("brazier_member_links_refused_total", "", {{"reason", reason}})
        .value();
  }
  uint64_t Dropped(const std::string& peer, const std::string& reason) {
    return metrics_
        .GetCounter("brazier_member_links_dropped_total", "", {{"peer", peer}, {"reason", reason}})
        .value();
  }
  int64_t HeldBytes(const std::string& peer) {
    return metrics_.GetGauge("brazier_member_links_held_bytes", "", {{"peer", peer}}).value();
  }
  MetricsRegistry& metrics() { return metrics_; }

 private:
  const uint64_t id_;
  MetricsRegistry metrics_;
  Context context_;
  Loop loop_{{.name = "member"}, context_};
  std::mutex mu_;
  std::vector<std::pair<uint64_t, std::string>> received_;  // guarded by mu_
  std::unique_ptr<MemberLinks> links_;
};

// Counts messages until it is killed and answers each byte on `ask` with the count. A process of its own, so that it can
// be stopped. REQUIRES: made while this process has no other threads.
class ChildMember {
 public:
  explicit ChildMember(uint64_t id) : id_(id) {
    int down[2];
    int up[2];
    EXPECT_EQ(pipe(down), 0);
    EXPECT_EQ(pipe(up), 0);
    pid_ = fork();
    if (pid_ == 0) Run(down[0], up[1]);
    close(down[0]);
    close(up[1]);
    ask_ = down[1];
    answer_ = up[0];
    char text[128];
    const ssize_t bytes = read(answer_, text, sizeof text);
    if (bytes > 0) address_.assign(text, static_cast<size_t>(bytes));
  }
  ~ChildMember() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(ask_);
    close(answer_);
  }
  GroupMember entry() const { return {id_, "", "", address_}; }
  void Signal(int signal) { kill(pid_, signal); }
  // Messages and their bytes so far.
  std::pair<uint64_t, uint64_t> Counts() {
    uint64_t counts[2] = {};
    EXPECT_EQ(write(ask_, "?", 1), 1);
    EXPECT_EQ(read(answer_, counts, sizeof counts), static_cast<ssize_t>(sizeof counts));
    return {counts[0], counts[1]};
  }

 private:
  [[noreturn]] void Run(int ask, int answer) {
    alarm(60);  // never outlives a test that went wrong
    MetricsRegistry metrics;
    Context context;
    Loop loop({.name = "child"}, context);
    std::atomic<uint64_t> messages{0};
    std::atomic<uint64_t> bytes{0};
    auto links = MemberLinks::Open(
        loop, {.group_id = kGroup, .node_id = id_},
        [&](uint64_t, const std::string& message) {
          ++messages;
          bytes += message.size();
        },
        metrics);
    if (!links.ok()) _exit(2);
    const std::string& address = (*links)->address();
    if (write(answer, address.data(), address.size()) < 0) _exit(3);
    char question = 0;
    while (read(ask, &question, 1) == 1) {
      const uint64_t counts[2] = {messages, bytes};
      if (write(answer, counts, sizeof counts) < 0) _exit(3);
    }
    _exit(0);
  }

  const uint64_t id_;
  pid_t pid_ = 0;
  int ask_ = -1;
  int answer_ = -1;
  std::string address_;
};

// Before the tests with threads.
TEST(AMemberLinksStopped, AStoppedMemberNeitherHoldsMemoryNorDelaysOthers) {
  ChildMember stopped(2);
  Member us(1);
  Member other(3);
  ASSERT_TRUE(us.Connect({stopped.entry(), other.entry()}));
  us.links().Send(2, "first");
  ASSERT_TRUE(WaitFor([&] { return stopped.Counts().first == 1; }));
  stopped.Signal(SIGSTOP);

  // Four seconds of 16 MB/s: more than the queue, the age bound and the kernel's buffers take.
  const std::string message(64 << 10, 'm');
  const std::string peer = stopped.entry().raft_address;
  int64_t held_max = 0;
  int64_t other_ns_max = 0;
  uint64_t sent = 0;
  const int64_t end_ns = SystemClock().MonotonicNs() + 4 * kNsPerSecond;
  while (SystemClock().MonotonicNs() < end_ns) {
    us.links().Send(2, message);
    ++sent;
    held_max = std::max(held_max, us.HeldBytes(peer));
    const size_t before = other.count();
    const int64_t start_ns = SystemClock().MonotonicNs();
    us.links().Send(3, "x");
    ASSERT_TRUE(WaitFor([&] { return other.count() == before + 1; }));
    other_ns_max = std::max(other_ns_max, SystemClock().MonotonicNs() - start_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  EXPECT_LE(held_max, 16 << 20);
  EXPECT_LT(other_ns_max, 500 * kNsPerMs);
  EXPECT_FALSE(us.links().IsConnected(2)) << "heartbeats did not notice";
  EXPECT_GT(us.Dropped(peer, "no_connection") + us.Dropped(peer, "too_old"), sent / 2);
  EXPECT_TRUE(WaitFor([&] { return us.HeldBytes(peer) == 0; }));

  stopped.Signal(SIGCONT);
  ASSERT_TRUE(WaitFor([&] { return us.links().IsConnected(2); }));
  us.links().Send(2, "last");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto [messages, bytes] = stopped.Counts();
  EXPECT_GE(messages, 2u);
  EXPECT_LT(bytes, 8u << 20) << "of " << sent * message.size() << " bytes sent meanwhile";
  RecordProperty("stale_bytes", static_cast<int>(bytes));
}

TEST(AMemberLinksStopped, WhatWaitsForALateMemberIsDroppedByAge) {
  ChildMember late(2);
  MemberLinkLimits limits;
  limits.age_ms_max = 200;
  limits.heartbeat_timeout_ms = 20'000;  // the connection stays
  Member us(1, kGroup, limits);
  ASSERT_TRUE(us.Connect({late.entry()}));
  const std::string peer = late.entry().raft_address;
  late.Signal(SIGSTOP);
  // Into the kernel's buffers until libzmq's share and the queue fill.
  const std::string message(64 << 10, 'm');
  for (int i = 0; i < 2000 && us.Dropped(peer, "queue_full") == 0; ++i) {
    us.links().Send(2, message);
    if (i % 16 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LE(us.HeldBytes(peer), 16 << 20);
  ASSERT_TRUE(WaitFor([&] { return us.HeldBytes(peer) <= (2 << 20); }))
      << "old messages still wait: " << us.HeldBytes(peer);
  EXPECT_GT(us.Dropped(peer, "too_old"), 0u);
  late.Signal(SIGCONT);
  ASSERT_TRUE(WaitFor([&] { return us.HeldBytes(peer) == 0; }));
  const uint64_t before = late.Counts().first;
  us.links().Send(2, "new");
  EXPECT_TRUE(WaitFor([&] { return late.Counts().first > before; }));
}

TEST(MemberLinks, MessagesArriveInOrderAndUnchanged) {
  Member a(1);
  Member b(2);
  const std::vector<GroupMember> members = {a.entry(), b.entry()};
  ASSERT_TRUE(a.Connect(members));
  ASSERT_TRUE(b.Connect(members));
  constexpr int kMessages = 3000;
  for (int i = 0; i < kMessages; ++i) {
    // Sizes around what libzmq copies and what it does not.
    a.links().Send(2, std::to_string(i) + std::string(static_cast<size_t>(i % 40) * 101, 'y'));
  }
  b.links().Send(1, std::string(3 << 20, 'z'));
  ASSERT_TRUE(WaitFor([&] { return b.count() == kMessages; })) << b.count();
  const auto received = b.received();
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(received[static_cast<size_t>(i)].first, 1u);
    ASSERT_EQ(received[static_cast<size_t>(i)].second,
              std::to_string(i) + std::string(static_cast<size_t>(i % 40) * 101, 'y'));
  }
  ASSERT_TRUE(WaitFor([&] { return a.count() == 1; }));
  EXPECT_EQ(a.received()[0].second, std::string(3 << 20, 'z'));
  EXPECT_TRUE(WaitFor([&] { return a.HeldBytes(b.entry().raft_address) == 0; }));
}

TEST(MemberLinks, WhatCannotBeSentIsDroppedAndCounted) {
  MemberLinkLimits limits;
  limits.message_bytes_max = 1000;
  Member us(1, 0, limits);
  Member peer(2);
  us.links().Send(2, "x");
  EXPECT_EQ(us.Dropped("unknown", "no_group"), 1u);
  us.links().SetGroup(kGroup);
  us.links().Send(2, "x");
  EXPECT_EQ(us.Dropped("unknown", "unknown_member"), 1u);
  const GroupMember away{4, "", "", "tcp://127.0.0.1:1"};
  const GroupMember broken{5, "", "", "not an address"};
  us.links().SetMembers({away, broken, peer.entry()});
  us.links().Send(4, "x");
  us.links().Send(5, "x");
  EXPECT_EQ(us.Dropped(away.raft_address, "no_connection"), 1u);
  EXPECT_EQ(us.Dropped(broken.raft_address, "no_connection"), 1u);
  us.links().Send(2, std::string(1001, 'x'));
  EXPECT_EQ(us.Dropped("unknown", "too_large"), 1u);
  // Others work all the same.
  ASSERT_TRUE(WaitFor([&] { return us.links().IsConnected(2); }));
  us.links().Send(2, std::string(1000, 'x'));
  EXPECT_TRUE(WaitFor([&] { return peer.count() == 1; }));
  us.links().SetGroup(kGroup);
}

TEST(MemberLinks, MembersComeAndGo) {
  Member us(1);
  auto second = std::make_unique<Member>(2);
  const std::string old_address = second->entry().raft_address;
  ASSERT_TRUE(us.Connect({us.entry(), second->entry()}));
  // The same node under another address.
  second = std::make_unique<Member>(2);
  ASSERT_NE(second->entry().raft_address, old_address);
  us.links().SetMembers({us.entry(), second->entry()});
  ASSERT_TRUE(WaitFor([&] { return us.links().IsConnected(2); }));
  us.links().Send(2, "moved");
  ASSERT_TRUE(WaitFor([&] { return second->count() == 1; }));
  // Removed: nothing goes there any more.
  us.links().SetMembers({us.entry()});
  us.links().Send(2, "gone");
  EXPECT_EQ(us.Dropped("unknown", "unknown_member"), 1u);
  EXPECT_FALSE(us.links().IsConnected(2));
  // And again; a repetition changes nothing.
  ASSERT_TRUE(us.Connect({us.entry(), second->entry()}));
  ASSERT_TRUE(us.Connect({second->entry(), us.entry()}));
  us.links().Send(2, "back");
  ASSERT_TRUE(WaitFor([&] { return second->count() == 2; }));
  EXPECT_EQ(second->received()[1].second, "back");
}

// What a newcomer needs: the leader speaks to it, and it has been told of no member yet.
TEST(MemberLinks, WhoeverSpeaksToUsCanBeAnswered) {
  Member leader(1);
  Member newcomer(2);
  newcomer.links().Send(1, "to nobody yet");
  EXPECT_EQ(newcomer.Dropped("unknown", "unknown_member"), 1u);
  // Without an entry of its own the leader does not say where it is.
  ASSERT_TRUE(leader.Connect({newcomer.entry()}));
  leader.links().Send(2, "no address");
  ASSERT_TRUE(WaitFor([&] { return newcomer.count() == 1; }));
  newcomer.links().Send(1, "to nobody yet");
  EXPECT_EQ(newcomer.Dropped("unknown", "unknown_member"), 2u);

  ASSERT_TRUE(leader.Connect({leader.entry(), newcomer.entry()}));
  leader.links().Send(2, "hello");
  ASSERT_TRUE(WaitFor([&] { return newcomer.links().IsConnected(1); }));
  newcomer.links().Send(1, "answer");
  ASSERT_TRUE(WaitFor([&] { return leader.count() == 1; }));
  EXPECT_EQ(leader.received()[0], (std::pair<uint64_t, std::string>(2, "answer")));

  // Once it is a member the same connection goes on.
  newcomer.links().SetMembers({leader.entry(), newcomer.entry()});
  EXPECT_TRUE(newcomer.links().IsConnected(1));
  newcomer.links().Send(1, "as a member");
  ASSERT_TRUE(WaitFor([&] { return leader.count() == 2; }));
}

TEST(MemberLinks, StrangersCannotMakeUsConnectWithoutEnd) {
  Member us(1);
  Member peer(2);
  auto stranger = Socket::Open(peer.context(), Socket::Type::kPush, PipelineLimits{});
  ASSERT_TRUE(stranger.ok());
  ASSERT_TRUE(stranger->Connect(us.entry().raft_address).ok());
  constexpr size_t kStrangers = 3 * MemberLinks::kLearnedMax;
  for (size_t i = 0; i < kStrangers; ++i) {
    const MemberHeader header{kGroup, 100 + i, 1, i % 2 == 0 ? peer.entry().raft_address : "nonsense"};
    Frames frames = MakeFrames(Frame(EncodeMemberHeader(header, {})), Frame());
    ASSERT_TRUE(WaitFor([&] { return stranger->Send(frames) == Socket::Io::kDone; }));
  }
  ASSERT_TRUE(WaitFor([&] { return us.count() == kStrangers; }));
  for (size_t i = 0; i < kStrangers; ++i) us.links().Send(100 + i, "x");
  EXPECT_EQ(us.Dropped("unknown", "unknown_member"), kStrangers - MemberLinks::kLearnedMax);
  // Members are reached all the same.
  ASSERT_TRUE(us.Connect({us.entry(), peer.entry()}));
  us.links().Send(2, "member");
  ASSERT_TRUE(WaitFor([&] { return peer.count() == 1; }));
}

TEST(MemberLinks, AMemberThatRestartsIsFoundAgain) {
  Member us(1);
  auto peer = std::make_unique<Member>(2);
  const GroupMember entry = peer->entry();
  ASSERT_TRUE(us.Connect({entry}));
  peer.reset();
  ASSERT_TRUE(WaitFor([&] { return !us.links().IsConnected(2); }));
  us.links().Send(2, "while it is away");
  EXPECT_EQ(us.Dropped(entry.raft_address, "no_connection"), 1u);
  peer = std::make_unique<Member>(2, kGroup, MemberLinkLimits{}, entry.raft_address);
  ASSERT_TRUE(WaitFor([&] { return us.links().IsConnected(2); }));
  us.links().Send(2, "after");
  ASSERT_TRUE(WaitFor([&] { return peer->count() == 1; }));
  EXPECT_EQ(peer->received()[0].second, "after");
}

TEST(MemberLinks, HostileMessagesAreCountedByReason) {
  MemberLinkLimits limits;
  limits.message_bytes_max = 1000;
  Member us(1, kGroup, limits);
  Member peer(2);
  ASSERT_TRUE(peer.Connect({us.entry()}));

  auto stranger = Socket::Open(peer.context(), Socket::Type::kPush, PipelineLimits{});
  ASSERT_TRUE(stranger.ok());
  ASSERT_TRUE(stranger->Connect(us.entry().raft_address).ok());
  const auto send = [&](const std::vector<std::string>& parts) {
    Frames frames;
    for (const std::string& part : parts) frames.emplace_back(part);
    ASSERT_TRUE(WaitFor([&] { return stranger->Send(frames) == Socket::Io::kDone; }));
  };
  const auto header = [](const MemberHeader& h, const std::string& message) {
    return EncodeMemberHeader(h, AsBytes(message));
  };
  const MemberHeader good{kGroup, 2, 1, ""};
  std::string later = header(good, "m");
  later[3] = 9;
  send({"one frame"});
  send({header(good, "m"), "m", "m"});
  send({"", ""});
  send({later, "m"});
  send({header(good, "m"), "n"});
  send({header({kGroup + 1, 2, 1, ""}, "m"), "m"});
  send({header({kGroup, 2, 3, ""}, "m"), "m"});
  send({header({kGroup, 1, 1, ""}, "m"), "m"});
  send({header({kGroup, 0, 1, ""}, "m"), "m"});
  const std::string large(1001, 'l');
  send({header(good, large), large});
  send({header(good, "good"), "good"});
  ASSERT_TRUE(WaitFor([&] { return us.count() == 1; }));
  EXPECT_EQ(us.received()[0], (std::pair<uint64_t, std::string>(2, "good")));
  EXPECT_EQ(us.Refused("frames"), 2u);
  EXPECT_EQ(us.Refused("unreadable"), 1u);
  EXPECT_EQ(us.Refused("version"), 1u);
  EXPECT_EQ(us.Refused("checksum"), 1u);
  EXPECT_EQ(us.Refused("other_group"), 1u);
  EXPECT_EQ(us.Refused("other_member"), 1u);
  EXPECT_EQ(us.Refused("sender"), 2u);
  EXPECT_EQ(us.Refused("too_large"), 1u);
  // What is far too large costs the stranger its connection, and nobody else's.
  const std::string huge(3000, 'h');
  send({header(good, huge), huge});
  peer.links().Send(1, "still here");
  ASSERT_TRUE(WaitFor([&] { return us.count() == 2; }));
  EXPECT_EQ(us.received()[1].second, "still here");
}

TEST(MemberLinks, NothingIsTakenBeforeTheGroupIsKnown) {
  Member us(1, 0);
  Member peer(2);
  ASSERT_TRUE(peer.Connect({us.entry()}));
  peer.links().Send(1, "early");
  ASSERT_TRUE(WaitFor([&] { return us.Refused("no_group") == 1; }));
  us.links().SetGroup(kGroup);
  peer.links().Send(1, "now");
  ASSERT_TRUE(WaitFor([&] { return us.count() == 1; }));
  EXPECT_EQ(us.received()[0].second, "now");
}

TEST(MemberLinks, NothingRunsAfterStop) {
  Member us(1);
  Member peer(2);
  ASSERT_TRUE(us.Connect({peer.entry()}));
  ASSERT_TRUE(peer.Connect({us.entry()}));
  us.links().Stop();
  us.links().Stop();
  const size_t before = us.count();
  peer.links().Send(1, "late");
  us.links().Send(2, "late");
  us.links().SetMembers({peer.entry()});
  EXPECT_FALSE(us.links().IsConnected(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(us.count(), before);
  EXPECT_EQ(peer.count(), 0u);
}

TEST(MemberLinks, ATakenAddressIsNamed) {
  Member first(1);
  MetricsRegistry metrics;
  Context context;
  Loop loop({.name = "second"}, context);
  const auto second = MemberLinks::Open(
      loop, {.listen = first.entry().raft_address, .group_id = kGroup, .node_id = 2},
      [](uint64_t, const std::string&) {}, metrics);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_NE(second.status().message().find(first.entry().raft_address), std::string::npos);
}

}  // namespace
}  // namespace brazier::pipeline
