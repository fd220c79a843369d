#include "common/base/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace brazier {
namespace {

// The definition, bit by bit.
uint32_t SlowCrc(const std::string& data) {
  uint32_t crc = ~0u;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(Crc32c(Bytes()), 0u);
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xE3069283u);
  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\0'))), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\xFF'))), 0x62A8AB43u);
}

TEST(Crc32c, EqualsTheDefinitionAtEveryLengthAndAlignment) {
  std::mt19937_64 engine(7);
  std::string data(100, '\0');
  for (char& c : data) c = static_cast<char>(engine());
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; size + begin <= data.size(); ++size) {
      const std::string piece = data.substr(begin, size);
      ASSERT_EQ(Crc32c(AsBytes(data).subspan(begin, size)), SlowCrc(piece)) << begin << "+" << size;
    }
  }
}

TEST(Crc32c, ContinuesAcrossPieces) {
  const std::string data = "the quick brown fox jumps over the lazy dog";
  const uint32_t whole = Crc32c(AsBytes(data));
  for (size_t cut = 0; cut <= data.size(); ++cut) {
    const uint32_t head = Crc32c(AsBytes(data).first(cut));
    EXPECT_EQ(Crc32c(AsBytes(data).subspan(cut), head), whole);
  }
}

}  // namespace
}  // namespace brazier
