// Commands that talk to a server: push, query, ready.
#include <iostream>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>

#include "common/base/clock.h"
#include "common/codec/dot.h"
#include "common/codec/pprof_encode.h"
#include "common/model/profile_id.h"
#include "common/model/profile_type.h"
#include "common/observe/request_id.h"
#include "common/rpc/push_client.h"
#include "common/rpc/query_client.h"
#include "tools/brazierctl/commands.h"
#include "tools/brazierctl/print_report.h"
#include "tools/brazierctl/read_file.h"

namespace brazier::ctl {
namespace {

rpc::ClientOptions ClientOptionsOf(const ServerOptions& server) {
  return {.addresses = {server.address}, .default_timeout_ms = server.timeout_ms, .threads = 1};
}

contract::RequestContext MakeContext(const ServerOptions& server) {
  return {MakeRequestId(SystemRandom()),
          SystemClock().MonotonicNs() + server.timeout_ms * kNsPerMs};
}

Result<Labels> ParseLabels(const std::vector<std::string>& texts) {
  std::vector<Label> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("label \"" + text + "\" is not of the form name=value");
    }
    labels.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return Labels(std::move(labels));
}

Result<contract::PushRequest> MakePushRequest(const ServerOptions& server,
                                              const PushOptions& options) {
  contract::PushRequest request;
  request.tenant = server.tenant;
  request.source = "thrift";
  ASSIGN_OR_RETURN(Labels labels, ParseLabels(options.labels));
  for (const std::string& file : options.files) {
    RawProfile profile;
    ASSIGN_OR_RETURN(profile.data, ReadFile(file));
    profile.labels = labels;
    profile.params.format = options.format;
    profile.params.name = options.name;
    profile.client_id = options.id;
    request.profiles.push_back(std::move(profile));
  }
  return request;
}

ReportRequest MakeReportRequest(const QueryOptions& options) {
  ReportRequest report;
  switch (options.output) {
    case QueryOutput::kTop:
      report.kind = ReportKind::kTopFunctions;
      break;
    case QueryOutput::kTree:
    case QueryOutput::kFolded:
    case QueryOutput::kDot:
      report.kind = ReportKind::kFlameGraph;
      break;
    case QueryOutput::kPprof:
      report.kind = ReportKind::kPprof;
      break;
    case QueryOutput::kSeries:
      report.kind = ReportKind::kSeries;
      break;
    case QueryOutput::kTypes:
      report.kind = ReportKind::kProfileTypes;
      break;
    case QueryOutput::kLabels:
      report.kind = ReportKind::kLabelNames;
      break;
    case QueryOutput::kValues:
      report.kind = ReportKind::kLabelValues;
      report.label_name = options.label;
      break;
    case QueryOutput::kTimeline:
      report.kind = ReportKind::kTimeSeries;
      report.step_ns = options.step_ns;
      report.group_by = options.group_by;
      report.exemplars = options.exemplars;
      break;
    case QueryOutput::kUsage:
      report.kind = ReportKind::kFunctionUsage;
      report.step_ns = options.step_ns;
      report.group_by = options.group_by.empty() ? std::vector<std::string>{std::string(label::kServiceName)} : options.group_by;
      report.is_function_regex = !options.function_regex.empty();
      report.function = report.is_function_regex ? options.function_regex : options.function;
      break;
  }
  return report;
}

Result<SampleFilter> FilterOf(const QueryOptions& options) {
  SampleFilter filter;
  for (const std::string& text : options.profile_ids) {
    ASSIGN_OR_RETURN(filter.profile_ids.emplace_back(), ParseProfileId(text));
  }
  for (const std::string& text : options.span_ids) {
    ASSIGN_OR_RETURN(filter.span_ids.emplace_back(), ParseSpanId(text));
  }
  for (const std::string& text : options.trace_ids) {
    ASSIGN_OR_RETURN(filter.trace_ids.emplace_back(), ParseTraceId(text));
  }
  filter.functions = options.with_functions;
  filter.min_value = options.min_value;
  return filter;
}

Result<contract::QueryRequest> MakeQueryRequest(const ServerOptions& server, const QueryOptions& options) {
  contract::QueryRequest request;
  if (!server.tenant.empty()) request.tenants = {server.tenant};
  const int64_t now_ns = SystemClock().NowNs();
  request.start_ns = options.start_ns != 0 ? options.start_ns : now_ns - options.since_ns;
  request.end_ns = options.end_ns != 0 ? options.end_ns : now_ns;
  request.selectors = {options.selector};
  request.profile_type = options.profile_type;
  request.reports = {MakeReportRequest(options)};
  request.explain = options.explain;
  ASSIGN_OR_RETURN(request.filter, FilterOf(options));
  return request;
}

Status WritePprof(const Report& report, const QueryOptions& options, int64_t time_ns,
                  std::ostream& out) {
  const auto type = ProfileType::Parse(options.profile_type);
  if (!type.ok()) return type.status();
  const std::string bytes = codec::EncodePprof(report.stack_profile, *type, time_ns, 0);
  if (options.file.empty()) {
    out << bytes;
    return Status::Ok();
  }
  std::ofstream file(options.file, std::ios::binary);
  file << bytes;
  file.close();
  if (!file) return Internal("file " + options.file + " cannot be written");
  return Status::Ok();
}

std::string UnitOf(const std::string& profile_type) {
  const auto type = ProfileType::Parse(profile_type);
  return type.ok() ? type->sample_unit : std::string();
}

Status PrintReport(const Report& report, const QueryOptions& options, int64_t end_ns,
                   std::ostream& out) {
  constexpr double kTreeShareMin = 0.005;
  switch (options.output) {
    case QueryOutput::kTop:
      out << TopFunctionsText(report.functions, UnitOf(options.profile_type), options.rows);
      break;
    case QueryOutput::kTree:
      out << TreeText(report.flame_tree, UnitOf(options.profile_type), kTreeShareMin);
      break;
    case QueryOutput::kFolded:
      out << FoldedText(report.flame_tree);
      break;
    case QueryOutput::kDot: {
      ASSIGN_OR_RETURN(const ProfileType type, ProfileType::Parse(options.profile_type));
      out << codec::EncodeDot(report.flame_tree, {.type = type.sample_type, .unit = type.sample_unit,
                                                  .nodes_max = static_cast<int64_t>(options.rows)});
      break;
    }
    case QueryOutput::kPprof:
      return WritePprof(report, options, end_ns, out);
    case QueryOutput::kSeries:
      for (const Labels& labels : report.series) out << LabelsText(labels) << "\n";
      break;
    case QueryOutput::kTypes:
    case QueryOutput::kLabels:
    case QueryOutput::kValues:
      for (const std::string& text : report.strings) out << text << "\n";
      break;
    case QueryOutput::kTimeline:
    case QueryOutput::kUsage:
      out << TimeSeriesText(report);
      break;
  }
  return Status::Ok();
}

}  // namespace

Status Push(const ServerOptions& server, const PushOptions& options, std::ostream& out) {
  auto request = MakePushRequest(server, options);
  if (!request.ok()) return request.status();
  const size_t sent = request->profiles.size();

  MetricsRegistry metrics;
  rpc::PushClient client(ClientOptionsOf(server), SystemClock(), SystemRandom(), metrics);
  std::promise<Result<contract::PushReceipt>> answered;
  client.Push(MakeContext(server), std::move(*request),
              [&](Result<contract::PushReceipt> receipt) { answered.set_value(std::move(receipt)); });
  const Result<contract::PushReceipt> receipt = answered.get_future().get();
  if (!receipt.ok()) return receipt.status();

  out << "accepted " << receipt->accepted << " of " << sent;
  if (receipt->duplicates > 0) out << ", " << receipt->duplicates << " known already";
  for (const Ulid& segment : receipt->segments) out << ", segment " << segment.ToString();
  out << "\n";
  for (const contract::Rejection& rejection : receipt->rejections) {
    out << "rejected " << (rejection.index < sent ? options.files[rejection.index] : "?") << ": "
        << rejection.status.ToString();
    if (!rejection.status.reason().empty()) out << " (" << rejection.status.reason() << ")";
    out << "\n";
  }
  if (!receipt->rejections.empty()) return InvalidArgument("not every profile was accepted");
  return Status::Ok();
}

Status Query(const ServerOptions& server, const QueryOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const contract::QueryRequest request, MakeQueryRequest(server, options));
  MetricsRegistry metrics;
  rpc::QueryClient client(ClientOptionsOf(server), SystemClock(), SystemRandom(), metrics);
  const auto response = client.Query(MakeContext(server), request);
  if (!response.ok()) return response.status();
  if (response->reports.size() != 1) return Internal("the server sent no report");
  RETURN_IF_ERROR(PrintReport(response->reports[0], options, request.end_ns, out));
  // Machine-readable outputs stay pure.
  const bool for_people = options.output == QueryOutput::kTop || options.output == QueryOutput::kTree;
  if (for_people) {
    out << StatsText(response->stats);
  } else {
    std::cerr << FailedBlocksText(response->stats);
  }
  std::cerr << response->explanation;
  return Status::Ok();
}

Status Ready(const ServerOptions& server, std::ostream& out) {
  MetricsRegistry metrics;
  rpc::PushClient push(ClientOptionsOf(server), SystemClock(), SystemRandom(), metrics);
  RETURN_IF_ERROR(push.Ready().Annotate("push"));
  rpc::QueryClient query(ClientOptionsOf(server), SystemClock(), SystemRandom(), metrics);
  RETURN_IF_ERROR(query.Ready().Annotate("query"));
  out << "ready\n";
  return Status::Ok();
}

}  // namespace brazier::ctl
