// Heatmaps as the compatible API has them: cells of 20 equal parts of the range of all values. Pure. Internal to server/http.
#pragma once

#include <string>
#include <vector>

#include "common/model/query.h"
#include "server/http/connect.h"

namespace brazier::http {

struct HeatmapSlot {
  int64_t time_ms = 0;
  std::vector<int64_t> counts;             // by part of the axis
  std::vector<const Exemplar*> exemplars;  // of each part that has one, the largest; into the set
};
struct HeatmapOutput {
  static constexpr size_t kParts = 20;
  struct Series {
    const Labels* labels = nullptr;
    std::vector<HeatmapSlot> slots;  // ascending, without empty ones
    uint64_t count = 0;
  };
  std::vector<double> y_min;   // of each part
  std::vector<Series> series;  // the largest count first, then by labels
};

// At most `limit` series when it is positive; the axis is that of their values. Borrows from the set.
HeatmapOutput ArrangeHeatmap(const HeatmapSet& set, int64_t limit);
// A querier.v1.SelectHeatmapResponse.
std::string RenderHeatmap(ConnectCodec codec, const HeatmapOutput& heatmap);

}  // namespace brazier::http
