#include "common/base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace brazier {
namespace {

// The values reach disk (identities, placement): a change of the function is a change of the format.
TEST(Hash, StableValues) {
  EXPECT_EQ(Hash64(std::string_view()), 0x2D06800538D394C2u);
  EXPECT_EQ(HashTo128(Bytes()).Hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(Hash, DependsOnEveryByteAndOnTheSeed) {
  std::set<uint64_t> seen;
  std::set<Hash128> wide;
  std::string text(300, 'a');
  for (size_t i = 0; i < text.size(); ++i) {
    text[i] = 'b';
    seen.insert(Hash64(text));
    wide.insert(HashTo128(AsBytes(text)));
    text[i] = 'a';
  }
  EXPECT_EQ(seen.size(), text.size());
  EXPECT_EQ(wide.size(), text.size());
  EXPECT_NE(Hash64(text, 1), Hash64(text, 2));
  EXPECT_NE(HashTo128(AsBytes(text), 1), HashTo128(AsBytes(text), 2));
}

TEST(Hash128, HexAndOrderAreBigEndian) {
  const Hash128 h{0x0123456789ABCDEF, 0xFEDCBA9876543210};
  EXPECT_EQ(h.Hex(), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(Hash128{}.Hex(), std::string(32, '0'));
  EXPECT_TRUE(Hash128{}.IsZero());
  EXPECT_FALSE((Hash128{0, 1}.IsZero()));
  EXPECT_LT((Hash128{1, UINT64_MAX}), (Hash128{2, 0}));
}

TEST(Hash, MixTellsSmallPairsApart) {
  std::set<uint64_t> seen;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b) seen.insert(MixHash(a, b));
  }
  EXPECT_EQ(seen.size(), 10'000u);
}

}  // namespace
}  // namespace brazier
