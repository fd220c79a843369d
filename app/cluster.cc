#include "app/cluster.h"

#include "common/observe/log.h"
#include "common/pipeline/compaction_jobs_endpoint.h"
#include "common/pipeline/query_backend_client.h"
#include "common/pipeline/segment_writer_client.h"
#include "common/pipeline/segment_writer_endpoint.h"

namespace brazier::app {
namespace {

template <typename Role>
std::shared_ptr<Role> Borrowed(Role* role) {
  return std::shared_ptr<Role>(std::shared_ptr<void>(), role);
}

template <typename Client, typename Role>
std::shared_ptr<Role> Connect(const Member& member, pipeline::Loop& loop,
                              MetricsRegistry& metrics) {
  auto client = Client::Open(loop, {.address = member.pipeline_address}, metrics);
  if (!client.ok()) {
    Log(LogLevel::kWarn, "member has an address that cannot be used",
        {{"member", member.id},
         {"address", member.pipeline_address},
         {"error", client.status().message()}});
    return nullptr;
  }
  return std::shared_ptr<Role>(std::move(*client));
}

}  // namespace

PipelineDoor::PipelineDoor(const std::string& listen, LocalWorkers workers, pipeline::QueryBackendEndpoint::Options query_options,
                           pipeline::Loop& loop, MetricsRegistry& metrics)
    : server_(loop, {.address = listen}, metrics) {
  if (workers.segment_writer != nullptr) {
    pipeline::ServeSegmentWriter(server_, *workers.segment_writer);
  }
  if (workers.query_backend != nullptr) {
    query_endpoint_ = std::make_unique<pipeline::QueryBackendEndpoint>(
        query_options, server_,
        *workers.query_backend, metrics);
  }
}

Result<std::unique_ptr<PipelineDoor>> PipelineDoor::Open(const std::string& listen,
                                                         LocalWorkers workers,
                                                         pipeline::QueryBackendEndpoint::Options query_options,
                                                         pipeline::Loop& loop,
                                                         MetricsRegistry& metrics) {
  std::unique_ptr<PipelineDoor> door(
      new PipelineDoor(listen, workers, query_options, loop, metrics));
  if (const Status status = door->server_.Start(); !status.ok()) {
    return Status(status.code(), status.message() + "; choose another with pipeline.listen");
  }
  return door;
}

PipelineDoor::~PipelineDoor() { Stop(); }

void PipelineDoor::Stop() {
  server_.Stop();
  if (query_endpoint_) query_endpoint_->Stop();
}

JobsDoor::JobsDoor(const std::string& listen, contract::CompactionJobs& jobs, pipeline::Loop& loop, MetricsRegistry& metrics)
    : server_(loop, {.address = listen}, metrics) {
  pipeline::ServeCompactionJobs(server_, jobs);
}

Result<std::unique_ptr<JobsDoor>> JobsDoor::Open(const std::string& listen, contract::CompactionJobs& jobs, pipeline::Loop& loop,
                                                 MetricsRegistry& metrics) {
  std::unique_ptr<JobsDoor> door(new JobsDoor(listen, jobs, loop, metrics));
  if (const Status status = door->server_.Start(); !status.ok()) {
    return Status(status.code(), status.message() + "; choose another with compaction.listen");
  }
  return door;
}

PeerFactories MakePeerFactories(const std::string& self_id, LocalWorkers workers,
                                pipeline::Loop& loop, MetricsRegistry& metrics) {
  return {
      .segment_writer = [=, &loop, &metrics](const Member& member)
          -> std::shared_ptr<contract::SegmentWriter> {
        if (member.id == self_id && workers.segment_writer) return Borrowed(workers.segment_writer);
        return Connect<pipeline::SegmentWriterClient, contract::SegmentWriter>(member, loop,
                                                                              metrics);
      },
      .query_backend = [=, &loop, &metrics](const Member& member)
          -> std::shared_ptr<contract::QueryBackend> {
        if (member.id == self_id && workers.query_backend) return Borrowed(workers.query_backend);
        return Connect<pipeline::QueryBackendClient, contract::QueryBackend>(member, loop, metrics);
      }};
}

}  // namespace brazier::app
