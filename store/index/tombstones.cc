#include "store/index/tombstones.h"

#include "common/codec/msgpack_io.h"
#include "store/index/block_queue.h"
#include "store/index/index_entries.h"
#include "store/index/index_keys.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;
using kv::Family;

constexpr uint64_t kVersion = 1;
constexpr size_t kTombstoneFields = 5;
constexpr size_t kRemovedFields = 3;
constexpr size_t kCondemnedFields = 4;

size_t Begin(MsgpackReader& in, size_t known) {
  const size_t fields = in.Array();
  if (in.ok() && fields < known) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  return fields;
}

Status End(MsgpackReader& in, size_t fields, size_t known) {
  for (; fields > known && in.ok(); --fields) in.Skip();
  const Status status = in.Finish();
  return status.ok() ? status : Corruption(status.message());
}

}  // namespace

std::string Tombstone::ObjectKey() const {
  BlockMeta block;
  block.id = id;
  block.shard = shard;
  block.level = level;
  if (level > 0) block.datasets.emplace_back().tenant = tenant;
  return block.ObjectKey();
}

Tombstone TombstoneOf(const BlockMeta& block, int64_t removed_ns) {
  return {block.id, removed_ns, block.shard, block.level, QueueOf(block).tenant, block.size};
}

std::string EncodeTombstone(const Tombstone& tombstone) {
  MsgpackWriter out;
  out.Array(kTombstoneFields);
  out.Uint(kVersion);
  out.Uint(tombstone.shard);
  out.Uint(tombstone.level);
  out.Str(tombstone.tenant);
  out.Uint(tombstone.size);
  return out.Take();
}

Result<Tombstone> DecodeTombstone(const Ulid& id, int64_t removed_ns, std::string_view value) {
  MsgpackReader in(AsBytes(value), "index tombstone");
  const size_t fields = Begin(in, kTombstoneFields);
  Tombstone tombstone{.id = id, .removed_ns = removed_ns};
  tombstone.shard = in.Uint32();
  tombstone.level = in.Uint32();
  tombstone.tenant = in.Str();
  tombstone.size = in.Uint();
  RETURN_IF_ERROR(End(in, fields, kTombstoneFields));
  return tombstone;
}

std::string EncodeRemovedBlock(int64_t removed_ns, std::string_view block_entry, bool is_condemned) {
  MsgpackWriter out;
  out.Reserve(block_entry.size() + 16);
  out.Array(is_condemned ? kCondemnedFields : kRemovedFields);
  out.Uint(kVersion);
  out.Int(removed_ns);
  out.Bin(AsBytes(block_entry));
  if (is_condemned) out.Bool(true);
  return out.Take();
}

Result<RemovedBlock> DecodeRemovedBlock(std::string_view value) {
  MsgpackReader in(AsBytes(value), "index removed block");
  const size_t fields = Begin(in, kRemovedFields);
  RemovedBlock removed;
  removed.removed_ns = in.Int();
  removed.entry = AsString(in.Bin());
  if (in.ok() && fields >= kCondemnedFields) removed.is_condemned = in.Bool();
  RETURN_IF_ERROR(End(in, fields, fields >= kCondemnedFields ? kCondemnedFields : kRemovedFields));
  return removed;
}

std::string RemovedKey(const Ulid& id) {
  std::string key = KindPrefix(KeyKind::kRemoved);
  AppendId(key, id);
  return key;
}

std::string RemovedByTimeKey(int64_t removed_ns, const Ulid& id) {
  std::string key = KindPrefix(KeyKind::kRemovedByTime);
  AppendTime(key, removed_ns);
  AppendId(key, id);
  return key;
}

Result<std::vector<Tombstone>> ListTombstones(const kv::Reader& reader, int64_t before_ns,
                                              const std::optional<TombstoneCursor>& after, size_t limit) {
  std::vector<Tombstone> tombstones;
  if (limit == 0) return tombstones;
  const std::string prefix = KindPrefix(KeyKind::kRemovedByTime);
  const std::string begin = after.has_value() ? RemovedByTimeKey(after->removed_ns, after->id) + '\0' : prefix;
  std::string end = prefix;
  AppendTime(end, before_ns);
  Status bad;
  RETURN_IF_ERROR(reader.Scan(Family::kState, begin, end, [&](std::string_view key, std::string_view value) {
    if (key.size() != prefix.size() + kTimeBytes + kIdBytes) {
      bad = Corruption("an index tombstone key has " + std::to_string(key.size()) + " bytes");
      return false;
    }
    key.remove_prefix(prefix.size());
    auto tombstone = DecodeTombstone(ParseId(key.substr(kTimeBytes)), ParseTime(key), value);
    bad = tombstone.status();
    if (!bad.ok()) return false;
    tombstones.push_back(std::move(tombstone).value());
    return tombstones.size() < limit;
  }));
  RETURN_IF_ERROR(bad);
  return tombstones;
}

Result<std::optional<Tombstone>> ReadTombstone(const kv::Reader& reader, const Ulid& id) {
  const auto value = reader.Get(Family::kState, RemovedKey(id));
  if (value.status().code() == Code::kNotFound) return std::optional<Tombstone>();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(const RemovedBlock removed, DecodeRemovedBlock(*value));
  ASSIGN_OR_RETURN(const BlockMeta block, DecodeBlockEntry(removed.entry));
  return std::optional<Tombstone>(TombstoneOf(block, removed.removed_ns));
}

}  // namespace brazier::index
