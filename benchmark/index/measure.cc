#include "benchmark/index/measure.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "common/base/check.h"

namespace brazier::benchmark {
namespace {

double SecondsOf(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

double WallSeconds() { return SecondsOf(CLOCK_MONOTONIC); }
double ThreadCpuSeconds() { return SecondsOf(CLOCK_THREAD_CPUTIME_ID); }

double Percentile(std::vector<double> values, double p) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(p * static_cast<double>(values.size())))];
}

uint64_t ResidentBytes() {
  unsigned long size = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  CHECK(file != nullptr);
  CHECK(std::fscanf(file, "%lu %lu", &size, &resident) == 2);
  std::fclose(file);
  return uint64_t{resident} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t FolderBytes(const std::string& folder) {
  uint64_t bytes = 0;
  // Files come and go while a store is open.
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    struct stat found{};
    if (stat(entry.path().c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
      bytes += static_cast<uint64_t>(found.st_blocks) * 512;
    }
  }
  return bytes;
}

void DropCached(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int file = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    fdatasync(file);  // what is not on disk yet cannot be dropped
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
  }
}

bool RunApart(const std::function<void()>& work) {
  std::fflush(stdout);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    work();
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

SyncedAppends::SyncedAppends(const std::string& folder)
    : name_(folder + "/floor.append"),
      file_(open(name_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  CHECK(file_ >= 0);
}

SyncedAppends::~SyncedAppends() {
  close(file_);
  std::filesystem::remove(name_);
}

double SyncedAppends::Append(size_t bytes) {
  const std::string content(bytes, 'x');
  const double begun = WallSeconds();
  CHECK(write(file_, content.data(), bytes) == static_cast<ssize_t>(bytes));
  CHECK(fdatasync(file_) == 0);
  return WallSeconds() - begun;
}

}  // namespace brazier::benchmark
