// What compaction workers and the metastore's leader say to each other <-> msgpack. docs/format/zeromq-jobs.md describes the bytes.
// Decoding is for hostile input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/contract/compaction.h"

namespace brazier::codec {

inline constexpr size_t kJobInputsMax = 10'000;   // of one job
inline constexpr size_t kJobsPerMessageMax = 1'000;
inline constexpr size_t kWorkerNameBytesMax = 256;
inline constexpr size_t kJobErrorBytesMax = 4'096;

struct PullRequest {
  std::string worker;
  uint32_t credits = 0;
  friend bool operator==(const PullRequest&, const PullRequest&) = default;
};
struct JobHeartbeat {
  std::string worker;
  std::vector<contract::JobProgress> jobs;
};
struct ReturnedJob {
  uint64_t id = 0;
  uint64_t token = 0;
  contract::ReturnReason reason = contract::ReturnReason::kFailed;
  std::string error;
  friend bool operator==(const ReturnedJob&, const ReturnedJob&) = default;
};

std::string EncodePullRequest(const PullRequest& pull);
Result<PullRequest> DecodePullRequest(Bytes bytes);
std::string EncodeJobs(const std::vector<contract::CompactionJob>& jobs);
Result<std::vector<contract::CompactionJob>> DecodeJobs(Bytes bytes);
std::string EncodeJobHeartbeat(const JobHeartbeat& heartbeat);
Result<JobHeartbeat> DecodeJobHeartbeat(Bytes bytes);
std::string EncodeJobIds(const std::vector<uint64_t>& ids);
Result<std::vector<uint64_t>> DecodeJobIds(Bytes bytes);
std::string EncodeFinishedJob(const contract::FinishedJob& job);
Result<contract::FinishedJob> DecodeFinishedJob(Bytes bytes);
std::string EncodeReturnedJob(const ReturnedJob& job);  // a longer error is cut
Result<ReturnedJob> DecodeReturnedJob(Bytes bytes);

}  // namespace brazier::codec
