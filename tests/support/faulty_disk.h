// FaultyDisk: a store whose writes can be held up or refused, whatever store is behind it. Thread-safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "store/kv/key_value_store.h"

namespace brazier::testing {

class FaultyDisk final : public kv::KeyValueStore {
 public:
  explicit FaultyDisk(std::unique_ptr<kv::KeyValueStore> store) : store_(std::move(store)) {}

  Result<std::string> Get(kv::Family family, std::string_view key) const override {
    return store_->Get(family, key);
  }
  Status Scan(kv::Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return store_->Scan(family, begin, end, visit);
  }
  std::unique_ptr<kv::Reader> Snapshot() const override { return store_->Snapshot(); }

  Status Write(const kv::WriteBatch& batch, bool sync) override {
    {
      std::unique_lock lock(mu_);
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !holds_all_ && !(holds_synced_ && sync); });
      --waiting_;
      changed_.notify_all();
      if (is_full_) return Unavailable("no space left on device").WithReason("disk_full");
      ++writing_;
    }
    Status status = store_->Write(batch, sync);
    std::lock_guard lock(mu_);
    --writing_;
    changed_.notify_all();
    return status;
  }

  void HoldSynced(bool hold) { Set(holds_synced_, hold); }
  void SetFull(bool full) { Set(is_full_, full); }
  // Until a write is held up.
  void AwaitHeldWrite() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }
  // Calls `look` while nothing is written.
  void WhileStill(const std::function<void()>& look) {
    Set(holds_all_, true);
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [&] { return writing_ == 0; });
    }
    look();
    Set(holds_all_, false);
  }

 private:
  void Set(bool& flag, bool value) {
    std::lock_guard lock(mu_);
    flag = value;
    changed_.notify_all();
  }

  const std::unique_ptr<kv::KeyValueStore> store_;
  std::mutex mu_;
  std::condition_variable changed_;
  bool holds_synced_ = false;
  bool holds_all_ = false;
  bool is_full_ = false;
  int waiting_ = 0;
  int writing_ = 0;
};

}  // namespace brazier::testing
