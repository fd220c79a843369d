// `brazierctl rollup verify`: over files, or over all compacted objects of a bucket.
#include <filesystem>

#include "server/metastore/rebuild/bucket_catalog.h"
#include "store/object/filesystem_object_store.h"
#include "tools/brazierctl/commands.h"
#include "tools/brazierctl/progress_line.h"
#include "tools/brazierctl/read_file.h"
#include "tools/brazierctl/rollup_verify.h"

namespace brazier::ctl {
namespace {

struct Walk {
  RollupReport report;
  std::vector<std::string> unreadable;  // at most RollupReport::kDifferencesKept
  uint64_t unreadable_count = 0;

  void Look(const Result<std::string>& object, const std::string& name) {
    const Status status = object.ok() ? VerifyRollups(AsBytes(*object), name, &report) : object.status();
    if (status.ok()) return;
    ++unreadable_count;
    if (unreadable.size() < RollupReport::kDifferencesKept) unreadable.push_back(status.Annotate(name).ToString());
  }
};

void PrintLines(const std::vector<std::string>& lines, uint64_t count, size_t show, std::ostream& out) {
  const size_t shown = std::min(show, lines.size());
  for (size_t i = 0; i < shown; ++i) out << "  " << lines[i] << "\n";
  if (count > shown) out << "  ... " << count - shown << " more\n";
}

}  // namespace

Status RollupVerify(const RollupOptions& options, std::ostream& out, std::ostream& progress, bool progress_is_terminal,
                    bool* all_well) {
  if (options.files.empty() == options.bucket.empty()) return InvalidArgument("name objects, or a folder with --from");
  Walk walk;
  for (const std::string& file : options.files) walk.Look(ReadFile(file), file);
  if (!options.bucket.empty()) {
    std::error_code error;
    if (!std::filesystem::is_directory(options.bucket, error)) {
      return NotFound("there is no folder " + options.bucket + " (--from)");
    }
    ASSIGN_OR_RETURN(const auto bucket, object::FilesystemObjectStore::Open(options.bucket));
    metastore::Findings foreign;
    ASSIGN_OR_RETURN(const auto catalog, metastore::BucketCatalog::List(*bucket, &foreign));
    ProgressLine line(progress, progress_is_terminal, SystemClock());
    metastore::WalkProgress done{.objects_found = catalog.size(), .bytes_found = catalog.total_bytes()};
    for (size_t i = 0; i < catalog.size(); ++i) {
      // Segments have none. An object that is gone by now was compacted.
      if (const std::string key = catalog.key(i); !key.starts_with("segments/")) {
        const auto object = bucket->Get(key);
        if (object.status().code() != Code::kNotFound) walk.Look(object, key);
      }
      ++done.objects_done;
      done.bytes_done += catalog.object_bytes(i);
      line.Update(done);
    }
    line.Finish();
  }
  const RollupReport& report = walk.report;
  out << "objects: " << report.objects << "\n"
      << "datasets with roll-ups: " << report.datasets << "\n"
      << "rows: " << report.rows << ", of hours: " << report.hour_rows << ", of days: " << report.day_rows << "\n"
      << "different: " << report.different << "\n";
  PrintLines(report.differences, report.different, options.show, out);
  out << "unreadable: " << walk.unreadable_count << "\n";
  PrintLines(walk.unreadable, walk.unreadable_count, options.show, out);
  *all_well = report.different == 0 && walk.unreadable_count == 0;
  return Status::Ok();
}

}  // namespace brazier::ctl
