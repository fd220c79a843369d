// Both commands: lock the metastore's folder, open the bucket and the metastore in it as the server does, walk, report. Verify may ask
// a server in place of the folder.
#include <chrono>
#include <filesystem>
#include <thread>

#include "app/directory_lock.h"
#include "app/role_options.h"
#include "common/config/config.h"
#include "common/rpc/metastore_client.h"
#include "server/metastore/metastore_role.h"
#include "server/metastore/rebuild/index_rebuild.h"
#include "server/metastore/rebuild/index_verify.h"
#include "server/metastore/snapshot/snapshot_store.h"
#include "store/consensus/group_founding.h"
#include "store/object/filesystem_object_store.h"
#include "tools/brazierctl/commands.h"
#include "tools/brazierctl/progress_line.h"

namespace brazier::ctl {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kStartTimeoutNs = 60 * kNsPerSecond;

Result<std::unique_ptr<object::FilesystemObjectStore>> OpenBucket(const std::string& bucket) {
  std::error_code error;
  if (!fs::is_directory(bucket, error)) return NotFound("there is no folder " + bucket + " (--from)");
  return object::FilesystemObjectStore::Open(bucket);
}

// Whether anything but the lock is in the folder.
Result<bool> HoldsIndex(const std::string& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) return false;
  fs::directory_iterator entries(folder, error);
  if (error) return Unavailable("folder " + folder + " cannot be read: " + error.message());
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) return Unavailable("folder " + folder + " cannot be read: " + error.message());
    if (entries->path().filename() != "brazier.lock") return true;
  }
  return false;
}

// Returns a view of the index once the metastore has replayed its log and can commit.
Result<std::unique_ptr<kv::Reader>> AwaitReady(metastore::MetastoreRole& role, const Clock& clock) {
  const int64_t deadline_ns = clock.MonotonicNs() + kStartTimeoutNs;
  while (!role.Ready().ok() && clock.MonotonicNs() < deadline_ns) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  RETURN_IF_ERROR(role.Ready());
  return role.Snapshot({.request_id = "index", .deadline_ns = deadline_ns});
}

void PrintFindings(std::string_view what, const metastore::Findings& findings, size_t show,
                   std::ostream& out) {
  out << what << ": " << findings.count() << "\n";
  const size_t shown = std::min(show, findings.kept().size());
  for (size_t i = 0; i < shown; ++i) {
    out << "  " << findings.kept()[i].object_key << ": " << findings.kept()[i].reason << "\n";
  }
  if (findings.count() > shown) out << "  ... " << findings.count() - shown << " more\n";
}

void Print(const metastore::RebuildReport& report, size_t show, std::ostream& out) {
  out << "objects found: " << report.objects_found << "\n"
      << "objects read: " << report.objects_read << "\n"
      << "blocks added: " << report.blocks_added << "\n"
      << "blocks known already: " << report.blocks_known << "\n"
      << "profiles: " << report.profiles << "\n"
      << "duplicates hidden: " << report.profiles_hidden << "\n";
  PrintFindings("left out", report.left_out, show, out);
}

void Print(const metastore::VerifyReport& report, size_t show, std::ostream& out) {
  out << "objects: " << report.objects << "\n"
      << "index entries: " << report.entries << "\n"
      << "matching: " << report.matching << "\n";
  if (report.recent > 0) out << "too new to be compared: " << report.recent << "\n";
  PrintFindings("orphans (objects without an entry)", report.orphans, show, out);
  PrintFindings("missing (entries without an object)", report.missing, show, out);
  PrintFindings("mismatches (entries that differ from their object)", report.mismatches, show, out);
  PrintFindings("foreign (no objects of Brazier, or damaged ones without an entry)", report.foreign,
                show, out);
}

config::Config ConfigOf(const IndexOptions& options) {
  config::Config config;
  config.data_dir = options.data_dir;
  config.dedup.window_ns = options.dedup_window_ns;
  config.dedup.bytes_max = options.dedup_bytes_max;
  return config;
}

// Puts the snapshot that the options name where a new store's first state is taken from. False: the store began already.
Result<bool> Stage(const IndexOptions& options, object::ObjectStore& bucket, const std::string& folder,
                   std::ostream& out) {
  ASSIGN_OR_RETURN(const auto store, kv::OpenRocksKeyValueStore(folder));
  ASSIGN_OR_RETURN(const bool is_founded, consensus::IsFounded(*store));
  if (is_founded) return false;
  metastore::SnapshotName name;
  if (options.snapshot == "newest") {
    ASSIGN_OR_RETURN(name, metastore::NewestSnapshot(bucket));
  } else {
    std::string_view file;
    const std::string folder_key = options.snapshot + (options.snapshot.ends_with('/') ? "" : "/");
    const auto parsed = metastore::ParseSnapshotKey(folder_key, &file);
    if (!parsed.has_value() || !file.empty()) {
      return InvalidArgument("--snapshot " + options.snapshot + ": neither \"newest\" nor a folder like " +
                             std::string(metastore::kSnapshotsPrefix) + "GROUP/INDEX-TIME/");
    }
    name = *parsed;
  }
  ASSIGN_OR_RETURN(const metastore::SnapshotManifest manifest, metastore::StageSnapshot(bucket, name, *store));
  uint64_t records = 0;
  for (const metastore::SnapshotPart& part : manifest.parts) records += part.records;
  out << "began with: " << name.Folder() << " (" << records << " records)\n";
  return true;
}

}  // namespace

Status IndexRebuild(const IndexOptions& options, std::ostream& out, std::ostream& progress_out,
                    bool progress_is_terminal, bool* all_well) {
  const Clock& clock = SystemClock();
  const config::Config config = ConfigOf(options);
  const std::string folder = app::MetastoreFolder(config);
  ASSIGN_OR_RETURN(const auto bucket, OpenBucket(options.bucket));
  ASSIGN_OR_RETURN(const auto lock, app::DirectoryLock::Acquire(folder));
  ASSIGN_OR_RETURN(const bool holds_index, HoldsIndex(folder));
  if (holds_index && !options.resume) {
    return Status(Code::kFailedPrecondition,
                  "folder " + folder + " holds an index already: move it away to rebuild from nothing, " +
                      "or continue an interrupted rebuild with --resume");
  }
  metastore::BlockClock block_clock(clock);
  MetricsRegistry metrics;
  metastore::MetastoreOptions metastore_options = app::MetastoreOptionsOf(config);
  metastore_options.schedules_compaction = false;
  if (!options.snapshot.empty()) {
    ASSIGN_OR_RETURN(metastore_options.state_is_staged, Stage(options, *bucket, folder, out));
  }
  ASSIGN_OR_RETURN(const auto role, metastore::MetastoreRole::Open(metastore_options, block_clock, metrics));
  ASSIGN_OR_RETURN(const auto known, AwaitReady(*role, clock));
  ProgressLine line(progress_out, progress_is_terminal, clock);
  metastore::RebuildReport report;
  const Status status = metastore::RebuildIndex(
      *bucket, *role, block_clock, known.get(), {.readers = options.readers},
      [&line](const metastore::WalkProgress& progress) { line.Update(progress); }, &report);
  line.Finish();
  Print(report, options.show, out);
  *all_well = status.ok() && report.left_out.count() == 0;
  return status.Annotate("the rebuild stopped; what is added stays, --resume continues");
}

namespace {

Status Verify(object::ObjectStore& bucket, metastore::IndexSource& index, const metastore::VerifyOptions& verify,
              const IndexOptions& options, ProgressLine& line, std::ostream& out, bool* all_well) {
  metastore::VerifyReport report;
  const Status status = metastore::VerifyIndex(
      bucket, index, verify, [&line](const metastore::WalkProgress& progress) { line.Update(progress); }, &report);
  line.Finish();
  Print(report, options.show, out);
  *all_well = status.ok() && report.AllWell();
  return status;
}

}  // namespace

Status IndexVerify(const IndexOptions& options, std::ostream& out, std::ostream& progress_out,
                   bool progress_is_terminal, bool* all_well) {
  const Clock& clock = SystemClock();
  ASSIGN_OR_RETURN(const auto bucket, OpenBucket(options.bucket));
  ProgressLine line(progress_out, progress_is_terminal, clock);
  MetricsRegistry metrics;
  if (!options.server.empty()) {
    rpc::MetastoreClient client(
        {.addresses = {options.server}, .default_timeout_ms = options.server_timeout_ms, .threads = 1}, clock,
        SystemRandom(), metrics);
    metastore::ServerIndex index(client, clock, options.server_timeout_ms * kNsPerMs);
    return Verify(*bucket, index,
                  {.readers = options.readers, .made_before_ms = (clock.NowNs() - options.settle_ns) / kNsPerMs},
                  options, line, out, all_well);
  }
  const config::Config config = ConfigOf(options);
  const std::string folder = app::MetastoreFolder(config);
  ASSIGN_OR_RETURN(const bool holds_index, HoldsIndex(folder));
  if (!holds_index) return NotFound("folder " + folder + " holds no index (--data-dir)");
  ASSIGN_OR_RETURN(const auto lock, app::DirectoryLock::Acquire(folder));
  metastore::MetastoreOptions metastore_options = app::MetastoreOptionsOf(config);
  metastore_options.schedules_compaction = false;
  ASSIGN_OR_RETURN(const auto role, metastore::MetastoreRole::Open(metastore_options, clock, metrics));
  ASSIGN_OR_RETURN(const auto snapshot, AwaitReady(*role, clock));
  metastore::SnapshotIndex index(*snapshot);
  return Verify(*bucket, index, {.readers = options.readers}, options, line, out, all_well);
}

}  // namespace brazier::ctl
