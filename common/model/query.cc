#include "common/model/query.h"

#include <algorithm>

namespace brazier {

void QueryStats::Add(const QueryStats& other) {
  blocks_planned += other.blocks_planned;
  blocks_read += other.blocks_read;
  blocks_failed += other.blocks_failed;
  profiles_hidden += other.profiles_hidden;
  bytes_read += other.bytes_read;
  datasets_read += other.datasets_read;
  rows_read += other.rows_read;
  samples_read += other.samples_read;
  rollup_rows_read += other.rollup_rows_read;
  newest_data_ns = std::max(newest_data_ns, other.newest_data_ns);
  failed_blocks.insert(failed_blocks.end(), other.failed_blocks.begin(), other.failed_blocks.end());
  std::sort(failed_blocks.begin(), failed_blocks.end());
  failed_blocks.erase(std::unique(failed_blocks.begin(), failed_blocks.end()), failed_blocks.end());
  if (failed_blocks.size() > kNamedBlocksMax) failed_blocks.resize(kNamedBlocksMax);
}

}  // namespace brazier
