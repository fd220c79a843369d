// The store in memory: one ordered map per family, keys with their versions.
//
// 1. Each batch gets the next sequence number. A write adds (sequence, value or deletion) to its key's versions.
// 2. A reader at sequence s sees, for each key, the newest version that is not newer than s.
// 3. A write drops the versions of its key that no snapshot can see any more; a key whose only version is a deletion
//    is removed. So without snapshots the maps hold exactly the live keys, and a snapshot costs one number.
// 4. When the last snapshot is released, the keys that were written meanwhile are trimmed the same way.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <utility>

#include "store/kv/key_value_store.h"

namespace brazier::kv {
namespace {

struct Version {
  uint64_t sequence;
  std::optional<std::string> value;  // nullopt: deleted
};

using Versions = std::vector<Version>;  // ascending by sequence, never empty
using Map = std::map<std::string, Versions, std::less<>>;

const std::string* VisibleAt(const Versions& versions, uint64_t sequence) {
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (it->sequence <= sequence) return it->value ? &*it->value : nullptr;
  }
  return nullptr;
}

// The maps and their lock, shared by the store and its snapshots so that a snapshot may outlive the store.
class State {
 public:
  void Apply(const WriteBatch& batch) {
    std::unique_lock lock(mu_);
    ++sequence_;
    for (const WriteBatch::Write& write : batch.writes()) {
      Map& map = MapOf(write.family);
      switch (write.kind) {
        case WriteBatch::Write::Kind::kPut:
          AddVersion(write.family, map.try_emplace(write.key).first, write.value);
          break;
        case WriteBatch::Write::Kind::kDelete: {
          auto it = map.find(write.key);
          if (it != map.end()) AddVersion(write.family, it, std::nullopt);
          break;
        }
        case WriteBatch::Write::Kind::kDeleteRange: {
          if (write.key >= write.value) break;
          auto it = map.lower_bound(write.key);
          while (it != map.end() && it->first < write.value) {
            it = AddVersion(write.family, it, std::nullopt);
          }
          break;
        }
      }
    }
  }

  Result<std::string> Get(Family family, std::string_view key, uint64_t sequence) const {
    std::shared_lock lock(mu_);
    const Map& map = MapOf(family);
    auto it = map.find(key);
    const std::string* value = it == map.end() ? nullptr : VisibleAt(it->second, sequence);
    if (value == nullptr) return NotFound("no such key");
    return *value;
  }

  // The visitor runs without the lock (it may write to the store): entries are copied out in pages.
  void Scan(Family family, std::string_view begin, std::string_view end, uint64_t sequence,
            const std::function<bool(std::string_view, std::string_view)>& visit) const {
    constexpr size_t kPageEntriesMax = 256;
    std::string from(begin);
    bool from_included = true;
    std::vector<std::pair<std::string, std::string>> page;
    do {
      page.clear();
      {
        std::shared_lock lock(mu_);
        const Map& map = MapOf(family);
        auto it = from_included ? map.lower_bound(from) : map.upper_bound(from);
        for (; it != map.end() && page.size() < kPageEntriesMax; ++it) {
          if (!end.empty() && it->first >= end) break;
          const std::string* value = VisibleAt(it->second, sequence);
          if (value != nullptr) page.emplace_back(it->first, *value);
        }
      }
      for (const auto& [key, value] : page) {
        if (!visit(key, value)) return;
      }
      if (!page.empty()) from = page.back().first;
      from_included = false;
    } while (page.size() == kPageEntriesMax);
  }

  uint64_t Pin() {
    std::unique_lock lock(mu_);
    pinned_.insert(sequence_);
    return sequence_;
  }

  void Unpin(uint64_t sequence) {
    std::unique_lock lock(mu_);
    pinned_.erase(pinned_.find(sequence));
    if (!pinned_.empty()) return;
    for (const auto& [family, key] : versioned_) {
      Map& map = MapOf(family);
      auto it = map.find(key);
      if (it != map.end()) Trim(map, it);
    }
    versioned_.clear();
  }

 private:
  Map& MapOf(Family family) { return maps_[static_cast<size_t>(family)]; }
  const Map& MapOf(Family family) const { return maps_[static_cast<size_t>(family)]; }

  // Returns the place after `it`. REQUIRES: mu_ held exclusively.
  Map::iterator AddVersion(Family family, Map::iterator it, std::optional<std::string> value) {
    Versions& versions = it->second;
    if (!versions.empty() && versions.back().sequence == sequence_) {
      versions.back().value = std::move(value);
    } else {
      versions.push_back({sequence_, std::move(value)});
    }
    if (!pinned_.empty()) versioned_.emplace(family, it->first);
    return Trim(MapOf(family), it);
  }

  // Keeps the newest version, and for each pinned sequence the version it sees. REQUIRES: mu_ held exclusively.
  Map::iterator Trim(Map& map, Map::iterator it) {
    Versions& versions = it->second;
    Versions kept;
    for (size_t i = 0; i < versions.size(); ++i) {
      const bool newest = i + 1 == versions.size();
      bool seen = newest;
      if (!newest) {
        auto pin = pinned_.lower_bound(versions[i].sequence);
        seen = pin != pinned_.end() && *pin < versions[i + 1].sequence;
      }
      // A deletion with nothing before it is the same as absence.
      if (seen && (versions[i].value || !kept.empty())) kept.push_back(std::move(versions[i]));
    }
    if (kept.empty()) return map.erase(it);
    versions = std::move(kept);
    return std::next(it);
  }

  mutable std::shared_mutex mu_;  // guards everything below
  Map maps_[2];
  uint64_t sequence_ = 0;
  std::multiset<uint64_t> pinned_;
  std::set<std::pair<Family, std::string>> versioned_;  // written while a snapshot was held
};

class MemorySnapshot final : public Reader {
 public:
  explicit MemorySnapshot(std::shared_ptr<State> state)
      : state_(std::move(state)), sequence_(state_->Pin()) {}
  ~MemorySnapshot() override { state_->Unpin(sequence_); }
  MemorySnapshot(const MemorySnapshot&) = delete;
  MemorySnapshot& operator=(const MemorySnapshot&) = delete;

  Result<std::string> Get(Family family, std::string_view key) const override {
    return state_->Get(family, key, sequence_);
  }
  Status Scan(Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    state_->Scan(family, begin, end, sequence_, visit);
    return Status::Ok();
  }

 private:
  const std::shared_ptr<State> state_;
  const uint64_t sequence_;
};

// Thread-safe.
class MemoryKeyValueStore final : public KeyValueStore {
 public:
  Result<std::string> Get(Family family, std::string_view key) const override {
    return state_->Get(family, key, UINT64_MAX);
  }
  // Scans what one moment holds, as the other implementation does.
  Status Scan(Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return MemorySnapshot(state_).Scan(family, begin, end, visit);
  }
  Status Write(const WriteBatch& batch, bool sync) override {
    if (!batch.empty()) state_->Apply(batch);
    return Status::Ok();
  }
  std::unique_ptr<Reader> Snapshot() const override {
    return std::make_unique<MemorySnapshot>(state_);
  }

 private:
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace

std::unique_ptr<KeyValueStore> MakeMemoryKeyValueStore() {
  return std::make_unique<MemoryKeyValueStore>();
}

}  // namespace brazier::kv
