// How: inputs are sorted by id, tenants and services taken in order. As many services as the budget and the size of an output have
// room for make an extent, which becomes one output:
//   1. rows of all inputs: what is left out (merge_plan.h)
//   2. symbols, input by input: interned once, with the services that use them; then all ids are final
//   3. per service: rows again, samples streamed (dataset_merger.h)
// A service that is too large for one output is an extent by itself for each of several ranges of time.
#include "store/block/block_merge.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <tuple>

#include "common/base/hash.h"
#include "common/base/varint.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/block/block_reader.h"
#include "store/block/dataset_merger.h"
#include "store/block/label_set_listing.h"
#include "store/block/memory_account.h"
#include "store/block/merge_inputs.h"
#include "store/block/merge_plan.h"
#include "store/block/section_codec.h"
#include "store/block/section_symbols.h"
#include "store/block/symbol_interner.h"

namespace brazier::block {
namespace {

// About what a decoded row section takes for each of its raw bytes.
constexpr uint64_t kRowsFactor = 8;
// What a dataset and a chunk add to the metadata, without label sets.
constexpr uint64_t kDatasetMetaBytes = 200;
constexpr uint64_t kChunkMetaBytes = 48;
constexpr size_t kWindowsMax = 4096;

struct Service {
  std::string name;
  std::vector<MergeSource> sources;
  uint64_t rows_bytes = 0;     // estimates: of memory,
  uint64_t output_bytes = 0;   // of the object
  uint64_t input_bytes = 0;
};

uint64_t SizeOf(const DatasetMeta& dataset, std::initializer_list<SectionKind> kinds, uint64_t SectionRef::*size) {
  uint64_t n = 0;
  for (const SectionRef& section : dataset.sections) {
    if (std::find(kinds.begin(), kinds.end(), section.kind) != kinds.end()) n += section.*size;
  }
  return n;
}

void Estimate(Service* service) {
  uint64_t symbols = 0;
  for (const MergeSource& source : service->sources) {
    const DatasetMeta& d = *source.dataset;
    service->rows_bytes += kRowsFactor * SizeOf(d, {SectionKind::kRows}, &SectionRef::raw_size);
    symbols = std::max(symbols, SizeOf(d, {SectionKind::kSymbols}, &SectionRef::size));
    const uint64_t data =
        SizeOf(d, {SectionKind::kRows, SectionKind::kSamples, SectionKind::kSampleChunk}, &SectionRef::size);
    service->output_bytes += data;
    service->input_bytes += data + SizeOf(d, {SectionKind::kSymbols}, &SectionRef::size);
  }
  service->output_bytes += 2 * symbols;
}

// Of all that decides the outputs: sections and label sets follow from the id.
Ulid OutputId(const MergeOptions& options, const std::vector<const BlockMeta*>& inputs, const std::string& tenant, uint32_t n) {
  ByteWriter w;
  for (uint64_t v : {uint64_t{options.level}, uint64_t{options.shard}, options.block_bytes_max, options.memory_bytes_max,
                     uint64_t{options.metadata_bytes_max}, uint64_t{options.hour_rollups}, uint64_t{options.day_rollups},
                     ZigZag(options.zstd_level), uint64_t{n}}) {
    w.Varint(v);
  }
  w.String(tenant);
  int64_t time_ms = 0;
  for (const BlockMeta* input : inputs) {
    time_ms = std::max(time_ms, input->id.TimeMs());
    w.Fixed64(input->id.bits.high);
    w.Fixed64(input->id.bits.low);
    for (const DatasetMeta& dataset : input->datasets) {
      if (dataset.hidden_profiles.empty()) continue;
      w.String(dataset.tenant);
      w.String(dataset.service);
      w.Varint(dataset.hidden_profiles.size());
      for (uint32_t position : dataset.hidden_profiles) w.Varint(position);
    }
    w.Varint(input->deletions.size());
    for (const DataFilter& filter : input->deletions) {
      for (const std::string* text : {&filter.tenant, &filter.service, &filter.selector}) w.String(*text);
      w.Signed(filter.start_ns);
      w.Signed(filter.end_ns);
    }
  }
  if (options.salt != 0) w.Varint(options.salt);
  const Hash128 hash = HashTo128(AsBytes(w.bytes()));
  Ulid id;
  id.bits.high = static_cast<uint64_t>(time_ms) << 16 | (hash.high & 0xFFFF);
  id.bits.low = hash.low;
  return id;
}

class Merger {
 public:
  Merger(const MergeOptions& options, object::ObjectStore& store, std::vector<const BlockMeta*> inputs, MergeHost& host)
      : options_(options),
        shares_(options.memory_bytes_max),
        inputs_(store, inputs, shares_.inputs, &memory_),
        metas_(std::move(inputs)),
        host_(host) {}

  Result<MergeFigures> Run() {
    ASSIGN_OR_RETURN(deletions_, MergeDeletions::Of(inputs_));
    std::map<std::string, std::map<std::string, Service>> tenants;
    uint64_t datasets_bytes = 0;
    for (uint32_t i = 0; i < inputs_.size(); ++i) {
      for (const DatasetMeta& dataset : inputs_.meta(i).datasets) {
        Service& service = tenants[dataset.tenant][dataset.service];
        if (!service.sources.empty() && service.sources.back().input == i) {
          return inputs_.Blame(i, Corruption("dataset " + dataset.service + " is there twice"));
        }
        service.name = dataset.service;
        service.sources.push_back({i, &dataset});
      }
    }
    for (auto& [tenant, services] : tenants) {
      for (auto& [name, service] : services) {
        Estimate(&service);
        datasets_bytes += kDatasetMetaBytes + (1 + service.output_bytes / (shares_.chunk / 4)) * kChunkMetaBytes;
      }
    }
    // Label sets get most of what datasets will probably leave.
    if (datasets_bytes < options_.metadata_bytes_max) label_bytes_left_ = (options_.metadata_bytes_max - datasets_bytes) / 10 * 9;
    for (auto& [tenant, services] : tenants) {
      std::vector<Service> list;
      for (auto& [name, service] : services) list.push_back(std::move(service));
      RETURN_IF_ERROR(MergeTenant(tenant, list));
    }
    figures_.bytes_read = inputs_.bytes_read();
    figures_.memory_bytes_peak = memory_.peak();
    return figures_;
  }
  const BlockMeta* blamed() const { return inputs_.blamed(); }

 private:
  // Services that become one output.
  struct Extent {
    std::vector<Service*> services;
    std::vector<MergePlanner*> planners;
    MergeWindow window;
    double share = 1;  // of the services' input
  };
  uint64_t BlockBytesMax() const { return std::max<uint64_t>(1, std::min(options_.block_bytes_max, shares_.output)); }

  Status MergeTenant(const std::string& tenant, std::vector<Service>& services) {
    output_number_ = 0;
    for (size_t begin = 0; begin < services.size();) {
      uint64_t output_bytes = 0;
      size_t end = begin;
      for (; end < services.size(); ++end) {
        output_bytes += services[end].output_bytes;
        if (output_bytes > BlockBytesMax() || services[end].rows_bytes > shares_.rows) break;
      }
      size_t count = std::max<size_t>(end - begin, 1);
      if (count == 1) {
        RETURN_IF_ERROR(MergeService(tenant, services[begin]));
      } else {
        RETURN_IF_ERROR(MergeServices(tenant, std::span(services).subspan(begin, count), &count));
      }
      begin += count;
    }
    return Status::Ok();
  }

  // The first of some services, as many as there is room for: `*count`, at least one.
  Status MergeServices(const std::string& tenant, std::span<Service> services, size_t* count) {
    std::vector<std::unique_ptr<MergePlanner>> planners;
    for (Service& service : services) {
      planners.push_back(std::make_unique<MergePlanner>(inputs_, deletions_, service.sources));
    }
    for (*count = services.size(); *count > 1;) {
      Extent extent;
      for (size_t i = 0; i < *count; ++i) {
        extent.services.push_back(&services[i]);
        extent.planners.push_back(planners[i].get());
      }
      bool fits = true;
      RETURN_IF_ERROR(WriteExtent(tenant, &extent, false, &fits));
      *count = extent.services.size();
      if (fits) return Status::Ok();
    }
    return MergeService(tenant, services[0]);
  }

  // One service, in as many ranges of time as its size demands.
  Status MergeService(const std::string& tenant, Service& service) {
    MergePlanner planner(inputs_, deletions_, service.sources);
    const uint64_t by_size = (service.output_bytes + BlockBytesMax() - 1) / BlockBytesMax();
    const uint64_t by_rows = (service.rows_bytes + shares_.rows - 1) / shares_.rows;
    const size_t count = std::min<uint64_t>(kWindowsMax, std::max<uint64_t>({1, by_size, by_rows}));
    struct Todo {
      MergeWindow window;
      double share;
    };
    std::vector<Todo> todo;
    // Splits a range that is in hand; false when it cannot be split.
    auto split = [&](const Todo& whole, size_t parts) -> Result<bool> {
      ASSIGN_OR_RETURN(const std::vector<MergeWindow> windows, planner.Split(whole.window, parts));
      const double share = whole.share / static_cast<double>(windows.size());
      for (auto w = windows.rbegin(); w != windows.rend(); ++w) todo.push_back({*w, share});
      return windows.size() > 1;
    };
    if (count == 1) {
      todo.push_back({{}, 1});
    } else {
      RETURN_IF_ERROR(split({{}, 1}, count).status());
    }
    bool at_any_size = false;
    while (!todo.empty()) {
      const Todo next = todo.back();
      todo.pop_back();
      Extent extent{{&service}, {&planner}, next.window, next.share};
      bool fits = true;
      RETURN_IF_ERROR(WriteExtent(tenant, &extent, at_any_size, &fits));
      at_any_size = false;
      if (fits) continue;
      // Symbols that do not fit are of fewer stacks in a shorter time.
      ASSIGN_OR_RETURN(const bool is_split, split(next, 2));
      at_any_size = !is_split;
    }
    return Status::Ok();
  }

  // Cuts the extent where its symbols have taken their share. `*fits` false, and nothing written, when the last service needs far
  // more than that, unless `at_any_size`: the extent is what comes before it then, or the service alone.
  Status WriteExtent(const std::string& tenant, Extent* whole, bool at_any_size, bool* fits) {
    SymbolInterner symbols;
    std::vector<std::vector<SourceStacks>> stacks;
    RETURN_IF_ERROR(Intern(tenant, whole, at_any_size, fits, &symbols, &stacks));
    if (!*fits) return Status::Ok();
    const Extent& extent = *whole;
    const SymbolNumbering numbering(symbols, static_cast<uint32_t>(extent.services.size()));
    for (auto& service : stacks) {
      for (SourceStacks& source : service) {
        for (uint32_t& id : source.ids) id = numbering.StackId(id);
      }
    }
    BuiltBlock out;
    out.meta.id = OutputId(options_, metas_, tenant, output_number_);
    out.meta.shard = options_.shard;
    out.meta.level = options_.level;
    // At once: a string that grows to tens of megabytes by doubling holds twice that while it is copied, and leaves holes.
    uint64_t expected = 0;
    for (const Service* service : extent.services) expected += service->output_bytes;
    out.object.reserve(std::min(BlockBytesMax(), static_cast<uint64_t>(static_cast<double>(expected) * extent.share)));
    if (!numbering.shared().empty()) {
      const auto parts = numbering.Encode(symbols.table(), numbering.shared());
      out.meta.symbols.push_back({tenant, AppendSection(SectionKind::kSharedSymbols, {parts.text, parts.numbers, {}},
                                                        options_.zstd_level, &out.object)});
    }
    LabelSetListing label_sets(std::min<uint64_t>(LabelSetListing::kEncodedBytesMax, label_bytes_left_));
    for (uint32_t i = 0; i < extent.services.size(); ++i) {
      RETURN_IF_ERROR(WriteDataset(tenant, extent, i, numbering, symbols.table(), stacks[i], &label_sets, &out));
      stacks[i] = {};
    }
    memory_.Set(MemoryAccount::kSymbols, 0);
    memory_.Set(MemoryAccount::kMaps, 0);
    if (out.meta.datasets.empty()) return Status::Ok();
    return Put(std::move(out));
  }

  // Service by service rows, then symbols: all that kept rows need are in `symbols` then, services as owners. Inputs of one service
  // follow each other, because what is known of its stacks must be near when the next input has them too.
  Status Intern(const std::string& tenant, Extent* extent, bool at_any_size, bool* fits, SymbolInterner* symbols,
                std::vector<std::vector<SourceStacks>>* stacks) {
    CommonTables commons(*this, tenant, shares_.symbols / 2);
    uint64_t maps_bytes = 0;
    uint64_t bytes = 0;
    *fits = true;
    for (uint32_t i = 0; i < extent->services.size() && *fits; ++i) {
      const auto& sources = extent->services[i]->sources;
      stacks->emplace_back(sources.size());
      ASSIGN_OR_RETURN(const ServicePlan plan, extent->planners[i]->Plan(extent->window, nullptr));
      memory_.Set(MemoryAccount::kRows, plan.MemoryBytes());
      for (uint32_t s = 0; s < sources.size() && *fits; ++s) {
        const SourceRows& rows = plan.sources[s];
        if (std::find(rows.kept.begin(), rows.kept.end(), 1) == rows.kept.end()) continue;
        ASSIGN_OR_RETURN(CommonTable * common, commons.Of(sources[s].input));
        SymbolTable& table = common->table;
        if (const SectionRef* own = FindSection(sources[s].dataset->sections, SectionKind::kSymbols)) {
          RETURN_IF_ERROR(AppendSymbols(sources[s].input, *own, &table));
        }
        memory_.Set(MemoryAccount::kShared, commons.MemoryBytes() + table.MemoryBytes());
        std::vector<uint32_t>& ids = (*stacks)[i][s].ids;
        RETURN_IF_ERROR(MapStacks(sources[s], i, table, rows.leaves_out ? &rows : nullptr, &common->entries, symbols, &ids));
        TruncateTo(common->mark, &table);
        maps_bytes += ids.size() * sizeof(uint32_t);
        // The numbering to come takes three more numbers per stack.
        bytes = symbols->MemoryBytes() + symbols->table().stacks.size() * 12;
        memory_.Set(MemoryAccount::kSymbols, bytes);
        memory_.Set(MemoryAccount::kMaps, maps_bytes);
        *fits = at_any_size || bytes + maps_bytes <= shares_.symbols / 2 * 3;
      }
      if (!*fits) {
        Cut(extent, std::max<size_t>(i, 1));
      } else if (bytes + maps_bytes > shares_.symbols) {
        Cut(extent, i + 1);
      }
    }
    memory_.Set(MemoryAccount::kRows, 0);
    memory_.Set(MemoryAccount::kShared, 0);
    return Status::Ok();
  }
  static void Cut(Extent* extent, size_t count) {
    extent->services.resize(count);
    extent->planners.resize(count);
  }

  // What the datasets of one input and tenant have in common, decoded, and what became of it.
  struct CommonTable {
    SymbolTable table;
    SymbolMark mark{};
    SymbolInterner::CommonEntries entries;
  };
  // Those of all inputs, as long as there is room: else they are decoded again when it is their turn.
  class CommonTables {
   public:
    CommonTables(Merger& merger, const std::string& tenant, uint64_t bytes_max)
        : merger_(merger), tenant_(tenant), bytes_max_(bytes_max), tables_(merger.inputs_.size()) {}
    Result<CommonTable*> Of(uint32_t input) {
      std::unique_ptr<CommonTable>& kept = tables_[input];
      if (kept != nullptr) return kept.get();
      if (bytes_ > bytes_max_) {
        for (auto& table : tables_) table.reset();
        bytes_ = 0;
      }
      kept = std::make_unique<CommonTable>();
      for (const TenantSymbols& shared : merger_.inputs_.meta(input).symbols) {
        if (shared.tenant == tenant_) RETURN_IF_ERROR(merger_.AppendSymbols(input, shared.section, &kept->table));
      }
      kept->mark = MarkOf(kept->table);
      kept->entries = SymbolInterner::CommonOf(kept->table);
      bytes_ += kept->table.MemoryBytes() + kept->entries.MemoryBytes();
      return kept.get();
    }
    uint64_t MemoryBytes() const { return bytes_; }

   private:
    Merger& merger_;
    const std::string& tenant_;
    const uint64_t bytes_max_;
    std::vector<std::unique_ptr<CommonTable>> tables_;
    uint64_t bytes_ = 0;
  };

  Status AppendSymbols(uint32_t input, const SectionRef& section, SymbolTable* table) {
    ASSIGN_OR_RETURN(const auto parts, inputs_.Section(input, section));
    return inputs_.Blame(input, DecodeSymbols(parts, table));
  }

  // Interns what the kept rows of a source need; `ids`: by stack of the source.
  Status MapStacks(const MergeSource& source, uint32_t owner, const SymbolTable& table, const SourceRows* rows,
                   SymbolInterner::CommonEntries* common, SymbolInterner* symbols, std::vector<uint32_t>* ids) {
    const uint32_t stack_count = static_cast<uint32_t>(table.stacks.size());
    ids->resize(stack_count);
    // Whoever wrote the object kept children apart; where one did not, a stack that comes twice is only told twice.
    constexpr SymbolInterner::Tree kTree = SymbolInterner::Tree::kDistinct;
    if (rows == nullptr) {
      std::iota(ids->begin(), ids->end(), 0);
      symbols->Add(table, owner, *ids, kTree, common);
      return Status::Ok();
    }
    std::vector<uint8_t> is_used(stack_count);
    SourceSamples samples(inputs_, source, *rows, stack_count);
    for (uint32_t row = 0; row < rows->rows.rows.size(); ++row) {
      if (!rows->kept[row]) continue;
      RETURN_IF_ERROR(samples.Read(row));
      for (uint32_t stack : samples.samples().stacks()) is_used[stack] = 1;
      memory_.Set(MemoryAccount::kChunks, samples.MemoryBytes());
    }
    memory_.Set(MemoryAccount::kChunks, 0);
    std::vector<uint32_t> used;
    for (uint32_t stack = 0; stack < stack_count; ++stack) {
      if (is_used[stack]) used.push_back(stack);
    }
    std::vector<uint32_t> mapped = used;
    symbols->Add(table, owner, mapped, kTree, common);
    for (size_t i = 0; i < used.size(); ++i) (*ids)[used[i]] = mapped[i];
    return Status::Ok();
  }

  Status WriteDataset(const std::string& tenant, const Extent& extent, uint32_t position, const SymbolNumbering& numbering,
                      const SymbolTable& table, const std::vector<SourceStacks>& stacks, LabelSetListing* label_sets,
                      BuiltBlock* out) {
    const Service& service = *extent.services[position];
    ASSIGN_OR_RETURN(const ServicePlan plan, extent.planners[position]->Plan(extent.window, &figures_));
    const double input_bytes = static_cast<double>(service.input_bytes) * extent.share;
    auto go_on = [&](double share) { return host_.GoOn(static_cast<uint64_t>(bytes_done_ + share * input_bytes)); };
    if (!go_on(0)) return Status(Code::kCancelled, "merge: nobody wants its result any more");
    if (!plan.profiles.empty()) {
      const SymbolNumbering::Chunk& own = numbering.own(position);
      SymbolNumbering::Parts parts;
      std::vector<std::string_view> symbols;
      if (!own.empty()) {
        parts = numbering.Encode(table, own);
        symbols = {parts.text, parts.numbers, parts.stacks.shape, parts.stacks.steps, parts.stacks.fresh, parts.stacks.known};
      }
      DatasetMerger merger(options_, shares_, inputs_, service.sources, plan, stacks,
                           static_cast<uint32_t>(own.stacks.size()) + 1, &memory_);
      DatasetMeta meta;
      meta.tenant = tenant;
      meta.service = service.name;
      DatasetRows rows;
      RETURN_IF_ERROR(merger.Write(symbols, go_on, &out->object, &meta, &rows));
      label_sets->List(rows, &meta);
      out->meta.datasets.push_back(std::move(meta));
      memory_.Set(MemoryAccount::kOutput, out->object.capacity());
    }
    memory_.Set(MemoryAccount::kRows, 0);
    bytes_done_ += input_bytes;
    return Status::Ok();
  }

  Status Put(BuiltBlock out) {
    BlockMeta& meta = out.meta;
    meta.min_time_ns = INT64_MAX;
    meta.max_time_ns = INT64_MIN;
    for (const DatasetMeta& dataset : meta.datasets) {
      meta.min_time_ns = std::min(meta.min_time_ns, dataset.min_time_ns);
      meta.max_time_ns = std::max(meta.max_time_ns, dataset.max_time_ns);
    }
    meta.size = out.object.size();
    uint64_t bytes = codec::EncodeBlockMeta(meta).size();
    uint64_t label_bytes = 0;
    if (LabelsOf(meta)) {
      BlockMeta bare = meta;
      ForgetLabels(&bare);
      const uint64_t bare_bytes = codec::EncodeBlockMeta(bare).size();
      label_bytes = bytes - bare_bytes;
      if (metadata_bytes_ + bytes > options_.metadata_bytes_max) {
        meta = std::move(bare);
        bytes = bare_bytes;
        label_bytes = 0;
      }
    }
    metadata_bytes_ += bytes;
    label_bytes_left_ -= std::min(label_bytes_left_, label_bytes);
    if (metadata_bytes_ > options_.metadata_bytes_max) {
      return ResourceExhausted("merge: the metadata of its outputs takes " + std::to_string(metadata_bytes_) +
                               " bytes and more, the limit is " + std::to_string(options_.metadata_bytes_max))
          .WithReason("metadata_limit");
    }
    out.object += EncodeTail(meta);
    meta.size = out.object.size();
    memory_.Set(MemoryAccount::kOutput, out.object.capacity());
    figures_.bytes_written += meta.size;
    ++output_number_;
    const Status status = host_.Put(std::move(out));
    memory_.Set(MemoryAccount::kOutput, 0);
    return status;
  }

  static bool LabelsOf(const BlockMeta& meta) {
    return std::any_of(meta.datasets.begin(), meta.datasets.end(), [](const DatasetMeta& d) { return d.lists_label_sets; });
  }
  static void ForgetLabels(BlockMeta* meta) {
    for (DatasetMeta& dataset : meta->datasets) {
      dataset.lists_label_sets = false;
      dataset.label_sets.clear();
    }
  }

  const MergeOptions& options_;
  const MergeShares shares_;
  MemoryAccount memory_;
  MergeInputs inputs_;
  const std::vector<const BlockMeta*> metas_;
  MergeHost& host_;
  MergeDeletions deletions_;
  MergeFigures figures_;
  uint32_t output_number_ = 0;  // of the tenant
  uint64_t metadata_bytes_ = 0;
  uint64_t label_bytes_left_ = 0;
  double bytes_done_ = 0;
};

std::vector<const BlockMeta*> SortedById(const std::vector<BlockMeta>& inputs) {
  std::vector<const BlockMeta*> sorted;
  for (const BlockMeta& input : inputs) sorted.push_back(&input);
  std::sort(sorted.begin(), sorted.end(), [](const BlockMeta* a, const BlockMeta* b) { return a->id < b->id; });
  return sorted;
}

}  // namespace

Result<MergeFigures> MergeBlocks(const MergeOptions& options, object::ObjectStore& store, const std::vector<BlockMeta>& inputs,
                                 MergeHost& host, Ulid* bad) {
  if (inputs.empty()) return InvalidArgument("merge: there are no inputs");
  Merger merger(options, store, SortedById(inputs), host);
  auto figures = merger.Run();
  const Code code = figures.status().code();
  if (merger.blamed() != nullptr && (code == Code::kCorruption || code == Code::kNotFound)) *bad = merger.blamed()->id;
  return figures;
}

Ulid MergeOutputId(const MergeOptions& options, const std::vector<BlockMeta>& inputs, const std::string& tenant, uint32_t n) {
  return OutputId(options, SortedById(inputs), tenant, n);
}

}  // namespace brazier::block
