// Fuzz targets of the metadata index. Commands: any bytes, applied to a state that holds blocks, tombstones, a job, a block in
// quarantine and a deletion, are answered, a refusal writes nothing, the state can be read afterwards, and a second replica that restarts in between ends with the same
// answer and the same bytes. Values: what is accepted comes through the encoder and the decoder unchanged.
#include <algorithm>

#include "common/codec/block_meta_msgpack.h"
#include "store/index/block_queue.h"
#include "store/index/deletions.h"
#include "store/index/index_entries.h"
#include "store/index/index_keys.h"
#include "store/index/index_reader.h"
#include "store/index/job_command.h"
#include "store/index/jobs.h"
#include "store/index/lifecycle_entries.h"
#include "store/index/metadata_index.h"
#include "store/index/tombstones.h"
#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

Ulid IdOf(uint64_t n) { return Ulid{{n, n}}; }

BlockMeta SmallBlock(uint64_t n, uint32_t level) {
  BlockMeta block;
  block.id = IdOf(n);
  block.level = level;
  block.min_time_ns = 10;
  block.max_time_ns = 20;
  block.size = 300;
  DatasetMeta& dataset = block.datasets.emplace_back();
  dataset.tenant = "t";
  dataset.service = "s";
  dataset.min_time_ns = 10;
  dataset.max_time_ns = 20;
  dataset.profile_count = 1;
  dataset.profile_types = {"cpu"};
  dataset.sections = {{SectionKind::kRows, 0, 0, 100, 100, 7}};
  dataset.lists_label_sets = true;
  for (const char* pod : {"a", "b"}) {
    Labels& labels = dataset.label_sets.emplace_back();
    labels.Set("pod", pod);
    labels.Set(label::kServiceName, "s");
    labels.Set(label::kProfileType, "cpu");
  }
  if (level == 0) dataset.identities = {{n, 1}};
  return block;
}

std::string Add(const std::vector<BlockMeta>& blocks) {
  std::vector<std::string> encoded;
  for (const BlockMeta& block : blocks) encoded.push_back(codec::EncodeBlockMeta(block));
  return index::EncodeAddBlocksCommand(1000, {}, encoded);
}

std::string Replace(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs) {
  std::vector<std::string> encoded;
  for (const BlockMeta& block : outputs) encoded.push_back(codec::EncodeBlockMeta(block));
  return index::EncodeReplaceBlocksCommand(1001, encoded, inputs);
}

class Replica {
 public:
  Replica() {
    Open();
    Apply(Add({SmallBlock(1, 0), SmallBlock(2, 0), SmallBlock(3, 1)}));
    Apply(Replace({SmallBlock(4, 1)}, {IdOf(1)}));
    Apply(Add({SmallBlock(10, 0), SmallBlock(11, 0), SmallBlock(12, 2)}));
    Apply(index::EncodeLeaseJobsCommand({1001, {{.output_level = 1, .inputs = {IdOf(10), IdOf(11)}, .worker = "w"}}}));  // token 4
    Apply(index::EncodeQuarantineBlocksCommand({1001, {{IdOf(12), "missing"}}}));
    Apply(index::EncodeDeleteDataCommand({1001, IdOf(90), {"t", "", "{pod=\"a\"}", 0, 15}}));
    Apply(index::EncodeLeaseJobsCommand({1001, {{.id = 1, .worker = "w"}}}));  // token 7
    Apply(index::EncodeCondemnObjectsCommand({1001, {{IdOf(20), 0, 0, "", 9}}}));
  }
  void Open() {
    auto opened = index::MetadataIndex::Open(*store_, applied_);
    FUZZ_CHECK(opened.ok());
    index_ = std::move(opened).value();
  }
  std::string Apply(std::string_view command) {
    kv::WriteBatch batch;
    std::string answer = index_->Apply(++applied_, command, batch);
    wrote_ = !batch.empty();
    FUZZ_CHECK(store_->Write(batch, false).ok());
    index_->Applied(applied_);
    return answer;
  }
  bool wrote() const { return wrote_; }
  const kv::Reader& store() const { return *store_; }
  std::string Dump() const {
    std::string dump;
    FUZZ_CHECK(index::DumpState(*store_, [&](std::string_view piece) { dump += piece; }).ok());
    return dump;
  }

 private:
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<index::MetadataIndex> index_;
  uint64_t applied_ = 0;
  bool wrote_ = false;
};

Status StatusOf(index::CommandKind kind, std::string_view answer) {
  switch (kind) {
    case index::CommandKind::kAddBlocks: return index::DecodeAddBlocksAnswer(answer).status();
    case index::CommandKind::kReplaceBlocks: return index::DecodeReplaceBlocksAnswer(answer).status();
    case index::CommandKind::kPurgeTombstones: return index::DecodePurgeTombstonesAnswer(answer).status();
    case index::CommandKind::kUpgradeState: return index::DecodeUpgradeStateAnswer(answer).status();
    case index::CommandKind::kLeaseJobs: return index::DecodeLeaseJobsAnswer(answer).status();
    case index::CommandKind::kFinishJob: return index::DecodeFinishJobAnswer(answer).status();
    default: return index::DecodeCountAnswer(answer).status();
  }
  return Internal("no such kind");
}

}  // namespace

void RunIndexCommand(Bytes input) {
  Replica replica, restarted;
  const std::string command(AsString(input));
  const std::string answer = replica.Apply(command);
  const Status status = StatusOf(index::ReadCommandKind(command), answer);
  FUZZ_CHECK(status.code() != Code::kInternal);
  FUZZ_CHECK(status.ok() || !replica.wrote());
  restarted.Open();
  FUZZ_CHECK(restarted.Apply(command) == answer);
  // What the command has left can be worked with.
  const std::string next = Replace({SmallBlock(5, 2)}, {IdOf(2), IdOf(3)});
  FUZZ_CHECK(replica.Apply(next) == restarted.Apply(next));
  FUZZ_CHECK(replica.Dump() == restarted.Dump());
  const auto ids = index::ListBlockIds(replica.store(), std::nullopt, 100);
  FUZZ_CHECK(ids.ok());
  for (const Ulid& id : *ids) FUZZ_CHECK(index::ReadBlock(replica.store(), id).ok());
  FUZZ_CHECK(index::ListTombstones(replica.store(), INT64_MAX, std::nullopt, 100).ok());
  const auto queues = index::ListQueues(replica.store(), std::nullopt, 100);
  FUZZ_CHECK(queues.ok());
  size_t queued = 0;
  for (const index::QueueName& queue : *queues) {
    const auto blocks = index::ListQueuedBlocks(replica.store(), queue, std::nullopt, 100);
    FUZZ_CHECK(blocks.ok());
    queued += blocks->size();
  }
  // Every block is in one place: its queue, a job or quarantine.
  const auto jobs = index::ListJobs(replica.store());
  const auto quarantined = index::ListQuarantined(replica.store(), std::nullopt, 100);
  FUZZ_CHECK(jobs.ok() && quarantined.ok());
  size_t in_jobs = 0;
  for (const index::Job& job : *jobs) {
    for (const Ulid& id : job.inputs) in_jobs += std::count(ids->begin(), ids->end(), id);
  }
  FUZZ_CHECK(queued + in_jobs + quarantined->size() == ids->size());
  FUZZ_CHECK(index::ListFreeBlocks(replica.store(), std::nullopt, 100)->size() == queued);
  const auto tenants = index::ListExpiringTenants(replica.store(), std::nullopt, 100);
  FUZZ_CHECK(tenants.ok());
  for (const std::string& tenant : *tenants) FUZZ_CHECK(index::ListExpiring(replica.store(), tenant, INT64_MAX, 100).ok());
  size_t expiring = 0;
  const std::string prefix = index::KindPrefix(index::KeyKind::kExpiry);
  const auto count = [&](std::string_view, std::string_view) { return ++expiring > 0; };
  FUZZ_CHECK(replica.store().Scan(kv::Family::kState, prefix, index::PrefixEnd(prefix), count).ok());
  FUZZ_CHECK(expiring == ids->size());
  FUZZ_CHECK(index::ListFailedBlocks(replica.store(), std::nullopt, 100).ok());
  FUZZ_CHECK(index::ListDeletions(replica.store(), "", 100).ok());
  FUZZ_CHECK(index::FindBlocks(replica.store(), {.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX}).ok());
}

std::vector<std::string> IndexCommandCorpus() {
  return {Add({SmallBlock(2, 0), SmallBlock(6, 0)}),
          Replace({SmallBlock(6, 1), SmallBlock(7, 2)}, {IdOf(2), IdOf(3)}),
          Replace({SmallBlock(4, 1)}, {IdOf(1)}),
          index::EncodePurgeTombstonesCommand(1002, std::vector<Ulid>{IdOf(1), IdOf(2)}),
          index::EncodeUpgradeStateCommand(1002, 100),
          index::EncodeLeaseJobsCommand({1002, {{.output_level = 1, .inputs = {IdOf(2)}, .worker = "w"}, {.id = 1, .worker = "v"}}}),
          index::EncodeFinishJobCommand({1002, 1, 7, {IdOf(10)}, {}, {{IdOf(11), "crc"}}},
                                        std::vector<std::string>{codec::EncodeBlockMeta(SmallBlock(13, 1))}),
          index::EncodeReturnJobCommand({1002, 1, 7, 2000, true, "memory"}),
          index::EncodeForgetFailuresCommand({1002, {}}),
          index::EncodeQuarantineBlocksCommand({1002, {{IdOf(2), "missing"}, {IdOf(10), "crc"}}}),
          index::EncodeReleaseBlocksCommand({1002, {IdOf(12)}}),
          index::EncodeCondemnObjectsCommand({1002, {{IdOf(21), 0, 3, "t", 9}}}),
          Add({SmallBlock(20, 0)}),
          index::EncodeDeleteDataCommand({1002, IdOf(91), {"t", "s", "", 0, 30}}),
          index::EncodeForgetDeletionsCommand({1002, {IdOf(90)}}),
          index::EncodeSetCompactionCommand({1002, true})};
}

// Values of the index. The first byte says which: they have nothing in common.
void RunIndexEntry(Bytes input) {
  if (input.empty()) return;
  const std::string_view value = AsString(input.subspan(1));
  const Ulid id = IdOf(1);
  switch (input[0]) {
    case 2:
      if (const auto job = index::DecodeJob(1, value); job.ok()) FUZZ_CHECK(*index::DecodeJob(1, index::EncodeJob(*job)) == *job);
      return;
    case 3:
      if (const auto deletion = index::DecodeDeletion(id, value); deletion.ok()) {
        FUZZ_CHECK(*index::DecodeDeletion(id, index::EncodeDeletion(*deletion)) == *deletion);
      }
      return;
    case 4:
      if (const auto noted = index::DecodeNotedDeletions(value); noted.ok()) {
        FUZZ_CHECK(*index::DecodeNotedDeletions(index::EncodeNotedDeletions(*noted)) == *noted);
      }
      return;
    case 5:
      if (const auto failure = index::DecodeFailure(id, value); failure.ok()) {
        FUZZ_CHECK(*index::DecodeFailure(id, index::EncodeFailure(*failure)) == *failure);
      }
      return;
    default: break;
  }
  if (input[0] % 2 == 0) {
    const auto labels = index::DecodeLabelSet(value);
    if (labels.ok()) FUZZ_CHECK(*index::DecodeLabelSet(index::EncodeLabelSet(*labels)) == *labels);
    return;
  }
  const auto head = index::DecodeDatasetEntryHead(value);
  const auto entry = index::DecodeDatasetEntry(value);
  FUZZ_CHECK(head.ok() || !entry.ok());
  if (!entry.ok()) return;
  FUZZ_CHECK(entry->label_sets.has_value() == head->lists_label_sets);
  for (size_t i = 0; i < head->label_set_count(); ++i) FUZZ_CHECK(head->label_set(i) == entry->label_sets->at(i));
  const std::string bytes = index::EncodeDatasetEntry(*entry);
  const auto again = index::DecodeDatasetEntry(bytes);
  FUZZ_CHECK(again.ok() && index::EncodeDatasetEntry(*again) == bytes);
}

std::vector<std::string> IndexEntryCorpus() {
  BlockMeta block = SmallBlock(1, 0);
  block.symbols = {{"t", {SectionKind::kSharedSymbols, 1, 200, 50, 90, 2}}};
  index::DatasetEntry entry;
  entry.shared_symbols = block.symbols[0].section;
  entry.dataset = block.datasets[0];
  entry.label_sets = {{1, 2}};
  std::vector<std::string> corpus = {"\1" + index::EncodeDatasetEntry(entry),
                                     std::string(1, '\0') + index::EncodeLabelSet(block.datasets[0].label_sets[0])};
  entry.label_sets.reset();
  entry.shared_symbols.reset();
  corpus.push_back("\1" + index::EncodeDatasetEntry(entry));
  corpus.push_back("\2" + index::EncodeJob({1, 7, {1, 2, "t"}, 2, {IdOf(1), IdOf(2)}, "w", 5, 1}));
  corpus.push_back("\3" + index::EncodeDeletion({IdOf(1), {"t", "s", "{}", 1, 2}, 3, 4, 1, 2, 0}));
  corpus.push_back("\4" + index::EncodeNotedDeletions({{IdOf(1), 7}, {IdOf(2), 8}}));
  corpus.push_back("\5" + index::EncodeFailure({IdOf(1), 2, 5, "memory"}));
  return corpus;
}

}  // namespace brazier::fuzz
