#include "server/http/series_render.h"

#include "common/base/clock.h"
#include "common/model/profile_id.h"
#include "server/http/json_text.h"
#include "server/http/wire_text.h"

namespace brazier::http {
namespace {

// Field numbers of types.v1.
constexpr uint32_t kLabelName = 1;
constexpr uint32_t kLabelValue = 2;
constexpr uint32_t kExemplarTimestamp = 1;
constexpr uint32_t kExemplarProfileId = 2;
constexpr uint32_t kExemplarSpanId = 3;
constexpr uint32_t kExemplarValue = 4;
constexpr uint32_t kExemplarLabels = 5;
constexpr uint32_t kExemplarTraceId = 6;

// One of a span is not one of a profile.
std::string ProfileOf(const Exemplar& e) { return e.span_id == 0 ? ProfileIdText(e.profile_id) : ""; }
std::string SpanOf(const Exemplar& e) { return e.span_id == 0 ? "" : SpanIdText(e.span_id); }
std::string TraceOf(const Exemplar& e) { return e.trace_id.IsZero() ? "" : e.trace_id.Hex(); }

void AppendJsonMember(std::string_view name, const std::string& text, std::string* out) {
  if (text.empty()) return;
  out->append(",\"").append(name).append("\":\"").append(text).push_back('"');
}

}  // namespace

void AppendJsonLabels(const Labels& labels, std::string* out) {
  out->append("\"labels\":[");
  bool first = true;
  for (const Label& label : labels) {
    out->append(first ? "{\"name\":" : ",{\"name\":");
    first = false;
    AppendJsonString(label.name, JsonEscapes::kPlain, out);
    if (!label.value.empty()) {
      out->append(",\"value\":");
      AppendJsonString(label.value, JsonEscapes::kPlain, out);
    }
    out->push_back('}');
  }
  out->push_back(']');
}

void AppendJsonExemplars(const std::vector<const Exemplar*>& exemplars, std::string* out) {
  out->append("\"exemplars\":[");
  for (size_t i = 0; i < exemplars.size(); ++i) {
    const Exemplar& e = *exemplars[i];
    out->append(i == 0 ? "{\"timestamp\":" : ",{\"timestamp\":");
    AppendJsonInt64(e.time_ns / kNsPerMs, out);
    AppendJsonMember("profileId", ProfileOf(e), out);
    AppendJsonMember("spanId", SpanOf(e), out);
    out->append(",\"value\":");
    AppendJsonInt64(e.value, out);
    if (!e.labels.empty()) {
      out->push_back(',');
      AppendJsonLabels(e.labels, out);
    }
    AppendJsonMember("traceId", TraceOf(e), out);
    out->push_back('}');
  }
  out->push_back(']');
}

void AppendLabelFields(uint32_t field, const Labels& labels, std::string* out) {
  std::string part;
  for (const Label& label : labels) {
    part.clear();
    AppendBytesField(kLabelName, label.name, &part);
    AppendBytesField(kLabelValue, label.value, &part);
    AppendBytesField(field, part, out);
  }
}

void AppendExemplarFields(uint32_t field, const std::vector<const Exemplar*>& exemplars, std::string* out) {
  std::string part;
  const auto text = [&](uint32_t number, const std::string& value) {
    if (!value.empty()) AppendBytesField(number, value, &part);
  };
  for (const Exemplar* e : exemplars) {
    part.clear();
    AppendNumberField(kExemplarTimestamp, e->time_ns / kNsPerMs, &part);
    text(kExemplarProfileId, ProfileOf(*e));
    text(kExemplarSpanId, SpanOf(*e));
    AppendNumberField(kExemplarValue, e->value, &part);
    AppendLabelFields(kExemplarLabels, e->labels, &part);
    text(kExemplarTraceId, TraceOf(*e));
    AppendBytesField(field, part, out);
  }
}

}  // namespace brazier::http
