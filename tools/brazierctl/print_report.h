// Answers of a query as text for a terminal. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/model/query.h"

namespace brazier::ctl {

// The functions by self and total value, heaviest first, at most `rows`.
std::string TopFunctionsText(const FunctionCosts& functions, std::string_view unit, size_t rows);
// The call tree, indented, heaviest child first; branches below `share_min` of the whole are left out and counted.
std::string TreeText(const FlameTree& tree, std::string_view unit, double share_min);
// One line per stack and its value: "main;work 42". What `brazierctl push --format=folded` takes.
std::string FoldedText(const FlameTree& tree);
// One line per point: series, time, sum, count (of function usage there is none), and the exemplar, when there is one.
std::string TimeSeriesText(const Report& report);
// What was read, on one line, and a second one when the answer goes without blocks.
std::string StatsText(const QueryStats& stats);
// The blocks that the answer goes without, on one line; empty when there are none.
std::string FailedBlocksText(const QueryStats& stats);
// "1.50s", "2.25MiB", "1234": a value in the unit of its profile type.
std::string ValueText(double value, std::string_view unit);
// "2026-11-20T23:16:05Z".
std::string TimeText(int64_t ns);
std::string LabelsText(const Labels& labels);

}  // namespace brazier::ctl
