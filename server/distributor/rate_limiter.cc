#include "server/distributor/rate_limiter.h"

#include <algorithm>

namespace brazier::distributor {

bool RateLimiter::Admit(const std::string& tenant, double bytes, int64_t monotonic_ns) {
  if (buckets_.size() >= kTenantsMax) DropFull(monotonic_ns);
  auto [it, is_new] = buckets_.try_emplace(tenant, Bucket{burst_, monotonic_ns});
  Bucket& bucket = it->second;
  const double elapsed_s = static_cast<double>(monotonic_ns - bucket.updated_ns) / 1e9;
  bucket.tokens = std::min(burst_, bucket.tokens + std::max(0.0, elapsed_s) * rate_);
  bucket.updated_ns = monotonic_ns;
  if (bucket.tokens < bytes) return false;
  bucket.tokens -= bytes;
  return true;
}

void RateLimiter::DropFull(int64_t monotonic_ns) {
  std::erase_if(buckets_, [&](const auto& entry) {
    const double elapsed_s = static_cast<double>(monotonic_ns - entry.second.updated_ns) / 1e9;
    return entry.second.tokens + elapsed_s * rate_ >= burst_;
  });
}

}  // namespace brazier::distributor
