#include "benchmark/load/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "benchmark/load/http_connection.h"

namespace brazier::benchmark {
namespace {

constexpr auto kReadyTimeout = std::chrono::seconds(30);

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "brazier-load: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

uint16_t FreePort() {
  const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(s, reinterpret_cast<const sockaddr*>(&address), size);
  getsockname(s, reinterpret_cast<sockaddr*>(&address), &size);
  close(s);
  return ntohs(address.sin_port);
}

ServerProcess::ServerProcess(const std::string& binary, const std::string& scratch,
                             const std::vector<std::string>& flags)
    : port_(FreePort()) {
  std::filesystem::create_directories(scratch);
  std::string pattern = scratch + "/run-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) GiveUp("cannot make a folder below " + scratch);
  data_dir_ = pattern;

  std::vector<std::string> arguments = {binary,
                                        "--target=all",
                                        "--data-dir=" + data_dir_ + "/data",
                                        "--http.listen=127.0.0.1:" + std::to_string(port_),
                                        "--zeromq.listen=",
                                        "--zeromq.pull-listen=",
                                        "--limits.unlimited",
                                        "--log.level=warn"};
  const bool has_thrift = std::any_of(flags.begin(), flags.end(), [](const auto& flag) { return flag.starts_with("--thrift.listen="); });
  if (!has_thrift) arguments.push_back("--thrift.listen=");
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = open((data_dir_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(log, 1);
    dup2(log, 2);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(binary.c_str(), argv.data());
    _exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kReadyTimeout;
  HttpConnection connection(port_);
  while (connection.Get("/ready").status != 200) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_ || std::chrono::steady_clock::now() > deadline) {
      std::ifstream log(data_dir_ + "/log");
      const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
      GiveUp(binary + " did not become ready\n" + text.substr(text.size() > 2000 ? text.size() - 2000 : 0));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(data_dir_, ignored);
}

double ServerProcess::CpuSeconds() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // After the name in parentheses: state is field 3, utime and stime are fields 14 and 15.
  const char* at = text.c_str() + text.rfind(')') + 1;
  unsigned long user = 0, system = 0;
  std::sscanf(at, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t ServerProcess::StatusBytes(const char* field) const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field)) return std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10) * 1024;
  }
  return 0;
}

uint64_t ServerProcess::RssBytes() const { return StatusBytes("VmRSS:"); }
uint64_t ServerProcess::PeakRssBytes() const { return StatusBytes("VmHWM:"); }

DiskUse ServerProcess::Disk() const {
  DiskUse use;
  std::error_code error;
  const std::string objects = data_dir_ + "/data/objects";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir_ + "/data", error)) {
    if (!entry.is_regular_file(error)) continue;
    const uint64_t size = entry.file_size(error);
    if (error) continue;
    if (entry.path().string().starts_with(objects + "/")) {
      use.object_bytes += size;
      ++use.object_count;
    } else {
      use.other_bytes += size;
    }
  }
  return use;
}

}  // namespace brazier::benchmark
