// The parts that need no socket: status codes, tenants, budgets, the call queue, block encodings.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "common/model/tenant.h"
#include "common/rpc/call_queue.h"
#include "common/rpc/convert_compaction.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/convert_status.h"
#include "common/rpc/inbound_budget.h"
#include "common/rpc/retry_budget.h"
#include "common/rpc/rpc_limits.h"
#include "common/rpc/service_calls.h"
#include "common/rpc/tenant_header.h"
#include "tests/support/fake_clock.h"

namespace brazier::rpc {
namespace {

TEST(ConvertStatus, EveryCodeMakesTheRoundTripAndSaysWhetherToRetry) {
  for (int i = 1; i <= static_cast<int>(Code::kInternal); ++i) {
    const Status status = Status(static_cast<Code>(i), "text").WithReason("reason");
    const idl::BrazierError wire = ToWire(status);
    EXPECT_EQ(FromWire(wire), status);
    EXPECT_EQ(wire.retryable, IsRetryable(status.code()));
  }
}

TEST(ConvertStatus, CodesOfNewerPeersAreNotTakenForOk) {
  idl::BrazierError error;
  error.code = static_cast<idl::ErrorCode>(77);
  EXPECT_EQ(FromWire(error).code(), Code::kInternal);
  EXPECT_FALSE(FromWire(idl::BrazierError()).ok());
}

TEST(ConvertStatus, RedirectsTravel) {
  const Status status = Unavailable("no").WithReason("not_leader").WithRedirect("host:4041");
  idl::BrazierError wire = ToWire(status);
  EXPECT_EQ(wire.redirect, "host:4041");
  EXPECT_EQ(FromWire(wire), status);
  // What cannot be an address is not passed on, either way.
  const std::string large(kAddressBytesMax + 1, 'h');
  EXPECT_EQ(ToWire(Unavailable("no").WithRedirect(large)).redirect, "");
  wire.redirect = large;
  EXPECT_EQ(FromWire(wire).redirect(), "");
}

TEST(ConvertStatus, MessagesAreCut) {
  const idl::BrazierError wire = ToWire(Internal(std::string(100'000, 'x')));
  EXPECT_EQ(wire.message.size(), kErrorMessageBytesMax);
}

TEST(TenantHeader, OffMeansAnonymous) {
  EXPECT_EQ(*WriteTenant(false, "whoever"), "anonymous");
  EXPECT_EQ(*ReadTenants(false, "a|b"), std::vector<std::string>{"anonymous"});
}

TEST(TenantHeader, WritesNeedOneValidTenant) {
  EXPECT_EQ(*WriteTenant(true, "Team-1_a.b*c'(d)!"), "Team-1_a.b*c'(d)!");
  EXPECT_TRUE(WriteTenant(true, std::string(kTenantBytesMax, 'a')).ok());
  for (std::string bad : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                          std::string("a|b"), std::string("a b"), std::string("\xc3\xa4"),
                          std::string("a\0b", 3), std::string(kTenantBytesMax + 1, 'a')}) {
    EXPECT_EQ(WriteTenant(true, bad).status().code(), Code::kUnauthenticated) << bad;
  }
}

TEST(TenantHeader, ReadsTakeSeveral) {
  EXPECT_EQ(*ReadTenants(true, "b|a|b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ReadTenants(true, "a|").status().code(), Code::kUnauthenticated);
  EXPECT_EQ(ReadTenants(true, "").status().code(), Code::kUnauthenticated);
  std::string many = "a";
  for (size_t i = 0; i < kTenantsPerQueryMax; ++i) many += "|a";
  EXPECT_EQ(ReadTenants(true, many).status().reason(), "too_many_tenants");
}

TEST(ServiceCalls, DeadlinesHaveADefaultAndALimit) {
  MetricsRegistry metrics;
  testing::FakeClock clock;
  const auto given_ms = [&](const ServiceCalls& calls, int64_t wanted_ms) {
    idl::RequestHeader header;
    header.deadline_ms = wanted_ms;
    int64_t given_ns = 0;
    calls.Run("method", header, [&](const contract::RequestContext& context) {
      given_ns = context.deadline_ns - clock.MonotonicNs();
      return Status::Ok();
    });
    return given_ns / kNsPerMs;
  };
  const ServiceCalls plain("service", clock, SystemRandom(), metrics);
  EXPECT_EQ(given_ms(plain, 0), kDefaultDeadlineMs);
  EXPECT_EQ(given_ms(plain, -5), kDefaultDeadlineMs);
  EXPECT_EQ(given_ms(plain, 70), 70);
  EXPECT_EQ(given_ms(plain, INT64_MAX), kDeadlineMsMax);
  const ServiceCalls own("service", {.default_ms = 7000, .max_ms = 9000}, clock, SystemRandom(), metrics);
  EXPECT_EQ(given_ms(own, 0), 7000);
  EXPECT_EQ(given_ms(own, INT64_MAX), 9000);
}

TEST(InboundBudget, WaitsFreesAndGivesUp) {
  InboundBudget budget(100, SystemClock());
  const auto in_ms = [](int64_t ms) { return SystemClock().MonotonicNs() + ms * kNsPerMs; };
  EXPECT_FALSE(budget.Acquire(101, in_ms(10'000))) << "never fits: no reason to wait";
  ASSERT_TRUE(budget.Acquire(60, in_ms(0)));
  EXPECT_FALSE(budget.TryAcquire(41));
  EXPECT_FALSE(budget.Acquire(41, in_ms(20)));
  auto waiter = std::async(std::launch::async, [&] { return budget.Acquire(41, in_ms(10'000)); });
  budget.Release(60);
  EXPECT_TRUE(waiter.get());
  EXPECT_EQ(budget.used(), 41u);
  auto closed = std::async(std::launch::async, [&] { return budget.Acquire(100, in_ms(10'000)); });
  budget.Close();
  EXPECT_FALSE(closed.get());
  EXPECT_FALSE(budget.TryAcquire(1));
}

TEST(RetryBudget, SuccessEarnsATenth) {
  RetryBudget budget(1);
  EXPECT_TRUE(budget.Spend());
  EXPECT_FALSE(budget.Spend());
  for (int i = 0; i < 9; ++i) budget.Earn();
  EXPECT_FALSE(budget.Spend());
  budget.Earn();
  EXPECT_TRUE(budget.Spend());
}

TEST(CallQueue, IsBoundedInBytesAndTellsEveryCall) {
  MetricsRegistry metrics;
  Gauge& gauge = metrics.GetGauge("queue_bytes", "");
  std::promise<void> started, go;
  std::vector<Status> statuses(4, Internal("never called"));
  {
    CallQueue queue(1, 100, gauge, "test");
    queue.Post(100, [&](const Status& status) {
      statuses[0] = status;
      started.set_value();
      go.get_future().wait();
    });
    started.get_future().wait();  // runs: its bytes no longer wait
    queue.Post(60, [&](const Status& status) { statuses[1] = status; });
    queue.Post(60, [&](const Status& status) { statuses[2] = status; });
    EXPECT_EQ(gauge.value(), 60);
    EXPECT_EQ(statuses[2].code(), Code::kResourceExhausted);
    queue.Stop([&] { go.set_value(); });
    queue.Post(1, [&](const Status& status) { statuses[3] = status; });
  }
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_EQ(statuses[1].code(), Code::kUnavailable) << "stopped before its turn";
  EXPECT_EQ(statuses[3].code(), Code::kUnavailable);
  EXPECT_EQ(gauge.value(), 0);
}

TEST(ConvertMetastore, IdsAreSixteenBigEndianBytes) {
  const std::vector<Ulid> ids = {Ulid{{0x0102030405060708, 9}}, Ulid{}};
  const std::string bytes = IdsToWire(ids);
  ASSERT_EQ(bytes.size(), 32u);
  EXPECT_EQ(bytes.substr(0, 9), std::string("\1\2\3\4\5\6\7\x08\0", 9));
  EXPECT_EQ(*IdsFromWire(bytes), ids);
  for (size_t n = 1; n < 16; ++n) EXPECT_EQ(IdsFromWire(bytes.substr(0, n)).status().code(), Code::kInvalidArgument);
}

TEST(ConvertMetastore, OtherKindsThanLabelsAreRefused) {
  for (const int32_t kind : {0, 1, 2, 7, 99, -1, 256 + 4, INT32_MAX}) {
    idl::QueryLabelsRequest request;
    request.reports.emplace_back().kind = kind;
    EXPECT_EQ(LabelsRequestFromWire(request).status().code(), Code::kInvalidArgument) << kind;
  }
  for (const int32_t kind : {3, 4, 5, 6}) {
    idl::QueryLabelsRequest request;
    request.reports.emplace_back().kind = kind;
    EXPECT_TRUE(LabelsRequestFromWire(request).ok()) << kind;
  }
}

TEST(ConvertCompaction, NumbersAndIdsThatAreNoneAreRefused) {
  idl::BlockQueue queue;
  queue.shard = UINT32_MAX;
  EXPECT_EQ(QueueFromWire(queue)->shard, UINT32_MAX);
  for (const int64_t shard : {int64_t{-1}, int64_t{1} << 32, INT64_MIN, INT64_MAX}) {
    queue.shard = shard;
    EXPECT_EQ(QueueFromWire(queue).status().code(), Code::kInvalidArgument) << shard;
  }
  queue.shard = 0;
  queue.level = -1;
  EXPECT_EQ(QueueFromWire(queue).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(AfterFromWire("")->has_value());
  EXPECT_TRUE(AfterFromWire(std::string(16, 'x'))->has_value());
  for (const size_t bytes : {1, 15, 17, 32}) {
    EXPECT_EQ(AfterFromWire(std::string(bytes, 'x')).status().code(), Code::kInvalidArgument) << bytes;
  }
  std::vector<idl::Tombstone> tombstones(1);
  EXPECT_EQ(TombstonesFromWire(tombstones).status().code(), Code::kInvalidArgument) << "no id";
  tombstones[0].id = std::string(16, 'x');
  EXPECT_TRUE(TombstonesFromWire(tombstones).ok());
  tombstones[0].level = -1;
  EXPECT_EQ(TombstonesFromWire(tombstones).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(QueuedFromWire(std::vector<idl::QueuedBlock>(1)).status().code(), Code::kInvalidArgument);
  idl::ReplaceBlocksRequest replace;
  replace.inputs = std::string(17, 'x');
  EXPECT_EQ(ReplaceFromWire(replace).status().code(), Code::kInvalidArgument);
}

TEST(ConvertMetastore, UnknownEncodingAndBrokenBytesNameTheBlock) {
  std::vector<idl::EncodedBlockMeta> wire = BlocksToWire({BlockMeta{}, BlockMeta{}});
  ASSERT_TRUE(BlocksFromWire(wire).ok());
  wire[1].encoding = 2;
  const Status unknown = BlocksFromWire(wire).status();
  EXPECT_EQ(unknown.code(), Code::kInvalidArgument);
  EXPECT_EQ(unknown.reason(), "unknown_encoding");
  EXPECT_NE(unknown.message().find("block 1"), std::string::npos);
  wire[1].encoding = kBlockMetaEncoding;
  wire[1].data.resize(wire[1].data.size() / 2);
  EXPECT_EQ(BlocksFromWire(wire).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace brazier::rpc
