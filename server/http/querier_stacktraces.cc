// Queries over stack traces: flame graphs, trees, call graphs, pprof, diffs.
#include <algorithm>

#include "common/codec/dot.h"
#include "common/codec/flame_graph.h"
#include "common/codec/pprof_encode.h"
#include "common/model/go_pgo.h"
#include "common/model/profile_id.h"
#include "common/model/profile_type.h"
#include "querier.pb.h"
#include "server/http/flame_graph_render.h"
#include "server/http/querier_call.h"

namespace brazier::http {
namespace {

using querier::v1::SelectMergeStacktracesRequest;

// A field that would change the answer and that this server cannot honour yet.
Status Unsupported(std::string_view field) {
  return {Code::kUnimplemented, std::string(field) + " is not supported"};
}

Result<int64_t> NodeLimit(const ReadOptions& options, bool given, int64_t value) {
  if (!given || value == 0) return options.flame_graph_nodes_default;
  const std::string allowed = std::to_string(options.flame_graph_nodes_max);
  if (value < 0) {
    return InvalidArgument("max flamegraph nodes limit must be set (max allowed " + allowed + ")");
  }
  if (value > options.flame_graph_nodes_max) {
    return InvalidArgument("max flamegraph nodes limit " + std::to_string(value) +
                           " is greater than allowed " + allowed);
  }
  return value;
}

Result<std::vector<std::string>> CallSiteOf(const types::v1::StackTraceSelector& selector) {
  std::vector<std::string> call_site;
  for (const types::v1::Location& location : selector.call_site()) {
    call_site.push_back(location.name());
  }
  return call_site;
}

Status CheckSelectors(const SelectMergeStacktracesRequest& request) {
  if (request.span_selector_size() > 0 && request.trace_id_selector_size() > 0) {
    return InvalidArgument("span_selector and trace_id_selector cannot be combined");
  }
  if (request.has_async()) return Unsupported("async");
  return Status::Ok();
}

Result<contract::QueryRequest> QueryOf(const QuerierCall& call,
                                       const SelectMergeStacktracesRequest& request, ReportKind kind) {
  RETURN_IF_ERROR(CheckSelectors(request));
  if (request.stack_trace_selector().has_go_pgo() && kind != ReportKind::kPprof) {
    return InvalidArgument("goPgo needs the pprof format");
  }
  contract::QueryRequest query = call.MakeQuery(request.start(), request.end(), kind);
  query.profile_type = request.profile_typeid();
  query.selectors.push_back(request.label_selector());
  ASSIGN_OR_RETURN(query.call_site, CallSiteOf(request.stack_trace_selector()));
  for (const std::string& text : request.profile_id_selector()) {
    ASSIGN_OR_RETURN(query.filter.profile_ids.emplace_back(), ParseProfileId(text));
  }
  for (const std::string& text : request.trace_id_selector()) {
    ASSIGN_OR_RETURN(query.filter.trace_ids.emplace_back(), ParseTraceId(text));
  }
  for (const std::string& text : request.span_selector()) {
    ASSIGN_OR_RETURN(query.filter.span_ids.emplace_back(), ParseSpanId(text));
  }
  return query;
}

Result<std::string> RunPprof(QuerierCall& call, const contract::QueryRequest& query,
                             const types::v1::StackTraceSelector& selector, int64_t max_nodes) {
  ASSIGN_OR_RETURN(Report report, call.Query(query));
  if (report.stack_profile.stacks.empty()) return std::string();
  ASSIGN_OR_RETURN(const ProfileType type, ProfileType::Parse(query.profile_type));
  if (selector.has_go_pgo()) {
    const types::v1::GoPGO& go_pgo = selector.go_pgo();
    ApplyGoPgo(&report.stack_profile, go_pgo.keep_locations(), go_pgo.aggregate_callees());
  }
  return codec::EncodePprof(report.stack_profile, type, query.end_ns, max_nodes);
}

Result<HttpResponse> SelectPprof(QuerierCall& call, const SelectMergeStacktracesRequest& request) {
  // A pprof is for tools: complete unless the client asks for less.
  int64_t max_nodes = 0;
  if (request.max_nodes() != 0) {
    ASSIGN_OR_RETURN(max_nodes, NodeLimit(call.options(), true, request.max_nodes()));
  }
  ASSIGN_OR_RETURN(const contract::QueryRequest query, QueryOf(call, request, ReportKind::kPprof));
  ASSIGN_OR_RETURN(std::string pprof, RunPprof(call, query, request.stack_trace_selector(), max_nodes));
  ASSIGN_OR_RETURN(std::string message, RenderPprof(call.codec(), std::move(pprof)));
  return call.Answer(std::move(message));
}

Result<HttpResponse> SelectDot(QuerierCall& call, const SelectMergeStacktracesRequest& request) {
  codec::DotOptions options;
  if (request.max_nodes() != 0) {
    ASSIGN_OR_RETURN(options.nodes_max, NodeLimit(call.options(), true, request.max_nodes()));
  }
  ASSIGN_OR_RETURN(const contract::QueryRequest query, QueryOf(call, request, ReportKind::kFlameGraph));
  ASSIGN_OR_RETURN(const Report report, call.Query(query));
  ASSIGN_OR_RETURN(const ProfileType type, ProfileType::Parse(query.profile_type));
  options.type = type.sample_type;
  options.unit = type.sample_unit;
  return call.Answer(RenderDot(call.codec(), codec::EncodeDot(report.flame_tree, options)));
}

Result<HttpResponse> SelectMergeStacktraces(QuerierCall& call, SelectMergeStacktracesRequest& request) {
  if (request.format() == querier::v1::PROFILE_FORMAT_DOT) return SelectDot(call, request);
  if (request.format() == querier::v1::PROFILE_FORMAT_PPROF) return SelectPprof(call, request);
  ASSIGN_OR_RETURN(const int64_t max_nodes,
                   NodeLimit(call.options(), request.has_max_nodes(), request.max_nodes()));
  ASSIGN_OR_RETURN(const contract::QueryRequest query, QueryOf(call, request, ReportKind::kFlameGraph));
  ASSIGN_OR_RETURN(const Report report, call.Query(query));
  const FlameTree tree = codec::Truncate(report.flame_tree, max_nodes);
  if (request.format() == querier::v1::PROFILE_FORMAT_TREE) {
    return call.Answer(RenderTree(call.codec(), codec::EncodeBinaryTree(tree)));
  }
  return call.Answer(RenderFlameGraph(call.codec(), codec::EncodeLevels(tree)));
}

Result<HttpResponse> SelectMergeSpanProfile(QuerierCall& call,
                                            querier::v1::SelectMergeSpanProfileRequest& request) {
  SelectMergeStacktracesRequest whole;
  whole.set_profile_typeid(request.profile_typeid());
  whole.set_label_selector(request.label_selector());
  *whole.mutable_span_selector() = request.span_selector();
  whole.set_start(request.start());
  whole.set_end(request.end());
  if (request.has_max_nodes()) whole.set_max_nodes(request.max_nodes());
  if (request.format() == querier::v1::PROFILE_FORMAT_TREE) whole.set_format(request.format());
  return SelectMergeStacktraces(call, whole);
}

Result<HttpResponse> SelectMergeProfile(QuerierCall& call,
                                        querier::v1::SelectMergeProfileRequest& request) {
  SelectMergeStacktracesRequest whole;
  whole.set_profile_typeid(request.profile_typeid());
  whole.set_label_selector(request.label_selector());
  whole.set_start(request.start());
  whole.set_end(request.end());
  *whole.mutable_stack_trace_selector() = request.stack_trace_selector();
  *whole.mutable_profile_id_selector() = request.profile_id_selector();
  *whole.mutable_trace_id_selector() = request.trace_id_selector();
  ASSIGN_OR_RETURN(const contract::QueryRequest query, QueryOf(call, whole, ReportKind::kPprof));
  ASSIGN_OR_RETURN(std::string pprof,
                   RunPprof(call, query, request.stack_trace_selector(), std::max<int64_t>(0, request.max_nodes())));
  ASSIGN_OR_RETURN(std::string message, RenderBareProfile(call.codec(), std::move(pprof)));
  return call.Answer(std::move(message));
}

Result<HttpResponse> Diff(QuerierCall& call, querier::v1::DiffRequest& request) {
  const int64_t wanted = std::max(request.left().max_nodes(), request.right().max_nodes());
  const bool given = request.left().has_max_nodes() || request.right().has_max_nodes();
  ASSIGN_OR_RETURN(const int64_t max_nodes, NodeLimit(call.options(), given, wanted));
  ASSIGN_OR_RETURN(const contract::QueryRequest left_query,
                   QueryOf(call, request.left(), ReportKind::kFlameGraph));
  ASSIGN_OR_RETURN(const contract::QueryRequest right_query,
                   QueryOf(call, request.right(), ReportKind::kFlameGraph));
  ASSIGN_OR_RETURN(const Report left, call.Query(left_query));
  ASSIGN_OR_RETURN(const Report right, call.Query(right_query));
  return call.Answer(RenderDiff(
      call.codec(), codec::EncodeDiffLevels(left.flame_tree, right.flame_tree, max_nodes)));
}

}  // namespace

void AddStacktraceRoutes(const QuerierServices& services, Router* router) {
  AddQuerierRoute<SelectMergeStacktracesRequest>(services, "SelectMergeStacktraces",
                                                 SelectMergeStacktraces, router);
  AddQuerierRoute<querier::v1::SelectMergeSpanProfileRequest>(services, "SelectMergeSpanProfile",
                                                              SelectMergeSpanProfile, router);
  AddQuerierRoute<querier::v1::SelectMergeProfileRequest>(services, "SelectMergeProfile",
                                                          SelectMergeProfile, router);
  AddQuerierRoute<querier::v1::DiffRequest>(services, "Diff", Diff, router);
}

}  // namespace brazier::http
