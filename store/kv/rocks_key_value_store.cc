// The store on RocksDB. The only translation unit that includes RocksDB's headers.
//
// Sized for an index of ten million blocks (some 10 GB) that also idles in a monolith. Memory is bounded by the constants
// below whatever the size of the database, and taken only as it is used: write buffers, and one block cache that also
// holds indexes and filters. These are cut into pieces, of which only those in use are in the cache, so a look-up
// in an index that is larger than the cache reads kilobytes. Few levels, since each look-up seeks in every one.

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "store/kv/key_value_store.h"

namespace brazier::kv {
namespace {

// Of a family, times two while one is flushed.
constexpr size_t kLogBufferBytes = 8 << 20;
constexpr size_t kStateBufferBytes = 16 << 20;
constexpr size_t kBlockCacheBytes = 64 << 20;
// Of the last level, which holds nine tenths and more: measured against 4 and 8 KiB, look-ups take as long and the store is smaller.
constexpr size_t kBlockBytes = 16 << 10;
constexpr size_t kIndexPieceBytes = 4 << 10;
constexpr uint64_t kTableBytes = 32 << 20;
// Of the first level below the newest files; each further one is ten times as large. So 10 GB take two or three levels.
constexpr uint64_t kFirstLevelBytes = 256 << 20;
constexpr uint64_t kWalBytesMax = 32 << 20;  // then the family that lags is flushed: bounds replay at open
constexpr size_t kInfoLogBytesMax = 1 << 20;
constexpr int kOpenFilesMax = 512;  // of kTableBytes: all of 16 GB; then files are closed and opened again
// Two families are state and staging in turn. Which one is the state is a record of the default family, which holds
// nothing else: absent or "0" when it is the first.
constexpr const char* kFamilyNames[] = {"log", "state", "state_2"};
constexpr const char* kSwappedKey = "swapped";

Status FromRocks(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return Status::Ok();
  std::string message = std::string(doing) + ": " + status.ToString();
  if (status.IsNotFound()) return NotFound(std::move(message));
  if (status.IsCorruption()) return Corruption(std::move(message));
  if (status.IsInvalidArgument()) return InvalidArgument(std::move(message));
  if (status.IsNoSpace()) return Unavailable(std::move(message)).WithReason("disk_full");
  if (status.IsIOError()) return Unavailable(std::move(message)).WithReason("disk_error");
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() || status.IsIncomplete()) {
    return Unavailable(std::move(message));
  }
  return Internal(std::move(message));
}

rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }
std::string_view ToView(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_background_jobs = 2;
  options.max_open_files = kOpenFilesMax;
  options.table_cache_numshardbits = 2;
  options.max_total_wal_size = kWalBytesMax;
  options.max_manifest_file_size = 4 << 20;
  options.max_log_file_size = kInfoLogBytesMax;
  options.keep_log_file_num = 2;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  // What need not be on disk yet waits in memory for the next synced write, or for 1 MiB of its kind, and costs no system
  // call of its own. A process that dies loses it: as after a power cut, the store holds a prefix of the writes.
  options.manual_wal_flush = true;
  // A torn tail of the write-ahead log is what a crash leaves; anything odd before it is corruption to report.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions(Family family,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  table.block_size = kBlockBytes;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kIndexPieceBytes;
  // Keys share long beginnings (tenant, service): cut off, more of an index that is larger than the cache is in it.
  table.index_block_restart_interval = 8;
  table.pin_top_level_index_and_filter = true;
  table.optimize_filters_for_memory = true;
  if (family != Family::kLog) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = family == Family::kLog ? kLogBufferBytes : kStateBufferBytes;
  options.arena_block_size = 256 << 10;
  options.max_write_buffer_number = 2;
  options.target_file_size_base = kTableBytes;
  options.max_bytes_for_level_base = kFirstLevelBytes;
  options.level_compaction_dynamic_level_bytes = true;
  // Log entries are deleted soon after they are written: compressing them is work for nothing.
  options.compression = rocksdb::kNoCompression;
  if (family == Family::kLog) return options;
  const auto supported = rocksdb::GetSupportedCompressions();
  const auto has = [&](rocksdb::CompressionType type) {
    return std::find(supported.begin(), supported.end(), type) != supported.end();
  };
  if (has(rocksdb::kLZ4Compression)) options.compression = rocksdb::kLZ4Compression;
  if (has(rocksdb::kZSTD)) {
    // What is written once and stays: a quarter smaller than with LZ4.
    options.bottommost_compression = rocksdb::kZSTD;
    options.bottommost_compression_opts.enabled = true;
    options.bottommost_compression_opts.level = 1;
  }
  return options;
}

// Of so many writes it pays to sort them: neighbours are found in the memory table from where the one before went, without a
// walk from its top, and of several writes of one key only the last one is written.
constexpr size_t kSortedWritesMin = 32;

// The writes of a batch in an order that leaves the same contents.
std::vector<const WriteBatch::Write*> InOrder(const WriteBatch& batch) {
  using Write = WriteBatch::Write;
  std::vector<const Write*> writes;
  writes.reserve(batch.writes().size());
  bool only_keys = true;
  for (const Write& write : batch.writes()) {
    only_keys &= write.kind == Write::Kind::kPut || write.kind == Write::Kind::kDelete;
    writes.push_back(&write);
  }
  if (!only_keys || writes.size() < kSortedWritesMin) return writes;
  const auto same_key = [](const Write& a, const Write& b) { return a.family == b.family && a.key == b.key; };
  // Writes of one key are in their order in memory, so addresses tell the last one.
  std::sort(writes.begin(), writes.end(), [](const Write* a, const Write* b) {
    if (a->family != b->family) return a->family < b->family;
    const int order = a->key.compare(b->key);
    return order != 0 ? order < 0 : a < b;
  });
  size_t kept = 0;
  for (size_t i = 0; i < writes.size(); ++i) {
    if (i + 1 < writes.size() && same_key(*writes[i], *writes[i + 1])) continue;
    writes[kept++] = writes[i];
  }
  writes.resize(kept);
  return writes;
}

// The open database, shared by the store and its snapshots so that a snapshot may outlive the store.
struct Database {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // log, state, state_2, default
  // Readers hold it while they take their moment (which family is the state, and its version), a swap while it is
  // written: so the two go together.
  mutable std::shared_mutex swap_mu;
  bool swapped = false;  // guarded by swap_mu

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (db == nullptr) return;
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    db->Close().PermitUncheckedError();
  }

  rocksdb::ColumnFamilyHandle* HandleOf(Family family, bool is_swapped) const {
    const size_t number = static_cast<size_t>(family);
    return handles[is_swapped && number != 0 ? 3 - number : number];
  }

  Result<std::string> Get(const rocksdb::ReadOptions& options, rocksdb::ColumnFamilyHandle* handle,
                          std::string_view key) const {
    std::string value;
    const rocksdb::Status status = db->Get(options, handle, ToSlice(key), &value);
    if (!status.ok()) return FromRocks(status, "reading a key");
    return value;
  }

  // A moment for one call; `lock` is released once the iterator holds it.
  Status Scan(rocksdb::ReadOptions options, rocksdb::ColumnFamilyHandle* handle,
              std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit,
              std::shared_lock<std::shared_mutex> lock = {}) const {
    const rocksdb::Slice bound = ToSlice(end);
    if (!end.empty()) options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options, handle));
    if (lock.owns_lock()) lock.unlock();
    for (it->Seek(ToSlice(begin)); it->Valid(); it->Next()) {
      if (!visit(ToView(it->key()), ToView(it->value()))) return Status::Ok();
    }
    return FromRocks(it->status(), "scanning keys");
  }
};

class RocksSnapshot final : public Reader {
 public:
  explicit RocksSnapshot(std::shared_ptr<const Database> database)
      : database_(std::move(database)) {
    std::shared_lock lock(database_->swap_mu);
    swapped_ = database_->swapped;
    snapshot_ = database_->db->GetSnapshot();
    options_.snapshot = snapshot_;
  }
  ~RocksSnapshot() override { database_->db->ReleaseSnapshot(snapshot_); }
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;

  Result<std::string> Get(Family family, std::string_view key) const override {
    return database_->Get(options_, database_->HandleOf(family, swapped_), key);
  }
  Status Scan(Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return database_->Scan(options_, database_->HandleOf(family, swapped_), begin, end, visit);
  }

 private:
  const std::shared_ptr<const Database> database_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  bool swapped_ = false;
  rocksdb::ReadOptions options_;
};

// Thread-safe.
class RocksKeyValueStore final : public KeyValueStore {
 public:
  explicit RocksKeyValueStore(std::shared_ptr<Database> database)
      : database_(std::move(database)) {}

  Result<std::string> Get(Family family, std::string_view key) const override {
    std::shared_lock lock(database_->swap_mu);
    return database_->Get({}, database_->HandleOf(family, database_->swapped), key);
  }
  Status Scan(Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    std::shared_lock lock(database_->swap_mu);
    rocksdb::ColumnFamilyHandle* handle = database_->HandleOf(family, database_->swapped);
    return database_->Scan({}, handle, begin, end, visit, std::move(lock));
  }

  Status Write(const WriteBatch& batch, bool sync) override {
    if (batch.empty()) return Status::Ok();
    const bool swaps = std::any_of(
        batch.writes().begin(), batch.writes().end(), [](const WriteBatch::Write& write) {
          return write.kind == WriteBatch::Write::Kind::kSwapState;
        });
    std::shared_lock shared(database_->swap_mu, std::defer_lock);
    std::unique_lock unique(database_->swap_mu, std::defer_lock);
    if (swaps) {
      unique.lock();
    } else {
      shared.lock();
    }
    bool swapped = database_->swapped;
    rocksdb::WriteBatch writes(batch.bytes() + batch.writes().size() * 16);
    for (const WriteBatch::Write* write : InOrder(batch)) {
      const rocksdb::Status added = AddTo(writes, *write, swapped);
      if (!added.ok()) return FromRocks(added, "building a batch");
    }
    // After a failed write RocksDB refuses all others until it is told to go on.
    if (failed_.load()) database_->db->Resume().PermitUncheckedError();
    rocksdb::WriteOptions options;
    options.sync = sync;
    const rocksdb::Status written = database_->db->Write(options, &writes);
    failed_.store(!written.ok());
    if (written.ok() && swaps) database_->swapped = swapped;
    return FromRocks(written, "writing " + std::to_string(batch.bytes()) + " bytes");
  }

  std::unique_ptr<Reader> Snapshot() const override {
    return std::make_unique<RocksSnapshot>(database_);
  }

 private:
  rocksdb::Status AddTo(rocksdb::WriteBatch& writes, const WriteBatch::Write& write,
                        bool& swapped) const {
    rocksdb::ColumnFamilyHandle* handle = database_->HandleOf(write.family, swapped);
    switch (write.kind) {
      case WriteBatch::Write::Kind::kPut:
        return writes.Put(handle, write.key, write.value);
      case WriteBatch::Write::Kind::kDelete:
        return writes.Delete(handle, write.key);
      case WriteBatch::Write::Kind::kDeleteRange:
        if (write.key >= write.value) return rocksdb::Status::OK();
        return writes.DeleteRange(handle, write.key, write.value);
      case WriteBatch::Write::Kind::kClearStaging: {
        const std::unique_ptr<rocksdb::Iterator> it(database_->db->NewIterator({}, handle));
        it->SeekToLast();
        if (!it->Valid()) return it->status();
        return writes.DeleteRange(handle, "", it->key().ToString() + '\0');
      }
      case WriteBatch::Write::Kind::kSwapState:
        swapped = !swapped;
        return writes.Put(database_->handles.back(), kSwappedKey, swapped ? "1" : "0");
    }
    return rocksdb::Status::InvalidArgument("unknown kind of write");
  }

  const std::shared_ptr<Database> database_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

Result<std::unique_ptr<KeyValueStore>> OpenRocksKeyValueStore(const std::string& path) {
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes, /*num_shard_bits=*/1);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (Family family : {Family::kLog, Family::kState, Family::kStaging}) {
    descriptors.emplace_back(kFamilyNames[static_cast<size_t>(family)],
                             FamilyOptions(family, cache));
  }
  // RocksDB insists on a default family.
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, FamilyOptions(Family::kLog, cache));

  auto database = std::make_shared<Database>();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(DatabaseOptions(), path, descriptors, &database->handles, &db);
  if (!opened.ok()) return FromRocks(opened, "opening the key-value store " + path);
  database->db.reset(db);
  std::string swapped;
  const rocksdb::Status read = db->Get({}, database->handles.back(), kSwappedKey, &swapped);
  if (!read.ok() && !read.IsNotFound()) return FromRocks(read, "opening the key-value store " + path);
  database->swapped = swapped == "1";
  return std::unique_ptr<KeyValueStore>(std::make_unique<RocksKeyValueStore>(std::move(database)));
}

}  // namespace brazier::kv
