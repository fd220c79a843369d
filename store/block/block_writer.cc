#include "store/block/block_writer.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "common/base/crc32c.h"
#include "common/base/saturating.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/block/block_format.h"
#include "store/block/section_codec.h"
#include "store/block/section_samples.h"
#include "store/block/section_symbols.h"

namespace brazier::block {

struct BlockWriter::Dataset {
  uint32_t order = 0;  // of first appearance in the block
  uint32_t owner = 0;  // number within the tenant
  std::string service;
  DatasetRows rows;
  std::unordered_map<uint64_t, std::vector<uint32_t>> series_by_hash;
  // Columns of the batches, stacks as interner ids. One entry per batch; rows name their samples in it.
  struct Columns {
    std::vector<uint32_t> stacks;
    std::vector<int64_t> values;
    std::vector<uint64_t> spans;
    std::vector<Hash128> traces;
    std::vector<ProfileBatch::Row> rows;  // with series and profile of the dataset
  };
  std::vector<Columns> columns;

  uint32_t SeriesId(Labels labels) {
    std::vector<uint32_t>& candidates = series_by_hash[labels.Hash()];
    for (uint32_t id : candidates) {
      if (rows.series[id] == labels) return id;
    }
    candidates.push_back(static_cast<uint32_t>(rows.series.size()));
    rows.series.push_back(std::move(labels));
    return candidates.back();
  }
};

struct BlockWriter::Tenant {
  SymbolInterner symbols;
  std::map<std::string, std::unique_ptr<Dataset>> datasets;
};

BlockWriter::BlockWriter(int zstd_level) : zstd_level_(zstd_level) {}

BlockWriter::~BlockWriter() = default;

BlockWriter::Dataset& BlockWriter::DatasetOf(const ProfileBatch& batch) {
  auto& tenant = tenants_[batch.tenant];
  if (tenant == nullptr) tenant = std::make_unique<Tenant>();
  auto& dataset = tenant->datasets[batch.service];
  if (dataset == nullptr) {
    dataset = std::make_unique<Dataset>();
    dataset->order = static_cast<uint32_t>(positions_.size());
    dataset->owner = static_cast<uint32_t>(tenant->datasets.size() - 1);
    dataset->service = batch.service;
    positions_.push_back(0);
  }
  return *dataset;
}

BlockWriter::Added BlockWriter::Add(ProfileBatch batch) {
  Dataset& dataset = DatasetOf(batch);
  tenants_[batch.tenant]->symbols.Add(batch.symbols, dataset.owner, batch.stacks,
                                      SymbolInterner::Tree::kDistinct);

  Added added;
  added.dataset = dataset.order;
  added.first_profile = static_cast<uint32_t>(dataset.rows.profiles.size());
  added.profile_count = static_cast<uint32_t>(batch.profiles.size());
  dataset.rows.profiles.insert(dataset.rows.profiles.end(), batch.profiles.begin(),
                               batch.profiles.end());
  std::vector<uint32_t> series;
  series.reserve(batch.series.size());
  for (Labels& labels : batch.series) series.push_back(dataset.SeriesId(std::move(labels)));
  for (ProfileBatch::Row& row : batch.rows) {
    row.series = series[row.series];
    row.profile += added.first_profile;
  }
  std::stable_sort(batch.rows.begin(), batch.rows.end(),
                   [](const auto& a, const auto& b) { return a.profile < b.profile; });
  profile_count_ += batch.profiles.size();
  dataset.columns.push_back({std::move(batch.stacks), std::move(batch.values),
                             std::move(batch.span_ids), std::move(batch.trace_ids),
                             std::move(batch.rows)});
  return added;
}

namespace {

// Renumbers one row's stacks, sorts by the new number and merges what has become equal. Rows of one profile often
// have equal stacks: then the order found for the first serves the others.
class RowSorter {
 public:
  void Sort(std::span<const uint32_t> stacks, std::span<const int64_t> values,
            std::span<const uint64_t> spans, std::span<const Hash128> traces,
            const SymbolNumbering& numbering) {
    if (!std::equal(stacks.begin(), stacks.end(), source_.begin(), source_.end())) {
      source_.assign(stacks.begin(), stacks.end());
      ids_.resize(stacks.size());
      for (size_t i = 0; i < stacks.size(); ++i) ids_[i] = numbering.StackId(stacks[i]);
      order_.resize(stacks.size());
      std::iota(order_.begin(), order_.end(), 0);
      if (!std::is_sorted(ids_.begin(), ids_.end())) {
        // Keys are unique in nearly all rows: sorting (id, position) words is quicker than an indirect sort.
        words_.resize(ids_.size());
        for (size_t i = 0; i < ids_.size(); ++i) words_[i] = (uint64_t{ids_[i]} << 32) | i;
        std::sort(words_.begin(), words_.end());
        for (size_t i = 0; i < words_.size(); ++i) order_[i] = static_cast<uint32_t>(words_[i]);
      }
    }
    stacks_.clear();
    values_.clear();
    spans_.clear();
    traces_.clear();
    for (uint32_t i : order_) {
      if (!stacks_.empty() && stacks_.back() == ids_[i] && spans.empty() && traces.empty()) {
        AddSaturating(&values_.back(), values[i]);
        continue;
      }
      stacks_.push_back(ids_[i]);
      values_.push_back(values[i]);
      if (!spans.empty()) spans_.push_back(spans[i]);
      if (!traces.empty()) traces_.push_back(traces[i]);
    }
  }
  std::span<const uint32_t> stacks() const { return stacks_; }
  std::span<const int64_t> values() const { return values_; }
  std::span<const uint64_t> spans() const { return spans_; }
  std::span<const Hash128> traces() const { return traces_; }

 private:
  std::vector<uint32_t> source_, ids_, order_, stacks_;
  std::vector<uint64_t> words_, spans_;
  std::vector<int64_t> values_;
  std::vector<Hash128> traces_;
};

template <typename T>
std::span<const T> Slice(const std::vector<T>& column, uint32_t begin, uint32_t end) {
  return column.empty() ? std::span<const T>() : std::span<const T>(column).subspan(begin, end - begin);
}

void Describe(const DatasetRows& rows, DatasetMeta* meta) {
  meta->profile_count = static_cast<uint32_t>(rows.profiles.size());
  meta->min_time_ns = INT64_MAX;
  meta->max_time_ns = INT64_MIN;
  for (const auto& profile : rows.profiles) {
    meta->min_time_ns = std::min(meta->min_time_ns, profile.time_ns);
    meta->max_time_ns = std::max(meta->max_time_ns, profile.time_ns);
    meta->identities.push_back(profile.identity);
  }
  std::set<std::string> types;
  for (const Labels& labels : rows.series) types.emplace(labels.Get(label::kProfileType));
  meta->profile_types.assign(types.begin(), types.end());
  for (const DatasetRow& row : rows.rows) meta->sample_count += row.sample_count;
}

}  // namespace

void BlockWriter::WriteDataset(const std::string& tenant, Dataset& dataset,
                               const SymbolNumbering& numbering, const SymbolTable& table,
                               BuiltBlock* out) {
  DatasetMeta meta;
  meta.tenant = tenant;
  meta.service = dataset.service;
  if (const auto& own = numbering.own(dataset.owner); !own.empty()) {
    const auto parts = numbering.Encode(table, own);
    const auto& [shape, steps, fresh, known] = parts.stacks;
    meta.sections.push_back(AppendSection(SectionKind::kSymbols,
                                          {parts.text, parts.numbers, shape, steps, fresh, known},
                                          zstd_level_, &out->object));
  }
  SamplesEncoder samples;
  RowSorter sorter;
  uint32_t last_profile = UINT32_MAX;
  for (const Dataset::Columns& columns : dataset.columns) {
    for (const ProfileBatch::Row& row : columns.rows) {
      const uint32_t b = row.sample_begin;
      const uint32_t e = row.sample_end;
      sorter.Sort(Slice(columns.stacks, b, e), Slice(columns.values, b, e),
                  Slice(columns.spans, b, e), Slice(columns.traces, b, e), numbering);
      DatasetRow stored{row.series, row.profile, 0, 0, row.total};
      samples.Add(sorter.stacks(), sorter.values(), sorter.spans(), sorter.traces(),
                  row.profile != last_profile, &stored);
      last_profile = row.profile;
      dataset.rows.rows.push_back(stored);
    }
  }
  const RowsParts rows = EncodeRows(dataset.rows);
  meta.sections.push_back(AppendSection(SectionKind::kRows,
                                        {rows.series, rows.identities, rows.numbers}, zstd_level_,
                                        &out->object));
  meta.sections.push_back(AppendSection(SectionKind::kSamples,
                                        {samples.stacks(), samples.values(), samples.spans()},
                                        zstd_level_, &out->object));
  Describe(dataset.rows, &meta);
  label_sets_.List(dataset.rows, &meta);
  positions_[dataset.order] = static_cast<uint32_t>(out->meta.datasets.size());
  out->meta.datasets.push_back(std::move(meta));
}

void BlockWriter::WriteTenant(const std::string& name, Tenant& tenant, BuiltBlock* out) {
  const SymbolNumbering numbering(tenant.symbols, static_cast<uint32_t>(tenant.datasets.size()));
  const SymbolTable& table = tenant.symbols.table();
  if (!numbering.shared().empty()) {
    const auto parts = numbering.Encode(table, numbering.shared());
    out->meta.symbols.push_back(
        {name, AppendSection(SectionKind::kSharedSymbols, {parts.text, parts.numbers, {}},
                             zstd_level_, &out->object)});
  }
  for (auto& [service, dataset] : tenant.datasets) {
    WriteDataset(name, *dataset, numbering, table, out);
  }
}

BuiltBlock BlockWriter::Build(Ulid id, uint32_t shard, uint32_t level) {
  BuiltBlock out;
  out.meta.id = id;
  out.meta.shard = shard;
  out.meta.level = level;
  out.meta.min_time_ns = INT64_MAX;
  out.meta.max_time_ns = INT64_MIN;
  for (auto& [name, tenant] : tenants_) WriteTenant(name, *tenant, &out);
  for (const DatasetMeta& dataset : out.meta.datasets) {
    out.meta.min_time_ns = std::min(out.meta.min_time_ns, dataset.min_time_ns);
    out.meta.max_time_ns = std::max(out.meta.max_time_ns, dataset.max_time_ns);
  }
  // The footer cannot tell the size of the object that holds it: there, size is that of the sections.
  out.meta.size = out.object.size();
  out.object += EncodeTail(out.meta);
  out.meta.size = out.object.size();
  return out;
}

std::string EncodeTail(const BlockMeta& meta) {
  BlockMeta stored = meta;
  for (DatasetMeta& dataset : stored.datasets) dataset.identities.clear();
  std::string tail = codec::EncodeBlockMeta(stored);
  const uint64_t footer_size = tail.size();
  tail.append(reinterpret_cast<const char*>(&footer_size), 8);
  tail.append(reinterpret_cast<const char*>(&kFormatVersion), 4);
  const uint32_t crc = Crc32c(AsBytes(tail));
  tail.append(reinterpret_cast<const char*>(&crc), 4);
  tail.append(kMagic);
  return tail;
}

}  // namespace brazier::block
