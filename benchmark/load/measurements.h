// The measurements, one function each. Each starts a server of its own, prints its figures on stdout, and adds what has a
// goal to the report. docs/benchmark.md says what they mean. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brazier::benchmark {

struct Options {
  std::string brazier;             // path of the binary
  std::string scratch = "build/bench";
  std::vector<std::string> server_flags;  // added to every server's command line
  unsigned connections = 16;
  size_t profiles = 3000;          // per full-speed run
  double table_seconds = 5;        // per row of the linger table
  double compaction_seconds = 60;  // of steady load, per number of services
};

struct Goal {
  std::string name;
  double value = 0;
  double limit = 0;  // met when value <= limit
  std::string unit;
};

struct Report {
  std::vector<Goal> goals;
};

// Server CPU per profile at full speed against the floor, bytes on disk, peak memory; 20 services.
void MeasureIngest(const Options& options, Report* report);
// Bytes on disk at full speed with 1,000 services.
void MeasureManyServices(const Options& options, Report* report);
// Acknowledgement of single profiles on an idle server, and idle memory.
void MeasureAcknowledgement(const Options& options, Report* report);
// Bytes, objects per second and latency over segment.linger, at 30 and at 300 profiles/s.
void MeasureLinger(const Options& options, Report* report);
// Flame graphs over 240 small objects with 6,000 profiles.
void MeasureQueries(const Options& options, Report* report);

// Queries of every kind over compacted data of 20 and of 1,000 services, memory, and a tenant's short queries beside another's
// long ones.
void MeasureReads(const Options& options, Report* report);

// Time to the first compaction, CPU, bytes and objects over all levels, with 20, 100 and 1,000 services.
void MeasureCompaction(const Options& options, Report* report);

}  // namespace brazier::benchmark
