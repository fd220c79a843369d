#include "server/query_frontend/query_frontend.h"

#include <algorithm>
#include <optional>

#include "common/model/bad_block.h"
#include "common/model/label_report.h"
#include "common/observe/log.h"
#include "server/query_frontend/plan_memory.h"
#include "server/query_frontend/query_limits.h"
#include "server/query_frontend/query_planner.h"
#include "server/query_frontend/query_validation.h"

namespace brazier::query_frontend {
namespace {

Status Cancelled() { return {Code::kCancelled, "nobody waits for the query's answer any more"}; }

bool AsksForLabelsOnly(const QuerySpec& spec) {
  return std::all_of(spec.reports.begin(), spec.reports.end(),
                     [](const ReportRequest& report) { return LabelReport::IsLabelKind(report.kind); });
}

// The way over the blocks may still have an answer: the metastore is of before label queries, or the index would build more than it
// may, where backends have limits of their own.
bool MayBeAnsweredByBlocks(const Status& status) {
  return status.code() == Code::kUnimplemented ||
         (status.code() == Code::kResourceExhausted &&
          (status.reason() == "index_query_limit" || status.reason() == "answer_size_limit"));
}

Counter& LabelQueries(MetricsRegistry& registry, const char* answered_by) {
  return registry.GetCounter("brazier_query_frontend_label_queries_total",
                             "Queries for nothing but labels, by what was read for the answer.",
                             {{"answered_by", answered_by}});
}

// The reasons of refusals.
constexpr char kRangeLimit[] = "query_limit";  // query_validation.cc
constexpr char kBytesLimit[] = "query_bytes_limit";

Counter& RefusedQueries(MetricsRegistry& registry, const char* limit) {
  return registry.GetCounter("brazier_query_frontend_refused_total", "Queries refused, by the limit that they were over.",
                             {{"limit", limit}});
}

FairQueueLimits QueueLimitsOf(const QueryFrontendOptions& options) {
  FairQueueLimits limits;
  limits.concurrency = std::max<size_t>(1, options.concurrency);
  limits.waiting_max = options.queue_max;
  limits.waiting_per_tenant_max = (options.queue_max + 1) / 2;
  return limits;
}

Status CheckBytes(const QueryPlan& plan, uint64_t bytes_max) {
  if (bytes_max == 0 || plan.root.bytes <= bytes_max) return Status::Ok();
  return ResourceExhausted("the query would read more than the limit (max_query_bytes, actual: " +
                           std::to_string(plan.root.bytes) + " bytes, limit: " + std::to_string(bytes_max) + " bytes)")
      .WithReason(kBytesLimit);
}

// The index may have changed since it was asked: what a block's bytes, or that there are none, led to may be gone.
bool MayHaveChanged(const Status& status) {
  return status.code() == Code::kNotFound || BlamedBlock(status).has_value();
}

std::string NamesOf(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

// What one call asks, validated.
struct QueryFrontend::Question {
  const contract::RequestContext& context;
  const QuerySpec& spec;
  const contract::FindBlocksRequest& find;
  const QueryFrontendOptions& options;  // as they hold for its tenants
  bool explain;
};

QueryFrontend::QueryFrontend(QueryFrontendOptions options, contract::Metastore& metastore,
                             contract::QueryBackendPeers& peers, const Clock& clock,
                             MetricsRegistry& registry, ReportBadBlock report_bad_block,
                             const config::TenantOverrides* overrides)
    : options_(options),
      metastore_(metastore),
      peers_(peers),
      clock_(clock),
      report_bad_block_(std::move(report_bad_block)),
      overrides_(overrides),
      admission_(QueueLimitsOf(options), clock, registry),
      queries_(registry.GetCounter("brazier_query_frontend_queries_total", "Queries received.")),
      failures_(registry.GetCounter("brazier_query_frontend_failures_total", "Queries that failed.")),
      cancelled_(registry.GetCounter("brazier_query_frontend_cancelled_total",
                                     "Queries whose clients went away before the answer.")),
      retries_(registry.GetCounter("brazier_query_frontend_retries_total",
                                   "Executions repeated on another backend or with a new plan.")),
      incomplete_(registry.GetCounter("brazier_query_frontend_incomplete_total",
                                      "Queries answered without blocks that are quarantined.")),
      slow_(registry.GetCounter("brazier_query_frontend_slow_total", "Queries that took longer than query.slow-log.")),
      bad_blocks_(registry.GetCounter("brazier_query_frontend_bad_blocks_total",
                                      "Queries that failed because a block is damaged or missing.")),
      labels_by_index_(LabelQueries(registry, "index")),
      labels_by_both_(LabelQueries(registry, "index_and_blocks")),
      labels_by_blocks_(LabelQueries(registry, "blocks")),
      refused_range_(RefusedQueries(registry, kRangeLimit)),
      refused_bytes_(RefusedQueries(registry, kBytesLimit)),
      refused_queue_(RefusedQueries(registry, FairQueue::kReason)),
      seconds_(registry.GetHistogram("brazier_query_frontend_query_seconds", "Answering one query.",
                                     LatencyBounds())) {}

Result<contract::QueryResponse> QueryFrontend::Query(const contract::RequestContext& context,
                                                     const contract::QueryRequest& request) {
  queries_.Add();
  const int64_t begun_ns = clock_.MonotonicNs();
  const QueryFrontendOptions options =
      OptionsFor(request.tenants, options_, overrides_ == nullptr ? nullptr : overrides_->Get().get());
  Result<ValidQuery> valid = ValidateQuery(request, options, clock_.NowNs());
  if (!valid.ok()) {
    CountRefusal(valid.status());
    return valid.status();
  }
  ValidQuery& query = *valid;
  query.spec.query_id = context.request_id;
  // Who did what is little, and known only now.
  query.spec.explain = request.explain || options_.slow_query_ns > 0;
  const Question question{context, query.spec, query.find, options, request.explain};
  Result<Answer> result = Answer();
  if (!query.is_empty) {
    result = Attempt(question);
    // A block can be gone because the plan is older than a change of the index: look again, once.
    if (!result.ok() && MayHaveChanged(result.status())) {
      retries_.Add();
      result = Attempt(question);
    }
  }
  const int64_t took_ns = clock_.MonotonicNs() - begun_ns;
  seconds_.Observe(static_cast<double>(took_ns) / 1e9);
  LogWhenSlow(question, took_ns, result);
  if (!result.ok() && result.status().code() == Code::kCancelled) {
    cancelled_.Add();
    Log(LogLevel::kDebug, "query cancelled", {{"request_id", context.request_id}});
    return result.status();
  }
  if (!result.ok() && CountRefusal(result.status())) {
    Log(LogLevel::kDebug, "query refused", {{"request_id", context.request_id}, {"error", result.status().ToString()}});
    return result.status();
  }
  if (!result.ok()) {
    failures_.Add();
    Log(LogLevel::kWarn, "query failed",
        {{"request_id", context.request_id}, {"error", result.status().ToString()}});
    if (const std::optional<Ulid> block = BlamedBlock(result.status())) {
      bad_blocks_.Add();
      if (report_bad_block_) report_bad_block_(*block, result.status().message());
    }
    if (result.status().code() == Code::kNotFound) {
      return Internal("a block of the answer is missing: " + result.status().message())
          .WithReason(result.status().reason());
    }
    return result.status();
  }
  contract::QueryResponse response;
  response.stats = std::move(result->result.stats);
  response.reports = std::move(result->result.reports);
  response.explanation = std::move(result->explanation);
  if (response.stats.blocks_failed > 0) {
    incomplete_.Add();
    Log(LogLevel::kWarn, "query answered without quarantined blocks",
        {{"request_id", context.request_id},
         {"blocks_failed", response.stats.blocks_failed},
         {"blocks", NamesOf(response.stats.failed_blocks)}});
  }
  // Nothing found: every report is there, and empty.
  for (size_t i = response.reports.size(); i < request.reports.size(); ++i) {
    response.reports.emplace_back().kind = request.reports[i].kind;
  }
  return response;
}

void QueryFrontend::LogWhenSlow(const Question& question, int64_t took_ns, const Result<Answer>& answer) {
  if (options_.slow_query_ns <= 0 || took_ns <= options_.slow_query_ns) return;
  slow_.Add();
  const QueryStats stats = answer.ok() ? answer->result.stats : QueryStats();
  const bool has_tree = answer.ok() && answer->result.executed.has_value();
  Log(LogLevel::kWarn, "a slow query",
      {{"request_id", question.context.request_id},
       {"tenants", NamesOf(question.spec.tenants)},
       {"took_ms", took_ns / kNsPerMs},
       {"selector", question.spec.selector},
       {"start_ns", question.spec.start_ns},
       {"end_ns", question.spec.end_ns},
       {"blocks", stats.blocks_read},
       {"bytes", stats.bytes_read},
       {"samples", stats.samples_read},
       {"error", answer.ok() ? "" : answer.status().ToString()},
       {"executed", has_tree ? DescribeExecuted(*answer->result.executed) : ""}});
}

bool QueryFrontend::CountRefusal(const Status& status) {
  Counter* const refused = status.reason() == kRangeLimit          ? &refused_range_
                           : status.reason() == kBytesLimit        ? &refused_bytes_
                           : status.reason() == FairQueue::kReason ? &refused_queue_
                                                                   : nullptr;
  if (refused == nullptr) return false;
  refused->Add();
  return true;
}

Result<QueryFrontend::Answer> QueryFrontend::Attempt(const Question& question) {
  const QuerySpec& spec = question.spec;
  if (question.context.IsCancelled()) return Cancelled();
  if (!AsksForLabelsOnly(spec)) return AttemptOverBlocks(question);
  Result<contract::QueryLabelsResponse> labels =
      metastore_.QueryLabels(question.context, {.tenants = question.find.tenants,
                                                .start_ns = spec.start_ns,
                                                .end_ns = spec.end_ns,
                                                .selector = question.find.selector,
                                                .reports = spec.reports});
  if (!labels.ok() && MayBeAnsweredByBlocks(labels.status())) {
    labels_by_blocks_.Add();
    return AttemptOverBlocks(question);
  }
  RETURN_IF_ERROR(labels.status());
  (labels->unanswered.empty() ? labels_by_index_ : labels_by_both_).Add();
  Answer answer;
  if (!labels->unanswered.empty()) {
    ASSIGN_OR_RETURN(answer, Read(question, std::move(labels->unanswered)));
  }
  if (question.explain) {
    answer.explanation =
        std::to_string(labels->datasets_answered) + " datasets answered by the index\n" + answer.explanation;
  }
  QueryResult& result = answer.result;
  if (result.reports.empty()) result.reports.resize(labels->reports.size());
  if (result.reports.size() != labels->reports.size()) return Internal("reports that were not asked for");
  for (size_t i = 0; i < result.reports.size(); ++i) {
    MergeLabelReports(labels->reports[i], std::move(result.reports[i]));
  }
  result.reports = std::move(labels->reports);
  result.stats.newest_data_ns = std::max(result.stats.newest_data_ns, labels->newest_data_ns);
  return answer;
}

Result<QueryFrontend::Answer> QueryFrontend::AttemptOverBlocks(const Question& question) {
  ASSIGN_OR_RETURN(std::vector<BlockMeta> blocks, metastore_.FindBlocks(question.context, question.find));
  return Read(question, std::move(blocks));
}

Result<QueryFrontend::Answer> QueryFrontend::Read(const Question& question, std::vector<BlockMeta> blocks) {
  PlannerLimits limits;
  limits.read_node_bytes_max = options_.read_node_bytes_max;
  limits.read_node_bytes_min = options_.read_node_bytes_min;
  limits.backends = peers_.Live()->size();
  const PlannedQuery query = PlanQuery(question.spec, std::move(blocks), limits);
  RETURN_IF_ERROR(CheckBytes(query.plan, question.options.query_bytes_max));
  Answer answer;
  if (question.explain) answer.explanation = ExplainPlan(query);
  if (!query.plan.root.reads.empty() || !query.plan.root.children.empty()) {
    const AdmissionRequest request{
        .tenant = question.spec.tenants.front(),
        .cost = query.plan.root.bytes,
        .memory_bytes = PlanMemoryBytes(query.plan.root),
        .share = {.concurrency = question.options.tenant_concurrency, .weight = question.options.tenant_weight}};
    ASSIGN_OR_RETURN(const QueryAdmission::Ticket ticket, admission_.Admit(question.context, request));
    ASSIGN_OR_RETURN(answer.result, Execute(question.context, query.plan));
    if (question.explain && answer.result.executed.has_value()) {
      answer.explanation += "executed:\n" + DescribeExecuted(*answer.result.executed);
    }
  }
  answer.result.stats.Add(query.left_out);
  return answer;
}

Result<QueryResult> QueryFrontend::Execute(const contract::RequestContext& context,
                                           const QueryPlan& plan) {
  const auto live = peers_.Live();
  if (live->empty()) return Unavailable("no query-backend is alive");
  const size_t attempts = std::min<size_t>(live->size(), static_cast<size_t>(options_.attempts_max));
  const uint64_t first = next_peer_.fetch_add(1, std::memory_order_relaxed);
  Status last;
  for (size_t i = 0; i < attempts; ++i) {
    if (context.IsCancelled()) return Cancelled();
    if (i > 0) retries_.Add();
    const auto& peer = (*live)[(first + i) % live->size()];
    Result<QueryResult> result = peer.backend->Execute(context, plan);
    if (result.ok()) return result;
    if (result.status().code() != Code::kUnavailable && !contract::IsBusy(result.status())) return result;
    last = result.status().Annotate("query-backend " + peer.member.id);
    if (clock_.MonotonicNs() >= context.deadline_ns) break;
  }
  return last;
}

Result<contract::TenantStats> QueryFrontend::GetTenantStats(const contract::RequestContext& context,
                                                            const std::string& tenant) {
  return metastore_.GetTenantStats(context, tenant);
}

Status QueryFrontend::Ready() {
  if (peers_.Live()->empty()) return Unavailable("no query-backend is alive");
  return metastore_.Ready();
}

}  // namespace brazier::query_frontend
