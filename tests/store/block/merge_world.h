// A world of small objects for tests of the merge: segments of random profiles, and everything that a reader sees of an object as rows
// of text, so that what goes in is compared with what comes out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/saturating.h"
#include "common/model/rollup.h"
#include "common/model/selector.h"
#include "store/block/block_merge.h"
#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "store/block/section_samples.h"
#include "store/object/memory_object_store.h"
#include "tests/store/block/block_content.h"

namespace brazier::block::testing {

inline constexpr int64_t kWorldStartNs = 490'000 * kRollupHourNs;

// One row as a reader sees it.
struct SeenRow {
  std::string tenant, service;
  Labels labels;
  ProfileBatch::Profile profile;
  Ulid block;
  uint32_t position = 0;  // of the profile
  int64_t total = 0;
  std::map<std::tuple<std::string, uint64_t, Hash128>, int64_t> samples;

  std::string Text() const {
    std::string text = tenant + "/" + service + " {";
    for (const Label& l : labels) text += l.name + "=" + l.value + ",";
    text += "} " + profile.identity.Hex() + " t" + std::to_string(profile.time_ns) + " d" + std::to_string(profile.duration_ns) +
            " p" + std::to_string(profile.period) + " total" + std::to_string(total);
    for (const auto& [key, value] : samples) {
      const auto& [stack, span, trace] = key;
      text += "\n  " + stack + " " + std::to_string(span) + " " + trace.Hex() + " = " + std::to_string(value);
    }
    return text;
  }
  std::tuple<std::string, std::string, Hash128> Who() const { return {tenant, service, profile.identity}; }
};

// Every row that a query of the block sees: hidden profiles are none.
inline Result<std::vector<SeenRow>> RowsOf(Bytes object, const BlockMeta& meta) {
  std::vector<SeenRow> out;
  ASSIGN_OR_RETURN(const BlockSections sections, BlockSections::FromObject(object, ReadOf(meta), {.rows = true, .samples = true}));
  for (size_t d = 0; d < meta.datasets.size(); ++d) {
    const DatasetMeta& dataset = meta.datasets[d];
    ASSIGN_OR_RETURN(SymbolTable table, sections.SharedSymbols(dataset.tenant));
    RETURN_IF_ERROR(sections.OwnSymbols(d, &table));
    RETURN_IF_ERROR(table.Validate());
    std::vector<std::string> texts(table.stacks.size());
    for (uint32_t i = 0; i < table.stacks.size(); ++i) texts[i] = StackText(table, i);
    ASSIGN_OR_RETURN(const DatasetRows rows, sections.Rows(d));
    ASSIGN_OR_RETURN(const auto chunks, SampleChunks(dataset, SectionKind::kSampleChunk));
    for (size_t c = 0; c < chunks.size(); ++c) {
      ASSIGN_OR_RETURN(const auto parts, sections.SampleChunk(d, c));
      ASSIGN_OR_RETURN(auto samples, SamplesDecoder::Open(parts, static_cast<uint32_t>(table.stacks.size())));
      const size_t end = std::min<size_t>(chunks[c].row_end, rows.rows.size());
      for (size_t r = chunks[c].row_begin; r < end; ++r) {
        const DatasetRow& row = rows.rows[r];
        RETURN_IF_ERROR(samples.Next(row));
        if (std::count(dataset.hidden_profiles.begin(), dataset.hidden_profiles.end(), row.profile) > 0) continue;
        SeenRow seen{dataset.tenant, dataset.service, rows.series[row.series], rows.profiles[row.profile], meta.id, row.profile,
                     row.total, {}};
        for (size_t i = 0; i < samples.stacks().size(); ++i) {
          AddSaturating(&seen.samples[{texts[samples.stacks()[i]], samples.spans().empty() ? 0 : samples.spans()[i],
                                       samples.traces().empty() ? Hash128{} : samples.traces()[i]}],
                        samples.values()[i]);
        }
        out.push_back(std::move(seen));
      }
    }
  }
  return out;
}

inline std::multiset<std::string> Texts(const std::vector<SeenRow>& rows) {
  std::multiset<std::string> texts;
  for (const SeenRow& row : rows) texts.insert(row.Text());
  return texts;
}

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  object::MemoryObjectStore store;

  // One profile of a random service: RandomBatches' stacks, rows, spans and traces at times of a few hours.
  ProfileBatch Batch(int hours = 3) {
    ProfileBatch b = random_.Next();
    for (Labels& labels : b.series) {
      labels.Set("service_name", b.service);
      if (Below(3) == 0) labels.Set("version", "v" + std::to_string(Below(40)));
    }
    for (int64_t& v : b.values) v >>= 20;
    for (ProfileBatch::Row& row : b.rows) {
      row.total = 0;
      for (uint32_t i = row.sample_begin; i < row.sample_end; ++i) row.total += b.values[i];
    }
    for (ProfileBatch::Profile& p : b.profiles) {
      p.time_ns = kWorldStartNs + static_cast<int64_t>(Below(static_cast<uint64_t>(hours) * 40)) * (kRollupHourNs / 40);
      p.duration_ns = static_cast<int64_t>(Below(100));
      p.period = static_cast<int64_t>(Below(5));
      if (Below(20) == 0) p.identity = {};
    }
    return b;
  }

  // A segment of the batches, in the store.
  BlockMeta Segment(std::vector<ProfileBatch> batches, uint32_t level = 0) {
    BlockWriter writer(1);
    for (ProfileBatch& batch : batches) writer.Add(std::move(batch));
    BuiltBlock built = writer.Build(Ulid{{++blocks_ << 16, Below(1'000'000)}}, 0, level);
    for (DatasetMeta& dataset : built.meta.datasets) dataset.identities.clear();
    Put(built);
    return built.meta;
  }
  // Random batches, some of which were in an earlier segment.
  BlockMeta RandomSegment(int batches) {
    std::vector<ProfileBatch> list;
    for (int i = 0; i < batches; ++i) {
      list.push_back(!known_.empty() && Below(8) == 0 ? known_[Below(known_.size())] : Batch());
      known_.push_back(list.back());
    }
    return Segment(std::move(list));
  }
  void Put(const BuiltBlock& block) {
    ASSERT_TRUE(store.Put(block.meta.ObjectKey(), {AsBytes(block.object)}).ok());
  }
  std::vector<SeenRow> Rows(const BlockMeta& meta) {
    const auto object = store.Get(meta.ObjectKey());
    EXPECT_TRUE(object.ok()) << object.status().ToString();
    const auto rows = RowsOf(AsBytes(*object), meta);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *rows : std::vector<SeenRow>{};
  }
  uint64_t Below(uint64_t n) { return random_.Below(n); }

 private:
  RandomBatches random_;
  std::vector<ProfileBatch> known_;
  uint64_t blocks_ = 0;
};

// Keeps the outputs, in a store when there is one.
struct KeepingHost : MergeHost {
  World* world = nullptr;
  std::vector<BuiltBlock> blocks;
  uint64_t bytes_done = 0;
  int asked = 0;
  int stop_after = INT32_MAX;

  Status Put(BuiltBlock block) override {
    if (world != nullptr) world->Put(block);
    blocks.push_back(std::move(block));
    return Status::Ok();
  }
  bool GoOn(uint64_t done) override {
    EXPECT_GE(done, bytes_done);
    bytes_done = done;
    return ++asked <= stop_after;
  }
  std::vector<BlockMeta> Metas() const {
    std::vector<BlockMeta> metas;
    for (const BuiltBlock& block : blocks) metas.push_back(block.meta);
    return metas;
  }
};

// What a merge must keep of its inputs' rows.
inline std::vector<SeenRow> Expected(World& world, const std::vector<BlockMeta>& inputs) {
  std::vector<SeenRow> rows;
  for (const BlockMeta& input : inputs) {
    for (SeenRow& row : world.Rows(input)) {
      const bool is_deleted = std::any_of(input.deletions.begin(), input.deletions.end(), [&](const DataFilter& f) {
        return f.tenant == row.tenant && (f.service.empty() || f.service == row.service) && f.start_ns <= row.profile.time_ns &&
               row.profile.time_ns <= f.end_ns && (f.selector.empty() || Selector::Parse(f.selector)->Matches(row.labels));
      });
      if (!is_deleted) rows.push_back(std::move(row));
    }
  }
  using Place = std::tuple<int64_t, Ulid, uint32_t>;
  std::map<std::tuple<std::string, std::string, Hash128>, Place> first;
  auto place = [](const SeenRow& row) { return Place{row.profile.time_ns, row.block, row.position}; };
  for (const SeenRow& row : rows) {
    const auto [it, is_new] = first.emplace(row.Who(), place(row));
    if (!is_new) it->second = std::min(it->second, place(row));
  }
  std::erase_if(rows, [&](const SeenRow& row) { return !row.profile.identity.IsZero() && first[row.Who()] != place(row); });
  return rows;
}

}  // namespace brazier::block::testing
