#include "store/index/lifecycle_entries.h"

#include "store/index/command_io.h"
#include "store/index/index_keys.h"
#include "store/index/index_limits.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr uint64_t kVersion = 1;
constexpr size_t kMarkFields = 1;
constexpr size_t kJobFields = 10;
constexpr size_t kJobOfBlockFields = 5;
constexpr size_t kFailureFields = 4;
constexpr size_t kQuarantineFields = 3;
constexpr size_t kExpiryFields = 2;
constexpr size_t kDeletionFields = 11;
constexpr size_t kNotedFields = 2;
constexpr size_t kSettingsFields = 2;

MsgpackWriter Begin(size_t fields) {
  MsgpackWriter out;
  out.Array(fields);
  out.Uint(kVersion);
  return out;
}

// Reads what Begin opened with `read`; what is wrong with a stored value is corruption.
template <typename Value, typename Read>
Result<Value> Decode(std::string_view bytes, const char* what, size_t known, Read read) {
  MsgpackReader in(AsBytes(bytes), what);
  const size_t fields = in.Array();
  if (in.ok() && fields < known) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  Value value = read(in);
  const Status status = EndFields(in, fields, known);
  if (!status.ok()) return Corruption(status.message());
  return value;
}

}  // namespace

std::string EncodeMark() { return Begin(kMarkFields).Take(); }

std::string EncodeJob(const Job& job) {
  MsgpackWriter out = Begin(kJobFields);
  out.Uint(job.token);
  out.Uint(job.queue.level);
  out.Uint(job.queue.shard);
  out.Str(job.queue.tenant);
  out.Uint(job.output_level);
  WriteIds(out, job.inputs);
  out.Str(job.worker);
  out.Int(job.started_ns);
  out.Uint(job.attempts);
  return out.Take();
}

Result<Job> DecodeJob(uint64_t id, std::string_view value) {
  return Decode<Job>(value, "index job", kJobFields, [&](MsgpackReader& in) {
    Job job{.id = id};
    job.token = in.Uint();
    job.queue.level = in.Uint32();
    job.queue.shard = in.Uint32();
    job.queue.tenant = in.Str();
    job.output_level = in.Uint32();
    job.inputs = ReadIds(in, kJobInputsMax);
    job.worker = in.Str();
    job.started_ns = in.Int();
    job.attempts = in.Uint32();
    return job;
  });
}

std::string EncodeJobOfBlock(const JobOfBlock& place) {
  MsgpackWriter out = Begin(kJobOfBlockFields);
  out.Uint(place.job);
  out.Uint(place.block.size);
  out.Int(place.block.min_time_ns);
  out.Int(place.block.max_time_ns);
  return out.Take();
}

Result<JobOfBlock> DecodeJobOfBlock(const Ulid& id, std::string_view value) {
  return Decode<JobOfBlock>(value, "index job of a block", kJobOfBlockFields, [&](MsgpackReader& in) {
    JobOfBlock place;
    place.job = in.Uint();
    place.block.id = id;
    place.block.size = in.Uint();
    place.block.min_time_ns = in.Int();
    place.block.max_time_ns = in.Int();
    return place;
  });
}

std::string EncodeFailure(const FailedBlock& failure) {
  MsgpackWriter out = Begin(kFailureFields);
  out.Uint(failure.failures);
  out.Int(failure.not_before_ns);
  out.Str(failure.error);
  return out.Take();
}

Result<FailedBlock> DecodeFailure(const Ulid& id, std::string_view value) {
  return Decode<FailedBlock>(value, "index failure", kFailureFields, [&](MsgpackReader& in) {
    FailedBlock failure{.id = id};
    failure.failures = in.Uint32();
    failure.not_before_ns = in.Int();
    failure.error = in.Str();
    return failure;
  });
}

std::string EncodeQuarantine(const QuarantinedBlock& block) {
  MsgpackWriter out = Begin(kQuarantineFields);
  out.Int(block.since_ns);
  out.Str(block.reason);
  return out.Take();
}

Result<QuarantinedBlock> DecodeQuarantine(const Ulid& id, std::string_view value) {
  return Decode<QuarantinedBlock>(value, "index quarantine", kQuarantineFields, [&](MsgpackReader& in) {
    QuarantinedBlock block{.id = id};
    block.since_ns = in.Int();
    block.reason = in.Str();
    return block;
  });
}

std::string EncodeExpiry(uint64_t size) {
  MsgpackWriter out = Begin(kExpiryFields);
  out.Uint(size);
  return out.Take();
}

Result<uint64_t> DecodeExpiry(std::string_view value) {
  return Decode<uint64_t>(value, "index expiry entry", kExpiryFields, [](MsgpackReader& in) { return in.Uint(); });
}

std::string EncodeDeletion(const Deletion& deletion) {
  MsgpackWriter out = Begin(kDeletionFields);
  out.Str(deletion.filter.tenant);
  out.Str(deletion.filter.service);
  out.Str(deletion.filter.selector);
  out.Int(deletion.filter.start_ns);
  out.Int(deletion.filter.end_ns);
  out.Int(deletion.created_ns);
  out.Uint(deletion.blocks);
  out.Uint(deletion.blocks_to_rewrite);
  out.Uint(deletion.objects_to_delete);
  out.Int(deletion.confirmed_ns);
  return out.Take();
}

Result<Deletion> DecodeDeletion(const Ulid& id, std::string_view value) {
  return Decode<Deletion>(value, "index deletion", kDeletionFields, [&](MsgpackReader& in) {
    Deletion deletion{.id = id};
    deletion.filter.tenant = in.Str();
    deletion.filter.service = in.Str();
    deletion.filter.selector = in.Str();
    deletion.filter.start_ns = in.Int();
    deletion.filter.end_ns = in.Int();
    deletion.created_ns = in.Int();
    deletion.blocks = in.Uint();
    deletion.blocks_to_rewrite = in.Uint();
    deletion.objects_to_delete = in.Uint();
    deletion.confirmed_ns = in.Int();
    return deletion;
  });
}

std::string EncodeNotedDeletions(const std::vector<NotedDeletion>& noted) {
  std::string bytes;
  bytes.reserve(noted.size() * (kIdBytes + kNumberBytes));
  for (const NotedDeletion& one : noted) {
    AppendId(bytes, one.deletion);
    AppendNumber(bytes, one.index);
  }
  MsgpackWriter out = Begin(kNotedFields);
  out.Bin(AsBytes(bytes));
  return out.Take();
}

Result<std::vector<NotedDeletion>> DecodeNotedDeletions(std::string_view value) {
  using Noted = std::vector<NotedDeletion>;
  return Decode<Noted>(value, "index deletions of a block", kNotedFields, [](MsgpackReader& in) {
    constexpr size_t kBytes = kIdBytes + kNumberBytes;
    Noted noted;
    std::string_view bytes = AsString(in.Bin());
    if (bytes.size() % kBytes != 0) in.Fail("deletions that are not whole entries");
    for (; in.ok() && !bytes.empty(); bytes.remove_prefix(kBytes)) {
      noted.push_back({ParseId(bytes.substr(0, kIdBytes)), ParseNumber(bytes.substr(kIdBytes, kNumberBytes))});
    }
    return noted;
  });
}

std::string EncodeSettings(bool is_paused) {
  MsgpackWriter out = Begin(kSettingsFields);
  out.Bool(is_paused);
  return out.Take();
}

Result<bool> DecodeSettings(std::string_view value) {
  return Decode<bool>(value, "index settings", kSettingsFields, [](MsgpackReader& in) { return in.Bool(); });
}

std::string EncodeJobNumber(uint64_t job) {
  std::string value;
  AppendNumber(value, job);
  return value;
}

Result<uint64_t> DecodeJobNumber(std::string_view value) {
  if (value.size() != kNumberBytes) return Corruption("an index job number has " + std::to_string(value.size()) + " bytes");
  return ParseNumber(value);
}

}  // namespace brazier::index
