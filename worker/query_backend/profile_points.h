// ProfilePoints: sums the rows of each profile by group: the points of a heatmap, and what an exemplar of a time series is chosen from. Rows
// of one profile come one after the other; a profile of several datasets counts in each. Thread-compatible.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {

class ProfilePoints {
 public:
  // A profile's value in a group and its bucket, as an exemplar would name it.
  using Sink = std::function<void(const Labels& group, int64_t bucket_ns, const Exemplar& point)>;

  ProfilePoints(const ReportRequest& request, Sink sink) : request_(request), sink_(std::move(sink)) {}

  // Another dataset begins; its views follow.
  void Begin(const DatasetView& view);
  void Add(const DatasetView& view, const block::DatasetRow& row, int64_t value);
  // What was added last has no more rows.
  void End();

 private:
  struct Point {
    const Labels* group = nullptr;  // in groups_
    int64_t bucket_ns = 0;
    Exemplar exemplar;
  };
  const ReportRequest& request_;
  const Sink sink_;
  std::vector<Labels> groups_;  // by series of the dataset in hand
  uint32_t profile_ = 0;
  std::vector<Point> points_;  // of the profile in hand; few
};

}  // namespace brazier::query_backend
