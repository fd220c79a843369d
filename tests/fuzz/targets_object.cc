// Fuzz targets of the object reader. RunObject feeds whole objects; checksums stop most mutations early, so RunObjectSection
// puts hostile section contents into an object whose checksums are right.
#include <cstring>

#include "common/codec/pprof.h"
#include "store/block/block_merge.h"
#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "store/block/section_codec.h"
#include "store/block/section_samples.h"
#include "store/object/memory_object_store.h"
#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

constexpr int64_t kTimeNs = 1'795'207'895'000'000'000;

// One dataset's sections, read as a query reads them. Errors are fine; what is returned must be in range.
void ReadDataset(const block::BlockSections& sections, const DatasetMeta& dataset, size_t index) {
  auto table = sections.SharedSymbols(dataset.tenant);
  if (!table.ok() || !sections.OwnSymbols(index, &*table).ok()) return;
  FUZZ_CHECK(table->Validate().ok());
  const auto rows = sections.Rows(index);
  const auto parts = sections.Samples(index);
  if (!rows.ok() || !parts.ok()) return;
  auto samples = block::SamplesDecoder::Open(*parts, static_cast<uint32_t>(table->stacks.size()));
  if (!samples.ok()) return;
  for (const block::DatasetRow& row : rows->rows) {
    FUZZ_CHECK(row.series < rows->series.size());
    FUZZ_CHECK(row.profile < rows->profiles.size());
    if (!samples->Next(row).ok()) return;
    FUZZ_CHECK(samples->stacks().size() == samples->values().size());
    for (uint32_t stack : samples->stacks()) FUZZ_CHECK(stack < table->stacks.size());
  }
}

void ReadObject(Bytes object) {
  const auto meta = block::DecodeFooter(object);
  if (!meta.ok()) return;
  BlockRead read;
  read.block = meta->id;
  read.symbols = meta->symbols;
  read.datasets = meta->datasets;
  const auto sections = block::BlockSections::FromObject(object, read, {.rows = true, .samples = true});
  if (!sections.ok()) return;
  for (size_t i = 0; i < meta->datasets.size() && i < 64; ++i) ReadDataset(*sections, meta->datasets[i], i);
}

ProfileBatch BatchOf(const std::string& service, const std::string& pprof, uint64_t identity) {
  const auto decoded = codec::DecodePprof(AsBytes(pprof), {});
  FUZZ_CHECK(decoded.ok());
  ProfileBatch batch;
  batch.tenant = "tenant";
  batch.service = service;
  batch.symbols = decoded->symbols;
  batch.series = {Labels({{"service_name", service}, {"__profile_type__", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"}})};
  batch.profiles = {{{identity, 1}, kTimeNs, 10, 1}};
  ProfileBatch::Row row;
  for (uint32_t stack = 1; stack < batch.symbols.stacks.size(); stack += 2) {
    batch.stacks.push_back(stack);
    batch.values.push_back(stack * 1000);
    row.total += stack * 1000;
  }
  row.sample_end = static_cast<uint32_t>(batch.stacks.size());
  batch.rows = {row};
  return batch;
}

block::BuiltBlock BuildSmallBlock() {
  block::BlockWriter writer(1);
  uint64_t identity = 1;
  for (const std::string& pprof : SmallPprofs()) {
    writer.Add(BatchOf("service-a", pprof, identity++));
    if (identity % 2 == 0) writer.Add(BatchOf("service-b", pprof, identity++));
  }
  return writer.Build(Ulid{}, 0, 0);
}

const block::BuiltBlock& SmallBlock() {
  static const block::BuiltBlock block = BuildSmallBlock();
  return block;
}

// Input of RunObjectSection: one byte chooses the section, then parts as 32-bit length and bytes.
std::string JoinParts(uint8_t choice, const std::vector<std::string>& parts) {
  std::string out(1, static_cast<char>(choice));
  for (const std::string& part : parts) {
    const uint32_t size = static_cast<uint32_t>(part.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out += part;
  }
  return out;
}

std::vector<std::string> SplitParts(Bytes input) {
  std::vector<std::string> parts;
  while (input.size() >= 4 && parts.size() < block::kPartsMax) {
    uint32_t size;
    std::memcpy(&size, input.data(), 4);
    input = input.subspan(4);
    // A length that a mutation made wrong still gives a part: what follows it.
    const size_t taken = std::min<size_t>(size, input.size());
    parts.emplace_back(AsString(input.first(taken)));
    input = input.subspan(taken);
  }
  return parts;
}

// Every section of a block, in the order in which they are written again.
std::vector<SectionRef*> SectionsOf(BlockMeta& meta) {
  std::vector<SectionRef*> sections;
  for (TenantSymbols& symbols : meta.symbols) sections.push_back(&symbols.section);
  for (DatasetMeta& dataset : meta.datasets) {
    for (SectionRef& section : dataset.sections) sections.push_back(&section);
  }
  return sections;
}

}  // namespace

std::string SmallObject() { return SmallBlock().object; }

void RunObject(Bytes input) { ReadObject(input); }
std::vector<std::string> ObjectCorpus() { return {SmallObject()}; }

namespace {

// The block with the parts of one section in place of its own, checksums right. The first byte of the input chooses the section.
block::BuiltBlock WithSection(const block::BuiltBlock& original, Bytes input) {
  block::BuiltBlock out;
  out.meta = original.meta;
  for (DatasetMeta& dataset : out.meta.datasets) dataset.identities.clear();
  const std::vector<SectionRef*> sections = SectionsOf(out.meta);
  const size_t replaced = input[0] % sections.size();
  const std::vector<std::string> parts = SplitParts(input.subspan(1));
  const std::vector<std::string_view> views(parts.begin(), parts.end());
  for (size_t i = 0; i < sections.size(); ++i) {
    SectionRef& section = *sections[i];
    if (i == replaced) {
      const SectionRef before = section;
      section = block::AppendSection(section.kind, views, 1, &out.object);
      section.row_count = before.row_count;
      section.min_time_ns = before.min_time_ns;
      section.max_time_ns = before.max_time_ns;
    } else {
      const uint64_t offset = out.object.size();
      out.object.append(original.object, section.offset, section.size);
      section.offset = offset;
    }
  }
  out.meta.size = 0;
  out.object += block::EncodeTail(out.meta);
  out.meta.size = out.object.size();
  return out;
}

struct KeepingHost : block::MergeHost {
  std::vector<block::BuiltBlock> blocks;
  Status Put(block::BuiltBlock block) override {
    blocks.push_back(std::move(block));
    return Status::Ok();
  }
};

block::MergeOptions SmallMerge() {
  block::MergeOptions options;
  options.memory_bytes_max = 1 << 20;
  options.hour_rollups = options.day_rollups = true;
  return options;
}

block::BuiltBlock BuildCompactedBlock() {
  object::MemoryObjectStore store;
  const BlockMeta& meta = SmallBlock().meta;
  FUZZ_CHECK(store.Put(meta.ObjectKey(), {AsBytes(SmallBlock().object)}).ok());
  KeepingHost host;
  Ulid bad;
  FUZZ_CHECK(block::MergeBlocks(SmallMerge(), store, {meta}, host, &bad).ok());
  FUZZ_CHECK(host.blocks.size() == 1);
  return host.blocks[0];
}

const block::BuiltBlock& CompactedBlock() {
  static const block::BuiltBlock block = BuildCompactedBlock();
  return block;
}

// Which of the two blocks an input of RunMerge is about: its first byte's highest bit.
constexpr uint8_t kCompacted = 0x80;

void AddSections(const block::BuiltBlock& block, uint8_t choice, std::vector<std::string>* corpus) {
  BlockMeta meta = block.meta;
  for (const SectionRef* section : SectionsOf(meta)) {
    const auto parts = block::DecodeSection(*section, AsBytes(block.object).subspan(section->offset, section->size));
    FUZZ_CHECK(parts.ok());
    corpus->push_back(JoinParts(choice++, *parts));
  }
}

}  // namespace

void RunObjectSection(Bytes input) {
  if (input.empty()) return;
  const block::BuiltBlock hostile = WithSection(SmallBlock(), input);
  FUZZ_CHECK(block::DecodeFooter(AsBytes(hostile.object)).ok());
  ReadObject(AsBytes(hostile.object));
}

void RunMerge(Bytes input) {
  if (input.empty()) return;
  std::string choice(AsString(input));
  const bool is_compacted = input[0] & kCompacted;
  choice[0] = static_cast<char>(input[0] & ~kCompacted);
  const block::BuiltBlock hostile = WithSection(is_compacted ? CompactedBlock() : SmallBlock(), AsBytes(choice));
  object::MemoryObjectStore store;
  BlockMeta good = SmallBlock().meta;
  good.id = Ulid{{1, 1}};
  FUZZ_CHECK(store.Put(hostile.meta.ObjectKey(), {AsBytes(hostile.object)}).ok());
  FUZZ_CHECK(store.Put(good.ObjectKey(), {AsBytes(SmallBlock().object)}).ok());
  KeepingHost host;
  Ulid bad;
  const auto figures = block::MergeBlocks(SmallMerge(), store, {good, hostile.meta}, host, &bad);
  if (!figures.ok()) {
    FUZZ_CHECK(figures.status().code() == Code::kCorruption || figures.status().reason() == "metadata_limit");
    FUZZ_CHECK(figures.status().code() != Code::kCorruption || bad == hostile.meta.id);
    return;
  }
  // What a merge makes is sound, whatever it was made of.
  for (const block::BuiltBlock& block : host.blocks) {
    const auto meta = block::DecodeFooter(AsBytes(block.object));
    FUZZ_CHECK(meta.ok());
    BlockRead read;
    read.symbols = meta->symbols;
    read.datasets = meta->datasets;
    const auto sections = block::BlockSections::FromObject(AsBytes(block.object), read, {.rows = true, .samples = true});
    FUZZ_CHECK(sections.ok());
    for (size_t d = 0; d < meta->datasets.size(); ++d) {
      FUZZ_CHECK(sections->Rows(d).ok());
      FUZZ_CHECK(sections->Samples(d).ok());
    }
  }
}

std::vector<std::string> MergeCorpus() {
  std::vector<std::string> corpus;
  AddSections(SmallBlock(), 0, &corpus);
  AddSections(CompactedBlock(), kCompacted, &corpus);
  return corpus;
}

std::vector<std::string> ObjectSectionCorpus() {
  std::vector<std::string> corpus;
  AddSections(SmallBlock(), 0, &corpus);
  return corpus;
}

}  // namespace brazier::fuzz
