#include "worker/query_backend/fan_out_execution.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "common/base/hash.h"
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

uint64_t AffinityOf(const PlanNode& node) {
  const PlanNode* first = &node;
  while (!first->children.empty()) first = &first->children.front();
  return first->reads.empty() ? 0 : Hash64(first->reads.front().object_key);
}

std::vector<FanOut::Part> PartsOf(const PlanNode& root) {
  std::vector<FanOut::Part> parts;
  for (const PlanNode& child : root.children) parts.push_back({child.bytes, AffinityOf(child)});
  return parts;
}

std::vector<std::string> NamesOf(const std::vector<contract::QueryBackendPeer>& peers) {
  std::vector<std::string> names;
  for (const auto& peer : peers) names.push_back(peer.member.id);
  return names;
}

std::vector<std::string> ExecutorsOf(const std::string& self, const std::vector<contract::QueryBackendPeer>& peers) {
  std::vector<std::string> names = NamesOf(peers);
  names.insert(names.begin(), self);
  return names;
}

// A peer of another version may answer something else than was asked.
bool IsAnswerTo(const QuerySpec& spec, const QueryResult& answer) {
  if (answer.reports.size() != spec.reports.size()) return false;
  for (size_t i = 0; i < spec.reports.size(); ++i) {
    if (answer.reports[i].kind != spec.reports[i].kind) return false;
  }
  return true;
}

}  // namespace

// A part that this process reads.
struct FanOutExecution::LocalWork {
  uint64_t attempt = 0;
  size_t part = 0;
  std::shared_ptr<contract::Cancellation> cancellation = std::make_shared<contract::Cancellation>();
};

// What the threads tell each other. Kept alive by callbacks of peers that end after the execution. Thread-safe.
class FanOutExecution::Mailbox {
 public:
  void PostEnd(uint64_t attempt) {
    std::lock_guard lock(mu_);
    ended_.push_back(attempt);
    changed_.notify_all();
  }
  std::optional<uint64_t> WaitForEnd(std::chrono::nanoseconds at_most) {
    std::unique_lock lock(mu_);
    changed_.wait_for(lock, at_most, [this] { return !ended_.empty(); });
    if (ended_.empty()) return std::nullopt;
    const uint64_t attempt = ended_.front();
    ended_.pop_front();
    return attempt;
  }

  void PostWork(LocalWork work) {
    std::lock_guard lock(mu_);
    work_.push_back(std::move(work));
    changed_.notify_all();
  }
  // Nullopt: there will be no more.
  std::optional<LocalWork> WaitForWork() {
    std::unique_lock lock(mu_);
    current_ = nullptr;
    changed_.wait(lock, [this] { return is_closed_ || !work_.empty(); });
    if (is_closed_) return std::nullopt;
    LocalWork work = std::move(work_.front());
    work_.pop_front();
    current_ = work.cancellation;
    current_attempt_ = work.attempt;
    return work;
  }
  void PostResult(uint64_t attempt, Result<QueryResult> result) {
    std::lock_guard lock(mu_);
    results_.insert_or_assign(attempt, std::move(result));
    ended_.push_back(attempt);
    changed_.notify_all();
  }
  std::optional<Result<QueryResult>> TakeResult(uint64_t attempt) {
    std::lock_guard lock(mu_);
    const auto it = results_.find(attempt);
    if (it == results_.end()) return std::nullopt;
    std::optional<Result<QueryResult>> result(std::move(it->second));
    results_.erase(it);
    return result;
  }
  void CancelWork(uint64_t attempt) {
    std::lock_guard lock(mu_);
    if (current_ != nullptr && current_attempt_ == attempt) current_->Cancel();
    std::erase_if(work_, [&](const LocalWork& work) { return work.attempt == attempt; });
  }
  void Close() {
    std::lock_guard lock(mu_);
    is_closed_ = true;
    if (current_ != nullptr) current_->Cancel();
    changed_.notify_all();
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<uint64_t> ended_;                          // guarded by mu_, as is all below
  std::deque<LocalWork> work_;
  std::map<uint64_t, Result<QueryResult>> results_;
  std::shared_ptr<contract::Cancellation> current_;     // of the work that runs
  uint64_t current_attempt_ = 0;
  bool is_closed_ = false;
};

std::vector<contract::QueryBackendPeer> FanOutExecution::PeersFor(const QueryPlan& plan, const FanOutLimits& limits,
                                                                  contract::QueryBackendPeers& peers) {
  const size_t parts = plan.root.children.size();
  if (plan.share.backends_max == 1 || parts < 2 || parts > limits.parts_max) return {};
  std::vector<contract::QueryBackendPeer> connected;
  const auto live = peers.Live();
  for (const contract::QueryBackendPeer& peer : *live) {
    if (peer.backend->Ready().ok()) connected.push_back(peer);
  }
  if (plan.share.backends_max == 0) return connected;
  std::vector<contract::QueryBackendPeer> chosen;
  for (size_t i : FanOut::Choose(AffinityOf(plan.root), NamesOf(connected), plan.share.backends_max - 1)) {
    chosen.push_back(connected[i]);
  }
  return chosen;
}

FanOutExecution::FanOutExecution(Environment environment, const contract::RequestContext& context, const QueryPlan& plan,
                                 std::vector<contract::QueryBackendPeer> peers)
    : environment_(std::move(environment)),
      context_(context),
      plan_(plan),
      peers_(std::move(peers)),
      fan_out_(environment_.limits, plan.share.retries_max, PartsOf(plan.root), ExecutorsOf(environment_.name, peers_)),
      mailbox_(std::make_shared<Mailbox>()),
      account_(environment_.budget),
      executed_(plan.spec.explain ? plan.root.children.size() : 0) {
  // Backends that would be left over when each part has one.
  const size_t backends = peers_.size() + 1;
  part_backends_max_ = static_cast<uint32_t>(std::max<size_t>(1, backends / std::min(backends, plan.root.children.size())));
}

FanOutExecution::~FanOutExecution() {
  begun_.clear();
  mailbox_->Close();
  if (local_thread_.joinable()) local_thread_.join();
}

Result<QueryResult> FanOutExecution::Run() {
  const int64_t begun_ns = environment_.clock.MonotonicNs();
  RETURN_IF_ERROR(CarryOut(fan_out_.Begin(begun_ns)));
  while (!fan_out_.IsDone()) {
    if (context_.IsCancelled()) return Status(Code::kCancelled, "the query was cancelled while parts of it were under way");
    const int64_t now_ns = environment_.clock.MonotonicNs();
    if (now_ns > context_.deadline_ns) return DeadlineExceeded("the query's deadline passed while parts of it were under way");
    if (fan_out_.next_tick_ns() <= now_ns) RETURN_IF_ERROR(CarryOut(fan_out_.OnTick(now_ns)));
    const int64_t wait_ns = std::clamp<int64_t>(std::min(fan_out_.next_tick_ns(), context_.deadline_ns) - now_ns, kNsPerMs / 10,
                                                kPollMs * kNsPerMs);
    const std::optional<uint64_t> ended = mailbox_->WaitForEnd(std::chrono::nanoseconds(wait_ns));
    if (ended.has_value()) RETURN_IF_ERROR(OnEnd(*ended));
  }
  if (plan_.spec.explain) {
    ExecutedNode& node = result_.executed.emplace();
    node.backend = environment_.name;
    node.kind = PlanNode::Kind::kMerge;
    node.duration_ns = environment_.clock.MonotonicNs() - begun_ns;
    node.bytes_read = result_.stats.bytes_read;
    node.blocks_read = result_.stats.blocks_read;
    node.samples_read = result_.stats.samples_read;
    node.children = std::move(executed_);
  }
  return std::move(result_);
}

Status FanOutExecution::CarryOut(const FanOut::Step& step) {
  for (const uint64_t attempt : step.cancel) {
    attempts_.erase(attempt);
    begun_.erase(attempt);
    mailbox_->CancelWork(attempt);
  }
  RETURN_IF_ERROR(fan_out_.failure());
  environment_.metrics.parts_overtaken.Add(step.cancel.size());
  for (const FanOut::Attempt& attempt : step.begin) BeginAt(attempt);
  return Status::Ok();
}

void FanOutExecution::BeginAt(const FanOut::Attempt& attempt) {
  attempts_[attempt.id] = attempt;
  if (attempt.is_hedge) environment_.metrics.part_hedges.Add();
  if (attempt.executor == FanOut::kSelf) {
    environment_.metrics.parts_here.Add();
    mailbox_->PostWork({.attempt = attempt.id, .part = attempt.part});
    if (local_thread_.joinable()) return;
    local_thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "query-part");
      RunHere();
    });
    return;
  }
  environment_.metrics.parts_at_peers.Add();
  const ExecutionShare share{.backends_max = part_backends_max_,
                             .retries_max = static_cast<uint32_t>(fan_out_.retries_left() / plan_.root.children.size())};
  begun_[attempt.id] = peers_[attempt.executor - 1].backend->Begin(
      context_, {plan_.spec, plan_.root.children[attempt.part], share},
      [mailbox = mailbox_, id = attempt.id] { mailbox->PostEnd(id); });
}

void FanOutExecution::RunHere() {
  while (const std::optional<LocalWork> work = mailbox_->WaitForWork()) {
    contract::RequestContext context = context_;
    context.cancellation = work->cancellation;
    mailbox_->PostResult(work->attempt, environment_.execute_here(context, plan_.root.children[work->part]));
  }
}

Result<QueryResult> FanOutExecution::TakeAnswer(uint64_t attempt) {
  if (std::optional<Result<QueryResult>> here = mailbox_->TakeResult(attempt)) return std::move(*here);
  const auto at_peer = begun_.find(attempt);
  if (at_peer == begun_.end()) return Internal("part of a query: an end without an execution");
  Result<QueryResult> answer = at_peer->second->Take();
  begun_.erase(at_peer);
  if (answer.ok() && !IsAnswerTo(plan_.spec, *answer)) return Internal("a query-backend answered what was not asked");
  return answer;
}

Status FanOutExecution::OnEnd(uint64_t id) {
  if (!fan_out_.IsOpen(id)) {
    // Overtaken: nobody decodes it.
    (void)mailbox_->TakeResult(id);
    begun_.erase(id);
    return Status::Ok();
  }
  const FanOut::Attempt attempt = attempts_[id];
  attempts_.erase(id);
  Result<QueryResult> answer = TakeAnswer(id);
  const int64_t now_ns = environment_.clock.MonotonicNs();
  if (answer.ok()) {
    const FanOut::Step step = fan_out_.OnAnswer(id, now_ns);
    // Others have something to do while we merge.
    RETURN_IF_ERROR(CarryOut(step));
    return step.counts ? Merge(attempt, std::move(*answer)) : Status::Ok();
  }
  Status failure = answer.status();
  if (attempt.executor != FanOut::kSelf) {
    environment_.metrics.part_failures.Add();
    failure = failure.Annotate("query-backend " + peers_[attempt.executor - 1].member.id);
  }
  return CarryOut(fan_out_.OnFailure(id, failure, now_ns));
}

Status FanOutExecution::Merge(const FanOut::Attempt& attempt, QueryResult answer) {
  if (plan_.spec.explain) {
    ExecutedNode& node = executed_[attempt.part];
    if (answer.executed.has_value()) {
      node = std::move(*answer.executed);
    } else {
      node.backend = attempt.executor == FanOut::kSelf ? environment_.name : peers_[attempt.executor - 1].member.id;
      node.kind = plan_.root.children[attempt.part].kind;
      node.bytes_read = answer.stats.bytes_read;
      node.blocks_read = answer.stats.blocks_read;
      node.samples_read = answer.stats.samples_read;
    }
    node.retries = fan_out_.history(attempt.part).retries;
    node.hedges = fan_out_.history(attempt.part).hedges;
  }
  result_.stats.Add(answer.stats);
  if (result_.reports.empty()) {
    result_.reports = std::move(answer.reports);
  } else {
    for (size_t i = 0; i < answer.reports.size(); ++i) {
      FindReportKind(answer.reports[i].kind)->merge(result_.reports[i], std::move(answer.reports[i]));
    }
  }
  size_t bytes = 0;
  for (const Report& report : result_.reports) bytes += MemoryBytes(report);
  account_.Add(static_cast<int64_t>(bytes) - static_cast<int64_t>(counted_bytes_));
  counted_bytes_ = bytes;
  if (account_.IsGivenUp()) return account_.Reason();
  if (bytes <= environment_.memory_bytes_max) return Status::Ok();
  return ResourceExhausted("the query's partial results need more than " + std::to_string(environment_.memory_bytes_max) +
                           " bytes; narrow the selector or the range")
      .WithReason("query_memory_limit");
}

}  // namespace brazier::query_backend
