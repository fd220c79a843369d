// Heatmaps.
#include "querier.pb.h"
#include "server/http/heatmap_render.h"
#include "server/http/querier_call.h"

namespace brazier::http {
namespace {

Result<HttpResponse> SelectHeatmap(QuerierCall& call, querier::v1::SelectHeatmapRequest& request) {
  if (!(request.step() >= 0.001)) return InvalidArgument("step must be >= 1ms, got " + std::to_string(request.step()));
  const bool of_spans = request.query_type() == querier::v1::HEATMAP_QUERY_TYPE_SPAN;
  if (!of_spans && request.query_type() != querier::v1::HEATMAP_QUERY_TYPE_INDIVIDUAL) {
    return InvalidArgument("valid heatmap query type must be specified");
  }
  const types::v1::ExemplarType own = of_spans ? types::v1::EXEMPLAR_TYPE_SPAN : types::v1::EXEMPLAR_TYPE_INDIVIDUAL;
  const bool has_exemplars = request.exemplar_type() == own;
  if (!has_exemplars && request.exemplar_type() != types::v1::EXEMPLAR_TYPE_NONE &&
      request.exemplar_type() != types::v1::EXEMPLAR_TYPE_UNSPECIFIED) {
    return InvalidArgument("the exemplar type must be that of the heatmap, or none");
  }
  contract::QueryRequest query = call.MakeQuery(request.start(), request.end(), ReportKind::kHeatmap);
  query.profile_type = request.profile_typeid();
  query.selectors.push_back(request.label_selector());
  ReportRequest& report_request = query.reports[0];
  report_request.step_ns = StepToNs(request.step());
  report_request.group_by.assign(request.group_by().begin(), request.group_by().end());
  report_request.of_spans = of_spans;
  report_request.exemplars = has_exemplars;
  ASSIGN_OR_RETURN(const Report report, call.Query(query));
  return call.Answer(RenderHeatmap(call.codec(), ArrangeHeatmap(report.heatmap, request.limit())));
}

}  // namespace

void AddHeatmapRoutes(const QuerierServices& services, Router* router) {
  AddQuerierRoute<querier::v1::SelectHeatmapRequest>(services, "SelectHeatmap", SelectHeatmap, router);
}

}  // namespace brazier::http
