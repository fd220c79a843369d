// The grid of a report with steps (HasSteps). Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/model/query.h"

namespace brazier::query_backend {

// The smallest start + k * step that is >= time; none when the time lies outside the grid.
std::optional<int64_t> BucketOf(const QuerySpec& spec, const ReportRequest& request, int64_t time_ns);

// Those of the labels that the report groups by.
Labels GroupOf(const ReportRequest& request, const Labels& labels);
// The others.
Labels LabelsBesideGroup(const ReportRequest& request, Labels labels);

}  // namespace brazier::query_backend
