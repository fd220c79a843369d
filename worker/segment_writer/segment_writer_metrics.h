// Metrics of the segment-writer.
#pragma once

#include "common/observe/metrics.h"

namespace brazier::segment_writer {

struct SegmentWriterMetrics {
  explicit SegmentWriterMetrics(MetricsRegistry& r)
      : segments(r.GetCounter("brazier_segment_writer_segments_total", "Segments registered.")),
        profiles(r.GetCounter("brazier_segment_writer_profiles_total", "Profiles in registered segments.")),
        bytes(r.GetCounter("brazier_segment_writer_segment_bytes_total", "Bytes of registered segments.")),
        upload_failures(r.GetCounter("brazier_segment_writer_upload_failures_total",
                                     "Segments that the object store did not take.")),
        register_failures(r.GetCounter("brazier_segment_writer_register_failures_total",
                                       "Segments stored but not registered; their objects are orphans.")),
        refused(r.GetCounter("brazier_segment_writer_refused_total",
                             "Batches refused because the buffer was full or the writer was stopping.")),
        buffer_bytes(r.GetGauge("brazier_segment_writer_buffer_bytes", "Batches not yet answered.")),
        wait_seconds(r.GetHistogram("brazier_segment_writer_wait_seconds",
                                    "From a batch's arrival to its answer.", LatencyBounds())),
        build_seconds(r.GetHistogram("brazier_segment_writer_build_seconds",
                                     "Encoding one segment.", LatencyBounds())),
        upload_seconds(r.GetHistogram("brazier_segment_writer_upload_seconds",
                                      "Storing one segment durably.", LatencyBounds())),
        register_seconds(r.GetHistogram("brazier_segment_writer_register_seconds",
                                        "Registering one segment in the metastore.", LatencyBounds())) {}

  Counter& segments;
  Counter& profiles;
  Counter& bytes;
  Counter& upload_failures;
  Counter& register_failures;
  Counter& refused;
  Gauge& buffer_bytes;
  Histogram& wait_seconds;
  Histogram& build_seconds;
  Histogram& upload_seconds;
  Histogram& register_seconds;
};

}  // namespace brazier::segment_writer
