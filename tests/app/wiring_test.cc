// The whole process, in this one: every role behind real doors on loopback.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/wiring.h"
#include "common/config/load.h"

namespace brazier::app {
namespace {

constexpr char kCpuType[] = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

// One HTTP exchange; empty when there was no answer within 10 s.
std::string Exchange(uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const timeval limit{.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size())) {
    char buffer[16384];
    for (ssize_t size; (size = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(size));
    }
  }
  close(fd);
  return answer;
}

std::string Get(uint16_t port, const std::string& path) {
  return Exchange(port, "GET " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
}

std::string Post(uint16_t port, const std::string& path, const std::string& type,
                 const std::string& body) {
  return Exchange(port, "POST " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" +
                            "Content-Type: " + type + "\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
}

std::string FlameGraph(uint16_t port) {
  return Post(port, "/querier.v1.QuerierService/SelectMergeStacktraces", "application/json",
              std::string("{\"profileTypeID\":\"") + kCpuType +
                  "\",\"labelSelector\":\"{}\",\"start\":\"1\",\"end\":\"4000000000000\"}");
}

bool StatusIs(const std::string& answer, const std::string& status) {
  return answer.starts_with("HTTP/1.1 " + status + " ");
}

class WiringTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/brazier_wiring_" + std::to_string(getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  config::Config Config(std::vector<std::string> flags = {}) const {
    const std::vector<std::string> base = {
        "--data-dir=" + folder_,         "--http.listen=127.0.0.1:0",
        "--thrift.listen=127.0.0.1:0",   "--zeromq.listen=tcp://127.0.0.1:0",
        "--zeromq.pull-listen=",         "--segment.linger=0",
        "--limits.max-query-length=0",   "--limits.max-query-lookback=0",
        "--retention.age=0",             "--retention.free-disk-bytes-min=0",
        "--pipeline.listen=tcp://127.0.0.1:0"};
    flags.insert(flags.begin(), base.begin(), base.end());
    const auto command_line = config::ParseCommandLine(flags);
    const auto loaded = config::LoadConfig(*command_line, {}, config::ReadConfigFile);
    EXPECT_TRUE(loaded.ok()) << loaded.status().ToString();
    return loaded->config;
  }

  static std::unique_ptr<Process> StartOrFail(const config::Config& config) {
    auto process = Process::Start(config);
    EXPECT_TRUE(process.ok()) << process.status().ToString();
    return process.ok() ? std::move(*process) : nullptr;
  }

  // From the greeting, as a user would learn it.
  static uint16_t HttpPort(const Process& process) {
    const std::string text = process.Greeting();
    const size_t at = text.find("http://127.0.0.1:");
    return at == std::string::npos ? 0 : static_cast<uint16_t>(std::stoi(text.substr(at + 17)));
  }

  static bool BecomesReady(uint16_t port) {
    for (int i = 0; i < 500; ++i) {
      if (StatusIs(Get(port, "/ready"), "200")) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  std::string folder_;
};

TEST_F(WiringTest, WhatIsPushedIsFoundAtOnceAndAfterANewStart) {
  for (int round = 1; round <= 2; ++round) {
    const auto process = StartOrFail(Config());
    ASSERT_NE(process, nullptr);
    const uint16_t port = HttpPort(*process);
    ASSERT_TRUE(BecomesReady(port));
    if (round == 1) {
      const std::string pushed = Post(port, "/ingest?name=hello.cpu&format=folded",
                                      "application/x-www-form-urlencoded", "main;work;loop 42");
      EXPECT_TRUE(StatusIs(pushed, "200")) << pushed;
    }
    const std::string found = FlameGraph(port);
    EXPECT_NE(found.find("\"total\":\"420000000\""), std::string::npos) << "round " << round << found;
    process->Stop();
    EXPECT_EQ(Get(port, "/ready"), "");  // the door is closed
  }
}

TEST_F(WiringTest, QueryLimitsOfATenantFollowTheOverridesFile) {
  const std::string path = testing::TempDir() + "/brazier_overrides_" + std::to_string(getpid()) + ".yaml";
  std::ofstream(path) << "tenants: { anonymous: { limits.max-query-bytes: 1 } }";
  const auto process = StartOrFail(Config({"--overrides.path=" + path}));
  ASSERT_NE(process, nullptr);
  const uint16_t port = HttpPort(*process);
  ASSERT_TRUE(BecomesReady(port));
  Post(port, "/ingest?name=hello.cpu&format=folded", "application/x-www-form-urlencoded", "main;work;loop 42");
  const std::string refused = FlameGraph(port);
  EXPECT_TRUE(StatusIs(refused, "429")) << refused;
  EXPECT_NE(refused.find("\"code\":\"resource_exhausted\""), std::string::npos) << refused;
  EXPECT_NE(refused.find("(max_query_bytes, actual: "), std::string::npos) << refused;
  EXPECT_NE(refused.find(", limit: 1 bytes)"), std::string::npos) << refused;
  std::ofstream(path) << "tenants: {}";
  std::string found;
  for (int i = 0; i < 500 && !StatusIs(found, "200"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    found = FlameGraph(port);
  }
  EXPECT_NE(found.find("\"total\":\"420000000\""), std::string::npos) << found;
  std::filesystem::remove(path);
}

TEST_F(WiringTest, EveryMetricIsInTheOperationsDocument) {
  const auto process = StartOrFail(Config());
  ASSERT_NE(process, nullptr);
  const std::string page = Get(HttpPort(*process), "/metrics");
  ASSERT_NE(page.find("# HELP process_start_time_seconds"), std::string::npos);
  std::stringstream document;
  document << std::ifstream(std::string(BRAZIER_SOURCE_DIR) + "/docs/operations.md").rdbuf();
  const std::string text = document.str();
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# HELP ")) continue;
    const std::string name = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_NE(text.find("`" + name + "`"), std::string::npos) << name;
  }
}

TEST_F(WiringTest, ASecondProcessOnTheSameFolderIsRefused) {
  const auto process = StartOrFail(Config());
  ASSERT_NE(process, nullptr);
  const auto second = Process::Start(Config());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("data-dir"), std::string::npos);
}

TEST_F(WiringTest, AFailedStartNamesTheSettingAndLeavesNothingBehind) {
  const auto process = StartOrFail(Config());
  ASSERT_NE(process, nullptr);
  const std::string taken = "127.0.0.1:" + std::to_string(HttpPort(*process));
  const std::string other = "--data-dir=" + folder_ + "/other";
  for (const std::string key : {"http.listen", "thrift.listen"}) {
    const auto failed = Process::Start(Config({other, "--" + key + "=" + taken}));
    ASSERT_FALSE(failed.ok()) << key;
    EXPECT_NE(failed.status().message().find(key), std::string::npos) << failed.status().message();
    EXPECT_NE(failed.status().message().find(taken), std::string::npos);
  }
  const auto failed = Process::Start(Config({other, "--zeromq.listen=tcp://" + taken}));
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.status().message().find("zeromq.listen"), std::string::npos);
  // The folder's lock and every port are free again.
  EXPECT_NE(StartOrFail(Config({other})), nullptr);
}

TEST_F(WiringTest, AWorkerAloneSaysWhyItIsNotReadyAndStopsAllTheSame) {
  // Port 1 of loopback: nobody answers there.
  const auto process = StartOrFail(
      Config({"--target=segment-writer", "--metastore.address=127.0.0.1:1", "--thrift.listen="}));
  ASSERT_NE(process, nullptr);
  const std::string answer = Get(HttpPort(*process), "/ready");
  EXPECT_TRUE(StatusIs(answer, "503")) << answer;
  EXPECT_NE(answer.find("metastore"), std::string::npos) << answer;
  // A role that is not played has no routes.
  EXPECT_TRUE(StatusIs(Post(HttpPort(*process), "/ingest?name=a.cpu", "text/plain", "a 1"), "404"));
  process->Stop();
}

}  // namespace
}  // namespace brazier::app
