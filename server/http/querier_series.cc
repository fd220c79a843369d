// Time series.
#include <algorithm>

#include "querier.pb.h"
#include "server/http/json_text.h"
#include "server/http/querier_call.h"
#include "server/http/series_render.h"
#include "server/http/wire_text.h"

namespace brazier::http {
namespace {

// Field numbers of querier.v1.SelectSeriesResponse and types.v1.
constexpr uint32_t kResponseSeries = 1;
constexpr uint32_t kSeriesLabels = 1;
constexpr uint32_t kSeriesPoints = 2;
constexpr uint32_t kPointValue = 1;
constexpr uint32_t kPointTimestamp = 2;
constexpr uint32_t kPointExemplars = 4;

struct Point {
  double value = 0;
  int64_t timestamp_ms = 0;
  const Exemplar* exemplar = nullptr;
};

struct OutputSeries {
  const Labels* labels = nullptr;
  std::vector<Point> points;  // ascending
  double total = 0;
};

// Largest total first, then by labels; at most `limit` of them when it is positive.
std::vector<OutputSeries> Arrange(const TimeSeriesSet& set, const ExemplarSet& exemplars, bool average, int64_t limit) {
  std::vector<OutputSeries> all;
  all.reserve(set.size());
  for (const auto& [labels, points] : set) {
    OutputSeries series;
    series.labels = &labels;
    const auto named = exemplars.find(labels);
    const auto exemplar_at = [&](int64_t time_ns) -> const Exemplar* {
      if (named == exemplars.end()) return nullptr;
      const auto it = named->second.find(time_ns);
      return it == named->second.end() ? nullptr : &it->second;
    };
    for (const auto& [time_ns, point] : points) {
      const double value =
          average && point.count > 0 ? point.sum / static_cast<double>(point.count) : point.sum;
      series.points.push_back({value, time_ns / kNsPerMs, exemplar_at(time_ns)});
      series.total += value;
    }
    all.push_back(std::move(series));
  }
  // The map is in the order of labels already.
  std::stable_sort(all.begin(), all.end(),
                   [](const OutputSeries& a, const OutputSeries& b) { return a.total > b.total; });
  if (limit > 0 && static_cast<size_t>(limit) < all.size()) all.resize(static_cast<size_t>(limit));
  return all;
}

void AppendJsonPoint(const Point& point, std::string* out) {
  out->push_back('{');
  if (point.value != 0) {
    out->append("\"value\":");
    AppendJsonDouble(point.value, out);
  }
  if (point.timestamp_ms != 0) {
    out->append(point.value != 0 ? ",\"timestamp\":" : "\"timestamp\":");
    AppendJsonInt64(point.timestamp_ms, out);
  }
  if (point.exemplar != nullptr) {
    if (out->back() != '{') out->push_back(',');
    AppendJsonExemplars({point.exemplar}, out);
  }
  out->push_back('}');
}

std::string RenderJson(const std::vector<OutputSeries>& all) {
  if (all.empty()) return "{}";
  std::string out = "{\"series\":[";
  for (size_t i = 0; i < all.size(); ++i) {
    out += i > 0 ? ",{" : "{";
    const bool has_labels = !all[i].labels->empty();
    if (has_labels) AppendJsonLabels(*all[i].labels, &out);
    if (!all[i].points.empty()) {
      out += has_labels ? ",\"points\":[" : "\"points\":[";
      for (size_t k = 0; k < all[i].points.size(); ++k) {
        if (k > 0) out.push_back(',');
        AppendJsonPoint(all[i].points[k], &out);
      }
      out.push_back(']');
    }
    out.push_back('}');
  }
  return out + "]}";
}

std::string RenderProto(const std::vector<OutputSeries>& all) {
  std::string out;
  std::string message;
  std::string part;
  for (const OutputSeries& series : all) {
    message.clear();
    AppendLabelFields(kSeriesLabels, *series.labels, &message);
    for (const Point& point : series.points) {
      part.clear();
      AppendDoubleField(kPointValue, point.value, &part);
      AppendNumberField(kPointTimestamp, point.timestamp_ms, &part);
      if (point.exemplar != nullptr) AppendExemplarFields(kPointExemplars, {point.exemplar}, &part);
      AppendBytesField(kSeriesPoints, part, &message);
    }
    AppendBytesField(kResponseSeries, message, &out);
  }
  return out;
}

Result<HttpResponse> SelectSeries(QuerierCall& call, querier::v1::SelectSeriesRequest& request) {
  if (!(request.step() >= 0.001)) return InvalidArgument("step must be >= 1ms");
  if (request.stack_trace_selector().has_go_pgo()) {
    return InvalidArgument("goPgo needs the pprof format");
  }
  if (request.exemplar_type() == types::v1::EXEMPLAR_TYPE_SPAN) {
    return Status(Code::kUnimplemented, "exemplar type span is not implemented");
  }
  contract::QueryRequest query =
      call.MakeQuery(request.start(), request.end(), ReportKind::kTimeSeries);
  query.profile_type = request.profile_typeid();
  query.selectors.push_back(request.label_selector());
  for (const types::v1::Location& location : request.stack_trace_selector().call_site()) {
    query.call_site.push_back(location.name());
  }
  ReportRequest& report_request = query.reports[0];
  report_request.step_ns = StepToNs(request.step());
  report_request.group_by.assign(request.group_by().begin(), request.group_by().end());
  report_request.exemplars = request.exemplar_type() == types::v1::EXEMPLAR_TYPE_INDIVIDUAL;
  ASSIGN_OR_RETURN(const Report report, call.Query(query));
  const bool average = request.aggregation() == types::v1::TIME_SERIES_AGGREGATION_TYPE_AVERAGE;
  const std::vector<OutputSeries> all = Arrange(report.time_series, report.exemplars, average, request.limit());
  return call.Answer(call.codec() == ConnectCodec::kJson ? RenderJson(all) : RenderProto(all));
}

}  // namespace

void AddSeriesRoutes(const QuerierServices& services, Router* router) {
  AddQuerierRoute<querier::v1::SelectSeriesRequest>(services, "SelectSeries", SelectSeries, router);
}

}  // namespace brazier::http
