#include "server/metastore/rebuild/index_verify.h"

#include <deque>

#include "server/metastore/rebuild/bucket_catalog.h"
#include "server/metastore/rebuild/ordered_reads.h"

namespace brazier::metastore {
namespace {

// The ids of the index, one after the other.
class IdCursor {
 public:
  explicit IdCursor(IndexSource& index) : index_(index) {}

  // The id in hand; null after the last.
  Result<const Ulid*> Get() {
    if (page_.empty() && !at_end_) {
      ASSIGN_OR_RETURN(const std::vector<Ulid> ids, index_.NextIds(last_));
      page_.assign(ids.begin(), ids.end());
      at_end_ = ids.empty();
      if (!ids.empty()) last_ = ids.back();
    }
    return page_.empty() ? nullptr : &page_.front();
  }
  void Advance() { page_.pop_front(); }

 private:
  IndexSource& index_;
  std::deque<Ulid> page_;
  std::optional<Ulid> last_;
  bool at_end_ = false;
};

class Walk {
 public:
  Walk(IndexSource& index, int64_t made_before_ms, VerifyReport* report)
      : index_(index), made_before_ms_(made_before_ms), cursor_(index), report_(report) {}

  // Objects in the order of ids.
  Status Visit(const Ulid& id, const std::string& key, const Result<BlockMeta>& footer) {
    RETURN_IF_ERROR(PassEntriesBefore(&id));
    if (IsRecent(id)) {
      ++report_->recent;
      return Status::Ok();
    }
    ASSIGN_OR_RETURN(const Ulid* entry_id, cursor_.Get());
    if (entry_id == nullptr || *entry_id != id) return NotInIndex(key, footer);
    const Result<BlockMeta> entry = index_.Block(id);
    if (!entry.ok()) {
      if (index_.IsGone(entry.status())) return entry.status();
      report_->mismatches.Add(key, "its entry in the index: " + entry.status().ToString());
    } else if (entry->ObjectKey() != key) {
      return NotInIndex(key, footer);  // another object of the same id
    } else if (!footer.ok()) {
      report_->mismatches.Add(key, footer.status().ToString());
    } else if (std::string difference = DescribeDifference(*entry, *footer); !difference.empty()) {
      report_->mismatches.Add(key, std::move(difference));
    } else {
      ++report_->matching;
    }
    has_object_ = true;
    return Status::Ok();
  }
  Status Finish() { return PassEntriesBefore(nullptr); }

 private:
  Status NotInIndex(const std::string& key, const Result<BlockMeta>& footer) {
    if (footer.ok()) {
      report_->orphans.Add(key, "the index does not know it");
    } else {
      report_->foreign.Add(key, footer.status().ToString());
    }
    return Status::Ok();
  }

  // Those without an object are missing. Null: all that are left.
  Status PassEntriesBefore(const Ulid* id) {
    for (;;) {
      ASSIGN_OR_RETURN(const Ulid* entry_id, cursor_.Get());
      if (entry_id == nullptr || (id != nullptr && !(*entry_id < *id))) return Status::Ok();
      if (IsRecent(*entry_id)) {
        ++report_->recent;
        cursor_.Advance();
        continue;
      }
      ++report_->entries;
      if (!has_object_) {
        const Result<BlockMeta> entry = index_.Block(*entry_id);
        if (!entry.ok() && index_.IsGone(entry.status())) return entry.status();
        report_->missing.Add(entry.ok() ? entry->ObjectKey() : entry_id->ToString(),
                             entry.ok() ? "there is no such object" : entry.status().ToString());
      }
      has_object_ = false;
      cursor_.Advance();
    }
  }

  bool IsRecent(const Ulid& id) const { return id.TimeMs() >= made_before_ms_; }

  IndexSource& index_;
  const int64_t made_before_ms_;
  IdCursor cursor_;
  VerifyReport* const report_;
  bool has_object_ = false;  // of the entry in hand
};

std::string Differs(std::string_view what, uint64_t entry, uint64_t footer) {
  return std::string(what) + ": " + std::to_string(entry) + " in the index, " + std::to_string(footer) +
         " in the bucket";
}

}  // namespace

std::string DescribeDifference(const BlockMeta& entry, const BlockMeta& footer) {
  if (entry.size != footer.size) return Differs("size", entry.size, footer.size);
  if (entry.datasets.size() != footer.datasets.size()) {
    return Differs("datasets", entry.datasets.size(), footer.datasets.size());
  }
  for (size_t i = 0; i < entry.datasets.size(); ++i) {
    DatasetMeta ours = entry.datasets[i], theirs = footer.datasets[i];
    for (DatasetMeta* dataset : {&ours, &theirs}) {
      dataset->hidden_profiles.clear();
      dataset->identities.clear();
      // An index may know less than the footer: an entry of before there were lists, or a command that had no room for them.
      if (entry.datasets[i].lists_label_sets) continue;
      dataset->lists_label_sets = false;
      dataset->label_sets.clear();
    }
    if (ours != theirs) {
      return "the dataset of tenant \"" + ours.tenant + "\", service \"" + ours.service +
             "\" differs from the footer's";
    }
  }
  if (entry.symbols != footer.symbols) return "the shared symbols differ from the footer's";
  if (entry.id != footer.id || entry.shard != footer.shard || entry.level != footer.level ||
      entry.min_time_ns != footer.min_time_ns || entry.max_time_ns != footer.max_time_ns) {
    return "id, shard, level or times differ from the footer's";
  }
  return "";
}

Status VerifyIndex(object::ObjectStore& store, IndexSource& index, const VerifyOptions& options,
                   const OnProgress& on_progress, VerifyReport* report) {
  ASSIGN_OR_RETURN(const BucketCatalog catalog, BucketCatalog::List(store, &report->foreign));
  report->objects = catalog.size();
  WalkProgress progress{.objects_found = catalog.size(), .bytes_found = catalog.total_bytes()};
  Walk walk(index, options.made_before_ms, report);
  OrderedReads reads(store, catalog, {.threads = options.readers, .identities = Identities::kLeave, .wanted = {}});
  while (const auto object = reads.Next()) {
    RETURN_IF_ERROR(walk.Visit(catalog.id(object->position), catalog.key(object->position), *object->block));
    ++progress.objects_done;
    progress.bytes_done += catalog.object_bytes(object->position);
    if (on_progress) on_progress(progress);
  }
  return walk.Finish();
}

}  // namespace brazier::metastore
