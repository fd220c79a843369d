// What `brazierctl compaction`, `delete`, `scrub` and `quarantine` ask of the metastore, and what they print.
#include "tools/brazierctl/lifecycle_commands.h"

#include <gtest/gtest.h>

#include <sstream>

#include <CLI/CLI.hpp>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_lifecycle.h"
#include "tests/support/fake_random.h"
#include "tools/brazierctl/lifecycle_parsing.h"
#include "tools/brazierctl/lifecycle_view.h"

namespace brazier::ctl {
namespace {

using brazier::testing::FakeClock;
using brazier::testing::kTestNowNs;
using testing::FakeLifecycle;

using Calls = std::vector<std::string>;
constexpr int64_t kHour = int64_t{3600} * kNsPerSecond;

// The fake outlives the connections that commands make to it.
class Borrowed final : public contract::Lifecycle {
 public:
  explicit Borrowed(FakeLifecycle& fake) : fake_(fake) {}
  Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext& c) override { return fake_.GetCompaction(c); }
  Status SetCompactionPaused(const contract::RequestContext& c, bool p) override { return fake_.SetCompactionPaused(c, p); }
  Status ForceCompaction(const contract::RequestContext& c, const std::vector<uint32_t>& l, const std::string& t) override {
    return fake_.ForceCompaction(c, l, t);
  }
  Result<uint64_t> RetryFailed(const contract::RequestContext& c, const std::vector<Ulid>& i) override { return fake_.RetryFailed(c, i); }
  Result<contract::DeletionView> Delete(const contract::RequestContext& c, const Ulid& i, const DataFilter& f) override {
    return fake_.Delete(c, i, f);
  }
  Result<std::vector<contract::DeletionView>> ListDeletions(const contract::RequestContext& c, const std::string& t) override {
    return fake_.ListDeletions(c, t);
  }
  Result<std::vector<contract::QuarantinedBlockView>> ListQuarantined(const contract::RequestContext& c) override {
    return fake_.ListQuarantined(c);
  }
  Result<uint64_t> ReleaseQuarantined(const contract::RequestContext& c, const std::vector<Ulid>& i) override {
    return fake_.ReleaseQuarantined(c, i);
  }
  Status StartScrub(const contract::RequestContext& c, bool r) override { return fake_.StartScrub(c, r); }
  Result<contract::ScrubReport> GetScrub(const contract::RequestContext& c) override { return fake_.GetScrub(c); }

 private:
  FakeLifecycle& fake_;
};

struct LifecycleCommandsTest : ::testing::Test {
  FakeClock clock;
  FakeLifecycle lifecycle;
  std::ostringstream out, progress;
  std::vector<std::string> asked;  // addresses
  std::function<void()> on_sleep;
  bool all_well = true;
  const Ulid id{{uint64_t{1} << 50, 7}};

  // As the program would with this command line; a parse error is thrown.
  Status Run(std::vector<std::string> args) {
    CLI::App app;
    app.require_subcommand(1);
    LifecycleCommands commands(app, {"127.0.0.1:4041"});
    std::reverse(args.begin(), args.end());
    app.parse(std::move(args));
    LifecycleTools tools;
    tools.connect = [this](std::vector<std::string> addresses) {
      asked = std::move(addresses);
      return std::make_unique<Borrowed>(lifecycle);
    };
    tools.clock = &clock;
    tools.random = &SystemRandom();
    tools.sleep = [this](int64_t ns) {
      clock.Advance(ns);
      if (on_sleep) on_sleep();
    };
    tools.out = &out;
    tools.progress = &progress;
    out.str("");
    const auto status = commands.Run(tools, &all_well);
    EXPECT_TRUE(status.has_value());
    return status.value_or(Status());
  }
  std::string Said(std::vector<std::string> args) {
    const Status status = Run(std::move(args));
    EXPECT_TRUE(status.ok()) << status.ToString();
    return out.str();
  }
};

TEST_F(LifecycleCommandsTest, CompactionIsSeenAndSteered) {
  contract::CompactionOverview overview;
  overview.levels = {{0, 12, 3 << 20, 4 * kNsPerSecond, 2}, {1, 0, 0, 0, 0}};
  overview.jobs = {{.id = 77, .level = 1, .shard = 2, .inputs = 9, .input_bytes = 1000, .worker = "w-1",
                    .started_ns = kTestNowNs - 65 * kNsPerSecond, .attempts = 1, .bytes_done = 500}};
  overview.waiting_after_failure = {{id, 3, kTestNowNs + 30 * kNsPerSecond, "out of memory"}};
  overview.tombstones = 5;
  overview.quarantined = 1;
  lifecycle.overview = overview;
  const std::string text = Said({"compaction", "status"});
  for (const char* expected : {"compaction runs", "5 objects", "1 block\n", "3.00MiB", "4s", "(segments)", "50%", "1m5s", "w-1",
                               "out of memory", "30s"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << " in\n" << text;
  }
  EXPECT_NE(text.find(id.ToString()), std::string::npos);
  EXPECT_NE(Said({"compaction", "status", "--json"}).find("\"bytes_done\": 500"), std::string::npos);
  overview.is_paused = true;
  lifecycle.overview = overview;
  EXPECT_NE(Said({"compaction", "status"}).find("PAUSED"), std::string::npos);
  Said({"compaction", "pause"});
  Said({"compaction", "resume", "--server", "a:1,b:2"});
  EXPECT_EQ(asked, (Calls{"a:1", "b:2"}));
  Said({"compaction", "force"});
  Said({"compaction", "force", "--level=1", "--level", "2", "--tenant=t"});
  lifecycle.count = uint64_t{3};
  EXPECT_EQ(Said({"compaction", "retry"}), "3 blocks may be tried again at once\n");
  Said({"compaction", "retry", id.ToString()});
  EXPECT_EQ(lifecycle.calls(), (Calls{"compaction", "compaction", "compaction", "pause", "resume", "force", "force 1 2 of t",
                                      "retry", "retry " + id.ToString()}));
  EXPECT_EQ(Run({"compaction", "retry", "x"}).code(), Code::kInvalidArgument);
  EXPECT_THROW((void)Run({"compaction"}), CLI::ParseError);
}

TEST_F(LifecycleCommandsTest, DeletesOnlyWithYes) {
  const Status asked_first = Run({"delete", "--tenant=a", "--service=api", "-s", "{pod=\"x\"}", "--since=2h"});
  EXPECT_EQ(asked_first.reason(), "needs_yes");
  for (const char* named : {"tenant a", "service api", "{pod=\"x\"}", "2023-11-14T20:13:20Z", "2023-11-14T22:13:20Z"}) {
    EXPECT_NE(asked_first.message().find(named), std::string::npos) << named << " in " << asked_first.message();
  }
  EXPECT_EQ(lifecycle.calls(), Calls());

  lifecycle.deletions = std::vector<contract::DeletionView>{{.blocks = 4, .blocks_to_rewrite = 4}};
  const std::string text = Said({"delete", "--tenant=a", "--service=api", "-s", "{pod=\"x\"}", "--since=2h", "--yes"});
  ASSERT_EQ(lifecycle.calls().size(), 1u);
  const std::string call = lifecycle.calls()[0];
  EXPECT_NE(call.find(" a/api/{pod=\"x\"} " + std::to_string(kTestNowNs - 2 * kHour) + ".." + std::to_string(kTestNowNs)),
            std::string::npos)
      << call;
  EXPECT_NE(text.find("deletion " + call.substr(7, 26)), std::string::npos) << text << call;
  EXPECT_NE(text.find("4 blocks hold some of it"), std::string::npos) << text;

  Said({"delete", "--tenant=a", "--from=2023-11-01", "--to=2023-11-02T00:00:00Z", "--yes", "--id=" + id.ToString()});
  EXPECT_EQ(lifecycle.calls()[1], "delete " + id.ToString() + " a// 1698796800000000000..1698883200000000000");
  Said({"delete", "--tenant=a", "--since=3h", "--until=1h", "--yes", "--id=" + id.ToString()});
  EXPECT_EQ(lifecycle.calls()[2], "delete " + id.ToString() + " a// " + std::to_string(kTestNowNs - 3 * kHour) + ".." +
                                      std::to_string(kTestNowNs - kHour));
  Said({"delete", "--tenant=a", "--all-time", "--yes", "--id=" + id.ToString()});
  EXPECT_EQ(lifecycle.calls()[3], "delete " + id.ToString() + " a// 0.." + std::to_string(INT64_MAX / 2));
}

TEST_F(LifecycleCommandsTest, RefusesDeletionsThatNobodyCanMean) {
  const std::vector<Calls> cases = {
      {"delete", "--since=1h", "--yes"},                                      // whose?
      {"delete", "--tenant=a", "--yes"},                                      // from when?
      {"delete", "--tenant=a", "--until=1h", "--yes"},                        // likewise
      {"delete", "--tenant=a", "--since=1h", "--from=2023-11-01", "--yes"},   // twice
      {"delete", "--tenant=a", "--all-time", "--since=1h", "--yes"},          // both
      {"delete", "--tenant=a", "--since=1h", "--until=2h", "--yes"},          // ends before it begins
      {"delete", "--tenant=a", "--from=yesterday", "--yes"},
      {"delete", "--tenant=a", "--from=2023-02-31", "--yes"},
      {"delete", "--tenant=a", "--since=1h", "--id=x", "--yes"},
      {"delete", "status", "--wait"},
  };
  for (const Calls& args : cases) {
    EXPECT_EQ(Run(args).code(), Code::kInvalidArgument) << args.back() << " " << args[args.size() - 2];
  }
  EXPECT_EQ(lifecycle.calls(), Calls());
}

TEST_F(LifecycleCommandsTest, AnAnswerThatDoesNotArriveNamesTheIdToRepeat) {
  lifecycle.status = DeadlineExceeded("no answer");
  const Status status = Run({"delete", "--tenant=a", "--since=1h", "--yes"});
  EXPECT_NE(status.message().find("repeat it with --id=" + lifecycle.calls()[0].substr(7, 26)), std::string::npos)
      << status.message();
}

TEST_F(LifecycleCommandsTest, StatusProvesWhatBecameOfADeletion) {
  EXPECT_EQ(Said({"delete", "status"}), "no deletions\n");
  contract::DeletionView deletion{.id = id,
                                  .filter = {.tenant = "a", .service = "api", .start_ns = 0, .end_ns = INT64_MAX / 2},
                                  .created_ns = kTestNowNs,
                                  .blocks = 14,
                                  .blocks_to_rewrite = 2,
                                  .objects_to_delete = 3};
  lifecycle.deletions = std::vector{deletion};
  std::string text = Said({"delete", "status", "--tenant=a"});
  EXPECT_NE(text.find("hidden, being rewritten"), std::string::npos) << text;
  EXPECT_NE(text.find("from the beginning to the end"), std::string::npos) << text;
  text = Said({"delete", "status", id.ToString()});
  EXPECT_NE(text.find("12 of 14 blocks"), std::string::npos) << text;
  EXPECT_NE(text.find("3 objects of rewritten blocks"), std::string::npos) << text;
  EXPECT_NE(text.find("confirmed  not yet"), std::string::npos) << text;
  EXPECT_EQ(Run({"delete", "status", Ulid{{1, 1}}.ToString()}).code(), Code::kNotFound);

  int sleeps = 0;
  on_sleep = [&] {
    deletion.blocks_to_rewrite = 0;
    if (++sleeps == 3) {
      deletion.objects_to_delete = 0;
      deletion.confirmed_ns = kTestNowNs + kHour;
    }
    lifecycle.deletions = std::vector{deletion};
  };
  text = Said({"delete", "status", id.ToString(), "--wait"});
  EXPECT_EQ(sleeps, 3);
  EXPECT_NE(text.find("confirmed  2023-11-14T23:13:20Z"), std::string::npos) << text;
  EXPECT_NE(Said({"delete", "status", "--json", id.ToString()}).find("\"confirmed\": true"), std::string::npos);
  EXPECT_NE(Said({"delete", "status"}).find("gone 2023-11-14T23:13:20Z"), std::string::npos);
  deletion.confirmed_ns = 0;
  lifecycle.deletions = std::vector{deletion};
  on_sleep = {};
  EXPECT_EQ(Run({"delete", "--wait-max=10s", "status", id.ToString(), "--wait"}).code(), Code::kDeadlineExceeded);
}

TEST_F(LifecycleCommandsTest, ScrubWaitsAndTellsWhatIsWrong) {
  EXPECT_NE(Said({"scrub"}).find("without repairs"), std::string::npos);
  EXPECT_NE(Said({"scrub", "status"}).find("there was no scrub"), std::string::npos);
  contract::ScrubReport report{.is_running = true, .repairs = true, .started_ns = kTestNowNs, .objects = 5, .objects_total = 10};
  lifecycle.scrub = report;
  on_sleep = [&] {
    report.is_running = false;
    report.ended_ns = kTestNowNs + kHour;
    report.corrupt = 1;
    report.findings = {"a: corrupt", "b: orphan", "c: orphan"};
    lifecycle.scrub = report;
  };
  const std::string text = Said({"scrub", "--repair", "--wait", "--show=2"});
  EXPECT_FALSE(all_well);
  EXPECT_NE(text.find("corrupt:     1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  b: orphan\n  ... 1 more\n"), std::string::npos) << text;
  EXPECT_NE(text.find("after 1h"), std::string::npos) << text;
  report.corrupt = 0;
  report.orphans = 2;
  lifecycle.scrub = report;
  Said({"scrub", "status"});
  EXPECT_TRUE(all_well) << "orphans are garbage";
  report.error = "the store is away";
  lifecycle.scrub = report;
  EXPECT_NE(Said({"scrub", "status"}).find("EARLY"), std::string::npos);
  EXPECT_FALSE(all_well);
  EXPECT_NE(Said({"scrub", "status", "--json"}).find("\"orphans\": 2"), std::string::npos);
  EXPECT_EQ(lifecycle.calls()[0], "scrub");
  EXPECT_EQ(lifecycle.calls()[2], "scrub with repairs");
}

TEST_F(LifecycleCommandsTest, QuarantineIsListedAndReleased) {
  EXPECT_EQ(Said({"quarantine", "list"}), "no block is in quarantine\n");
  lifecycle.quarantined = std::vector<contract::QuarantinedBlockView>{{id, "blocks/1/a/x.brz", "missing", kTestNowNs}};
  EXPECT_NE(Said({"quarantine", "list"}).find("blocks/1/a/x.brz  missing"), std::string::npos) << out.str();
  EXPECT_NE(Said({"quarantine", "list", "--json"}).find("\"reason\": \"missing\""), std::string::npos);
  lifecycle.count = uint64_t{1};
  EXPECT_NE(Said({"quarantine", "release", "--all"}).find("1 block released"), std::string::npos);
  Said({"quarantine", "release", id.ToString()});
  EXPECT_EQ(lifecycle.calls().back(), "release " + id.ToString());
  EXPECT_EQ(Run({"quarantine", "release"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Run({"quarantine", "release", "--all", id.ToString()}).code(), Code::kInvalidArgument);
}

TEST(ParseTime, TakesDaysTimesAndNanoseconds) {
  EXPECT_EQ(ParseTime("1970-01-01"), 0);
  EXPECT_EQ(ParseTime("2023-11-14T22:13:20Z"), kTestNowNs);
  EXPECT_EQ(ParseTime("1700000000000000000"), kTestNowNs);
  for (const char* bad : {"", "-1", "now", "2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-13-01", "2023-02-30",
                          "1969-12-31", "2023-11-14T22:13:20Zx", "99999999999999999999"}) {
    EXPECT_EQ(ParseTime(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace brazier::ctl
