#include "common/pipeline/compaction_jobs_endpoint.h"

#include <memory>

#include "common/codec/jobs_msgpack.h"

namespace brazier::pipeline {
namespace {

using contract::CompactionJobs;

std::function<void(Status)> AnswerStatus(Responder responder) {
  auto shared = std::make_shared<Responder>(std::move(responder));
  return [shared](const Status& status) {
    if (!status.ok()) return shared->Answer(status);
    shared->Answer(std::string());
  };
}

void HandlePull(CompactionJobs& jobs, ServerRequest request) {
  const auto pull = codec::DecodePullRequest(request.payload.bytes());
  if (!pull.ok()) return request.responder.Answer(pull.status());
  auto responder = std::make_shared<Responder>(std::move(request.responder));
  jobs.PullJobs(request.context, pull->worker, pull->credits,
                [responder](const Result<std::vector<contract::CompactionJob>>& pulled) {
                  if (!pulled.ok()) return responder->Answer(pulled.status());
                  responder->Answer(codec::EncodeJobs(*pulled));
                });
}

void HandleHeartbeat(CompactionJobs& jobs, ServerRequest request) {
  const auto heartbeat = codec::DecodeJobHeartbeat(request.payload.bytes());
  if (!heartbeat.ok()) return request.responder.Answer(heartbeat.status());
  const auto stop = jobs.Heartbeat(request.context, heartbeat->worker, heartbeat->jobs);
  if (!stop.ok()) return request.responder.Answer(stop.status());
  request.responder.Answer(codec::EncodeJobIds(*stop));
}

void HandleFinish(CompactionJobs& jobs, ServerRequest request) {
  auto finished = codec::DecodeFinishedJob(request.payload.bytes());
  if (!finished.ok()) return request.responder.Answer(finished.status());
  request.payload = Frame();
  jobs.FinishJob(request.context, *std::move(finished), AnswerStatus(std::move(request.responder)));
}

void HandleReturn(CompactionJobs& jobs, ServerRequest request) {
  const auto returned = codec::DecodeReturnedJob(request.payload.bytes());
  if (!returned.ok()) return request.responder.Answer(returned.status());
  jobs.ReturnJob(request.context, returned->id, returned->token, returned->reason, returned->error,
                 AnswerStatus(std::move(request.responder)));
}

}  // namespace

void ServeCompactionJobs(PipelineServer& server, CompactionJobs& jobs) {
  server.Handle(Kind::kPullJobs, [&jobs](ServerRequest request) { HandlePull(jobs, std::move(request)); });
  server.Handle(Kind::kJobHeartbeat, [&jobs](ServerRequest request) { HandleHeartbeat(jobs, std::move(request)); });
  server.Handle(Kind::kFinishJob, [&jobs](ServerRequest request) { HandleFinish(jobs, std::move(request)); });
  server.Handle(Kind::kReturnJob, [&jobs](ServerRequest request) { HandleReturn(jobs, std::move(request)); });
}

}  // namespace brazier::pipeline
