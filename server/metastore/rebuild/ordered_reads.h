// OrderedReads: reads the objects of a catalog with several threads and hands them out in the catalog's order.
//
// At most Options::ahead blocks (each about 1 MiB of metadata at most) are read and not yet handed out.
// Borrows store and catalog. Next is called by one thread; the destructor waits for reads that run.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "server/metastore/rebuild/bucket_catalog.h"
#include "server/metastore/rebuild/stored_block.h"

namespace brazier::metastore {

class OrderedReads {
 public:
  struct Options {
    size_t threads = 8;
    size_t ahead = 64;
    Identities identities = Identities::kRead;
    // Whether the object at this position is to be read; empty: every one. Called by the reading threads.
    std::function<Result<bool>(size_t position)> wanted;
  };
  struct Object {
    size_t position = 0;
    std::optional<Result<BlockMeta>> block;  // none: it was not wanted
  };

  OrderedReads(object::ObjectStore& store, const BucketCatalog& catalog, const Options& options);
  ~OrderedReads();
  OrderedReads(const OrderedReads&) = delete;
  OrderedReads& operator=(const OrderedReads&) = delete;

  // The next object; none after the last.
  std::optional<Object> Next();

 private:
  void ReadLoop();
  Object Read(size_t position);

  object::ObjectStore& store_;
  const BucketCatalog& catalog_;
  const Options options_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::optional<Object>> slots_;  // guarded by mu_; by position modulo their number
  size_t taken_ = 0;                          // guarded by mu_: positions that a thread has taken
  size_t handed_out_ = 0;                     // guarded by mu_
  bool stopping_ = false;                     // guarded by mu_
  std::vector<std::jthread> threads_;
};

}  // namespace brazier::metastore
