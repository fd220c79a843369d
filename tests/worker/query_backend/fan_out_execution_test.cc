// Merge nodes done by several backends: peers that answer, fail, are busy, hang and lie, as fakes on threads; then real backends
// over loopback sockets that have only one thread for each kind of work.
#include "worker/query_backend/fan_out_execution.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "common/codec/query_msgpack.h"
#include "common/model/bad_block.h"
#include "common/pipeline/query_backend_client.h"
#include "common/pipeline/query_backend_endpoint.h"
#include "tests/support/fake_random.h"
#include "tests/support/make_labels.h"
#include "tests/worker/query_backend/block_fixture.h"

namespace brazier::query_backend {
namespace {

using testing::MakeLabels;

struct PeerList final : contract::QueryBackendPeers {
  std::mutex mu;
  std::vector<contract::QueryBackendPeer> peers;  // guarded by mu where others ask meanwhile
  std::shared_ptr<const std::vector<contract::QueryBackendPeer>> Live() override {
    std::lock_guard lock(mu);
    return std::make_shared<std::vector<contract::QueryBackendPeer>>(peers);
  }
  void Add(contract::QueryBackendPeer peer) {
    std::lock_guard lock(mu);
    peers.push_back(std::move(peer));
  }
};

// A backend elsewhere: parts go over as bytes and are executed on threads of its own, with a fault now and then.
class FaultyPeer final : public contract::QueryBackend {
 public:
  enum class Fault { kNone, kDead, kBusy, kFreezes, kHangs, kLies, kUnreadable, kDamaged };
  FaultyPeer(contract::QueryBackend& backend, std::function<Fault()> next_fault)
      : backend_(backend), next_fault_(std::move(next_fault)) {}
  ~FaultyPeer() override {
    for (std::thread& thread : threads_) thread.join();
  }

  Result<QueryResult> Execute(const contract::RequestContext& context, const QueryPlan& plan) override {
    return backend_.Execute(context, plan);
  }
  std::unique_ptr<contract::BegunExecution> Begin(const contract::RequestContext& context, const PlanPart& part,
                                                  std::function<void()> on_end) override {
    struct State {
      std::mutex mu;
      Result<QueryResult> answer = Internal("not yet");
    };
    struct Begun final : contract::BegunExecution {
      Begun(std::shared_ptr<State> state, std::atomic<int>& dropped) : state(std::move(state)), dropped(dropped) {}
      ~Begun() override { ++dropped; }
      Result<QueryResult> Take() override {
        std::lock_guard lock(state->mu);
        return std::move(state->answer);
      }
      std::shared_ptr<State> state;
      std::atomic<int>& dropped;
    };
    ++begun;
    auto state = std::make_shared<State>();
    auto execution = std::make_unique<Begun>(state, ended);
    const Fault fault = next_fault_();
    if (fault == Fault::kHangs) return execution;
    auto plan = codec::DecodeQueryPlan(AsBytes(codec::EncodePlanPart(part)));
    EXPECT_TRUE(plan.ok());
    plan->share = part.share;
    threads_.emplace_back([this, context, state, fault, plan = std::move(*plan), on_end = std::move(on_end)] {
      Result<QueryResult> answer = Answer(context, fault, plan);
      {
        std::lock_guard lock(state->mu);
        state->answer = std::move(answer);
      }
      on_end();
    });
    return execution;
  }
  Status Ready() override { return Status::Ok(); }

  std::atomic<int> begun{0}, ended{0};

 private:
  Result<QueryResult> Answer(contract::RequestContext context, Fault fault, const QueryPlan& plan) {
    switch (fault) {
      case Fault::kDead: return Unavailable("killed");
      case Fault::kFreezes:  // until its connection counts as lost
        std::this_thread::sleep_for(std::chrono::milliseconds(40));
        return Unavailable("silent");
      case Fault::kBusy: return ResourceExhausted("full").WithReason(contract::kBackendBusy);
      case Fault::kLies: return QueryResult();
      case Fault::kUnreadable: return Internal("unreadable");
      case Fault::kDamaged: return BlameBlock(Corruption("checksum"), Ulid{{7, 7}});
      case Fault::kNone:
      case Fault::kHangs: break;
    }
    context.cancellation = nullptr;
    Result<QueryResult> result = backend_.Execute(context, plan);
    if (!result.ok()) return result;
    return codec::DecodeQueryResult(AsBytes(codec::EncodeQueryResult(*result)));
  }

  contract::QueryBackend& backend_;
  const std::function<Fault()> next_fault_;
  std::vector<std::thread> threads_;
};
using Fault = FaultyPeer::Fault;

class FanOutExecutionTest : public BlockFixture {
 protected:
  FanOutExecutionTest() {
    for (uint64_t i = 0; i < 24; ++i) {
      const auto time_ns = static_cast<int64_t>(10 + i);
      blocks_.push_back(Store({BatchBuilder("t", "api").Profile(NextIdentity(), time_ns, {{"main;a", 1 + static_cast<int64_t>(i)}, {"main;b" + std::to_string(i % 5), 3}},
                                        MakeLabels({{"pod", std::to_string(i % 3)}})).Build(),
                               BatchBuilder("t", "web").Profile(NextIdentity(), time_ns, {{"serve;x", 5}}).Build()}));
    }
    spec_ = Spec();
    spec_.reports = {{.kind = ReportKind::kFlameGraph}, {.kind = ReportKind::kTimeSeries, .step_ns = 10, .group_by = {"pod"}},
                     {.kind = ReportKind::kLabelNames}, {.kind = ReportKind::kLabelValues, .label_name = "pod"},
                     {.kind = ReportKind::kSeries}, {.kind = ReportKind::kPprof}};
    for (const ReportRequest& report : MoreReports(10)) spec_.reports.push_back(report);
  }

  std::unique_ptr<QueryBackend> MakeBackend(const std::string& name, contract::QueryBackendPeers* peers) {
    QueryBackendOptions options;
    options.threads = 1;
    options.name = name;
    options.fan_out = limits_;
    return std::make_unique<QueryBackend>(options, store_, SystemClock(), registry_, peers);
  }
  static contract::RequestContext For(int64_t ms) { return {"r", SystemClock().MonotonicNs() + ms * kNsPerMs}; }

  // A random tree over all blocks.
  PlanNode RandomPlan(testing::FakeRandom& random, size_t first, size_t count, int depth) {
    PlanNode node;
    if (depth == 0 || count < 4) {
      node = ReadNode({blocks_.begin() + static_cast<long>(first), blocks_.begin() + static_cast<long>(first + count)});
      node.bytes = count;
      return node;
    }
    node.kind = PlanNode::Kind::kMerge;
    node.bytes = count;
    while (count > 0) {
      const size_t n = std::min<size_t>(count, 1 + random.Below(count));
      node.children.push_back(RandomPlan(random, first, n, depth - 1));
      first += n;
      count -= n;
    }
    return node;
  }
  PlanNode FlatPlan(size_t parts) {
    PlanNode node;
    node.kind = PlanNode::Kind::kMerge;
    const size_t each = blocks_.size() / parts;
    for (size_t i = 0; i < parts; ++i) {
      PlanNode& child = node.children.emplace_back(
          ReadNode({blocks_.begin() + static_cast<long>(i * each), blocks_.begin() + static_cast<long>((i + 1) * each)}));
      child.bytes = each;
      node.bytes += each;
    }
    return node;
  }
  Comparable Expected() {
    const auto result = MakeBackend("one", nullptr)->Execute(For(5'000), {spec_, ReadNode(blocks_)});
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    return ComparableOf(*result);
  }

  FanOutLimits limits_;
  std::vector<BlockMeta> blocks_;
  QuerySpec spec_;
};

TEST_F(FanOutExecutionTest, AnswersAreTheSameWhateverPeersAndPlansDo) {
  const Comparable expected = Expected();
  const auto alone = MakeBackend("peer", nullptr);
  limits_.hedge_delay_first_ns = 5 * kNsPerMs;
  limits_.hedge_delay_min_ns = 2 * kNsPerMs;
  limits_.busy_pause_ns = 2 * kNsPerMs;
  limits_.hedges_percent_max = 100;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::FakeRandom random(seed);
    PeerList list;
    for (uint64_t i = 0; i <= random.Below(4); ++i) {
      const auto peer_random = std::make_shared<testing::FakeRandom>(random.Next());
      auto faulty = std::make_shared<FaultyPeer>(*alone, [peer_random] {
        switch (peer_random->Below(10)) {
          case 0: return Fault::kDead;
          case 1: case 2: return Fault::kBusy;
          case 3: return Fault::kLies;
          case 4: return Fault::kUnreadable;
          case 5: return Fault::kFreezes;
          default: return Fault::kNone;
        }
      });
      list.peers.push_back({{.id = "peer-" + std::to_string(i)}, faulty});
    }
    const auto backend = MakeBackend("self", &list);
    QueryPlan plan{spec_, RandomPlan(random, 0, blocks_.size(), 3)};
    plan.share.retries_max = static_cast<uint32_t>(random.Below(6));
    plan.spec.explain = random.Below(2) == 0;
    const auto result = backend->Execute(For(20'000), plan);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_TRUE(ComparableOf(*result) == expected);
    EXPECT_EQ(result->stats.blocks_planned, blocks_.size());
    EXPECT_EQ(result->stats.blocks_read, blocks_.size());
    EXPECT_EQ(result->executed.has_value(), plan.spec.explain);
  }
}

TEST_F(FanOutExecutionTest, ExplainsWhoDidWhat) {
  const auto alone = MakeBackend("peer-1", nullptr);
  PeerList list;
  int calls = 0;
  list.peers.push_back({{.id = "peer-1"}, std::make_shared<FaultyPeer>(*alone, [&] {
                          return ++calls == 1 ? Fault::kBusy : Fault::kNone;
                        })});
  limits_.busy_pause_ns = 1;
  QueryPlan plan{spec_, FlatPlan(6)};
  plan.spec.explain = true;
  const auto result = MakeBackend("self", &list)->Execute(For(5'000), plan);
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  ASSERT_TRUE(result->executed.has_value());
  const ExecutedNode& root = *result->executed;
  EXPECT_EQ(root.backend, "self");
  EXPECT_EQ(root.kind, PlanNode::Kind::kMerge);
  EXPECT_EQ(root.blocks_read, 24u);
  ASSERT_EQ(root.children.size(), 6u);
  uint64_t blocks = 0, bytes = 0, retries = 0;
  std::set<std::string> backends;
  for (const ExecutedNode& child : root.children) {
    backends.insert(child.backend);
    blocks += child.blocks_read;
    bytes += child.bytes_read;
    retries += child.retries;
  }
  EXPECT_EQ(backends, (std::set<std::string>{"self", "peer-1"}));
  EXPECT_EQ(blocks, 24u);
  EXPECT_EQ(bytes, result->stats.bytes_read);
  EXPECT_EQ(retries, 1u);
  const std::string text = DescribeExecuted(root);
  EXPECT_TRUE(text.starts_with("merge on self: ")) << text;
  EXPECT_NE(text.find("\n  read on peer-1: "), std::string::npos) << text;
  EXPECT_NE(text.find(", 1 retry"), std::string::npos) << text;
}

TEST_F(FanOutExecutionTest, ADamagedBlockFailsTheWholeAndIsNamed) {
  const auto alone = MakeBackend("peer", nullptr);
  PeerList list;
  list.peers.push_back({{.id = "peer"}, std::make_shared<FaultyPeer>(*alone, [] { return Fault::kDamaged; })});
  const Status status = MakeBackend("self", &list)->Execute(For(5'000), {spec_, FlatPlan(6)}).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(BlamedBlock(status), (Ulid{{7, 7}})) << status.ToString();
}

TEST_F(FanOutExecutionTest, ACancellationEndsItAndTellsThePeers) {
  const auto alone = MakeBackend("peer", nullptr);
  PeerList list;
  const auto peer = std::make_shared<FaultyPeer>(*alone, [] { return Fault::kHangs; });
  list.peers.push_back({{.id = "peer"}, peer});
  limits_.hedges_percent_max = 0;
  const auto backend = MakeBackend("self", &list);
  contract::RequestContext context = For(20'000);
  const auto cancellation = std::make_shared<contract::Cancellation>();
  context.cancellation = cancellation;
  std::atomic<int64_t> cancelled_ns{0};
  std::thread leaver([&] {
    while (peer->begun == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    cancelled_ns = SystemClock().MonotonicNs();
    cancellation->Cancel();
  });
  EXPECT_EQ(backend->Execute(context, {spec_, FlatPlan(6)}).status().code(), Code::kCancelled);
  const double late_ms = static_cast<double>(SystemClock().MonotonicNs() - cancelled_ns) / 1e6;
  leaver.join();
  std::printf("cancelled: %.1f ms later\n", late_ms);
  EXPECT_LT(late_ms, 2'000) << "meant to be 10 ms; sanitizers and a busy machine take their time";
  EXPECT_EQ(peer->ended, peer->begun) << "what is open at peers is given up";
}

TEST_F(FanOutExecutionTest, TheDeadlineEndsIt) {
  const auto alone = MakeBackend("peer", nullptr);
  PeerList list;
  list.peers.push_back({{.id = "peer"}, std::make_shared<FaultyPeer>(*alone, [] { return Fault::kHangs; })});
  limits_.hedges_percent_max = 0;
  EXPECT_EQ(MakeBackend("self", &list)->Execute(For(60), {spec_, FlatPlan(6)}).status().code(), Code::kDeadlineExceeded);
}

TEST_F(FanOutExecutionTest, MemoryOfWhatIsMergedIsBounded) {
  const auto alone = MakeBackend("peer", nullptr);
  PeerList list;
  list.peers.push_back({{.id = "peer"}, std::make_shared<FaultyPeer>(*alone, [] { return Fault::kNone; })});
  QueryPlan plan{spec_, FlatPlan(6)};
  plan.spec.memory_bytes_max = 1;
  const Status status = MakeBackend("self", &list)->Execute(For(5'000), plan).status();
  EXPECT_EQ(status.reason(), "query_memory_limit") << status.ToString();
}

TEST_F(FanOutExecutionTest, NothingIsSharedOutThatNeedNotBe) {
  const auto alone = MakeBackend("peer", nullptr);
  PeerList list;
  const auto peer = std::make_shared<FaultyPeer>(*alone, [] { return Fault::kNone; });
  list.peers.push_back({{.id = "peer"}, peer});
  limits_.parts_max = 8;
  const auto backend = MakeBackend("self", &list);
  QueryPlan by_itself{spec_, FlatPlan(6)};
  by_itself.share.backends_max = 1;
  EXPECT_TRUE(backend->Execute(For(5'000), by_itself).ok());
  EXPECT_TRUE(backend->Execute(For(5'000), {spec_, ReadNode(blocks_)}).ok());
  EXPECT_TRUE(backend->Execute(For(5'000), {spec_, FlatPlan(1)}).ok());
  EXPECT_TRUE(backend->Execute(For(5'000), {spec_, FlatPlan(12)}).ok()) << "more parts than are kept account of";
  EXPECT_EQ(peer->begun, 0);
  EXPECT_TRUE(backend->Execute(For(5'000), {spec_, FlatPlan(6)}).ok());
  EXPECT_GT(peer->begun, 0);
}

// Four backends, each with one thread for reads and one for merges, all asked at once for plans of three levels: each waits for
// all others at every level. Were anything that others wait for held by somebody who waits, this would stand still.
TEST_F(FanOutExecutionTest, BackendsThatAllHaveEachOtherDoNotStandStill) {
  const Comparable expected = Expected();
  pipeline::Context context;
  struct Process {
    explicit Process(pipeline::Context& c) : loop({.name = "loop"}, c) {}
    PeerList peers;
    MetricsRegistry metrics;
    pipeline::Loop loop;
    std::unique_ptr<QueryBackend> backend;
    std::unique_ptr<pipeline::PipelineServer> server;
    std::unique_ptr<pipeline::QueryBackendEndpoint> endpoint;
  };
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 4; ++i) {
    Process& p = *processes.emplace_back(std::make_unique<Process>(context));
    p.backend = MakeBackend("b" + std::to_string(i), &p.peers);
    // A credit that two plans use up: who waited for it would hold what others wait for.
    p.server = std::make_unique<pipeline::PipelineServer>(
        p.loop, pipeline::PipelineServer::Options{"tcp://127.0.0.1:0", {.credit_bytes = 8'000, .initial_credit_bytes = 8'000}}, p.metrics);
    p.endpoint = std::make_unique<pipeline::QueryBackendEndpoint>(pipeline::QueryBackendEndpoint::Options{.threads = 1}, *p.server,
                                                                  *p.backend, p.metrics);
    ASSERT_TRUE(p.server->Start().ok());
  }
  const auto connect = [&](Process& from, const Process& to) -> std::shared_ptr<contract::QueryBackend> {
    auto client = pipeline::QueryBackendClient::Open(from.loop, {to.server->address(), {.initial_credit_bytes = 8'000}}, from.metrics);
    EXPECT_TRUE(client.ok());
    for (int i = 0; i < 4'000 && !(*client)->Ready().ok(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return std::move(*client);
  };
  for (size_t i = 0; i < processes.size(); ++i) {
    for (size_t k = 0; k < processes.size(); ++k) {
      if (i != k) processes[i]->peers.Add({{.id = "b" + std::to_string(k)}, connect(*processes[i], *processes[k])});
    }
  }
  Process frontend(context);
  std::vector<std::shared_ptr<contract::QueryBackend>> roots;
  for (const auto& p : processes) roots.push_back(connect(frontend, *p));
  std::atomic<int> right{0}, wrong{0};
  std::vector<std::thread> queries;
  const int64_t begun_ns = SystemClock().MonotonicNs();
  for (int q = 0; q < 16; ++q) {
    queries.emplace_back([&, q] {
      testing::FakeRandom random(static_cast<uint64_t>(q) + 1);
      for (int round = 0; round < 5; ++round) {
        const QueryPlan plan{spec_, RandomPlan(random, 0, blocks_.size(), 3)};
        const auto result = roots[(q + round) % roots.size()]->Execute(For(30'000), plan);
        EXPECT_TRUE(result.ok()) << result.status().ToString();
        ++(result.ok() && ComparableOf(*result) == expected ? right : wrong);
      }
    });
  }
  for (std::thread& query : queries) query.join();
  std::printf("80 queries in %.2f s\n", static_cast<double>(SystemClock().MonotonicNs() - begun_ns) / 1e9);
  EXPECT_EQ(right, 80);
  EXPECT_EQ(wrong, 0);
  uint64_t at_peers = registry_.GetCounter("brazier_query_backend_parts_total", "", {{"where", "peer"}}).value();
  EXPECT_GT(at_peers, 0u);
  roots.clear();
  for (const auto& p : processes) {
    p->server->Stop();
    p->endpoint->Stop();
  }
  for (const auto& p : processes) {
    std::lock_guard lock(p->peers.mu);
    p->peers.peers.clear();
  }
}

}  // namespace
}  // namespace brazier::query_backend
