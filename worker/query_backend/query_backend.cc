#include "worker/query_backend/query_backend.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "common/model/bad_block.h"
#include "common/model/rollup_cover.h"
#include "worker/query_backend/block_scan.h"
#include "worker/query_backend/cached_scan.h"
#include "worker/query_backend/fan_out_execution.h"
#include "worker/query_backend/function_stacks.h"

namespace brazier::query_backend {
namespace {

constexpr int kPlanDepthMax = 32;

Status CollectReads(const PlanNode& node, int depth, std::vector<const BlockRead*>* out) {
  if (depth > kPlanDepthMax) {
    return InvalidArgument("query plan: deeper than the limit of " + std::to_string(kPlanDepthMax));
  }
  for (const BlockRead& read : node.reads) out->push_back(&read);
  for (const PlanNode& child : node.children) RETURN_IF_ERROR(CollectReads(child, depth + 1, out));
  return Status::Ok();
}

int ThreadsOf(const QueryBackendOptions& options) {
  if (options.threads > 0) return options.threads;
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// What the cache holds of a dataset: its profiles, whatever a query reads of them.
bool IsCached(const SectionRef& section) {
  switch (section.kind) {
    case SectionKind::kSharedSymbols:
    case SectionKind::kSymbols:
    case SectionKind::kRows:
    case SectionKind::kSamples:
    case SectionKind::kSampleChunk: return true;
    case SectionKind::kHourRows:
    case SectionKind::kHourSamples:
    case SectionKind::kDayRows:
    case SectionKind::kDaySamples: break;
  }
  return false;
}

bool IsSymbols(const SectionRef& section) {
  return section.kind == SectionKind::kSymbols || section.kind == SectionKind::kSharedSymbols;
}

uint64_t CachedBytes(const DatasetMeta& dataset) {
  uint64_t bytes = 0;
  for (const SectionRef& section : dataset.sections) {
    if (IsCached(section)) bytes += section.size;
  }
  return bytes;
}

}  // namespace

// Work that threads take by number until there is none left.
struct QueryBackend::Step {
  Step(size_t count, const std::function<void(size_t)>& work) : count(count), work(work) {}

  const size_t count;
  const std::function<void(size_t)>& work;  // the caller's, which outlives the last active thread
  std::atomic<size_t> next{0};
  std::mutex mu;
  std::condition_variable changed;
  int active = 0;          // guarded by mu: readers that work on it, besides the caller
  bool is_closed = false;  // guarded by mu: no thread may join any more

  bool Join() {
    std::lock_guard lock(mu);
    if (is_closed || next.load() >= count) return false;
    ++active;
    return true;
  }
  // Readers that help already; none when there is no work left to join for.
  std::optional<int> Readers() {
    std::lock_guard lock(mu);
    if (is_closed || next.load() >= count) return std::nullopt;
    return active;
  }
  void Leave() {
    std::lock_guard lock(mu);
    --active;
    changed.notify_all();
  }
  // False: there is none left.
  bool WorkOnce() {
    const size_t i = next.fetch_add(1, std::memory_order_relaxed);
    if (i < count) work(i);
    return i < count;
  }
  void CloseAndWait() {
    std::unique_lock lock(mu);
    is_closed = true;
    changed.wait(lock, [&] { return active == 0; });
  }
};

// The builders that one thread at a time works on.
struct QueryBackend::Scan {
  Scan(const QuerySpec& spec, const Selector& selector, DatasetCache& cache)
      : blocks(spec, selector), cached(spec, selector, cache) {}
  BlockScan blocks;
  CachedScan cached;
  size_t counted_bytes = 0;  // in the execution's account
  size_t MemoryBytes() const { return blocks.MemoryBytes() + cached.MemoryBytes(); }
};

// One plan being executed.
struct QueryBackend::Execution {
  Execution(const contract::RequestContext& context, const QuerySpec& spec, const Selector& selector, size_t memory_max,
            const Clock& clock, DatasetCache& cache, MemoryBudget& budget)
      : context(context), spec(spec), selector(selector), memory_bytes_max(memory_max), clock(clock), cache(cache),
        account(budget) {}

  const contract::RequestContext& context;
  const QuerySpec& spec;
  const Selector& selector;
  const size_t memory_bytes_max;
  const Clock& clock;
  DatasetCache& cache;
  MemoryBudget::Account account;  // of builders and loaded blocks
  bool uses_cache = false;
  bool looks_for_functions = false;  // all reports are of function usage
  std::vector<const BlockRead*> reads;
  std::atomic<size_t> memory_bytes{0};  // of the builders of all threads
  std::atomic<size_t> blocks_read{0};
  std::atomic<uint64_t> bytes_read{0};
  std::atomic<bool> has_failed{false};

  std::mutex mu;
  Status status;                            // guarded by mu: the first failure
  std::vector<std::unique_ptr<Scan>> idle;  // guarded by mu: builders that no thread works on

  bool MayGoOn() {
    if (has_failed.load(std::memory_order_relaxed)) return false;
    if (account.IsGivenUp()) {
      Fail(account.Reason());
      return false;
    }
    const bool is_cancelled = context.IsCancelled();
    if (!is_cancelled && clock.MonotonicNs() <= context.deadline_ns) return true;
    const std::string progress =
        " after " + std::to_string(blocks_read.load()) + " of " + std::to_string(reads.size()) + " blocks";
    Fail(is_cancelled ? Status(Code::kCancelled, "the query was cancelled" + progress)
                      : DeadlineExceeded("the query's deadline passed" + progress));
    return false;
  }
  // What a block's bytes led to.
  void Fail(Status s, const BlockRead& read) { Fail(BlameBlock(std::move(s), read.block)); }
  void Fail(Status s) {
    has_failed.store(true);
    std::lock_guard lock(mu);
    if (status.ok()) status = std::move(s);
  }
  std::unique_ptr<Scan> TakeScan() {
    std::lock_guard lock(mu);
    if (idle.empty()) return std::make_unique<Scan>(spec, selector, cache);
    auto scan = std::move(idle.back());
    idle.pop_back();
    return scan;
  }
  void GiveBack(std::unique_ptr<Scan> scan) {
    std::lock_guard lock(mu);
    idle.push_back(std::move(scan));
  }
  Status Count(Scan& scan) {
    const size_t bytes = scan.MemoryBytes();
    // Wraps when a builder shrank, and comes out right.
    const size_t delta = bytes - scan.counted_bytes;
    scan.counted_bytes = bytes;
    account.Add(static_cast<int64_t>(delta));
    if (account.IsGivenUp()) return account.Reason();
    if (memory_bytes.fetch_add(delta) + delta <= memory_bytes_max) return Status::Ok();
    return ResourceExhausted("the query's partial results need more than " + std::to_string(memory_bytes_max) +
                             " bytes; narrow the selector or the range")
        .WithReason("query_memory_limit");
  }
  // After the last step.
  QueryResult Finish() {
    // A query without blocks still answers with empty reports.
    if (idle.empty()) idle.push_back(std::make_unique<Scan>(spec, selector, cache));
    QueryResult result;
    for (auto& each : idle) {
      std::vector<Report> reports = each->blocks.Finish();
      result.stats.Add(each->blocks.stats());
      result.stats.Add(each->cached.stats());
      if (uses_cache) AppendTree(each->cached.Finish(), &reports[0].flame_tree);
      each.reset();
      if (result.reports.empty()) {
        result.reports = std::move(reports);
        continue;
      }
      for (size_t i = 0; i < reports.size(); ++i) {
        FindReportKind(reports[i].kind)->merge(result.reports[i], std::move(reports[i]));
      }
    }
    result.stats.blocks_planned = reads.size();
    result.stats.blocks_read = blocks_read.load();
    result.stats.bytes_read = bytes_read.load();
    return result;
  }
};

// Blocks whose sections are in memory together.
struct QueryBackend::Batch {
  // How a dataset is read.
  struct Plan {
    DatasetCover cover;
    bool may_be_cached = false;
    uint64_t bytes = 0;  // to fetch, unless the cache has it
    std::shared_ptr<const CachedDataset> found;  // in the cache
    bool is_wanted = false;                      // from the object
    bool is_passed_over = false;  // it has no function that the query means
    bool IsRead() const { return is_wanted && !is_passed_over; }
    bool Needs(const SectionRef& section) const { return may_be_cached ? IsCached(section) : cover.Needs(section); }
  };
  std::vector<const BlockRead*> reads;
  std::vector<std::vector<Plan>> plans;  // by block and dataset
  std::deque<LoadedBlock> blocks;        // parallel to reads
  uint64_t bytes = 0;
  // Datasets to read, each sorted by service.
  std::vector<DatasetRef> cached, fresh;
  const DatasetMeta& meta(const DatasetRef& ref) const { return reads[ref.block]->datasets[ref.dataset]; }
  Plan& plan(const DatasetRef& ref) { return plans[ref.block][ref.dataset]; }

  // False: the block does not fit beside those that are there.
  bool Add(const Execution& execution, const BlockRead& read, uint64_t bytes_max) {
    std::vector<Plan> added;
    added.reserve(read.datasets.size());
    uint64_t more = 0;
    for (const TenantSymbols& symbols : read.symbols) more += symbols.section.size;
    for (const DatasetMeta& dataset : read.datasets) {
      Plan& plan = added.emplace_back();
      plan.cover = CoverDataset(execution.spec, dataset, read.deletions);
      // What roll-ups answer is not read again and again as profiles are, and what is deleted is each query's to know.
      plan.may_be_cached = execution.uses_cache && !plan.cover.rows.UsesRollups() && !plan.cover.has_deletions &&
                           CachedBytes(dataset) <= DatasetCache::kStoredBytesMax;
      for (const SectionRef& section : dataset.sections) plan.bytes += plan.Needs(section) ? section.size : 0;
      more += plan.bytes;
    }
    if (!reads.empty() && bytes + more > bytes_max) return false;
    bytes += more;
    reads.push_back(&read);
    plans.push_back(std::move(added));
    return true;
  }
};

QueryBackend::QueryBackend(QueryBackendOptions options, object::ObjectStore& store,
                           const Clock& clock, MetricsRegistry& registry, contract::QueryBackendPeers* peers)
    : options_(std::move(options)), store_(store), peers_(peers), clock_(clock), metrics_(registry), cache_(options_.cache_bytes_max, metrics_),
      budget_(options_.memory_bytes_max_of_all, metrics_.memory_bytes), gate_(static_cast<size_t>(ThreadsOf(options_))) {
  const int threads = ThreadsOf(options_);
  // The caller of Execute() reads too.
  for (int i = 1; i < threads; ++i) {
    readers_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "query-reader");
      ReaderLoop();
    });
  }
}

QueryBackend::~QueryBackend() {
  {
    std::lock_guard lock(mu_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& reader : readers_) reader.join();
}

Result<QueryResult> QueryBackend::Execute(const contract::RequestContext& context,
                                          const QueryPlan& plan) {
  const int64_t begun_ns = clock_.MonotonicNs();
  Result<QueryResult> result = Run(context, plan);
  metrics_.executions.Add();
  metrics_.seconds.Observe(static_cast<double>(clock_.MonotonicNs() - begun_ns) / 1e9);
  if (!result.ok()) metrics_.failures.Add();
  if (contract::IsBusy(result.status())) metrics_.given_up.Add();
  return result;
}

Result<QueryResult> QueryBackend::Run(const contract::RequestContext& context,
                                      const QueryPlan& plan) {
  if (plan.spec.reports.empty()) return InvalidArgument("query plan: no report is asked for");
  if (plan.spec.tenants.empty()) return InvalidArgument("query plan: no tenant");
  for (const ReportRequest& request : plan.spec.reports) {
    if (FindReportKind(request.kind) == nullptr) {
      return InvalidArgument("query plan: report kind " +
                             std::to_string(static_cast<int>(request.kind)) + " is not known");
    }
    if (request.kind == ReportKind::kFunctionUsage) RETURN_IF_ERROR(FunctionMatcher(request).status());
  }
  if (peers_ == nullptr || plan.root.kind != PlanNode::Kind::kMerge) return ReadHere(context, plan.spec, plan.root);
  std::vector<contract::QueryBackendPeer> peers = FanOutExecution::PeersFor(plan, options_.fan_out, *peers_);
  if (peers.empty()) return ReadHere(context, plan.spec, plan.root);
  FanOutExecution execution({.clock = clock_,
                             .metrics = metrics_,
                             .limits = options_.fan_out,
                             .memory_bytes_max = MemoryBytesMax(plan.spec),
                             .budget = budget_,
                             .name = options_.name,
                             .execute_here = [&](const contract::RequestContext& part_context, const PlanNode& node) {
                               return ReadHere(part_context, plan.spec, node);
                             }},
                            context, plan, std::move(peers));
  return execution.Run();
}

size_t QueryBackend::MemoryBytesMax(const QuerySpec& spec) const {
  return spec.memory_bytes_max > 0 ? static_cast<size_t>(spec.memory_bytes_max) : options_.memory_bytes_max;
}

Result<QueryResult> QueryBackend::ReadHere(const contract::RequestContext& context, const QuerySpec& spec,
                                           const PlanNode& root) {
  const int64_t begun_ns = clock_.MonotonicNs();
  Result<QueryResult> result = ReadBlocks(context, spec, root);
  if (!result.ok()) return result;
  const QueryStats& stats = result->stats;
  metrics_.blocks.Add(stats.blocks_read);
  metrics_.bytes.Add(stats.bytes_read);
  if (spec.explain) {
    result->executed = ExecutedNode{.backend = options_.name,
                                    .kind = root.kind,
                                    .duration_ns = clock_.MonotonicNs() - begun_ns,
                                    .bytes_read = stats.bytes_read,
                                    .blocks_read = stats.blocks_read,
                                    .samples_read = stats.samples_read,
                                    .children = {}};
  }
  return result;
}

Result<QueryResult> QueryBackend::ReadBlocks(const contract::RequestContext& context, const QuerySpec& spec,
                                             const PlanNode& root) {
  ASSIGN_OR_RETURN(const Selector selector, Selector::Parse(spec.selector));
  Execution execution(context, spec, selector, MemoryBytesMax(spec), clock_, cache_, budget_);
  execution.uses_cache = options_.cache_bytes_max > 0 && CachedScan::CanAnswer(spec, selector);
  execution.looks_for_functions = std::all_of(spec.reports.begin(), spec.reports.end(), [](const ReportRequest& report) {
    return report.kind == ReportKind::kFunctionUsage;
  });
  RETURN_IF_ERROR(CollectReads(root, 0, &execution.reads));
  std::optional<Batch> batch;
  for (const BlockRead* read : execution.reads) {
    if (!batch.has_value()) batch.emplace();
    if (batch->Add(execution, *read, options_.batch_bytes_max)) continue;
    ReadBatch(execution, *batch);
    if (execution.has_failed.load()) break;
    batch.emplace();
    batch->Add(execution, *read, options_.batch_bytes_max);
  }
  if (batch.has_value() && !execution.has_failed.load()) ReadBatch(execution, *batch);
  if (execution.has_failed.load()) return execution.status;
  return execution.Finish();
}

void QueryBackend::ReadBatch(Execution& execution, Batch& batch) {
  struct Held {
    Held(MemoryBudget::Account& account, uint64_t bytes) : account(account), bytes(static_cast<int64_t>(bytes)) {
      account.Add(this->bytes);
    }
    ~Held() { account.Add(-bytes); }
    MemoryBudget::Account& account;
    const int64_t bytes;
  };
  const Held held(execution.account, batch.bytes);
  LookUp(execution, batch);
  ReadRuns(execution, batch, batch.cached, [&](Scan& scan, const DatasetRef& ref) {
    return scan.cached.Add(batch.meta(ref), *batch.plan(ref).found);
  });
  if (!Load(execution, batch)) return;
  const std::string profile_type(execution.selector.EqualValue(label::kProfileType));
  ReadRuns(execution, batch, batch.fresh, [&](Scan& scan, const DatasetRef& ref) {
    const DatasetMeta& meta = batch.meta(ref);
    const Batch::Plan& plan = batch.plan(ref);
    if (plan.is_passed_over) return scan.blocks.PassOver(batch.blocks[ref.block], ref.dataset);
    if (!plan.may_be_cached) return scan.blocks.Read(batch.blocks[ref.block], ref.dataset, plan.cover);
    const std::string key = DatasetCache::Key(meta.tenant, meta.service, profile_type);
    auto dataset = scan.cached.Load(key, batch.blocks[ref.block], ref.dataset);
    return dataset.ok() ? scan.cached.Add(meta, **dataset) : dataset.status();
  });
}

void QueryBackend::LookUp(Execution& execution, Batch& batch) {
  const std::string_view profile_type = execution.selector.EqualValue(label::kProfileType);
  std::string key;
  const DatasetMeta* keyed = nullptr;
  for (const DatasetRef& ref : SortedDatasets(batch.reads, execution.spec.tenants)) {
    const DatasetMeta& meta = batch.meta(ref);
    Batch::Plan& plan = batch.plan(ref);
    if (plan.cover.rows.IsEmpty()) continue;
    if (plan.may_be_cached) {
      if (keyed == nullptr || keyed->tenant != meta.tenant || keyed->service != meta.service) {
        key = DatasetCache::Key(meta.tenant, meta.service, profile_type);
        keyed = &meta;
      }
      plan.found = cache_.Find(key, batch.reads[ref.block]->block);
      if (plan.found != nullptr) {
        batch.cached.push_back(ref);
        continue;
      }
    }
    plan.is_wanted = true;
    batch.fresh.push_back(ref);
  }
}

// Which of a block's datasets may have stacks with the functions in question: their symbols are read first, and of the others nothing
// else.
Status QueryBackend::FindFunctions(const Execution& execution, Batch& batch, size_t block) {
  std::vector<Batch::Plan>& plans = batch.plans[block];
  RETURN_IF_ERROR(batch.blocks[block].Load(store_, [&](size_t dataset, const SectionRef& section) {
    return plans[dataset].is_wanted && IsSymbols(section) && plans[dataset].Needs(section);
  }));
  std::vector<FunctionStacks> functions;
  for (const ReportRequest& report : execution.spec.reports) functions.emplace_back(report);
  SymbolTable symbols;
  for (size_t d = 0; d < plans.size(); ++d) {
    if (!plans[d].is_wanted) continue;
    RETURN_IF_ERROR(batch.blocks[block].ReadSymbols(d, &symbols));
    plans[d].is_passed_over = std::none_of(functions.begin(), functions.end(), [&](FunctionStacks& f) { return f.AreIn(symbols); });
  }
  return Status::Ok();
}

bool QueryBackend::Load(Execution& execution, Batch& batch) {
  for (const BlockRead* read : batch.reads) batch.blocks.emplace_back(*read);
  ShareOut(batch.blocks.size(), [&](size_t i) {
    if (!execution.MayGoOn()) return;
    const std::vector<Batch::Plan>& plans = batch.plans[i];
    if (std::any_of(plans.begin(), plans.end(), [](const Batch::Plan& plan) { return plan.is_wanted; })) {
      if (execution.looks_for_functions) {
        if (Status s = FindFunctions(execution, batch, i); !s.ok()) return execution.Fail(std::move(s), *batch.reads[i]);
      }
      const auto wanted = [&](size_t dataset, const SectionRef& section) {
        if (execution.looks_for_functions && IsSymbols(section)) return false;  // they are there
        return plans[dataset].IsRead() && plans[dataset].Needs(section);
      };
      if (std::any_of(plans.begin(), plans.end(), [](const Batch::Plan& plan) { return plan.IsRead(); })) {
        if (Status s = batch.blocks[i].Load(store_, wanted); !s.ok()) return execution.Fail(std::move(s), *batch.reads[i]);
      }
      execution.bytes_read.fetch_add(batch.blocks[i].sections().bytes_read(), std::memory_order_relaxed);
    }
    execution.blocks_read.fetch_add(1, std::memory_order_relaxed);
  });
  return !execution.has_failed.load();
}

void QueryBackend::ReadRuns(Execution& execution, Batch& batch, std::vector<DatasetRef> datasets,
                            const std::function<Status(Scan&, const DatasetRef&)>& read) {
  const DatasetRuns runs = CutIntoRuns(
      std::move(datasets), [&](const DatasetRef& ref) { return batch.plan(ref).bytes; }, readers_.size() + 1);
  ShareOut(runs.count(), [&](size_t i) {
    auto scan = execution.TakeScan();
    for (const DatasetRef& ref : runs.run(i)) {
      const auto pass = gate_.Wait(batch.meta(ref).tenant);
      if (!execution.MayGoOn()) break;
      Status s = read(*scan, ref);
      if (s.ok()) s = execution.Count(*scan);
      if (!s.ok()) {
        execution.Fail(std::move(s), *batch.reads[ref.block]);
        break;
      }
    }
    execution.GiveBack(std::move(scan));
  });
}

void QueryBackend::ShareOut(size_t count, const std::function<void(size_t)>& work) {
  auto step = std::make_shared<Step>(count, work);
  if (count > 1 && !readers_.empty()) {
    std::lock_guard lock(mu_);
    queue_.push_back(step);
    changed_.notify_all();
  }
  while (step->WorkOnce()) {
  }
  if (count > 1 && !readers_.empty()) {
    std::lock_guard lock(mu_);
    std::erase(queue_, step);
  }
  step->CloseAndWait();
}

void QueryBackend::ReaderLoop() {
  std::unique_lock lock(mu_);
  while (true) {
    // To whom fewest help, one piece of work at a time: a long query does not keep the readers from a short one that comes later.
    std::shared_ptr<Step> step;
    int fewest = 0;
    for (const auto& candidate : queue_) {
      const std::optional<int> readers = candidate->Readers();
      if (!readers.has_value() || (step != nullptr && *readers >= fewest)) continue;
      step = candidate;
      fewest = *readers;
    }
    if (step != nullptr && !step->Join()) continue;  // its last piece went meanwhile
    if (step == nullptr) {
      if (is_stopping_) return;
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    step->WorkOnce();
    step->Leave();
    step.reset();
    lock.lock();
  }
}

}  // namespace brazier::query_backend
