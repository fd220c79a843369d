// What the kernel says of this process. Linux only: /proc; a value that cannot be read is 0.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "common/observe/metrics.h"

namespace brazier {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double CpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double EntriesOf(const char* directory) {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

double OpenFiles() {
  const double entries = EntriesOf("/proc/self/fd");
  return entries > 0 ? entries - 1 : 0;  // one of them is the listing itself
}

double OpenFilesMax() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

// Start of the process in seconds since the epoch: boot time plus field 22 of /proc/self/stat. The fields are
// counted after the last ')' because the program's name, field 2, may hold anything.
double StartTimeSeconds() {
  std::ifstream stat_file("/proc/self/stat");
  std::string stat((std::istreambuf_iterator<char>(stat_file)), {});
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  size_t position = name_end + 2;
  for (int field = 3; field < 22; ++field) {
    position = stat.find(' ', position);
    if (position == std::string::npos) return 0;
    ++position;
  }
  const double ticks = std::strtod(stat.c_str() + position, nullptr);
  std::ifstream boot("/proc/stat");
  std::string word;
  while (boot >> word) {
    if (word != "btime") continue;
    double boot_seconds = 0;
    boot >> boot_seconds;
    return boot_seconds + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return 0;
}

}  // namespace

void AddProcessMetrics(MetricsRegistry& registry) {
  registry.AddGaugeCallback("process_resident_memory_bytes", "Resident memory of the process.",
                            ResidentBytes);
  registry.AddCounterCallback("process_cpu_seconds_total",
                              "User and system CPU time of the process.", CpuSeconds);
  registry.AddGaugeCallback("process_open_fds", "Open file descriptors.", OpenFiles);
  registry.AddGaugeCallback("process_max_fds", "Limit of open file descriptors.", OpenFilesMax);
  registry.AddGaugeCallback("process_threads", "Threads of the process.",
                            [] { return EntriesOf("/proc/self/task"); });
  registry.AddGaugeCallback("process_start_time_seconds",
                            "Start of the process, seconds since the epoch.",
                            [start = StartTimeSeconds()] { return start; });
}

}  // namespace brazier
