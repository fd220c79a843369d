// What a metastore takes from the object store and from other members beside the log: manifests of snapshots, members.
#include "common/base/crc32c.h"
#include "server/metastore/snapshot/snapshot_format.h"
#include "store/consensus/raft_records.h"
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

}  // namespace brazier::fuzz
