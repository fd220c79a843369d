// The large answers of the querier, written straight into their wire form: JSON text or protobuf bytes of
// SelectMergeStacktracesResponse and DiffResponse (idl/connect/querier.proto). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/codec/flame_graph.h"
#include "server/http/connect.h"

namespace brazier::http {

std::string RenderFlameGraph(ConnectCodec codec, const codec::FlameGraph& graph);
std::string RenderDiff(ConnectCodec codec, const codec::FlameGraphDiff& diff);
// `tree` is the binary tree form.
std::string RenderTree(ConnectCodec codec, std::string_view tree);
// `dot` is UTF-8.
std::string RenderDot(ConnectCodec codec, std::string_view dot);
// `pprof` are the bytes of a google.v1.Profile. Inside a SelectMergeStacktracesResponse, or bare.
Result<std::string> RenderPprof(ConnectCodec codec, std::string pprof);
Result<std::string> RenderBareProfile(ConnectCodec codec, std::string pprof);

}  // namespace brazier::http
