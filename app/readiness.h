// Readiness: whether this process would do its work now: the AND of its roles, and not draining. What /ready, the Thrift
// services and brazierctl answer from. Filled before any door opens; then Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace brazier::app {

class Readiness {
 public:
  struct Part {
    std::string name;
    Status status;
  };

  // `check` is asked at each call below, must be thread-safe and must not block for long.
  void Add(std::string name, std::function<Status()> check);
  void SetDraining() { draining_ = true; }

  // OK, or kUnavailable with the name and message of the first part that is not ready.
  Status Check() const;
  // Every part, in the order they were added.
  std::vector<Part> Parts() const;
  // The same as functions, for doors that ask later.
  using Named = std::pair<std::string, std::function<Status()>>;
  const std::vector<Named>& checks() const { return checks_; }

 private:
  std::vector<Named> checks_;
  std::atomic<bool> draining_{false};
};

}  // namespace brazier::app
