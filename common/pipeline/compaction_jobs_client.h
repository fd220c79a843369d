// CompactionJobsClient: contract::CompactionJobs at whichever metastore member leads.
//
// Asks one member; when that one does not lead, or cannot be reached, the next one of the list, each at most once per call and all
// within the call's deadline; the one that answered is asked first the next time. Connections are kept while the list names their
// address. Heartbeat waits for its answer: not on the loop thread. Answers come on the loop thread, or on the caller's when nobody can
// be asked. The destructor does not wait: what is open ends with kUnavailable. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/contract/compaction.h"
#include "common/observe/metrics.h"
#include "common/pipeline/client.h"
#include "common/pipeline/loop.h"

namespace brazier::pipeline {

class CompactionJobsClient final : public contract::CompactionJobs {
 public:
  // `loop` and `metrics` outlive the client.
  CompactionJobsClient(Loop& loop, PipelineLimits limits, MetricsRegistry& metrics);
  ~CompactionJobsClient() override;

  // The members' addresses, in the order in which they are tried. One that cannot be used is logged and left out. An empty list
  // changes nothing: who has just begun to lead knows nobody yet. Not on the loop thread.
  void SetAddresses(const std::vector<std::string>& addresses);

  void PullJobs(const contract::RequestContext& context, const std::string& worker, size_t credits,
                std::function<void(Result<std::vector<contract::CompactionJob>>)> done) override;
  Result<std::vector<uint64_t>> Heartbeat(const contract::RequestContext& context, const std::string& worker,
                                          const std::vector<contract::JobProgress>& jobs) override;
  void FinishJob(const contract::RequestContext& context, contract::FinishedJob job, std::function<void(Status)> done) override;
  void ReturnJob(const contract::RequestContext& context, uint64_t id, uint64_t token, contract::ReturnReason reason,
                 const std::string& error, std::function<void(Status)> done) override;

 private:
  class Members;
  struct Attempt;
  void Call(const contract::RequestContext& context, Kind kind, std::string payload, PipelineClient::Done done);

  Loop& loop_;
  const PipelineLimits limits_;
  MetricsRegistry& metrics_;
  const std::shared_ptr<Members> members_;
};

}  // namespace brazier::pipeline
