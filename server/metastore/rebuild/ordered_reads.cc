#include "server/metastore/rebuild/ordered_reads.h"

#include <algorithm>

namespace brazier::metastore {

OrderedReads::OrderedReads(object::ObjectStore& store, const BucketCatalog& catalog,
                           const Options& options)
    : store_(store), catalog_(catalog), options_(options), slots_(std::max<size_t>(1, options.ahead)) {
  for (size_t i = 0; i < std::max<size_t>(1, options.threads); ++i) {
    threads_.emplace_back([this] { ReadLoop(); });
  }
}

OrderedReads::~OrderedReads() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins
}

std::optional<OrderedReads::Object> OrderedReads::Next() {
  std::unique_lock lock(mu_);
  if (handed_out_ == catalog_.size()) return std::nullopt;
  std::optional<Object>& slot = slots_[handed_out_ % slots_.size()];
  changed_.wait(lock, [&] { return slot.has_value(); });
  std::optional<Object> object = std::move(slot);
  slot.reset();
  ++handed_out_;
  lock.unlock();
  changed_.notify_all();
  return object;
}

void OrderedReads::ReadLoop() {
  for (;;) {
    size_t position = 0;
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [&] {
        return stopping_ || taken_ == catalog_.size() || taken_ < handed_out_ + slots_.size();
      });
      if (stopping_ || taken_ == catalog_.size()) return;
      position = taken_++;
    }
    Object object = Read(position);
    {
      std::lock_guard lock(mu_);
      slots_[position % slots_.size()] = std::move(object);
    }
    changed_.notify_all();
  }
}

OrderedReads::Object OrderedReads::Read(size_t position) {
  Object object{.position = position, .block = std::nullopt};
  if (options_.wanted) {
    const Result<bool> wanted = options_.wanted(position);
    if (!wanted.ok()) {
      object.block = wanted.status();
      return object;
    }
    if (!*wanted) return object;
  }
  object.block = ReadStoredBlock(store_, catalog_.key(position), catalog_.object_bytes(position),
                                 options_.identities);
  return object;
}

}  // namespace brazier::metastore
