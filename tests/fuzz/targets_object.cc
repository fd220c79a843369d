// Fuzz targets of the object reader. RunObject feeds whole objects; checksums stop most mutations early, so RunObjectSection
// puts hostile section contents into an object whose checksums are right.
#include <cstring>

#include "common/codec/pprof.h"
#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "store/block/section_codec.h"
#include "store/block/section_samples.h"
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
  while (input.size() >= 4 && parts.size() < 3) {
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

void RunObjectSection(Bytes input) {
  if (input.empty()) return;
  const std::string& original = SmallBlock().object;
  BlockMeta meta = SmallBlock().meta;
  for (DatasetMeta& dataset : meta.datasets) dataset.identities.clear();
  const std::vector<SectionRef*> sections = SectionsOf(meta);
  const size_t replaced = input[0] % sections.size();
  std::vector<std::string> parts = SplitParts(input.subspan(1));
  parts.resize(3);
  std::string object;
  for (size_t i = 0; i < sections.size(); ++i) {
    SectionRef& section = *sections[i];
    if (i == replaced) {
      section = block::AppendSection(section.kind, {parts[0], parts[1], parts[2]}, 1, &object);
    } else {
      const uint64_t offset = object.size();
      object.append(original, section.offset, section.size);
      section.offset = offset;
    }
  }
  meta.size = 0;
  object += block::EncodeTail(meta);
  FUZZ_CHECK(block::DecodeFooter(AsBytes(object)).ok());
  ReadObject(AsBytes(object));
}

std::vector<std::string> ObjectSectionCorpus() {
  std::vector<std::string> corpus;
  BlockMeta meta = SmallBlock().meta;
  const Bytes object = AsBytes(SmallBlock().object);
  uint8_t choice = 0;
  for (const SectionRef* section : SectionsOf(meta)) {
    const auto parts = block::DecodeSection(*section, object.subspan(section->offset, section->size));
    FUZZ_CHECK(parts.ok());
    corpus.push_back(JoinParts(choice++, *parts));
  }
  return corpus;
}

}  // namespace brazier::fuzz
