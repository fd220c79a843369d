// One step: something that can happen happens, then whatever the scheduler decides is carried out. Time is virtual and moves by
// itself between steps; nothing here asks a clock or a random device.
#include "tests/sim/life/life_simulation.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/base/check.h"
#include "common/codec/block_meta_msgpack.h"
#include "common/model/rollup.h"
#include "server/metastore/add_blocks_packing.h"
#include "server/metastore/compaction/compaction_policy.h"
#include "store/block/block_merge.h"
#include "store/block/block_reader.h"
#include "store/index/deletions.h"
#include "store/index/index_reader.h"
#include "store/index/tombstones.h"
#include "store/object/memory_object_store.h"
#include "tests/sim/life/life_archive.h"
#include "tests/sim/life/life_questions.h"
#include "tests/support/batch_builder.h"
#include "tests/support/fake_random.h"
#include "tests/support/scheduled_index.h"

namespace brazier::simulation {
namespace {

constexpr int64_t kSecond = kNsPerSecond;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kBeginNs = int64_t{1'700'000'000} * kSecond;
constexpr int64_t kDeleteDelayNs = 900 * kSecond;
constexpr size_t kCommandBytesMax = 1 << 20;
constexpr const char* kTenants[] = {"alpha", "beta"};
constexpr const char* kServices[] = {"api", "web", "jobs"};
constexpr const char* kTypes[] = {"process_cpu:cpu:nanoseconds:cpu:nanoseconds", "memory:alloc:bytes:space:bytes"};

// One worker's life: the jobs it holds.
struct Worker {
  std::string name;
  std::vector<contract::CompactionJob> jobs;
};

class Life final : private block::MergeHost {
 public:
  explicit Life(const LifeOptions& options)
      : options_(options), random_(options.seed), index_(Policy(), options.seed), questions_(objects_) {
    Lead();
    for (int i = 0; i < 3; ++i) workers_.push_back({"worker-" + std::to_string(i), {}});
  }

  LifeResult Run() {
    for (uint32_t step = 0; step < options_.steps && failure_.empty(); ++step) Step();
    if (failure_.empty()) Settle();
    figures_.quarantined += quarantined_ever_.size();
    return {failure_, figures_, trace_};
  }

 private:
  static metastore::CompactionPolicy Policy() {
    metastore::CompactionPolicy policy;
    policy.block_bytes_max = 64 << 10;
    policy.memory_bytes_max = 8 << 20;
    for (auto& level : policy.levels) level.blocks_max = std::min<size_t>(level.blocks_max, 12);
    return policy;
  }

  void Fail(const std::string& what) {
    if (failure_.empty()) failure_ = "after " + std::to_string((now_ns_ - kBeginNs) / kSecond) + " s: " + what;
  }
  void Trace(const std::string& what) {
    trace_ = HashTo128(AsBytes(what), trace_).low;
    if (options_.prints) std::printf("%10.3f  %s\n", static_cast<double>(now_ns_ - kBeginNs) / 1e9, what.c_str());
  }
  bool Chance(uint64_t percent) { return random_.Below(100) < percent; }

  // ---- the state machine and its leader

  std::string Apply(const std::string& command) { return index_.Apply(command, now_ns_); }

  void Lead() {
    Trace("another leader");
    ++figures_.leaders;
    index_.Lead(now_ns_);
  }

  void Decide() {
    index_.Decide(now_ns_, [this](const std::string& name, std::vector<contract::CompactionJob> jobs) {
      for (Worker& worker : workers_) {
        if (worker.name != name) continue;
        for (auto& job : jobs) worker.jobs.push_back(std::move(job));
      }
    });
  }

  void Return(const contract::CompactionJob& job, int64_t not_before_ns, bool counts, const std::string& why) {
    index_.Return({job.id, job.token, not_before_ns, counts, why}, now_ns_);
  }

  // ---- what can happen

  void Step() {
    now_ns_ += static_cast<int64_t>(random_.Below(Chance(3) ? 3 * kHour : Chance(20) ? 120 * kSecond : 2 * kSecond));
    const uint64_t what = random_.Below(100);
    if (what < 35) {
      WriteSegment();
    } else if (what < 50) {
      Pull(workers_[random_.Below(workers_.size())]);
    } else if (what < 78) {
      Work(workers_[random_.Below(workers_.size())]);
    } else if (what < 88) {
      Query();
    } else if (what < 91) {
      CollectGarbage();
    } else if (what < 93) {
      DeleteData();
    } else if (what < 95) {
      Lead();
    } else if (what < 97) {
      Trace("the member starts again");
      index_.Restart();
      Lead();
    } else if (what < 98) {
      Damage();
    } else {
      Beat();
    }
    Decide();
  }

  void WriteSegment() {
    block::BlockWriter writer(1);
    std::vector<ArchivedProfile> profiles;
    const size_t batches = 1 + random_.Below(3);
    for (size_t i = 0; i < batches; ++i) {
      const std::string tenant = kTenants[random_.Below(2)];
      const std::string service = kServices[random_.Below(3)];
      testing::BatchBuilder builder(tenant, service);
      const size_t count = 1 + random_.Below(4);
      for (size_t j = 0; j < count; ++j) {
        ArchivedProfile profile = NewProfile(tenant, service);
        builder.Profile(profile.identity, profile.time_ns, profile.samples, profile.labels,
                        std::string(profile.labels.Get(label::kProfileType)));
        profiles.push_back(std::move(profile));
      }
      writer.Add(builder.Build());
    }
    const uint32_t shard = 1 + static_cast<uint32_t>(random_.Below(3));
    block::BuiltBlock built = writer.Build(Ulid::Make(now_ns_ / kNsPerMs, random_), shard, 0);
    CHECK(objects_.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
    if (Chance(3)) {
      Trace("a writer dies before it registers " + built.meta.id.ToString());
      ++figures_.orphans;
      return;
    }
    Trace("segment " + built.meta.id.ToString());
    last_data_ns_ = now_ns_;
    Register(built.meta);
    if (Chance(10)) Register(built.meta);  // the answer was lost
    for (ArchivedProfile& profile : profiles) {
      figures_.repeats += sent_.size() > 0 && profile.identity == last_repeat_;
      sent_.push_back(profile);
      archive_.Add(std::move(profile));
    }
    ++figures_.segments;
    figures_.profiles += built.meta.datasets.size();
  }

  ArchivedProfile NewProfile(const std::string& tenant, const std::string& service) {
    if (!sent_.empty() && Chance(8)) {
      // The same again, as a client does that did not hear the answer; or only its time and labels, which is another profile.
      for (size_t back = 0; back < 10 && back < sent_.size(); ++back) {
        ArchivedProfile profile = sent_[sent_.size() - 1 - back];
        if (profile.tenant != tenant || profile.service != service) continue;
        profile.counts = true;
        if (Chance(50)) profile.identity = {options_.seed, ++identities_};
        last_repeat_ = profile.identity;
        return profile;
      }
    }
    ArchivedProfile profile;
    profile.tenant = tenant;
    profile.service = service;
    profile.identity = Chance(5) ? Hash128() : Hash128{options_.seed, ++identities_};
    // Mostly now, sometimes exactly on an edge, sometimes days late.
    profile.time_ns = now_ns_ - static_cast<int64_t>(random_.Below(Chance(5) ? 50 * kHour : 20 * kSecond));
    if (Chance(15)) profile.time_ns = profile.time_ns / kRollupHourNs * kRollupHourNs;
    profile.labels.Set(label::kServiceName, service);
    profile.labels.Set(label::kProfileType, kTypes[random_.Below(2)]);
    profile.labels.Set("pod", "pod-" + std::to_string(random_.Below(3) + 3 * static_cast<uint64_t>((now_ns_ - kBeginNs) / (6 * kHour))));
    if (Chance(30)) profile.labels.Set("region", Chance(50) ? "eu" : "us");
    const size_t stacks = random_.Below(6);
    std::map<std::string, int64_t> samples;
    for (size_t i = 0; i < stacks; ++i) {
      std::string stack = "main";
      const size_t depth = random_.Below(4);
      for (size_t d = 0; d < depth; ++d) stack += ";" + service.substr(0, 1 + random_.Below(2)) + std::to_string(random_.Below(8));
      samples[stack] += 1 + static_cast<int64_t>(random_.Below(1'000));
    }
    profile.samples.assign(samples.begin(), samples.end());
    return profile;
  }

  void Register(const BlockMeta& meta) {
    const auto commands = metastore::PackAddBlocks({meta}, now_ns_, {.window_ns = index::kDedupWindowNsMax, .bytes_max = 64 << 20},
                                                   kCommandBytesMax);
    CHECK(commands.ok());
    for (const std::string& command : *commands) {
      const auto answer = index::DecodeAddBlocksAnswer(Apply(command));
      if (!answer.ok()) Fail("registering a segment: " + answer.status().ToString());
    }
  }

  void Pull(Worker& worker) {
    index_.Pull(worker.name, 1 + random_.Below(2), now_ns_ + 10 * kSecond, now_ns_);
  }

  void Beat() {
    for (Worker& worker : workers_) {
      std::vector<contract::JobProgress> progress;
      for (const auto& job : worker.jobs) progress.push_back({job.id, job.token, 0, 0});
      const std::vector<uint64_t> stop = index_.scheduler().Heartbeat(worker.name, progress, now_ns_);
      std::erase_if(worker.jobs, [&](const auto& job) { return std::find(stop.begin(), stop.end(), job.id) != stop.end(); });
    }
  }

  void Work(Worker& worker) {
    if (worker.jobs.empty()) return;
    if (Chance(8)) {
      Trace(worker.name + " dies");
      ++figures_.workers_died;
      // Another life: whoever asked for jobs before is not heard of any more.
      worker.jobs.clear();
      worker.name += "'";
      return;
    }
    const contract::CompactionJob job = worker.jobs.front();
    puts_left_ = Chance(10) ? random_.Below(3) : UINT64_MAX;
    std::optional<contract::FinishedJob> finished = Merge(job);
    if (puts_left_ == 0) {
      Trace(worker.name + " dies while it writes");
      ++figures_.workers_died;
      worker.jobs.clear();
      worker.name += "'";
      return;
    }
    if (Chance(15)) return;  // slow: does it again later, and another one may have it by then
    worker.jobs.erase(worker.jobs.begin());
    if (!finished.has_value()) {
      return Return(job, now_ns_ + 5 * kSecond, true, "inputs are gone");
    }
    Finish(*finished);
    if (Chance(10)) Finish(*finished);  // the answer was lost
  }

  std::optional<contract::FinishedJob> Merge(const contract::CompactionJob& job) {
    contract::FinishedJob finished{.id = job.id, .token = job.token};
    std::vector<Ulid> ids = job.inputs;
    for (;;) {
      std::vector<BlockMeta> inputs;
      for (const Ulid& id : ids) {
        auto block = index::ReadBlock(index_.state(), id);
        if (block.status().code() == Code::kNotFound) continue;
        CHECK(block.ok());
        if (options_.canary == LifeCanary::kForgetDeletions) block->deletions.clear();
        if (!block->IsQuarantined()) inputs.push_back(*std::move(block));
      }
      finished.inputs.clear();
      for (const BlockMeta& input : inputs) finished.inputs.push_back(input.id);
      outputs_.clear();
      if (inputs.empty() && finished.bad.empty()) return std::nullopt;
      if (inputs.empty()) return finished;
      const block::MergeOptions options{.level = job.level, .shard = job.shard, .block_bytes_max = job.block_bytes_max,
                                        .memory_bytes_max = job.memory_bytes_max, .hour_rollups = job.hour_rollups,
                                        .day_rollups = job.day_rollups, .salt = job.id};
      Ulid bad;
      const auto merged = block::MergeBlocks(options, objects_, inputs, *this, &bad);
      if (merged.ok()) {
        finished.outputs = std::move(outputs_);
        return finished;
      }
      if (merged.status().code() != Code::kCorruption && merged.status().code() != Code::kNotFound) return std::nullopt;
      if (std::find(ids.begin(), ids.end(), bad) == ids.end()) {
        Fail("a merge blames a block that is none of its inputs: " + merged.status().ToString());
        return std::nullopt;
      }
      finished.bad.push_back({bad, merged.status().message()});
      std::erase(ids, bad);
    }
  }

  // MergeHost.
  Status Put(block::BuiltBlock built) override {
    if (puts_left_ == 0) return Unavailable("the worker is dead");
    --puts_left_;
    if (options_.canary == LifeCanary::kLoseARepeatedTime) LoseARepeatedTime(built);
    RETURN_IF_ERROR(objects_.Put(built.meta.ObjectKey(), {AsBytes(built.object)}));
    outputs_.push_back(std::move(built.meta));
    return Status::Ok();
  }
  // The reference's fault: what has the labels and the time of another profile is hidden for good.
  void LoseARepeatedTime(block::BuiltBlock& built) {
    for (size_t d = 0; d < built.meta.datasets.size(); ++d) {
      BlockRead read{built.meta.id, built.meta.ObjectKey(), built.meta.symbols, built.meta.datasets};
      const auto sections = block::BlockSections::FromObject(AsBytes(built.object), read, {});
      CHECK(sections.ok());
      const auto rows = sections->Rows(d);
      CHECK(rows.ok());
      std::set<std::pair<uint32_t, int64_t>> seen;
      for (const auto& row : rows->rows) {
        if (!seen.emplace(row.series, rows->profiles[row.profile].time_ns).second) {
          built.meta.datasets[d].hidden_profiles.push_back(row.profile);
        }
      }
    }
  }

  void Finish(const contract::FinishedJob& job) {
    const Status status = index_.Finish(job, now_ns_);
    if (status.ok()) {
      ++figures_.jobs_finished;
      for (const auto& bad : job.bad) quarantined_ever_.insert(bad.id);
      return Trace("job " + std::to_string(job.id) + ": " + std::to_string(job.inputs.size()) + " into " + std::to_string(job.outputs.size()));
    }
    ++figures_.jobs_refused;
    Trace("job " + std::to_string(job.id) + " is refused: " + status.ToString());
    if (status.code() != Code::kNotFound && status.code() != Code::kFailedPrecondition) Fail("finishing a job: " + status.ToString());
    index_.Return({job.id, job.token, 0, false, "inputs have changed"}, now_ns_);
  }

  void DeleteData() {
    const std::string tenant = kTenants[random_.Below(2)];
    DataFilter filter{.tenant = tenant, .service = "", .selector = "", .start_ns = now_ns_ - 40 * kHour, .end_ns = now_ns_};
    if (Chance(80)) filter.service = kServices[random_.Below(3)];
    if (Chance(70)) filter.selector = Chance(50) ? "{region=\"eu\"}" : "{pod=~\"pod-[12]\"}";
    if (Chance(60)) {
      filter.start_ns = now_ns_ - static_cast<int64_t>(random_.Below(10 * kHour));
      filter.end_ns = filter.start_ns + static_cast<int64_t>(random_.Below(3 * kHour));
    }
    if (filter.service.empty() && filter.selector.empty() && Chance(70)) return;
    const Ulid id = Ulid::Make(now_ns_ / kNsPerMs, random_);
    Trace("delete " + filter.tenant + " " + filter.service + " " + filter.selector);
    for (int times = Chance(20) ? 2 : 1; times > 0; --times) {
      const auto answer = index::DecodeCountAnswer(Apply(index::EncodeDeleteDataCommand({now_ns_, id, filter})));
      if (!answer.ok()) return Fail("deleting: " + answer.status().ToString());
    }
    archive_.Delete(filter);
    ++figures_.deletions;
    Query();
  }

  // One object is damaged for a while. Answers may go without its block once it is in quarantine, and say so.
  void Damage() {
    const auto objects = objects_.List("", "", 10'000);
    CHECK(objects.ok());
    if (objects->empty() || damaged_.has_value()) return;
    const std::string key = (*objects)[random_.Below(objects->size())].key;
    std::string bytes = *objects_.Get(key);
    damaged_ = {key, bytes};
    ++figures_.damaged;
    Trace("damage to " + key);
    if (Chance(30)) {
      CHECK(objects_.Delete(key).ok());
      return;
    }
    bytes[random_.Below(bytes.size())] ^= 0x10;
    CHECK(objects_.Put(key, {AsBytes(bytes)}).ok());
  }
  void Repair() {
    if (!damaged_.has_value()) return;
    CHECK(objects_.Put(damaged_->first, {AsBytes(damaged_->second)}).ok());
    damaged_.reset();
    const auto quarantined = index::ListQuarantined(index_.state(), std::nullopt, 10'000);
    CHECK(quarantined.ok());
    index::ReleaseBlocksCommand command{now_ns_, {}};
    for (const auto& block : *quarantined) command.blocks.push_back(block.id);
    if (!command.blocks.empty()) Apply(index::EncodeReleaseBlocksCommand(command));
    Trace("repaired, " + std::to_string(command.blocks.size()) + " released");
  }

  void CollectGarbage() {
    Repair();
    const auto tombstones = index::ListTombstones(index_.state(), now_ns_ - kDeleteDelayNs, std::nullopt, 10'000);
    CHECK(tombstones.ok());
    index::PurgeTombstonesCommand purge{now_ns_, {}};
    for (const index::Tombstone& tombstone : *tombstones) {
      CHECK(objects_.Delete(tombstone.ObjectKey()).ok());
      purge.blocks.push_back(tombstone.id);
      ++figures_.objects_deleted;
    }
    if (!purge.blocks.empty()) Apply(index::EncodePurgeTombstonesCommand(now_ns_, purge.blocks));
  }

  // ---- checks

  void Query() {
    Question question = RandomQuestion();
    const auto wrong = questions_.Check(index_.state(), archive_, question, damaged_.has_value(), &figures_.rollup_rows);
    ++figures_.queries;
    if (wrong.has_value()) Fail(*wrong);
  }

  Question RandomQuestion() {
    Question question;
    question.tenant = kTenants[random_.Below(2)];
    question.profile_type = kTypes[random_.Below(2)];
    if (Chance(50)) question.service = kServices[random_.Below(3)];
    if (Chance(40)) question.matcher = Chance(50) ? "region=\"eu\"" : "pod=~\"pod-[0-4]\"";
    question.end_ns = last_data_ns_ + 1 - static_cast<int64_t>(random_.Below(Chance(40) ? 30 * kHour : kHour));
    question.start_ns = question.end_ns - static_cast<int64_t>(random_.Below(Chance(50) ? 60 * kHour : 2 * kHour));
    if (Chance(50)) {
      question.start_ns = question.start_ns / kRollupHourNs * kRollupHourNs;
      question.end_ns = question.end_ns / kRollupHourNs * kRollupHourNs;
    }
    const int64_t steps[] = {kHour, 24 * kHour, 15 * 60 * kSecond, 7 * kSecond * 60};
    question.step_ns = steps[random_.Below(4)];
    return question;
  }

  // Until nothing is left to do; then all that must hold in the end.
  void Settle() {
    Repair();
    CondemnOrphans();
    for (int round = 0; round < 60 && failure_.empty(); ++round) {
      Repair();
      Query();
      now_ns_ += round % 10 == 9 ? 25 * kHour : 40 * kSecond;
      for (Worker& worker : workers_) {
        Pull(worker);
        Decide();
        puts_left_ = UINT64_MAX;
        while (!worker.jobs.empty() && failure_.empty()) {
          const contract::CompactionJob job = worker.jobs.front();
          worker.jobs.erase(worker.jobs.begin());
          const auto finished = Merge(job);
          if (finished.has_value()) {
            Finish(*finished);
          } else {
            Return(job, 0, false, "inputs are gone");
          }
          Decide();
        }
      }
      if (round % 10 == 9) CondemnOrphans();
      CollectGarbage();
      Decide();
    }
    if (!failure_.empty()) return;
    for (int i = 0; i < 30 && failure_.empty(); ++i) Query();
    CheckObjects();
    CheckDeletions();
  }

  void CondemnOrphans() {
    const auto objects = objects_.List("", "", 100'000);
    CHECK(objects.ok());
    index::CondemnObjectsCommand command{now_ns_, {}};
    for (const auto& object : *objects) {
      const auto footer = block::FetchFooter(objects_, object.key, object.size, 64 << 20);
      CHECK(footer.ok());
      command.objects.push_back({footer->id, footer->shard, footer->level,
                                 footer->level == 0 ? "" : footer->datasets.front().tenant, object.size});
    }
    if (!command.objects.empty()) Apply(index::EncodeCondemnObjectsCommand(command));
  }

  void CheckObjects() {
    const auto objects = objects_.List("", "", 100'000);
    const auto ids = index::ListBlockIds(index_.state(), std::nullopt, 100'000);
    CHECK(objects.ok() && ids.ok());
    std::set<std::string> referenced;
    for (const Ulid& id : *ids) {
      const auto block = index::ReadBlock(index_.state(), id);
      CHECK(block.ok());
      referenced.insert(block->ObjectKey());
      for (const DatasetMeta& dataset : block->datasets) {
        if (block->level >= metastore::CompactionPolicy::kFirstLevelWithHours &&
            block::FindSection(dataset.sections, SectionKind::kHourRows) == nullptr) {
          Fail("block " + block->ObjectKey() + " has no hour roll-ups of service " + dataset.service);
        }
      }
      if (block->level < metastore::CompactionPolicy::kLastLevel - 1) Fail("block " + block->ObjectKey() + " was left at level " + std::to_string(block->level));
    }
    const auto tombstones = index::ListTombstones(index_.state(), INT64_MAX / 2, std::nullopt, 100'000);
    for (const auto& tombstone : *tombstones) referenced.insert(tombstone.ObjectKey());
    std::set<std::string> stored;
    for (const auto& object : *objects) stored.insert(object.key);
    for (const std::string& key : stored) {
      if (!referenced.contains(key)) Fail("object " + key + " belongs to nobody");
    }
    for (const Ulid& id : *ids) {
      const std::string key = index::ReadBlock(index_.state(), id)->ObjectKey();
      if (!stored.contains(key)) Fail("the object of block " + key + " is gone");
    }
    figures_.blocks_at_end = ids->size();
  }

  void CheckDeletions() {
    const auto deletions = index::ListDeletions(index_.state(), "", 10'000);
    CHECK(deletions.ok());
    for (const index::Deletion& deletion : *deletions) {
      if (deletion.confirmed_ns == 0) {
        Fail("deletion " + deletion.id.ToString() + " is not confirmed: " + std::to_string(deletion.blocks_to_rewrite) +
             " blocks to rewrite, " + std::to_string(deletion.objects_to_delete) + " objects to delete");
      }
    }
  }

  const LifeOptions options_;
  testing::FakeRandom random_;
  int64_t now_ns_ = kBeginNs;
  int64_t last_data_ns_ = kBeginNs;  // when something was written last: questions are about the time before
  testing::ScheduledIndex index_;
  object::MemoryObjectStore objects_;
  LifeQuestions questions_;
  LifeArchive archive_;
  std::vector<ArchivedProfile> sent_;
  Hash128 last_repeat_;
  uint64_t identities_ = 0;
  std::vector<Worker> workers_;
  uint64_t puts_left_ = UINT64_MAX;
  std::vector<BlockMeta> outputs_;
  std::optional<std::pair<std::string, std::string>> damaged_;
  std::set<Ulid> quarantined_ever_;
  LifeFigures figures_;
  uint64_t trace_ = 0;
  std::string failure_;
};

}  // namespace

const char* LifeCanaryName(LifeCanary canary) {
  switch (canary) {
    case LifeCanary::kNone: return "none";
    case LifeCanary::kLoseARepeatedTime: return "lose-a-repeated-time";
    case LifeCanary::kForgetDeletions: return "forget-deletions";
  }
  return "unknown";
}

LifeResult SimulateLife(const LifeOptions& options) { return Life(options).Run(); }

}  // namespace brazier::simulation
