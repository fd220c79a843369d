#include "common/rpc/convert_lifecycle.h"

#include <string>

#include "common/rpc/convert_group.h"
#include "common/rpc/convert_metastore.h"

namespace brazier::rpc {
namespace {

Result<uint32_t> NumberFromWire(std::string_view what, int64_t number) {
  if (number >= 0 && number <= UINT32_MAX) return static_cast<uint32_t>(number);
  return InvalidArgument(std::string(what) + " " + std::to_string(number) + " is not a number of 32 bits without sign");
}

idl::RunningJob JobToWire(const contract::JobView& job) {
  idl::RunningJob wire;
  wire.id = IdToWire(job.id);
  wire.level = static_cast<int32_t>(job.level);
  wire.shard = job.shard;
  wire.tenant = job.tenant;
  wire.inputs = IdToWire(job.inputs);
  wire.input_bytes = IdToWire(job.input_bytes);
  wire.worker = job.worker;
  wire.started_ns = job.started_ns;
  wire.attempts = static_cast<int32_t>(job.attempts);
  wire.bytes_done = IdToWire(job.bytes_done);
  return wire;
}

Result<contract::JobView> JobFromWire(const idl::RunningJob& wire) {
  contract::JobView job;
  job.id = IdFromWire(wire.id);
  ASSIGN_OR_RETURN(job.level, NumberFromWire("level", wire.level));
  ASSIGN_OR_RETURN(job.shard, NumberFromWire("shard", wire.shard));
  job.tenant = wire.tenant;
  job.inputs = IdFromWire(wire.inputs);
  job.input_bytes = IdFromWire(wire.input_bytes);
  job.worker = wire.worker;
  job.started_ns = wire.started_ns;
  ASSIGN_OR_RETURN(job.attempts, NumberFromWire("attempts", wire.attempts));
  job.bytes_done = IdFromWire(wire.bytes_done);
  return job;
}

}  // namespace

idl::CompactionStatus CompactionToWire(const contract::CompactionOverview& overview) {
  idl::CompactionStatus wire;
  wire.is_paused = overview.is_paused;
  for (const contract::LevelOverview& level : overview.levels) {
    idl::CompactionLevel& out = wire.levels.emplace_back();
    out.level = static_cast<int32_t>(level.level);
    out.blocks = IdToWire(level.blocks);
    out.bytes = IdToWire(level.bytes);
    out.oldest_wait_ns = level.oldest_wait_ns;
    out.queues = IdToWire(level.queues);
  }
  for (const contract::JobView& job : overview.jobs) wire.jobs.push_back(JobToWire(job));
  for (const contract::FailedBlockView& block : overview.waiting_after_failure) {
    idl::FailedBlock& out = wire.waiting_after_failure.emplace_back();
    out.id = IdsToWire({block.id});
    out.failures = static_cast<int32_t>(block.failures);
    out.not_before_ns = block.not_before_ns;
    out.error = block.error;
  }
  wire.workers = IdToWire(overview.workers);
  wire.jobs_finished = IdToWire(overview.jobs_finished);
  wire.jobs_failed = IdToWire(overview.jobs_failed);
  wire.bytes_read = IdToWire(overview.bytes_read);
  wire.bytes_written = IdToWire(overview.bytes_written);
  wire.tombstones = IdToWire(overview.tombstones);
  wire.tombstone_bytes = IdToWire(overview.tombstone_bytes);
  wire.quarantined = IdToWire(overview.quarantined);
  return wire;
}

Result<contract::CompactionOverview> CompactionFromWire(const idl::CompactionStatus& wire) {
  contract::CompactionOverview overview;
  overview.is_paused = wire.is_paused;
  for (const idl::CompactionLevel& level : wire.levels) {
    contract::LevelOverview& out = overview.levels.emplace_back();
    ASSIGN_OR_RETURN(out.level, NumberFromWire("level", level.level));
    out.blocks = IdFromWire(level.blocks);
    out.bytes = IdFromWire(level.bytes);
    out.oldest_wait_ns = level.oldest_wait_ns;
    out.queues = IdFromWire(level.queues);
  }
  for (const idl::RunningJob& wire_job : wire.jobs) {
    ASSIGN_OR_RETURN(contract::JobView job, JobFromWire(wire_job));
    overview.jobs.push_back(std::move(job));
  }
  for (const idl::FailedBlock& block : wire.waiting_after_failure) {
    contract::FailedBlockView& out = overview.waiting_after_failure.emplace_back();
    ASSIGN_OR_RETURN(out.id, OneIdFromWire(block.id));
    ASSIGN_OR_RETURN(out.failures, NumberFromWire("failures", block.failures));
    out.not_before_ns = block.not_before_ns;
    out.error = block.error;
  }
  overview.workers = IdFromWire(wire.workers);
  overview.jobs_finished = IdFromWire(wire.jobs_finished);
  overview.jobs_failed = IdFromWire(wire.jobs_failed);
  overview.bytes_read = IdFromWire(wire.bytes_read);
  overview.bytes_written = IdFromWire(wire.bytes_written);
  overview.tombstones = IdFromWire(wire.tombstones);
  overview.tombstone_bytes = IdFromWire(wire.tombstone_bytes);
  overview.quarantined = IdFromWire(wire.quarantined);
  return overview;
}

Result<std::vector<uint32_t>> LevelsFromWire(const std::vector<int32_t>& wire) {
  std::vector<uint32_t> levels;
  for (const int32_t level : wire) {
    ASSIGN_OR_RETURN(const uint32_t number, NumberFromWire("level", level));
    levels.push_back(number);
  }
  return levels;
}

idl::DataFilter FilterToWire(const DataFilter& filter) {
  idl::DataFilter wire;
  wire.tenant = filter.tenant;
  wire.service_name = filter.service;
  wire.selector = filter.selector;
  wire.start_ns = filter.start_ns;
  wire.end_ns = filter.end_ns;
  return wire;
}

DataFilter FilterFromWire(const idl::DataFilter& wire) {
  return {.tenant = wire.tenant,
          .service = wire.service_name,
          .selector = wire.selector,
          .start_ns = wire.start_ns,
          .end_ns = wire.end_ns};
}

Result<Ulid> OneIdFromWire(std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::vector<Ulid> ids, IdsFromWire(bytes));
  if (ids.size() != 1) return InvalidArgument(std::to_string(ids.size()) + " ids where one is expected");
  return ids[0];
}

idl::DataDeletion DeletionToWire(const contract::DeletionView& view) {
  idl::DataDeletion wire;
  wire.id = IdsToWire({view.id});
  wire.filter = FilterToWire(view.filter);
  wire.created_ns = view.created_ns;
  wire.blocks = IdToWire(view.blocks);
  wire.blocks_to_rewrite = IdToWire(view.blocks_to_rewrite);
  wire.objects_to_delete = IdToWire(view.objects_to_delete);
  wire.confirmed_ns = view.confirmed_ns;
  return wire;
}

Result<contract::DeletionView> DeletionFromWire(const idl::DataDeletion& wire) {
  contract::DeletionView view;
  ASSIGN_OR_RETURN(view.id, OneIdFromWire(wire.id));
  view.filter = FilterFromWire(wire.filter);
  view.created_ns = wire.created_ns;
  view.blocks = IdFromWire(wire.blocks);
  view.blocks_to_rewrite = IdFromWire(wire.blocks_to_rewrite);
  view.objects_to_delete = IdFromWire(wire.objects_to_delete);
  view.confirmed_ns = wire.confirmed_ns;
  return view;
}

idl::QuarantinedBlock QuarantinedToWire(const contract::QuarantinedBlockView& view) {
  idl::QuarantinedBlock wire;
  wire.id = IdsToWire({view.id});
  wire.object_key = view.object_key;
  wire.reason = view.reason;
  wire.since_ns = view.since_ns;
  return wire;
}

Result<contract::QuarantinedBlockView> QuarantinedFromWire(const idl::QuarantinedBlock& wire) {
  contract::QuarantinedBlockView view;
  ASSIGN_OR_RETURN(view.id, OneIdFromWire(wire.id));
  view.object_key = wire.object_key;
  view.reason = wire.reason;
  view.since_ns = wire.since_ns;
  return view;
}

idl::ScrubStatus ScrubToWire(const contract::ScrubReport& report) {
  idl::ScrubStatus wire;
  wire.is_running = report.is_running;
  wire.repairs = report.repairs;
  wire.started_ns = report.started_ns;
  wire.ended_ns = report.ended_ns;
  wire.objects = IdToWire(report.objects);
  wire.bytes = IdToWire(report.bytes);
  wire.objects_total = IdToWire(report.objects_total);
  wire.corrupt = IdToWire(report.corrupt);
  wire.missing = IdToWire(report.missing);
  wire.different = IdToWire(report.different);
  wire.orphans = IdToWire(report.orphans);
  wire.quarantined = IdToWire(report.quarantined);
  wire.released = IdToWire(report.released);
  wire.condemned = IdToWire(report.condemned);
  wire.findings = report.findings;
  wire.error = report.error;
  return wire;
}

contract::ScrubReport ScrubFromWire(const idl::ScrubStatus& wire) {
  contract::ScrubReport report;
  report.is_running = wire.is_running;
  report.repairs = wire.repairs;
  report.started_ns = wire.started_ns;
  report.ended_ns = wire.ended_ns;
  report.objects = IdFromWire(wire.objects);
  report.bytes = IdFromWire(wire.bytes);
  report.objects_total = IdFromWire(wire.objects_total);
  report.corrupt = IdFromWire(wire.corrupt);
  report.missing = IdFromWire(wire.missing);
  report.different = IdFromWire(wire.different);
  report.orphans = IdFromWire(wire.orphans);
  report.quarantined = IdFromWire(wire.quarantined);
  report.released = IdFromWire(wire.released);
  report.condemned = IdFromWire(wire.condemned);
  report.findings = wire.findings;
  report.error = wire.error;
  return report;
}

}  // namespace brazier::rpc
