// RollupCover: which hours, days and single profiles of a dataset a report reads, so that together they are exactly the profiles of
// its range and none counts twice. A roll-up bucket stands for its profiles where the range holds all that the dataset has in
// it; single profiles ("raw") fill the edges. Pure functions of what the index knows: planner and read node come to the same.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/model/query.h"

namespace brazier {

struct TimeRange {
  int64_t first_ns = 0;  // inclusive
  int64_t last_ns = 0;   // inclusive
  bool Holds(int64_t time_ns) const { return first_ns <= time_ns && time_ns <= last_ns; }
  bool Meets(int64_t min_ns, int64_t max_ns) const { return first_ns <= max_ns && min_ns <= last_ns; }
  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

struct RollupCover {
  std::vector<TimeRange> raw;    // of profiles' times; at most two
  std::vector<TimeRange> hours;  // of ends of buckets: all that lie in a range; at most two
  std::vector<TimeRange> days;   // likewise; at most one
  bool UsesRollups() const { return !hours.empty() || !days.empty(); }
  bool IsEmpty() const { return raw.empty() && !UsesRollups(); }
  friend bool operator==(const RollupCover&, const RollupCover&) = default;
};

struct CoverOptions {
  bool hours = false;  // may be used
  bool days = false;
};

// `data`: the dataset has no profile outside of it. Empty when the range has none of it.
RollupCover CoverRange(const TimeRange& range, const TimeRange& data, CoverOptions options);

// The profiles that a report of the query means: the range, or that of the buckets of a time series. False: none at all.
bool RangeOf(const QuerySpec& spec, const ReportRequest& report, TimeRange* range);

// Whether a deletion names a series or time that the dataset may have.
bool MayConcern(const DataFilter& deletion, const DatasetMeta& dataset);

// Covers of one dataset for all reports of a query.
struct DatasetCover {
  std::vector<RollupCover> reports;  // in the order of the requests
  RollupCover rows;                  // whether any report reads these; the ranges of all of them
  RollupCover samples;               // likewise, of those that read samples: they have one cover
  bool has_deletions = false;        // that may concern the dataset

  // Whether a section must be read.
  bool Needs(const SectionRef& section) const;
};
// Roll-ups are not used where they count what the query must not: in datasets with hidden profiles, or from which something
// was deleted.
DatasetCover CoverDataset(const QuerySpec& spec, const DatasetMeta& dataset, std::span<const DataFilter> deletions);

// Stored bytes of what a query reads of a dataset.
uint64_t BytesOf(const DatasetMeta& dataset, const DatasetCover& cover);

// "raw", "24 hours, 3 days", "raw edges, 7 hours": what a query reads of a dataset.
std::string DescribeCover(const DatasetCover& cover);

}  // namespace brazier
