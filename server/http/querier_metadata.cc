// Profile types, labels, series, and what the tenant has at all.
#include "common/model/profile_type.h"
#include "querier.pb.h"
#include "server/http/label_names.h"
#include "server/http/querier_call.h"

namespace brazier::http {
namespace {

constexpr int64_t kDefaultRangeMs = 60 * 60 * 1000;

template <typename Strings>
std::vector<std::string> ToVector(const Strings& strings) {
  return {strings.begin(), strings.end()};
}

Result<HttpResponse> ProfileTypes(QuerierCall& call, querier::v1::ProfileTypesRequest& request) {
  int64_t start_ms = request.start();
  int64_t end_ms = request.end();
  if (start_ms == 0 && end_ms == 0) {
    end_ms = call.now_ns() / kNsPerMs;
    start_ms = end_ms - kDefaultRangeMs;
  }
  ASSIGN_OR_RETURN(const Report report,
                   call.Query(call.MakeQuery(start_ms, end_ms, ReportKind::kProfileTypes)));
  querier::v1::ProfileTypesResponse response;
  for (const std::string& id : report.strings) {
    ASSIGN_OR_RETURN(const brazier::ProfileType type, brazier::ProfileType::Parse(id));
    types::v1::ProfileType* out = response.add_profile_types();
    out->set_id(id);
    out->set_name(type.name);
    out->set_sample_type(type.sample_type);
    out->set_sample_unit(type.sample_unit);
    out->set_period_type(type.period_type);
    out->set_period_unit(type.period_unit);
  }
  return call.Answer(EncodeMessage(call.codec(), response));
}

Result<HttpResponse> LabelNames(QuerierCall& call, types::v1::LabelNamesRequest& request) {
  const std::optional<bool> utf8 = AcceptsUtf8LabelNames(call.headers().Get("Accept"));
  if (!utf8) return BadAcceptResponse(call.headers().Get("Accept"));
  contract::QueryRequest query =
      call.MakeQuery(request.start(), request.end(), ReportKind::kLabelNames);
  query.selectors = ToVector(request.matchers());
  ASSIGN_OR_RETURN(const Report report, call.Query(query));
  types::v1::LabelNamesResponse response;
  for (const std::string& name : report.strings) {
    if (*utf8 || IsPlainLabelName(name)) response.add_names(name);
  }
  return call.Answer(EncodeMessage(call.codec(), response));
}

Result<HttpResponse> LabelValues(QuerierCall& call, types::v1::LabelValuesRequest& request) {
  if (request.name().empty()) return InvalidArgument("name is required");
  contract::QueryRequest query =
      call.MakeQuery(request.start(), request.end(), ReportKind::kLabelValues);
  query.selectors = ToVector(request.matchers());
  query.reports[0].label_name = request.name();
  ASSIGN_OR_RETURN(const Report report, call.Query(query));
  types::v1::LabelValuesResponse response;
  for (const std::string& value : report.strings) response.add_names(value);
  return call.Answer(EncodeMessage(call.codec(), response));
}

Result<HttpResponse> Series(QuerierCall& call, querier::v1::SeriesRequest& request) {
  const std::optional<bool> utf8 = AcceptsUtf8LabelNames(call.headers().Get("Accept"));
  if (!utf8) return BadAcceptResponse(call.headers().Get("Accept"));
  contract::QueryRequest query = call.MakeQuery(request.start(), request.end(), ReportKind::kSeries);
  query.selectors = ToVector(request.matchers());
  query.reports[0].label_names = ToVector(request.label_names());
  ASSIGN_OR_RETURN(Report report, call.Query(query));
  if (!*utf8) report.series = WithPlainLabelNames(report.series);
  querier::v1::SeriesResponse response;
  for (const Labels& labels : report.series) {
    if (labels.empty()) continue;
    types::v1::Labels* out = response.add_labels_set();
    for (const Label& label : labels) {
      types::v1::LabelPair* pair = out->add_labels();
      pair->set_name(label.name);
      pair->set_value(label.value);
    }
  }
  return call.Answer(EncodeMessage(call.codec(), response));
}

Result<HttpResponse> GetProfileStats(QuerierCall& call, types::v1::GetProfileStatsRequest&) {
  if (call.tenants().size() != 1) {
    return InvalidArgument("expected 1 tenant, got " + std::to_string(call.tenants().size()));
  }
  ASSIGN_OR_RETURN(const contract::TenantStats stats,
                   call.frontend().GetTenantStats(call.connect().context, call.tenants()[0]));
  types::v1::GetProfileStatsResponse response;
  response.set_data_ingested(stats.data_ingested);
  response.set_oldest_profile_time(stats.oldest_ns / kNsPerMs);
  response.set_newest_profile_time(stats.newest_ns / kNsPerMs);
  return call.Answer(EncodeMessage(call.codec(), response));
}

Result<HttpResponse> AnalyzeQuery(QuerierCall& call, querier::v1::AnalyzeQueryRequest&) {
  return call.Answer(EncodeMessage(call.codec(), querier::v1::AnalyzeQueryResponse()));
}

}  // namespace

void AddMetadataRoutes(const QuerierServices& services, Router* router) {
  AddQuerierRoute<querier::v1::ProfileTypesRequest>(services, "ProfileTypes", ProfileTypes, router);
  AddQuerierRoute<types::v1::LabelNamesRequest>(services, "LabelNames", LabelNames, router);
  AddQuerierRoute<types::v1::LabelValuesRequest>(services, "LabelValues", LabelValues, router);
  AddQuerierRoute<querier::v1::SeriesRequest>(services, "Series", Series, router);
  AddQuerierRoute<types::v1::GetProfileStatsRequest>(services, "GetProfileStats", GetProfileStats, router);
  AddQuerierRoute<querier::v1::AnalyzeQueryRequest>(services, "AnalyzeQuery", AnalyzeQuery, router);
}

}  // namespace brazier::http
