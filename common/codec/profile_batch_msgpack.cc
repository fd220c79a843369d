#include "common/codec/profile_batch_msgpack.h"

#include "common/codec/msgpack_io.h"
#include "common/codec/symbols_msgpack.h"

namespace brazier::codec {
namespace {

constexpr uint64_t kVersion = 1;
constexpr size_t kSeriesPerBatchMax = 1'000'000;

static_assert(sizeof(Hash128) == 16 && offsetof(Hash128, low) == 8);

auto TieProfile(ProfileBatch::Profile& p) {
  return std::tie(p.identity.high, p.identity.low, p.time_ns, p.duration_ns, p.period);
}
auto TieRow(ProfileBatch::Row& r) {
  return std::tie(r.series, r.profile, r.sample_begin, r.sample_end, r.total);
}

size_t EncodedBytes(const ProfileBatch& batch) {
  size_t n = 512 + batch.tenant.size() + batch.service.size() + SymbolsBytes(batch.symbols) +
             40 * batch.profiles.size() + 24 * batch.rows.size() + 12 * batch.stacks.size() +
             8 * batch.span_ids.size() + 16 * batch.trace_ids.size();
  for (const Labels& labels : batch.series) n += labels.Bytes() + 4 * labels.size() + 4;
  return n;
}

}  // namespace

std::string EncodeProfileBatch(const ProfileBatch& batch) {
  MsgpackWriter out;
  out.Reserve(EncodedBytes(batch));
  out.Map(11);
  out.Key("v");
  out.Uint(kVersion);
  out.Key("tenant");
  out.Str(batch.tenant);
  out.Key("service");
  out.Str(batch.service);
  out.Key("symbols");
  WriteSymbols(out, batch.symbols);
  out.Key("series");
  out.Array(batch.series.size());
  for (const Labels& labels : batch.series) WriteLabels(out, labels);
  out.Key("profiles");
  WriteRecords(out, batch.profiles, TieProfile);
  out.Key("rows");
  WriteRecords(out, batch.rows, TieRow);
  out.Key("stacks");
  out.Column(batch.stacks);
  out.Key("values");
  out.Column(batch.values);
  out.Key("span_ids");
  out.Column(batch.span_ids);
  out.Key("trace_ids");
  out.Column(batch.trace_ids);
  return out.Take();
}

Result<ProfileBatch> DecodeProfileBatch(Bytes data) {
  MsgpackReader in(data, "profile batch");
  ProfileBatch batch;
  uint64_t version = 0;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "v") {
      version = in.Uint();
      if (in.ok() && version != kVersion)
        in.Fail("version " + std::to_string(version) + ", this reads version 1");
    } else if (key == "tenant") {
      batch.tenant = in.Str();
    } else if (key == "service") {
      batch.service = in.Str();
    } else if (key == "symbols") {
      batch.symbols = ReadSymbols(in);
    } else if (key == "series") {
      for (size_t i = in.Array(kSeriesPerBatchMax - batch.series.size()); i > 0 && in.ok(); --i)
        batch.series.push_back(ReadLabels(in));
    } else if (key == "profiles") {
      ReadRecords(in, batch.profiles, TieProfile);
    } else if (key == "rows") {
      ReadRecords(in, batch.rows, TieRow);
    } else if (key == "stacks") {
      in.Column(batch.stacks);
    } else if (key == "values") {
      in.Column(batch.values);
    } else if (key == "span_ids") {
      in.Column(batch.span_ids);
    } else if (key == "trace_ids") {
      in.Column(batch.trace_ids);
    } else {
      in.Skip();
    }
  }
  if (in.ok() && version == 0) in.Fail("no version");
  RETURN_IF_ERROR(in.Finish());
  RETURN_IF_ERROR(batch.Validate());
  return batch;
}

}  // namespace brazier::codec
