// Fakes of the three contracts that Thrift carries: they remember what they were asked and answer as told.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/distributor.h"
#include "common/contract/metastore.h"
#include "common/contract/query_frontend.h"

namespace brazier::rpc {

// Lets a test hold a call until it says go.
class Gate {
 public:
  void Enter() {
    std::unique_lock lock(mu_);
    ++entered_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  // Waits until `count` calls are held.
  bool AwaitEntered(int count) {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return entered_ >= count; });
  }
  void Open() {
    std::lock_guard lock(mu_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  int entered_ = 0;
  bool open_ = false;
};

struct FakeDistributor final : contract::Distributor {
  std::mutex mu;
  std::vector<contract::PushRequest> pushes;
  std::vector<contract::RequestContext> contexts;
  std::function<Result<contract::PushReceipt>(const contract::PushRequest&)> answer =
      [](const contract::PushRequest& request) {
        contract::PushReceipt receipt;
        receipt.accepted = static_cast<uint32_t>(request.profiles.size());
        return receipt;
      };
  Status ready;
  // Pushes are kept and never answered.
  bool silent = false;
  std::vector<std::function<void(Result<contract::PushReceipt>)>> unanswered;

  void Push(const contract::RequestContext& context, contract::PushRequest request,
            std::function<void(Result<contract::PushReceipt>)> done) override {
    {
      std::lock_guard lock(mu);
      contexts.push_back(context);
      pushes.push_back(request);
      if (silent) {
        unanswered.push_back(std::move(done));
        return;
      }
    }
    done(answer(request));
  }
  Status Ready() override { return ready; }
};

struct FakeMetastore final : contract::Metastore {
  std::mutex mu;
  std::vector<contract::AddBlocksRequest> added;
  std::vector<contract::FindBlocksRequest> found;
  std::vector<Member> heartbeats;
  std::string stats_tenant;
  int failures_left = 0;  // calls of AddBlocks to fail with kUnavailable
  Result<contract::AddBlocksResponse> add_answer = contract::AddBlocksResponse{};
  Result<std::vector<BlockMeta>> find_answer = std::vector<BlockMeta>{};
  contract::TenantStats stats;
  MemberList members;
  Status ready;
  std::function<Status(int)> on_heartbeat;  // given the number of the call, from 1

  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest request,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    bool fail = false;
    {
      std::lock_guard lock(mu);
      added.push_back(std::move(request));
      fail = failures_left > 0 && failures_left-- > 0;
    }
    if (fail) {
      done(Unavailable("no leader"));
    } else {
      done(add_answer);
    }
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&,
                                            const contract::FindBlocksRequest& request) override {
    std::lock_guard lock(mu);
    found.push_back(request);
    return find_answer;
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string& tenant) override {
    std::lock_guard lock(mu);
    stats_tenant = tenant;
    return stats;
  }
  Status Heartbeat(const contract::RequestContext&, const Member& member) override {
    std::function<Status(int)> answer;
    int call = 0;
    {
      std::lock_guard lock(mu);
      heartbeats.push_back(member);
      call = static_cast<int>(heartbeats.size());
      answer = on_heartbeat;
    }
    return answer ? answer(call) : Status::Ok();
  }
  Result<MemberList> Members(const contract::RequestContext&) override { return members; }
  Status Ready() override { return ready; }
  Result<contract::QueryLabelsResponse> QueryLabels(const contract::RequestContext& context,
                                                    const contract::QueryLabelsRequest& request) override {
    std::lock_guard lock(mu);
    labels_asked.push_back(request);
    return labels_answer;
  }
  Result<contract::GetBlocksResponse> GetBlocks(const contract::RequestContext&, const std::vector<Ulid>& ids) override {
    std::lock_guard lock(mu);
    ids_asked = ids;
    return blocks_answer;
  }
  Result<std::vector<Ulid>> ListBlocks(const contract::RequestContext&, const std::optional<Ulid>& after,
                                       size_t limit) override {
    std::lock_guard lock(mu);
    blocks_after = after;
    limit_asked = limit;
    return ids_answer;
  }
  Result<std::vector<contract::TenantListing>> ListTenants(const contract::RequestContext&, const std::string& after,
                                                           size_t limit) override {
    std::lock_guard lock(mu);
    tenants_after = after;
    limit_asked = limit;
    return tenants_answer;
  }
  Result<std::vector<contract::BlockQueue>> ListQueues(const contract::RequestContext&,
                                                       const std::optional<contract::BlockQueue>& after,
                                                       size_t limit) override {
    std::lock_guard lock(mu);
    queues_after = after;
    limit_asked = limit;
    return queues_answer;
  }
  Result<std::vector<contract::QueuedBlock>> ListQueuedBlocks(const contract::RequestContext&,
                                                              const contract::BlockQueue& queue,
                                                              const std::optional<Ulid>& after, size_t limit) override {
    std::lock_guard lock(mu);
    queue_asked = queue;
    blocks_after = after;
    limit_asked = limit;
    return queued_answer;
  }
  void ReplaceBlocks(const contract::RequestContext&, contract::ReplaceBlocksRequest request,
                     std::function<void(Result<contract::ReplaceBlocksResponse>)> done) override {
    {
      std::lock_guard lock(mu);
      replaced.push_back(std::move(request));
    }
    done(replace_answer);
  }
  Result<std::vector<contract::Tombstone>> ListTombstones(const contract::RequestContext&, int64_t before_ns,
                                                          const std::optional<contract::TombstoneCursor>& after,
                                                          size_t limit) override {
    std::lock_guard lock(mu);
    tombstones_before_ns = before_ns;
    tombstones_after = after;
    limit_asked = limit;
    return tombstones_answer;
  }
  void PurgeTombstones(const contract::RequestContext&, std::vector<Ulid> ids,
                       std::function<void(Result<contract::PurgeTombstonesResponse>)> done) override {
    {
      std::lock_guard lock(mu);
      ids_asked = std::move(ids);
    }
    done(contract::PurgeTombstonesResponse{.purged = 3});
  }
  Result<contract::PlacementResponse> Placement(const contract::RequestContext&, const std::string& tenant,
                                                const std::string& service) override {
    std::lock_guard lock(mu);
    placement_asked = {tenant, service};
    return placement_answer;
  }
  std::optional<contract::BlockQueue> queues_after;
  std::vector<contract::BlockQueue> queues_answer;
  contract::BlockQueue queue_asked;
  std::vector<contract::QueuedBlock> queued_answer;
  std::vector<contract::ReplaceBlocksRequest> replaced;
  Result<contract::ReplaceBlocksResponse> replace_answer = contract::ReplaceBlocksResponse{};
  int64_t tombstones_before_ns = 0;
  std::optional<contract::TombstoneCursor> tombstones_after;
  std::vector<contract::Tombstone> tombstones_answer;
  std::pair<std::string, std::string> placement_asked;
  contract::PlacementResponse placement_answer;
  std::vector<contract::QueryLabelsRequest> labels_asked;
  Result<contract::QueryLabelsResponse> labels_answer = contract::QueryLabelsResponse{};
  std::vector<Ulid> ids_asked;
  contract::GetBlocksResponse blocks_answer;
  std::optional<Ulid> blocks_after;
  std::vector<Ulid> ids_answer;
  std::string tenants_after;
  std::vector<contract::TenantListing> tenants_answer;
  size_t limit_asked = 0;
};

struct FakeQueryFrontend final : contract::QueryFrontend {
  std::mutex mu;
  std::vector<contract::QueryRequest> queries;
  int64_t deadline_ns = 0;  // of the last query
  std::string stats_tenant;
  Result<contract::QueryResponse> answer = contract::QueryResponse{};
  contract::TenantStats stats;
  Status ready;

  Result<contract::QueryResponse> Query(const contract::RequestContext& context,
                                        const contract::QueryRequest& request) override {
    std::lock_guard lock(mu);
    deadline_ns = context.deadline_ns;
    queries.push_back(request);
    return answer;
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string& tenant) override {
    std::lock_guard lock(mu);
    stats_tenant = tenant;
    return stats;
  }
  Status Ready() override { return ready; }
};

}  // namespace brazier::rpc
