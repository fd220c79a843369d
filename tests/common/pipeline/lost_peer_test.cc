// What happens to requests when the other process dies or freezes: the server runs in a real child
// process here.
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/pipeline/segment_writer_client.h"
#include "common/pipeline/segment_writer_endpoint.h"
#include "tests/common/pipeline/pipeline_fakes.h"

namespace brazier::pipeline {
namespace {

using contract::AppendReceipt;
using testing::Awaited;
using testing::ContextFor;

// Serves appends until it is killed. `answers`: false keeps every request waiting.
[[noreturn]] void ServeForever(const std::string& address, bool answers, int port_fd) {
  MetricsRegistry metrics;
  testing::FakeSegmentWriter writer;
  writer.set_hold(!answers);
  Context context;
  Loop loop({.name = "child"}, context);
  PipelineServer server(loop, {address, {}}, metrics);
  ServeSegmentWriter(server, writer);
  if (!server.Start().ok()) _exit(2);
  const std::string& bound = server.address();
  if (write(port_fd, bound.data(), bound.size()) < 0) _exit(3);
  close(port_fd);
  alarm(30);  // never outlives a test that went wrong
  for (;;) pause();
}

// REQUIRES: started while this process has no other threads.
class ChildServer {
 public:
  ChildServer(const std::string& address, bool answers) {
    int fds[2];
    EXPECT_EQ(pipe(fds), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(fds[0]);
      ServeForever(address, answers, fds[1]);
    }
    close(fds[1]);
    char text[128];
    const ssize_t bytes = read(fds[0], text, sizeof text);
    close(fds[0]);
    if (bytes > 0) address_.assign(text, static_cast<size_t>(bytes));
  }
  ~ChildServer() { Kill(); }
  void Signal(int signal) {
    ASSERT_GT(pid_, 0);
    kill(pid_, signal);
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = 0;
  std::string address_;
};

struct ClientProcess {
  explicit ClientProcess(const std::string& address) {
    auto opened = SegmentWriterClient::Open(loop, {address, {}}, metrics);
    EXPECT_TRUE(opened.ok());
    client = std::move(opened).value();
  }
  std::shared_ptr<Awaited<Status>> Start(int64_t ms, size_t bytes = 0) {
    auto awaited = std::make_shared<Awaited<Status>>();
    contract::AppendRequest request;
    request.batch.tenant.assign(bytes, 't');
    client->Append(ContextFor(ms), std::move(request),
                   [awaited](Result<AppendReceipt> r) { awaited->Set(r.status()); });
    return awaited;
  }
  bool WaitUntilReady() {
    for (int i = 0; i < 1000 && !client->Ready().ok(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return client->Ready().ok();
  }
  MetricsRegistry metrics;
  Context context;
  Loop loop{{.name = "client"}, context};
  std::unique_ptr<SegmentWriterClient> client;
};

TEST(LostPeer, AKilledServerFailsItsRequestsAndIsUsedAgainWhenItReturns) {
  ChildServer first("tcp://127.0.0.1:0", false);
  ASSERT_FALSE(first.address().empty());
  // Forked now, while this process has no threads; binds when it is told to.
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  const pid_t second = fork();
  ASSERT_GE(second, 0);
  if (second == 0) {
    close(go[1]);
    char c;
    if (read(go[0], &c, 1) != 1) _exit(0);
    ServeForever(first.address(), true, open("/dev/null", O_WRONLY));
  }
  close(go[0]);
  {
    ClientProcess us(first.address());
    ASSERT_TRUE(us.WaitUntilReady());
    auto waiting = us.Start(9000);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const int64_t start_ns = SystemClock().MonotonicNs();
    first.Kill();
    const auto status = waiting->Wait(5000);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->code(), Code::kUnavailable) << status->ToString();
    EXPECT_LT(SystemClock().MonotonicNs() - start_ns, 2 * kNsPerSecond);

    ASSERT_EQ(write(go[1], "g", 1), 1);
    const auto again = us.Start(5000)->Wait();
    ASSERT_TRUE(us.WaitUntilReady());
    const auto recovered = us.Start(5000)->Wait();
    ASSERT_TRUE(recovered.has_value());
    EXPECT_TRUE(recovered->ok()) << recovered->ToString();
    EXPECT_TRUE(again.has_value());
  }
  close(go[1]);
  kill(second, SIGKILL);
  waitpid(second, nullptr, 0);
}

TEST(LostPeer, AFrozenServerIsFoundByHeartbeats) {
  ChildServer server("tcp://127.0.0.1:0", false);
  ClientProcess us(server.address());
  ASSERT_TRUE(us.WaitUntilReady());
  auto waiting = us.Start(9000);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const int64_t start_ns = SystemClock().MonotonicNs();
  server.Signal(SIGSTOP);
  const auto status = waiting->Wait(5000);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code(), Code::kUnavailable) << status->ToString();
  EXPECT_LT(SystemClock().MonotonicNs() - start_ns, 2 * kNsPerSecond);
  EXPECT_FALSE(us.client->Ready().ok());
}

// Heartbeats queue behind the data that the frozen peer does not take; the kernel's timeout has to
// end this one.
TEST(LostPeer, AFrozenServerIsFoundWithFullBuffers) {
  ChildServer server("tcp://127.0.0.1:0", false);
  ClientProcess us(server.address());
  ASSERT_TRUE(us.WaitUntilReady());
  server.Signal(SIGSTOP);
  auto waiting = us.Start(25'000, 30 << 20);
  const int64_t start_ns = SystemClock().MonotonicNs();
  const auto status = waiting->Wait(20'000);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code(), Code::kUnavailable) << status->ToString();
  EXPECT_LT(SystemClock().MonotonicNs() - start_ns, 8 * kNsPerSecond);
}

TEST(LostPeer, AServerThatNeverAnswersEndsAtTheDeadline) {
  ChildServer server("tcp://127.0.0.1:0", false);
  ClientProcess us(server.address());
  const auto status = us.Start(300)->Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code(), Code::kDeadlineExceeded) << status->ToString();
}

}  // namespace
}  // namespace brazier::pipeline
