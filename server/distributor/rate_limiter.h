// RateLimiter: a token bucket per tenant, in bytes. Pure: time is a parameter. Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace brazier::distributor {

class RateLimiter {
 public:
  RateLimiter(double bytes_per_second, double burst_bytes)
      : rate_(bytes_per_second), burst_(burst_bytes) {}

  // Takes `bytes` from the tenant's bucket; false, and nothing taken, when they are not there.
  bool Admit(const std::string& tenant, double bytes, int64_t monotonic_ns);

  // Full buckets say nothing; they are dropped when there are more than this many.
  static constexpr size_t kTenantsMax = 100'000;

 private:
  struct Bucket {
    double tokens;
    int64_t updated_ns;
  };
  void DropFull(int64_t monotonic_ns);

  double rate_;
  double burst_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace brazier::distributor
