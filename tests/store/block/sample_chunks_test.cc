// Chunks of samples and roll-ups as readers find them: which rows and times each has, fetched alone or together.
#include <gtest/gtest.h>

#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "store/block/section_codec.h"
#include "store/block/section_samples.h"
#include "store/object/memory_object_store.h"
#include "tests/store/block/block_content.h"

namespace brazier::block {
namespace {

using testing::Content;
using testing::ContentOf;
using testing::RandomBatches;
using testing::ReadOf;

struct Objects {
  BuiltBlock plain;
  BlockMeta meta;      // of `chunked`
  std::string chunked;  // the same datasets, samples in chunks of `rows_each` rows, and roll-ups
};

RollupRows RollupOf(const DatasetMeta& dataset) {
  RollupRows rollup;
  rollup.rows.series = {Labels({{"service_name", dataset.service}})};
  for (uint32_t i = 0; i < 3; ++i) {
    rollup.rows.profiles.push_back({Hash128{}, int64_t{i + 1} * 3600, 10, 2});
    rollup.rows.rows.push_back({0, i, 0, 0, 0});
    rollup.profile_counts.push_back(i * 1000);
  }
  return rollup;
}

// The object again, with the samples of each dataset in chunks.
Objects Rechunk(uint64_t seed, uint32_t rows_each) {
  RandomBatches random(seed);
  BlockWriter writer(3);
  for (int i = 0; i < 100; ++i) writer.Add(random.Next());
  Objects out;
  out.plain = writer.Build(Ulid{{seed, 9}}, 1, 1);
  out.meta = out.plain.meta;
  out.chunked = out.plain.object;  // sections that stay keep their place
  const auto sections =
      BlockSections::FromObject(AsBytes(out.plain.object), ReadOf(out.plain.meta), {.rows = true, .samples = true});
  EXPECT_TRUE(sections.ok());
  for (size_t d = 0; d < out.meta.datasets.size(); ++d) {
    DatasetMeta& dataset = out.meta.datasets[d];
    dataset.identities.clear();
    DatasetRows rows = *sections->Rows(d);
    auto table = sections->SharedSymbols(dataset.tenant);
    EXPECT_TRUE(sections->OwnSymbols(d, &*table).ok());
    const auto parts = sections->Samples(d);
    auto samples = SamplesDecoder::Open(*parts, static_cast<uint32_t>(table->stacks.size()));
    std::erase_if(dataset.sections, [](const SectionRef& s) { return s.kind != SectionKind::kSymbols; });
    for (size_t begin = 0; begin == 0 || begin < rows.rows.size(); begin += rows_each) {
      SamplesEncoder encoder;
      const size_t end = std::min<size_t>(begin + rows_each, rows.rows.size());
      for (size_t i = begin; i < end; ++i) {
        EXPECT_TRUE(samples->Next(rows.rows[i]).ok());
        const bool is_first = i == begin || rows.rows[i].profile != rows.rows[i - 1].profile;
        encoder.Add(samples->stacks(), samples->values(), samples->spans(), samples->traces(), is_first, &rows.rows[i]);
      }
      SectionRef chunk = AppendSection(SectionKind::kSampleChunk, {encoder.stacks(), encoder.values(), encoder.spans()},
                                       3, &out.chunked);
      chunk.row_count = static_cast<uint32_t>(end - begin);
      chunk.min_time_ns = static_cast<int64_t>(begin);
      chunk.max_time_ns = static_cast<int64_t>(end);
      dataset.sections.push_back(chunk);
    }
    const RowsParts encoded = EncodeRows(rows);
    dataset.sections.push_back(AppendSection(SectionKind::kRows, {encoded.series, encoded.identities, encoded.numbers}, 3,
                                             &out.chunked));
    const RollupParts hours = EncodeRollupRows(RollupOf(dataset));
    dataset.sections.push_back(AppendSection(
        SectionKind::kHourRows, {hours.rows.series, hours.rows.identities, hours.rows.numbers, hours.counts}, 3, &out.chunked));
    for (int64_t i = 0; i < 3; ++i) {
      SectionRef chunk = AppendSection(SectionKind::kHourSamples, {std::string(1, static_cast<char>(i)), {}, {}}, 3, &out.chunked);
      chunk.row_count = 1;
      chunk.min_time_ns = chunk.max_time_ns = (i + 1) * 3600;
      dataset.sections.push_back(chunk);
    }
  }
  out.meta.size = out.chunked.size();
  out.chunked += EncodeTail(out.meta);
  out.meta.size = out.chunked.size();
  return out;
}

TEST(SampleChunks, TheFooterTellsRowsAndTimesOfEach) {
  const Objects objects = Rechunk(1, 2);
  const auto footer = DecodeFooter(AsBytes(objects.chunked));
  ASSERT_TRUE(footer.ok()) << footer.status().ToString();
  EXPECT_EQ(*footer, objects.meta);
  for (const DatasetMeta& dataset : footer->datasets) {
    const auto chunks = SampleChunks(dataset, SectionKind::kSampleChunk);
    ASSERT_TRUE(chunks.ok());
    ASSERT_GT(chunks->size(), 1u);
    EXPECT_EQ(chunks->size(), SampleChunkCount(dataset, SectionKind::kSampleChunk));
    uint32_t row = 0;
    for (const SampleChunkRef& chunk : *chunks) {
      EXPECT_EQ(chunk.row_begin, row);
      row = chunk.row_end;
      EXPECT_EQ(chunk.min_time_ns, chunk.row_begin);
      EXPECT_EQ(chunk.max_time_ns, chunk.row_end);
    }
    EXPECT_EQ(SampleChunkCount(dataset, SectionKind::kHourSamples), 3u);
    EXPECT_EQ(SampleChunkCount(dataset, SectionKind::kDaySamples), 0u);
  }
}

// A segment's samples are its one chunk.
TEST(SampleChunks, ASegmentHasOne) {
  const Objects objects = Rechunk(2, 100);
  const BlockMeta& meta = objects.plain.meta;
  const auto sections =
      BlockSections::FromObject(AsBytes(objects.plain.object), ReadOf(meta), {.rows = true, .samples = true});
  ASSERT_TRUE(sections.ok());
  for (size_t d = 0; d < meta.datasets.size(); ++d) {
    const auto chunks = SampleChunks(meta.datasets[d], SectionKind::kSampleChunk);
    ASSERT_TRUE(chunks.ok());
    ASSERT_EQ(chunks->size(), 1u);
    EXPECT_EQ(chunks->front().row_begin, 0u);
    EXPECT_EQ(chunks->front().row_end, UINT32_MAX);
    EXPECT_EQ(chunks->front().max_time_ns, meta.datasets[d].max_time_ns);
    const auto parts = sections->SampleChunk(d, 0);
    ASSERT_TRUE(parts.ok());
    EXPECT_EQ(*parts, *sections->Samples(d));
    EXPECT_FALSE(sections->SampleChunk(d, 1).ok());
    const auto rollup = sections->Rollup(d, SectionKind::kHourRows);
    ASSERT_TRUE(rollup.ok());
    EXPECT_TRUE(rollup->rows.rows.empty());
  }
}

TEST(SampleChunks, TogetherTheyAreTheSamples) {
  for (uint32_t rows_each : {1, 2, 7, 1000}) {
    const Objects objects = Rechunk(3, rows_each);
    const auto chunked = ContentOf(AsBytes(objects.chunked));
    ASSERT_TRUE(chunked.ok()) << chunked.status().ToString();
    EXPECT_EQ(*chunked, *ContentOf(AsBytes(objects.plain.object)));
  }
}

// One chunk, fetched without the others, read with the rows that the footer says are in it.
TEST(SampleChunks, OneIsFetchedAndReadAlone) {
  const Objects objects = Rechunk(4, 3);
  object::MemoryObjectStore store;
  const BlockRead read = ReadOf(objects.meta);
  ASSERT_TRUE(store.Put(read.object_key, {AsBytes(objects.chunked)}).ok());
  const auto all = BlockSections::FromObject(AsBytes(objects.chunked), read, {.rows = true, .samples = true});
  ASSERT_TRUE(all.ok());
  const DatasetMeta& dataset = read.datasets[0];
  const auto chunks = SampleChunks(dataset, SectionKind::kSampleChunk);
  ASSERT_GT(chunks->size(), 2u);
  for (size_t c = 0; c < chunks->size(); ++c) {
    const auto some = BlockSections::FetchWanted(store, read, [&](size_t d, const SectionRef& section) {
      return d == 0 && (&section == (*chunks)[c].section || section.kind == SectionKind::kRows ||
                        section.kind == SectionKind::kSymbols);
    });
    ASSERT_TRUE(some.ok()) << some.status().ToString();
    EXPECT_LT(some->bytes_read(), objects.chunked.size());
    EXPECT_EQ(*some->SampleChunk(0, c), *all->SampleChunk(0, c));
    EXPECT_FALSE(some->SampleChunk(0, c == 0 ? 1 : 0).ok()) << "it was not fetched";
    EXPECT_FALSE(some->Rows(1).ok());
    auto table = some->SharedSymbols(dataset.tenant);
    ASSERT_TRUE(table.ok());
    ASSERT_TRUE(some->OwnSymbols(0, &*table).ok());
    const auto rows = some->Rows(0);
    const auto parts = some->SampleChunk(0, c);
    auto samples = SamplesDecoder::Open(*parts, static_cast<uint32_t>(table->stacks.size()));
    for (uint32_t r = (*chunks)[c].row_begin; r < (*chunks)[c].row_end; ++r) {
      ASSERT_TRUE(samples->Next(rows->rows[r]).ok());
      int64_t total = 0;
      for (int64_t v : samples->values()) total = static_cast<int64_t>(static_cast<uint64_t>(total) + static_cast<uint64_t>(v));
      EXPECT_EQ(total, rows->rows[r].total);
    }
  }
}

TEST(SampleChunks, RowsAloneNeedNoSymbols) {
  const Objects objects = Rechunk(5, 3);
  object::MemoryObjectStore store;
  const BlockRead read = ReadOf(objects.meta);
  ASSERT_TRUE(store.Put(read.object_key, {AsBytes(objects.chunked)}).ok());
  const auto sections = BlockSections::FetchWanted(
      store, read, [](size_t, const SectionRef& section) { return section.kind == SectionKind::kHourRows; });
  ASSERT_TRUE(sections.ok());
  EXPECT_FALSE(read.symbols.empty());
  EXPECT_EQ(sections->SharedSymbols(read.symbols[0].tenant)->strings.size(), 1u);
  EXPECT_FALSE(sections->Rows(0).ok());
}

TEST(SampleChunks, RollupsComeBack) {
  const Objects objects = Rechunk(6, 3);
  const BlockRead read = ReadOf(objects.meta);
  const auto sections = BlockSections::WantedFromObject(AsBytes(objects.chunked), read,
                                                        [](size_t, const SectionRef&) { return true; });
  ASSERT_TRUE(sections.ok());
  for (size_t d = 0; d < read.datasets.size(); ++d) {
    const auto rollup = sections->Rollup(d, SectionKind::kHourRows);
    ASSERT_TRUE(rollup.ok()) << rollup.status().ToString();
    const RollupRows want = RollupOf(read.datasets[d]);
    EXPECT_EQ(rollup->rows.series, want.rows.series);
    EXPECT_EQ(rollup->profile_counts, want.profile_counts);
    ASSERT_EQ(rollup->rows.profiles.size(), 3u);
    EXPECT_EQ(rollup->rows.profiles[2].time_ns, 3 * 3600);
    for (size_t c = 0; c < 3; ++c) {
      const auto parts = sections->SampleChunk(d, SectionKind::kHourSamples, c);
      ASSERT_TRUE(parts.ok());
      EXPECT_EQ(parts->at(0), std::string(1, static_cast<char>(c)));
    }
  }
}

TEST(SampleChunks, HostileRollupsAndCounts) {
  DatasetMeta dataset;
  dataset.service = "s";
  const RollupParts good = EncodeRollupRows(RollupOf(dataset));
  const std::vector<std::string> parts = {good.rows.series, good.rows.identities, good.rows.numbers, good.counts};
  EXPECT_TRUE(DecodeRollupRows(parts).ok());
  EXPECT_FALSE(DecodeRollupRows({parts[0], parts[1], parts[2]}).ok());
  EXPECT_FALSE(DecodeRows(parts).ok());
  EXPECT_FALSE(DecodeRollupRows({parts[0], parts[1], parts[2], parts[3].substr(0, 2)}).ok());
  EXPECT_FALSE(DecodeRollupRows({parts[0], parts[1], parts[2], parts[3] + '\0'}).ok());
  // Two rows of one profile: a roll-up has one profile per row.
  RollupRows shared = RollupOf(dataset);
  shared.rows.rows[1].profile = 0;
  shared.rows.rows[2].profile = 1;
  const RollupParts bad = EncodeRollupRows(shared);
  EXPECT_FALSE(DecodeRollupRows({bad.rows.series, bad.rows.identities, bad.rows.numbers, bad.counts}).ok());

  SectionRef huge;
  huge.kind = SectionKind::kSampleChunk;
  huge.row_count = UINT32_MAX;
  dataset.sections = {huge, huge};
  EXPECT_EQ(SampleChunks(dataset, SectionKind::kSampleChunk).status().code(), Code::kCorruption);
}

}  // namespace
}  // namespace brazier::block
