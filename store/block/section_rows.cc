// Parts: series = string count, strings (length, bytes), series count, per series: label count, (name id, value id)...;
// identities = 16 bytes per profile; numbers = profile count, times (delta), durations, periods (delta), row count,
// and per row: series (delta), profile (distance), sample count, flags, total.
#include "store/block/section_rows.h"

#include <unordered_map>

#include "common/base/varint.h"

namespace brazier::block {
namespace {

Status Corrupt(const char* what) { return Corruption(std::string("rows: ") + what); }

}  // namespace

RowsParts EncodeRows(const DatasetRows& rows) {
  RowsParts parts;
  std::unordered_map<std::string_view, uint32_t> ids;
  std::vector<std::string_view> strings;
  auto id_of = [&](std::string_view s) {
    auto [it, is_new] = ids.emplace(s, static_cast<uint32_t>(strings.size()));
    if (is_new) strings.push_back(s);
    return it->second;
  };
  ByteWriter series;
  series.Varint(rows.series.size());
  for (const Labels& labels : rows.series) {
    series.Varint(labels.size());
    for (const Label& l : labels) {
      series.Varint(id_of(l.name));
      series.Varint(id_of(l.value));
    }
  }
  ByteWriter text;
  text.Varint(strings.size());
  for (std::string_view s : strings) text.String(s);
  parts.series = text.bytes() + series.bytes();

  ByteWriter identities;
  ByteWriter w;
  w.Varint(rows.profiles.size());
  int64_t time_ns = 0;
  int64_t period = 0;
  for (const auto& p : rows.profiles) {
    identities.Fixed64(p.identity.high);
    identities.Fixed64(p.identity.low);
    w.Signed(static_cast<int64_t>(static_cast<uint64_t>(p.time_ns) - static_cast<uint64_t>(time_ns)));
    time_ns = p.time_ns;
  }
  for (const auto& p : rows.profiles) w.Signed(p.duration_ns);
  for (const auto& p : rows.profiles) {
    w.Signed(static_cast<int64_t>(static_cast<uint64_t>(p.period) - static_cast<uint64_t>(period)));
    period = p.period;
  }
  w.Varint(rows.rows.size());
  int64_t last_series = 0;
  uint32_t last_profile = 0;
  for (const DatasetRow& row : rows.rows) {
    w.Signed(static_cast<int64_t>(row.series) - last_series);
    last_series = row.series;
    w.Varint(row.profile - last_profile);
    last_profile = row.profile;
  }
  for (const DatasetRow& row : rows.rows) w.Varint(row.sample_count);
  for (const DatasetRow& row : rows.rows) w.Varint(row.flags);
  for (const DatasetRow& row : rows.rows) w.Signed(row.total);
  parts.identities = identities.bytes();
  parts.numbers = w.bytes();
  return parts;
}

namespace {

Status DecodeSeries(Bytes bytes, std::vector<Labels>* out) {
  ByteReader r(bytes);
  std::vector<std::string_view> strings(r.Count());
  for (auto& s : strings) s = r.String();
  const uint64_t count = r.Count();
  for (uint64_t i = 0; i < count && r.ok(); ++i) {
    std::vector<Label> labels(r.Count(2));
    for (Label& l : labels) {
      const uint64_t name = r.Varint();
      const uint64_t value = r.Varint();
      if (name >= strings.size() || value >= strings.size()) return Corrupt("a label is wrong");
      l.name = strings[name];
      l.value = strings[value];
    }
    out->emplace_back(std::move(labels));
  }
  return r.ok() && r.AtEnd() ? Status::Ok() : Corrupt("series are truncated");
}

Result<DatasetRows> DecodeThreeParts(const std::vector<std::string>& parts) {
  DatasetRows out;
  RETURN_IF_ERROR(DecodeSeries(AsBytes(parts[0]), &out.series));
  ByteReader ids(AsBytes(parts[1]));
  ByteReader r(AsBytes(parts[2]));
  out.profiles.resize(r.Count(3));
  if (ids.remaining() != out.profiles.size() * 16) return Corrupt("identities are missing");
  uint64_t time_ns = 0;
  for (auto& p : out.profiles) {
    p.identity.high = ids.Fixed64();
    p.identity.low = ids.Fixed64();
    time_ns += static_cast<uint64_t>(r.Signed());
    p.time_ns = static_cast<int64_t>(time_ns);
  }
  for (auto& p : out.profiles) p.duration_ns = r.Signed();
  uint64_t period = 0;
  for (auto& p : out.profiles) {
    period += static_cast<uint64_t>(r.Signed());
    p.period = static_cast<int64_t>(period);
  }
  out.rows.resize(r.Count(5));
  uint64_t series = 0;
  uint64_t profile = 0;
  for (DatasetRow& row : out.rows) {
    series += static_cast<uint64_t>(r.Signed());
    const uint64_t distance = r.Varint();
    // The distance is checked by itself: added, it could wrap around to a profile before.
    if (series >= out.series.size() || distance >= out.profiles.size() ||
        profile + distance >= out.profiles.size()) {
      return Corrupt("a row is wrong");
    }
    profile += distance;
    row.series = static_cast<uint32_t>(series);
    row.profile = static_cast<uint32_t>(profile);
  }
  for (DatasetRow& row : out.rows) {
    const uint64_t n = r.Varint();
    if (n > UINT32_MAX) return Corrupt("a row is too long");
    row.sample_count = static_cast<uint32_t>(n);
  }
  for (DatasetRow& row : out.rows) {
    const uint64_t flags = r.Varint();
    if (flags > kRowFlagsAll) return Corrupt("a row has flags that this version does not know");
    row.flags = static_cast<uint8_t>(flags);
  }
  for (DatasetRow& row : out.rows) row.total = r.Signed();
  if (!r.ok() || !r.AtEnd()) return Corrupt("numbers are truncated");
  return out;
}

}  // namespace

Result<DatasetRows> DecodeRows(const std::vector<std::string>& parts) {
  if (parts.size() != 3) return Corrupt("the section does not have three parts");
  return DecodeThreeParts(parts);
}

RollupParts EncodeRollupRows(const RollupRows& rollup) {
  RollupParts parts;
  parts.rows = EncodeRows(rollup.rows);
  ByteWriter counts;
  counts.Varints(rollup.profile_counts.size(), [&](size_t i) { return rollup.profile_counts[i]; });
  parts.counts = counts.Take();
  return parts;
}

Result<RollupRows> DecodeRollupRows(const std::vector<std::string>& parts) {
  if (parts.size() != 4) return Corrupt("the section of a roll-up does not have four parts");
  RollupRows out;
  ASSIGN_OR_RETURN(out.rows, DecodeThreeParts(parts));
  const size_t count = out.rows.rows.size();
  if (out.rows.profiles.size() != count) return Corrupt("a roll-up's rows and profiles differ in number");
  ByteReader counts(AsBytes(parts[3]));
  out.profile_counts.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (out.rows.rows[i].profile != i) return Corrupt("a roll-up's row has another's profile");
    out.profile_counts[i] = counts.Varint();
  }
  if (!counts.ok() || !counts.AtEnd()) return Corrupt("a roll-up's counts are truncated");
  return out;
}

}  // namespace brazier::block
