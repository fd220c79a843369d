#include "store/index/identity_window.h"

#include "common/base/check.h"

namespace brazier::index {
namespace {

constexpr size_t kCapacityMin = 1024;
constexpr size_t kCapacityMax = size_t{1} << 31;  // positions are 32-bit numbers

}  // namespace

IdentityWindow::IdentityWindow(uint64_t hash_seed) : hash_seed_(hash_seed) { Resize(kCapacityMin); }

void IdentityWindow::BeginEntry(int64_t time_ns, const Ulid& block) {
  CHECK(entries_.empty() || entries_.back().time_ns < time_ns);
  entries_.push_back({time_ns, block, 0});
}

bool IdentityWindow::Add(const Hash128& identity) {
  CHECK(!entries_.empty());
  if (size_ == ring_.size()) Resize(ring_.size() * 2);
  const auto position = static_cast<uint32_t>((head_ + size_) & (ring_.size() - 1));
  ring_[position] = identity;
  const size_t slot = FindSlot(identity);
  const bool known = slots_[slot] != kNone;
  slots_[slot] = position;
  ++size_;
  ++entries_.back().identities;
  return known;
}

bool IdentityWindow::Contains(const Hash128& identity) const {
  return slots_[FindSlot(identity)] != kNone;
}

void IdentityWindow::DropOldest() {
  CHECK(!entries_.empty());
  const uint32_t count = entries_.front().identities;
  CHECK(count <= size_);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t slot = FindSlot(ring_[head_]);
    // Unequal when the identity came again later: then the slot points at its newest position.
    if (slots_[slot] == head_) EraseSlot(slot);
    head_ = (head_ + 1) & (ring_.size() - 1);
    --size_;
  }
  entries_.pop_front();
  if (size_ < ring_.size() / 8 && ring_.size() > kCapacityMin) Resize(ring_.size() / 2);
}

size_t IdentityWindow::FindSlot(const Hash128& identity) const {
  size_t slot = HomeSlot(identity);
  while (slots_[slot] != kNone && ring_[slots_[slot]] != identity) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

// Deletion by backward shift (Knuth, The Art of Computer Programming 3, 6.4 algorithm R): later members of the run move
// into the hole unless that would put them before their home slot.
void IdentityWindow::EraseSlot(size_t hole) {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = (hole + 1) & mask; slots_[slot] != kNone; slot = (slot + 1) & mask) {
    const size_t home = HomeSlot(ring_[slots_[slot]]);
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      slots_[hole] = slots_[slot];
      hole = slot;
    }
  }
  slots_[hole] = kNone;
}

void IdentityWindow::Resize(size_t capacity) {
  CHECK(capacity >= size_);
  CHECK(capacity <= kCapacityMax);
  std::vector<Hash128> ring(capacity);
  for (size_t i = 0; i < size_; ++i) ring[i] = ring_[(head_ + i) & (ring_.size() - 1)];
  ring_ = std::move(ring);
  head_ = 0;
  slots_.assign(2 * capacity, kNone);
  for (size_t i = 0; i < size_; ++i) slots_[FindSlot(ring_[i])] = static_cast<uint32_t>(i);
}

}  // namespace brazier::index
