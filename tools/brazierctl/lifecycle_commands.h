// `brazierctl compaction`, `delete`, `scrub`, `quarantine`: what an operator does with the life of data.
//
// The commands talk to the metastore through contract::Lifecycle and wait through a function, so that tests need neither sockets nor
// time. Each prints what it did to `out` and how far it is to `progress`. Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/lifecycle.h"

namespace brazier::ctl {

struct LifecycleOptions {
  std::vector<std::string> servers;  // Thrift addresses of members; one that answers is enough
  int64_t timeout_ms = 30'000;       // of one call
  bool json = false;                 // status commands and lists
  std::string tenant;                // force, delete; delete status: empty is all
  std::vector<uint32_t> levels;      // force
  std::vector<std::string> ids;      // retry, delete status, quarantine release
  bool all = false;                  // quarantine release
  // delete: the range is [start, end] of these, the first two as durations before now.
  std::string service;
  std::string selector;
  std::string since, until;  // durations
  std::string from, to;      // times
  bool all_time = false;
  std::string id;            // of the deletion; empty: a new one
  bool yes = false;
  bool wait = false;         // delete, delete status: until it is confirmed; scrub: until it has ended
  int64_t wait_ns = int64_t{24} * 3600 * kNsPerSecond;
  bool repairs = false;      // scrub
  size_t show = 20;          // findings
};

struct LifecycleTools {
  // Asks these addresses in turn; see rpc::LifecycleClient.
  std::function<std::unique_ptr<contract::Lifecycle>(std::vector<std::string> addresses)> connect;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  std::function<void(int64_t ns)> sleep;
  std::ostream* out = nullptr;
  std::ostream* progress = nullptr;
  bool progress_is_terminal = false;
};

Status CompactionStatusCommand(const LifecycleTools& tools, const LifecycleOptions& options);
Status CompactionPause(const LifecycleTools& tools, const LifecycleOptions& options);
Status CompactionResume(const LifecycleTools& tools, const LifecycleOptions& options);
Status CompactionForce(const LifecycleTools& tools, const LifecycleOptions& options);
Status CompactionRetry(const LifecycleTools& tools, const LifecycleOptions& options);

// kFailedPrecondition, reason "needs_yes", without `yes`: says what would be deleted.
Status DeleteCommand(const LifecycleTools& tools, const LifecycleOptions& options);
Status DeleteStatusCommand(const LifecycleTools& tools, const LifecycleOptions& options);

// *all_well: as IsWell() of what it waited for.
Status ScrubCommand(const LifecycleTools& tools, const LifecycleOptions& options, bool* all_well);
Status ScrubStatusCommand(const LifecycleTools& tools, const LifecycleOptions& options, bool* all_well);

Status QuarantineList(const LifecycleTools& tools, const LifecycleOptions& options);
Status QuarantineRelease(const LifecycleTools& tools, const LifecycleOptions& options);

}  // namespace brazier::ctl
