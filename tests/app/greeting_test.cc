#include <gtest/gtest.h>

#include "app/greeting.h"

namespace brazier::app {
namespace {

constexpr Roles kAll{true, true, true, true, true, true};

TEST(Greeting, OfAllTellsWhereTheUiIsAndHowToSendAProfile) {
  config::Config config;
  config.http.listen = ":0";
  config.thrift.listen = "[::1]:0";
  config.data_dir = "./data";
  EXPECT_EQ(GreetingText(config, kAll, "1.2.3", 4040, 4041),
            "Brazier 1.2.3\n"
            "  web UI      http://127.0.0.1:4040/\n"
            "  Thrift      [::1]:4041\n"
            "  data        ./data\n"
            "\n"
            "Send a first profile:\n"
            "\n"
            "  curl 'http://127.0.0.1:4040/ingest?name=hello.cpu&format=folded' --data-binary "
            "'main;work;loop 42'\n"
            "\n");
}

TEST(Greeting, NamesTheTenantWhereOneIsNeeded) {
  config::Config config;
  config.http.listen = "127.0.0.1:4040";
  config.multitenancy = true;
  EXPECT_NE(GreetingText(config, kAll, "1", 4040, 0).find("curl -H 'X-Scope-OrgID: my-tenant' 'http"),
            std::string::npos);
}

TEST(Greeting, OfAWorkerShowsNoUiAndNoPush) {
  config::Config config;
  config.http.listen = "0.0.0.0:4240";
  EXPECT_EQ(GreetingText(config, Roles{.segment_writer = true}, "1", 4240, 0),
            "Brazier 1, roles: segment-writer\n  HTTP        http://127.0.0.1:4240\n");
}

}  // namespace
}  // namespace brazier::app
