// What retention removes: never what a limit does not ask for, always what it does, at the cost of what is removed.
#include "server/metastore/lifecycle/retention_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>

#include "common/base/clock.h"

namespace brazier::metastore {
namespace {

constexpr int64_t kNow = int64_t{1'700'000'000} * kNsPerSecond;
constexpr int64_t kHour = int64_t{3600} * kNsPerSecond;

struct Block {
  Ulid id;
  std::string tenant;                // "": a segment
  std::vector<std::string> tenants;  // of a segment
  int64_t max_time_ns = 0;
  uint64_t size = 0;
};

class Blocks final : public RetentionSource {
 public:
  Ulid Add(const std::string& tenant, int64_t age_ns, uint64_t size, std::vector<std::string> tenants = {}) {
    const Ulid id{{++last_, 7}};
    Block block{id, tenant, std::move(tenants), kNow - age_ns, size};
    by_tenant_[tenant][{block.max_time_ns, id}] = block;
    all_[id] = block;
    return id;
  }
  Result<std::vector<index::ExpiringBlock>> Oldest(std::string_view tenant, int64_t before_ns, size_t limit) override {
    ++seeks;
    std::vector<index::ExpiringBlock> out;
    for (const auto& [key, block] : by_tenant_[std::string(tenant)]) {
      if (block.max_time_ns >= before_ns || out.size() == limit) break;
      ++visited;
      out.push_back({block.id, block.max_time_ns, block.size});
    }
    return out;
  }
  Result<std::vector<std::string>> TenantsOfSegment(const Ulid& id) override {
    ++segments_read;
    return all_.at(id).tenants;
  }
  // Each in equal parts where there are several.
  std::map<std::string, uint64_t> TenantBytes() const {
    std::map<std::string, uint64_t> bytes;
    for (const auto& [id, block] : all_) {
      if (!block.tenant.empty()) bytes[block.tenant] += block.size;
      for (const std::string& tenant : block.tenants) bytes[tenant] += block.size / block.tenants.size();
    }
    return bytes;
  }
  void Remove(const Ulid& id) {
    const Block block = all_.at(id);
    by_tenant_[block.tenant].erase({block.max_time_ns, id});
    all_.erase(id);
  }
  const std::map<Ulid, Block>& all() const { return all_; }

  int seeks = 0, segments_read = 0;
  size_t visited = 0;

 private:
  uint64_t last_ = 0;
  std::map<std::string, std::map<std::pair<int64_t, Ulid>, Block>> by_tenant_;
  std::map<Ulid, Block> all_;
};

RetentionInput InputOf(const Blocks& blocks, std::map<std::string, RetentionPolicy> own, RetentionPolicy rest = {}) {
  RetentionInput input;
  input.now_ns = kNow;
  input.tenant_bytes = blocks.TenantBytes();
  input.policy = [own = std::move(own), rest](const std::string& tenant) {
    const auto it = own.find(tenant);
    return it == own.end() ? rest : it->second;
  };
  return input;
}

std::map<Ulid, RetentionReason> Planned(const RetentionInput& input, Blocks& blocks) {
  const auto plan = PlanRetention(input, blocks);
  EXPECT_TRUE(plan.ok());
  std::map<Ulid, RetentionReason> out;
  for (const RetentionRemoval& removal : plan->removals) {
    EXPECT_TRUE(out.emplace(removal.id, removal.reason).second) << "planned twice";
    const Block& block = blocks.all().at(removal.id);
    EXPECT_EQ(removal.tenant, block.tenant);
    EXPECT_EQ(removal.size, block.size);
    EXPECT_EQ(removal.max_time_ns, block.max_time_ns);
  }
  return out;
}

using Reasons = std::map<Ulid, RetentionReason>;

TEST(RetentionPlan, ByAgeOnlyWhatIsOlder) {
  Blocks blocks;
  const Ulid older = blocks.Add("a", 2 * kHour + 1, 10);
  blocks.Add("a", 2 * kHour, 10);
  blocks.Add("a", kHour, 10);
  blocks.Add("for-ever", 1000 * kHour, 10);
  const Ulid other = blocks.Add("b", 6 * kHour, 10);
  blocks.Add("b", 4 * kHour, 10);
  const auto input = InputOf(blocks, {{"for-ever", {}}, {"b", {.age_ns = 5 * kHour}}}, {.age_ns = 2 * kHour});
  EXPECT_EQ(Planned(input, blocks), (Reasons{{older, RetentionReason::kAge}, {other, RetentionReason::kAge}}));
  EXPECT_EQ(Planned(InputOf(blocks, {}, {}), blocks), Reasons()) << "no limits";
  EXPECT_EQ(Planned(InputOf(blocks, {}, {.age_ns = INT64_MAX}), blocks), Reasons()) << "older than time";
}

TEST(RetentionPlan, ASegmentStaysForTheLongestOfItsTenants) {
  Blocks blocks;
  const Ulid both = blocks.Add("", 9 * kHour, 10, {"a", "b"});
  const Ulid one = blocks.Add("", 3 * kHour, 10, {"a"});
  blocks.Add("", 3 * kHour, 10, {"a", "b"});
  blocks.Add("", 90 * kHour, 10, {"a", "for-ever"});
  blocks.Add("", kHour, 10, {"a"});
  blocks.Add("", 90 * kHour, 10, {});  // its entry cannot be read
  const auto input =
      InputOf(blocks, {{"a", {.age_ns = 2 * kHour}}, {"b", {.age_ns = 8 * kHour}}, {"for-ever", {}}});
  EXPECT_EQ(Planned(input, blocks), (Reasons{{both, RetentionReason::kAge}, {one, RetentionReason::kAge}}));
}

TEST(RetentionPlan, ByTenantBytesTheOldestUntilItFits) {
  Blocks blocks;
  const Ulid first = blocks.Add("a", 50 * kHour, 40);
  const Ulid second = blocks.Add("a", 40 * kHour, 40);
  blocks.Add("a", 30 * kHour, 40);
  blocks.Add("a", 20 * kHour, 40);
  blocks.Add("", 10 * kHour, 20, {"a"});
  blocks.Add("b", 70 * kHour, 1000);
  const auto input = InputOf(blocks, {{"a", {.bytes_max = 100}}});
  EXPECT_EQ(Planned(input, blocks), (Reasons{{first, RetentionReason::kTenantBytes}, {second, RetentionReason::kTenantBytes}}));
  const auto fits = InputOf(blocks, {{"a", {.bytes_max = 180}}});
  EXPECT_EQ(Planned(fits, blocks), Reasons());
  // What age removes counts.
  const auto with_age = InputOf(blocks, {{"a", {.age_ns = 45 * kHour, .bytes_max = 140}}});
  EXPECT_EQ(Planned(with_age, blocks), (Reasons{{first, RetentionReason::kAge}}));
}

TEST(RetentionPlan, TotalsTakeTheOldestOfAll) {
  Blocks blocks;
  const Ulid oldest = blocks.Add("b", 90 * kHour, 10);
  const Ulid segment = blocks.Add("", 80 * kHour, 10, {"a", "b"});
  const Ulid third = blocks.Add("a", 70 * kHour, 10);
  blocks.Add("b", 60 * kHour, 10);
  auto input = InputOf(blocks, {});
  input.total_bytes_max = 20;
  EXPECT_EQ(Planned(input, blocks), (Reasons{{oldest, RetentionReason::kTotalBytes}, {segment, RetentionReason::kTotalBytes}}));
  input.total_bytes_max = 0;
  input.bytes_to_free = 25;
  EXPECT_EQ(Planned(input, blocks), (Reasons{{oldest, RetentionReason::kFreeDisk},
                                             {segment, RetentionReason::kFreeDisk},
                                             {third, RetentionReason::kFreeDisk}}));
  input.total_bytes_max = 30;
  EXPECT_EQ(Planned(input, blocks)[third], RetentionReason::kFreeDisk);
  EXPECT_EQ(Planned(input, blocks)[oldest], RetentionReason::kTotalBytes);
  input.bytes_to_free = 1'000'000;
  EXPECT_EQ(Planned(input, blocks).size(), 4u);
}

TEST(RetentionPlan, LargePlansComeInParts) {
  Blocks blocks;
  for (int i = 0; i < 100; ++i) blocks.Add("t" + std::to_string(i % 3), (100 + i) * kHour, 10);
  auto input = InputOf(blocks, {}, {.age_ns = kHour});
  input.removals_max = 30;
  int plans = 0;
  for (;;) {
    const auto plan = PlanRetention(input, blocks);
    ASSERT_TRUE(plan.ok());
    EXPECT_LE(plan->removals.size(), 30u);
    ++plans;
    for (const RetentionRemoval& removal : plan->removals) blocks.Remove(removal.id);
    if (plan->is_complete) break;
    input.tenant_bytes = blocks.TenantBytes();
  }
  EXPECT_TRUE(blocks.all().empty());
  EXPECT_GE(plans, 4);
}

// Random tenants, blocks and limits; each rule is checked against its words.
TEST(RetentionPlan, NeverRemovesWhatALimitDoesNotAskFor) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto below = [&](uint64_t n) { return random() % n; };
    Blocks blocks;
    const std::vector<std::string> names = {"a", "b", "c", "d"};
    std::map<std::string, RetentionPolicy> policies;
    for (const std::string& name : names) {
      policies[name] = {.age_ns = below(3) == 0 ? 0 : static_cast<int64_t>(1 + below(50)) * kHour,
                        .bytes_max = below(2) == 0 ? 0 : 1 + below(400)};
    }
    for (uint64_t i = below(120); i > 0; --i) {
      const auto age_ns = static_cast<int64_t>(below(60)) * kHour;  // equal ages happen
      if (below(5) == 0) {
        std::vector<std::string> tenants;
        for (const std::string& name : names) {
          if (below(2) == 0) tenants.push_back(name);
        }
        if (!tenants.empty()) blocks.Add("", age_ns, 1 + below(40), tenants);
      } else {
        blocks.Add(names[below(names.size())], age_ns, 1 + below(40));
      }
    }
    auto input = InputOf(blocks, policies);
    uint64_t total = 0;
    for (const auto& [tenant, bytes] : input.tenant_bytes) total += bytes;
    if (below(2) == 0) input.total_bytes_max = 1 + below(1500);
    if (below(2) == 0) input.bytes_to_free = below(600);
    const auto plan = PlanRetention(input, blocks);
    ASSERT_TRUE(plan.ok());
    ASSERT_TRUE(plan->is_complete);

    const auto is_expired = [&](const Block& block) {
      const std::vector<std::string> tenants = block.tenant.empty() ? block.tenants : std::vector{block.tenant};
      return std::all_of(tenants.begin(), tenants.end(), [&](const std::string& tenant) {
        const int64_t age_ns = policies[tenant].age_ns;
        return age_ns > 0 && block.max_time_ns < kNow - age_ns;
      });
    };
    std::set<Ulid> removed;
    std::map<std::string, uint64_t> bytes = input.tenant_bytes;
    uint64_t freed = 0;
    for (const RetentionRemoval& removal : plan->removals) {
      const Block& block = blocks.all().at(removal.id);
      const auto is_older_left = [&](bool of_all) {
        return std::any_of(blocks.all().begin(), blocks.all().end(), [&](const auto& entry) {
          return !removed.contains(entry.first) && (of_all || entry.second.tenant == block.tenant) &&
                 entry.second.max_time_ns < block.max_time_ns;
        });
      };
      switch (removal.reason) {
        case RetentionReason::kAge: EXPECT_TRUE(is_expired(block)); break;
        case RetentionReason::kTenantBytes:
          EXPECT_FALSE(block.tenant.empty());
          EXPECT_GT(bytes[block.tenant], policies[block.tenant].bytes_max) << "it fitted already";
          EXPECT_GT(policies[block.tenant].bytes_max, 0u);
          EXPECT_FALSE(is_older_left(false));
          break;
        case RetentionReason::kTotalBytes:
          EXPECT_GT(input.total_bytes_max, 0u);
          EXPECT_GT(total, input.total_bytes_max) << "it fitted already";
          EXPECT_FALSE(is_older_left(true));
          break;
        case RetentionReason::kFreeDisk:
          EXPECT_LT(freed, input.bytes_to_free) << "it was enough already";
          EXPECT_FALSE(is_older_left(true));
          break;
      }
      removed.insert(removal.id);
      if (!block.tenant.empty()) bytes[block.tenant] -= std::min(bytes[block.tenant], block.size);
      total -= std::min(total, block.size);
      freed += block.size;
    }
    // And all that the limits ask for.
    bool has_own_left = false;
    for (const auto& [id, block] : blocks.all()) {
      if (removed.contains(id)) continue;
      has_own_left = true;
      EXPECT_FALSE(is_expired(block));
      const RetentionPolicy& policy = policies[block.tenant];
      if (!block.tenant.empty() && policy.bytes_max > 0) {
        EXPECT_LE(bytes[block.tenant], policy.bytes_max);
      }
    }
    if (has_own_left) {
      if (input.total_bytes_max > 0) {
        EXPECT_LE(total, input.total_bytes_max);
      }
      EXPECT_GE(freed, input.bytes_to_free);
    }
  }
}

// 1,000 tenants x 64 shards: nothing is walked that stays.
TEST(RetentionPlan, CostsASeekForEachTenantAndWhatIsRemoved) {
  Blocks blocks;
  for (int tenant = 0; tenant < 1'000; ++tenant) {
    for (int block = 0; block < 64; ++block) {
      blocks.Add("tenant-" + std::to_string(tenant), (block % 30) * 24 * kHour + tenant, 1'000'000);
    }
  }
  const auto input = InputOf(blocks, {}, {.age_ns = 31 * 24 * kHour, .bytes_max = 64'000'000});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Planned(input, blocks), Reasons());
  EXPECT_EQ(blocks.seeks, 1'001);
  EXPECT_EQ(blocks.visited, 0u);
  auto shorter = InputOf(blocks, {}, {.age_ns = 29 * 24 * kHour});
  blocks.seeks = 0;
  const auto removed = Planned(shorter, blocks);
  EXPECT_EQ(removed.size(), 2u * 999) << "those of the 30th day, but for tenant 0, whose are not older";
  EXPECT_EQ(blocks.seeks, 1'001);
  EXPECT_EQ(blocks.visited, removed.size());
  // By total bytes: a page of each tenant, then what is taken.
  auto total = InputOf(blocks, {});
  total.total_bytes_max = 63'000'000'000;
  total.removals_max = 100'000;
  blocks.seeks = 0;
  blocks.visited = 0;
  EXPECT_EQ(Planned(total, blocks).size(), 1'000u);
  EXPECT_EQ(blocks.seeks, 1'001);
  EXPECT_LE(blocks.visited, 1'000u * 16);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace brazier::metastore
