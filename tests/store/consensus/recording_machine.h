// A state machine for consensus tests: appends each command under a running number, and answers with that number. Its
// state shows whether every command was applied exactly once and in order. And a store whose writes can be made to fail
// and whose unsynced writes can be lost, as by a power cut.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "store/consensus/consensus.h"
#include "tests/support/copy_store.h"

namespace brazier::consensus {

class RecordingMachine final : public StateMachine {
 public:
  explicit RecordingMachine(kv::KeyValueStore& store) : store_(store) {
    count_ = Commands().size();
  }

  std::string Apply(uint64_t index, std::string_view command, kv::WriteBatch& batch) override {
    std::string key = std::to_string(1'000'000'000 + count_);
    batch.Put(kv::Family::kState, std::move(key), std::string(command));
    CHECK(index > last_index_);  // every command has an index of its own
    last_index_ = index;
    return std::to_string(count_++);
  }
  void Applied(uint64_t index) override { applied_.store(index); }
  Status Restored(uint64_t index) override {
    count_ = Commands().size();
    last_index_ = index;
    applied_.store(index);
    ++restores_;
    return Status::Ok();
  }

  // What the store holds, in the order of application.
  std::vector<std::string> Commands() const {
    std::vector<std::string> found;
    const Status status =
        store_.Scan(kv::Family::kState, "1", "2", [&](std::string_view, std::string_view value) {
          found.emplace_back(value);
          return true;
        });
    CHECK(status.ok());
    return found;
  }
  uint64_t applied() const { return applied_.load(); }
  int restores() const { return restores_; }

 private:
  kv::KeyValueStore& store_;
  uint64_t count_ = 0;
  uint64_t last_index_ = 0;
  int restores_ = 0;
  std::atomic<uint64_t> applied_ = 0;
};

// Forwards to a memory store; remembers the writes since the last synced one.
class FaultyStore final : public kv::KeyValueStore {
 public:
  Result<std::string> Get(kv::Family family, std::string_view key) const override {
    return memory_->Get(family, key);
  }
  Status Scan(kv::Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return memory_->Scan(family, begin, end, visit);
  }
  std::unique_ptr<kv::Reader> Snapshot() const override { return memory_->Snapshot(); }

  Status Write(const kv::WriteBatch& batch, bool sync) override {
    std::unique_lock lock(mu_);
    syncs_ += sync ? 1 : 0;
    blocked_.wait(lock, [&] { return !hold_; });
    const bool swaps = std::any_of(batch.writes().begin(), batch.writes().end(), [](const auto& write) {
      return write.kind == kv::WriteBatch::Write::Kind::kSwapState;
    });
    if (failing_ || (failing_swaps_ && swaps)) {
      return Unavailable("no space left").WithReason("disk_full");
    }
    unsynced_.push_back(batch);
    if (sync) {
      for (const kv::WriteBatch& write : unsynced_) CHECK(durable_->Write(write, true).ok());
      unsynced_.clear();
    }
    return memory_->Write(batch, sync);
  }

  // Loses all but the first `kept` unsynced writes. No consensus is open.
  void CutPower(size_t kept) {
    std::lock_guard lock(mu_);
    for (size_t i = 0; i < kept && i < unsynced_.size(); ++i) {
      CHECK(durable_->Write(unsynced_[i], true).ok());
    }
    unsynced_.clear();
    memory_ = kv::CopyOf(*durable_);
  }

  void SetFailing(bool failing) {
    std::lock_guard lock(mu_);
    failing_ = failing;
  }
  // Writes that install a snapshot.
  void SetFailingSwaps(bool failing) {
    std::lock_guard lock(mu_);
    failing_swaps_ = failing;
  }
  // Writes wait while held.
  void SetHold(bool hold) {
    std::lock_guard lock(mu_);
    hold_ = hold;
    blocked_.notify_all();
  }
  int syncs() const {
    std::lock_guard lock(mu_);
    return syncs_;
  }
  size_t unsynced() const {
    std::lock_guard lock(mu_);
    return unsynced_.size();
  }

 private:
  mutable std::mutex mu_;
  std::condition_variable blocked_;
  std::unique_ptr<kv::KeyValueStore> memory_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<kv::KeyValueStore> durable_ = kv::MakeMemoryKeyValueStore();
  std::vector<kv::WriteBatch> unsynced_;
  bool failing_ = false;
  bool failing_swaps_ = false;
  bool hold_ = false;
  int syncs_ = 0;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path =
        (std::filesystem::temp_directory_path() / "brazier_consensus_XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string Path() const { return path_ + "/store"; }

 private:
  std::string path_;
};

}  // namespace brazier::consensus
