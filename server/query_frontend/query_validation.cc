#include "server/query_frontend/query_validation.h"

#include <algorithm>

#include "common/model/function_matcher.h"
#include "common/model/label_report.h"
#include "common/model/profile_type.h"
#include "common/model/selector.h"

namespace brazier::query_frontend {
namespace {

constexpr int64_t kStepNsMin = 1'000'000;
// Points of one series; a finer step is a mistake, and would be paid for in memory.
constexpr int64_t kPointsMax = 1'000'000;

std::string DurationText(int64_t ns) {
  const int64_t seconds = ns / 1'000'000'000;
  if (seconds % 86'400 == 0 && seconds > 0) return std::to_string(seconds / 86'400) + "d";
  return std::to_string(seconds / 3600) + "h" + std::to_string(seconds / 60 % 60) + "m" +
         std::to_string(seconds % 60) + "s";
}

Status CheckRange(const contract::QueryRequest& request, const QueryFrontendOptions& options) {
  if (request.start_ns == 0 || request.end_ns == 0) {
    return InvalidArgument("missing time range in the query").WithReason("missing_time_range");
  }
  // Positive times keep every difference below in range.
  if (request.start_ns < 0 || request.end_ns < 0) {
    return InvalidArgument("query times are before 1970").WithReason("invalid_time_range");
  }
  if (request.start_ns > request.end_ns) {
    return InvalidArgument("query start time is after end time").WithReason("invalid_time_range");
  }
  const int64_t length_ns = request.end_ns - request.start_ns;
  if (options.query_length_max_ns > 0 && length_ns > options.query_length_max_ns) {
    return InvalidArgument("the query time range exceeds the limit (max_query_length, actual: " +
                           DurationText(length_ns) +
                           ", limit: " + DurationText(options.query_length_max_ns) + ")")
        .WithReason("query_limit");
  }
  return Status::Ok();
}

bool NeedsProfileType(ReportKind kind) {
  return !LabelReport::IsLabelKind(kind);
}

Status CheckReports(const contract::QueryRequest& request) {
  if (request.reports.empty()) return InvalidArgument("no report is asked for");
  for (const ReportRequest& report : request.reports) {
    if (report.kind == ReportKind::kLabelValues && report.label_name.empty()) {
      return InvalidArgument("name is required");
    }
    if (report.kind == ReportKind::kFunctionUsage) {
      if (report.function.empty()) return InvalidArgument("the function is required");
      RETURN_IF_ERROR(FunctionMatcher(report).status());
    }
    if (!HasSteps(report.kind)) continue;
    if (report.step_ns < kStepNsMin) return InvalidArgument("step must be >= 1ms");
    if ((request.end_ns - request.start_ns) / report.step_ns > kPointsMax) {
      return InvalidArgument("the range has more than " + std::to_string(kPointsMax) +
                             " steps; choose a larger step")
          .WithReason("query_limit");
    }
  }
  return Status::Ok();
}

Status CheckFilter(const SampleFilter& filter) {
  const auto check = [](size_t count, size_t limit, const char* what) {
    if (count <= limit) return Status::Ok();
    return InvalidArgument(std::to_string(count) + " " + what + ", the limit is " + std::to_string(limit))
        .WithReason("query_limit");
  };
  RETURN_IF_ERROR(check(filter.profile_ids.size(), SampleFilter::kIdsMax, "profile ids"));
  RETURN_IF_ERROR(check(filter.span_ids.size(), SampleFilter::kIdsMax, "span ids"));
  RETURN_IF_ERROR(check(filter.trace_ids.size(), SampleFilter::kIdsMax, "trace ids"));
  RETURN_IF_ERROR(check(filter.functions.size(), SampleFilter::kFunctionsMax, "functions of a stack"));
  if (filter.min_value < 0) return InvalidArgument("the smallest value is negative");
  return Status::Ok();
}

}  // namespace

Result<ValidQuery> ValidateQuery(const contract::QueryRequest& request,
                                 const QueryFrontendOptions& options, int64_t now_ns) {
  if (request.tenants.empty()) {
    return Status(Code::kUnauthenticated, "no org id");
  }
  const bool needs_type =
      std::any_of(request.reports.begin(), request.reports.end(),
                  [](const ReportRequest& r) { return NeedsProfileType(r.kind); });
  Selector selector;
  if (needs_type) {
    ASSIGN_OR_RETURN(const ProfileType type, ProfileType::Parse(request.profile_type));
    ASSIGN_OR_RETURN(Matcher matcher, Matcher::Make(std::string(label::kProfileType),
                                                    Matcher::Op::kEqual, type.ToString()));
    selector.Add(std::move(matcher));
  }
  for (const std::string& text : request.selectors) {
    ASSIGN_OR_RETURN(const Selector part, Selector::Parse(text));
    for (const Matcher& matcher : part.matchers()) selector.Add(matcher);
  }
  RETURN_IF_ERROR(CheckRange(request, options));
  RETURN_IF_ERROR(CheckReports(request));
  RETURN_IF_ERROR(CheckFilter(request.filter));

  ValidQuery out;
  out.spec.tenants = request.tenants;
  out.spec.start_ns = request.start_ns;
  out.spec.end_ns = request.end_ns;
  if (options.query_lookback_ns > 0) {
    const int64_t oldest_ns = now_ns - options.query_lookback_ns;
    out.is_empty = request.end_ns < oldest_ns;
    // Whole steps, so that the buckets of time series stay where the client put them.
    int64_t step_ns = 1;
    for (const ReportRequest& report : request.reports) step_ns = std::max(step_ns, report.step_ns);
    if (out.spec.start_ns < oldest_ns && !out.is_empty) {
      out.spec.start_ns += (oldest_ns - out.spec.start_ns) / step_ns * step_ns;
    }
  }
  out.spec.selector = selector.ToString();
  out.spec.call_site = request.call_site;
  out.spec.filter = request.filter;
  out.spec.reports = request.reports;
  out.spec.memory_bytes_max = options.memory_bytes_max;

  out.find.tenants = request.tenants;
  out.find.end_ns = out.spec.end_ns;
  out.find.start_ns = out.spec.start_ns;
  for (const ReportRequest& report : request.reports) {
    if (!HasSteps(report.kind)) continue;
    // The first bucket also holds what lies up to a step before the range.
    out.find.start_ns = std::min(out.find.start_ns, out.spec.start_ns - report.step_ns + 1);
  }
  out.find.service = selector.EqualValue(label::kServiceName);
  if (!selector.matchers().empty()) out.find.selector = out.spec.selector;
  out.find.profile_type = selector.EqualValue(label::kProfileType);
  return out;
}

}  // namespace brazier::query_frontend
