// Random AddBlocks, ReplaceBlocks, PurgeTombstones and restarts against a naive model: maps that are walked from end to end.
// Three indexes get the same commands: one in whole rounds, one command by command with restarts, and one whose state began as
// version 1 and is upgraded meanwhile. The first two are byte-equal always, the third from the end of its upgrade on.
#include <map>
#include <set>

#include "store/index/block_queue.h"
#include "store/index/index_keys.h"
#include "store/index/tombstones.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

class Model {
 public:
  // Hidden profiles are not this model's subject: it takes them from the answer.
  void Add(BlockMeta block, const AddedBlock& added) {
    ASSERT_EQ(added.already_known, Knows(block.id));
    const auto set_hidden = [&](BlockMeta& of) {
      for (size_t i = 0; i < of.datasets.size(); ++i) of.datasets[i].hidden_profiles = added.hidden_profiles[i];
    };
    if (added.already_known) {
      BlockMeta same = blocks_.contains(block.id) ? blocks_[block.id] : removed_[block.id].block;
      set_hidden(same);
      ASSERT_EQ(same, blocks_.contains(block.id) ? blocks_[block.id] : removed_[block.id].block);
      return;
    }
    for (DatasetMeta& dataset : block.datasets) dataset.identities.clear();
    set_hidden(block);
    Insert(block);
  }

  // The code of the answer; kOk with `done` when it was done before.
  Code Replace(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs, int64_t time_ns, bool* done) {
    *done = true;
    for (const Ulid& id : inputs) *done = *done && removed_.contains(id);
    for (const BlockMeta& block : outputs) *done = *done && Knows(block.id);
    if (*done) return Code::kOk;
    for (const Ulid& id : inputs) {
      if (!blocks_.contains(id)) return Code::kNotFound;
    }
    for (const BlockMeta& block : outputs) {
      if (removed_.contains(block.id)) return Code::kFailedPrecondition;
    }
    for (const BlockMeta& block : outputs) {
      if (!blocks_.contains(block.id)) Insert(block);
    }
    for (const Ulid& id : inputs) {
      removed_[id] = {blocks_[id], time_ns};
      blocks_.erase(id);
    }
    std::erase_if(bounds_, [&](const auto& item) { return Summary(item.first).blocks == 0; });
    return Code::kOk;
  }

  uint64_t Purge(const std::vector<Ulid>& ids) {
    uint64_t purged = 0;
    for (const Ulid& id : ids) purged += removed_.erase(id);
    return purged;
  }

  std::vector<BlockMeta> All() const {
    std::vector<BlockMeta> all;
    for (const auto& [id, block] : blocks_) all.push_back(block);
    return all;
  }
  std::map<QueueName, std::vector<QueuedBlock>> Queues() const {
    std::map<QueueName, std::vector<QueuedBlock>> queues;
    for (const auto& [id, block] : blocks_) {
      queues[{block.level, block.level < 2 ? block.shard : 0, block.level == 0 ? "" : block.datasets[0].tenant}].push_back(
          {id, block.size, block.min_time_ns, block.max_time_ns});
    }
    return queues;
  }
  std::vector<Tombstone> Tombstones() const {
    std::vector<Tombstone> tombstones;
    for (const auto& [id, removed] : removed_) {
      tombstones.push_back({id, removed.time_ns, removed.block.shard, removed.block.level,
                            removed.block.level == 0 ? "" : removed.block.datasets[0].tenant, removed.block.size});
    }
    std::sort(tombstones.begin(), tombstones.end(), [](const Tombstone& a, const Tombstone& b) {
      return std::tie(a.removed_ns, a.id) < std::tie(b.removed_ns, b.id);
    });
    return tombstones;
  }
  std::vector<std::string> Tenants() const {
    std::vector<std::string> tenants;
    for (const auto& [tenant, bounds] : bounds_) tenants.push_back(tenant);
    return tenants;
  }
  TenantSummary Summary(const std::string& tenant) const {
    TenantSummary summary;
    for (const auto& [id, block] : blocks_) {
      bool here = false;
      for (const DatasetMeta& dataset : block.datasets) {
        if (dataset.tenant != tenant) continue;
        here = true;
        for (const SectionRef& section : dataset.sections) summary.bytes += section.size;
      }
      for (const TenantSymbols& symbols : block.symbols) {
        if (here && symbols.tenant == tenant) summary.bytes += symbols.section.size;
      }
      summary.blocks += here;
    }
    summary.data_ingested = summary.blocks > 0;
    if (const auto it = bounds_.find(tenant); it != bounds_.end()) {
      summary.oldest_ns = it->second.first;
      summary.newest_ns = it->second.second;
    }
    return summary;
  }
  bool Knows(const Ulid& id) const { return blocks_.contains(id) || removed_.contains(id); }

 private:
  struct Removed {
    BlockMeta block;
    int64_t time_ns = 0;
  };
  void Insert(const BlockMeta& block) {
    blocks_[block.id] = block;
    for (const DatasetMeta& dataset : block.datasets) {
      auto& bounds = bounds_.try_emplace(dataset.tenant, dataset.min_time_ns, dataset.max_time_ns).first->second;
      bounds.first = std::min(bounds.first, dataset.min_time_ns);
      bounds.second = std::max(bounds.second, dataset.max_time_ns);
    }
  }

  std::map<Ulid, BlockMeta> blocks_;
  std::map<Ulid, Removed> removed_;
  std::map<std::string, std::pair<int64_t, int64_t>> bounds_;  // of tenants with blocks: they only widen
};

const std::vector<std::string> kTenants = {"a", std::string("a\0b", 3), "b"};

class ModelRun {
 public:
  explicit ModelRun(uint64_t seed) : rng_(seed) {
    kv::WriteBatch batch;
    batch.Put(kv::Family::kState, VersionKey(), "1");
    EXPECT_TRUE(old_.store().Write(batch, false).ok());
    old_.Restart();
    EXPECT_TRUE(old_.index().needs_upgrade());
  }

  void Rounds(int count) {
    for (int round = 0; round < count && !testing::Test::HasFatalFailure(); ++round) {
      std::vector<std::string> commands;
      std::vector<std::string> of_old;
      std::vector<std::function<void(const std::string&)>> checks;
      for (uint64_t n = 1 + Below(4); n > 0; --n) {
        time_ns_ += static_cast<int64_t>(Below(1000));
        auto [command, check] = RandomCommand();
        commands.push_back(command);
        checks.push_back(check);
        of_old.push_back(command);
        if (round > 10 && Below(3) == 0) of_old.push_back(EncodeUpgradeStateCommand(time_ns_, 1 + Below(6)));
      }
      const std::vector<std::string> answers = steady_.Round(commands);
      for (size_t i = 0; i < commands.size(); ++i) {
        ASSERT_EQ(restarted_.Round({commands[i]}).front(), answers[i]);
        if (Below(4) == 0) restarted_.Restart(rng_());
        ASSERT_NO_FATAL_FAILURE(checks[i](answers[i]));
      }
      old_.Round(of_old);
      if (Below(4) == 0) old_.Restart(rng_());
      ASSERT_EQ(steady_.Dump(), restarted_.Dump());
      ASSERT_NO_FATAL_FAILURE(Check(steady_));
      if (old_.index().needs_upgrade()) {
        ASSERT_EQ(ListQueues(old_.store(), std::nullopt, 1).status().reason(), "index_not_upgraded");
      } else {
        ASSERT_EQ(old_.Dump(), steady_.Dump());
      }
    }
  }

  // To the end, whatever is left.
  void FinishUpgrade() {
    for (int i = 0; old_.index().needs_upgrade() && i < 10'000; ++i) {
      const auto upgraded = DecodeUpgradeStateAnswer(old_.Round({EncodeUpgradeStateCommand(time_ns_, 3)}).front());
      ASSERT_TRUE(upgraded.ok());
      ASSERT_EQ(upgraded->done, !old_.index().needs_upgrade());
      ASSERT_LE(upgraded->blocks, 3u);
    }
    ASSERT_EQ(old_.Dump(), steady_.Dump());
    const auto again = DecodeUpgradeStateAnswer(old_.Round({EncodeUpgradeStateCommand(time_ns_, 3)}).front());
    ASSERT_EQ(*again, (Upgraded{0, true}));
    ASSERT_EQ(old_.Dump(), steady_.Dump());
  }

 private:
  using CheckAnswer = std::function<void(const std::string&)>;
  uint64_t Below(uint64_t n) { return rng_() % n; }
  Ulid RandomId() { return IdOf(Below(60)); }

  BlockMeta RandomBlock(uint32_t level, bool identities) {
    std::vector<DatasetMeta> datasets;
    const std::string& only = kTenants[Below(kTenants.size())];
    for (const std::string& tenant : kTenants) {
      if (level > 0 ? tenant != only : Below(2) == 0) continue;
      for (const char* service : {"", "web"}) {
        if (Below(3) == 0) continue;
        const int64_t min_ns = static_cast<int64_t>(Below(3) * 86'400 + Below(3600)) * kSecond;
        std::vector<uint64_t> profiles(identities ? Below(4) : 0);
        for (uint64_t& profile : profiles) profile = Below(100);
        DatasetMeta& d = datasets.emplace_back(
            MakeDataset(tenant, service, min_ns, min_ns + static_cast<int64_t>(Below(90)) * kSecond, profiles));
        d.lists_label_sets = Below(4) > 0;
        std::set<Labels> sets;
        for (uint64_t n = d.lists_label_sets ? Below(4) : 0; n > 0; --n) {
          sets.insert(Labels(std::vector<Label>{{"service_name", service}, {"pod", std::to_string(Below(6))}}));
        }
        d.label_sets.assign(sets.begin(), sets.end());
      }
    }
    if (datasets.empty()) datasets.push_back(MakeDataset(only, "s", 5, 5, {}));
    BlockMeta block = MakeBlock(0, datasets);
    block.id = RandomId();
    block.level = level;
    block.shard = static_cast<uint32_t>(Below(2)) * 0x01020304;
    block.size += Below(1000);
    if (Below(3) == 0) block.symbols.pop_back();
    return block;
  }

  std::pair<std::string, CheckAnswer> RandomCommand() {
    const uint64_t kind = Below(8);
    if (kind < 4) {
      std::vector<BlockMeta> blocks;
      for (uint64_t n = Below(4); n > 0; --n) blocks.push_back(RandomBlock(static_cast<uint32_t>(Below(3)), true));
      return {CommandOf(blocks, time_ns_), [this, blocks](const std::string& answer) {
                const auto added = DecodeAddBlocksAnswer(answer);
                ASSERT_TRUE(added.ok()) << added.status().ToString();
                for (size_t i = 0; i < blocks.size(); ++i) ASSERT_NO_FATAL_FAILURE(model_.Add(blocks[i], added->at(i)));
              }};
    }
    if (kind == 4) {
      std::vector<Ulid> ids = RandomIds(1 + Below(8));
      return {EncodePurgeTombstonesCommand(time_ns_, ids), [this, ids](const std::string& answer) {
                const auto purged = DecodePurgeTombstonesAnswer(answer);
                ASSERT_TRUE(purged.ok());
                ASSERT_EQ(purged->tombstones, model_.Purge(ids));
              }};
    }
    return RandomReplacement();
  }

  std::vector<Ulid> RandomIds(uint64_t count) {
    std::set<Ulid> ids;
    while (ids.size() < count) ids.insert(RandomId());
    return {ids.begin(), ids.end()};
  }

  std::pair<std::string, CheckAnswer> RandomReplacement() {
    // Mostly of blocks that are there; the one before again, now and then.
    if (!last_.first.empty() && Below(5) == 0) return last_;
    std::set<Ulid> inputs;
    const std::vector<BlockMeta> there = model_.All();
    for (uint64_t n = 1 + Below(4); n > 0; --n) {
      inputs.insert(there.empty() || Below(30) == 0 ? RandomId() : there[Below(there.size())].id);
    }
    std::vector<BlockMeta> outputs;
    std::vector<std::string> encoded;
    for (uint64_t n = Below(3); n > 0; --n) {
      const BlockMeta output = RandomBlock(1 + static_cast<uint32_t>(Below(3)), false);
      const auto is_it = [&](const BlockMeta& other) { return other.id == output.id; };
      if (inputs.contains(output.id) || std::any_of(outputs.begin(), outputs.end(), is_it)) continue;
      outputs.push_back(output);
      encoded.push_back(codec::EncodeBlockMeta(output));
    }
    const std::vector<Ulid> ids(inputs.begin(), inputs.end());
    const int64_t time_ns = time_ns_;
    last_ = {EncodeReplaceBlocksCommand(time_ns, encoded, ids), [=, this](const std::string& answer) {
               const auto replaced = DecodeReplaceBlocksAnswer(answer);
               bool done = false;
               ASSERT_EQ(replaced.status().code(), model_.Replace(outputs, ids, time_ns, &done));
               if (replaced.ok()) {
                 ASSERT_EQ(replaced->already_done, done);
               }
             }};
    return last_;
  }

  void Check(IndexUnderTest& index) {
    const auto all = index.Find({.tenants = kTenants, .start_ns = 0, .end_ns = INT64_MAX});
    ASSERT_TRUE(all.ok()) << all.status().ToString();
    std::vector<BlockMeta> want = model_.All();
    for (BlockMeta& block : want) {
      const auto read = ReadBlock(index.store(), block.id);
      ASSERT_TRUE(read.ok()) << read.status().ToString();
      ASSERT_EQ(*read, block);
      for (DatasetMeta& d : block.datasets) {
        d.lists_label_sets = false;
        d.label_sets.clear();
      }
      std::erase_if(block.datasets, [](const DatasetMeta& d) {
        return d.profile_count > 0 && d.hidden_profiles.size() == d.profile_count;
      });
      std::erase_if(block.symbols, [&](const TenantSymbols& symbols) {
        return std::none_of(block.datasets.begin(), block.datasets.end(),
                            [&](const DatasetMeta& d) { return d.tenant == symbols.tenant; });
      });
    }
    std::erase_if(want, [](const BlockMeta& block) { return block.datasets.empty(); });
    ASSERT_EQ(*all, want);
    // Label sets are kept for the days that have a dataset which lists some, until the last dataset of the day goes.
    std::set<std::string> days;
    for (const BlockMeta& block : model_.All()) {
      for (const DatasetMeta& d : block.datasets) days.insert(LabelSetPrefix(d.tenant, d.service, DayOf(d.min_time_ns)));
    }
    const std::string label_sets = KindPrefix(KeyKind::kLabelSet);
    ASSERT_TRUE(index.store().Scan(kv::Family::kState, label_sets, PrefixEnd(label_sets), [&](std::string_view key, std::string_view) {
      EXPECT_TRUE(days.contains(std::string(key.substr(0, key.size() - kLabelSetNumberBytes))));
      return true;
    }).ok());
    const auto queues = model_.Queues();
    std::vector<QueueName> names;
    for (const auto& [name, blocks] : queues) {
      names.push_back(name);
      ASSERT_EQ(*ListQueuedBlocks(index.store(), name, std::nullopt, 1000), blocks);
    }
    ASSERT_EQ(*ListQueues(index.store(), std::nullopt, 1000), names);
    ASSERT_EQ(*ListTombstones(index.store(), INT64_MAX, std::nullopt, 1000), model_.Tombstones());
    ASSERT_EQ(TenantNames(index.store(), "", 1000), model_.Tenants());
    for (const std::string& tenant : kTenants) {
      const auto summary = ReadTenantSummary(index.store(), tenant);
      const TenantSummary expected = model_.Summary(tenant);
      ASSERT_EQ(summary->data_ingested, expected.data_ingested);
      ASSERT_EQ(summary->blocks, expected.blocks);
      ASSERT_EQ(summary->bytes, expected.bytes);
      ASSERT_EQ(summary->oldest_ns, expected.oldest_ns);
      ASSERT_EQ(summary->newest_ns, expected.newest_ns);
    }
  }

  std::mt19937_64 rng_;
  int64_t time_ns_ = kTestTime;
  Model model_;
  std::pair<std::string, CheckAnswer> last_;
  IndexUnderTest steady_, restarted_, old_;
};

TEST(CompactionModelTest, AgreesWithTheModel) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ModelRun run(seed);
    run.Rounds(60);
    if (!testing::Test::HasFatalFailure()) run.FinishUpgrade();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace brazier::index
