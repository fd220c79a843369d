// Which functions a report of function usage means (ReportRequest::function). Pure.
#pragma once

#include "common/base/result.h"
#include "common/model/query.h"
#include "common/model/selector.h"

namespace brazier {

// Matches names of functions. kInvalidArgument for a regular expression that is none, which the selector's rules bound.
inline Result<Matcher> FunctionMatcher(const ReportRequest& report) {
  return Matcher::Make("function", report.is_function_regex ? Matcher::Op::kRegex : Matcher::Op::kEqual, report.function);
}

}  // namespace brazier
