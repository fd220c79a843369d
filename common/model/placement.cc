#include "common/model/placement.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/hash.h"

namespace brazier {

uint32_t ShardOf(std::string_view tenant, std::string_view service, uint32_t shard_count) {
  CHECK(shard_count > 0);
  uint64_t key = Hash64(service, Hash64(tenant));
  int64_t bucket = -1;
  int64_t next = 0;
  while (next < shard_count) {
    bucket = next;
    key = key * 2862933555777941757ull + 1;
    next = static_cast<int64_t>(static_cast<double>(bucket + 1) *
                                (static_cast<double>(1ll << 31) / static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<uint32_t>(bucket) + 1;
}

Ring::Ring(const std::vector<std::string>& writer_ids) : writer_count_(writer_ids.size()) {
  for (uint32_t writer = 0; writer < writer_ids.size(); ++writer) {
    for (uint64_t i = 0; i < kTokensPerWriter; ++i) {
      tokens_.push_back({Hash64(writer_ids[writer], i + 1), writer});
    }
  }
  // Ties between points fall to the writer that sorts first, in every process.
  std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) {
    return a.point != b.point ? a.point < b.point : a.writer < b.writer;
  });
}

std::vector<size_t> Ring::WritersOf(uint32_t shard, size_t count) const {
  std::vector<size_t> out;
  if (tokens_.empty()) return out;
  const uint64_t point = Hash64(std::to_string(shard));
  auto it = std::lower_bound(tokens_.begin(), tokens_.end(), point,
                             [](const Token& t, uint64_t p) { return t.point < p; });
  for (size_t steps = 0; steps < tokens_.size() && out.size() < std::min(count, writer_count_);
       ++steps, ++it) {
    if (it == tokens_.end()) it = tokens_.begin();
    if (std::find(out.begin(), out.end(), it->writer) == out.end()) out.push_back(it->writer);
  }
  return out;
}

}  // namespace brazier
