#include "store/consensus/raft_consensus.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <set>

#include "tests/store/consensus/recording_machine.h"

namespace brazier::consensus {
namespace {

int64_t In(int64_t ms) { return SystemClock().MonotonicNs() + ms * kNsPerMs; }
constexpr int64_t kLongMs = 20'000;

std::future<Result<std::string>> ProposeOne(Consensus& consensus, std::string command,
                                            int64_t deadline_ns) {
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  auto future = promise->get_future();
  consensus.Propose(std::move(command), deadline_ns, [promise](Result<std::string> answer) {
    promise->set_value(std::move(answer));
  });
  return future;
}

class RaftConsensusTest : public testing::Test {
 protected:
  void Open(RaftConsensus::Options options = {}) {
    consensus_.reset();
    machine_ = std::make_unique<RecordingMachine>(store_);
    auto opened = RaftConsensus::OpenRaft(options, store_, *machine_, SystemClock());
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    consensus_ = std::move(opened).value();
  }

  MetricsRegistry registry_;
  FaultyStore store_;
  std::unique_ptr<RecordingMachine> machine_;
  std::unique_ptr<RaftConsensus> consensus_;
};

TEST_F(RaftConsensusTest, AnswersAProposalThatWasMadeAtOnceAfterOpen) {
  Open();
  const Result<std::string> answer = ProposeOne(*consensus_, "a", In(kLongMs)).get();
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(*answer, "0");
  EXPECT_TRUE(consensus_->CanCommit());
  const ConsensusStatus status = consensus_->GetStatus();
  EXPECT_TRUE(status.is_leader);
  EXPECT_EQ(status.leader_id, 1u);
  EXPECT_EQ(status.applied_index, status.last_index);
  EXPECT_EQ(machine_->applied(), status.applied_index);
  EXPECT_EQ(machine_->Commands(), std::vector<std::string>{"a"});
}

TEST_F(RaftConsensusTest, AnswersArriveInOrderAndAfterTheStateIsVisible) {
  Open();
  std::atomic<int> done = 0;
  std::promise<void> all;
  for (int i = 0; i < 1000; ++i) {
    consensus_->Propose("c" + std::to_string(i), In(kLongMs), [&, i](Result<std::string> answer) {
      ASSERT_TRUE(answer.ok());
      EXPECT_EQ(*answer, std::to_string(i));
      EXPECT_TRUE(store_.Get(kv::Family::kState, std::to_string(1'000'000'000 + i)).ok());
      if (++done == 1000) all.set_value();
    });
  }
  all.get_future().wait();
  EXPECT_EQ(machine_->Commands().size(), 1000u);
}

TEST_F(RaftConsensusTest, RestartKeepsAndContinues) {
  for (int restart = 0; restart < 4; ++restart) {
    Open();
    const Result<std::string> answer =
        ProposeOne(*consensus_, "r" + std::to_string(restart), In(kLongMs)).get();
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(*answer, std::to_string(restart));
    consensus_.reset();
    store_.CutPower(0);
  }
  Open();
  ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
  EXPECT_EQ(machine_->Commands(), (std::vector<std::string>{"r0", "r1", "r2", "r3"}));
}

TEST_F(RaftConsensusTest, ReadBarrierSeesEveryAcknowledgedCommand) {
  Open();
  ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
  std::vector<std::thread> readers;
  std::atomic<int> acknowledged = 0;
  std::atomic<bool> stop = false;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        const size_t before = acknowledged.load();
        ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
        ASSERT_GE(machine_->Commands().size(), before);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(ProposeOne(*consensus_, "c", In(kLongMs)).get().ok());
    ++acknowledged;
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
}

TEST_F(RaftConsensusTest, RefusesWhatDoesNotFitTheQueue) {
  RaftConsensus::Options options;
  options.queue_bytes_max = 2 << 20;
  Open(options);
  ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
  store_.SetHold(true);
  std::vector<std::future<Result<std::string>>> accepted;
  Result<std::string> refusal = std::string();
  for (int i = 0; i < 100 && refusal.ok(); ++i) {
    auto future = ProposeOne(*consensus_, std::string(100'000, 'x'), In(kLongMs));
    // A refusal is there at once; nothing else can be answered while the disk is held.
    if (future.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      refusal = future.get();
    } else {
      accepted.push_back(std::move(future));
    }
  }
  EXPECT_EQ(refusal.status().code(), Code::kResourceExhausted);
  EXPECT_EQ(accepted.size(), 20u);
  store_.SetHold(false);
  for (auto& future : accepted) EXPECT_TRUE(future.get().ok());
  EXPECT_TRUE(ProposeOne(*consensus_, "after", In(kLongMs)).get().ok());
  EXPECT_EQ(consensus_->GetFigures().queue_bytes, 0u);
  EXPECT_EQ(consensus_->GetFigures().proposals_refused, 1u);
}

TEST_F(RaftConsensusTest, RefusesCommandsOutsideTheLimits) {
  Open();
  const auto code = [&](size_t bytes) {
    return ProposeOne(*consensus_, std::string(bytes, 'x'), In(kLongMs)).get().status().code();
  };
  EXPECT_EQ(code(0), Code::kInvalidArgument);
  EXPECT_EQ(code(Consensus::kCommandBytesMax), Code::kOk);
  EXPECT_EQ(code(Consensus::kCommandBytesMax + 1), Code::kInvalidArgument);
}

TEST_F(RaftConsensusTest, AProposalPastItsDeadlineIsNotProposed) {
  Open();
  ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
  const Result<std::string> answer = ProposeOne(*consensus_, "late", In(-1)).get();
  EXPECT_EQ(answer.status().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
  EXPECT_TRUE(machine_->Commands().empty());
}

TEST_F(RaftConsensusTest, WithoutALeaderProposalsAndReadsWaitForTheirDeadline) {
  class Silent final : public Transport {
    void Send(uint64_t, std::string) override {}
  } silent;
  RaftConsensus::Options options;
  options.tick_ms = 5;
  options.node.voters = {1, 2, 3};
  options.transport = &silent;
  Open(options);
  auto future = ProposeOne(*consensus_, "c", In(40));
  EXPECT_EQ(consensus_->ReadBarrier(In(20)).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(future.get().status().code(), Code::kDeadlineExceeded);
  EXPECT_FALSE(consensus_->CanCommit());
  consensus_->Receive("no message");
  auto waiting = ProposeOne(*consensus_, "c", In(kLongMs));
  consensus_->Stop();
  EXPECT_EQ(waiting.get().status().code(), Code::kUnavailable);
}

TEST_F(RaftConsensusTest, AFullDiskFailsProposalsUntilAWriteSucceeds) {
  RaftConsensus::Options options;
  options.write_retry_ms = 2;
  Open(options);
  ASSERT_TRUE(ProposeOne(*consensus_, "before", In(kLongMs)).get().ok());
  store_.SetFailing(true);
  const Result<std::string> failed = ProposeOne(*consensus_, "during", In(kLongMs)).get();
  ASSERT_EQ(failed.status().code(), Code::kUnavailable);
  EXPECT_NE(failed.status().message().find("no space left"), std::string::npos);
  EXPECT_FALSE(consensus_->CanCommit());
  EXPECT_EQ(ProposeOne(*consensus_, "refused", In(kLongMs)).get().status().code(),
            Code::kUnavailable);
  EXPECT_EQ(consensus_->ReadBarrier(In(kLongMs)).code(), Code::kUnavailable);
  EXPECT_EQ(consensus_->GetFailure().reason(), "disk_full");
  store_.SetFailing(false);
  const int64_t give_up = In(kLongMs);
  while (!consensus_->CanCommit() && SystemClock().MonotonicNs() < give_up) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(ProposeOne(*consensus_, "after", In(kLongMs)).get().ok());
  // "during" was in the batch that was retried; "refused" never was in any.
  EXPECT_EQ(machine_->Commands(), (std::vector<std::string>{"before", "during", "after"}));
}

TEST_F(RaftConsensusTest, MessagesStayWithinTheirBoundWhileTheDiskIsFull) {
  RaftConsensus::Options options;
  options.write_retry_ms = 1;
  options.received_bytes_max = 1000;
  Open(options);
  store_.SetFailing(true);
  ASSERT_FALSE(ProposeOne(*consensus_, "fails", In(kLongMs)).get().ok());
  const auto retries = [&] { return consensus_->GetFigures().write_failures; };
  for (int i = 0; i < 5; ++i) {
    consensus_->Receive(std::string(400, 'x'));
    const uint64_t before = retries();
    const int64_t give_up = In(kLongMs);
    while (retries() < before + 2 && SystemClock().MonotonicNs() < give_up) std::this_thread::yield();
  }
  EXPECT_EQ(consensus_->GetFigures().received_bytes, 800u);
  store_.SetFailing(false);
  const int64_t give_up = In(kLongMs);
  while (consensus_->GetFigures().received_bytes > 0 && SystemClock().MonotonicNs() < give_up) std::this_thread::yield();
  EXPECT_EQ(consensus_->GetFigures().received_bytes, 0u);
}

TEST_F(RaftConsensusTest, AStalledDiskIsNotReady) {
  RaftConsensus::Options options;
  options.write_stall_ms = 1;
  Open(options);
  ASSERT_TRUE(ProposeOne(*consensus_, "a", In(kLongMs)).get().ok());
  store_.SetHold(true);
  auto held = ProposeOne(*consensus_, "b", In(kLongMs));
  const int64_t give_up = In(kLongMs);
  while (consensus_->CanCommit() && SystemClock().MonotonicNs() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(consensus_->CanCommit());
  EXPECT_FALSE(consensus_->CanServe());
  EXPECT_EQ(consensus_->GetFailure().reason(), "disk_stalled");
  EXPECT_TRUE(consensus_->GetStatus().is_leader) << "alone there is nobody else to lead";
  // What comes now is refused; what was accepted is answered when the write returns.
  EXPECT_EQ(ProposeOne(*consensus_, "refused", In(kLongMs)).get().status().reason(), "disk_stalled");
  EXPECT_EQ(consensus_->ReadBarrier(In(kLongMs)).reason(), "disk_stalled");
  store_.SetHold(false);
  EXPECT_TRUE(held.get().ok());
}

TEST_F(RaftConsensusTest, StopFinishesWhatWasAccepted) {
  Open();
  std::vector<std::future<Result<std::string>>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(ProposeOne(*consensus_, "c" + std::to_string(i), In(kLongMs)));
  }
  consensus_->Stop();
  consensus_->Stop();
  for (auto& future : futures) EXPECT_TRUE(future.get().ok());
  EXPECT_EQ(ProposeOne(*consensus_, "late", In(kLongMs)).get().status().code(), Code::kUnavailable);
  EXPECT_EQ(consensus_->ReadBarrier(In(kLongMs)).code(), Code::kUnavailable);
  EXPECT_FALSE(consensus_->CanCommit());
  EXPECT_EQ(machine_->Commands().size(), 200u);
}

TEST_F(RaftConsensusTest, StopWithAFullDiskFailsWhatWaits) {
  Open();
  ASSERT_TRUE(consensus_->ReadBarrier(In(kLongMs)).ok());
  store_.SetHold(true);
  auto first = ProposeOne(*consensus_, "a", In(kLongMs));
  auto second = ProposeOne(*consensus_, "b", In(kLongMs));
  store_.SetFailing(true);
  store_.SetHold(false);
  consensus_->Stop();
  EXPECT_EQ(first.get().status().code(), Code::kUnavailable);
  EXPECT_EQ(second.get().status().code(), Code::kUnavailable);
}

TEST_F(RaftConsensusTest, ADoneMayPropose) {
  Open();
  std::promise<Result<std::string>> second;
  consensus_->Propose("a", In(kLongMs), [&](Result<std::string> answer) {
    ASSERT_TRUE(answer.ok());
    consensus_->Propose("b", In(kLongMs),
                        [&](Result<std::string> next) { second.set_value(std::move(next)); });
  });
  EXPECT_EQ(*second.get_future().get(), "1");
}

// The value of an unlabelled metric on the page that Prometheus reads; -1 when it is not there.
double ValueOf(const MetricsRegistry& registry, const std::string& name) {
  const std::string page = registry.Render();
  const size_t at = page.find("\nbrazier_consensus_" + name + " ");
  if (at == std::string::npos) return -1;
  return std::stod(page.substr(page.find(' ', at + 1)));
}

TEST_F(RaftConsensusTest, MetricsFollowTheLog) {
  RaftConsensus::Options options;
  options.registry = &registry_;
  options.node.truncate_entries = 20;
  options.node.keep_entries = 5;
  Open(options);
  constexpr int kCommands = 40;
  for (int i = 0; i < kCommands; ++i) {
    ASSERT_TRUE(ProposeOne(*consensus_, "command", In(kLongMs)).get().ok());
  }
  ASSERT_EQ(ProposeOne(*consensus_, "", In(kLongMs)).get().status().code(), Code::kInvalidArgument);
  consensus_->Stop();  // what follows no longer changes
  const ConsensusStatus status = consensus_->GetStatus();
  EXPECT_EQ(ValueOf(registry_, "leader"), 1);
  EXPECT_EQ(ValueOf(registry_, "term"), static_cast<double>(status.term));
  EXPECT_EQ(ValueOf(registry_, "committed_index"), static_cast<double>(status.commit_index));
  EXPECT_EQ(ValueOf(registry_, "applied_index"), static_cast<double>(status.applied_index));
  EXPECT_GE(status.applied_index, uint64_t{kCommands});
  EXPECT_EQ(ValueOf(registry_, "snapshot_index"), static_cast<double>(status.first_index - 1));
  EXPECT_GT(status.first_index, 20u) << "the log was not truncated";
  const double entries = ValueOf(registry_, "log_entries");
  EXPECT_EQ(entries, static_cast<double>(status.last_index - status.first_index + 1));
  EXPECT_GE(ValueOf(registry_, "log_bytes"), entries * 7) << "each entry holds \"command\"";
  EXPECT_EQ(ValueOf(registry_, "queue_bytes"), 0);
  EXPECT_EQ(ValueOf(registry_, "proposals_total"), kCommands + 1);
  EXPECT_EQ(ValueOf(registry_, "proposal_failures_total{reason=\"invalid_argument\"}"), 1);
  EXPECT_EQ(ValueOf(registry_, "propose_to_apply_seconds_count"), kCommands);
  EXPECT_GE(ValueOf(registry_, "log_fsync_seconds_count"), kCommands);
  EXPECT_EQ(ValueOf(registry_, "write_failures_total"), 0);
}

TEST_F(RaftConsensusTest, MetricsTellAFullAndASlowDisk) {
  RaftConsensus::Options options;
  options.registry = &registry_;
  options.write_retry_ms = 2;
  Open(options);
  ASSERT_TRUE(ProposeOne(*consensus_, "before", In(kLongMs)).get().ok());
  const double fast = ValueOf(registry_, "log_fsync_seconds_sum");
  store_.SetHold(true);
  auto held = ProposeOne(*consensus_, "held", In(kLongMs));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GT(ValueOf(registry_, "queue_bytes"), 0);
  store_.SetFailing(true);
  store_.SetHold(false);
  ASSERT_EQ(held.get().status().code(), Code::kUnavailable);
  EXPECT_GE(ValueOf(registry_, "log_fsync_seconds_sum"), fast + 0.015);
  EXPECT_GE(ValueOf(registry_, "write_failures_total"), 1);
  EXPECT_EQ(ValueOf(registry_, "proposal_failures_total{reason=\"disk_full\"}"), 1);
  EXPECT_EQ(ValueOf(registry_, "propose_to_apply_seconds_count"), 1) << "successes only";
  store_.SetFailing(false);
}

TEST_F(RaftConsensusTest, RefusesOptionsThatCannotWork) {
  machine_ = std::make_unique<RecordingMachine>(store_);
  RaftConsensus::Options small;
  small.queue_bytes_max = 1000;
  RaftConsensus::Options alone;
  alone.node.voters = {1, 2, 3};
  RaftConsensus::Options nobody;
  nobody.node.node_id = 0;
  for (const RaftConsensus::Options& options : {small, alone, nobody}) {
    const auto opened = RaftConsensus::Open(options, store_, *machine_, SystemClock());
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);
  }
}

constexpr const char* kChildPathVariable = "BRAZIER_TEST_CONSENSUS_PATH";
constexpr const char* kChildRunVariable = "BRAZIER_TEST_CONSENSUS_RUN";
constexpr int kChildPipe = 3;
constexpr uint64_t kChildProposers = 8;

// The child of the test below: proposes from several threads over RocksDB and reports each acknowledgement, until it is
// killed. It is a fresh process, since RocksDB's threads do not survive a fork.
TEST(RaftConsensusChild, DISABLED_ProposesUntilKilled) {
  const char* path = getenv(kChildPathVariable);
  if (path == nullptr) GTEST_SKIP() << "runs only as a child";
  const uint64_t run = std::stoull(getenv(kChildRunVariable));
  auto store = kv::OpenRocksKeyValueStore(path);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  RecordingMachine machine(**store);
  RaftConsensus::Options options;
  options.node.truncate_entries = 200;
  options.node.keep_entries = 20;
  auto consensus = RaftConsensus::Open(options, **store, machine, SystemClock());
  ASSERT_TRUE(consensus.ok()) << consensus.status().ToString();
  std::vector<std::thread> proposers;
  for (uint64_t proposer = 0; proposer < kChildProposers; ++proposer) {
    proposers.emplace_back([&, proposer] {
      for (uint64_t i = 0;; ++i) {
        const uint64_t number = (run * kChildProposers + proposer) * 1'000'000 + i;
        if (!ProposeOne(**consensus, std::to_string(number), In(kLongMs)).get().ok()) _exit(1);
        if (write(kChildPipe, &number, sizeof number) != sizeof number) _exit(1);
      }
    });
  }
  for (std::thread& proposer : proposers) proposer.join();
}

// Kills a loaded process three times over the same store.
TEST(RaftConsensusKillTest, WhatWasAcknowledgedIsThereExactlyOnce) {
  const TemporaryFolder folder;
  const std::string path = folder.Path();
  std::set<uint64_t> acknowledged;
  for (int run = 0; run < 3; ++run) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const std::string run_text = std::to_string(run);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (pipe_ends[1] != kChildPipe) dup2(pipe_ends[1], kChildPipe);
      setenv(kChildPathVariable, path.c_str(), 1);
      setenv(kChildRunVariable, run_text.c_str(), 1);
      execl("/proc/self/exe", "child", "--gtest_also_run_disabled_tests",
            "--gtest_filter=RaftConsensusChild.*", nullptr);
      _exit(1);
    }
    close(pipe_ends[1]);
    uint64_t number = 0;
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(read(pipe_ends[0], &number, sizeof number), ssize_t{sizeof number});
      acknowledged.insert(number);
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (read(pipe_ends[0], &number, sizeof number) > 0) acknowledged.insert(number);
    close(pipe_ends[0]);
  }

  auto store = kv::OpenRocksKeyValueStore(folder.Path());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  RecordingMachine machine(**store);
  auto consensus = RaftConsensus::Open({}, **store, machine, SystemClock());
  ASSERT_TRUE(consensus.ok()) << consensus.status().ToString();
  ASSERT_TRUE((*consensus)->ReadBarrier(In(kLongMs)).ok());
  EXPECT_GT((*consensus)->GetStatus().first_index, 1000u);
  std::set<uint64_t> present;
  for (const std::string& command : machine.Commands()) {
    EXPECT_TRUE(present.insert(std::stoull(command)).second) << command << " was applied twice";
  }
  for (uint64_t number : acknowledged) {
    EXPECT_TRUE(present.contains(number)) << number << " was acknowledged and lost";
  }
}

}  // namespace
}  // namespace brazier::consensus
