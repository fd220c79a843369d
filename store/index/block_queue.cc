#include "store/index/block_queue.h"

#include "common/codec/msgpack_io.h"
#include "store/index/index_keys.h"
#include "store/index/state_version.h"

namespace brazier::index {
namespace {

using kv::Family;

constexpr uint64_t kVersion = 1;
constexpr size_t kFields = 4;
constexpr size_t kShardBytes = 4;

std::string QueuePrefix(const QueueName& queue) {
  std::string key = KindPrefix(KeyKind::kQueue);
  key.push_back(static_cast<char>(queue.level));  // at most kLevelMax
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(queue.shard >> shift));
  AppendName(key, queue.tenant);
  return key;
}

}  // namespace

QueueName QueueOf(const BlockMeta& block) {
  QueueName queue = QueueOfVersion2(block);
  if (block.level >= kShardlessLevel) queue.shard = 0;
  return queue;
}

QueueName QueueOfVersion2(const BlockMeta& block) {
  return {block.level, block.shard, block.level == 0 || block.datasets.empty() ? "" : block.datasets.front().tenant};
}

std::string QueueKey(const QueueName& queue, const Ulid& id) {
  std::string key = QueuePrefix(queue);
  AppendId(key, id);
  return key;
}

Result<QueueName> ParseQueueKey(std::string_view key, Ulid* id) {
  key.remove_prefix(KindPrefix(KeyKind::kQueue).size());
  QueueName queue;
  if (key.size() < 1 + kShardBytes) return Corruption("an index queue key is too short");
  queue.level = static_cast<uint8_t>(key[0]);
  for (size_t i = 1; i <= kShardBytes; ++i) queue.shard = queue.shard << 8 | static_cast<uint8_t>(key[i]);
  key.remove_prefix(1 + kShardBytes);
  if (!TakeName(key, queue.tenant) || key.size() != kIdBytes) return Corruption("an index queue key is not well-formed");
  *id = ParseId(key);
  return queue;
}

std::string EncodeQueuedBlock(const QueuedBlock& block) {
  codec::MsgpackWriter out;
  out.Array(kFields);
  out.Uint(kVersion);
  out.Uint(block.size);
  out.Int(block.min_time_ns);
  out.Int(block.max_time_ns);
  return out.Take();
}

Result<QueuedBlock> DecodeQueuedBlock(const Ulid& id, std::string_view value) {
  codec::MsgpackReader in(AsBytes(value), "index queue entry");
  size_t fields = in.Array();
  if (in.ok() && fields < kFields) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  QueuedBlock block{.id = id};
  block.size = in.Uint();
  block.min_time_ns = in.Int();
  block.max_time_ns = in.Int();
  for (; fields > kFields && in.ok(); --fields) in.Skip();
  const Status status = in.Finish();
  if (!status.ok()) return Corruption(status.message());
  return block;
}

Result<std::vector<QueueName>> ListQueues(const kv::Reader& reader, const std::optional<QueueName>& after, size_t limit) {
  RETURN_IF_ERROR(CheckUpgraded(reader));
  const std::string kind = KindPrefix(KeyKind::kQueue);
  std::string begin = after.has_value() ? PrefixEnd(QueuePrefix(*after)) : kind;
  std::vector<QueueName> queues;
  for (bool found = true; found && queues.size() < limit;) {
    found = false;
    Result<QueueName> queue = QueueName();
    Ulid id;
    RETURN_IF_ERROR(reader.Scan(Family::kState, begin, PrefixEnd(kind), [&](std::string_view key, std::string_view) {
      queue = ParseQueueKey(key, &id);
      found = true;
      return false;
    }));
    if (!found) break;
    RETURN_IF_ERROR(queue.status());
    begin = PrefixEnd(QueuePrefix(*queue));
    queues.push_back(std::move(queue).value());
  }
  return queues;
}

Result<std::vector<QueuedBlock>> ListQueuedBlocks(const kv::Reader& reader, const QueueName& queue,
                                                  const std::optional<Ulid>& after, size_t limit) {
  RETURN_IF_ERROR(CheckUpgraded(reader));
  std::vector<QueuedBlock> blocks;
  if (limit == 0) return blocks;
  const std::string prefix = QueuePrefix(queue);
  const std::string begin = after.has_value() ? QueueKey(queue, *after) + '\0' : prefix;  // the first key above
  Status bad;
  RETURN_IF_ERROR(reader.Scan(Family::kState, begin, PrefixEnd(prefix), [&](std::string_view key, std::string_view value) {
    if (key.size() != prefix.size() + kIdBytes) {
      bad = Corruption("an index queue key has " + std::to_string(key.size()) + " bytes");
      return false;
    }
    auto block = DecodeQueuedBlock(ParseId(key.substr(prefix.size())), value);
    bad = block.status();
    if (!bad.ok()) return false;
    blocks.push_back(std::move(block).value());
    return blocks.size() < limit;
  }));
  RETURN_IF_ERROR(bad);
  return blocks;
}

}  // namespace brazier::index
