// The ends of the pipelines between processes: the door through which this process takes work from others, and how it
// reaches them. Unused by a process that plays every role.
#pragma once

#include <memory>
#include <string>

#include "app/peers.h"
#include "common/base/result.h"
#include "common/contract/compaction.h"
#include "common/contract/query_backend.h"
#include "common/contract/segment_writer.h"
#include "common/observe/metrics.h"
#include "common/pipeline/loop.h"
#include "common/pipeline/query_backend_endpoint.h"
#include "common/pipeline/server.h"

namespace brazier::app {

// The worker roles of this process; null: not played here. They outlive whatever they are given to.
struct LocalWorkers {
  contract::SegmentWriter* segment_writer = nullptr;
  contract::QueryBackend* query_backend = nullptr;
};

// Serves the workers on one ROUTER socket. Start and Stop from one thread.
class PipelineDoor {
 public:
  // `loop` and `metrics` outlive the door. query_options: bounds of what the query-backend does for others.
  static Result<std::unique_ptr<PipelineDoor>> Open(const std::string& listen, LocalWorkers workers,
                                                    pipeline::QueryBackendEndpoint::Options query_options, pipeline::Loop& loop,
                                                    MetricsRegistry& metrics);
  ~PipelineDoor();
  // The bound address, with its real port.
  const std::string& address() const { return server_.address(); }
  // Answers of work that ends later go nowhere: stop the workers first.
  void Stop();

 private:
  PipelineDoor(const std::string& listen, LocalWorkers workers, pipeline::QueryBackendEndpoint::Options query_options,
               pipeline::Loop& loop, MetricsRegistry& metrics);
  pipeline::PipelineServer server_;
  std::unique_ptr<pipeline::QueryBackendEndpoint> query_endpoint_;
};

// Where a metastore member gives jobs to compaction workers. Start and Stop from one thread.
class JobsDoor {
 public:
  // `jobs`, `loop` and `metrics` outlive the door.
  static Result<std::unique_ptr<JobsDoor>> Open(const std::string& listen, contract::CompactionJobs& jobs, pipeline::Loop& loop,
                                                MetricsRegistry& metrics);
  const std::string& address() const { return server_.address(); }
  void Stop() { server_.Stop(); }

 private:
  JobsDoor(const std::string& listen, contract::CompactionJobs& jobs, pipeline::Loop& loop, MetricsRegistry& metrics);
  pipeline::PipelineServer server_;
};

// A member that is this process is reached directly, others through clients on `loop`. A member whose address cannot
// be used is logged and left out.
PeerFactories MakePeerFactories(const std::string& self_id, LocalWorkers workers,
                                pipeline::Loop& loop, MetricsRegistry& metrics);

}  // namespace brazier::app
