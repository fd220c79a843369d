// Fuzz targets of the metadata index. Commands: any bytes, applied to a state that holds blocks and a tombstone, are answered, a
// refusal writes nothing, the state can be read afterwards, and a second replica that restarts in between ends with the same
// answer and the same bytes. Values: what is accepted comes through the encoder and the decoder unchanged.
#include "common/codec/block_meta_msgpack.h"
#include "store/index/block_queue.h"
#include "store/index/index_entries.h"
#include "store/index/index_reader.h"
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
  FUZZ_CHECK(queued == ids->size());
}

std::vector<std::string> IndexCommandCorpus() {
  return {Add({SmallBlock(2, 0), SmallBlock(6, 0)}),
          Replace({SmallBlock(6, 1), SmallBlock(7, 2)}, {IdOf(2), IdOf(3)}),
          Replace({SmallBlock(4, 1)}, {IdOf(1)}),
          index::EncodePurgeTombstonesCommand(1002, std::vector<Ulid>{IdOf(1), IdOf(2)}),
          index::EncodeUpgradeStateCommand(1002, 100)};
}

// Values of the index. The first byte says which: they have nothing in common.
void RunIndexEntry(Bytes input) {
  if (input.empty()) return;
  const std::string_view value = AsString(input.subspan(1));
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
  return corpus;
}

}  // namespace brazier::fuzz
