// QueryAdmission: threads wait for their turn, and no longer than somebody waits for them.
#include "server/query_frontend/query_admission.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "tests/support/fake_clock.h"

namespace brazier::query_frontend {
namespace {

struct QueryAdmissionTest : ::testing::Test {
  testing::FakeClock clock;
  MetricsRegistry registry;
  QueryAdmission admission{{.concurrency = 2, .waiting_max = 3, .waiting_per_tenant_max = 2}, clock, registry};

  contract::RequestContext Context(std::shared_ptr<const contract::Cancellation> cancellation = nullptr) const {
    return {"id", clock.MonotonicNs() + 10 * kNsPerSecond, std::move(cancellation)};
  }
  Result<QueryAdmission::Ticket> Admit(const std::string& tenant, const contract::RequestContext& context) {
    return admission.Admit(context, {.tenant = tenant, .cost = 1});
  }
  Result<QueryAdmission::Ticket> Admit(const std::string& tenant) { return Admit(tenant, Context()); }
  int64_t QueueLength() { return registry.GetGauge("brazier_query_frontend_queue_length", "").value(); }
  bool AwaitQueueLength(int64_t length) {
    for (int i = 0; i < 10'000 && QueueLength() != length; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return QueueLength() == length;
  }
  uint64_t Waits() {
    return registry.GetHistogram("brazier_query_frontend_queue_wait_seconds", "", LatencyBounds()).Take().count;
  }
};

// A query on a thread of its own.
class Query {
 public:
  Query(QueryAdmissionTest& test, const std::string& tenant, contract::RequestContext context)
      : thread_([this, &test, tenant, context = std::move(context)] {
          auto ticket = test.Admit(tenant, context);
          status_ = ticket.status();
          is_done_ = true;
        }) {}
  bool IsDone() const { return is_done_; }
  Status Join() {
    thread_.join();
    return status_;
  }

 private:
  std::atomic<bool> is_done_ = false;
  Status status_;
  std::thread thread_;
};

TEST_F(QueryAdmissionTest, ATicketIsAPlaceAmongThoseThatRun) {
  auto first = Admit("a");
  ASSERT_TRUE(first.ok());
  Query second(*this, "a", Context());
  ASSERT_TRUE(AwaitQueueLength(1)) << "a may have one of two slots";
  ASSERT_TRUE(Admit("b").ok()) << "and b has the other; it is free again at once";
  EXPECT_FALSE(second.IsDone());
  clock.Advance(3 * kNsPerSecond);
  {
    const QueryAdmission::Ticket moved = std::move(*first);
    EXPECT_FALSE(second.IsDone());
  }
  EXPECT_TRUE(second.Join().ok());
  EXPECT_EQ(QueueLength(), 0);
  EXPECT_EQ(Waits(), 3u);
  EXPECT_EQ(registry.GetHistogram("brazier_query_frontend_queue_wait_seconds", "", LatencyBounds()).Take().sum, 3.0);
}

TEST_F(QueryAdmissionTest, TheDeadlineEndsTheWait) {
  auto first = Admit("a");
  Query second(*this, "a", Context());
  ASSERT_TRUE(AwaitQueueLength(1));
  clock.Advance(11 * kNsPerSecond);
  const Status status = second.Join();
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_NE(status.message().find("tenant \"a\""), std::string::npos) << status.message();
  EXPECT_EQ(QueueLength(), 0);
  EXPECT_EQ(Waits(), 1u) << "it had no turn";
  // Its place is gone with it: the next one waits for the first, not for the dead.
  Query third(*this, "a", Context());
  ASSERT_TRUE(AwaitQueueLength(1));
  { const QueryAdmission::Ticket moved = std::move(*first); }
  EXPECT_TRUE(third.Join().ok());
}

TEST_F(QueryAdmissionTest, ACancellationEndsTheWait) {
  auto first = Admit("a");
  const auto cancellation = std::make_shared<contract::Cancellation>();
  Query second(*this, "a", Context(cancellation));
  ASSERT_TRUE(AwaitQueueLength(1));
  const auto begun = std::chrono::steady_clock::now();
  cancellation->Cancel();
  EXPECT_EQ(second.Join().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5)) << "meant to be 20 ms";
  EXPECT_EQ(QueueLength(), 0);
}

TEST_F(QueryAdmissionTest, WhoGivesUpMakesRoomInTheQueue) {
  auto first = Admit("a");
  const auto cancellation = std::make_shared<contract::Cancellation>();
  Query second(*this, "a", Context(cancellation));
  Query third(*this, "a", Context(cancellation));
  ASSERT_TRUE(AwaitQueueLength(2));
  const auto refused = Admit("a");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.status().reason(), "query_queue_limit");
  cancellation->Cancel();
  EXPECT_EQ(second.Join().code(), Code::kCancelled);
  EXPECT_EQ(third.Join().code(), Code::kCancelled);
  Query fourth(*this, "a", Context());
  ASSERT_TRUE(AwaitQueueLength(1));
  { const QueryAdmission::Ticket moved = std::move(*first); }
  EXPECT_TRUE(fourth.Join().ok());
}

TEST_F(QueryAdmissionTest, ManyThreadsNeverMoreThanThereIsRoomFor) {
  QueryAdmission wide({.concurrency = 4, .waiting_max = 1'000, .waiting_per_tenant_max = 1'000}, clock, registry);
  std::atomic<int> running{0}, most{0}, done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const auto cancellation = std::make_shared<contract::Cancellation>();
        if ((t + i) % 5 == 0) cancellation->Cancel();
        const auto ticket = wide.Admit(Context(cancellation), {.tenant = "t" + std::to_string(t % 3), .cost = 1});
        if (!ticket.ok()) {
          EXPECT_EQ(ticket.status().code(), Code::kCancelled);
          continue;
        }
        const int now = ++running;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --running;
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 4);
  EXPECT_GE(done, 16 * 200 * 4 / 5);
  EXPECT_EQ(QueueLength(), 0);
}

}  // namespace
}  // namespace brazier::query_frontend
