#include "server/metastore/snapshot/snapshot_store.h"

#include <algorithm>

#include "common/base/clock.h"
#include "store/object/block_folders.h"
#include "store/consensus/snapshot_frames.h"
#include "store/consensus/state_point.h"

namespace brazier::metastore {
namespace {

using kv::Family;

// Keys that begin with a zero byte are consensus' own.
constexpr std::string_view kIndexBegin{"\x01", 1};
constexpr size_t kListPage = 10'000;

class Writer {
 public:
  Writer(object::ObjectStore& objects, SnapshotName name, const std::function<Status()>& go_on, size_t part_bytes)
      : objects_(objects), go_on_(go_on), part_bytes_(part_bytes) {
    manifest_.name = name;
  }

  Status Add(std::string_view key, std::string_view value) {
    consensus::AppendSnapshotRecord(key, value, records_);
    ++count_;
    return records_.size() >= part_bytes_ ? Flush() : Status::Ok();
  }

  Result<contract::GroupSnapshot> Finish(uint64_t term, int64_t time_ns) {
    if (count_ > 0) RETURN_IF_ERROR(Flush());
    manifest_.term = term;
    const std::string bytes = EncodeManifest(manifest_);
    RETURN_IF_ERROR(go_on_());
    RETURN_IF_ERROR(objects_.Put(manifest_.name.ManifestKey(), {AsBytes(bytes)}));
    return contract::GroupSnapshot{.key = manifest_.name.Folder(),
                                   .index = manifest_.name.index,
                                   .bytes = written_bytes_ + bytes.size(),
                                   .time_ns = time_ns};
  }

  void Undo() {
    // What cannot be deleted now is pruned later.
    for (uint32_t part = 0; part < manifest_.parts.size(); ++part) {
      static_cast<void>(objects_.Delete(manifest_.name.PartKey(part)));
    }
  }

 private:
  Status Flush() {
    RETURN_IF_ERROR(go_on_());
    SnapshotPart part{.records = count_};
    const std::string bytes = EncodePart(records_, &part);
    RETURN_IF_ERROR(objects_.Put(manifest_.name.PartKey(static_cast<uint32_t>(manifest_.parts.size())),
                                 {AsBytes(bytes)}));
    manifest_.parts.push_back(part);
    written_bytes_ += bytes.size();
    records_.clear();
    count_ = 0;
    return Status::Ok();
  }

  object::ObjectStore& objects_;
  const std::function<Status()>& go_on_;
  const size_t part_bytes_;
  SnapshotManifest manifest_;
  std::string records_;
  uint64_t count_ = 0;
  uint64_t written_bytes_ = 0;
};

}  // namespace

Result<contract::GroupSnapshot> WriteSnapshot(object::ObjectStore& objects, const kv::Reader& state,
                                              uint64_t group_id, int64_t time_ns,
                                              const std::function<Status()>& go_on, size_t part_bytes) {
  ASSIGN_OR_RETURN(const consensus::StatePoint point, consensus::ReadStatePoint(state));
  const SnapshotName name{.group_id = group_id,
                          .index = point.index,
                          .time_ms = static_cast<uint64_t>(time_ns / kNsPerMs)};
  Writer writer(objects, name, go_on, part_bytes);
  Status status;
  const Status scanned = state.Scan(Family::kState, kIndexBegin, "", [&](std::string_view key, std::string_view value) {
    status = writer.Add(key, value);
    return status.ok();
  });
  if (status.ok()) status = scanned;
  if (status.ok()) {
    auto written = writer.Finish(point.term, time_ns);
    if (written.ok()) return written;
    status = written.status();
  }
  writer.Undo();
  return status.Annotate("snapshot " + name.Folder());
}

Result<std::vector<StoredSnapshot>> ListSnapshots(object::ObjectStore& objects) {
  std::vector<StoredSnapshot> found;
  std::string last;
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<object::ObjectInfo> page, objects.List(kSnapshotsPrefix, last, kListPage));
    for (const object::ObjectInfo& info : page) {
      std::string_view file;
      const auto name = ParseSnapshotKey(info.key, &file);
      if (!name.has_value()) continue;
      if (found.empty() || found.back().name != *name) found.push_back({.name = *name});
      StoredSnapshot& snapshot = found.back();
      snapshot.is_whole |= file == "manifest";
      snapshot.bytes += info.size;
      snapshot.keys.push_back(info.key);
    }
    if (page.size() < kListPage) return found;
    last = page.back().key;
  }
}

Result<SnapshotName> NewestSnapshot(object::ObjectStore& objects) {
  ASSIGN_OR_RETURN(const std::vector<StoredSnapshot> snapshots, ListSnapshots(objects));
  const StoredSnapshot* newest = nullptr;
  for (const StoredSnapshot& snapshot : snapshots) {
    if (snapshot.is_whole && (newest == nullptr || snapshot.name.time_ms >= newest->name.time_ms)) newest = &snapshot;
  }
  if (newest == nullptr) return NotFound("there is no whole snapshot under " + std::string(kSnapshotsPrefix));
  return newest->name;
}

Result<SnapshotManifest> StageSnapshot(object::ObjectStore& objects, const SnapshotName& name,
                                       kv::KeyValueStore& store) {
  const auto damaged = [](const std::string& key, const std::string& what) {
    return Corruption("snapshot object " + key + ": " + what);
  };
  ASSIGN_OR_RETURN(const std::string bytes, objects.Get(name.ManifestKey()));
  ASSIGN_OR_RETURN(const SnapshotManifest manifest, DecodeManifest(bytes));
  if (manifest.name != name) return damaged(name.ManifestKey(), "it is the manifest of " + manifest.name.Folder());
  kv::WriteBatch clear;
  clear.ClearStaging();
  RETURN_IF_ERROR(store.Write(clear, /*sync=*/false));
  std::string last_key;
  for (uint32_t i = 0; i < manifest.parts.size(); ++i) {
    const std::string key = name.PartKey(i);
    const auto object = objects.Get(key);
    if (object.status().code() == Code::kNotFound) return damaged(key, "it is missing");
    RETURN_IF_ERROR(object.status());
    const auto records = DecodePart(*object, manifest.parts[i]);
    if (!records.ok()) return damaged(key, records.status().message());
    kv::WriteBatch batch;
    bool is_ordered = true;
    RETURN_IF_ERROR(consensus::ReadSnapshotRecords(*records, [&](std::string_view record, std::string_view value) {
      is_ordered = is_ordered && record >= kIndexBegin && record > last_key;
      last_key = record;
      batch.Put(Family::kStaging, std::string(record), std::string(value));
    }));
    if (!is_ordered) return damaged(key, "its keys are not in order");
    if (batch.writes().size() != manifest.parts[i].records) return damaged(key, "records are missing");
    RETURN_IF_ERROR(store.Write(batch, /*sync=*/false));
  }
  return manifest;
}

Status CheckBucketIsNew(object::ObjectStore& objects) {
  for (const std::string_view prefix : {object::kSegmentsFolder, object::kBlocksFolder, kSnapshotsPrefix}) {
    ASSIGN_OR_RETURN(const std::vector<object::ObjectInfo> found, objects.List(prefix, "", 1));
    if (found.empty()) continue;
    return Status(Code::kFailedPrecondition,
                  "the object store holds data (" + found[0].key +
                      "), of which a new metastore would know nothing: bring the metastore's folder back, or make the index "
                      "again with \"brazierctl index rebuild\", or use another object store")
        .WithReason("bucket_not_empty");
  }
  return Status::Ok();
}

Result<size_t> PruneSnapshots(object::ObjectStore& objects, uint64_t group_id, size_t kept) {
  ASSIGN_OR_RETURN(std::vector<StoredSnapshot> snapshots, ListSnapshots(objects));
  std::erase_if(snapshots, [&](const StoredSnapshot& snapshot) { return snapshot.name.group_id != group_id; });
  std::sort(snapshots.begin(), snapshots.end(), [](const StoredSnapshot& a, const StoredSnapshot& b) {
    return a.name.time_ms > b.name.time_ms;
  });
  size_t whole = 0, deleted = 0;
  for (const StoredSnapshot& snapshot : snapshots) {
    // Remains that are newer than every whole one may be under way.
    const bool keep = snapshot.is_whole ? whole++ < kept : whole == 0;
    if (keep) continue;
    // The manifest goes first: never a whole one that lacks parts.
    RETURN_IF_ERROR(objects.Delete(snapshot.name.ManifestKey()));
    for (const std::string& key : snapshot.keys) RETURN_IF_ERROR(objects.Delete(key));
    ++deleted;
  }
  return deleted;
}

}  // namespace brazier::metastore
