// Random commands of every kind against a naive model. Three indexes get the same commands: one in whole rounds with an observer, one
// command by command with restarts, and one whose state began as version 1 or 2 and is upgraded before jobs begin. The first two are
// byte-equal always, the third from the end of its upgrade on. Now and then a command comes twice.
#include "common/model/label_report.h"
#include "store/index/index_keys.h"
#include "tests/store/index/lifecycle_harness.h"
#include "tests/store/index/lifecycle_model.h"

namespace brazier::index {
namespace {

const std::vector<std::string> kTenants = {"a", "b"};
const std::vector<ReportRequest> kPods = {{.kind = ReportKind::kLabelValues, .label_name = "pod"}};

class ModelRun {
 public:
  explicit ModelRun(uint64_t seed) : rng_(seed) {
    kv::WriteBatch batch;
    batch.Put(kv::Family::kState, VersionKey(), seed % 2 == 0 ? "1" : "2");
    EXPECT_TRUE(old_.store().Write(batch, false).ok());
    old_.Restart();
    steady_.index().SetObserver(&heard_);
  }

  void Rounds(int count) {
    for (int round = 0; round < count && !testing::Test::HasFatalFailure(); ++round) {
      has_jobs_ = round > count / 3;
      std::vector<std::string> commands;
      std::vector<Check> checks;
      for (uint64_t n = 1 + Below(4); n > 0; --n) {
        time_ns_ += static_cast<int64_t>(Below(1000));
        ++index_;
        if (round > 5 && (has_jobs_ || Below(4) == 0)) {
          // Those that are upgraded take it as a command that does nothing.
          commands.push_back(EncodeUpgradeStateCommand(time_ns_, has_jobs_ && !is_upgraded_ ? 1000 : 1 + Below(4)));
          is_upgraded_ = has_jobs_;
          checks.push_back([](const std::string& answer) { EXPECT_TRUE(DecodeUpgradeStateAnswer(answer)->done); });
          ++index_;
        }
        auto [command, check] = RandomCommand();
        commands.push_back(command);
        checks.push_back(check);
      }
      const std::vector<std::string> answers = steady_.Round(commands);
      for (size_t i = 0; i < commands.size(); ++i) {
        ASSERT_EQ(restarted_.Round({commands[i]}).front(), answers[i]);
        if (Below(4) == 0) restarted_.Restart(rng_());
        ASSERT_NO_FATAL_FAILURE(checks[i](answers[i]));
      }
      old_.Round(commands);
      if (Below(4) == 0) old_.Restart(rng_());
      ASSERT_EQ(steady_.Dump(), restarted_.Dump());
      if (is_upgraded_) {
        ASSERT_EQ(old_.Dump(), steady_.Dump());
      }
      ASSERT_NO_FATAL_FAILURE(CheckPlaces(steady_.store()));
      ASSERT_NO_FATAL_FAILURE(CheckDeletions(steady_.store()));
      ASSERT_NO_FATAL_FAILURE(CheckQueries(steady_.store()));
    }
    ASSERT_FALSE(old_.index().needs_upgrade());
  }

  // How often something other than a refusal came of it, by kind.
  std::map<CommandKind, int> done;

 private:
  using Check = std::function<void(const std::string&)>;
  using Command = std::pair<std::string, Check>;
  uint64_t Below(uint64_t n) { return rng_() % n; }
  Ulid RandomId() { return IdOf(Below(50)); }
  std::vector<Ulid> RandomIds(uint64_t count) {
    std::set<Ulid> ids;
    for (; count > 0; --count) ids.insert(RandomId());
    return {ids.begin(), ids.end()};
  }

  BlockMeta RandomBlock(uint32_t level) {
    std::vector<DatasetMeta> datasets;
    const std::string& only = kTenants[Below(kTenants.size())];
    for (const std::string& tenant : kTenants) {
      if (level > 0 && tenant != only) continue;
      for (const char* service : {"api", "web"}) {
        if (Below(3) == 0) continue;
        const auto min_ns = static_cast<int64_t>(Below(90));
        DatasetMeta& d = datasets.emplace_back(MakeDataset(tenant, service, min_ns, min_ns + static_cast<int64_t>(Below(10)), {}));
        d.lists_label_sets = Below(5) > 0;
        std::set<Labels> sets;
        for (uint64_t n = d.lists_label_sets ? 1 + Below(3) : 0; n > 0; --n) {
          sets.insert(Labels(std::vector<Label>{{"service_name", service}, {"pod", "p" + std::to_string(Below(4))}}));
        }
        d.label_sets.assign(sets.begin(), sets.end());
      }
    }
    if (datasets.empty()) datasets.push_back(MakeDataset(only, "s", 5, 5, {}));
    BlockMeta block = MakeBlock(0, datasets);
    block.id = RandomId();
    block.level = level;
    block.shard = static_cast<uint32_t>(Below(2));
    block.size += Below(1000);
    return block;
  }
  std::vector<BlockMeta> RandomOutputs(const std::vector<Ulid>& taken) {
    std::vector<BlockMeta> outputs;
    std::set<Ulid> ids(taken.begin(), taken.end());
    for (uint64_t n = Below(3); n > 0; --n) {
      BlockMeta output = RandomBlock(1 + static_cast<uint32_t>(Below(4)));
      if (ids.insert(output.id).second) outputs.push_back(std::move(output));
    }
    return outputs;
  }
  static std::vector<std::string> Encoded(const std::vector<BlockMeta>& blocks) {
    std::vector<std::string> encoded;
    for (const BlockMeta& block : blocks) encoded.push_back(codec::EncodeBlockMeta(block));
    return encoded;
  }
  Check Counts(CommandKind kind, std::function<uint64_t()> apply) {
    return [this, kind, apply = std::move(apply)](const std::string& answer) {
      const auto count = DecodeCountAnswer(answer);
      ASSERT_TRUE(count.ok()) << count.status().ToString();
      ASSERT_EQ(*count, apply()) << static_cast<int>(kind);
      done[kind] += *count > 0;
    };
  }

  Command RandomCommand() {
    // What was said is said again now and then; the log index of commands that mean one is another then.
    switch (Below(has_jobs_ ? 16 : 10)) {
      case 0:
      case 1:
      case 2: return RandomAdd();
      case 3: return RandomReplacement();
      case 4: return RandomQuarantine();
      case 5: return RandomRelease();
      case 6: return RandomCondemnation();
      case 7: return RandomDeletion();
      case 8: return RandomPurge();
      case 9: return RandomForgetting();
      case 10: return RandomReturn();
      case 11:
      case 12: return RandomLease();
      default: return RandomEnd();
    }
  }
  Command RandomAdd() {
    std::vector<BlockMeta> blocks;
    for (uint64_t n = Below(5); n > 0; --n) blocks.push_back(RandomBlock(static_cast<uint32_t>(Below(5))));
    return {CommandOf(blocks, time_ns_), [=, this](const std::string& answer) {
              const auto added = DecodeAddBlocksAnswer(answer);
              ASSERT_EQ(added.status().code(), model_.Add(blocks).code);
            }};
  }
  Command RandomReplacement() {
    std::vector<Ulid> inputs = RandomIds(1 + Below(3));
    if (!model_.blocks.empty() && Below(4) > 0) inputs = {SomeBlock()};
    const std::vector<BlockMeta> outputs = RandomOutputs(inputs);
    return {EncodeReplaceBlocksCommand(time_ns_, Encoded(outputs), inputs), [=, this, time_ns = time_ns_](const std::string& answer) {
              const auto replaced = DecodeReplaceBlocksAnswer(answer);
              const auto want = model_.Replace(outputs, inputs, time_ns);
              ASSERT_EQ(replaced.status().code(), want.code);
              if (replaced.ok()) {
                ASSERT_EQ(replaced->already_done, want.count == 1);
              }
            }};
  }
  Ulid SomeBlock() { return std::next(model_.blocks.begin(), static_cast<int64_t>(Below(model_.blocks.size())))->first; }

  Command RandomQuarantine() {
    std::vector<BadInput> bad;
    for (const Ulid& id : RandomIds(1 + Below(2))) bad.push_back({id, "reason " + std::to_string(Below(9))});
    return {EncodeQuarantineBlocksCommand({time_ns_, bad}), Counts(CommandKind::kQuarantineBlocks, [=, this, time_ns = time_ns_] {
              uint64_t count = 0;
              for (const BadInput& one : bad) count += model_.Quarantine(one, time_ns);
              return count;
            })};
  }
  Command RandomRelease() {
    const std::vector<Ulid> ids = RandomIds(1 + Below(20));
    return {EncodeReleaseBlocksCommand({time_ns_, ids}), Counts(CommandKind::kReleaseBlocks, [=, this] { return model_.Release(ids); })};
  }
  Command RandomCondemnation() {
    std::vector<CondemnedObject> objects;
    for (const Ulid& id : RandomIds(1)) {
      const auto level = static_cast<uint32_t>(Below(3));
      objects.push_back({id, static_cast<uint32_t>(Below(3)), level, level == 0 ? "" : "a", Below(99)});
    }
    return {EncodeCondemnObjectsCommand({time_ns_, objects}),
            Counts(CommandKind::kCondemnObjects, [=, this, time_ns = time_ns_] { return model_.Condemn(objects, time_ns); })};
  }
  Command RandomDeletion() {
    DeleteDataCommand command{.time_ns = time_ns_, .id = IdOf(1000 + Below(40))};
    command.filter.tenant = kTenants[Below(2)];
    if (Below(2) == 0) command.filter.service = Below(2) == 0 ? "api" : "web";
    if (Below(2) == 0) command.filter.selector = "{pod=\"p" + std::to_string(Below(4)) + "\"}";
    command.filter.start_ns = static_cast<int64_t>(Below(80));
    command.filter.end_ns = command.filter.start_ns + static_cast<int64_t>(Below(40));
    return {EncodeDeleteDataCommand(command),
            Counts(CommandKind::kDeleteData, [=, this, index = index_] { return model_.Delete(command, index); })};
  }
  Command RandomPurge() {
    const std::vector<Ulid> ids = RandomIds(1 + Below(20));
    return {EncodePurgeTombstonesCommand(time_ns_, ids), [=, this, time_ns = time_ns_](const std::string& answer) {
              ASSERT_EQ(DecodePurgeTombstonesAnswer(answer)->tombstones, model_.Purge(ids, time_ns));
            }};
  }
  Command RandomForgetting() {
    if (Below(2) == 0) {
      std::vector<Ulid> ids;
      for (uint64_t n = 0; n < 40; n += 1 + Below(5)) ids.push_back(IdOf(1000 + n));
      return {EncodeForgetDeletionsCommand({time_ns_, ids}),
              Counts(CommandKind::kForgetDeletions, [=, this] { return model_.ForgetDeletions(ids); })};
    }
    const std::vector<Ulid> ids = Below(4) == 0 ? std::vector<Ulid>() : RandomIds(1 + Below(8));
    return {EncodeForgetFailuresCommand({time_ns_, ids}),
            Counts(CommandKind::kForgetFailures, [=, this] { return model_.ForgetFailures(ids); })};
  }
  // A job that the model had at the end of the round before, or none.
  uint64_t SomeJob() {
    if (model_.jobs.empty() || Below(8) == 0) return 1 + Below(30);
    return std::next(model_.jobs.begin(), static_cast<int64_t>(Below(model_.jobs.size())))->first;
  }
  uint64_t TokenOf(uint64_t job) { return model_.jobs.contains(job) && Below(8) > 0 ? model_.jobs[job].token : Below(index_); }

  Command RandomReturn() {
    const uint64_t job = SomeJob();
    const ReturnJobCommand command{.time_ns = time_ns_,
                                   .id = job,
                                   .token = Below(5) == 0 ? 0 : TokenOf(job),
                                   .not_before_ns = Below(3) == 0 ? 0 : time_ns_ + 5,
                                   .counts = Below(3) > 0,
                                   .error = "e" + std::to_string(Below(9))};
    return {EncodeReturnJobCommand(command), Counts(CommandKind::kReturnJob, [=, this] { return model_.Return(command); })};
  }
  Command RandomLease() {
    std::vector<JobLease> leases;
    for (uint64_t n = 1 + Below(3); n > 0; --n) {
      JobLease lease{.output_level = static_cast<uint32_t>(Below(5)), .worker = "w" + std::to_string(Below(3))};
      if (Below(4) == 0) lease.id = SomeJob();
      // The free blocks of one queue, and now and then another.
      const ModelBlock* first = model_.blocks.empty() ? nullptr : &model_.blocks.at(SomeBlock());
      std::set<Ulid> inputs;
      for (const auto& [id, block] : model_.blocks) {
        if (first != nullptr && block.IsFree() && block.Queue() == first->Queue() && Below(3) > 0) inputs.insert(id);
      }
      if (inputs.empty() || Below(10) == 0) inputs.insert(RandomId());
      if (first != nullptr) lease.queue = first->Queue();
      lease.inputs.assign(inputs.begin(), inputs.end());
      leases.push_back(std::move(lease));
    }
    return {EncodeLeaseJobsCommand({time_ns_, leases}), [=, this, time_ns = time_ns_, index = index_](const std::string& answer) {
              const auto leased = DecodeLeaseJobsAnswer(answer);
              ASSERT_TRUE(leased.ok()) << leased.status().ToString();
              std::vector<LeasedJob> want;
              for (const JobLease& lease : leases) want.push_back(model_.Lease(lease, index, time_ns));
              ASSERT_EQ(*leased, want);
              for (const LeasedJob& job : want) done[CommandKind::kLeaseJobs] += job.id != 0;
            }};
  }
  Command RandomEnd() {
    if (!last_end_.first.empty() && Below(6) == 0) return last_end_;
    FinishJobCommand command{.time_ns = time_ns_, .id = SomeJob()};
    command.token = TokenOf(command.id);
    std::vector<Ulid> inputs = Below(10) == 0 ? RandomIds(2) : std::vector<Ulid>();
    if (model_.jobs.contains(command.id)) inputs.insert(inputs.end(), model_.jobs[command.id].inputs.begin(), model_.jobs[command.id].inputs.end());
    std::set<Ulid> seen;
    for (const Ulid& id : inputs) {
      if (!seen.insert(id).second) continue;
      const uint64_t what = Below(10);
      if (what == 0) command.bad.push_back({id, "bad"});
      if (what > 1) command.inputs.push_back(id);
    }
    if (command.inputs.empty() && command.bad.empty()) command.inputs.push_back(RandomId());
    seen.insert(command.inputs.begin(), command.inputs.end());
    if (!command.inputs.empty()) command.outputs = RandomOutputs({seen.begin(), seen.end()});
    last_end_ = {EncodeFinishJobCommand(command, Encoded(command.outputs)), [=, this](const std::string& answer) {
                   const auto finished = DecodeFinishJobAnswer(answer);
                   const auto want = model_.Finish(command);
                   ASSERT_EQ(finished.status().code(), want.code) << finished.status().ToString();
                   ASSERT_EQ(finished.status().reason(), want.reason);
                   if (!finished.ok()) return;
                   ASSERT_EQ(finished->already_done, want.count == 1);
                   ++done[CommandKind::kFinishJob];
                 }};
    return last_end_;
  }

  void CheckPlaces(const kv::Reader& reader) {
    std::vector<FailedBlock> failed;
    std::vector<QuarantinedBlock> quarantined;
    std::map<std::pair<QueueName, Ulid>, const ModelBlock*> free;
    std::map<std::string, std::vector<ExpiringBlock>> expiring;
    for (const auto& [id, block] : model_.blocks) {
      if (block.IsFree()) free[{block.Queue(), id}] = &block;
      if (block.IsFree() && block.failures > 0) failed.push_back({id, block.failures, block.not_before_ns, block.error});
      if (block.is_quarantined) quarantined.push_back({id, block.since_ns, block.reason});
      expiring[block.Tenant()].push_back({id, block.meta.max_time_ns, block.meta.size});
    }
    ASSERT_EQ(*ListFailedBlocks(reader, std::nullopt, 1000), failed);
    ASSERT_EQ(*ListQuarantined(reader, std::nullopt, 1000), quarantined);
    const auto listed = ListFreeBlocks(reader, std::nullopt, 1000);
    ASSERT_EQ(listed->size(), free.size());
    ASSERT_EQ(heard_.free.size(), free.size());
    auto it = free.begin();
    for (const FreeBlock& block : *listed) {
      const auto& [name, want] = *it++;
      const FreeBlock& heard = heard_.free.at(name);
      for (const FreeBlock& is : {block, heard}) {
        ASSERT_EQ(is.queue, name.first);
        ASSERT_EQ(is.block, (QueuedBlock{name.second, want->meta.size, want->meta.min_time_ns, want->meta.max_time_ns}));
        ASSERT_EQ(is.failures, want->failures);
        ASSERT_EQ(is.not_before_ns, want->not_before_ns);
        ASSERT_EQ(is.must_be_rewritten, !want->noted.empty());
      }
    }
    std::vector<Job> jobs;
    for (const auto& [id, job] : model_.jobs) jobs.push_back(job);
    ASSERT_EQ(*ListJobs(reader), jobs);
    std::vector<std::string> tenants;
    for (auto& [tenant, blocks] : expiring) {
      tenants.push_back(tenant);
      std::sort(blocks.begin(), blocks.end(), [](const ExpiringBlock& a, const ExpiringBlock& b) {
        return std::tie(a.max_time_ns, a.id) < std::tie(b.max_time_ns, b.id);
      });
      ASSERT_EQ(*ListExpiring(reader, tenant, INT64_MAX, 1000), blocks);
    }
    ASSERT_EQ(*ListExpiringTenants(reader, std::nullopt, 1000), tenants);
  }

  void CheckDeletions(const kv::Reader& reader) {
    std::vector<Deletion> deletions;
    for (const auto& [id, deletion] : model_.deletions) deletions.insert(deletions.begin(), deletion);
    ASSERT_EQ(*ListDeletions(reader, "", 1000), deletions);
    std::vector<Tombstone> tombstones;
    for (const auto& [id, removed] : model_.removed) tombstones.push_back(removed.tombstone);
    std::sort(tombstones.begin(), tombstones.end(), [](const Tombstone& a, const Tombstone& b) {
      return std::tie(a.removed_ns, a.id) < std::tie(b.removed_ns, b.id);
    });
    ASSERT_EQ(*ListTombstones(reader, INT64_MAX, std::nullopt, 1000), tombstones);
    // Nothing is kept of what is over.
    size_t noted = 0, pending = 0, keys = 0;
    for (const auto& [id, block] : model_.blocks) noted += !block.noted.empty(), pending += block.noted.size();
    for (const auto& [id, removed] : model_.removed) noted += !removed.noted.empty();
    for (const auto& [id, deletion] : model_.deletions) pending += deletion.blocks_to_rewrite > 0;
    for (const KeyKind kind : {KeyKind::kDeletionsOfBlock, KeyKind::kBlockOfDeletion, KeyKind::kPendingDeletion}) {
      const std::string prefix = KindPrefix(kind);
      ASSERT_TRUE(reader.Scan(kv::Family::kState, prefix, PrefixEnd(prefix), [&](auto, auto) { return ++keys > 0; }).ok());
    }
    ASSERT_EQ(keys, noted + pending);
  }

  void CheckQueries(const kv::Reader& reader) {
    const BlockSelection all{.tenants = kTenants, .start_ns = 0, .end_ns = INT64_MAX};
    const auto found = FindBlocks(reader, all);
    ASSERT_TRUE(found.ok()) << found.status().ToString();
    LabelReport pods(kPods[0]);
    std::vector<BlockMeta> want;
    std::set<std::tuple<Ulid, std::string, std::string>> must_read, may_read;
    for (const auto& [id, block] : model_.blocks) {
      BlockMeta meta = block.meta;
      meta.quarantine = block.is_quarantined ? block.reason : "";
      for (const auto& [deletion, index] : block.noted) meta.deletions.push_back(model_.deletions.at(deletion).filter);
      ASSERT_EQ(*ReadBlock(reader, id), InOrderNoted(meta, block));
      std::stable_sort(meta.deletions.begin(), meta.deletions.end(),
                       [](const DataFilter& a, const DataFilter& b) { return a.tenant < b.tenant; });
      std::erase_if(meta.datasets, [&](const DatasetMeta& d) { return model_.Deleted(block, d) == 2; });
      if (meta.datasets.empty()) continue;
      for (DatasetMeta& d : meta.datasets) {
        if (!block.is_quarantined) {
          if (!d.lists_label_sets) must_read.insert({id, d.tenant, d.service});
          if (model_.Deleted(block, d) == 1) may_read.insert({id, d.tenant, d.service});
          for (const Labels& labels : d.label_sets) {
            if (model_.Deleted(block, d) == 0) pods.Add(labels);
          }
        }
        d.lists_label_sets = false;
        d.label_sets.clear();
      }
      std::erase_if(meta.symbols, [&](const TenantSymbols& symbols) {
        return std::none_of(meta.datasets.begin(), meta.datasets.end(),
                            [&](const DatasetMeta& d) { return d.tenant == symbols.tenant; });
      });
      want.push_back(std::move(meta));
    }
    ASSERT_EQ(*found, want);
    const auto labels = QueryLabels(reader, all, kPods);
    ASSERT_TRUE(labels.ok());
    ASSERT_EQ(labels->reports.at(0).strings, pods.Take().strings);
    for (const BlockMeta& block : labels->unanswered) {
      const auto of_block = std::find_if(want.begin(), want.end(), [&](const BlockMeta& w) { return w.id == block.id; });
      ASSERT_EQ(block.deletions, of_block->deletions);
      for (const DatasetMeta& d : block.datasets) {
        const std::tuple name(block.id, d.tenant, d.service);
        ASSERT_TRUE(must_read.erase(name) > 0 || may_read.contains(name));
      }
    }
    ASSERT_TRUE(must_read.empty());
  }
  // GetBlocks gives deletions in the order in which they were noted.
  BlockMeta InOrderNoted(BlockMeta meta, const ModelBlock& block) const {
    std::map<uint64_t, Ulid> noted;
    for (const auto& [deletion, index] : block.noted) noted[index] = deletion;
    meta.deletions.clear();
    for (const auto& [index, deletion] : noted) meta.deletions.push_back(model_.deletions.at(deletion).filter);
    return meta;
  }

  std::mt19937_64 rng_;
  int64_t time_ns_ = kTestTime;
  uint64_t index_ = 0;  // of the command that is made
  bool has_jobs_ = false, is_upgraded_ = false;
  LifecycleModel model_;
  Command last_end_;
  FreeBlocksHeard heard_;
  IndexUnderTest steady_, restarted_, old_;
};

TEST(LifecycleModelTest, AgreesWithTheModel) {
  std::map<CommandKind, int> done;
  for (uint64_t seed = 1; seed <= 14; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ModelRun run(seed);
    run.Rounds(120);
    if (testing::Test::HasFatalFailure()) return;
    for (const auto& [kind, count] : run.done) done[kind] += count;
  }
  for (const CommandKind kind : {CommandKind::kLeaseJobs, CommandKind::kFinishJob, CommandKind::kReturnJob,
                                 CommandKind::kForgetFailures, CommandKind::kQuarantineBlocks, CommandKind::kReleaseBlocks,
                                 CommandKind::kCondemnObjects, CommandKind::kDeleteData, CommandKind::kForgetDeletions}) {
    EXPECT_GE(done[kind], 15) << static_cast<int>(kind) << " hardly ever did anything";
  }
}

}  // namespace
}  // namespace brazier::index
