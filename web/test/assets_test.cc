// The embedded page: everything it refers to is there, and both encodings hold the same bytes.

#include "web/assets.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <regex>
#include <string>

namespace brazier::web {
namespace {

std::string Gunzip(std::string_view data, size_t size_hint) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(size_hint + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(AssetsTest, PageIsFoundByEveryName) {
  if (BRAZIER_UI_OFF) {
    EXPECT_TRUE(Assets().empty());
    EXPECT_EQ(FindAsset("/"), nullptr);
    GTEST_SKIP() << "built with BRAZIER_UI=OFF";
  }
  const Asset* page = FindAsset("/index.html");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(FindAsset("/"), page);
  EXPECT_EQ(FindAsset(""), page);
  EXPECT_EQ(FindAsset("index.html"), page);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_FALSE(page->immutable);
}

TEST(AssetsTest, UnknownPathsAreNotFound) {
  for (const char* path : {"/x", "/assets", "/assets/", "/index.htm", "//index.html", "/../index.html", "/index.html/"}) {
    EXPECT_EQ(FindAsset(path), nullptr) << path;
  }
}

TEST(AssetsTest, EncodingsAndChecksumsAgree) {
  for (const Asset& asset : Assets()) {
    SCOPED_TRACE(asset.path);
    ASSERT_FALSE(asset.identity.empty());
    EXPECT_EQ(asset.path.front(), '/');
    EXPECT_EQ(FindAsset(asset.path), &asset);
    const auto* bytes = reinterpret_cast<const Bytef*>(asset.identity.data());
    EXPECT_EQ(asset.crc, crc32(0, bytes, static_cast<uInt>(asset.identity.size())));
    EXPECT_EQ(asset.immutable, asset.path.starts_with("/assets/"));
    if (asset.gzip.empty()) continue;
    EXPECT_LT(asset.gzip.size(), asset.identity.size());
    EXPECT_EQ(Gunzip(asset.gzip, asset.identity.size()), asset.identity);
  }
}

TEST(AssetsTest, PageRefersOnlyToEmbeddedFilesAndRunsUnderTheContentPolicy) {
  if (BRAZIER_UI_OFF) GTEST_SKIP() << "built with BRAZIER_UI=OFF";
  const std::string html(FindAsset("/")->identity);
  const std::regex reference(R"re((?:src|href)="\./([^"]+)")re");
  int found = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), reference), end; it != end; ++it, ++found) {
    EXPECT_NE(FindAsset((*it)[1].str()), nullptr) << (*it)[1];
  }
  EXPECT_GE(found, 3);  // the icon, the script, the style sheet
  EXPECT_EQ(html.find("http"), std::string::npos);
  EXPECT_EQ(html.find("<style"), std::string::npos);
  EXPECT_EQ(html.find("style="), std::string::npos);
  EXPECT_FALSE(std::regex_search(html, std::regex("<script(?![^>]* src=)")));
}

}  // namespace
}  // namespace brazier::web
