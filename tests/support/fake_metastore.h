// FakeMetastore: keeps blocks in memory and hides repeated identities, as the index does but without a dedup window,
// persistence or limits. The test may make it fail or hold its answers. Thread-safe.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/contract/metastore.h"

namespace brazier::testing {

class FakeMetastore final : public contract::Metastore {
 public:
  using AddDone = std::function<void(Result<contract::AddBlocksResponse>)>;

  void AddBlocks(const contract::RequestContext& context, contract::AddBlocksRequest request,
                 AddDone done) override {
    Result<contract::AddBlocksResponse> answer = contract::AddBlocksResponse();
    {
      std::lock_guard lock(mu_);
      last_add_context_ = context;
      if (!add_failure_.ok()) {
        answer = add_failure_;
      } else {
        for (BlockMeta& block : request.blocks) answer->blocks.push_back(AddBlock(std::move(block)));
      }
      if (is_holding_) {
        held_.emplace_back(std::move(done), std::move(answer));
        return;
      }
    }
    done(std::move(answer));
  }

  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&,
                                            const contract::FindBlocksRequest& request) override {
    std::lock_guard lock(mu_);
    ++finds_;
    last_find_ = request;
    if (!find_failure_.ok()) return find_failure_;
    std::vector<BlockMeta> found;
    for (const auto& [id, block] : blocks_) {
      BlockMeta answer = block;  // the selector is for an index to use or not
      std::erase_if(answer.datasets, [&](const DatasetMeta& d) { return !Matches(d, request); });
      for (DatasetMeta& d : answer.datasets) d.identities.clear();
      if (!answer.datasets.empty()) found.push_back(std::move(answer));
    }
    return found;
  }

  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string& tenant) override {
    std::lock_guard lock(mu_);
    contract::TenantStats stats;
    for (const auto& [id, block] : blocks_) {
      for (const DatasetMeta& d : block.datasets) {
        if (d.tenant == tenant) stats.data_ingested = true;
      }
    }
    return stats;
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return Status::Ok(); }
  Result<MemberList> Members(const contract::RequestContext&) override { return MemberList(); }
  Status Ready() override {
    std::lock_guard lock(mu_);
    return ready_;
  }

  void SetReady(Status status) { Locked([&] { ready_ = std::move(status); }); }
  void FailAdds(Status status) { Locked([&] { add_failure_ = std::move(status); }); }
  void FailFinds(Status status) { Locked([&] { find_failure_ = std::move(status); }); }
  // Holds answers of AddBlocks until Release().
  void Hold() { Locked([&] { is_holding_ = true; }); }
  void Release() {
    std::vector<std::pair<AddDone, Result<contract::AddBlocksResponse>>> held;
    Locked([&] {
      is_holding_ = false;
      held.swap(held_);
    });
    for (auto& [done, answer] : held) done(std::move(answer));
  }

  std::vector<BlockMeta> blocks() {
    std::lock_guard lock(mu_);
    std::vector<BlockMeta> out;
    for (const auto& [id, block] : blocks_) out.push_back(block);
    return out;
  }
  int finds() { std::lock_guard lock(mu_); return finds_; }
  contract::FindBlocksRequest last_find() { std::lock_guard lock(mu_); return last_find_; }
  contract::RequestContext last_add_context() { std::lock_guard lock(mu_); return last_add_context_; }

 private:
  template <typename F>
  void Locked(F f) {
    std::lock_guard lock(mu_);
    f();
  }
  static bool Matches(const DatasetMeta& d, const contract::FindBlocksRequest& request) {
    const auto has = [](const auto& list, const std::string& s) {
      return std::find(list.begin(), list.end(), s) != list.end();
    };
    return has(request.tenants, d.tenant) && d.min_time_ns <= request.end_ns &&
           d.max_time_ns >= request.start_ns &&
           (request.service.empty() || d.service == request.service) &&
           (request.profile_type.empty() || has(d.profile_types, request.profile_type));
  }
  contract::AddBlocksResponse::Block AddBlock(BlockMeta block) {
    contract::AddBlocksResponse::Block answer;
    for (DatasetMeta& d : block.datasets) {
      for (uint32_t i = 0; i < d.identities.size(); ++i) {
        if (!identities_.insert(d.identities[i]).second) d.hidden_profiles.push_back(i);
      }
      answer.hidden_profiles.push_back(d.hidden_profiles);
    }
    blocks_[block.id] = std::move(block);
    return answer;
  }

  std::mutex mu_;
  std::map<Ulid, BlockMeta> blocks_;
  std::set<Hash128> identities_;
  Status ready_, add_failure_, find_failure_;
  bool is_holding_ = false;
  std::vector<std::pair<AddDone, Result<contract::AddBlocksResponse>>> held_;
  int finds_ = 0;
  contract::FindBlocksRequest last_find_;
  contract::RequestContext last_add_context_;
};

}  // namespace brazier::testing
