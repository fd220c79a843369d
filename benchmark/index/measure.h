// What the measurements of this folder share: times, percentiles, memory and disk of this process. Pure but for the
// process and the files that they look at; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace brazier::benchmark {

double WallSeconds();
double ThreadCpuSeconds();
// 0 for no values; `p` from 0 to 1.
double Percentile(std::vector<double> values, double p);

// Of this process.
uint64_t ResidentBytes();
// Of the files below `folder`, as they take up space.
uint64_t FolderBytes(const std::string& folder);
// Asks the system to drop what it caches of the files below `folder`: the next read comes from the disk.
void DropCached(const std::string& folder);

// Runs `work` in a process of its own, so that its memory is its own, and waits. False when it failed.
bool RunApart(const std::function<void()>& work);

// The least that durability costs: appends to one file of `folder`, each made durable by fdatasync. The file goes with this.
class SyncedAppends {
 public:
  explicit SyncedAppends(const std::string& folder);
  ~SyncedAppends();
  SyncedAppends(const SyncedAppends&) = delete;
  SyncedAppends& operator=(const SyncedAppends&) = delete;
  // Appends so many bytes; wall seconds.
  double Append(size_t bytes);

 private:
  const std::string name_;
  const int file_;
};

}  // namespace brazier::benchmark
