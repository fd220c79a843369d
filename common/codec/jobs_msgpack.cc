#include "common/codec/jobs_msgpack.h"

#include "common/codec/block_meta_msgpack.h"
#include "common/codec/msgpack_io.h"

namespace brazier::codec {
namespace {

using contract::CompactionJob;
using contract::FinishedJob;
using contract::JobProgress;
using contract::ReturnReason;

constexpr uint64_t kVersion = 1;

// Ids are 16 bytes each, big-endian, one after the other.
void WriteIds(const std::vector<Ulid>& ids, MsgpackWriter& out) {
  out.BinHeader(ids.size() * 16);
  for (const Ulid& id : ids) {
    uint8_t bytes[16];
    for (int i = 0; i < 8; ++i) {
      bytes[i] = static_cast<uint8_t>(id.bits.high >> (56 - 8 * i));
      bytes[8 + i] = static_cast<uint8_t>(id.bits.low >> (56 - 8 * i));
    }
    out.Raw(bytes, sizeof bytes);
  }
}

Ulid IdAt(Bytes bytes, size_t at) {
  Ulid id;
  for (size_t i = 0; i < 8; ++i) {
    id.bits.high = id.bits.high << 8 | bytes[at + i];
    id.bits.low = id.bits.low << 8 | bytes[at + 8 + i];
  }
  return id;
}

std::vector<Ulid> ReadIds(MsgpackReader& in) {
  const Bytes bytes = in.Bin(kJobInputsMax * 16);
  std::vector<Ulid> ids;
  if (bytes.size() % 16 != 0) {
    in.Fail("ids of " + std::to_string(bytes.size()) + " bytes, 16 are one");
    return ids;
  }
  ids.reserve(bytes.size() / 16);
  for (size_t at = 0; at < bytes.size(); at += 16) ids.push_back(IdAt(bytes, at));
  return ids;
}

// Reads a map whose "v" is this version; keys that are not known are skipped.
template <typename Field>
Status ReadMap(MsgpackReader& in, const Field& field) {
  uint64_t version = 0;
  for (size_t n = in.Map(64); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str(64);
    if (key == "v") {
      version = in.Uint();
    } else if (!field(key)) {
      in.Skip();
    }
  }
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + ", this reads version 1");
  return in.Finish();
}

void BeginMap(MsgpackWriter& out, size_t fields) {
  out.Map(fields + 1);
  out.Key("v");
  out.Uint(kVersion);
}

// The elements of an array, `least` at least; later ones of newer versions are skipped by EndArray.
size_t BeginArray(MsgpackReader& in, size_t least) {
  const size_t fields = in.Array();
  if (in.ok() && fields < least) in.Fail("fewer than " + std::to_string(least) + " elements");
  return fields;
}
void EndArray(MsgpackReader& in, size_t fields, size_t read) {
  for (size_t i = read; i < fields && in.ok(); ++i) in.Skip();
}

constexpr size_t kJobFields = 10;

CompactionJob ReadJob(MsgpackReader& in) {
  CompactionJob job;
  const size_t fields = BeginArray(in, kJobFields);
  job.id = in.Uint();
  job.token = in.Uint();
  job.level = in.Uint32();
  job.shard = in.Uint32();
  job.tenant = in.Str(kJobErrorBytesMax);
  job.inputs = ReadIds(in);
  job.block_bytes_max = in.Uint();
  job.memory_bytes_max = in.Uint();
  job.hour_rollups = in.Bool();
  job.day_rollups = in.Bool();
  EndArray(in, fields, kJobFields);
  return job;
}

}  // namespace

std::string EncodePullRequest(const PullRequest& pull) {
  MsgpackWriter out;
  BeginMap(out, 2);
  out.Key("worker");
  out.Str(pull.worker);
  out.Key("credits");
  out.Uint(pull.credits);
  return out.Take();
}

Result<PullRequest> DecodePullRequest(Bytes bytes) {
  MsgpackReader in(bytes, "pull for jobs");
  PullRequest pull;
  RETURN_IF_ERROR(ReadMap(in, [&](std::string_view key) {
    if (key == "worker") {
      pull.worker = in.Str(kWorkerNameBytesMax);
    } else if (key == "credits") {
      pull.credits = in.Uint32();
    } else {
      return false;
    }
    return true;
  }));
  return pull;
}

std::string EncodeJobs(const std::vector<CompactionJob>& jobs) {
  MsgpackWriter out;
  BeginMap(out, 1);
  out.Key("jobs");
  out.Array(jobs.size());
  for (const CompactionJob& job : jobs) {
    out.Array(kJobFields);
    out.Uint(job.id);
    out.Uint(job.token);
    out.Uint(job.level);
    out.Uint(job.shard);
    out.Str(job.tenant);
    WriteIds(job.inputs, out);
    out.Uint(job.block_bytes_max);
    out.Uint(job.memory_bytes_max);
    out.Bool(job.hour_rollups);
    out.Bool(job.day_rollups);
  }
  return out.Take();
}

Result<std::vector<CompactionJob>> DecodeJobs(Bytes bytes) {
  MsgpackReader in(bytes, "compaction jobs");
  std::vector<CompactionJob> jobs;
  RETURN_IF_ERROR(ReadMap(in, [&](std::string_view key) {
    if (key != "jobs") return false;
    jobs.clear();
    for (size_t n = in.Array(kJobsPerMessageMax); n > 0 && in.ok(); --n) jobs.push_back(ReadJob(in));
    return true;
  }));
  return jobs;
}

std::string EncodeJobHeartbeat(const JobHeartbeat& heartbeat) {
  MsgpackWriter out;
  BeginMap(out, 2);
  out.Key("worker");
  out.Str(heartbeat.worker);
  out.Key("jobs");
  out.Array(heartbeat.jobs.size());
  for (const JobProgress& job : heartbeat.jobs) {
    out.Array(4);
    out.Uint(job.id);
    out.Uint(job.token);
    out.Uint(job.bytes_done);
    out.Uint(job.bytes_total);
  }
  return out.Take();
}

Result<JobHeartbeat> DecodeJobHeartbeat(Bytes bytes) {
  MsgpackReader in(bytes, "heartbeat of a worker");
  JobHeartbeat heartbeat;
  RETURN_IF_ERROR(ReadMap(in, [&](std::string_view key) {
    if (key == "worker") {
      heartbeat.worker = in.Str(kWorkerNameBytesMax);
    } else if (key == "jobs") {
      heartbeat.jobs.clear();
      for (size_t n = in.Array(kJobsPerMessageMax); n > 0 && in.ok(); --n) {
        const size_t fields = BeginArray(in, 4);
        JobProgress& job = heartbeat.jobs.emplace_back();
        job.id = in.Uint();
        job.token = in.Uint();
        job.bytes_done = in.Uint();
        job.bytes_total = in.Uint();
        EndArray(in, fields, 4);
      }
    } else {
      return false;
    }
    return true;
  }));
  return heartbeat;
}

std::string EncodeJobIds(const std::vector<uint64_t>& ids) {
  MsgpackWriter out;
  BeginMap(out, 1);
  out.Key("ids");
  out.Array(ids.size());
  for (uint64_t id : ids) out.Uint(id);
  return out.Take();
}

Result<std::vector<uint64_t>> DecodeJobIds(Bytes bytes) {
  MsgpackReader in(bytes, "ids of jobs");
  std::vector<uint64_t> ids;
  RETURN_IF_ERROR(ReadMap(in, [&](std::string_view key) {
    if (key != "ids") return false;
    ids.clear();
    for (size_t n = in.Array(kJobsPerMessageMax); n > 0 && in.ok(); --n) ids.push_back(in.Uint());
    return true;
  }));
  return ids;
}

std::string EncodeFinishedJob(const FinishedJob& job) {
  MsgpackWriter out;
  BeginMap(out, 7);
  out.Key("id");
  out.Uint(job.id);
  out.Key("token");
  out.Uint(job.token);
  out.Key("inputs");
  WriteIds(job.inputs, out);
  out.Key("outputs");
  out.Array(job.outputs.size());
  for (const BlockMeta& output : job.outputs) out.Bin(AsBytes(EncodeBlockMeta(output)));
  out.Key("bad");
  out.Array(job.bad.size());
  for (const contract::BadBlock& bad : job.bad) {
    out.Array(2);
    WriteIds({bad.id}, out);
    out.Str(std::string_view(bad.reason).substr(0, kJobErrorBytesMax));
  }
  out.Key("bytes_read");
  out.Uint(job.bytes_read);
  out.Key("duration_ns");
  out.Int(job.duration_ns);
  return out.Take();
}

Result<FinishedJob> DecodeFinishedJob(Bytes bytes) {
  MsgpackReader in(bytes, "finished job");
  FinishedJob job;
  RETURN_IF_ERROR(ReadMap(in, [&](std::string_view key) {
    if (key == "id") {
      job.id = in.Uint();
    } else if (key == "token") {
      job.token = in.Uint();
    } else if (key == "inputs") {
      job.inputs = ReadIds(in);
    } else if (key == "outputs") {
      job.outputs.clear();
      for (size_t n = in.Array(kJobInputsMax); n > 0 && in.ok(); --n) {
        Result<BlockMeta> output = DecodeBlockMeta(in.Bin());
        if (!in.ok()) break;
        if (!output.ok()) {
          in.Fail(output.status().message());
          break;
        }
        job.outputs.push_back(*std::move(output));
      }
    } else if (key == "bad") {
      job.bad.clear();
      for (size_t n = in.Array(kJobInputsMax); n > 0 && in.ok(); --n) {
        const size_t fields = BeginArray(in, 2);
        const std::vector<Ulid> ids = ReadIds(in);
        if (in.ok() && ids.size() != 1) in.Fail("a bad block of " + std::to_string(ids.size()) + " ids");
        const std::string_view reason = in.Str(kJobErrorBytesMax);
        if (in.ok()) job.bad.push_back({.id = ids.front(), .reason = std::string(reason)});
        EndArray(in, fields, 2);
      }
    } else if (key == "bytes_read") {
      job.bytes_read = in.Uint();
    } else if (key == "duration_ns") {
      job.duration_ns = in.Int();
    } else {
      return false;
    }
    return true;
  }));
  return job;
}

std::string EncodeReturnedJob(const ReturnedJob& job) {
  MsgpackWriter out;
  BeginMap(out, 4);
  out.Key("id");
  out.Uint(job.id);
  out.Key("token");
  out.Uint(job.token);
  out.Key("reason");
  out.Uint(static_cast<uint64_t>(job.reason));
  out.Key("error");
  out.Str(std::string_view(job.error).substr(0, kJobErrorBytesMax));
  return out.Take();
}

Result<ReturnedJob> DecodeReturnedJob(Bytes bytes) {
  MsgpackReader in(bytes, "returned job");
  ReturnedJob job;
  uint64_t reason = 0;
  RETURN_IF_ERROR(ReadMap(in, [&](std::string_view key) {
    if (key == "id") {
      job.id = in.Uint();
    } else if (key == "token") {
      job.token = in.Uint();
    } else if (key == "reason") {
      reason = in.Uint();
    } else if (key == "error") {
      job.error = in.Str(kJobErrorBytesMax);
    } else {
      return false;
    }
    return true;
  }));
  // One of a newer version counts as what holds nothing against the inputs.
  job.reason = reason >= 1 && reason <= static_cast<uint64_t>(ReturnReason::kStopping) ? static_cast<ReturnReason>(reason)
                                                                                      : ReturnReason::kUnavailable;
  return job;
}

}  // namespace brazier::codec
