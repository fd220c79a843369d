// 1 list the bucket; 2 read the objects in parallel, take them in order; 3 set the clock to the block's time, add the
// block, with a few on their way at a time: the log keeps their order.
#include "server/metastore/rebuild/index_rebuild.h"

#include <condition_variable>
#include <mutex>

#include "server/metastore/rebuild/bucket_catalog.h"
#include "server/metastore/rebuild/ordered_reads.h"
#include "store/index/index_reader.h"

namespace brazier::metastore {
namespace {

// Of at most 1 MiB each: below what consensus queues.
constexpr size_t kBlocksOnTheWayMax = 16;

// Blocks on their way to the metastore. Thread-safe.
class Additions {
 public:
  Additions(contract::Metastore& metastore, RebuildReport* report)
      : metastore_(metastore), report_(report) {}
  ~Additions() { (void)Wait(); }

  // Waits for a place. The first error that is not the block's own.
  Status Add(const contract::RequestContext& context, std::string object_key, BlockMeta block) {
    uint64_t profiles = 0;
    for (const DatasetMeta& dataset : block.datasets) profiles += dataset.profile_count;
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [&] { return on_the_way_ < kBlocksOnTheWayMax; });
      if (!error_.ok()) return error_;
      ++on_the_way_;
    }
    contract::AddBlocksRequest request;
    request.blocks.push_back(std::move(block));
    metastore_.AddBlocks(context, std::move(request),
                         [this, profiles, object_key = std::move(object_key)](
                             Result<contract::AddBlocksResponse> response) {
                           Answer(object_key, profiles, response);
                         });
    return Status::Ok();
  }

  // For all of them.
  Status Wait() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return on_the_way_ == 0; });
    return error_;
  }

  void LeaveOut(std::string object_key, std::string reason) {
    std::lock_guard lock(mu_);
    report_->left_out.Add(std::move(object_key), std::move(reason));
  }

 private:
  void Answer(const std::string& object_key, uint64_t profiles,
              const Result<contract::AddBlocksResponse>& response) {
    std::lock_guard lock(mu_);
    if (!response.ok() && response.status().code() == Code::kInvalidArgument) {
      report_->left_out.Add(object_key, "refused: " + response.status().message());
    } else if (!response.ok()) {
      if (error_.ok()) error_ = response.status().Annotate(object_key);
    } else {
      Count(profiles, *response);
    }
    --on_the_way_;
    // Under the mutex: whoever waits may destroy this as soon as it is free.
    changed_.notify_all();
  }

  void Count(uint64_t profiles, const contract::AddBlocksResponse& response) {
    for (const auto& block : response.blocks) {
      if (block.already_known) {
        ++report_->blocks_known;
        continue;
      }
      ++report_->blocks_added;
      report_->profiles += profiles;
      for (const auto& hidden : block.hidden_profiles) report_->profiles_hidden += hidden.size();
    }
  }

  contract::Metastore& metastore_;
  std::mutex mu_;
  std::condition_variable changed_;
  RebuildReport* const report_;  // guarded by mu_, but for what the caller's thread alone counts
  size_t on_the_way_ = 0;        // guarded by mu_
  Status error_;                 // guarded by mu_
};

}  // namespace

Status RebuildIndex(object::ObjectStore& store, contract::Metastore& metastore, BlockClock& clock,
                    const kv::Reader* known, const RebuildOptions& options,
                    const OnProgress& on_progress, RebuildReport* report) {
  ASSIGN_OR_RETURN(const BucketCatalog catalog, BucketCatalog::List(store, &report->left_out));
  report->objects_found = catalog.size();
  OrderedReads::Options reading{.threads = options.readers};
  if (known != nullptr) {
    reading.wanted = [known, &catalog](size_t position) -> Result<bool> {
      ASSIGN_OR_RETURN(const bool has, index::HasBlock(*known, catalog.id(position)));
      return !has;
    };
  }
  WalkProgress progress{.objects_found = catalog.size(), .bytes_found = catalog.total_bytes()};
  uint64_t known_before = 0, read = 0;
  Status status;
  {
    Additions additions(metastore, report);
    OrderedReads reads(store, catalog, reading);
    while (auto object = reads.Next()) {
      std::string key = catalog.key(object->position);
      if (!object->block.has_value()) {
        ++known_before;
      } else if (!object->block->ok()) {
        additions.LeaveOut(std::move(key), object->block->status().ToString());
      } else {
        ++read;
        clock.SetTo(catalog.id(object->position));
        const contract::RequestContext context{
            .request_id = "rebuild", .deadline_ns = clock.MonotonicNs() + options.add_timeout_ns};
        status = additions.Add(context, std::move(key), std::move(**object->block));
        if (!status.ok()) break;
      }
      ++progress.objects_done;
      progress.bytes_done += catalog.object_bytes(object->position);
      if (on_progress) on_progress(progress);
    }
    const Status added = additions.Wait();
    if (status.ok()) status = added;
  }
  report->objects_read = read;
  report->blocks_known += known_before;
  return status;
}

}  // namespace brazier::metastore
