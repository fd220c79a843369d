#include <gtest/gtest.h>

#include <map>

#include "common/config/describe.h"
#include "common/config/load.h"
#include "common/config/settings.h"

namespace brazier::config {
namespace {

Result<LoadedConfig> Load(const std::vector<std::string>& args, const Environment& environment = {},
                          const std::map<std::string, std::string>& files = {}) {
  auto command_line = ParseCommandLine(args);
  if (!command_line.ok()) return command_line.status();
  return LoadConfig(*command_line, environment, [&](const std::string& path) -> Result<std::string> {
    const auto file = files.find(path);
    if (file == files.end()) return NotFound("no such file");
    return file->second;
  });
}

std::string ErrorOf(const Result<LoadedConfig>& result) {
  return result.ok() ? "no error" : result.status().message();
}

TEST(Load, DefaultsAreTypedValues) {
  const auto loaded = Load({});
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  const Config& c = loaded->config;
  EXPECT_EQ(c.target, std::vector<std::string>{"all"});
  EXPECT_EQ(c.http.listen, "127.0.0.1:4040");
  EXPECT_EQ(c.limits.max_profile_bytes, 4 << 20);
  EXPECT_EQ(c.limits.reject_older_than_ns, 3600LL * 1'000'000'000);
  EXPECT_EQ(c.segment.linger_ns, 0);
  EXPECT_FALSE(c.multitenancy);
  EXPECT_TRUE(c.dedup.without_id);
  EXPECT_EQ(loaded->origins.at("http.listen"), "default");
}

TEST(Load, LaterSourcesWin) {
  const std::map<std::string, std::string> files = {
      {"b.yaml", "http:\n  listen: 127.0.0.1:1\n  threads: 5\nsegment.linger: 1ms\n"}};
  const Environment environment = {{"BRAZIER_HTTP_LISTEN", "127.0.0.1:2"},
                                   {"BRAZIER_HTTP_THREADS", "6"}};
  const auto loaded =
      Load({"--config.file=b.yaml", "--http.listen=127.0.0.1:3"}, environment, files);
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_EQ(loaded->config.http.listen, "127.0.0.1:3");
  EXPECT_EQ(loaded->config.http.threads, 6);
  EXPECT_EQ(loaded->config.segment.linger_ns, 1'000'000);
  EXPECT_EQ(loaded->origins.at("http.listen"), "flag");
  EXPECT_EQ(loaded->origins.at("http.threads"), "environment BRAZIER_HTTP_THREADS");
  EXPECT_EQ(loaded->origins.at("segment.linger"), "file b.yaml:4");
}

TEST(Load, FileMayComeFromTheEnvironment) {
  const auto loaded = Load({}, {{"BRAZIER_CONFIG_FILE", "e.yaml"}}, {{"e.yaml", "ui.dir: web"}});
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_EQ(loaded->config.ui_dir, "web");
}

TEST(Load, FormsOfFlags) {
  const auto loaded = Load({"--multitenancy", "--no-dedup.without-id", "--data-dir", "elsewhere",
                            "--target", "distributor, query-frontend"});
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_TRUE(loaded->config.multitenancy);
  EXPECT_FALSE(loaded->config.dedup.without_id);
  EXPECT_EQ(loaded->config.data_dir, "elsewhere");
  EXPECT_EQ(loaded->config.target, (std::vector<std::string>{"distributor", "query-frontend"}));

  const auto spelled = Load({"--multitenancy", "true", "--dedup.without-id", "false"});
  ASSERT_TRUE(spelled.ok());
  EXPECT_TRUE(spelled->config.multitenancy);
  EXPECT_FALSE(spelled->config.dedup.without_id);

  EXPECT_FALSE(Load({"positional"}).ok());
  EXPECT_FALSE(Load({"-target=all"}).ok());
  EXPECT_FALSE(Load({"--"}).ok());
  EXPECT_FALSE(Load({"--no-data-dir"}).ok());  // only bools can be negated
  EXPECT_EQ(ErrorOf(Load({"--data-dir"})), "--data-dir needs a value: --data-dir=...");
  EXPECT_EQ(ErrorOf(Load({"--data-dir", "--multitenancy"})),
            "--data-dir needs a value: --data-dir=...");
}

TEST(Load, UnknownKeysNameTheNearest) {
  EXPECT_EQ(ErrorOf(Load({"--http.lisen=:1"})),
            "unknown setting --http.lisen; did you mean --http.listen?");
  EXPECT_EQ(ErrorOf(Load({"--config.file=b.yaml"}, {}, {{"b.yaml", "\nhttp: {lissten: x}"}})),
            "file b.yaml:2: unknown setting http.lissten; did you mean http.listen?");
  EXPECT_EQ(ErrorOf(Load({}, {{"BRAZIER_HTTP_LISTN", "x"}})),
            "environment: unknown setting BRAZIER_HTTP_LISTN; did you mean BRAZIER_HTTP_LISTEN?");
}

TEST(Load, ForeignVariablesOfOurPrefixAreListedNotFatal) {
  const auto loaded = Load({}, {{"BRAZIER_SERVICE_HOST", "10.0.0.1"},
                                {"BRAZIER_PORT_4040_TCP", "tcp://10.0.0.1:4040"}});
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  EXPECT_EQ(loaded->ignored_environment,
            (std::vector<std::string>{"BRAZIER_PORT_4040_TCP", "BRAZIER_SERVICE_HOST"}));
}

TEST(Load, BadValuesNameKeyValueRangeAndOrigin) {
  EXPECT_EQ(ErrorOf(Load({"--http.threads=-1"})),
            "setting http.threads: \"-1\" is not allowed; allowed: 0 to 1024 (from flag)");
  EXPECT_EQ(ErrorOf(Load({}, {{"BRAZIER_SEGMENT_LINGER", "10"}})),
            "setting segment.linger: \"10\" is not allowed; allowed: 0 to 1m, like 250ms, 30s or "
            "1h30m (from environment BRAZIER_SEGMENT_LINGER)");
  EXPECT_EQ(ErrorOf(Load({"--config.file=b.yaml"}, {}, {{"b.yaml", "segment:\n  bytes-max: 1B"}})),
            "setting segment.bytes-max: \"1B\" is not allowed; allowed: 64KiB to 1GiB, like 512KiB "
            "or 4MiB (from file b.yaml:2)");
  EXPECT_EQ(ErrorOf(Load({"--log.level=loud"})),
            "setting log.level: \"loud\" is not allowed; allowed: debug, info, warn or error (from "
            "flag)");
  EXPECT_NE(ErrorOf(Load({"--target=all,cook"})).find("\"cook\" is not allowed"),
            std::string::npos);
  EXPECT_FALSE(Load({"--target="}).ok());
  EXPECT_FALSE(Load({"--multitenancy=1"}).ok());
  for (const char* address : {"4040", "host", "host:", "host:65536", "host:-1", "a b:1", "[]:1"}) {
    EXPECT_FALSE(Load({std::string("--http.listen=") + address}).ok()) << address;
  }
  for (const char* address : {":4040", "localhost:0", "[::1]:4040", "0.0.0.0:4040", ""}) {
    EXPECT_TRUE(Load({std::string("--http.listen=") + address}).ok()) << address;
  }
  for (const char* address : {"127.0.0.1:4042", "tcp://", "tcp://:1", "udp://a:1", "ipc://"}) {
    EXPECT_FALSE(Load({std::string("--zeromq.listen=") + address}).ok()) << address;
  }
  for (const char* address : {"tcp://*:4042", "tcp://127.0.0.1:0", "ipc:///run/x", ""}) {
    EXPECT_TRUE(Load({std::string("--zeromq.listen=") + address}).ok()) << address;
  }
}

TEST(Load, SettingsThatContradictEachOther) {
  EXPECT_NE(ErrorOf(Load({"--limits.max-profile-bytes=9MiB"})).find("limits.burst-bytes (8MiB)"),
            std::string::npos);
  EXPECT_FALSE(Load({"--target=all,metastore"}).ok());
  EXPECT_FALSE(Load({"--segment.buffer-bytes-max=1MiB"}).ok());
  EXPECT_FALSE(Load({"--http.inflight-bytes-max=1MiB"}).ok());
  EXPECT_FALSE(Load({"--http.inflight-bytes-max=1MiB", "--http.body-bytes-max=1MiB"}).ok());
  EXPECT_TRUE(Load({"--http.inflight-bytes-max=2MiB", "--http.body-bytes-max=1MiB"}).ok());
}

TEST(Load, FilesThatAreWrong) {
  const auto error = [](const std::string& yaml) {
    return ErrorOf(Load({"--config.file=b.yaml"}, {}, {{"b.yaml", yaml}}));
  };
  EXPECT_EQ(error(""), "no error");
  EXPECT_EQ(error("# only a comment\n"), "no error");
  EXPECT_NE(error("- a\n- b\n").find("not a map"), std::string::npos);
  EXPECT_NE(error("http: [unclosed").find("not YAML"), std::string::npos);
  EXPECT_NE(error("http.threads: 1\nhttp:\n  threads: 2\n").find("set already in line 1"),
            std::string::npos);
  EXPECT_NE(error("target: [[all]]").find("texts only"), std::string::npos);
  EXPECT_EQ(error("target: [distributor, metastore]"), "no error");
  EXPECT_NE(error("a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}").find("nested deeper"),
            std::string::npos);
  EXPECT_NE(error(std::string(2 << 20, '#')).find("larger than"), std::string::npos);
  EXPECT_NE(ErrorOf(Load({"--config.file=absent.yaml"})).find("absent.yaml: no such file"),
            std::string::npos);
}

TEST(CommandLine, ActionsInsteadOfARun) {
  EXPECT_EQ(ParseCommandLine({})->action, Action::kRun);
  EXPECT_EQ(ParseCommandLine({"--help"})->action, Action::kHelp);
  EXPECT_EQ(ParseCommandLine({"-h"})->action, Action::kHelp);
  EXPECT_EQ(ParseCommandLine({"--version"})->action, Action::kVersion);
  const auto print = ParseCommandLine({"--print-config", "--http.threads=3"});
  EXPECT_EQ(print->action, Action::kPrintConfig);
  EXPECT_EQ(print->flags.size(), 1u);
}

TEST(PrintConfig, ReadsBackAsTheSameConfiguration) {
  const auto loaded =
      Load({"--http.listen=[::1]:7", "--limits.reject-older-than=1h30m", "--segment.bytes-max=1536KiB",
            "--target=distributor,query-frontend", "--data-dir=a \"b\" \\c # d: e", "--multitenancy",
            "--zeromq.listen="});
  ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
  const std::string yaml = ConfigYaml(*loaded);
  EXPECT_NE(yaml.find("http.listen: \"[::1]:7\"  # flag\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("segment.linger: 0  # default\n"), std::string::npos) << yaml;

  const auto again = Load({"--config.file=printed.yaml"}, {}, {{"printed.yaml", yaml}});
  ASSERT_TRUE(again.ok()) << again.status().ToString() << "\n" << yaml;
  for (const Setting& setting : AllSettings()) {
    EXPECT_EQ(ValueText(setting, again->config), ValueText(setting, loaded->config)) << setting.key;
    EXPECT_TRUE(again->origins.at(std::string(setting.key)).starts_with("file printed.yaml:"));
  }
}

}  // namespace
}  // namespace brazier::config
