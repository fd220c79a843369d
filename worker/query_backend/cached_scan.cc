#include "worker/query_backend/cached_scan.h"

#include "common/model/labels.h"
#include "store/block/section_samples.h"

namespace brazier::query_backend {

CachedScan::CachedScan(const QuerySpec& spec, const Selector& selector, DatasetCache& cache)
    : spec_(spec), selector_(selector), profile_type_(selector.EqualValue(label::kProfileType)),
      range_{spec.start_ns, spec.end_ns}, cache_(cache) {}

bool CachedScan::CanAnswer(const QuerySpec& spec, const Selector& selector) {
  return spec.reports.size() == 1 && spec.reports[0].kind == ReportKind::kFlameGraph && spec.call_site.empty() && spec.filter.IsEmpty() &&
         !selector.EqualValue(label::kProfileType).empty();
}

Result<std::shared_ptr<const CachedDataset>> CachedScan::Load(const std::string& key, const LoadedBlock& block,
                                                              size_t dataset) {
  auto out = std::make_shared<CachedDataset>();
  if (Status s = Decode(block, dataset, out.get()); !s.ok()) {
    return s.Annotate("block " + block.read().object_key + ", service " + block.read().datasets[dataset].service);
  }
  out->dictionary = cache_.Dictionary(key);
  const size_t grown = MapStacks(*out->dictionary, out.get());
  cache_.Insert(key, block.read().block, out, grown + out->MemoryBytes());
  return std::shared_ptr<const CachedDataset>(std::move(out));
}

Status CachedScan::Decode(const LoadedBlock& block, size_t dataset, CachedDataset* out) {
  ASSIGN_OR_RETURN(out->rows, block.sections().Rows(dataset));
  RETURN_IF_ERROR(block.ReadSymbols(dataset, &symbols_));
  ASSIGN_OR_RETURN(const auto parts, block.sections().Samples(dataset));
  ASSIGN_OR_RETURN(auto samples,
                   block::SamplesDecoder::Open(parts, static_cast<uint32_t>(symbols_.stacks.size())));
  std::vector<uint8_t> is_of_type(out->rows.series.size());
  for (size_t s = 0; s < is_of_type.size(); ++s) {
    is_of_type[s] = out->rows.series[s].Get(label::kProfileType) == profile_type_;
  }
  out->sample_begins.reserve(out->rows.rows.size() + 1);
  out->sample_begins.push_back(0);
  for (const block::DatasetRow& row : out->rows.rows) {
    RETURN_IF_ERROR(samples.Next(row));
    if (is_of_type[row.series]) {
      out->nodes.insert(out->nodes.end(), samples.stacks().begin(), samples.stacks().end());
      out->values.insert(out->values.end(), samples.values().begin(), samples.values().end());
    }
    out->sample_begins.push_back(static_cast<uint32_t>(out->nodes.size()));
  }
  out->nodes.shrink_to_fit();
  out->values.shrink_to_fit();
  return Status::Ok();
}

size_t CachedScan::MapStacks(StackDictionary& dictionary, CachedDataset* out) {
  is_used_.assign(symbols_.stacks.size(), 0);
  for (uint32_t stack : out->nodes) is_used_[stack] = 1;
  stacks_.clear();
  for (uint32_t stack = 0; stack < is_used_.size(); ++stack) {
    if (is_used_[stack]) stacks_.push_back(stack);
  }
  std::lock_guard lock(dictionary.mu);
  const size_t before = dictionary.tree.MemoryBytes();
  mapper_.Map(symbols_, stacks_, dictionary.tree);
  for (uint32_t& node : out->nodes) node = mapper_.node(node);
  out->node_count = static_cast<uint32_t>(dictionary.tree.nodes());
  return dictionary.tree.MemoryBytes() - before;
}

Status CachedScan::Add(const DatasetMeta& meta, const CachedDataset& dataset) {
  CountDataset(meta, &stats_);
  stats_.rows_read += dataset.rows.rows.size();
  ASSIGN_OR_RETURN(const bool any, selection_.Set(spec_, selector_, dataset.rows, meta, {}));
  if (!any) return Status::Ok();
  if (dictionary_ != dataset.dictionary) {
    EndDictionary();
    dictionary_ = dataset.dictionary;
  }
  if (selfs_.size() < dataset.node_count) selfs_.resize(dataset.node_count);
  const DatasetView view = selection_.View(spec_, dataset.rows, {&range_, 1});
  for (size_t r = 0; r < dataset.rows.rows.size(); ++r) {
    const block::DatasetRow& row = dataset.rows.rows[r];
    if (!view.IsMeant(row)) continue;
    for (uint32_t i = dataset.sample_begins[r]; i < dataset.sample_begins[r + 1]; ++i) {
      AddSaturating(&selfs_[dataset.nodes[i]], dataset.values[i]);
    }
    stats_.samples_read += row.sample_count;
  }
  return Status::Ok();
}

void CachedScan::EndDictionary() {
  if (dictionary_ == nullptr) return;
  FlameTree part;
  {
    std::shared_lock lock(dictionary_->mu);
    part = dictionary_->tree.Select(selfs_);
  }
  AppendTree(std::move(part), &tree_);
  selfs_.clear();
  dictionary_ = nullptr;
}

FlameTree CachedScan::Finish() {
  EndDictionary();
  return std::move(tree_);
}

}  // namespace brazier::query_backend
