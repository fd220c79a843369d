#include "server/http/querier_call.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace brazier::http {

int64_t MsToNs(int64_t milliseconds) {
  int64_t ns = 0;
  if (!__builtin_mul_overflow(milliseconds, kNsPerMs, &ns)) return ns;
  return milliseconds < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

int64_t StepToNs(double seconds) {
  constexpr double kSecondsMax = 1e9;
  return static_cast<int64_t>(std::llround(std::min(seconds, kSecondsMax) * kNsPerSecond));
}

namespace {

// What a header can take: proxies refuse long ones, and X-Query-Stats has the number of all.
constexpr size_t kNamedInHeaderMax = 20;

std::string NamesOf(const std::vector<std::string>& blocks) {
  std::string out;
  for (size_t i = 0; i < blocks.size() && i < kNamedInHeaderMax; ++i) out += (i == 0 ? "" : ",") + blocks[i];
  return out;
}

}  // namespace

contract::QueryRequest QuerierCall::MakeQuery(int64_t start_ms, int64_t end_ms, ReportKind kind) const {
  contract::QueryRequest query;
  query.tenants = tenants_;
  query.start_ns = MsToNs(start_ms);
  query.end_ns = MsToNs(end_ms);
  query.reports.emplace_back().kind = kind;
  return query;
}

Result<Report> QuerierCall::Query(const contract::QueryRequest& query) {
  ASSIGN_OR_RETURN(contract::QueryResponse response, services_.frontend.Query(call_.context, query));
  if (response.reports.size() != 1) return Internal("query answered with the wrong number of reports");
  stats_.Add(response.stats);
  return std::move(response.reports[0]);
}

HttpResponse QuerierCall::Answer(std::string message) const {
  HttpResponse response = ConnectAnswer(call_, std::move(message));
  const int64_t elapsed_ms = (services_.clock.MonotonicNs() - started_ns_) / kNsPerMs;
  response.headers.Add("X-Query-Stats", "blocks=" + std::to_string(stats_.blocks_read) + ",bytes=" +
                                            std::to_string(stats_.bytes_read) +
                                            ",ms=" + std::to_string(elapsed_ms) +
                                            ",rows=" + std::to_string(stats_.rows_read) +
                                            ",rollup_rows=" + std::to_string(stats_.rollup_rows_read) +
                                            ",blocks_failed=" + std::to_string(stats_.blocks_failed));
  if (!stats_.failed_blocks.empty()) response.headers.Add("X-Query-Failed-Blocks", NamesOf(stats_.failed_blocks));
  return response;
}

void AddQuerierRoutes(const ReadOptions& options, contract::QueryFrontend& frontend,
                      const Clock& clock, Router* router) {
  const QuerierServices services{options, frontend, clock};
  AddMetadataRoutes(services, router);
  AddStacktraceRoutes(services, router);
  AddSeriesRoutes(services, router);
  AddHeatmapRoutes(services, router);
}

}  // namespace brazier::http
