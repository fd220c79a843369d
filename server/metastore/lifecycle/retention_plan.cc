#include "server/metastore/lifecycle/retention_plan.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <set>

namespace brazier::metastore {
namespace {

constexpr int64_t kAnyTime = std::numeric_limits<int64_t>::max();
constexpr size_t kFirstPage = 16;

// The blocks of one tenant, oldest first, that no rule has taken yet. A list has no cursor, so a page that was not enough is
// read again with four times the length: the cost stays that of what is taken.
class OldestFirst {
 public:
  OldestFirst(std::string tenant, RetentionSource& source, const std::set<Ulid>& taken)
      : tenant_(std::move(tenant)), source_(source), taken_(taken) {}

  // Null after the last.
  Result<const index::ExpiringBlock*> Get() {
    for (;;) {
      while (next_ < page_.size() && taken_.contains(page_[next_].id)) ++next_;
      if (next_ < page_.size()) return &page_[next_];
      if (is_last_page_) return nullptr;
      limit_ = limit_ == 0 ? kFirstPage : limit_ * 4;
      const size_t known = page_.size();
      ASSIGN_OR_RETURN(page_, source_.Oldest(tenant_, kAnyTime, limit_));
      is_last_page_ = page_.size() < limit_;
      next_ = std::min(known, page_.size());
    }
  }
  const std::string& tenant() const { return tenant_; }

 private:
  const std::string tenant_;
  RetentionSource& source_;
  const std::set<Ulid>& taken_;
  std::vector<index::ExpiringBlock> page_;
  size_t next_ = 0;
  size_t limit_ = 0;
  bool is_last_page_ = false;
};

class Planner {
 public:
  Planner(const RetentionInput& input, RetentionSource& source) : input_(input), source_(source) {}

  Result<RetentionPlan> Run() {
    bytes_ = input_.tenant_bytes;
    for (const auto& [tenant, bytes] : bytes_) total_bytes_ += bytes;
    RETURN_IF_ERROR(ByAge());
    RETURN_IF_ERROR(SegmentsByAge());
    RETURN_IF_ERROR(ByTenantBytes());
    RETURN_IF_ERROR(ByTotals());
    return std::move(plan_);
  }

 private:
  size_t room() const { return input_.removals_max - plan_.removals.size(); }
  bool IsFull() {
    if (room() > 0) return false;
    plan_.is_complete = false;
    return true;
  }

  void Take(const std::string& tenant, const index::ExpiringBlock& block, RetentionReason reason) {
    if (!taken_.insert(block.id).second) return;
    plan_.removals.push_back({block.id, tenant, block.size, block.max_time_ns, reason});
    planned_bytes_ += block.size;
    total_bytes_ -= std::min(total_bytes_, block.size);
    // Whose bytes they are in a segment nobody knows here: the next plan sees it.
    if (const auto own = bytes_.find(tenant); own != bytes_.end()) own->second -= std::min(own->second, block.size);
  }

  Status ByAge() {
    for (const auto& [tenant, bytes] : input_.tenant_bytes) {
      const RetentionPolicy policy = input_.policy(tenant);
      if (policy.age_ns <= 0 || policy.age_ns > input_.now_ns) continue;
      if (IsFull()) return Status::Ok();
      const size_t limit = room();
      ASSIGN_OR_RETURN(const auto blocks, source_.Oldest(tenant, input_.now_ns - policy.age_ns, limit));
      for (const index::ExpiringBlock& block : blocks) Take(tenant, block, RetentionReason::kAge);
      if (blocks.size() == limit) plan_.is_complete = false;
    }
    return Status::Ok();
  }

  Status SegmentsByAge() {
    int64_t shortest_ns = 0;
    for (const auto& [tenant, bytes] : input_.tenant_bytes) {
      const int64_t age_ns = input_.policy(tenant).age_ns;
      if (age_ns > 0) shortest_ns = shortest_ns == 0 ? age_ns : std::min(shortest_ns, age_ns);
    }
    if (shortest_ns == 0 || shortest_ns > input_.now_ns || IsFull()) return Status::Ok();
    const size_t limit = std::min(room(), input_.segments_read_max);
    ASSIGN_OR_RETURN(const auto segments, source_.Oldest("", input_.now_ns - shortest_ns, limit));
    for (const index::ExpiringBlock& segment : segments) {
      ASSIGN_OR_RETURN(const std::vector<std::string> tenants, source_.TenantsOfSegment(segment.id));
      int64_t longest_ns = 0;
      bool is_kept = tenants.empty();
      for (const std::string& tenant : tenants) {
        const int64_t age_ns = input_.policy(tenant).age_ns;
        is_kept |= age_ns <= 0;
        longest_ns = std::max(longest_ns, age_ns);
      }
      if (is_kept || longest_ns > input_.now_ns || segment.max_time_ns >= input_.now_ns - longest_ns) continue;
      Take("", segment, RetentionReason::kAge);
    }
    return Status::Ok();
  }

  Status ByTenantBytes() {
    for (const auto& [tenant, unplanned] : input_.tenant_bytes) {
      const RetentionPolicy policy = input_.policy(tenant);
      if (policy.bytes_max == 0) continue;
      OldestFirst blocks(tenant, source_, taken_);
      while (bytes_[tenant] > policy.bytes_max) {
        if (IsFull()) return Status::Ok();
        ASSIGN_OR_RETURN(const index::ExpiringBlock* block, blocks.Get());
        if (block == nullptr) break;
        Take(tenant, index::ExpiringBlock(*block), RetentionReason::kTenantBytes);
      }
    }
    return Status::Ok();
  }

  bool IsOverTotal() const { return input_.total_bytes_max > 0 && total_bytes_ > input_.total_bytes_max; }
  bool IsDiskFull() const { return planned_bytes_ < input_.bytes_to_free; }

  // Both take the oldest of all.
  Status ByTotals() {
    if (!IsOverTotal() && !IsDiskFull()) return Status::Ok();
    std::vector<OldestFirst> lists;
    lists.reserve(input_.tenant_bytes.size() + 1);
    lists.emplace_back("", source_, taken_);
    for (const auto& [tenant, bytes] : input_.tenant_bytes) lists.emplace_back(tenant, source_, taken_);
    struct Head {
      int64_t max_time_ns;
      Ulid id;
      size_t list;
      bool operator>(const Head& other) const {
        return max_time_ns != other.max_time_ns ? max_time_ns > other.max_time_ns : id > other.id;
      }
    };
    std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
    const auto push = [&](size_t list) -> Status {
      ASSIGN_OR_RETURN(const index::ExpiringBlock* block, lists[list].Get());
      if (block != nullptr) heads.push({block->max_time_ns, block->id, list});
      return Status::Ok();
    };
    for (size_t i = 0; i < lists.size(); ++i) RETURN_IF_ERROR(push(i));
    while (!heads.empty() && (IsOverTotal() || IsDiskFull())) {
      if (IsFull()) return Status::Ok();
      const size_t list = heads.top().list;
      heads.pop();
      ASSIGN_OR_RETURN(const index::ExpiringBlock* block, lists[list].Get());
      Take(lists[list].tenant(), index::ExpiringBlock(*block),
           IsOverTotal() ? RetentionReason::kTotalBytes : RetentionReason::kFreeDisk);
      RETURN_IF_ERROR(push(list));
    }
    return Status::Ok();
  }

  const RetentionInput& input_;
  RetentionSource& source_;
  std::map<std::string, uint64_t> bytes_;  // as after what is planned
  uint64_t total_bytes_ = 0;               // likewise
  uint64_t planned_bytes_ = 0;
  std::set<Ulid> taken_;
  RetentionPlan plan_;
};

}  // namespace

std::string_view RetentionReasonName(RetentionReason reason) {
  switch (reason) {
    case RetentionReason::kAge: return "age";
    case RetentionReason::kTenantBytes: return "tenant_bytes";
    case RetentionReason::kTotalBytes: return "total_bytes";
    case RetentionReason::kFreeDisk: return "free_disk";
  }
  return "unknown";
}

Result<RetentionPlan> PlanRetention(const RetentionInput& input, RetentionSource& source) {
  return Planner(input, source).Run();
}

}  // namespace brazier::metastore
