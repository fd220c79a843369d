#include "common/model/symbol_table.h"

#include <gtest/gtest.h>

#include <string>

namespace brazier {
namespace {

TEST(StringTable, StringZeroIsEmpty) {
  StringTable t;
  EXPECT_EQ(t.size(), 1u);
  EXPECT_EQ(t.Get(0), "");
  EXPECT_EQ(t.Add("a"), 1u);
  EXPECT_EQ(t.Add(""), 2u);
  EXPECT_EQ(t.Add(std::string("x\0y", 3)), 3u);
  EXPECT_EQ(t.Get(1), "a");
  EXPECT_EQ(t.Get(2), "");
  EXPECT_EQ(t.Get(3), std::string_view("x\0y", 3));
  EXPECT_EQ(t.bytes(), 4u);
}

TEST(StringTable, TruncateTakesBack) {
  StringTable t;
  t.Add("one");
  t.Add("two");
  t.Truncate(2);
  EXPECT_EQ(t.size(), 2u);
  EXPECT_EQ(t.bytes(), 3u);
  EXPECT_EQ(t.Add("three"), 2u);
  EXPECT_EQ(t.Get(1), "one");
  EXPECT_EQ(t.Get(2), "three");
}

SymbolTable Small() {
  SymbolTable t;
  const uint32_t name = t.strings.Add("main");
  t.functions.push_back({name, name, 0, 1});
  t.mappings.push_back({0x1000, 0x2000, 0, t.strings.Add("/usr/bin/app"), 0, 1});
  t.lines.push_back({0, 10});
  t.locations.push_back({0x1234, 1, 0, 1, false});
  t.stacks.push_back({0, 0});
  return t;
}

TEST(SymbolTable, ValidateAcceptsGoodTables) {
  EXPECT_TRUE(SymbolTable().Validate().ok());
  EXPECT_TRUE(Small().Validate().ok());
  EXPECT_GT(Small().MemoryBytes(), 0u);
}

// Each reference in turn is made to point one past the end.
TEST(SymbolTable, ValidateRefusesEveryBadReference) {
  struct Case {
    const char* what;
    void (*damage)(SymbolTable&);
  };
  const Case kCases[] = {
      {"function refers to a string", [](SymbolTable& t) { t.functions[0].name = t.strings.size(); }},
      {"function refers to a string", [](SymbolTable& t) { t.functions[0].system_name = t.strings.size(); }},
      {"function refers to a string", [](SymbolTable& t) { t.functions[0].filename = UINT32_MAX; }},
      {"mapping refers to a string", [](SymbolTable& t) { t.mappings[1].filename = t.strings.size(); }},
      {"mapping refers to a string", [](SymbolTable& t) { t.mappings[0].build_id = t.strings.size(); }},
      {"line refers to a function", [](SymbolTable& t) { t.lines[0].function = 1; }},
      {"location refers to a mapping", [](SymbolTable& t) { t.locations[0].mapping = 2; }},
      {"location refers to lines", [](SymbolTable& t) { t.locations[0].line_count = 2; }},
      {"location refers to lines", [](SymbolTable& t) { t.locations[0].line_begin = 1; }},
      {"location refers to lines", [](SymbolTable& t) { t.locations[0] = {0, 0, UINT32_MAX, 2, false}; }},
      {"mapping 0 or stack 0 is missing", [](SymbolTable& t) { t.stacks.clear(); }},
      {"mapping 0 or stack 0 is missing",
       [](SymbolTable& t) {
         t.mappings.clear();
         t.locations.clear();
         t.stacks.resize(1);
       }},
      {"come after its parent", [](SymbolTable& t) { t.stacks[1].parent = 1; }},
      {"stack node refers to a location", [](SymbolTable& t) { t.stacks[1].location = 1; }},
  };
  for (const Case& c : kCases) {
    SymbolTable t = Small();
    c.damage(t);
    const Status status = t.Validate();
    ASSERT_FALSE(status.ok()) << c.what;
    EXPECT_NE(status.message().find(c.what), std::string::npos) << status.message();
  }
}

TEST(SymbolTable, TheRootsLocationMeansNothing) {
  SymbolTable t = Small();
  t.stacks[0] = {77, 77};
  EXPECT_TRUE(t.Validate().ok());
}

TEST(SymbolTable, NamesOfLocationsWithoutLines) {
  SymbolTable t = Small();
  EXPECT_EQ(UnsymbolizedName(t, {0xDEADBEEF, 1, 0, 0, false}), "app!0xdeadbeef");
  EXPECT_EQ(UnsymbolizedName(t, {UINT64_MAX, 0, 0, 0, false}), "unknown!0xffffffffffffffff");
  t.mappings[1].filename = t.strings.Add("[vdso]");
  EXPECT_EQ(UnsymbolizedName(t, {0, 1, 0, 0, false}), "[vdso]!0x0");
  t.mappings[1].filename = t.strings.Add("dir/");
  EXPECT_EQ(UnsymbolizedName(t, {1, 1, 0, 0, false}), "unknown!0x1");
}

}  // namespace
}  // namespace brazier
