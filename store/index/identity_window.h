// IdentityWindow: the identities of the profiles of the last blocks, oldest first, with a hash table over them.
//
// A ring holds the identities in the order in which they came, an open-addressing table of ring positions finds them: about
// 16 bytes for an identity and 8 for its slots. An identity that comes again moves to its newest position, so it is
// forgotten with the newest block that had it. The same calls in the same order give the same contents; the hash seed
// shapes the table only, so that nobody who chooses identities can make it slow.
// Bounded by whoever appends: DropOldest until bytes() fits. Value-like; Thread-compatible.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ulid.h"

namespace brazier::index {

class IdentityWindow {
 public:
  static constexpr size_t kIdentityBytes = 16;

  // One block's identities.
  struct Entry {
    int64_t time_ns = 0;
    Ulid block;
    uint32_t identities = 0;
  };

  explicit IdentityWindow(uint64_t hash_seed);

  // Starts the newest entry. Times ascend strictly.
  void BeginEntry(int64_t time_ns, const Ulid& block);
  // Adds an identity to the newest entry; true when it was known already. REQUIRES: BeginEntry was called.
  bool Add(const Hash128& identity);
  bool Contains(const Hash128& identity) const;
  // REQUIRES: !entries().empty()
  void DropOldest();

  const std::deque<Entry>& entries() const { return entries_; }
  size_t size() const { return size_; }  // identities, counting repeats in several entries
  size_t bytes() const { return size_ * kIdentityBytes; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  size_t HomeSlot(const Hash128& identity) const {
    return MixHash(identity.high ^ hash_seed_, identity.low) & (slots_.size() - 1);
  }
  // The slot that holds the identity, or the empty one where it belongs.
  size_t FindSlot(const Hash128& identity) const;
  void EraseSlot(size_t slot);
  void Resize(size_t capacity);

  uint64_t hash_seed_;
  std::deque<Entry> entries_;
  // INVARIANT: sizes are powers of two and slots_.size() == 2 * ring_.size(), so at most half of the slots are used.
  std::vector<Hash128> ring_;
  std::vector<uint32_t> slots_;  // positions in ring_, or kNone
  size_t head_ = 0;              // position of the oldest identity
  size_t size_ = 0;
};

}  // namespace brazier::index
