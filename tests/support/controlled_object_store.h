// ControlledObjectStore: an ObjectStore whose puts the test can fail or hold, and whose reads and deletes it can fail. Thread-safe.
#pragma once

#include <condition_variable>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "store/object/object_store.h"

namespace brazier::testing {

class ControlledObjectStore final : public object::ObjectStore {
 public:
  explicit ControlledObjectStore(object::ObjectStore& below) : below_(below) {}

  // Puts of keys that contain `part` wait for Release(); an empty part means none.
  void HoldPuts(std::string part) {
    std::lock_guard lock(mu_);
    hold_ = std::move(part);
  }
  void Release() {
    std::lock_guard lock(mu_);
    hold_.clear();
    changed_.notify_all();
  }
  void FailPuts(Status status) {
    std::lock_guard lock(mu_);
    failure_ = std::move(status);
  }
  // Deletes of keys that contain `part`; OK: they work again.
  void FailDeletes(std::string part, Status status) {
    std::lock_guard lock(mu_);
    delete_part_ = std::move(part);
    delete_failure_ = std::move(status);
  }
  void FailReads(Status status) {
    std::lock_guard lock(mu_);
    read_failure_ = std::move(status);
  }
  // REQUIRES: nobody lists meanwhile
  void BeforeLists(std::function<void()> hook) { before_lists_ = std::move(hook); }
  // Deletes that were asked for, refused ones included.
  int deletes() {
    std::lock_guard lock(mu_);
    return deletes_;
  }
  // Waits until `count` puts are held; false after ten seconds.
  bool AwaitHeld(int count) {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return held_ >= count; });
  }

  Status Put(std::string_view key, const std::vector<Bytes>& parts) override {
    {
      std::unique_lock lock(mu_);
      const auto is_held = [&] { return !hold_.empty() && key.find(hold_) != std::string_view::npos; };
      if (is_held()) {
        ++held_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return !is_held(); });
        --held_;
      }
      if (!failure_.ok()) return failure_;
    }
    return below_.Put(key, parts);
  }
  Result<std::string> Get(std::string_view key) override {
    RETURN_IF_ERROR(ReadFailure());
    return below_.Get(key);
  }
  Result<std::vector<std::string>> GetRanges(std::string_view key,
                                             const std::vector<object::ByteRange>& ranges) override {
    RETURN_IF_ERROR(ReadFailure());
    return below_.GetRanges(key, ranges);
  }
  Result<object::ObjectInfo> Head(std::string_view key) override {
    RETURN_IF_ERROR(ReadFailure());
    return below_.Head(key);
  }
  Result<std::vector<object::ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                               size_t limit) override {
    if (before_lists_) before_lists_();
    RETURN_IF_ERROR(ReadFailure());
    return below_.List(prefix, start_after, limit);
  }
  Status Delete(std::string_view key) override {
    {
      std::lock_guard lock(mu_);
      ++deletes_;
      if (!delete_failure_.ok() && key.find(delete_part_) != std::string_view::npos) return delete_failure_;
    }
    return below_.Delete(key);
  }

 private:
  Status ReadFailure() {
    std::lock_guard lock(mu_);
    return read_failure_;
  }

  object::ObjectStore& below_;
  std::function<void()> before_lists_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::string hold_;  // guarded by mu_
  Status failure_;    // guarded by mu_
  int held_ = 0;      // guarded by mu_
  std::string delete_part_;  // guarded by mu_
  Status delete_failure_;    // guarded by mu_
  Status read_failure_;      // guarded by mu_
  int deletes_ = 0;          // guarded by mu_
};

}  // namespace brazier::testing
