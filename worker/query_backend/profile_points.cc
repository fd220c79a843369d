#include "worker/query_backend/profile_points.h"

#include "common/base/saturating.h"
#include "worker/query_backend/time_buckets.h"

namespace brazier::query_backend {
namespace {

Labels InCommon(const Labels& a, const Labels& b) {
  Labels out;
  for (const Label& label : a) {
    if (b.Has(label.name) && b.Get(label.name) == label.value) out.Set(label.name, label.value);
  }
  return out;
}

}  // namespace

void ProfilePoints::Begin(const DatasetView& view) {
  End();
  groups_.clear();
  for (const Labels& labels : view.rows.series) groups_.push_back(GroupOf(request_, labels));
}

void ProfilePoints::Add(const DatasetView& view, const block::DatasetRow& row, int64_t value) {
  if (row.profile != profile_) End();
  profile_ = row.profile;
  const ProfileBatch::Profile& profile = view.rows.profiles[row.profile];
  const std::optional<int64_t> bucket_ns = BucketOf(view.spec, request_, profile.time_ns);
  if (!bucket_ns.has_value()) return;
  Labels labels = LabelsBesideGroup(request_, view.rows.series[row.series]);
  const Labels& group = groups_[row.series];
  for (Point& point : points_) {
    if (*point.group != group) continue;
    AddSaturating(&point.exemplar.value, value);
    point.exemplar.labels = InCommon(point.exemplar.labels, labels);
    return;
  }
  points_.push_back({&group, *bucket_ns, {.value = value, .profile_id = profile.identity, .time_ns = profile.time_ns,
                                          .trace_id = {}, .labels = std::move(labels)}});
}

void ProfilePoints::End() {
  for (const Point& point : points_) sink_(*point.group, point.bucket_ns, point.exemplar);
  points_.clear();
}

}  // namespace brazier::query_backend
