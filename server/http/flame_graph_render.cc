#include "server/http/flame_graph_render.h"

#include <utility>

#include "server/http/json_text.h"
#include "server/http/pprof_json.h"
#include "server/http/wire_text.h"

namespace brazier::http {
namespace {

// Field numbers of querier.v1.
constexpr uint32_t kResponseFlameGraph = 1;
constexpr uint32_t kResponseTree = 2;
constexpr uint32_t kResponseDot = 3;
constexpr uint32_t kResponsePprof = 5;
constexpr uint32_t kPprofProfile = 1;
constexpr uint32_t kGraphNames = 1;
constexpr uint32_t kGraphLevels = 2;
constexpr uint32_t kGraphTotal = 3;
constexpr uint32_t kGraphMaxSelf = 4;
constexpr uint32_t kGraphLeftTicks = 5;
constexpr uint32_t kGraphRightTicks = 6;
constexpr uint32_t kLevelValues = 1;

size_t ValueCount(const codec::FlameGraph& graph) {
  size_t count = 0;
  for (const auto& level : graph.levels) count += level.size();
  return count;
}

void AppendJsonNumber(std::string_view name, int64_t value, std::string* out) {
  if (value == 0) return;
  out->append(",\"").append(name).append("\":");
  AppendJsonInt64(value, out);
}

std::string GraphJson(const codec::FlameGraph& graph, int64_t left_ticks, int64_t right_ticks) {
  std::string out;
  out.reserve(256 + graph.names.size() * 40 + ValueCount(graph) * 10);
  out += "{\"flamegraph\":{\"names\":[";
  for (size_t i = 0; i < graph.names.size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendJsonString(graph.names[i], JsonEscapes::kPlain, &out);
  }
  out += "],\"levels\":[";
  for (size_t i = 0; i < graph.levels.size(); ++i) {
    out += i > 0 ? ",{\"values\":[" : "{\"values\":[";
    for (size_t k = 0; k < graph.levels[i].size(); ++k) {
      if (k > 0) out.push_back(',');
      AppendJsonInt64(graph.levels[i][k], &out);
    }
    out += "]}";
  }
  out += "]";
  AppendJsonNumber("total", graph.total, &out);
  AppendJsonNumber("maxSelf", graph.max_self, &out);
  AppendJsonNumber("leftTicks", left_ticks, &out);
  AppendJsonNumber("rightTicks", right_ticks, &out);
  out += "}}";
  return out;
}

std::string GraphProto(const codec::FlameGraph& graph, int64_t left_ticks, int64_t right_ticks) {
  std::string message;
  message.reserve(256 + graph.names.size() * 40 + ValueCount(graph) * 4);
  std::string packed;
  std::string level_message;
  for (const std::string& name : graph.names) AppendBytesField(kGraphNames, name, &message);
  for (const auto& level : graph.levels) {
    packed.clear();
    for (const int64_t value : level) AppendVarint(static_cast<uint64_t>(value), &packed);
    level_message.clear();
    AppendBytesField(kLevelValues, packed, &level_message);
    AppendBytesField(kGraphLevels, level_message, &message);
  }
  AppendNumberField(kGraphTotal, graph.total, &message);
  AppendNumberField(kGraphMaxSelf, graph.max_self, &message);
  AppendNumberField(kGraphLeftTicks, left_ticks, &message);
  AppendNumberField(kGraphRightTicks, right_ticks, &message);
  std::string out;
  AppendBytesField(kResponseFlameGraph, message, &out);
  return out;
}

}  // namespace

std::string RenderFlameGraph(ConnectCodec codec, const codec::FlameGraph& graph) {
  return codec == ConnectCodec::kJson ? GraphJson(graph, 0, 0) : GraphProto(graph, 0, 0);
}

std::string RenderDiff(ConnectCodec codec, const codec::FlameGraphDiff& diff) {
  return codec == ConnectCodec::kJson ? GraphJson(diff.graph, diff.left_ticks, diff.right_ticks)
                                      : GraphProto(diff.graph, diff.left_ticks, diff.right_ticks);
}

std::string RenderTree(ConnectCodec codec, std::string_view tree) {
  std::string out;
  if (codec == ConnectCodec::kProto) {
    if (!tree.empty()) AppendBytesField(kResponseTree, tree, &out);
    return out;
  }
  if (tree.empty()) return "{}";
  out = "{\"tree\":";
  AppendJsonBase64(tree, &out);
  return out + "}";
}

std::string RenderDot(ConnectCodec codec, std::string_view dot) {
  std::string out;
  if (codec == ConnectCodec::kProto) {
    AppendBytesField(kResponseDot, dot, &out);
    return out;
  }
  out = "{\"dot\":";
  AppendJsonString(dot, JsonEscapes::kPlain, &out);
  return out + "}";
}

Result<std::string> RenderPprof(ConnectCodec codec, std::string pprof) {
  if (codec == ConnectCodec::kJson) {
    ASSIGN_OR_RETURN(const std::string json, PprofToJson(pprof));
    return "{\"pprof\":{\"profile\":" + json + "}}";
  }
  std::string profile;
  AppendBytesField(kPprofProfile, pprof, &profile);
  std::string out;
  AppendBytesField(kResponsePprof, profile, &out);
  return out;
}

Result<std::string> RenderBareProfile(ConnectCodec codec, std::string pprof) {
  if (codec == ConnectCodec::kJson) return PprofToJson(pprof);
  return pprof;
}

}  // namespace brazier::http
