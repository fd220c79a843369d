// The small text forms: times in URLs, JSON values, header lists, multipart.
#include <gtest/gtest.h>

#include <random>

#include "common/base/clock.h"
#include "server/http/attime.h"
#include "server/http/http_message.h"
#include "server/http/json_text.h"
#include "server/http/multipart.h"

namespace brazier::http {
namespace {

TEST(Attime, Forms) {
  constexpr int64_t kNow = 1'700'000'000 * kNsPerSecond;
  EXPECT_EQ(ParseAttime("now", kNow), kNow);
  EXPECT_EQ(ParseAttime("now-10s", kNow), kNow - 10 * kNsPerSecond);
  EXPECT_EQ(ParseAttime("now-1h30min", kNow), kNow - 5400 * kNsPerSecond);
  EXPECT_EQ(ParseAttime("now+2d", kNow), kNow + 2 * 86'400 * kNsPerSecond);
  EXPECT_EQ(ParseAttime("now-1M", kNow), kNow - 30 * 86'400 * kNsPerSecond);
  EXPECT_EQ(ParseAttime("1700000000", 0), kNow);
  EXPECT_EQ(ParseAttime("1700000000123", 0), kNow + 123 * kNsPerMs);
  EXPECT_EQ(ParseAttime("1700000000123456", 0), kNow + 123'456'000);
  EXPECT_EQ(ParseAttime("1700000000123456789", 0), kNow + 123'456'789);
  EXPECT_EQ(ParseAttime("20231114", 0), 1'699'920'000 * kNsPerSecond);
  for (const char* bad : {"", "x", "now-", "now-10", "now-s", "now-5q", "-5", "17000000x0", "99999999999999999999",
                          "now-9999999999999y"}) {
    EXPECT_FALSE(ParseAttime(bad, kNow).has_value()) << bad;
  }
}

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(text, JsonEscapes::kPlain, &out);
  return out;
}

TEST(JsonText, Strings) {
  EXPECT_EQ(JsonString("a\"b\\c\n\t\r\x01<>&\x7f"), "\"a\\\"b\\\\c\\n\\t\\r\\u0001<>&\\u007f\"");
  EXPECT_EQ(JsonString("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
  EXPECT_EQ(JsonString("\xC3"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonString("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonString("x\xFF-"), "\"x\xEF\xBF\xBD-\"");
  std::string html;
  AppendJsonString("<&>", JsonEscapes::kHtml, &html);
  EXPECT_EQ(html, "\"\\u003c\\u0026\\u003e\"");
}

TEST(JsonText, NumbersAndBytes) {
  const auto number = [](double value) {
    std::string out;
    AppendJsonDouble(value, &out);
    return out;
  };
  EXPECT_EQ(number(9e7), "90000000");
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(-2.5), "-2.5");
  EXPECT_EQ(number(1e20), "100000000000000000000");
  EXPECT_EQ(number(1e21), "1e+21");
  std::string out;
  for (const char* text : {"", "f", "fo", "foo", "foob"}) AppendJsonBase64(text, &out);
  EXPECT_EQ(out, R"("""Zg==""Zm8=""Zm9v""Zm9vYg==")");
  std::string least;
  AppendJsonInt64(INT64_MIN, &least);
  EXPECT_EQ(least, "\"-9223372036854775808\"");
}

TEST(HeaderList, Tokens) {
  EXPECT_TRUE(HeaderListHas("gzip", "gzip"));
  EXPECT_TRUE(HeaderListHas("deflate , GZIP; q=0.5", "gzip"));
  EXPECT_FALSE(HeaderListHas("gzip;q=0", "gzip"));
  EXPECT_FALSE(HeaderListHas("gzip; q=0.000", "gzip"));
  EXPECT_FALSE(HeaderListHas("xgzip", "gzip"));
  EXPECT_FALSE(HeaderListHas("", "gzip"));
}

TEST(Multipart, HostileBytesNeverHurt) {
  const std::string good =
      "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ndata\r\n--b\r\nA: b\r\n\r\n\r\n--b--\r\n";
  const char* type = "multipart/form-data; boundary=b";
  const auto parts = ParseMultipart(type, good);
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].name, "x");
  EXPECT_EQ((*parts)[0].data, "data");
  EXPECT_EQ((*parts)[1].data, "");
  for (size_t size = 0; size < good.size() - 4; ++size) {
    EXPECT_FALSE(ParseMultipart(type, std::string_view(good).substr(0, size)).ok()) << size;
  }
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = "\r\n-b:; =\"x"[random() % 10];
    (void)ParseMultipart(type, bad);
  }
  std::string many;
  for (size_t i = 0; i <= kMultipartPartsMax; ++i) many += "--b\r\n\r\nx\r\n";
  EXPECT_FALSE(ParseMultipart(type, many + "--b--").ok());
  EXPECT_FALSE(ParseMultipart(type, "--b\r\nA: " + std::string(9000, 'x') + "\r\n\r\nx\r\n--b--").ok());
  for (const char* bad : {"multipart/form-data", "multipart/form-data; boundary=", "x; boundary"}) {
    EXPECT_FALSE(ParseMultipart(bad, good).ok());
  }
}

}  // namespace
}  // namespace brazier::http
