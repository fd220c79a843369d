#include "tools/brazierctl/lifecycle_view.h"

#include <charconv>
#include <ctime>

#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/config/quantity.h"
#include "tools/brazierctl/print_report.h"
#include "tools/brazierctl/text_table.h"

namespace brazier::ctl {
namespace {

using contract::CompactionOverview;
using contract::DeletionView;
using contract::QuarantinedBlockView;
using contract::ScrubReport;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

constexpr size_t kFailedShown = 20;
constexpr int64_t kNoEndNs = INT64_MAX / 2;  // times from here on stand for "no end"

std::string Bytes(uint64_t bytes) { return ValueText(static_cast<double>(bytes), "bytes"); }

std::string Count(uint64_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

// To the second: nobody reads the rest.
std::string Duration(int64_t ns) {
  return config::FormatDuration(std::max<int64_t>(0, ns) / kNsPerSecond * kNsPerSecond);
}

std::string StartText(int64_t ns) { return ns == 0 ? "the beginning" : TimeText(ns); }
std::string EndText(int64_t ns) { return ns >= kNoEndNs ? "the end" : TimeText(ns); }

// Names come from other processes: bytes that are no UTF-8 are replaced, not thrown about.
std::string Dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

bool ParseNumber(std::string_view text, int64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string StateOf(const DeletionView& deletion) {
  if (deletion.confirmed_ns != 0) return "gone " + TimeText(deletion.confirmed_ns);
  return deletion.blocks_to_rewrite > 0 ? "hidden, being rewritten" : "hidden, objects being deleted";
}

Json FilterJson(const DataFilter& filter) {
  return {{"tenant", filter.tenant},
          {"service", filter.service},
          {"selector", filter.selector},
          {"start_ns", filter.start_ns},
          {"end_ns", filter.end_ns}};
}

}  // namespace

std::optional<int64_t> ParseTime(std::string_view text) {
  int64_t number = 0;
  if (ParseNumber(text, &number)) return number >= 0 ? std::optional(number) : std::nullopt;
  tm utc{};
  const std::string copy(text);
  const bool is_day = text.size() == 10;
  const char* end = strptime(copy.c_str(), is_day ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%SZ", &utc);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const tm asked = utc;
  const time_t seconds = timegm(&utc);  // brings the 31st of February into March
  if (utc.tm_mday != asked.tm_mday || utc.tm_mon != asked.tm_mon || seconds < 0) return std::nullopt;
  if (seconds > INT64_MAX / kNsPerSecond) return std::nullopt;
  return int64_t{seconds} * kNsPerSecond;
}

std::string FilterText(const DataFilter& filter) {
  std::string text = "tenant " + filter.tenant;
  text += filter.service.empty() ? ", every service" : ", service " + filter.service;
  text += filter.selector.empty() ? "" : ", " + filter.selector;
  return text + ", profiles from " + StartText(filter.start_ns) + " to " + EndText(filter.end_ns);
}

std::string CompactionText(const CompactionOverview& overview, int64_t now_ns) {
  std::string out = overview.is_paused ? "compaction is PAUSED, " : "compaction runs, ";
  out += Count(overview.workers, "worker") + " asked for jobs lately\n";
  out += "since this member leads: " + Count(overview.jobs_finished, "job") + " finished, " +
         std::to_string(overview.jobs_failed) + " failed, " + Bytes(overview.bytes_read) + " read, " +
         Bytes(overview.bytes_written) + " written\n";
  out += "garbage: " + Count(overview.tombstones, "object") + " of removed blocks, " + Bytes(overview.tombstone_bytes) +
         "; in quarantine: " + Count(overview.quarantined, "block") + "\n\n";
  Rows rows = {{"LEVEL", "BLOCKS", "BYTES", "OLDEST WAITS", "QUEUES"}};
  for (const contract::LevelOverview& level : overview.levels) {
    rows.push_back({std::to_string(level.level), std::to_string(level.blocks), Bytes(level.bytes),
                    level.blocks == 0 ? "-" : Duration(level.oldest_wait_ns), std::to_string(level.queues)});
  }
  out += TableText(rows, {true, true, true, true, true});
  if (!overview.jobs.empty()) {
    rows = {{"JOB", "LEVEL", "SHARD", "TENANT", "INPUTS", "BYTES", "DONE", "RUNS FOR", "TRIES", "WORKER"}};
    for (const contract::JobView& job : overview.jobs) {
      const uint64_t percent = job.input_bytes == 0 ? 0 : std::min<uint64_t>(100, job.bytes_done * 100 / job.input_bytes);
      rows.push_back({std::to_string(job.id), std::to_string(job.level), job.shard == 0 ? "all" : std::to_string(job.shard),
                      job.tenant.empty() ? "(segments)" : job.tenant, std::to_string(job.inputs), Bytes(job.input_bytes),
                      std::to_string(percent) + "%", Duration(now_ns - job.started_ns), std::to_string(job.attempts),
                      job.worker});
    }
    out += "\n" + TableText(rows, {true, true, true, false, true, true, true, true, true, false});
  }
  if (!overview.waiting_after_failure.empty()) {
    rows = {{"FAILED BLOCK", "FAILURES", "AGAIN IN", "ERROR"}};
    for (const contract::FailedBlockView& block : overview.waiting_after_failure) {
      if (rows.size() > kFailedShown) break;
      rows.push_back({block.id.ToString(), std::to_string(block.failures), Duration(block.not_before_ns - now_ns), block.error});
    }
    out += "\n" + TableText(rows, {false, true, true, false});
    if (overview.waiting_after_failure.size() > kFailedShown) {
      out += "... " + std::to_string(overview.waiting_after_failure.size() - kFailedShown) + " more\n";
    }
  }
  return out;
}

std::string CompactionJson(const CompactionOverview& overview) {
  Json levels = Json::array(), jobs = Json::array(), failed = Json::array();
  for (const contract::LevelOverview& level : overview.levels) {
    levels.push_back({{"level", level.level},
                      {"blocks", level.blocks},
                      {"bytes", level.bytes},
                      {"oldest_wait_ns", level.oldest_wait_ns},
                      {"queues", level.queues}});
  }
  for (const contract::JobView& job : overview.jobs) {
    jobs.push_back({{"id", job.id},
                    {"level", job.level},
                    {"shard", job.shard},
                    {"tenant", job.tenant},
                    {"inputs", job.inputs},
                    {"input_bytes", job.input_bytes},
                    {"worker", job.worker},
                    {"started_ns", job.started_ns},
                    {"attempts", job.attempts},
                    {"bytes_done", job.bytes_done}});
  }
  for (const contract::FailedBlockView& block : overview.waiting_after_failure) {
    failed.push_back({{"id", block.id.ToString()},
                      {"failures", block.failures},
                      {"not_before_ns", block.not_before_ns},
                      {"error", block.error}});
  }
  return Dump({{"paused", overview.is_paused},
               {"workers", overview.workers},
               {"jobs_finished", overview.jobs_finished},
               {"jobs_failed", overview.jobs_failed},
               {"bytes_read", overview.bytes_read},
               {"bytes_written", overview.bytes_written},
               {"tombstones", overview.tombstones},
               {"tombstone_bytes", overview.tombstone_bytes},
               {"quarantined", overview.quarantined},
               {"levels", std::move(levels)},
               {"jobs", std::move(jobs)},
               {"waiting_after_failure", std::move(failed)}});
}

std::string DeletionsText(const std::vector<DeletionView>& deletions) {
  if (deletions.empty()) return "no deletions\n";
  Rows rows = {{"ID", "CREATED", "BLOCKS", "TO REWRITE", "OBJECTS LEFT", "STATE", "OF"}};
  for (const DeletionView& deletion : deletions) {
    rows.push_back({deletion.id.ToString(), TimeText(deletion.created_ns), std::to_string(deletion.blocks),
                    std::to_string(deletion.blocks_to_rewrite), std::to_string(deletion.objects_to_delete), StateOf(deletion),
                    FilterText(deletion.filter)});
  }
  return TableText(rows, {false, false, true, true, true, false, false});
}

std::string DeletionText(const DeletionView& deletion) {
  const uint64_t rewritten = deletion.blocks - std::min(deletion.blocks, deletion.blocks_to_rewrite);
  std::string out = "deletion   " + deletion.id.ToString() + "\n";
  out += "of         " + FilterText(deletion.filter) + "\n";
  out += "hidden     since " + TimeText(deletion.created_ns) + ", from every query\n";
  out += "rewritten  " + std::to_string(rewritten) + " of " + Count(deletion.blocks, "block") + " that held some of it\n";
  out += "objects    " +
         (deletion.objects_to_delete == 0 ? std::string("none left of the rewritten blocks")
                                          : Count(deletion.objects_to_delete, "object") + " of rewritten blocks still to be deleted") +
         "\n";
  out += "confirmed  " + (deletion.confirmed_ns == 0
                              ? std::string("not yet")
                              : TimeText(deletion.confirmed_ns) + ": no object holds any of it") + "\n";
  return out;
}

std::string DeletionsJson(const std::vector<DeletionView>& deletions) {
  Json list = Json::array();
  for (const DeletionView& deletion : deletions) {
    list.push_back({{"id", deletion.id.ToString()},
                    {"filter", FilterJson(deletion.filter)},
                    {"created_ns", deletion.created_ns},
                    {"blocks", deletion.blocks},
                    {"blocks_to_rewrite", deletion.blocks_to_rewrite},
                    {"objects_to_delete", deletion.objects_to_delete},
                    {"confirmed_ns", deletion.confirmed_ns},
                    {"confirmed", deletion.confirmed_ns != 0}});
  }
  return Dump({{"deletions", std::move(list)}});
}

std::string QuarantineText(const std::vector<QuarantinedBlockView>& blocks) {
  if (blocks.empty()) return "no block is in quarantine\n";
  Rows rows = {{"BLOCK", "SINCE", "OBJECT", "REASON"}};
  for (const QuarantinedBlockView& block : blocks) {
    rows.push_back({block.id.ToString(), TimeText(block.since_ns), block.object_key.empty() ? "?" : block.object_key,
                    block.reason});
  }
  return TableText(rows, {false, false, false, false});
}

std::string QuarantineJson(const std::vector<QuarantinedBlockView>& blocks) {
  Json list = Json::array();
  for (const QuarantinedBlockView& block : blocks) {
    list.push_back({{"id", block.id.ToString()},
                    {"object_key", block.object_key},
                    {"reason", block.reason},
                    {"since_ns", block.since_ns}});
  }
  return Dump({{"blocks", std::move(list)}});
}

std::string ScrubText(const ScrubReport& report, size_t findings_max) {
  if (report.started_ns == 0) return "there was no scrub since this member leads\n";
  std::string out = report.is_running ? "a scrub runs" : report.error.empty() ? "the last scrub ended" : "the last scrub ended EARLY";
  out += report.repairs ? ", with repairs\n" : ", without repairs\n";
  out += "started:     " + TimeText(report.started_ns) + "\n";
  if (report.ended_ns != 0) {
    out += "ended:       " + TimeText(report.ended_ns) + ", after " + Duration(report.ended_ns - report.started_ns) + "\n";
  }
  out += "objects:     " + std::to_string(report.objects) + " of " + std::to_string(report.objects_total) + ", " +
         Bytes(report.bytes) + "\n";
  out += "corrupt:     " + std::to_string(report.corrupt) + "\n";
  out += "missing:     " + std::to_string(report.missing) + "\n";
  out += "different:   " + std::to_string(report.different) + "\n";
  out += "orphans:     " + std::to_string(report.orphans) + "\n";
  if (report.repairs) {
    out += "quarantined: " + std::to_string(report.quarantined) + "\n";
    out += "released:    " + std::to_string(report.released) + "\n";
    out += "condemned:   " + std::to_string(report.condemned) + "\n";
  }
  if (!report.error.empty()) out += "error:       " + report.error + "\n";
  const size_t shown = std::min(findings_max, report.findings.size());
  for (size_t i = 0; i < shown; ++i) out += "  " + report.findings[i] + "\n";
  if (report.findings.size() > shown) out += "  ... " + std::to_string(report.findings.size() - shown) + " more\n";
  return out;
}

std::string ScrubJson(const ScrubReport& report) {
  return Dump({{"running", report.is_running},
               {"repairs", report.repairs},
               {"started_ns", report.started_ns},
               {"ended_ns", report.ended_ns},
               {"objects", report.objects},
               {"bytes", report.bytes},
               {"objects_total", report.objects_total},
               {"corrupt", report.corrupt},
               {"missing", report.missing},
               {"different", report.different},
               {"orphans", report.orphans},
               {"quarantined", report.quarantined},
               {"released", report.released},
               {"condemned", report.condemned},
               {"findings", report.findings},
               {"error", report.error}});
}

std::string ScrubProgressText(const ScrubReport& report) {
  std::string text = "scrub: " + std::to_string(report.objects);
  if (report.objects_total > 0) text += " of " + std::to_string(report.objects_total);
  text += " objects, " + Bytes(report.bytes);
  const uint64_t bad = report.corrupt + report.missing + report.different;
  return bad == 0 ? text : text + ", " + std::to_string(bad) + " bad";
}

bool IsWell(const ScrubReport& report) {
  return report.error.empty() && report.corrupt + report.missing + report.different == 0;
}

}  // namespace brazier::ctl
