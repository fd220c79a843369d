#include "tools/brazierctl/lifecycle_commands.h"

#include <algorithm>

#include "common/config/quantity.h"
#include "common/observe/request_id.h"
#include "tools/brazierctl/lifecycle_view.h"
#include "tools/brazierctl/progress_line.h"

namespace brazier::ctl {
namespace {

using contract::DeletionView;
using contract::ScrubReport;

constexpr int64_t kPollNs = kNsPerSecond;
constexpr int64_t kEndOfTimeNs = INT64_MAX / 2;

contract::RequestContext Within(const LifecycleTools& tools, const LifecycleOptions& options) {
  return {MakeRequestId(*tools.random), tools.clock->MonotonicNs() + options.timeout_ms * kNsPerMs};
}

std::string Blocks(uint64_t n) { return std::to_string(n) + (n == 1 ? " block" : " blocks"); }

Result<std::vector<Ulid>> ParseIds(const std::vector<std::string>& texts) {
  std::vector<Ulid> ids;
  for (const std::string& text : texts) {
    const auto id = Ulid::Parse(text);
    if (!id.ok()) return InvalidArgument("\"" + text + "\" is no id of 26 characters");
    ids.push_back(*id);
  }
  return ids;
}

// One end of the range: a duration before now, a time, or `otherwise`.
Result<int64_t> TimeOf(const char* before_name, const std::string& before, const char* time_name, const std::string& time,
                       int64_t now_ns, int64_t otherwise) {
  if (!before.empty() && !time.empty()) {
    return InvalidArgument(std::string(before_name) + " and " + time_name + " say the same thing: give one of them");
  }
  if (!before.empty()) {
    const auto ns = config::ParseDuration(before);
    if (!ns.has_value()) return InvalidArgument(std::string(before_name) + " " + before + " is no duration like 15m or 2d");
    return std::max<int64_t>(0, now_ns - *ns);
  }
  if (time.empty()) return otherwise;
  const auto ns = ParseTime(time);
  if (!ns.has_value()) {
    return InvalidArgument(std::string(time_name) + " " + time + " is no time like 2026-11-20, 2026-11-20T23:16:05Z or ns since the epoch");
  }
  return *ns;
}

Result<DataFilter> FilterOf(const LifecycleOptions& options, int64_t now_ns) {
  if (options.tenant.empty()) return InvalidArgument("--tenant is needed: whose data is to be deleted?");
  const bool has_start = !options.since.empty() || !options.from.empty();
  const bool has_end = !options.until.empty() || !options.to.empty();
  if (options.all_time && (has_start || has_end)) return InvalidArgument("--all-time excludes a range");
  if (!options.all_time && !has_start) return InvalidArgument("say from when: --since, --from or --all-time");
  DataFilter filter{.tenant = options.tenant, .service = options.service, .selector = options.selector};
  ASSIGN_OR_RETURN(filter.start_ns, TimeOf("--since", options.since, "--from", options.from, now_ns, 0));
  ASSIGN_OR_RETURN(filter.end_ns, TimeOf("--until", options.until, "--to", options.to, now_ns,
                                         options.all_time ? kEndOfTimeNs : now_ns));
  if (filter.start_ns > filter.end_ns) return InvalidArgument("the range ends before it begins");
  return filter;
}

Result<DeletionView> FindDeletion(const LifecycleTools& tools, const LifecycleOptions& options, const Ulid& id) {
  ASSIGN_OR_RETURN(const auto deletions, tools.connect(options.servers)->ListDeletions(Within(tools, options), options.tenant));
  for (const DeletionView& deletion : deletions) {
    if (deletion.id == id) return deletion;
  }
  return NotFound("there is no deletion " + id.ToString() +
                  "; those that were confirmed more than 30 days ago are forgotten");
}

Result<DeletionView> AwaitConfirmed(const LifecycleTools& tools, const LifecycleOptions& options, const Ulid& id) {
  ProgressLine line(*tools.progress, tools.progress_is_terminal, *tools.clock);
  const int64_t end_ns = tools.clock->MonotonicNs() + options.wait_ns;
  for (;;) {
    Result<DeletionView> deletion = FindDeletion(tools, options, id);
    const bool is_over = !deletion.ok() || deletion->confirmed_ns != 0;
    if (is_over || tools.clock->MonotonicNs() >= end_ns) {
      line.Finish();
      if (is_over) return deletion;
      return DeadlineExceeded("it is not confirmed after " + config::FormatDuration(options.wait_ns) + "; it goes on: see " +
                              "`brazierctl delete status " + id.ToString() + "`");
    }
    line.Update(Blocks(deletion->blocks_to_rewrite) + " to rewrite, " + std::to_string(deletion->objects_to_delete) +
                " objects to delete");
    tools.sleep(kPollNs);
  }
}

}  // namespace

Status CompactionStatusCommand(const LifecycleTools& tools, const LifecycleOptions& options) {
  ASSIGN_OR_RETURN(const auto overview, tools.connect(options.servers)->GetCompaction(Within(tools, options)));
  *tools.out << (options.json ? CompactionJson(overview) : CompactionText(overview, tools.clock->NowNs()));
  return Status::Ok();
}

Status CompactionPause(const LifecycleTools& tools, const LifecycleOptions& options) {
  RETURN_IF_ERROR(tools.connect(options.servers)->SetCompactionPaused(Within(tools, options), true));
  *tools.out << "paused: what runs is finished, nothing begins until `brazierctl compaction resume`\n";
  return Status::Ok();
}

Status CompactionResume(const LifecycleTools& tools, const LifecycleOptions& options) {
  RETURN_IF_ERROR(tools.connect(options.servers)->SetCompactionPaused(Within(tools, options), false));
  *tools.out << "resumed\n";
  return Status::Ok();
}

Status CompactionForce(const LifecycleTools& tools, const LifecycleOptions& options) {
  RETURN_IF_ERROR(
      tools.connect(options.servers)->ForceCompaction(Within(tools, options), options.levels, options.tenant));
  std::string levels;
  for (const uint32_t level : options.levels) levels += (levels.empty() ? " of level " : ", ") + std::to_string(level);
  *tools.out << "whatever waits" << levels << (options.tenant.empty() ? "" : " of tenant " + options.tenant)
             << " is due now; see `brazierctl compaction status`\n";
  return Status::Ok();
}

Status CompactionRetry(const LifecycleTools& tools, const LifecycleOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<Ulid> ids, ParseIds(options.ids));
  ASSIGN_OR_RETURN(const uint64_t count, tools.connect(options.servers)->RetryFailed(Within(tools, options), ids));
  *tools.out << Blocks(count) << " may be tried again at once\n";
  return Status::Ok();
}

Status DeleteCommand(const LifecycleTools& tools, const LifecycleOptions& options) {
  ASSIGN_OR_RETURN(const DataFilter filter, FilterOf(options, tools.clock->NowNs()));
  Ulid id = Ulid::Make(tools.clock->NowNs() / kNsPerMs, *tools.random);
  if (!options.id.empty()) {
    ASSIGN_OR_RETURN(const std::vector<Ulid> ids, ParseIds({options.id}));
    id = ids[0];
  }
  if (!options.yes) {
    return Status(Code::kFailedPrecondition, "this would delete, for good: " + FilterText(filter) +
                                                 ". Nothing is done yet; repeat with --yes")
        .WithReason("needs_yes");
  }
  const auto made = tools.connect(options.servers)->Delete(Within(tools, options), id, filter);
  if (!made.ok()) {
    // Whether it was made is not known then: the same id again is the same deletion.
    const bool is_unknown = made.status().code() == Code::kDeadlineExceeded || made.status().code() == Code::kUnavailable;
    return is_unknown ? made.status().Annotate("repeat it with --id=" + id.ToString()) : made.status();
  }
  *tools.out << "deletion " << id.ToString() << "\n"
             << "of " << FilterText(filter) << "\n"
             << "hidden from queries now; " << Blocks(made->blocks) << (made->blocks == 1 ? " holds" : " hold") << " some of it";
  *tools.out << (made->blocks == 0 ? "\n" : ": it is gone from the objects when `brazierctl delete status " + id.ToString() + "` says so\n");
  if (!options.wait) return Status::Ok();
  ASSIGN_OR_RETURN(const DeletionView confirmed, AwaitConfirmed(tools, options, id));
  *tools.out << DeletionText(confirmed);
  return Status::Ok();
}

Status DeleteStatusCommand(const LifecycleTools& tools, const LifecycleOptions& options) {
  if (options.ids.empty()) {
    if (options.wait) return InvalidArgument("--wait needs the id of a deletion");
    ASSIGN_OR_RETURN(const auto deletions,
                     tools.connect(options.servers)->ListDeletions(Within(tools, options), options.tenant));
    *tools.out << (options.json ? DeletionsJson(deletions) : DeletionsText(deletions));
    return Status::Ok();
  }
  ASSIGN_OR_RETURN(const std::vector<Ulid> ids, ParseIds(options.ids));
  std::vector<DeletionView> deletions;
  for (const Ulid& id : ids) {
    ASSIGN_OR_RETURN(DeletionView deletion,
                     options.wait ? AwaitConfirmed(tools, options, id) : FindDeletion(tools, options, id));
    deletions.push_back(std::move(deletion));
  }
  if (options.json) {
    *tools.out << DeletionsJson(deletions);
    return Status::Ok();
  }
  for (size_t i = 0; i < deletions.size(); ++i) *tools.out << (i == 0 ? "" : "\n") << DeletionText(deletions[i]);
  return Status::Ok();
}

Status ScrubCommand(const LifecycleTools& tools, const LifecycleOptions& options, bool* all_well) {
  *all_well = true;
  const auto lifecycle = tools.connect(options.servers);
  RETURN_IF_ERROR(lifecycle->StartScrub(Within(tools, options), options.repairs));
  if (!options.wait) {
    *tools.out << "a scrub has begun" << (options.repairs ? ", with repairs" : ", without repairs")
               << "; see `brazierctl scrub status`\n";
    return Status::Ok();
  }
  ProgressLine line(*tools.progress, tools.progress_is_terminal, *tools.clock);
  const int64_t end_ns = tools.clock->MonotonicNs() + options.wait_ns;
  for (;;) {
    const Result<ScrubReport> report = lifecycle->GetScrub(Within(tools, options));
    const bool is_over = !report.ok() || !report->is_running;
    if (!is_over && tools.clock->MonotonicNs() < end_ns) {
      line.Update(ScrubProgressText(*report));
      tools.sleep(kPollNs);
      continue;
    }
    line.Finish();
    if (!report.ok()) return report.status();
    *tools.out << (options.json ? ScrubJson(*report) : ScrubText(*report, options.show));
    if (!is_over) return DeadlineExceeded("it has not ended after " + config::FormatDuration(options.wait_ns) + "; it goes on");
    *all_well = IsWell(*report);
    return Status::Ok();
  }
}

Status ScrubStatusCommand(const LifecycleTools& tools, const LifecycleOptions& options, bool* all_well) {
  ASSIGN_OR_RETURN(const ScrubReport report, tools.connect(options.servers)->GetScrub(Within(tools, options)));
  *tools.out << (options.json ? ScrubJson(report) : ScrubText(report, options.show));
  *all_well = IsWell(report);
  return Status::Ok();
}

Status QuarantineList(const LifecycleTools& tools, const LifecycleOptions& options) {
  ASSIGN_OR_RETURN(const auto blocks, tools.connect(options.servers)->ListQuarantined(Within(tools, options)));
  *tools.out << (options.json ? QuarantineJson(blocks) : QuarantineText(blocks));
  return Status::Ok();
}

Status QuarantineRelease(const LifecycleTools& tools, const LifecycleOptions& options) {
  if (options.all != options.ids.empty()) return InvalidArgument("name the blocks, or all of them with --all");
  const auto lifecycle = tools.connect(options.servers);
  std::vector<Ulid> ids;
  if (options.all) {
    ASSIGN_OR_RETURN(const auto blocks, lifecycle->ListQuarantined(Within(tools, options)));
    for (const auto& block : blocks) ids.push_back(block.id);
  } else {
    ASSIGN_OR_RETURN(ids, ParseIds(options.ids));
  }
  ASSIGN_OR_RETURN(const uint64_t count, lifecycle->ReleaseQuarantined(Within(tools, options), ids));
  *tools.out << Blocks(count) << " released; `brazierctl scrub --repair` tells whether they are whole\n";
  return Status::Ok();
}

}  // namespace brazier::ctl
