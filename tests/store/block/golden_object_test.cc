// The format as bytes: the files of tests/golden/object are read to the expected content by this and every later version,
// and v2-label-sets.brz is written byte for byte by this one. BRAZIER_UPDATE_GOLDEN=1 rewrites the files of the present version;
// docs/format/object.md shows v2-label-sets.txt.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/block/block_format.h"
#include "store/block/block_inspect.h"
#include "store/block/block_merge.h"
#include "store/block/block_reader.h"
#include "store/block/block_writer.h"
#include "store/block/section_codec.h"
#include "store/object/memory_object_store.h"
#include "tests/store/block/block_content.h"

namespace brazier::block {
namespace {

using testing::AddBatch;
using testing::Content;
using testing::ContentOf;

std::filesystem::path Root() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
}
std::filesystem::path GoldenPath(const char* name) { return Root() / "tests/golden/object" / name; }

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void WriteAll(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
bool IsUpdate() { return std::getenv("BRAZIER_UPDATE_GOLDEN") != nullptr; }

// Two services of one tenant that share the function "main"; one location has no lines. Every part is too short to be
// compressed, so that the bytes do not depend on the version of the compressor.
std::vector<ProfileBatch> SmallBatches() {
  ProfileBatch a;
  a.tenant = "t";
  a.service = "a";
  SymbolTable& s = a.symbols;
  const uint32_t main_name = s.strings.Add("main");
  const uint32_t file = s.strings.Add("m.c");
  const uint32_t f_name = s.strings.Add("f");
  s.functions = {{main_name, main_name, file, 3}, {f_name, f_name, file, 8}};
  s.mappings.push_back({0x1000, 0x3000, 0, s.strings.Add("app"), 0, 1});
  s.lines = {{0, 5}, {1, 9}};
  s.locations = {{0, 1, 0, 1, false}, {0, 1, 1, 1, false}, {0x1234, 1, 2, 0, false}};
  s.stacks.push_back({0, 0});  // main
  s.stacks.push_back({1, 1});  // main;f
  s.stacks.push_back({1, 2});  // main;app!0x1234
  a.series = {Labels(std::vector<Label>{{"__profile_type__", "x"}}),
              Labels(std::vector<Label>{{"__profile_type__", "y"}})};
  a.profiles = {{{0x0102030405060708, 0x090A0B0C0D0E0F10}, 1000, 10, 100}};
  a.stacks = {2, 3, 2, 3};
  a.values = {2, 3, 20, 30};  // the second row is ten times the first
  a.span_ids = {7, 0, 7, 0};
  a.rows = {{0, 0, 0, 2, 5}, {1, 0, 2, 4, 50}};

  ProfileBatch b;
  b.tenant = "t";
  b.service = "b";
  b.symbols = s;
  b.symbols.stacks.resize(2);
  b.series = {a.series[0]};
  b.profiles = {{{0, 2}, 2000, 10, 100}};
  b.stacks = {1};
  b.values = {-4};
  b.rows = {{0, 0, 0, 1, -4}};
  return {a, b};
}

// Large enough for compressed parts.
std::vector<ProfileBatch> CompressedBatches() {
  std::vector<ProfileBatch> batches = SmallBatches();
  testing::RandomBatches random(1);
  for (int i = 0; i < 3; ++i) batches.push_back(random.Next());
  return batches;
}

std::string Build(const std::vector<ProfileBatch>& batches, Content* expected) {
  BlockWriter writer(1);
  for (const ProfileBatch& batch : batches) {
    AddBatch(batch, expected);
    writer.Add(batch);
  }
  return writer.Build(Ulid{{0x0000000000000001, 0x0000000000000002}}, 3, 0).object;
}

// A compacted block: the small batches as two segments, merged, with roll-ups. A third segment adds a profile of service a, an hour later,
// whose second row has multiples of the first one's values and whose third row has one of its stacks.
std::string BuildCompacted() {
  std::vector<ProfileBatch> batches = SmallBatches();
  ProfileBatch later = batches[0];
  later.series.push_back(Labels(std::vector<Label>{{"__profile_type__", "z"}}));
  later.profiles[0] = {{0, 3}, 3'600'000'002'000, 10, 100};
  later.span_ids.clear();
  later.stacks = {2, 3, 2, 3, 3};
  later.values = {2, 3, 4, 9, 1};
  later.rows = {{0, 0, 0, 2, 5}, {1, 0, 2, 4, 13}, {2, 0, 4, 5, 1}};
  batches.push_back(later);
  object::MemoryObjectStore store;
  std::vector<BlockMeta> inputs;
  for (size_t i = 0; i < batches.size(); ++i) {
    BlockWriter writer(1);
    writer.Add(batches[i]);
    BuiltBlock built = writer.Build(Ulid{{i + 1, 0}}, 3, 0);
    EXPECT_TRUE(store.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    inputs.push_back(built.meta);
  }
  struct Host : MergeHost {
    std::string object;
    Status Put(BuiltBlock block) override {
      object = block.object;
      return Status::Ok();
    }
  } host;
  MergeOptions options;
  options.level = 4;
  options.shard = 0;
  options.hour_rollups = options.day_rollups = true;
  Ulid bad;
  EXPECT_TRUE(MergeBlocks(options, store, inputs, host, &bad).ok());
  return host.object;
}

// The bytes with what they are, one section to a paragraph.
std::string HexText(const std::string& object) {
  const auto meta = DecodeFooter(AsBytes(object));
  EXPECT_TRUE(meta.ok());
  std::vector<std::pair<uint64_t, std::string>> begins;
  for (const TenantSymbols& symbols : meta->symbols) {
    begins.emplace_back(symbols.section.offset, "tenant t: shared-symbols");
  }
  for (const DatasetMeta& dataset : meta->datasets) {
    for (const SectionRef& section : dataset.sections) {
      begins.emplace_back(section.offset, "service " + dataset.service + ": " + std::string(SectionName(section.kind)));
    }
  }
  uint64_t footer_size = 0;
  std::memcpy(&footer_size, object.data() + object.size() - kTrailerBytes, 8);
  begins.emplace_back(object.size() - kTrailerBytes - footer_size, "footer");
  begins.emplace_back(object.size() - kTrailerBytes, "trailer");
  begins.emplace_back(object.size(), "");
  std::string text;
  char buffer[16];
  for (size_t i = 0; i + 1 < begins.size(); ++i) {
    text += begins[i].second + "\n";
    for (uint64_t at = begins[i].first; at < begins[i + 1].first; at += 16) {
      std::snprintf(buffer, sizeof buffer, "%04x ", static_cast<unsigned>(at));
      text += buffer;
      std::string shown;
      for (uint64_t k = at; k < std::min(at + 16, begins[i + 1].first); ++k) {
        std::snprintf(buffer, sizeof buffer, " %02x", static_cast<uint8_t>(object[k]));
        text += buffer;
        shown += object[k] >= ' ' && object[k] <= '~' ? object[k] : '.';
      }
      text += std::string(3 * (16 - shown.size()) + 2, ' ') + shown + "\n";
    }
  }
  return text;
}

void ExpectRead(const char* name, const Content& expected) {
  const std::string golden = ReadAll(GoldenPath(name));
  ASSERT_FALSE(golden.empty()) << name;
  const auto content = ContentOf(AsBytes(golden));
  ASSERT_TRUE(content.ok()) << name << ": " << content.status().ToString();
  EXPECT_EQ(*content, expected) << name;
}

TEST(GoldenObject, SmallObjectIsReadAndWrittenByteForByte) {
  Content expected;
  const std::string written = Build(SmallBatches(), &expected);
  if (IsUpdate()) {
    WriteAll(GoldenPath("v2-label-sets.brz"), written);
    WriteAll(GoldenPath("v2-label-sets.txt"), HexText(written));
  }
  ExpectRead("v2-label-sets.brz", expected);
  const std::string golden = ReadAll(GoldenPath("v2-label-sets.brz"));
  EXPECT_TRUE(golden == written) << "the writer's bytes changed:\n" << HexText(written);
  EXPECT_EQ(HexText(golden), ReadAll(GoldenPath("v2-label-sets.txt")));
  const auto meta = DecodeFooter(AsBytes(golden));
  ASSERT_TRUE(meta.ok());
  EXPECT_TRUE(meta->datasets[0].lists_label_sets);
  EXPECT_EQ(meta->datasets[0].label_sets, SmallBatches()[0].series);
}

// The same sections; a footer of before datasets listed their label sets. Nobody writes these any more.
TEST(GoldenObject, ObjectsWithoutLabelSetsAreRead) {
  Content expected;
  Build(SmallBatches(), &expected);
  ExpectRead("v2.brz", expected);
  const auto meta = DecodeFooter(AsBytes(ReadAll(GoldenPath("v2.brz"))));
  ASSERT_TRUE(meta.ok());
  EXPECT_FALSE(meta->datasets[0].lists_label_sets);
  Content compressed;
  Build(CompressedBatches(), &compressed);
  ExpectRead("v2-compressed.brz", compressed);
}

// Nobody writes these any more.
TEST(GoldenObject, ObjectsOfVersion1AreRead) {
  Content expected;
  Build(SmallBatches(), &expected);
  ExpectRead("v1.brz", expected);
  // From a writer that also shared stacks between datasets: version 1 allows it.
  ExpectRead("v1-shared-stacks.brz", expected);
  Content compressed;
  Build(CompressedBatches(), &compressed);
  ExpectRead("v1-compressed.brz", compressed);
}

TEST(GoldenObject, TheDocumentShowsTheBytes) {
  const std::string text = ReadAll(GoldenPath("v2-label-sets.txt"));
  ASSERT_FALSE(text.empty());
  EXPECT_NE(ReadAll(Root() / "docs/format/object.md").find("```\n" + text + "```"), std::string::npos)
      << "docs/format/object.md does not hold tests/golden/object/v2-label-sets.txt";
}

// Not byte for byte: another version of the compressor may write other frames.
TEST(GoldenObject, CompressedObjectIsRead) {
  Content expected;
  const std::string written = Build(CompressedBatches(), &expected);
  const char* const name = "v2-label-sets-compressed.brz";
  if (IsUpdate()) WriteAll(GoldenPath(name), written);
  ExpectRead(name, expected);
  EXPECT_NE(ReadAll(GoldenPath(name)).find("\x28\xB5\x2F\xFD"), std::string::npos) << "no part is a zstd frame";
}

// Parts of this object are too short to be compressed, but for two runs of zeros.
TEST(GoldenObject, CompactedObjectIsReadAndWrittenByteForByte) {
  const std::string written = BuildCompacted();
  if (IsUpdate()) {
    WriteAll(GoldenPath("v2-compacted.brz"), written);
    WriteAll(GoldenPath("v2-compacted.txt"), HexText(written));
  }
  const std::string golden = ReadAll(GoldenPath("v2-compacted.brz"));
  EXPECT_TRUE(golden == written) << "the writer's bytes changed:\n" << HexText(written);
  EXPECT_EQ(HexText(golden), ReadAll(GoldenPath("v2-compacted.txt")));
  EXPECT_NE(ReadAll(Root() / "docs/format/object.md").find("```\n" + ReadAll(GoldenPath("v2-compacted.txt")) + "```"),
            std::string::npos)
      << "docs/format/object.md does not hold tests/golden/object/v2-compacted.txt";
  const auto content = ContentOf(AsBytes(golden));
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  Content expected;
  Build(SmallBatches(), &expected);
  const auto& a = content->at({"t", "a"});
  EXPECT_EQ(a.size(), 5u);
  for (const auto& [key, profile] : expected.at({"t", "a"})) EXPECT_EQ(a.at(key), profile);
  EXPECT_EQ(content->at({"t", "b"}), expected.at({"t", "b"}));
  const auto meta = DecodeFooter(AsBytes(golden));
  EXPECT_EQ(SampleChunkCount(meta->datasets[0], SectionKind::kSampleChunk), 2u) << "one per hour";
}

TEST(InspectObject, ShowsChunksAndRollups) {
  size_t damaged = 99;
  const auto text = InspectObject(AsBytes(BuildCompacted()), &damaged);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(damaged, 0u);
  for (const char* line : {
           "  section sample-chunk offset ",
           " rows 2 time_ns 1000..1000\n",
           " rows 3 time_ns 3600000002000..3600000002000\n",
           "  section hour-samples offset ",
           " rows 2 time_ns 3600000000000..3600000000000\n",
           "  row 3 profile 1 series 1 total 13 samples 2 same-stacks quotients stream 1\n",
           "  row 4 profile 1 series 2 total 1 samples 1 subset stream 2\n",
           "  hour row 0 end_ns 3600000000000 series 0 profiles 1 total 5 duration_ns 10 period 100 samples 2\n",
           "  day row 0 end_ns 86400000000000 series 0 profiles 2 total 10 duration_ns 20 period 100 samples 2\n",
       }) {
    EXPECT_NE(text->find(line), std::string::npos) << line << "\nis missing in\n" << *text;
  }
}

TEST(InspectObject, ShowsEverything) {
  Content expected;
  const std::string object = Build(SmallBatches(), &expected);
  size_t damaged = 99;
  const auto text = InspectObject(AsBytes(object), &damaged);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(damaged, 0u);
  for (const char* line : {
           "format version 2, footer ",
           "block 0000000000000G000000000002 shard 3 level 0 time_ns 1000..2000",
           "tenant \"t\"\n  section shared-symbols offset 0 size ",
           "dataset tenant \"t\" service \"a\" profiles 1 samples 4 time_ns 1000..1000",
           "  profile type 1 \"y\"\n",
           "  label sets listed 2\n",
           "    checksum ok\n",
           "  series 1 {\"__profile_type__\"=\"y\"}\n",
           "  profile 0 0102030405060708090a0b0c0d0e0f10 time_ns 1000 duration_ns 10 period 100\n",
           "  row 0 profile 0 series 0 total 5 samples 2 spans\n",
           "  row 1 profile 0 series 1 total 50 samples 2 same-stacks scaled-values spans\n",
           "  row 0 profile 0 series 0 total -4 samples 1\n",
           "all 7 sections are intact\n",
       }) {
    EXPECT_NE(text->find(line), std::string::npos) << line << "\nis missing in\n" << *text;
  }
}

TEST(InspectObject, ShowsDamageAndGoesOn) {
  Content expected;
  std::string object = Build(SmallBatches(), &expected);
  const auto meta = DecodeFooter(AsBytes(object));
  object[meta->datasets[0].sections.back().offset + 1] ^= 1;
  size_t damaged = 0;
  const auto text = InspectObject(AsBytes(object), &damaged);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(damaged, 1u);
  EXPECT_NE(text->find("  DAMAGED: section samples at offset "), std::string::npos) << *text;
  EXPECT_NE(text->find("DAMAGED: 1 of 7 "), std::string::npos) << *text;
  EXPECT_NE(text->find("total -4"), std::string::npos) << "the other dataset is still shown";
  EXPECT_FALSE(InspectObject(AsBytes(object.substr(1))).ok() && damaged == 0);
  EXPECT_FALSE(InspectObject(Bytes()).ok());
}

TEST(InspectObject, EscapesAndCutsHostileText) {
  ProfileBatch b;
  b.tenant = "t\x1b[2J";
  b.service = std::string(5000, 'x') + "end";
  for (int i = 0; i < 300; ++i) {
    b.series.push_back(Labels(std::vector<Label>{{"n", std::to_string(i) + "\n\""}}));
    b.profiles.push_back({{1, static_cast<uint64_t>(i)}, i, 0, 0});
  }
  BlockWriter writer(1);
  writer.Add(b);
  const auto text = InspectObject(AsBytes(writer.Build(Ulid{}, 0, 0).object));
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_NE(text->find("\"t\\x1b[2J\""), std::string::npos);
  EXPECT_NE(text->find("xxx\"..."), std::string::npos);
  EXPECT_EQ(text->find("end\""), std::string::npos);
  EXPECT_NE(text->find("{\"n\"=\"7\\x0a\\\"\"}"), std::string::npos);
  EXPECT_NE(text->find("... 200 more of series"), std::string::npos);
  EXPECT_NE(text->find("... 200 more of profile"), std::string::npos);
}

TEST(InspectObject, SurvivesHostileBytes) {
  Content expected;
  const std::string good = Build(CompressedBatches(), &expected);
  std::mt19937_64 engine(2);
  for (int i = 0; i < 300; ++i) {
    std::string object = good;
    object[engine() % object.size()] ^= static_cast<char>(1u << (engine() % 8));
    size_t damaged = 0;
    const auto text = InspectObject(AsBytes(object), &damaged);
    ASSERT_TRUE(!text.ok() || damaged > 0) << "a flipped bit was not noticed";
  }
}

}  // namespace
}  // namespace brazier::block
