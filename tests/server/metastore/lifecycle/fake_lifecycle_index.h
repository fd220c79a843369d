// A LifecycleIndex in maps, with the rules of the real one as far as these tests need them. The test decides who leads and what fails.
// Views are copies. Thread-compatible.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "server/metastore/lifecycle/lifecycle_index.h"

namespace brazier::metastore::testing {

class FakeLifecycleIndex final : public LifecycleIndex {
 public:
  explicit FakeLifecycleIndex(const Clock& clock) : clock_(clock) {}

  struct State {
    std::map<Ulid, BlockMeta> blocks;
    std::map<std::pair<int64_t, Ulid>, index::Tombstone> tombstones;
    std::map<Ulid, index::QuarantinedBlock> quarantined;
    std::vector<index::Job> jobs;
    std::vector<index::Deletion> deletions;
    std::optional<index::Tombstone> TombstoneOfId(const Ulid& id) const {
      for (const auto& [key, tombstone] : tombstones) {
        if (tombstone.id == id) return tombstone;
      }
      return std::nullopt;
    }
  };

  // As AddBlocks: one with a tombstone does not come back.
  bool Add(const BlockMeta& block) {
    if (state.TombstoneOfId(block.id).has_value()) return false;
    return state.blocks.emplace(block.id, block).second;
  }
  void Remove(const Ulid& id) {
    const index::Tombstone tombstone = index::TombstoneOf(state.blocks.at(id), clock_.NowNs());
    state.tombstones.emplace(std::pair(tombstone.removed_ns, id), tombstone);
    state.quarantined.erase(id);
    state.blocks.erase(id);
  }

  bool Leads() const override { return leads; }
  Status NotLeader() const override { return Unavailable("another one leads").WithReason("not_leader"); }
  Result<std::unique_ptr<IndexView>> View(int64_t) override;

  Status RemoveBlocks(const std::vector<Ulid>& ids, int64_t) override {
    commands.push_back("remove " + std::to_string(ids.size()));
    if (before_change) before_change();
    RETURN_IF_ERROR(failure);
    for (const Ulid& id : ids) {
      if (!state.blocks.contains(id)) return NotFound("block " + id.ToString());
    }
    for (const Ulid& id : ids) Remove(id);
    return Status::Ok();
  }
  Result<uint64_t> PurgeTombstones(const std::vector<Ulid>& ids, int64_t) override {
    commands.push_back("purge " + std::to_string(ids.size()));
    RETURN_IF_ERROR(failure);
    const std::set<Ulid> wanted(ids.begin(), ids.end());
    return uint64_t{std::erase_if(state.tombstones, [&](const auto& entry) { return wanted.contains(entry.second.id); })};
  }
  Result<uint64_t> CondemnObjects(const std::vector<index::CondemnedObject>& objects, int64_t) override {
    if (before_change) before_change();
    RETURN_IF_ERROR(failure);
    uint64_t count = 0;
    for (const index::CondemnedObject& object : objects) {
      if (state.blocks.contains(object.id) || state.TombstoneOfId(object.id).has_value()) continue;
      index::Tombstone tombstone;
      tombstone.id = object.id;
      tombstone.removed_ns = clock_.NowNs();
      tombstone.shard = object.shard;
      tombstone.level = object.level;
      tombstone.tenant = object.tenant;
      tombstone.size = object.size;
      state.tombstones.emplace(std::pair(tombstone.removed_ns, object.id), tombstone);
      ++count;
    }
    return count;
  }
  Result<uint64_t> QuarantineBlocks(const std::vector<index::BadInput>& blocks, int64_t) override {
    RETURN_IF_ERROR(failure);
    uint64_t count = 0;
    for (const index::BadInput& block : blocks) {
      if (!state.blocks.contains(block.id)) continue;
      count += state.quarantined.emplace(block.id, index::QuarantinedBlock{block.id, clock_.NowNs(), block.reason}).second;
    }
    return count;
  }
  Result<uint64_t> ReleaseBlocks(const std::vector<Ulid>& ids, int64_t) override {
    RETURN_IF_ERROR(failure);
    uint64_t count = 0;
    for (const Ulid& id : ids) count += state.quarantined.erase(id);
    return count;
  }
  Result<uint64_t> DeleteData(const Ulid& id, const DataFilter& filter, int64_t) override {
    RETURN_IF_ERROR(failure);
    state.deletions.insert(state.deletions.begin(), index::Deletion{.id = id, .filter = filter, .created_ns = clock_.NowNs(), .blocks = 7});
    return uint64_t{7};
  }
  Result<uint64_t> ForgetDeletions(const std::vector<Ulid>& ids, int64_t) override {
    commands.push_back("forget " + std::to_string(ids.size()));
    return uint64_t{std::erase_if(state.deletions, [&](const index::Deletion& deletion) {
      return std::find(ids.begin(), ids.end(), deletion.id) != ids.end();
    })};
  }

  State state;
  bool leads = true;
  Status failure;  // of every change
  Status view_failure;
  std::function<void()> before_change;
  std::function<void()> before_view;
  std::vector<std::string> commands;
  int views = 0;

 private:
  const Clock& clock_;
};

class FakeView final : public IndexView {
 public:
  explicit FakeView(const FakeLifecycleIndex::State& state) : state_(state) {}

  Result<std::vector<std::pair<std::string, index::TenantSummary>>> ListTenants(std::string_view after,
                                                                               size_t limit) const override {
    std::map<std::string, index::TenantSummary> tenants;
    for (const auto& [id, block] : state_.blocks) {
      std::set<std::string> names;
      for (const DatasetMeta& dataset : block.datasets) names.insert(dataset.tenant);
      for (const std::string& name : names) {
        ++tenants[name].blocks;
        tenants[name].bytes += block.size / names.size();
      }
    }
    std::vector<std::pair<std::string, index::TenantSummary>> out;
    for (auto it = tenants.upper_bound(std::string(after)); it != tenants.end() && out.size() < limit; ++it) out.push_back(*it);
    return out;
  }
  Result<std::vector<index::ExpiringBlock>> ListExpiring(std::string_view tenant, int64_t before_ns,
                                                         size_t limit) const override {
    std::vector<index::ExpiringBlock> out;
    for (const auto& [id, block] : state_.blocks) {
      const std::string own = block.level == 0 ? "" : block.datasets.front().tenant;
      if (own == tenant && block.max_time_ns < before_ns) out.push_back({id, block.max_time_ns, block.size});
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
      return std::pair(a.max_time_ns, a.id) < std::pair(b.max_time_ns, b.id);
    });
    if (out.size() > limit) out.resize(limit);
    return out;
  }
  Result<std::vector<Ulid>> ListBlockIds(const std::optional<Ulid>& after, size_t limit) const override {
    std::vector<Ulid> out;
    for (auto it = after.has_value() ? state_.blocks.upper_bound(*after) : state_.blocks.begin();
         it != state_.blocks.end() && out.size() < limit; ++it) {
      out.push_back(it->first);
    }
    return out;
  }
  Result<BlockMeta> ReadBlock(const Ulid& id) const override {
    const auto it = state_.blocks.find(id);
    if (it == state_.blocks.end()) return NotFound("block " + id.ToString());
    BlockMeta block = it->second;
    for (DatasetMeta& dataset : block.datasets) dataset.identities.clear();
    if (const auto quarantined = state_.quarantined.find(id); quarantined != state_.quarantined.end()) {
      block.quarantine = quarantined->second.reason;
    }
    return block;
  }
  Result<bool> HasBlock(const Ulid& id) const override { return state_.blocks.contains(id); }
  Result<std::vector<index::Tombstone>> ListTombstones(int64_t before_ns, const std::optional<index::TombstoneCursor>& after,
                                                       size_t limit) const override {
    std::vector<index::Tombstone> out;
    auto it = after.has_value() ? state_.tombstones.upper_bound({after->removed_ns, after->id}) : state_.tombstones.begin();
    for (; it != state_.tombstones.end() && it->first.first < before_ns && out.size() < limit; ++it) out.push_back(it->second);
    return out;
  }
  Result<std::optional<index::Tombstone>> ReadTombstone(const Ulid& id) const override { return state_.TombstoneOfId(id); }
  Result<std::vector<index::Job>> ListJobs() const override { return state_.jobs; }
  Result<std::vector<index::QuarantinedBlock>> ListQuarantined(const std::optional<Ulid>& after,
                                                               size_t limit) const override {
    std::vector<index::QuarantinedBlock> out;
    for (const auto& [id, block] : state_.quarantined) {
      if ((!after.has_value() || id > *after) && out.size() < limit) out.push_back(block);
    }
    return out;
  }
  Result<std::vector<index::Deletion>> ListDeletions(std::string_view tenant, size_t limit) const override {
    std::vector<index::Deletion> out;
    for (const index::Deletion& deletion : state_.deletions) {
      if ((tenant.empty() || deletion.filter.tenant == tenant) && out.size() < limit) out.push_back(deletion);
    }
    return out;
  }
  Result<std::optional<index::Deletion>> ReadDeletion(const Ulid& id) const override {
    for (const index::Deletion& deletion : state_.deletions) {
      if (deletion.id == id) return std::optional(deletion);
    }
    return std::optional<index::Deletion>();
  }

 private:
  const FakeLifecycleIndex::State state_;
};

inline Result<std::unique_ptr<IndexView>> FakeLifecycleIndex::View(int64_t) {
  ++views;
  if (before_view) before_view();
  RETURN_IF_ERROR(view_failure);
  return std::unique_ptr<IndexView>(std::make_unique<FakeView>(state));
}

}  // namespace brazier::metastore::testing
