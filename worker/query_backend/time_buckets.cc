#include "worker/query_backend/time_buckets.h"

namespace brazier::query_backend {

std::optional<int64_t> BucketOf(const QuerySpec& spec, const ReportRequest& request, int64_t time_ns) {
  const int64_t step = request.step_ns;
  if (step <= 0 || time_ns <= spec.start_ns - step || time_ns > spec.end_ns) return std::nullopt;
  if (time_ns <= spec.start_ns) return spec.start_ns;
  // Compared as numbers of steps: the edge itself may be beyond what a time can hold.
  const int64_t k = (time_ns - spec.start_ns - 1) / step + 1;
  if (k > (spec.end_ns - spec.start_ns) / step) return std::nullopt;
  return spec.start_ns + k * step;
}

Labels GroupOf(const ReportRequest& request, const Labels& labels) {
  Labels group;
  for (const std::string& name : request.group_by) {
    if (labels.Has(name)) group.Set(name, labels.Get(name));
  }
  return group;
}

Labels LabelsBesideGroup(const ReportRequest& request, Labels labels) {
  for (const std::string& name : request.group_by) labels.Erase(name);
  return labels;
}

}  // namespace brazier::query_backend
