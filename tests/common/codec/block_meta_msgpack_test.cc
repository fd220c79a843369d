#include "common/codec/block_meta_msgpack.h"

#include <random>

#include <gtest/gtest.h>

#include <msgpack.hpp>

#include "common/codec/msgpack_io.h"

namespace brazier::codec {
namespace {

using Rng = std::mt19937_64;

uint64_t Below(Rng& rng, uint64_t n) { return rng() % n; }

// Numbers of every msgpack size.
uint64_t AnySize(Rng& rng) { return rng() >> Below(rng, 64); }

SectionRef RandomSection(Rng& rng) {
  SectionRef section{static_cast<SectionKind>(1 + Below(rng, 9)), static_cast<uint8_t>(Below(rng, 2)),
                     AnySize(rng), AnySize(rng), AnySize(rng), static_cast<uint32_t>(rng())};
  if (section.kind == SectionKind::kSampleChunk || section.kind == SectionKind::kHourSamples ||
      section.kind == SectionKind::kDaySamples) {
    section.row_count = static_cast<uint32_t>(AnySize(rng));
    section.min_time_ns = static_cast<int64_t>(AnySize(rng)) * (Below(rng, 2) == 0 ? 1 : -1);
    section.max_time_ns = static_cast<int64_t>(AnySize(rng));
  }
  return section;
}

// Names that the format knows and others, values that are names and profile types too.
Labels RandomLabels(Rng& rng) {
  static const std::string kNames[] = {"__name__", "__unit__", "pyroscope_spy", "pod", "", std::string("nul\0byte", 8)};
  Labels labels;
  for (uint64_t n = Below(rng, 6); n > 0; --n) {
    labels.Set(kNames[Below(rng, 6)], Below(rng, 2) == 0 ? "checkout" : std::to_string(Below(rng, 9)));
  }
  return labels;
}

DatasetMeta RandomDataset(Rng& rng) {
  static const std::string kNames[] = {"", "a", "checkout", std::string("nul\0byte", 8),
                                       std::string(300, 'x'), "process_cpu:cpu:ns:cpu:ns"};
  DatasetMeta d;
  d.tenant = kNames[Below(rng, 6)];
  d.service = kNames[Below(rng, 6)];
  d.min_time_ns = static_cast<int64_t>(AnySize(rng));
  d.max_time_ns = -static_cast<int64_t>(AnySize(rng) >> 1);
  d.profile_count = static_cast<uint32_t>(rng());
  d.sample_count = AnySize(rng);
  for (uint64_t n = Below(rng, 4); n > 0; --n) d.profile_types.push_back(kNames[Below(rng, 6)]);
  for (uint64_t n = Below(rng, 20); n > 0; --n) d.sections.push_back(RandomSection(rng));
  for (uint64_t n = Below(rng, 40); n > 0; --n) {
    d.hidden_profiles.push_back(static_cast<uint32_t>(AnySize(rng)));
  }
  for (uint64_t n = Below(rng, 3) * Below(rng, 30); n > 0; --n) {
    d.identities.push_back({rng(), rng()});
  }
  d.lists_label_sets = Below(rng, 3) > 0;
  if (d.lists_label_sets) {
    for (uint64_t n = Below(rng, 5); n > 0; --n) d.label_sets.push_back(RandomLabels(rng));
  }
  return d;
}

BlockMeta RandomBlock(Rng& rng) {
  BlockMeta b;
  b.id.bits = {rng(), rng()};
  b.shard = static_cast<uint32_t>(AnySize(rng));
  b.level = static_cast<uint32_t>(Below(rng, 4));
  b.min_time_ns = static_cast<int64_t>(AnySize(rng));
  b.max_time_ns = static_cast<int64_t>(AnySize(rng));
  b.size = AnySize(rng);
  for (uint64_t n = Below(rng, 3); n > 0; --n) {
    b.symbols.push_back({"tenant" + std::to_string(n), RandomSection(rng)});
  }
  for (uint64_t n = Below(rng, 20); n > 0; --n) b.datasets.push_back(RandomDataset(rng));
  return b;
}

std::string Unhex(std::string_view text) {
  std::string out;
  int high = -1;
  for (char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'A' + 10;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

BlockMeta ExampleBlock() {
  BlockMeta b;
  b.id.bits = {0, 1};
  b.shard = 2;
  b.min_time_ns = 10;
  b.max_time_ns = 20;
  b.size = 300;
  DatasetMeta d;
  d.tenant = "t";
  d.service = "s";
  d.min_time_ns = 10;
  d.max_time_ns = 20;
  d.profile_count = 1;
  d.sample_count = 7;
  d.profile_types = {"cpu"};
  d.sections = {{SectionKind::kRows, 0, 0, 100, 100, 0xDEADBEEF}};
  b.datasets = {d};
  return b;
}

// The worked example of docs/format/block-meta.md, version 1.
constexpr std::string_view kExampleHex =
    "9A 01 C4 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
    "02 00 0A 14 CD 01 2C 93 A1 74 A1 73 A3 63 70 75 90"
    "91 99 00 01 0A 14 01 07 91 02 91 96 03 00 00 64 64 CE DE AD BE EF 90";

TEST(BlockMetaMsgpack, GoldenBytesOfVersion1) {
  EXPECT_EQ(EncodeBlockMeta(ExampleBlock()), Unhex(kExampleHex));
  const auto decoded = DecodeBlockMeta(AsBytes(Unhex(kExampleHex)));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, ExampleBlock());
}

TEST(BlockMetaMsgpack, GoldenBytesWithIdentitiesAndHidden) {
  DatasetMeta d = ExampleBlock().datasets[0];
  d.sections.clear();
  d.hidden_profiles = {0, 300};
  d.identities = {{1, 2}};
  const std::string want = Unhex(
      "93 01 93 A1 74 A1 73 A3 63 70 75 9A 00 01 0A 14 01 07 91 02 90 92 00 CD 01 2C"
      "C4 10 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 02");
  EXPECT_EQ(EncodeDatasetMeta(d), want);
  const auto decoded = DecodeDatasetMeta(AsBytes(want));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, d);
}

// The third worked example: a dataset of two sections, the second a chunk of samples with three rows and times 10 to 20.
TEST(BlockMetaMsgpack, GoldenBytesOfAChunk) {
  DatasetMeta d = ExampleBlock().datasets[0];
  d.sections.push_back({SectionKind::kSampleChunk, 2, 100, 50, 60, 1, 3, 10, 20});
  const std::string want = Unhex(
      "93 01 93 A1 74 A1 73 A3 63 70 75 99 00 01 0A 14 01 07 91 02 92 96 03 00 00 64 64 CE DE AD BE EF"
      "99 05 02 64 32 3C 01 03 0A 0A 90");
  EXPECT_EQ(EncodeDatasetMeta(d), want);
  const auto decoded = DecodeDatasetMeta(AsBytes(want));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, d);
}

TEST(BlockMetaMsgpack, AChunkSaysItsRowsAndTimes) {
  const std::string short_chunk = Unhex("93 01 92 A1 74 A1 73 99 00 01 0A 14 01 07 90 91 96 05 02 64 32 3C 01 90");
  const auto decoded = DecodeDatasetMeta(AsBytes(short_chunk));
  EXPECT_FALSE(decoded.ok());
  EXPECT_NE(decoded.status().message().find("a chunk of samples has too few fields"), std::string::npos)
      << decoded.status().ToString();
}

// The second worked example: two label sets, no identities. 0, 3, 5 and 8 are __name__, __profile_type__,
// __service_name__ and __type__; 10 + n is string n, and string 4 is "pod".
TEST(BlockMetaMsgpack, GoldenBytesWithLabelSets) {
  BlockMeta b = ExampleBlock();
  DatasetMeta& d = b.datasets[0];
  d.lists_label_sets = true;
  d.label_sets = {Labels(std::vector<Label>{{"__name__", "m"}, {"__profile_type__", "cpu"}, {"__service_name__", "s"}, {"pod", "s-0"}}),
                  Labels(std::vector<Label>{{"__type__", "s"}})};
  const std::string want = Unhex(
      "9A 01 C4 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
      "02 00 0A 14 CD 01 2C 96 A1 74 A1 73 A3 63 70 75 A1 6D A3 70 6F 64 A3 73 2D 30 90"
      "91 9B 00 01 0A 14 01 07 91 02 91 96 03 00 00 64 64 CE DE AD BE EF 90 C0"
      "92 98 00 03 03 02 05 01 0E 05 92 08 01");
  EXPECT_EQ(EncodeBlockMeta(b), want);
  const auto decoded = DecodeBlockMeta(AsBytes(want));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, b);
}

// A list of none is not the same as none listed.
TEST(BlockMetaMsgpack, AnEmptyListOfLabelSetsIsKept) {
  DatasetMeta d = ExampleBlock().datasets[0];
  d.lists_label_sets = true;
  const auto decoded = DecodeDatasetMeta(AsBytes(EncodeDatasetMeta(d)));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, d);
}

TEST(BlockMetaMsgpack, LabelSetsOverTheLimitAndHalfLabelsAreRefused) {
  DatasetMeta d = ExampleBlock().datasets[0];
  d.lists_label_sets = true;
  d.label_sets.resize(DatasetMeta::kLabelSetsMax);
  ASSERT_TRUE(DecodeDatasetMeta(AsBytes(EncodeDatasetMeta(d))).ok());
  d.label_sets.emplace_back();
  EXPECT_NE(DecodeDatasetMeta(AsBytes(EncodeDatasetMeta(d))).status().message().find("2000"), std::string::npos);

  d.label_sets = {Labels(std::vector<Label>{{"pod", "a"}})};
  std::string bytes = EncodeDatasetMeta(d);
  ASSERT_EQ(bytes.substr(bytes.size() - 4), Unhex("91 92 0D 04"));
  bytes.replace(bytes.size() - 3, 3, Unhex("91 0D"));
  EXPECT_NE(DecodeDatasetMeta(AsBytes(bytes)).status().message().find("ends with a name"), std::string::npos);
  bytes.replace(bytes.size() - 2, 2, Unhex("92 70 04"));
  EXPECT_NE(DecodeDatasetMeta(AsBytes(bytes)).status().message().find("string table"), std::string::npos);
}

TEST(BlockMetaMsgpack, RoundTrip) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    const BlockMeta block = RandomBlock(rng);
    const std::string bytes = EncodeBlockMeta(block);
    const auto decoded = DecodeBlockMeta(AsBytes(bytes));
    ASSERT_TRUE(decoded.ok()) << "seed " << seed << ": " << decoded.status().ToString();
    ASSERT_EQ(*decoded, block) << "seed " << seed;
    ASSERT_EQ(EncodeBlockMeta(*decoded), bytes) << "seed " << seed;
    for (const DatasetMeta& dataset : block.datasets) {
      const auto alone = DecodeDatasetMeta(AsBytes(EncodeDatasetMeta(dataset)));
      ASSERT_TRUE(alone.ok()) << "seed " << seed << ": " << alone.status().ToString();
      ASSERT_EQ(*alone, dataset) << "seed " << seed;
    }
  }
}

TEST(BlockMetaMsgpack, AnyMsgpackLibraryReadsIt) {
  Rng rng(7);
  const std::string bytes = EncodeBlockMeta(RandomBlock(rng));
  const msgpack::object_handle handle = msgpack::unpack(bytes.data(), bytes.size());
  ASSERT_EQ(handle.get().type, msgpack::type::ARRAY);
  EXPECT_EQ(handle.get().via.array.size, 10u);
  EXPECT_EQ(handle.get().via.array.ptr[0].as<int>(), 1);
}

TEST(BlockMetaMsgpack, RepeatedStringsAreWrittenOnce) {
  BlockMeta block = ExampleBlock();
  const std::string type(200, 'p');
  block.datasets[0].profile_types = {type};
  const size_t one = EncodeBlockMeta(block).size();
  block.datasets.push_back(block.datasets[0]);
  EXPECT_LT(EncodeBlockMeta(block).size(), one + 64);
}

TEST(BlockMetaMsgpack, EveryTruncationIsRefused) {
  Rng rng(11);
  for (int round = 0; round < 2; ++round) {
    const std::string bytes = EncodeBlockMeta(RandomBlock(rng));
    for (size_t n = 0; n < bytes.size(); ++n) {
      ASSERT_FALSE(DecodeBlockMeta(AsBytes(std::string_view(bytes).substr(0, n))).ok()) << n;
    }
  }
}

TEST(BlockMetaMsgpack, TrailingBytesAreRefused) {
  EXPECT_FALSE(DecodeBlockMeta(AsBytes(Unhex(kExampleHex) + '\0')).ok());
}

TEST(BlockMetaMsgpack, BitFlipsNeverCrash) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed);
    const std::string bytes = EncodeBlockMeta(RandomBlock(rng));
    for (size_t n = 0; n < 1000; ++n) {
      std::string bad = bytes;
      for (uint64_t flips = 1 + Below(rng, 3); flips > 0; --flips) {
        bad[Below(rng, bad.size())] ^= static_cast<char>(1u << Below(rng, 8));
      }
      const auto decoded = DecodeBlockMeta(AsBytes(bad));
      if (decoded.ok()) {
        // What decodes is a value like any other.
        ASSERT_TRUE(DecodeBlockMeta(AsBytes(EncodeBlockMeta(*decoded))).ok()) << "seed " << seed;
      }
    }
  }
}

TEST(BlockMetaMsgpack, RandomBytesNeverCrash) {
  Rng rng(5);
  for (int n = 0; n < 20'000; ++n) {
    std::string bytes(Below(rng, 200), '\0');
    for (char& c : bytes) c = static_cast<char>(rng());
    (void)DecodeBlockMeta(AsBytes(bytes));
    (void)DecodeDatasetMeta(AsBytes("\x93\x01\x90" + bytes));
  }
}

// The first `fields` fields of a valid block, then what the test adds.
void WriteBlockHead(MsgpackWriter& out, size_t fields) {
  out.Array(fields);
  out.Uint(1);
  out.Bin(AsBytes(std::string_view("0123456789abcdef")));
  for (int i = 0; i < 5; ++i) out.Uint(0);
}

TEST(BlockMetaMsgpack, UnknownTrailingFieldsAreIgnored) {
  MsgpackWriter out;
  WriteBlockHead(out, 14);
  out.Array(1);
  out.Str("t");
  out.Array(1);  // symbols
  out.Array(3);
  out.Uint(0);
  out.Array(7);  // section with a seventh field
  for (int i = 1; i <= 6; ++i) out.Uint(static_cast<uint64_t>(i));
  out.Str("later");
  out.Nil();
  out.Array(1);  // datasets
  out.Array(12);
  for (int i = 0; i < 6; ++i) out.Uint(0);
  for (int i = 0; i < 3; ++i) out.Array(0);
  out.Nil();  // identities
  out.Nil();  // label sets
  out.Map(1);
  out.Str("later");
  out.Array(0);
  out.Array(0);  // deletions
  out.Str("");   // quarantine
  out.Uint(1);
  out.Str("later");
  const std::string bytes = out.Take();
  const auto decoded = DecodeBlockMeta(AsBytes(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  ASSERT_EQ(decoded->symbols.size(), 1u);
  EXPECT_EQ(decoded->symbols[0].section.crc, 6u);
  ASSERT_EQ(decoded->datasets.size(), 1u);
  EXPECT_EQ(decoded->datasets[0].tenant, "t");
  EXPECT_TRUE(decoded->datasets[0].identities.empty());
}

TEST(BlockMetaMsgpack, UnknownVersionIsNamed) {
  std::string bytes = Unhex(kExampleHex);
  bytes[1] = 9;
  const auto decoded = DecodeBlockMeta(AsBytes(bytes));
  ASSERT_FALSE(decoded.ok());
  EXPECT_NE(decoded.status().message().find("version 9"), std::string::npos);
}

TEST(BlockMetaMsgpack, HugeClaimedCountsAllocateNothing) {
  MsgpackWriter out;
  WriteBlockHead(out, 10);
  std::string bytes = out.Take() + std::string("\xDD\xFF\xFF\xFF\xFF", 5);
  EXPECT_FALSE(DecodeBlockMeta(AsBytes(bytes)).ok());
}

// One long string and many one-byte references to it: small input, gigabytes of output if it were believed.
TEST(BlockMetaMsgpack, AmplificationByTheStringTableIsRefused) {
  MsgpackWriter out;
  out.Array(3);
  out.Uint(1);
  out.Array(1);
  out.Str(std::string(60'000, 'x'));
  out.Array(9);
  for (int i = 0; i < 6; ++i) out.Uint(0);
  out.Array(100'000);
  for (int i = 0; i < 100'000; ++i) out.Uint(0);
  out.Array(0);
  out.Array(0);
  const auto decoded = DecodeDatasetMeta(AsBytes(out.Take()));
  ASSERT_FALSE(decoded.ok());
  EXPECT_NE(decoded.status().message().find("256 MiB"), std::string::npos);
}

TEST(BlockMetaMsgpack, TooManyDatasetsAreRefused) {
  MsgpackWriter out;
  WriteBlockHead(out, 10);
  out.Array(0);
  out.Array(0);
  out.Array(kDatasetsPerBlockMax + 1);
  const std::string bytes = out.Take() + std::string(kDatasetsPerBlockMax + 1, '\x90');
  const auto decoded = DecodeBlockMeta(AsBytes(bytes));
  ASSERT_FALSE(decoded.ok());
  EXPECT_NE(decoded.status().message().find("200000"), std::string::npos);
}

TEST(BlockMetaMsgpackTest, AnswersSayWhatWasDeletedAndWhatMustNotBeRead) {
  BlockMeta block;
  block.level = 1;
  EXPECT_TRUE(DecodeBlockMeta(AsBytes(EncodeBlockMeta(block)))->quarantine.empty());
  block.quarantine = "samples: checksum";
  block.deletions = {{"t", "api", "{pod=\"a\"}", -5, 1'000}, {"t", "", "", 0, INT64_MAX}};
  const std::string bytes = EncodeBlockMeta(block);
  const auto decoded = DecodeBlockMeta(AsBytes(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, block);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeBlockMeta(AsBytes(bytes).first(size)).ok()) << size;
  }
}

}  // namespace
}  // namespace brazier::codec
