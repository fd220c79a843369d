#include "server/http/heatmap_render.h"

#include <algorithm>
#include <bit>

#include "common/base/clock.h"
#include "server/http/json_text.h"
#include "server/http/series_render.h"
#include "server/http/wire_text.h"

namespace brazier::http {
namespace {

// Field numbers of querier.v1.SelectHeatmapResponse and types.v1.
constexpr uint32_t kResponseSeries = 1;
constexpr uint32_t kSeriesLabels = 1;
constexpr uint32_t kSeriesSlots = 2;
constexpr uint32_t kSlotTimestamp = 1;
constexpr uint32_t kSlotYMin = 2;
constexpr uint32_t kSlotCounts = 3;
constexpr uint32_t kSlotExemplars = 4;

uint64_t CountOf(const std::map<std::pair<int64_t, int64_t>, HeatmapCell>& cells) {
  uint64_t count = 0;
  for (const auto& [at, cell] : cells) count += cell.count;
  return count;
}

struct Axis {
  double min = 0, max = 1;
  size_t PartOf(int64_t value) const {
    const double part = (static_cast<double>(value) - min) / (max - min) * static_cast<double>(HeatmapOutput::kParts);
    return std::min(static_cast<size_t>(std::max(part, 0.0)), HeatmapOutput::kParts - 1);
  }
};

std::vector<HeatmapSlot> SlotsOf(const std::map<std::pair<int64_t, int64_t>, HeatmapCell>& cells, const Axis& axis) {
  std::vector<HeatmapSlot> slots;
  std::vector<const Exemplar*> chosen;  // by part, of the last slot
  const auto close = [&] {
    for (const Exemplar* exemplar : chosen) {
      if (exemplar != nullptr) slots.back().exemplars.push_back(exemplar);
    }
    chosen.assign(HeatmapOutput::kParts, nullptr);
  };
  chosen.assign(HeatmapOutput::kParts, nullptr);
  for (const auto& [at, cell] : cells) {
    const int64_t time_ms = at.first / kNsPerMs;
    if (slots.empty() || slots.back().time_ms != time_ms) {
      close();
      slots.push_back({.time_ms = time_ms, .counts = std::vector<int64_t>(HeatmapOutput::kParts), .exemplars = {}});
    }
    const size_t part = axis.PartOf(at.second);
    slots.back().counts[part] += static_cast<int64_t>(cell.count);
    if (cell.exemplar.has_value() && (chosen[part] == nullptr || cell.exemplar->IsBefore(*chosen[part]))) {
      chosen[part] = &*cell.exemplar;
    }
  }
  close();
  return slots;
}

std::string RenderJson(const HeatmapOutput& heatmap) {
  if (heatmap.series.empty()) return "{}";
  std::string y_min;
  for (const double y : heatmap.y_min) {
    if (!y_min.empty()) y_min.push_back(',');
    AppendJsonDouble(y, &y_min);
  }
  std::string out = "{\"series\":[";
  for (size_t i = 0; i < heatmap.series.size(); ++i) {
    out += i > 0 ? ",{" : "{";
    if (!heatmap.series[i].labels->empty()) {
      AppendJsonLabels(*heatmap.series[i].labels, &out);
      out.push_back(',');
    }
    out += "\"slots\":[";
    for (size_t k = 0; k < heatmap.series[i].slots.size(); ++k) {
      const HeatmapSlot& slot = heatmap.series[i].slots[k];
      out += k > 0 ? ",{\"timestamp\":" : "{\"timestamp\":";
      AppendJsonInt64(slot.time_ms, &out);
      out += ",\"yMin\":[" + y_min + "],\"counts\":[";
      for (size_t part = 0; part < slot.counts.size(); ++part) {
        if (part > 0) out.push_back(',');
        out += std::to_string(slot.counts[part]);
      }
      out.push_back(']');
      if (!slot.exemplars.empty()) {
        out.push_back(',');
        AppendJsonExemplars(slot.exemplars, &out);
      }
      out.push_back('}');
    }
    out += "]}";
  }
  return out + "]}";
}

std::string RenderProto(const HeatmapOutput& heatmap) {
  std::string y_min;
  for (const double y : heatmap.y_min) {
    // Packed, zeros too: eight bytes each.
    const auto bits = std::bit_cast<uint64_t>(y);
    for (int shift = 0; shift < 64; shift += 8) y_min.push_back(static_cast<char>(bits >> shift));
  }
  std::string out, message, slot_message, counts;
  for (const HeatmapOutput::Series& series : heatmap.series) {
    message.clear();
    AppendLabelFields(kSeriesLabels, *series.labels, &message);
    for (const HeatmapSlot& slot : series.slots) {
      slot_message.clear();
      counts.clear();
      for (const int64_t count : slot.counts) AppendVarint(static_cast<uint64_t>(count), &counts);
      AppendNumberField(kSlotTimestamp, slot.time_ms, &slot_message);
      AppendBytesField(kSlotYMin, y_min, &slot_message);
      AppendBytesField(kSlotCounts, counts, &slot_message);
      AppendExemplarFields(kSlotExemplars, slot.exemplars, &slot_message);
      AppendBytesField(kSeriesSlots, slot_message, &message);
    }
    AppendBytesField(kResponseSeries, message, &out);
  }
  return out;
}

}  // namespace

HeatmapOutput ArrangeHeatmap(const HeatmapSet& set, int64_t limit) {
  HeatmapOutput out;
  for (const auto& [labels, cells] : set) {
    if (const uint64_t count = CountOf(cells); count > 0) out.series.push_back({.labels = &labels, .slots = {}, .count = count});
  }
  // The map is in the order of labels already.
  std::stable_sort(out.series.begin(), out.series.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  if (limit > 0 && static_cast<size_t>(limit) < out.series.size()) out.series.resize(static_cast<size_t>(limit));
  bool is_any = false;
  int64_t min = 0, max = 0;
  for (const HeatmapOutput::Series& series : out.series) {
    for (const auto& [at, cell] : set.at(*series.labels)) {
      min = is_any ? std::min(min, at.second) : at.second;
      max = is_any ? std::max(max, at.second) : at.second;
      is_any = true;
    }
  }
  const Axis axis{static_cast<double>(min), min == max ? static_cast<double>(min) + 1 : static_cast<double>(max)};
  for (size_t part = 0; part < HeatmapOutput::kParts; ++part) {
    out.y_min.push_back(axis.min + static_cast<double>(part) * (axis.max - axis.min) / static_cast<double>(HeatmapOutput::kParts));
  }
  for (HeatmapOutput::Series& series : out.series) series.slots = SlotsOf(set.at(*series.labels), axis);
  return out;
}

std::string RenderHeatmap(ConnectCodec codec, const HeatmapOutput& heatmap) {
  return codec == ConnectCodec::kJson ? RenderJson(heatmap) : RenderProto(heatmap);
}

}  // namespace brazier::http
