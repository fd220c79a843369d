// ShardHeads: decides when a shard's open segment seals. A pure core: time is a parameter, items are opaque.
//
// Group commit, not a fixed clock: a head seals when the shard's previous upload is done and its oldest item has
// waited `linger`, or when it is full. While items keep coming during uploads, it also waits up to `gather` for as many
// as the last segment had: clients that were answered together come again together, and a segment costs its two fsyncs
// whatever it holds. A shard that was idle does not wait. Thread-compatible.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "worker/segment_writer/segment_writer_options.h"

namespace brazier::segment_writer {

template <typename Item>
class ShardHeads {
 public:
  explicit ShardHeads(const SegmentWriterOptions& options) : options_(options) {}

  // Whether that made the head due, or due earlier than it was: then someone who waits for NextDueNs() must look again.
  // A head that is uploading is looked at when that is done.
  bool Append(uint32_t shard, Item item, size_t bytes, size_t profiles, int64_t now_ns) {
    Head& head = heads_[shard];
    const int64_t was_due_ns = head.items.empty() ? kNever : DueNs(head);
    head.items.push_back({std::move(item), bytes, profiles, now_ns});
    head.bytes += bytes;
    head.profiles += profiles;
    return !head.is_uploading && DueNs(head) < was_due_ns;
  }

  struct Sealed {
    uint32_t shard = 0;
    std::vector<Item> items;
  };
  // Takes a head that is due, the one whose oldest item waits longest; its shard is then uploading until
  // UploadDone(). With `drain`, every head that is not uploading is due.
  std::optional<Sealed> TakeDue(int64_t now_ns, bool drain) {
    auto best = heads_.end();
    for (auto it = heads_.begin(); it != heads_.end(); ++it) {
      const Head& head = it->second;
      if (head.items.empty() || head.is_uploading) continue;
      if (!drain && DueNs(head) > now_ns) continue;
      if (best == heads_.end() || head.items.front().arrived_ns < best->second.items.front().arrived_ns) {
        best = it;
      }
    }
    if (best == heads_.end()) return std::nullopt;
    return Take(best->first, best->second);
  }

  // When TakeDue() can next succeed if nothing else happens; the largest time when it cannot.
  int64_t NextDueNs() const {
    int64_t next = kNever;
    for (const auto& [shard, head] : heads_) {
      if (!head.items.empty() && !head.is_uploading) next = std::min(next, DueNs(head));
    }
    return next;
  }

  // The shard may upload again.
  void UploadDone(uint32_t shard, int64_t now_ns) {
    auto it = heads_.find(shard);
    it->second.is_uploading = false;
    it->second.gather_until_ns = now_ns + options_.gather_ns;
    // A shard that moved to another writer leaves nothing behind.
    if (it->second.items.empty()) heads_.erase(it);
  }

  bool empty() const { return heads_.empty(); }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  struct Entry {
    Item item;
    size_t bytes;
    size_t profiles;
    int64_t arrived_ns;
  };
  struct Head {
    std::deque<Entry> items;
    size_t bytes = 0;
    size_t profiles = 0;
    bool is_uploading = false;
    // While items keep coming during uploads: how many the last segment had, and until when the next waits for as many.
    size_t last_items = 0;
    int64_t gather_until_ns = 0;
  };

  bool IsFull(const Head& head) const {
    return head.bytes >= options_.segment_bytes_max || head.profiles >= options_.segment_profiles_max;
  }
  int64_t DueNs(const Head& head) const {
    if (IsFull(head)) return 0;
    const int64_t lingered_ns = head.items.front().arrived_ns + options_.linger_ns;
    return head.items.size() < head.last_items ? std::max(lingered_ns, head.gather_until_ns) : lingered_ns;
  }

  // At least one item, and as many more as fit.
  Sealed Take(uint32_t shard, Head& head) {
    Sealed sealed;
    sealed.shard = shard;
    size_t bytes = 0;
    size_t profiles = 0;
    while (!head.items.empty()) {
      Entry& entry = head.items.front();
      const bool fits = bytes + entry.bytes <= options_.segment_bytes_max &&
                        profiles + entry.profiles <= options_.segment_profiles_max;
      if (!sealed.items.empty() && !fits) break;
      bytes += entry.bytes;
      profiles += entry.profiles;
      sealed.items.push_back(std::move(entry.item));
      head.items.pop_front();
    }
    head.bytes -= bytes;
    head.profiles -= profiles;
    head.is_uploading = true;
    head.last_items = sealed.items.size();
    return sealed;
  }

  const SegmentWriterOptions& options_;
  std::map<uint32_t, Head> heads_;
};

}  // namespace brazier::segment_writer
