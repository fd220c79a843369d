// Random commands, queries and restarts against a naive model: lists that are searched from end to end. Two indexes run
// side by side, one of them restarted often and its rounds cut elsewhere; their dumps must stay byte-equal.
#include <map>
#include <set>

#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

using Rng = std::mt19937_64;

class Model {
 public:
  std::vector<AddedBlock> Add(const std::vector<BlockMeta>& blocks, int64_t time_ns,
                              const DedupBounds& dedup) {
    int64_t now = time_ns;
    if (!window_.empty()) now = std::max(now, window_.back().time_ns + 1);
    std::erase_if(window_, [&](const Remembered& r) { return now - r.time_ns > dedup.window_ns; });
    std::vector<AddedBlock> added;
    for (const BlockMeta& block : blocks) added.push_back(AddBlock(block, now++));
    while (window_.size() > 1 && WindowBytes() > dedup.bytes_max) window_.erase(window_.begin());
    return added;
  }

  std::vector<BlockMeta> Find(const BlockSelection& s) const {
    std::vector<BlockMeta> found;
    for (const auto& [id, block] : blocks_) {
      BlockMeta match = block;
      std::erase_if(match.datasets, [&](const DatasetMeta& d) { return !Matches(d, s); });
      std::erase_if(match.symbols, [&](const TenantSymbols& symbols) {
        return std::none_of(match.datasets.begin(), match.datasets.end(),
                            [&](const DatasetMeta& d) { return d.tenant == symbols.tenant; });
      });
      for (DatasetMeta& d : match.datasets) {
        d.lists_label_sets = false;
        d.label_sets.clear();
      }
      if (!match.datasets.empty()) found.push_back(match);
    }
    return found;
  }

  const std::map<Ulid, BlockMeta>& blocks() const { return blocks_; }

  TenantSummary Summary(const std::string& tenant) const {
    TenantSummary s;
    for (const auto& [id, block] : blocks_) {
      bool here = false;
      for (const DatasetMeta& d : block.datasets) {
        if (d.tenant != tenant) continue;
        here = true;
        s.oldest_ns = s.data_ingested ? std::min(s.oldest_ns, d.min_time_ns) : d.min_time_ns;
        s.newest_ns = s.data_ingested ? std::max(s.newest_ns, d.max_time_ns) : d.max_time_ns;
        s.data_ingested = true;
        for (const SectionRef& section : d.sections) s.bytes += section.size;
      }
      s.blocks += here;
      for (const TenantSymbols& symbols : block.symbols) {
        if (symbols.tenant == tenant) s.bytes += symbols.section.size;
      }
    }
    return s;
  }

 private:
  struct Remembered {
    int64_t time_ns;
    std::vector<Hash128> identities;
  };

  AddedBlock AddBlock(BlockMeta block, int64_t time_ns) {
    AddedBlock added;
    if (const auto it = blocks_.find(block.id); it != blocks_.end()) {
      added.already_known = true;
      for (const DatasetMeta& d : it->second.datasets) added.hidden_profiles.push_back(d.hidden_profiles);
      return added;
    }
    Remembered remembered{time_ns, {}};
    for (DatasetMeta& d : block.datasets) {
      for (uint32_t i = 0; i < d.identities.size(); ++i) {
        if (d.identities[i].IsZero()) continue;
        if (IsKnown(d.identities[i], remembered)) d.hidden_profiles.push_back(i);
        remembered.identities.push_back(d.identities[i]);
      }
      d.identities.clear();
      added.hidden_profiles.push_back(d.hidden_profiles);
    }
    if (!remembered.identities.empty()) window_.push_back(remembered);
    blocks_[block.id] = block;
    return added;
  }
  bool IsKnown(const Hash128& identity, const Remembered& newest) const {
    const auto has = [&](const Remembered& r) {
      return std::find(r.identities.begin(), r.identities.end(), identity) != r.identities.end();
    };
    return has(newest) || std::any_of(window_.begin(), window_.end(), has);
  }
  size_t WindowBytes() const {
    size_t bytes = 0;
    for (const Remembered& r : window_) bytes += 16 * r.identities.size();
    return bytes;
  }
  static bool Matches(const DatasetMeta& d, const BlockSelection& s) {
    const auto has = [](const auto& all, const auto& x) {
      return std::find(all.begin(), all.end(), x) != all.end();
    };
    return has(s.tenants, d.tenant) && (s.service.empty() || s.service == d.service) &&
           (s.profile_type.empty() || has(d.profile_types, s.profile_type)) &&
           d.min_time_ns <= s.end_ns && d.max_time_ns >= s.start_ns && s.start_ns <= s.end_ns &&
           (d.profile_count == 0 || d.hidden_profiles.size() < d.profile_count) &&
           (s.selector == nullptr || s.selector->matchers().empty() || !d.lists_label_sets ||
            std::any_of(d.label_sets.begin(), d.label_sets.end(),
                        [&](const Labels& labels) { return s.selector->Matches(labels); }));
  }

  std::map<Ulid, BlockMeta> blocks_;
  std::vector<Remembered> window_;
};

const std::vector<std::string> kTenants = {"a", std::string("a\0b", 3), "a/b", "b"};
const std::vector<std::string> kServices = {"", "web", std::string("web\0", 4), "worker"};
const std::vector<std::string> kTypes = {"cpu", "goroutines", "mem"};

// Weights of one run: some runs have few identities, some many; some move in time fast.
struct Run {
  explicit Run(uint64_t seed) : rng(seed) {
    identities = rng() % 2 == 0 ? 40 : 2000;
    time_step = static_cast<int64_t>(rng() % 4 == 0 ? 3 * kMinute : 2 * kSecond);
    bounds.window_ns = rng() % 2 == 0 ? 10 * kMinute : kMinute;
    bounds.bytes_max = rng() % 2 == 0 ? 64u << 20 : 16 * 30;
    restarts = rng() % 2 == 0;
  }
  uint64_t Below(uint64_t n) { return rng() % n; }
  // Around midnight: label sets are kept by day.
  int64_t RandomTime() { return static_cast<int64_t>(86'400 - 1800 + Below(3600)) * kSecond; }

  BlockMeta RandomBlock() {
    std::map<std::pair<std::string, std::string>, DatasetMeta> datasets;
    for (uint64_t n = 1 + Below(4); n > 0; --n) {
      const std::string& tenant = kTenants[Below(kTenants.size())];
      const std::string& service = kServices[Below(kServices.size())];
      const int64_t min_ns = RandomTime();
      const int64_t lengths[] = {0, kSecond, 20 * kSecond, 5 * kMinute, 300 * kMinute};
      std::vector<uint64_t> profiles(Below(5));
      for (uint64_t& p : profiles) p = Below(identities);
      std::vector<std::string> types;
      for (const std::string& type : kTypes) {
        if (Below(2) == 0) types.push_back(type);
      }
      DatasetMeta d =
          MakeDataset(tenant, service, min_ns, min_ns + lengths[Below(5)], profiles, types);
      for (Hash128& identity : d.identities) {
        if (Below(20) == 0) identity = Hash128{};
      }
      if (Below(10) == 0) d.identities.clear();
      d.lists_label_sets = Below(4) > 0;
      std::set<Labels> sets;
      for (uint64_t n = d.lists_label_sets ? Below(4) : 0; n > 0; --n) {
        sets.insert(Labels(std::vector<Label>{{"service_name", service}, {"pod", std::to_string(Below(6))}}));
      }
      d.label_sets.assign(sets.begin(), sets.end());
      datasets[{tenant, service}] = d;
    }
    std::vector<DatasetMeta> sorted;
    for (auto& [name, dataset] : datasets) sorted.push_back(dataset);
    BlockMeta block = MakeBlock(Below(400), sorted);
    if (Below(3) == 0 && !block.symbols.empty()) block.symbols.pop_back();
    return block;
  }
  BlockSelection RandomSelection() {
    BlockSelection s;
    for (const std::string& tenant : kTenants) {
      if (Below(2) == 0) s.tenants.push_back(tenant);
    }
    if (Below(2) == 0) s.service = kServices[Below(kServices.size())];
    if (Below(2) == 0) s.profile_type = kTypes[Below(kTypes.size())];
    s.start_ns = RandomTime();
    s.end_ns = s.start_ns + (Below(2) == 0 ? 30 * kSecond : 20 * kMinute);
    return s;
  }

  Rng rng;
  uint64_t identities;
  int64_t time_step;
  DedupBounds bounds;
  bool restarts;
};

void CheckQueries(Run& run, const Model& model, IndexUnderTest& index) {
  BlockSelection selection = run.RandomSelection();
  static const char* const kSelectors[] = {"{}", "{pod=\"3\"}", "{pod!=\"3\"}", "{pod=~\"1|2\"}", "{pod!~\"1|2\", pod!=\"\"}"};
  const auto selector = Selector::Parse(kSelectors[run.Below(5)]);
  ASSERT_TRUE(selector.ok());
  if (run.Below(2) == 0) selection.selector = &*selector;
  const auto found = index.Find(selection);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  ASSERT_EQ(*found, model.Find(selection));
  if (!model.blocks().empty()) {
    const auto some = std::next(model.blocks().begin(), static_cast<ptrdiff_t>(run.Below(model.blocks().size())));
    const auto block = ReadBlock(index.store(), some->first);
    ASSERT_TRUE(block.ok()) << block.status().ToString();
    ASSERT_EQ(block->datasets, some->second.datasets) << "label sets come back";
  }
  const std::string& tenant = kTenants[run.Below(kTenants.size())];
  const auto summary = ReadTenantSummary(index.store(), tenant);
  const TenantSummary want = model.Summary(tenant);
  ASSERT_TRUE(summary.ok());
  ASSERT_EQ(summary->data_ingested, want.data_ingested);
  ASSERT_EQ(summary->oldest_ns, want.oldest_ns);
  ASSERT_EQ(summary->newest_ns, want.newest_ns);
  ASSERT_EQ(summary->blocks, want.blocks);
  ASSERT_EQ(summary->bytes, want.bytes);
}

void RunOnce(uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Run run(seed);
  Model model;
  IndexUnderTest steady, restarted;
  int64_t time_ns = kTestTime;
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> commands;
    std::vector<std::vector<AddedBlock>> want;
    for (uint64_t n = 1 + run.Below(3); n > 0; --n) {
      time_ns += static_cast<int64_t>(run.Below(static_cast<uint64_t>(run.time_step)));
      const int64_t at = run.Below(10) == 0 ? time_ns - 5 * kMinute : time_ns;  // a clock that jumps back
      std::vector<BlockMeta> blocks;
      for (uint64_t b = run.Below(4); b > 0; --b) blocks.push_back(run.RandomBlock());
      commands.push_back(CommandOf(blocks, at, run.bounds));
      want.push_back(model.Add(blocks, at, run.bounds));
      if (run.Below(8) == 0) {
        commands.push_back(commands.back().substr(0, run.Below(commands.back().size())));
        want.emplace_back();  // refused
      }
    }
    const std::vector<std::string> answers = steady.Round(commands);
    for (size_t i = 0; i < commands.size(); ++i) {
      ASSERT_EQ(restarted.Round({commands[i]})[0], answers[i]);
      if (run.restarts && run.Below(3) == 0) restarted.Restart(run.rng());
      const auto answer = DecodeAddBlocksAnswer(answers[i]);
      if (answer.ok()) ASSERT_EQ(*answer, want[i]);
      else ASSERT_TRUE(want[i].empty());
    }
    ASSERT_EQ(steady.Dump(), restarted.Dump());
    ASSERT_EQ(steady.index().window_identities(), restarted.index().window_identities());
    for (int q = 0; q < 5; ++q) ASSERT_NO_FATAL_FAILURE(CheckQueries(run, model, steady));
  }
}

TEST(MetadataIndexModelTest, AgreesWithTheModel) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    RunOnce(seed);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace brazier::index
