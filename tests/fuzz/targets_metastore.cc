// What a metastore takes from the object store and from other members beside the log: manifests of snapshots, members, keys and
// objects that a scrub meets, overrides.
#include <cstring>

#include "common/base/crc32c.h"
#include "common/config/overrides.h"
#include "server/metastore/lifecycle/object_check.h"
#include "server/metastore/lifecycle/orphans.h"
#include "server/metastore/snapshot/snapshot_format.h"
#include "store/block/block_reader.h"
#include "store/consensus/raft_records.h"
#include "store/object/memory_object_store.h"
#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

// With the checksum put right, so that the fields behind it are reached.
std::string Sealed(Bytes input) {
  std::string bytes(AsString(input));
  const uint32_t crc = Crc32c(input);
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
  return bytes;
}

std::string Unsealed(std::string bytes) {
  bytes.resize(bytes.size() - sizeof(uint32_t));
  return bytes;
}

}  // namespace

void RunSnapshotManifest(Bytes input) {
  const auto manifest = metastore::DecodeManifest(Sealed(input));
  if (!manifest.ok()) return;
  const auto again = metastore::DecodeManifest(metastore::EncodeManifest(*manifest));
  FUZZ_CHECK(again.ok() && *again == *manifest);
  std::string_view file;
  static_cast<void>(metastore::ParseSnapshotKey(AsString(input), &file));
}

std::vector<std::string> SnapshotManifestCorpus() {
  const metastore::SnapshotName name{.group_id = 0xabcdef, .index = 42, .time_ms = 1'700'000'000'000};
  return {Unsealed(metastore::EncodeManifest({.name = name, .term = 3, .parts = {{2, 20, 25, 9}, {1, 2, 3, 4}}})),
          Unsealed(metastore::EncodeManifest({.name = name})), name.PartKey(3)};
}

void RunGroupMembers(Bytes input) {
  const auto members = consensus::DecodeMembers(Sealed(input));
  if (!members.ok()) return;
  FUZZ_CHECK(consensus::EncodeMembers(*members) == Sealed(input));
}

std::vector<std::string> GroupMembersCorpus() {
  return {Unsealed(consensus::EncodeMembers({{.node_id = 1, .name = "a", .rpc_address = "h:1", .raft_address = "tcp://h:2"},
                                             {.node_id = 2}})),
          Unsealed(consensus::EncodeMembers({}))};
}

void RunObjectKey(Bytes input) {
  const std::string_view key = AsString(input);
  const auto object = metastore::ParseObjectKey(key, 1);
  if (!object.has_value()) return;
  index::Tombstone tombstone;
  tombstone.id = object->id;
  tombstone.shard = object->shard;
  tombstone.level = object->level;
  tombstone.tenant = object->tenant;
  FUZZ_CHECK(tombstone.ObjectKey() == key);
}

std::vector<std::string> ObjectKeyCorpus() {
  BlockMeta block;
  block.id = Ulid{{uint64_t{1'700'000'000'000} << 16, 7}};
  block.shard = 12;
  block.datasets = {DatasetMeta{.tenant = "team-a"}};
  const std::string segment = block.ObjectKey();
  block.level = 3;
  return {segment, block.ObjectKey()};
}

void RunScrubbedObject(Bytes input) {
  // docs/format/object.md: footer size (8), version (4), checksum (4) of the footer and these twelve bytes, magic (8).
  constexpr size_t kTrailer = 24;
  std::string object(AsString(input));
  uint64_t footer_size = 0;
  if (object.size() >= kTrailer) std::memcpy(&footer_size, object.data() + object.size() - kTrailer, sizeof footer_size);
  if (object.size() >= kTrailer && footer_size <= object.size() - kTrailer) {
    const uint32_t crc = Crc32c(AsBytes(object).subspan(object.size() - kTrailer - footer_size, footer_size + 12));
    std::memcpy(object.data() + object.size() - 12, &crc, sizeof crc);
  }
  const auto footer = block::DecodeFooter(AsBytes(object));
  if (!footer.ok()) return;
  object::MemoryObjectStore store;
  if (!store.Put(footer->ObjectKey(), {AsBytes(object)}).ok()) return;
  uint64_t bytes = 0;
  const auto verdict = metastore::CheckObject(store, *footer, [&](uint64_t size) {
    bytes += size;
    return true;
  });
  FUZZ_CHECK(verdict.ok());
  FUZZ_CHECK(bytes <= input.size());
}

std::vector<std::string> ScrubbedObjectCorpus() { return {SmallObject()}; }

void RunOverrides(Bytes input) { static_cast<void>(config::Overrides::Parse(AsString(input))); }

std::vector<std::string> OverridesCorpus() {
  return {"tenants: { a: { retention.age: 7d, retention.bytes-max: 10GiB } }",
          "tenants:\n  team.b:\n    retention:\n      age: 0\n  c:\n"};
}

}  // namespace brazier::fuzz
