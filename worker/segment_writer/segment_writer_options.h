// Settings of the segment-writer; the settings table (common/config) documents them for users.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brazier::segment_writer {

struct SegmentWriterOptions {
  // How long a segment waits for company after the shard's previous upload is done. 0 seals at once: what arrives
  // during an upload shares the next one all the same.
  int64_t linger_ns = 0;
  // How long, while batches keep coming during uploads, a segment waits for as many as the last one had: what clients that
  // were answered together need to come again.
  int64_t gather_ns = 1'000'000;
  size_t segment_bytes_max = 16 << 20;    // of decoded batches; a full head seals without waiting
  size_t segment_profiles_max = 4'000;    // likewise; keeps the registration below the log's command size
  size_t buffer_bytes_max = 128 << 20;    // batches not yet answered, all shards; over it: kResourceExhausted
  int flush_threads = 2;                  // segments built and uploaded at the same time
  int64_t register_timeout_ns = int64_t{10} * 1'000'000'000;
  int zstd_level = 1;
};

}  // namespace brazier::segment_writer
