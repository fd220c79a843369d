// Which rows of one service a merge keeps, and their order: by hour bucket, series (in the order of label sets), time, identity.
// A profile stays together and is ordered by the first row that is kept of it. Left out are profiles that the index hides, rows that
// a deletion names, and all but the first profile of an identity: that of the earliest time, then of the oldest block.
//
// Pure but for reading the inputs. Thread-compatible.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/selector.h"
#include "store/block/block_merge.h"
#include "store/block/merge_inputs.h"
#include "store/block/section_rows.h"

namespace brazier::block {

// One input's dataset of the service.
struct MergeSource {
  uint32_t input = 0;
  const DatasetMeta* dataset = nullptr;
};

// A range of profiles, when a service is too large for one output. Ordered by time; the identity tells those of one time apart.
struct MergeWindow {
  struct Edge {
    int64_t time_ns = 0;
    uint64_t identity = 0;
    friend auto operator<=>(const Edge&, const Edge&) = default;
  };
  std::optional<Edge> begin, end;  // begin <= profile < end
  bool is_everything() const { return !begin && !end; }
  bool Contains(const ProfileBatch::Profile& p) const {
    const Edge edge{p.time_ns, p.identity.high};
    return (!begin || *begin <= edge) && (!end || edge < *end);
  }
};

// The deletions of the inputs, as filters that are ready to be asked.
class MergeDeletions {
 public:
  static Result<MergeDeletions> Of(const MergeInputs& inputs);
  struct Filter {
    const DataFilter* filter = nullptr;
    std::shared_ptr<const Selector> selector;  // null: every series
  };
  // Those of one dataset.
  std::vector<const Filter*> For(const MergeSource& source) const;

 private:
  std::vector<std::vector<Filter>> filters_;  // per input
};

// The rows and profiles of a source, from `row_base` and `profile_base` on; of those before and behind none is kept.
struct SourceRows {
  uint32_t row_base = 0;
  uint32_t row_count = 0;  // of the source, all of them
  uint32_t profile_base = 0;
  DatasetRows rows;        // rows[i].profile counts from the source's first
  std::vector<uint8_t> kept;          // per row of `rows`
  bool leaves_out = false;            // not all of the source is kept
  std::vector<uint32_t> series;       // of the source -> of the plan; kNone where no row of it is kept
  static constexpr uint32_t kNone = UINT32_MAX;
};

struct PlannedProfile {
  int64_t hour_end_ns = 0;
  uint32_t series = 0;  // of the first row; SourceRows::kNone without rows
  uint32_t source = 0;
  uint32_t profile = 0;    // into SourceRows::rows.profiles
  uint32_t row_begin = 0;  // of SourceRows::rows, rows that are not kept among them
  uint32_t row_end = 0;
};

struct ServicePlan {
  std::vector<Labels> series;          // that have a row, sorted
  std::vector<SourceRows> sources;
  std::vector<PlannedProfile> profiles;  // in the order of the output
  uint64_t MemoryBytes() const;
};

class MergePlanner {
 public:
  MergePlanner(MergeInputs& inputs, const MergeDeletions& deletions, std::vector<MergeSource> sources)
      : inputs_(inputs), deletions_(deletions), sources_(std::move(sources)) {}

  // Adds what of the window is kept and left out to `figures`, unless null.
  Result<ServicePlan> Plan(const MergeWindow& window, MergeFigures* figures);
  // `count` windows in place of one, of about as many samples each; fewer when there are not so many profiles.
  Result<std::vector<MergeWindow>> Split(const MergeWindow& window, size_t count);

 private:
  struct Loaded {
    SourceRows rows;
    std::vector<uint8_t> profiles;  // the Fate of each
  };
  enum Fate : uint8_t { kKept, kHidden, kDeleted, kRepeated, kElsewhere, kFates };
  // Without repeats.
  Result<Loaded> Load(uint32_t source);
  static void MarkRepeated(std::vector<Loaded>& all);
  static void Settle(const MergeSource& source, Loaded* loaded, MergeFigures* figures);
  static void NumberSeries(std::vector<Loaded>& all, std::vector<Labels>* out);

  MergeInputs& inputs_;
  const MergeDeletions& deletions_;
  const std::vector<MergeSource> sources_;
  // Of a service in windows: repeated profiles of each source, found once over all windows.
  std::optional<std::vector<std::vector<uint32_t>>> repeated_;
};

// The end of the bucket for every time, those outside what RollupBucketEnd() takes too.
int64_t BucketEnd(int64_t time_ns, int64_t bucket_ns);

}  // namespace brazier::block
