// Findings: what is wrong with which object. Counts all and keeps the first ones, so that memory is bounded whatever a
// bucket holds. Value; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brazier::metastore {

struct Finding {
  std::string object_key;
  std::string reason;
};

class Findings {
 public:
  static constexpr size_t kKeptMax = 10'000;

  void Add(std::string object_key, std::string reason) {
    ++count_;
    if (kept_.size() < kKeptMax) kept_.push_back({std::move(object_key), std::move(reason)});
  }
  uint64_t count() const { return count_; }
  // The first kKeptMax, in the order in which they were found.
  const std::vector<Finding>& kept() const { return kept_; }

 private:
  uint64_t count_ = 0;
  std::vector<Finding> kept_;
};

}  // namespace brazier::metastore
