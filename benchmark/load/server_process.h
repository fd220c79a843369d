// ServerProcess: a brazier monolith started for one measurement, with a data folder of its own, and what the kernel says
// about it. The destructor kills the process (by its pid, nothing else) and removes the folder. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace brazier::benchmark {

struct DiskUse {
  uint64_t object_bytes = 0;
  uint64_t object_count = 0;
  uint64_t other_bytes = 0;  // index, logs
};

// That nobody listens on now, on loopback.
uint16_t FreePort();

class ServerProcess {
 public:
  // Starts `binary` on free loopback ports with data below `scratch`; waits until /ready says so. Exits the program with
  // a message when that does not happen: without a server there is nothing to measure.
  ServerProcess(const std::string& binary, const std::string& scratch, const std::vector<std::string>& flags);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  uint16_t port() const { return port_; }
  double CpuSeconds() const;     // user and system, all threads, since the start
  uint64_t RssBytes() const;     // now
  uint64_t PeakRssBytes() const;  // since the start
  DiskUse Disk() const;

 private:
  uint64_t StatusBytes(const char* field) const;

  std::string data_dir_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace brazier::benchmark
