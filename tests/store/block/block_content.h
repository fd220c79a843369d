// What a block says, in a form that does not depend on how it is stored: per (tenant, service), series and profile the
// stacks as text with the sum of their values. Made from the batches that went in and from the object that came out.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/model/profile.h"
#include "store/block/block_reader.h"
#include "store/block/section_samples.h"

namespace brazier::block::testing {

struct ProfileContent {
  int64_t time_ns = 0;
  int64_t duration_ns = 0;
  int64_t period = 0;
  int64_t total = 0;
  // (stack root first, span, trace) -> value
  std::map<std::tuple<std::string, uint64_t, Hash128>, int64_t> samples;
  friend bool operator==(const ProfileContent&, const ProfileContent&) = default;
};
using DatasetContent = std::map<std::pair<Labels, Hash128>, ProfileContent>;
using Content = std::map<std::pair<std::string, std::string>, DatasetContent>;

// Every column of the symbols takes part.
inline std::string StackText(const SymbolTable& t, uint32_t node) {
  std::string text;
  const auto name = [&](uint32_t id) { return std::string(t.strings.Get(id)); };
  for (; node != 0; node = t.stacks[node].parent) {
    const Location& l = t.locations[t.stacks[node].location];
    const Mapping& m = t.mappings[l.mapping];
    std::string frame = std::to_string(l.address) + (l.is_folded ? "~" : "@") + name(m.filename) + "#" +
                        name(m.build_id) + "," + std::to_string(m.memory_start) + "-" +
                        std::to_string(m.memory_limit) + "+" + std::to_string(m.file_offset) + "/" +
                        std::to_string(m.flags);
    for (uint32_t i = l.line_begin; i < l.line_begin + l.line_count; ++i) {
      const Function& f = t.functions[t.lines[i].function];
      frame += "[" + name(f.name) + "|" + name(f.system_name) + "|" + name(f.filename) + ":" +
               std::to_string(f.start_line) + ":" + std::to_string(t.lines[i].line) + "]";
    }
    text = frame + ";" + text;
  }
  return text;
}

inline void AddBatch(const ProfileBatch& batch, Content* content) {
  DatasetContent& dataset = (*content)[{batch.tenant, batch.service}];
  for (const ProfileBatch::Row& row : batch.rows) {
    const ProfileBatch::Profile& p = batch.profiles[row.profile];
    ProfileContent& out = dataset[{batch.series[row.series], p.identity}];
    out.time_ns = p.time_ns;
    out.duration_ns = p.duration_ns;
    out.period = p.period;
    out.total += row.total;
    for (uint32_t i = row.sample_begin; i < row.sample_end; ++i) {
      out.samples[{StackText(batch.symbols, batch.stacks[i]),
                   batch.span_ids.empty() ? 0 : batch.span_ids[i],
                   batch.trace_ids.empty() ? Hash128{} : batch.trace_ids[i]}] += batch.values[i];
    }
  }
}

inline BlockRead ReadOf(const BlockMeta& meta) {
  BlockRead read;
  read.block = meta.id;
  read.object_key = meta.ObjectKey();
  read.symbols = meta.symbols;
  read.datasets = meta.datasets;
  return read;
}

inline Result<Content> ContentOf(const BlockSections& sections, const std::vector<DatasetMeta>& datasets) {
  Content content;
  for (size_t d = 0; d < datasets.size(); ++d) {
    DatasetContent& dataset = content[{datasets[d].tenant, datasets[d].service}];
    ASSIGN_OR_RETURN(SymbolTable table, sections.SharedSymbols(datasets[d].tenant));
    RETURN_IF_ERROR(sections.OwnSymbols(d, &table));
    RETURN_IF_ERROR(table.Validate());
    ASSIGN_OR_RETURN(const DatasetRows rows, sections.Rows(d));
    ASSIGN_OR_RETURN(const auto parts, sections.Samples(d));
    ASSIGN_OR_RETURN(auto samples,
                     SamplesDecoder::Open(parts, static_cast<uint32_t>(table.stacks.size())));
    for (const DatasetRow& row : rows.rows) {
      RETURN_IF_ERROR(samples.Next(row));
      const ProfileBatch::Profile& p = rows.profiles[row.profile];
      ProfileContent& out = dataset[{rows.series[row.series], p.identity}];
      out.time_ns = p.time_ns;
      out.duration_ns = p.duration_ns;
      out.period = p.period;
      out.total = static_cast<int64_t>(static_cast<uint64_t>(out.total) + static_cast<uint64_t>(row.total));
      for (size_t i = 0; i < samples.stacks().size(); ++i) {
        int64_t& value = out.samples[{StackText(table, samples.stacks()[i]),
                                      samples.spans().empty() ? 0 : samples.spans()[i],
                                      samples.traces().empty() ? Hash128{} : samples.traces()[i]}];
        value = static_cast<int64_t>(static_cast<uint64_t>(value) + static_cast<uint64_t>(samples.values()[i]));
      }
    }
  }
  return content;
}

inline Result<Content> ContentOf(Bytes object) {
  ASSIGN_OR_RETURN(const BlockMeta meta, DecodeFooter(object));
  ASSIGN_OR_RETURN(const BlockSections sections,
                   BlockSections::FromObject(object, ReadOf(meta), {.rows = true, .samples = true}));
  return ContentOf(sections, meta.datasets);
}

// Batches whose tenants, services, names and frames repeat, so that symbols are shared between datasets.
class RandomBatches {
 public:
  explicit RandomBatches(uint64_t seed) : engine_(seed) {}

  ProfileBatch Next() {
    ProfileBatch b;
    b.tenant = "tenant" + std::to_string(Below(3));
    b.service = "service" + std::to_string(Below(4));
    FillSymbols(b.symbols);
    for (uint64_t i = 1 + Below(4); i > 0; --i) {
      b.series.push_back(Labels({{"__profile_type__", "type" + std::to_string(Below(3))},
                                 {"pod", "p" + std::to_string(Below(3))}}));
    }
    for (uint64_t i = 1 + Below(4); i > 0; --i) {
      b.profiles.push_back({{++identity_, engine_()}, Signed(), Signed(), Signed()});
    }
    const bool has_spans = Below(3) == 0;
    const bool has_traces = Below(4) == 0;
    for (uint32_t profile = 0; profile < b.profiles.size(); ++profile) {
      std::vector<uint32_t> stacks;
      for (uint64_t i = Below(20); i > 0; --i) stacks.push_back(static_cast<uint32_t>(Below(b.symbols.stacks.size())));
      std::sort(stacks.begin(), stacks.end());
      for (uint64_t rows = Below(4); rows > 0; --rows) AddRow(b, profile, stacks, has_spans, has_traces);
    }
    return b;
  }

  uint64_t Below(uint64_t n) { return engine_() % n; }

 private:
  int64_t Signed() { return static_cast<int64_t>(engine_()) >> Below(64); }

  // Mostly the stacks of the profile's other rows, and often a multiple of their values, as rows of one pprof are.
  void AddRow(ProfileBatch& b, uint32_t profile, const std::vector<uint32_t>& stacks, bool has_spans,
              bool has_traces) {
    ProfileBatch::Row row;
    row.series = static_cast<uint32_t>(Below(b.series.size()));
    row.profile = profile;
    row.sample_begin = static_cast<uint32_t>(b.stacks.size());
    const size_t kept = Below(4) == 0 ? stacks.size() / 2 : stacks.size();
    const int64_t factor = static_cast<int64_t>(Below(5));
    for (size_t i = 0; i < kept; ++i) {
      const int64_t base = static_cast<int64_t>(stacks[i] % 7) - 1;
      b.stacks.push_back(stacks[i]);
      b.values.push_back(factor == 0 ? static_cast<int64_t>(engine_()) >> (8 + Below(50)) : base * factor);
      row.total += b.values.back();
      if (has_spans) b.span_ids.push_back(Below(3) == 0 ? 0 : Below(4) + (uint64_t{1} << 60));
      if (has_traces) b.trace_ids.push_back({Below(2), Below(3)});
    }
    row.sample_end = static_cast<uint32_t>(b.stacks.size());
    b.rows.push_back(row);
  }

  void FillSymbols(SymbolTable& t) {
    for (int i = 0; i < 30; ++i) t.strings.Add("name" + std::to_string(Below(40)));
    const auto string = [&] { return static_cast<uint32_t>(Below(t.strings.size())); };
    for (int i = 0; i < 3; ++i) {
      const uint64_t start = Below(3) << 20;
      t.mappings.push_back({start, start + Below(100), Below(2), string(), string(), static_cast<uint8_t>(Below(16))});
    }
    for (int i = 0; i < 15; ++i) {
      const uint32_t name = string();
      t.functions.push_back({name, Below(2) ? name : string(), string(), static_cast<int64_t>(Below(9)) - 2});
    }
    for (int i = 0; i < 20; ++i) {
      Location l;
      l.mapping = static_cast<uint32_t>(Below(t.mappings.size()));
      l.line_begin = static_cast<uint32_t>(t.lines.size());
      l.line_count = static_cast<uint32_t>(Below(3));  // none: not symbolised
      l.address = l.line_count == 0 ? engine_() >> Below(60) : 0;
      l.is_folded = Below(8) == 0;
      for (uint32_t k = 0; k < l.line_count; ++k) {
        t.lines.push_back({static_cast<uint32_t>(Below(t.functions.size())), static_cast<int64_t>(Below(100)) - 5});
      }
      t.locations.push_back(l);
    }
    for (int i = 0; i < 60; ++i) {
      t.stacks.push_back({static_cast<uint32_t>(Below(t.stacks.size())), static_cast<uint32_t>(Below(t.locations.size()))});
    }
  }

  std::mt19937_64 engine_;
  uint64_t identity_ = 0;
};

}  // namespace brazier::block::testing
