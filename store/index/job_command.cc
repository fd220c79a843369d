#include "store/index/job_command.h"

#include <algorithm>

#include "common/model/selector.h"
#include "common/model/tenant.h"
#include "store/index/command_io.h"
#include "store/index/index_limits.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr size_t kLeaseFields = 4;
constexpr size_t kJobLeaseFields = 7;
constexpr size_t kFinishFields = 8;
constexpr size_t kReturnFields = 8;
constexpr size_t kBlocksFields = 4;  // of every command that names ids and nothing else
constexpr size_t kBadInputFields = 2;
constexpr size_t kQuarantineFields = 4;
constexpr size_t kCondemnFields = 4;
constexpr size_t kCondemnedFields = 5;
constexpr size_t kDeleteFields = 9;
constexpr size_t kSetCompactionFields = 4;
constexpr size_t kLeasedFields = 3;

// The text up to the limit; a character of UTF-8 is left out rather than cut.
std::string_view CutText(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t bytes = bytes_max;
  while (bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

void WriteBad(MsgpackWriter& out, const std::vector<BadInput>& bad) {
  out.Array(bad.size());
  for (const BadInput& input : bad) {
    out.Array(kBadInputFields);
    WriteId(out, input.id);
    // Without one nobody could tell that the block is in quarantine.
    out.Str(input.reason.empty() ? "no reason given" : CutText(input.reason, kReasonBytesMax));
  }
}

std::vector<BadInput> ReadBad(MsgpackReader& in, size_t limit) {
  std::vector<BadInput> bad;
  std::vector<Ulid> ids;
  for (size_t count = in.Array(limit); count > 0 && in.ok(); --count) {
    size_t fields = in.Array();
    if (in.ok() && fields < kBadInputFields) in.Fail("a bad block with too few fields");
    BadInput& input = bad.emplace_back();
    input.id = ReadId(in);
    input.reason = in.Str(kReasonBytesMax);
    if (in.ok() && input.reason.empty()) in.Fail("a bad block without a reason");
    for (; fields > kBadInputFields && in.ok(); --fields) in.Skip();
    ids.push_back(input.id);
  }
  if (in.ok() && HasRepeat(std::move(ids))) in.Fail("an id twice");
  return bad;
}

JobLease ReadJobLease(MsgpackReader& in) {
  size_t fields = in.Array();
  if (in.ok() && fields < kJobLeaseFields) in.Fail("a job with too few fields");
  JobLease lease;
  lease.id = in.Uint();
  lease.queue.level = static_cast<uint32_t>(in.Uint(kLevelMax));
  lease.queue.shard = in.Uint32();
  lease.queue.tenant = in.Str(kTenantBytesMax);
  lease.output_level = static_cast<uint32_t>(in.Uint(kLevelMax));
  lease.inputs = ReadIds(in, kJobInputsMax);
  lease.worker = in.Str(kWorkerBytesMax);
  for (; fields > kJobLeaseFields && in.ok(); --fields) in.Skip();
  if (!in.ok() || lease.id > 0) return lease;
  if (lease.inputs.empty()) in.Fail("a new job without inputs");
  if (!std::is_sorted(lease.inputs.begin(), lease.inputs.end())) in.Fail("inputs of a job that are not ascending");
  return lease;
}

std::string EncodeIds(CommandKind kind, int64_t time_ns, std::span<const Ulid> ids) {
  MsgpackWriter out;
  BeginCommand(out, kBlocksFields, kind, time_ns);
  WriteIds(out, ids);
  return out.Take();
}

// Reads what EncodeIds wrote into a command whose first two fields these are.
template <typename Command>
Result<Command> DecodeIds(CommandKind kind, std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kBlocksFields, kind));
  Command decoded{header.time_ns, ReadIds(in, kBlocksPerCommandMax)};
  RETURN_IF_ERROR(EndFields(in, header.fields, kBlocksFields));
  return decoded;
}

CondemnedObject ReadCondemned(MsgpackReader& in) {
  size_t fields = in.Array();
  if (in.ok() && fields < kCondemnedFields) in.Fail("an object with too few fields");
  CondemnedObject object;
  object.id = ReadId(in);
  object.shard = in.Uint32();
  object.level = static_cast<uint32_t>(in.Uint(kLevelMax));
  object.tenant = in.Str(kTenantBytesMax);
  object.size = in.Uint(kObjectBytesMax);
  for (; fields > kCondemnedFields && in.ok(); --fields) in.Skip();
  if (in.ok() && object.id.bits.IsZero()) in.Fail("the id zero");
  if (in.ok() && (object.level == 0) != object.tenant.empty()) in.Fail("a tenant at level 0, or none above");
  return object;
}

Status CheckDeletion(const DeleteDataCommand& command) {
  const DataFilter& filter = command.filter;
  if (command.id.bits.IsZero()) return InvalidArgument("deleting data: the id is zero");
  if (filter.tenant.empty()) return InvalidArgument("deleting data: the tenant is empty");
  if (filter.start_ns < 0 || filter.start_ns > filter.end_ns) {
    return InvalidArgument("deleting data: times from " + std::to_string(filter.start_ns) + " to " +
                           std::to_string(filter.end_ns) + " are not a range of times since 1970");
  }
  if (filter.selector.empty()) return Status::Ok();
  return Selector::Parse(filter.selector).status().Annotate("deleting data");
}

}  // namespace

std::string EncodeLeaseJobsCommand(const LeaseJobsCommand& command) {
  MsgpackWriter out;
  BeginCommand(out, kLeaseFields, CommandKind::kLeaseJobs, command.time_ns);
  out.Array(command.jobs.size());
  for (const JobLease& lease : command.jobs) {
    out.Array(kJobLeaseFields);
    out.Uint(lease.id);
    out.Uint(lease.queue.level);
    out.Uint(lease.queue.shard);
    out.Str(lease.queue.tenant);
    out.Uint(lease.output_level);
    WriteIds(out, lease.inputs);
    out.Str(lease.worker);
  }
  return out.Take();
}

Result<LeaseJobsCommand> DecodeLeaseJobsCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kLeaseFields, CommandKind::kLeaseJobs));
  LeaseJobsCommand decoded{.time_ns = header.time_ns};
  for (size_t count = in.Array(kJobsPerCommandMax); count > 0 && in.ok(); --count) decoded.jobs.push_back(ReadJobLease(in));
  RETURN_IF_ERROR(EndFields(in, header.fields, kLeaseFields));
  return decoded;
}

std::string EncodeLeaseJobsAnswer(const Result<std::vector<LeasedJob>>& answer) {
  MsgpackWriter out;
  BeginAnswer(out, 1, answer.status());
  out.Array(answer.ok() ? answer->size() : 0);
  if (!answer.ok()) return out.Take();
  for (const LeasedJob& job : *answer) {
    out.Array(kLeasedFields);
    out.Uint(job.id);
    out.Uint(job.token);
    WriteIds(out, job.not_free);
  }
  return out.Take();
}

Result<std::vector<LeasedJob>> DecodeLeaseJobsAnswer(std::string_view answer) {
  return ReadAnswer<std::vector<LeasedJob>>(answer, 1, [](MsgpackReader& in) {
    std::vector<LeasedJob> jobs;
    for (size_t count = in.Array(kJobsPerCommandMax); count > 0 && in.ok(); --count) {
      size_t fields = in.Array();
      if (in.ok() && fields < kLeasedFields) in.Fail("a leased job with too few fields");
      LeasedJob& job = jobs.emplace_back();
      job.id = in.Uint();
      job.token = in.Uint();
      job.not_free = ReadIds(in, kJobInputsMax);
      for (; fields > kLeasedFields && in.ok(); --fields) in.Skip();
    }
    return jobs;
  });
}

std::string EncodeFinishJobCommand(const FinishJobCommand& command, std::span<const std::string> encoded_outputs) {
  MsgpackWriter out;
  BeginCommand(out, kFinishFields, CommandKind::kFinishJob, command.time_ns);
  out.Uint(command.id);
  out.Uint(command.token);
  WriteIds(out, command.inputs);
  out.Array(encoded_outputs.size());
  for (const std::string& block : encoded_outputs) out.Bin(AsBytes(block));
  WriteBad(out, command.bad);
  return out.Take();
}

Result<FinishJobCommand> DecodeFinishJobCommand(std::string_view command) {
  constexpr std::string_view kDoing = "finishing a job";
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kFinishFields, CommandKind::kFinishJob));
  FinishJobCommand decoded{.time_ns = header.time_ns};
  decoded.id = in.Uint();
  decoded.token = in.Uint();
  decoded.inputs = ReadIds(in, kJobInputsMax);
  ASSIGN_OR_RETURN(decoded.outputs, ReadCommandBlocks(in));
  decoded.bad = ReadBad(in, kJobInputsMax);
  RETURN_IF_ERROR(EndFields(in, header.fields, kFinishFields));
  if (decoded.inputs.empty() && (decoded.bad.empty() || !decoded.outputs.empty())) {
    return InvalidArgument(std::string(kDoing) + ": no inputs");
  }
  std::vector<Ulid> taken = decoded.inputs;
  for (const BadInput& bad : decoded.bad) taken.push_back(bad.id);
  if (HasRepeat(taken)) return InvalidArgument(std::string(kDoing) + ": a bad input is among the others");
  RETURN_IF_ERROR(CheckOutputs(kDoing, taken, decoded.outputs));
  return decoded;
}

std::string EncodeFinishJobAnswer(const Result<JobFinished>& answer) {
  MsgpackWriter out;
  BeginAnswer(out, 2, answer.status());
  out.Bool(answer.ok() && answer->already_done);
  out.Str(answer.status().reason());
  return out.Take();
}

Result<JobFinished> DecodeFinishJobAnswer(std::string_view answer) {
  std::string reason;
  Result<JobFinished> finished = ReadAnswer<JobFinished>(answer, 2, [&](MsgpackReader& in) {
    const JobFinished done{in.Bool()};
    reason = in.Str();
    return done;
  });
  if (finished.ok()) return finished;
  return Status(finished.status()).WithReason(reason);
}

std::string EncodeReturnJobCommand(const ReturnJobCommand& command) {
  MsgpackWriter out;
  BeginCommand(out, kReturnFields, CommandKind::kReturnJob, command.time_ns);
  out.Uint(command.id);
  out.Uint(command.token);
  out.Int(command.not_before_ns);
  out.Bool(command.counts);
  out.Str(CutText(command.error, kReasonBytesMax));
  return out.Take();
}

Result<ReturnJobCommand> DecodeReturnJobCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kReturnFields, CommandKind::kReturnJob));
  ReturnJobCommand decoded{.time_ns = header.time_ns};
  decoded.id = in.Uint();
  decoded.token = in.Uint();
  decoded.not_before_ns = ReadTime(in);
  decoded.counts = in.Bool();
  decoded.error = in.Str(kReasonBytesMax);
  RETURN_IF_ERROR(EndFields(in, header.fields, kReturnFields));
  return decoded;
}

std::string EncodeForgetFailuresCommand(const ForgetFailuresCommand& command) {
  return EncodeIds(CommandKind::kForgetFailures, command.time_ns, command.blocks);
}

Result<ForgetFailuresCommand> DecodeForgetFailuresCommand(std::string_view command) {
  return DecodeIds<ForgetFailuresCommand>(CommandKind::kForgetFailures, command);
}

std::string EncodeQuarantineBlocksCommand(const QuarantineBlocksCommand& command) {
  MsgpackWriter out;
  BeginCommand(out, kQuarantineFields, CommandKind::kQuarantineBlocks, command.time_ns);
  WriteBad(out, command.blocks);
  return out.Take();
}

Result<QuarantineBlocksCommand> DecodeQuarantineBlocksCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kQuarantineFields, CommandKind::kQuarantineBlocks));
  QuarantineBlocksCommand decoded{.time_ns = header.time_ns};
  decoded.blocks = ReadBad(in, kBlocksPerCommandMax);
  RETURN_IF_ERROR(EndFields(in, header.fields, kQuarantineFields));
  return decoded;
}

std::string EncodeReleaseBlocksCommand(const ReleaseBlocksCommand& command) {
  return EncodeIds(CommandKind::kReleaseBlocks, command.time_ns, command.blocks);
}

Result<ReleaseBlocksCommand> DecodeReleaseBlocksCommand(std::string_view command) {
  return DecodeIds<ReleaseBlocksCommand>(CommandKind::kReleaseBlocks, command);
}

std::string EncodeCondemnObjectsCommand(const CondemnObjectsCommand& command) {
  MsgpackWriter out;
  BeginCommand(out, kCondemnFields, CommandKind::kCondemnObjects, command.time_ns);
  out.Array(command.objects.size());
  for (const CondemnedObject& object : command.objects) {
    out.Array(kCondemnedFields);
    WriteId(out, object.id);
    out.Uint(object.shard);
    out.Uint(object.level);
    out.Str(object.tenant);
    out.Uint(object.size);
  }
  return out.Take();
}

Result<CondemnObjectsCommand> DecodeCondemnObjectsCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kCondemnFields, CommandKind::kCondemnObjects));
  CondemnObjectsCommand decoded{.time_ns = header.time_ns};
  std::vector<Ulid> ids;
  for (size_t count = in.Array(kBlocksPerCommandMax); count > 0 && in.ok(); --count) {
    decoded.objects.push_back(ReadCondemned(in));
    ids.push_back(decoded.objects.back().id);
  }
  if (in.ok() && HasRepeat(std::move(ids))) in.Fail("an id twice");
  RETURN_IF_ERROR(EndFields(in, header.fields, kCondemnFields));
  return decoded;
}

std::string EncodeDeleteDataCommand(const DeleteDataCommand& command) {
  MsgpackWriter out;
  BeginCommand(out, kDeleteFields, CommandKind::kDeleteData, command.time_ns);
  WriteId(out, command.id);
  out.Str(command.filter.tenant);
  out.Str(command.filter.service);
  out.Str(command.filter.selector);
  out.Int(command.filter.start_ns);
  out.Int(command.filter.end_ns);
  return out.Take();
}

Result<DeleteDataCommand> DecodeDeleteDataCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kDeleteFields, CommandKind::kDeleteData));
  DeleteDataCommand decoded{.time_ns = header.time_ns};
  decoded.id = ReadId(in);
  decoded.filter.tenant = in.Str(kTenantBytesMax);
  decoded.filter.service = in.Str(kServiceBytesMax);
  decoded.filter.selector = in.Str(kSelectorBytesMax);
  decoded.filter.start_ns = in.Int();
  decoded.filter.end_ns = in.Int();
  RETURN_IF_ERROR(EndFields(in, header.fields, kDeleteFields));
  RETURN_IF_ERROR(CheckDeletion(decoded));
  return decoded;
}

std::string EncodeForgetDeletionsCommand(const ForgetDeletionsCommand& command) {
  return EncodeIds(CommandKind::kForgetDeletions, command.time_ns, command.ids);
}

Result<ForgetDeletionsCommand> DecodeForgetDeletionsCommand(std::string_view command) {
  return DecodeIds<ForgetDeletionsCommand>(CommandKind::kForgetDeletions, command);
}

std::string EncodeSetCompactionCommand(const SetCompactionCommand& command) {
  MsgpackWriter out;
  BeginCommand(out, kSetCompactionFields, CommandKind::kSetCompaction, command.time_ns);
  out.Bool(command.is_paused);
  return out.Take();
}

Result<SetCompactionCommand> DecodeSetCompactionCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kSetCompactionFields, CommandKind::kSetCompaction));
  SetCompactionCommand decoded{.time_ns = header.time_ns};
  decoded.is_paused = in.Bool();
  RETURN_IF_ERROR(EndFields(in, header.fields, kSetCompactionFields));
  return decoded;
}

std::string EncodeCountAnswer(const Result<uint64_t>& answer) {
  MsgpackWriter out;
  BeginAnswer(out, 1, answer.status());
  out.Uint(answer.ok() ? *answer : 0);
  return out.Take();
}

Result<uint64_t> DecodeCountAnswer(std::string_view answer) {
  return ReadAnswer<uint64_t>(answer, 1, [](MsgpackReader& in) { return in.Uint(); });
}

}  // namespace brazier::index
