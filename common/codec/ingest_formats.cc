#include "common/codec/ingest_formats.h"

#include <array>

#include "common/codec/compression.h"
#include "common/codec/folded.h"
#include "common/codec/ingest_name.h"
#include "common/codec/text.h"

namespace brazier::codec {
namespace {

using DecodeFunction = Result<IngestedProfile> (*)(const RawProfile& raw, std::string_view data,
                                                   const IngestLimits& limits);

// A pprof from before 1971 has no real time of its own.
constexpr int64_t kTimeNsMin = int64_t{365} * 24 * 3600 * 1'000'000'000;

bool IsScripting(std::string_view spy) {
  return spy == "pyspy" || spy == "rbspy" || spy == "scripting";
}

// Scripting languages repeat function names from file to file: the frame's name carries the file.
void PrefixNamesWithFiles(SymbolTable& symbols, bool skip_absolute) {
  for (Function& f : symbols.functions) {
    const std::string file(symbols.strings.Get(f.filename));
    if (file.empty() || (skip_absolute && file[0] == '/')) continue;
    f.name = symbols.strings.Add(file + " " + std::string(symbols.strings.Get(f.name)));
  }
}

// Labels of an /ingest upload: tags, the private ones dropped, the application as the service.
Labels IngestLabels(const IngestName& name, const std::string& service, const std::string& spy) {
  Labels labels;
  for (const Label& tag : name.tags) {
    const bool is_private = tag.name.starts_with("__");
    if (!is_private || tag.name == label::kSessionId) labels.Set(tag.name, tag.value);
  }
  if (labels.Get(label::kServiceName).empty()) {
    labels.Set(label::kServiceName, service);
  } else {
    labels.SetDefault("app_name", service);
  }
  labels.Set(label::kSpy, spy.empty() ? "unknown" : spy);
  return labels;
}

Result<IngestedProfile> DecodePprofFormat(const RawProfile& raw, std::string_view data,
                                          const IngestLimits& limits) {
  PprofLimits profile_limits = limits.profile;
  const IngestParams& params = raw.params;
  profile_limits.replace_dash_in_types = params.spy_name == "dotnetspy";
  IngestedProfile out;
  ASSIGN_OR_RETURN(out.profile, DecodePprof(AsBytes(data), profile_limits));
  if (params.name.empty()) {
    out.labels = raw.labels;
  } else {
    ASSIGN_OR_RETURN(const IngestName name, ParseIngestName(params.name));
    out.labels = IngestLabels(name, name.app, params.spy_name);
    ASSIGN_OR_RETURN(const std::string metric,
                     PprofMetricName(out.profile.sample_types, params.sample_type_config));
    out.labels.Set(label::kName, metric);
    if (IsScripting(params.spy_name)) {
      PrefixNamesWithFiles(out.profile.symbols, params.spy_name == "pyspy");
    }
  }
  if (out.profile.time_ns < kTimeNsMin) out.profile.time_ns = params.from_ns;
  return out;
}

template <Result<DecodedProfile> (*kDecode)(std::string_view, const PprofLimits&)>
Result<IngestedProfile> DecodeTextFormat(const RawProfile& raw, std::string_view data,
                                         const IngestLimits& limits) {
  const IngestParams& params = raw.params;
  const uint32_t rate = params.sample_rate_given ? params.sample_rate_hz : 100;
  IngestedProfile out;
  TextProfileType type;
  if (params.name.empty()) {
    // Without an application name the labels say what it is; counts are taken as samples of the CPU clock.
    ASSIGN_OR_RETURN(type, TextProfileTypeOf("unnamed", rate));
    out.labels = raw.labels;
    out.labels.SetDefault(label::kName, type.metric);
  } else {
    ASSIGN_OR_RETURN(const IngestName name, ParseIngestName(params.name));
    ASSIGN_OR_RETURN(type, TextProfileTypeOf(name.app, rate));
    out.labels = IngestLabels(name, type.service, params.spy_name);
    out.labels.Set(label::kName, type.metric);
  }
  ASSIGN_OR_RETURN(out.profile, kDecode(data, limits.profile));
  out.profile.sample_types = {type.sample_type};
  out.profile.period_type = type.period_type;
  out.profile.period = type.period;
  out.profile.time_ns = params.from_ns;
  if (params.until_ns > params.from_ns) out.profile.duration_ns = params.until_ns - params.from_ns;
  for (int64_t& value : out.profile.values) {
    if (__builtin_mul_overflow(value, type.value_scale, &value)) value = INT64_MAX;
  }
  return out;
}

struct FormatRow {
  std::string_view name;
  DecodeFunction decode;
};

constexpr std::array kFormats = {
    FormatRow{"pprof", DecodePprofFormat},
    FormatRow{"folded", DecodeTextFormat<DecodeFolded>},
    FormatRow{"groups", DecodeTextFormat<DecodeFolded>},
    FormatRow{"collapsed", DecodeTextFormat<DecodeFolded>},
    FormatRow{"", DecodeTextFormat<DecodeFolded>},
    FormatRow{"lines", DecodeTextFormat<DecodeLines>},
};

}  // namespace

Result<IngestedProfile> DecodeIngest(const RawProfile& raw, const IngestLimits& limits) {
  const FormatRow* row = nullptr;
  for (const FormatRow& candidate : kFormats) {
    if (candidate.name == raw.params.format) row = &candidate;
  }
  if (row == nullptr) {
    return InvalidArgument("format \"" + raw.params.format.substr(0, 64) +
                           "\" is not one that this version reads (pprof, folded, groups, lines)")
        .WithReason("unknown_format");
  }
  thread_local std::string inflated;
  std::string_view data = raw.data;
  if (IsGzip(AsBytes(data))) {
    RETURN_IF_ERROR(Gunzip(AsBytes(data), limits.profile_bytes_max, &inflated));
    data = inflated;
  } else if (data.size() > limits.profile_bytes_max) {
    return ResourceExhausted("profile is " + std::to_string(data.size()) +
                             " bytes, the limit is " + std::to_string(limits.profile_bytes_max) +
                             " (max-profile-bytes)")
        .WithReason("profile_size_limit");
  }
  const Hash128 content_hash = HashTo128(AsBytes(data));
  const size_t bytes = data.size();
  Result<IngestedProfile> out = row->decode(raw, data, limits);
  if (out.ok()) {
    out->content_hash = content_hash;
    out->bytes = bytes;
  }
  // One giant profile must not keep its buffer for the life of the thread.
  constexpr size_t kKeepBytes = 1 << 20;
  if (inflated.capacity() > kKeepBytes) std::string().swap(inflated);
  return out;
}

std::vector<std::string_view> IngestFormatNames() {
  std::vector<std::string_view> names;
  for (const FormatRow& row : kFormats) {
    if (!row.name.empty()) names.push_back(row.name);
  }
  return names;
}

}  // namespace brazier::codec
