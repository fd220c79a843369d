// ProgressLine: how far a long command is, such as a walk over a bucket: one line that is written anew on a terminal, a line now and then elsewhere.
// Borrows stream and clock. Thread-compatible.
#pragma once

#include <ostream>
#include <string>

#include "common/base/clock.h"
#include "server/metastore/rebuild/index_rebuild.h"

namespace brazier::ctl {

// "120 of 1000 objects, 1.50MiB of 12.00MiB, 60/s, 15s left".
std::string ProgressText(const metastore::WalkProgress& progress, int64_t elapsed_ns);

class ProgressLine {
 public:
  static constexpr int64_t kTerminalIntervalNs = 200 * kNsPerMs;
  static constexpr int64_t kPlainIntervalNs = 10 * kNsPerSecond;

  ProgressLine(std::ostream& out, bool is_terminal, const Clock& clock);
  // Writes when the last time is long enough ago.
  void Update(const metastore::WalkProgress& progress);
  void Update(const std::string& text);
  // Removes the line from a terminal.
  void Finish();

 private:
  bool IsDue() const;
  void Write(std::string text);

  std::ostream& out_;
  const bool is_terminal_;
  const Clock& clock_;
  const int64_t start_ns_;
  int64_t written_ns_;
  size_t width_ = 0;  // of the line on the terminal
};

}  // namespace brazier::ctl
