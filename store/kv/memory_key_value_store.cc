// The store in memory: one ordered map per family, keys with their versions.
//
// 1. Each batch gets the next sequence number. A write adds (sequence, value or deletion) to its key's versions.
// 2. A reader at sequence s sees, for each key, the newest version that is not newer than s.
// 3. A write drops the versions of its key that no snapshot can see any more; a key whose only version is a deletion
//    is removed. So without snapshots the maps hold exactly the live keys, and a snapshot costs one number.
// 4. kState and kStaging are two maps whose roles are exchanged; a reader keeps the roles of its moment.
// 5. When the last snapshot is released, the keys that were written meanwhile are trimmed the same way.

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

// What a reader sees: versions up to a sequence, and which of the two state maps is which.
struct Moment {
  uint64_t sequence = 0;
  bool swapped = false;
};

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
      const size_t number = NumberOf(write.family, swapped_);
      Map& map = maps_[number];
      switch (write.kind) {
        case WriteBatch::Write::Kind::kPut:
          AddVersion(number, map.try_emplace(write.key).first, write.value);
          break;
        case WriteBatch::Write::Kind::kDelete: {
          auto it = map.find(write.key);
          if (it != map.end()) AddVersion(number, it, std::nullopt);
          break;
        }
        case WriteBatch::Write::Kind::kDeleteRange: {
          if (write.key >= write.value) break;
          auto it = map.lower_bound(write.key);
          while (it != map.end() && it->first < write.value) {
            it = AddVersion(number, it, std::nullopt);
          }
          break;
        }
        case WriteBatch::Write::Kind::kClearStaging:
          for (auto it = map.begin(); it != map.end();) it = AddVersion(number, it, std::nullopt);
          break;
        case WriteBatch::Write::Kind::kSwapState:
          swapped_ = !swapped_;
          break;
      }
    }
  }

  Result<std::string> GetNow(Family family, std::string_view key) const {
    std::shared_lock lock(mu_);
    return Find(family, key, {UINT64_MAX, swapped_});
  }
  Result<std::string> Get(Family family, std::string_view key, const Moment& moment) const {
    std::shared_lock lock(mu_);
    return Find(family, key, moment);
  }

  // REQUIRES: mu_ held.
  Result<std::string> Find(Family family, std::string_view key, const Moment& moment) const {
    const Map& map = maps_[NumberOf(family, moment.swapped)];
    auto it = map.find(key);
    const std::string* value = it == map.end() ? nullptr : VisibleAt(it->second, moment.sequence);
    if (value == nullptr) return NotFound("no such key");
    return *value;
  }

  // The visitor runs without the lock (it may write to the store): entries are copied out in pages.
  void Scan(Family family, std::string_view begin, std::string_view end, const Moment& moment,
            const std::function<bool(std::string_view, std::string_view)>& visit) const {
    constexpr size_t kPageEntriesMax = 256;
    std::string from(begin);
    bool from_included = true;
    std::vector<std::pair<std::string, std::string>> page;
    do {
      page.clear();
      {
        std::shared_lock lock(mu_);
        const Map& map = maps_[NumberOf(family, moment.swapped)];
        auto it = from_included ? map.lower_bound(from) : map.upper_bound(from);
        for (; it != map.end() && page.size() < kPageEntriesMax; ++it) {
          if (!end.empty() && it->first >= end) break;
          const std::string* value = VisibleAt(it->second, moment.sequence);
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

  Moment Pin() {
    std::unique_lock lock(mu_);
    pinned_.insert(sequence_);
    return {sequence_, swapped_};
  }

  void Unpin(uint64_t sequence) {
    std::unique_lock lock(mu_);
    pinned_.erase(pinned_.find(sequence));
    if (!pinned_.empty()) return;
    for (const auto& [number, key] : versioned_) {
      Map& map = maps_[number];
      auto it = map.find(key);
      if (it != map.end()) Trim(map, it);
    }
    versioned_.clear();
  }

 private:
  static size_t NumberOf(Family family, bool swapped) {
    const size_t number = static_cast<size_t>(family);
    return swapped && number != 0 ? 3 - number : number;
  }

  // Returns the place after `it`. REQUIRES: mu_ held exclusively.
  Map::iterator AddVersion(size_t number, Map::iterator it, std::optional<std::string> value) {
    Versions& versions = it->second;
    if (!versions.empty() && versions.back().sequence == sequence_) {
      versions.back().value = std::move(value);
    } else {
      versions.push_back({sequence_, std::move(value)});
    }
    if (!pinned_.empty()) versioned_.emplace(number, it->first);
    return Trim(maps_[number], it);
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
  Map maps_[3];  // log, and two that are state and staging in turn
  bool swapped_ = false;
  uint64_t sequence_ = 0;
  std::multiset<uint64_t> pinned_;
  std::set<std::pair<size_t, std::string>> versioned_;  // written while a snapshot was held
};

class MemorySnapshot final : public Reader {
 public:
  explicit MemorySnapshot(std::shared_ptr<State> state)
      : state_(std::move(state)), moment_(state_->Pin()) {}
  ~MemorySnapshot() override { state_->Unpin(moment_.sequence); }
  MemorySnapshot(const MemorySnapshot&) = delete;
  MemorySnapshot& operator=(const MemorySnapshot&) = delete;

  Result<std::string> Get(Family family, std::string_view key) const override {
    return state_->Get(family, key, moment_);
  }
  Status Scan(Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    state_->Scan(family, begin, end, moment_, visit);
    return Status::Ok();
  }

 private:
  const std::shared_ptr<State> state_;
  const Moment moment_;
};

// Thread-safe.
class MemoryKeyValueStore final : public KeyValueStore {
 public:
  Result<std::string> Get(Family family, std::string_view key) const override {
    return state_->GetNow(family, key);
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
