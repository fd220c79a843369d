// Placement: (tenant, service) -> shard -> the segment-writers to try, in order. A pure function of the key and the
// living writers, so that every distributor decides alike, and the metastore can tell what they decide.
//
// Shard: jump consistent hash of the key over the shard count (Lamping and Veach, 2014). Writer: a consistent-hash
// ring with kTokensPerWriter points per writer; the owner of a shard is the next point, the ones after it stand in
// when it fails. A joining or leaving writer moves only its own share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brazier {

// Shards are numbered from 1. REQUIRES: shard_count > 0
uint32_t ShardOf(std::string_view tenant, std::string_view service, uint32_t shard_count);

class Ring {
 public:
  static constexpr int kTokensPerWriter = 64;
  Ring() = default;
  explicit Ring(const std::vector<std::string>& writer_ids);
  // Positions in `writer_ids`, the owner first, each writer once, at most `count`.
  std::vector<size_t> WritersOf(uint32_t shard, size_t count) const;
  size_t writer_count() const { return writer_count_; }

 private:
  struct Token {
    uint64_t point;
    uint32_t writer;
  };
  std::vector<Token> tokens_;  // sorted by point
  size_t writer_count_ = 0;
};

}  // namespace brazier
