// BodyLease: the share of one request in the bytes that all requests together may hold. Taken while a body comes in
// and while it is inflated, given back when the last owner is gone: the Responder of the request is one of them.
// Thread-compatible; the counter behind it is shared by all leases.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace brazier::http {

class BodyLease {
 public:
  BodyLease(std::shared_ptr<std::atomic<size_t>> used, size_t bytes_max)
      : used_(std::move(used)), bytes_max_(bytes_max) {}
  ~BodyLease() { used_->fetch_sub(held_, std::memory_order_relaxed); }
  BodyLease(const BodyLease&) = delete;
  BodyLease& operator=(const BodyLease&) = delete;

  // Takes more. False, and nothing is taken, when all together would pass the bound.
  bool Add(size_t bytes) {
    if (used_->fetch_add(bytes, std::memory_order_relaxed) + bytes > bytes_max_) {
      used_->fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    held_ += bytes;
    return true;
  }
  // Makes it at least `bytes`.
  bool GrowTo(size_t bytes) { return bytes <= held_ || Add(bytes - held_); }
  // What could be added at this moment.
  size_t Available() const {
    const size_t used = used_->load(std::memory_order_relaxed);
    return used >= bytes_max_ ? 0 : bytes_max_ - used;
  }
  // True when other requests hold a part of the bound now.
  bool IsShared() const { return used_->load(std::memory_order_relaxed) > held_; }

 private:
  const std::shared_ptr<std::atomic<size_t>> used_;  // shared: a Responder may outlive the server
  const size_t bytes_max_;
  size_t held_ = 0;
};

}  // namespace brazier::http
