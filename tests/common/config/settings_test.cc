#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "common/config/describe.h"
#include "common/config/settings.h"

namespace brazier::config {
namespace {

TEST(SettingsTable, RowsAreCompleteAndUnique) {
  std::set<std::string> keys, variables;
  for (const Setting& setting : AllSettings()) {
    EXPECT_TRUE(keys.insert(std::string(setting.key)).second) << setting.key;
    EXPECT_TRUE(variables.insert(EnvironmentName(setting)).second) << setting.key;
    EXPECT_FALSE(setting.meaning.empty()) << setting.key;
    EXPECT_TRUE(setting.meaning.ends_with('.')) << setting.key;
    EXPECT_EQ(setting.meaning.find('|'), std::string_view::npos) << "breaks the Markdown table";
    EXPECT_NE(setting.field, nullptr) << setting.key;
    if (setting.type == SettingType::kInt) {
      EXPECT_FALSE(setting.unit.empty()) << setting.key;
    }
    EXPECT_LE(setting.min, setting.max) << setting.key;
  }
}

TEST(SettingsTable, EachRowFillsItsOwnField) {
  // Two rows with one field would hide one of them.
  Config config;
  std::set<const void*> fields;
  for (const Setting& setting : AllSettings()) {
    const FieldRef field = setting.field(config);
    const void* address = std::visit([](auto* f) { return static_cast<const void*>(f); }, field);
    EXPECT_TRUE(fields.insert(address).second) << setting.key;
  }
}

TEST(SettingsTable, DefaultsAreAllowedAndCanonical) {
  Config config;
  for (const Setting& setting : AllSettings()) {
    const Status status = SetFromText(setting, setting.default_text, config);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(ValueText(setting, config), setting.default_text) << setting.key;
  }
}

TEST(SettingsTable, SecretsStayOutOfErrorsAndPrints) {
  Setting setting{.group = "g", .key = "token", .type = SettingType::kString,
                  .choices = {"only-this"}, .secret = true,
                  .field = [](Config& c) -> FieldRef { return &c.ui_dir; }};
  Config config;
  const Status status = SetFromText(setting, "hunter2", config);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.message().find("hunter2"), std::string::npos);
}

TEST(SettingsTable, NearestKey) {
  EXPECT_EQ(NearestKey("segment.lingre"), "segment.linger");
  EXPECT_EQ(NearestKey("datadir"), "data-dir");
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
}

TEST(Help, NamesEverySettingWithin100Columns) {
  const std::string help = HelpText("brazier");
  for (const Setting& setting : AllSettings()) {
    EXPECT_NE(help.find("  --" + std::string(setting.key) + "="), std::string::npos) << setting.key;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

// The text of docs/operations.md between its two markers is the table's. BRAZIER_UPDATE_GOLDEN=1 rewrites it.
TEST(OperationsDocument, AgreesWithTheTable) {
  const std::string path = std::string(BRAZIER_SOURCE_DIR) + "/docs/operations.md";
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  std::string text = content.str();
  const std::string begin = "<!-- settings: begin -->\n", end = "<!-- settings: end -->";
  const size_t from = text.find(begin), to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::string expected = SettingsMarkdown();
  const size_t inside = from + begin.size();
  if (std::getenv("BRAZIER_UPDATE_GOLDEN") != nullptr) {
    text.replace(inside, to - inside, expected);
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(text.substr(inside, to - inside), expected);
}

}  // namespace
}  // namespace brazier::config
