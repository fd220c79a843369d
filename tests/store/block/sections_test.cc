// The parts of an object one by one, with contents whose checksums are right: what a damaged writer could have written.
#include <gtest/gtest.h>

#include <random>

#include "common/base/crc32c.h"
#include "common/model/stack_tree_builder.h"
#include "store/block/block_format.h"
#include "store/block/section_codec.h"
#include "store/block/section_rows.h"
#include "store/block/section_samples.h"
#include "store/block/section_symbols.h"
#include "tests/store/block/block_content.h"

namespace brazier::block {
namespace {

using testing::RandomBatches;
using Parts = std::vector<std::string>;

Bytes Stored(const std::string& object, const SectionRef& s) {
  return AsBytes(object).subspan(s.offset, s.size);
}

TEST(SectionCodec, PartsRoundTripShortAndLong) {
  const std::string repetitive(5000, 'z');
  std::string noise(200, '\0');
  std::mt19937_64 engine(3);
  for (char& c : noise) c = static_cast<char>(engine());
  std::string object = "before";
  const SectionRef s = AppendSection(SectionKind::kRows, {"", "short", repetitive, noise}, 3, &object);
  EXPECT_EQ(s.offset, 6u);
  EXPECT_EQ(s.size, object.size() - 6);
  EXPECT_EQ(s.raw_size, 5u + 5000 + 200);
  EXPECT_EQ(s.codec, kCodecParts);
  EXPECT_LT(s.size, 300u) << "text is compressed, noise is not";
  EXPECT_EQ(s.crc, Crc32c(Stored(object, s)));
  const auto parts = DecodeSection(s, Stored(object, s));
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  EXPECT_EQ(*parts, (Parts{"", "short", repetitive, noise}));
}

TEST(SectionCodec, ErrorsNameSectionAndCause) {
  std::string object = "xx";
  const SectionRef good = AppendSection(SectionKind::kSamples, {std::string(100, 'a'), "b"}, 1, &object);
  const auto error_of = [&](SectionRef s, std::string bytes) {
    if (bytes.empty()) bytes = std::string(AsString(Stored(object, good)));
    const auto parts = DecodeSection(s, AsBytes(bytes));
    EXPECT_FALSE(parts.ok());
    EXPECT_EQ(parts.status().code(), Code::kCorruption);
    const std::string prefix = "section samples at offset 2: ";
    EXPECT_EQ(parts.status().message().substr(0, prefix.size()), prefix);
    return parts.status().message().substr(std::min(prefix.size(), parts.status().message().size()));
  };
  EXPECT_EQ(error_of(good, "short"), "its bytes are missing");
  SectionRef s = good;
  s.crc ^= 1;
  EXPECT_EQ(error_of(s, ""), "its checksum is wrong");
  s = good;
  s.codec = 0;
  EXPECT_EQ(error_of(s, ""), "its codec 0 is not known");
  s = good;
  s.raw_size = kSectionRawBytesMax + 1;
  EXPECT_EQ(error_of(s, ""), "it is too large");
  s = good;
  s.raw_size += 1;
  EXPECT_EQ(error_of(s, ""), "its part sizes are wrong");
  const auto with_bytes = [&](const std::string& bytes, uint64_t raw_size) {
    SectionRef hostile = good;
    hostile.size = bytes.size();
    hostile.crc = Crc32c(AsBytes(bytes));
    hostile.raw_size = raw_size;
    return error_of(hostile, bytes);
  };
  EXPECT_EQ(with_bytes("\xFF\xFF\x03", 0), "its header is malformed");
  EXPECT_EQ(with_bytes(std::string("\x11") + std::string(34, '\0'), 0), "its header is malformed") << "seventeen parts";
  EXPECT_EQ(with_bytes(std::string("\x01\x05\x00", 3) + "abc", 5), "it is truncated");
  EXPECT_EQ(with_bytes("\x01\x05\x02zz", 5).substr(0, 4), "zstd");
  // Sizes whose sum wraps around.
  std::string wraps = "\x02";
  wraps += std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10) + std::string("\x00", 1) + std::string("\x02\x00", 2);
  EXPECT_EQ(with_bytes(wraps, 1), "its part sizes are wrong");
}

DatasetRows SomeRows() {
  DatasetRows rows;
  rows.series = {Labels(), Labels({{"a", "b"}, {"c", "b"}}), Labels(std::vector<Label>{{"a", "a"}})};
  rows.profiles = {{{1, 2}, 100, 5, 7}, {{3, 4}, INT64_MIN, -1, INT64_MAX}, {{5, 6}, INT64_MAX, 0, INT64_MIN}};
  rows.rows = {{2, 0, 3, 0, -5}, {0, 0, 3, kSameStacks | kScaledValues, INT64_MAX}, {1, 2, UINT32_MAX, kRowFlagsAll, INT64_MIN}};
  return rows;
}

TEST(SectionRows, RoundTrip) {
  const DatasetRows rows = SomeRows();
  const RowsParts parts = EncodeRows(rows);
  const auto back = DecodeRows({parts.series, parts.identities, parts.numbers});
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(back->series, rows.series);
  ASSERT_EQ(back->profiles.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back->profiles[i].identity, rows.profiles[i].identity);
    EXPECT_EQ(back->profiles[i].time_ns, rows.profiles[i].time_ns);
    EXPECT_EQ(back->profiles[i].duration_ns, rows.profiles[i].duration_ns);
    EXPECT_EQ(back->profiles[i].period, rows.profiles[i].period);
    EXPECT_EQ(back->rows[i].series, rows.rows[i].series);
    EXPECT_EQ(back->rows[i].profile, rows.rows[i].profile);
    EXPECT_EQ(back->rows[i].sample_count, rows.rows[i].sample_count);
    EXPECT_EQ(back->rows[i].flags, rows.rows[i].flags);
    EXPECT_EQ(back->rows[i].total, rows.rows[i].total);
  }
}

TEST(SectionRows, EveryTruncationAndExtraByteIsRefused) {
  const RowsParts encoded = EncodeRows(SomeRows());
  const Parts good = {encoded.series, encoded.identities, encoded.numbers};
  ASSERT_TRUE(DecodeRows(good).ok());
  for (size_t part = 0; part < 3; ++part) {
    for (size_t size = 0; size < good[part].size(); ++size) {
      Parts cut = good;
      cut[part] = std::string(good[part].data(), size);
      EXPECT_FALSE(DecodeRows(cut).ok()) << "part " << part << " cut to " << size;
    }
    Parts longer = good;
    longer[part] += '\0';
    EXPECT_FALSE(DecodeRows(longer).ok()) << "part " << part;
  }
  EXPECT_FALSE(DecodeRows({good[0], good[1]}).ok());
}

// Writes the numbers part of one series, two profiles and two rows with the given columns of the second row.
Status DecodeSecondRow(int64_t series_delta, uint64_t profile_distance, uint64_t flags) {
  ByteWriter w;
  w.Varint(2);
  for (int i = 0; i < 6; ++i) w.Signed(1);
  w.Varint(2);
  w.Signed(0);
  w.Varint(1);
  w.Signed(series_delta);
  w.Varint(profile_distance);
  for (uint64_t count : {1, 1}) w.Varint(count);
  w.Varint(0);
  w.Varint(flags);
  for (int i = 0; i < 2; ++i) w.Signed(1);
  return DecodeRows({std::string("\x00\x01\x00", 3), std::string(32, 'i'), w.bytes()}).status();
}

TEST(SectionRows, RefusesReferencesOutOfRange) {
  EXPECT_TRUE(DecodeSecondRow(0, 0, 0).ok()) << DecodeSecondRow(0, 0, 0).ToString();
  EXPECT_NE(DecodeSecondRow(1, 0, 0).message().find("a row is wrong"), std::string::npos);
  EXPECT_NE(DecodeSecondRow(-1, 0, 0).message().find("a row is wrong"), std::string::npos);
  EXPECT_NE(DecodeSecondRow(INT64_MIN, 0, 0).message().find("a row is wrong"), std::string::npos);
  EXPECT_NE(DecodeSecondRow(0, 1, 0).message().find("a row is wrong"), std::string::npos);
  EXPECT_NE(DecodeSecondRow(0, UINT64_MAX, 0).message().find("a row is wrong"), std::string::npos)
      << "the profile would wrap around to the one before";
  EXPECT_NE(DecodeSecondRow(0, 0, 256).message().find("flags"), std::string::npos);
  EXPECT_NE(DecodeSecondRow(0, 0, 256).message().find("flags"), std::string::npos);
}

struct SampleRow {
  std::vector<uint32_t> stacks;
  std::vector<int64_t> values;
  bool first = false;
  uint8_t flags = 0;  // expected
};

TEST(SectionSamples, RepeatsAreNotStoredTwice) {
  const SampleRow kRows[] = {
      {{1, 5, 9}, {1, 2, 3}, true, 0},
      {{1, 5, 9}, {10, 20, 30}, false, kSameStacks | kScaledValues},
      {{1, 5, 9}, {10, 20, 31}, false, kSameStacks},
      {{1, 5, 9}, {10, 20, 31}, false, kSameStacks},  // a factor of one is no gain
      {{1, 5, 9}, {10, 20, 31}, true, 0},             // a profile must be readable from its first row on
      {{1, 5}, {10, 20}, false, 0},
      {{}, {}, false, 0},
      {{0, 0, 4}, {-3, 0, 5}, false, 0},
      {{0, 0, 4}, {-6, 0, 10}, false, kSameStacks | kScaledValues},
      {{0, 0, 4}, {0, 0, 0}, false, kSameStacks},
      {{0, 0, 4}, {1, 1, 1}, false, kSameStacks},
      {{7}, {-1}, false, 0},
      {{7}, {INT64_MIN}, false, kSameStacks},  // has no factor
      {{7}, {INT64_MAX}, false, kSameStacks},
  };
  SamplesEncoder encoder;
  std::vector<DatasetRow> rows;
  for (const SampleRow& row : kRows) {
    rows.push_back({});
    encoder.Add(row.stacks, row.values, {}, {}, row.first, &rows.back());
    EXPECT_EQ(rows.back().flags, row.flags) << rows.size() - 1;
  }
  const Parts parts = {encoder.stacks(), encoder.values(), encoder.spans()};
  auto decoder = SamplesDecoder::Open(parts, 10);
  ASSERT_TRUE(decoder.ok());
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_TRUE(decoder->Next(rows[i]).ok());
    EXPECT_TRUE(std::ranges::equal(decoder->stacks(), kRows[i].stacks)) << i;
    EXPECT_TRUE(std::ranges::equal(decoder->values(), kRows[i].values)) << i;
  }
}

TEST(SectionSamples, SpansAndTraces) {
  SamplesEncoder encoder;
  std::vector<DatasetRow> rows(3);
  const std::vector<uint32_t> stacks = {1, 1};
  const std::vector<int64_t> values = {1, 2};
  const std::vector<uint64_t> spans = {0, UINT64_MAX};
  const std::vector<Hash128> traces = {{1, 2}, {UINT64_MAX, 0}};
  encoder.Add(stacks, values, spans, {}, true, &rows[0]);
  encoder.Add(stacks, values, {}, traces, false, &rows[1]);
  encoder.Add(stacks, values, spans, traces, false, &rows[2]);
  EXPECT_EQ(encoder.spans().size(), 2u * 8 + 2 * 16 + 2 * 24);
  const Parts parts = {encoder.stacks(), encoder.values(), encoder.spans()};
  auto decoder = SamplesDecoder::Open(parts, 2);
  ASSERT_TRUE(decoder.ok());
  ASSERT_TRUE(decoder->Next(rows[0]).ok());
  EXPECT_TRUE(std::ranges::equal(decoder->spans(), spans));
  EXPECT_TRUE(decoder->traces().empty());
  ASSERT_TRUE(decoder->Next(rows[1]).ok());
  EXPECT_TRUE(decoder->spans().empty());
  EXPECT_TRUE(std::ranges::equal(decoder->traces(), traces));
  ASSERT_TRUE(decoder->Next(rows[2]).ok());
  EXPECT_TRUE(std::ranges::equal(decoder->spans(), spans));
  EXPECT_TRUE(std::ranges::equal(decoder->traces(), traces));
}

std::string NextError(const Parts& parts, const DatasetRow& row, uint32_t stack_count) {
  auto decoder = SamplesDecoder::Open(parts, stack_count);
  return decoder.ok() ? decoder->Next(row).message() : decoder.status().message();
}

TEST(SectionSamples, RowsThatArePassedOverChangeNothing) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    SamplesEncoder encoder;
    std::vector<DatasetRow> rows(1 + random() % 12);
    std::vector<std::vector<uint32_t>> stacks;
    std::vector<std::vector<int64_t>> values;
    for (DatasetRow& row : rows) {
      const bool repeats = !stacks.empty() && random() % 3 == 0;
      std::vector<uint32_t> s = repeats ? stacks.back() : std::vector<uint32_t>();
      std::vector<int64_t> v;
      for (uint32_t n = static_cast<uint32_t>(random() % 40), at = 0; !repeats && n > 0; --n) s.push_back(at += random() % 300);
      for (size_t i = 0; i < s.size(); ++i) {
        v.push_back(repeats && random() % 2 == 0 ? values.back()[i] * 3 : static_cast<int64_t>(random() >> (30 + random() % 34)));
      }
      const std::vector<uint64_t> spans(random() % 4 == 0 ? s.size() : 0, 7);
      encoder.Add(s, v, spans, {}, !repeats, &row);
      stacks.push_back(std::move(s));
      values.push_back(std::move(v));
    }
    const std::vector<std::string> parts = {encoder.stacks(), encoder.values(), encoder.spans()};
    auto decoder = SamplesDecoder::Open(parts, 1 << 20);
    ASSERT_TRUE(decoder.ok());
    for (size_t r = 0; r < rows.size(); ++r) {
      const bool is_referred_to = r + 1 < rows.size() && (rows[r + 1].flags & kSameStacks) != 0;
      if (!is_referred_to && random() % 2 == 0) {
        ASSERT_TRUE(decoder->Skip(rows[r]).ok());
        continue;
      }
      ASSERT_TRUE(decoder->Next(rows[r]).ok());
      ASSERT_TRUE(std::ranges::equal(decoder->stacks(), stacks[r])) << "round " << round << ", row " << r;
      ASSERT_TRUE(std::ranges::equal(decoder->values(), values[r])) << "round " << round << ", row " << r;
    }
    // Columns that end too early.
    for (const size_t part : {0, 1}) {
      if (rows.back().sample_count == 0 || (rows.back().flags & kSameStacks)) continue;
      std::vector<std::string> cut = parts;
      cut[part].pop_back();
      auto truncated = SamplesDecoder::Open(cut, 1 << 20);
      ASSERT_TRUE(truncated.ok());
      Status last;
      for (size_t r = 0; r < rows.size(); ++r) {
        last = r + 1 == rows.size() ? truncated->Skip(rows[r]) : truncated->Next(rows[r]);
      }
      EXPECT_EQ(last.code(), Code::kCorruption);
    }
  }
}

TEST(SectionSamples, ErrorsSayWhatIsWrong) {
  const std::string two = "\x01\x01";
  EXPECT_EQ(NextError({two, two, ""}, {0, 0, 2, 0, 0}, 3), "");
  EXPECT_EQ(NextError({two, two, ""}, {0, 0, 2, 0, 0}, 2), "samples: a stack does not exist");
  EXPECT_EQ(NextError({two, two, ""}, {0, 0, 3, 0, 0}, 9), "samples: stacks are truncated");
  EXPECT_EQ(NextError({two, "", ""}, {0, 0, 2, 0, 0}, 9), "samples: values are truncated");
  EXPECT_EQ(NextError({two, two, "1234567"}, {0, 0, 2, kHasSpans, 0}, 9), "samples: spans are truncated");
  EXPECT_EQ(NextError({two, two, std::string(31, 't')}, {0, 0, 2, kHasTraces, 0}, 9), "samples: traces are truncated");
  EXPECT_EQ(NextError({two, two, ""}, {0, 0, 2, kSameStacks, 0}, 9), "samples: a row repeats stacks of another length");
  EXPECT_EQ(NextError({two, two, ""}, {0, 0, 2, kScaledValues, 0}, 9), "samples: a row scales values of another length");
  EXPECT_EQ(NextError({"\x01\x80", two, ""}, {0, 0, 2, 0, 0}, 9), "samples: a column is malformed");
  EXPECT_EQ(NextError({two, two, ""}, {0, 0, UINT32_MAX, 0, 0}, 9), "samples: stacks are truncated");
  EXPECT_EQ(NextError({two, two}, {}, 9), "samples: the section has 2 parts, not three or ten");
}

struct EncodedSymbols {
  Parts parts;
  SymbolTable table;
  std::vector<uint32_t> stack_ids;  // by stack of the table
};

EncodedSymbols SomeSymbols(uint64_t seed) {
  RandomBatches random(seed);
  ProfileBatch batch = random.Next();
  std::vector<uint32_t> stacks(batch.symbols.stacks.size());
  for (uint32_t i = 0; i < stacks.size(); ++i) stacks[i] = i;
  SymbolInterner interner;
  interner.Add(batch.symbols, 0, stacks);
  const SymbolNumbering numbering(interner, 1);
  EXPECT_TRUE(numbering.shared().empty());
  const auto parts = numbering.Encode(interner.table(), numbering.own(0));
  const auto& [shape, steps, fresh, known] = parts.stacks;
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < interner.table().stacks.size(); ++i) ids.push_back(numbering.StackId(i));
  return {{parts.text, parts.numbers, shape, steps, fresh, known}, interner.table(), std::move(ids)};
}

TEST(SectionSymbols, RoundTripAndTakingBack) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const EncodedSymbols encoded = SomeSymbols(seed);
    SymbolTable table;
    const SymbolMark mark = MarkOf(table);
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(DecodeSymbols(encoded.parts, &table).ok());
      ASSERT_TRUE(table.Validate().ok());
      ASSERT_EQ(table.stacks.size(), encoded.table.stacks.size());
      for (uint32_t i = 0; i < table.stacks.size(); ++i) {
        ASSERT_EQ(testing::StackText(table, encoded.stack_ids[i]), testing::StackText(encoded.table, i));
      }
      TruncateTo(mark, &table);
      EXPECT_EQ(table.stacks.size(), 1u);
      EXPECT_EQ(table.strings.size(), 1u);
    }
  }
}

TEST(SectionSymbols, EveryTruncationAndExtraByteIsRefused) {
  const Parts good = SomeSymbols(1).parts;
  for (size_t part = 0; part < good.size(); ++part) {
    ASSERT_TRUE(!good[part].empty() || part == 5);
    for (size_t size = 0; size < good[part].size(); ++size) {
      Parts cut = good;
      cut[part] = std::string(good[part].data(), size);
      SymbolTable table;
      EXPECT_FALSE(DecodeSymbols(cut, &table).ok()) << "part " << part << " cut to " << size;
    }
    Parts longer = good;
    longer[part] += '\0';
    SymbolTable table;
    EXPECT_FALSE(DecodeSymbols(longer, &table).ok()) << "part " << part;
  }
  SymbolTable table;
  EXPECT_FALSE(DecodeSymbols({good[0]}, &table).ok());
}

// A byte changed under a right checksum: refused, or a table whose references hold.
TEST(SectionSymbols, ChangedBytesGiveAnErrorOrAValidTable) {
  std::mt19937_64 engine(5);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    static const Parts kGood = SomeSymbols(2).parts;
    Parts parts = kGood;
    std::string& part = parts[engine() % parts.size()];
    if (part.empty()) continue;
    part[engine() % part.size()] = static_cast<char>(engine());
    SymbolTable table;
    if (DecodeSymbols(parts, &table).ok()) {
      ASSERT_TRUE(table.Validate().ok()) << table.Validate().ToString();
    } else {
      ++refused;
    }
    TruncateTo(MarkOf(SymbolTable()), &table);
    ASSERT_TRUE(table.Validate().ok()) << "what failed half-way can be taken back";
  }
  EXPECT_GT(refused, 100);
}

TEST(SymbolInterner, EachSymbolOnceAndOwnedByItsUsers) {
  RandomBatches random(7);
  const ProfileBatch batch = random.Next();
  std::vector<uint32_t> all(batch.symbols.stacks.size());
  for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  SymbolInterner interner;
  std::vector<uint32_t> first = all;
  interner.Add(batch.symbols, 0, first);
  const size_t stacks = interner.table().stacks.size();
  const size_t strings = interner.table().strings.size();
  for (uint32_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(testing::StackText(interner.table(), first[i]), testing::StackText(batch.symbols, all[i]));
  }
  std::vector<uint32_t> again = all;
  interner.Add(batch.symbols, 0, again);
  EXPECT_EQ(again, first);
  EXPECT_EQ(interner.table().stacks.size(), stacks);
  EXPECT_EQ(interner.table().strings.size(), strings);
  const SymbolOwners before = interner.Owners();
  for (size_t i = 1; i < stacks; ++i) EXPECT_EQ(before.stacks[i], 0u);

  // A second dataset that uses one stack shares the locations of that stack and what they name, and nothing else;
  // stack nodes are each dataset's own.
  std::vector<uint32_t> one = {all.back()};
  interner.Add(batch.symbols, 1, one);
  EXPECT_EQ(testing::StackText(interner.table(), one[0]), testing::StackText(batch.symbols, all.back()));
  EXPECT_GE(one[0], stacks);
  EXPECT_EQ(interner.table().strings.size(), strings);
  const SymbolOwners owners = interner.Owners();
  std::vector<bool> is_shared(interner.table().locations.size());
  for (uint32_t node = one[0]; node != 0; node = interner.table().stacks[node].parent) {
    EXPECT_EQ(owners.stacks[node], 1u);
    is_shared[interner.table().stacks[node].location] = true;
  }
  for (size_t i = 1; i < stacks; ++i) EXPECT_EQ(owners.stacks[i], 0u);
  for (size_t i = 0; i < is_shared.size(); ++i) {
    EXPECT_EQ(owners.locations[i], is_shared[i] ? SymbolOwners::kShared : 0u) << i;
  }
  std::vector<uint32_t> one_again = {all.back()};
  interner.Add(batch.symbols, 1, one_again);
  EXPECT_EQ(one_again, one);
  EXPECT_GT(interner.MemoryBytes(), 0u);
}

// A tree without equal children, as a decoder makes it, over the symbols of a random batch.
SymbolTable WithDistinctTree(SymbolTable table, RandomBatches& random) {
  StackTreeBuilder builder;
  for (int i = 0; i < 60; ++i) {
    builder.Child(static_cast<uint32_t>(random.Below(builder.size())),
                  static_cast<uint32_t>(random.Below(table.locations.size())));
  }
  table.stacks = builder.Nodes();
  return table;
}

// To take over a first tree without look-ups must give what look-ups give, also where two of its locations turn out to be
// equal half-way, and for the tables that come after.
TEST(SymbolInterner, DistinctTreesNeedNoLookUps) {
  int with_equal_locations = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    RandomBatches random(seed);
    SymbolInterner quick;
    SymbolInterner careful;
    for (int round = 0; round < 6; ++round) {
      SymbolTable table = WithDistinctTree(random.Next().symbols, random);
      if (random.Below(3) == 0) {
        table.locations.back() = table.locations.front();
        ++with_equal_locations;
      }
      const uint32_t owner = static_cast<uint32_t>(random.Below(2));
      std::vector<uint32_t> stacks;
      for (uint64_t i = random.Below(40); i > 0; --i) stacks.push_back(static_cast<uint32_t>(random.Below(table.stacks.size())));
      std::vector<uint32_t> expected = stacks;
      careful.Add(table, owner, expected);
      quick.Add(table, owner, stacks, SymbolInterner::Tree::kDistinct);
      ASSERT_EQ(stacks, expected) << "seed " << seed << " round " << round;
    }
    ASSERT_EQ(quick.table().stacks, careful.table().stacks);
    ASSERT_EQ(quick.table().locations.size(), careful.table().locations.size());
    ASSERT_EQ(quick.Owners().stacks, careful.Owners().stacks);
    ASSERT_EQ(quick.Owners().locations, careful.Owners().locations);
    ASSERT_EQ(quick.Owners().strings, careful.Owners().strings);
  }
  EXPECT_GT(with_equal_locations, 100);
}

TEST(SymbolInterner, TakesOnlyWhatSamplesUse) {
  RandomBatches random(8);
  const ProfileBatch batch = random.Next();
  SymbolInterner interner;
  std::vector<uint32_t> none = {0};
  interner.Add(batch.symbols, 0, none);
  EXPECT_EQ(none[0], 0u);
  EXPECT_EQ(interner.table().stacks.size(), 1u);
  EXPECT_EQ(interner.table().strings.size(), 1u);
  EXPECT_TRUE(interner.table().locations.empty());
}

}  // namespace
}  // namespace brazier::block
