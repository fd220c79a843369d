#include "server/metastore/lifecycle/scrub.h"

#include <algorithm>
#include <set>
#include <span>

#include "common/observe/log.h"

namespace brazier::metastore {
namespace {

constexpr int64_t kViewNs = kNsPerSecond;  // a view is used again for so long; before anything is said, a new one is asked
constexpr size_t kIdsPerPage = 10'000;
constexpr size_t kMissingMax = 100'000;

// `odd` of `all` have no counterpart, of which there are `counterparts`.
bool IsDoubtful(uint64_t odd, uint64_t all, uint64_t counterparts) {
  if (odd == 0) return false;
  if (counterparts == 0) return true;
  return (odd >= Scrub::kDoubtfulMin && odd > all / 2) || (odd > Scrub::kDoubtfulMany && odd > all / 10);
}

}  // namespace

// One walk. Step() does one object or one page; an error of it is about the moment, and the same step is tried again.
class Scrub::Walk {
 public:
  Walk(Scrub& owner, bool repairs) : owner_(owner), repairs_(repairs), pacer_(std::max<uint64_t>(1, owner.options_.bytes_per_second)) {}

  bool repairs() const { return repairs_; }

  // False: it is over.
  Result<bool> Step() {
    switch (phase_) {
      case Phase::kList: RETURN_IF_ERROR(List()); break;
      case Phase::kObjects: RETURN_IF_ERROR(VisitObject()); break;
      case Phase::kEntries: RETURN_IF_ERROR(VisitEntries()); break;
      case Phase::kMissing: RETURN_IF_ERROR(SettleMissing()); break;
      case Phase::kOrphans: RETURN_IF_ERROR(SettleOrphans()); break;
      case Phase::kDone: break;
    }
    return phase_ != Phase::kDone;
  }
  uint64_t orphans() const { return orphans_; }

 private:
  enum class Phase { kList, kObjects, kEntries, kMissing, kOrphans, kDone };

  template <typename F>
  void Note(const F& change) {
    std::lock_guard lock(owner_.mu_);
    change(owner_.report_);
  }
  void Find(uint64_t contract::ScrubReport::*count, const std::string& line) {
    Note([&](contract::ScrubReport& report) {
      if (count != nullptr) ++(report.*count);
      if (report.findings.size() < kFindingsMax) report.findings.push_back(line);
    });
  }

  // Of the whole bucket or index: first, and whatever else there is to say.
  void Doubt(const std::string& line) {
    Note([&](contract::ScrubReport& report) {
      if (report.findings.size() >= kFindingsMax) report.findings.pop_back();
      report.findings.insert(report.findings.begin(), line);
    });
    Log(LogLevel::kError, "a scrub doubts what it sees and changes nothing", {{"why", line}});
  }

  int64_t Deadline() const { return owner_.clock_.MonotonicNs() + kLifecycleCallNs; }
  Result<std::unique_ptr<IndexView>> Fresh() { return owner_.index_.View(Deadline()); }
  Result<const IndexView*> Recent() {
    const int64_t now_ns = owner_.clock_.MonotonicNs();
    if (view_ == nullptr || now_ns - view_ns_ >= kViewNs) {
      view_.reset();
      ASSIGN_OR_RETURN(view_, Fresh());
      view_ns_ = now_ns;
    }
    return view_.get();
  }
  bool Pace(uint64_t bytes) {
    const int64_t wait_ns = pacer_.Take(bytes, owner_.clock_.MonotonicNs());
    if (wait_ns > 0) {
      view_.reset();
      if (!owner_.pause_(wait_ns)) return false;
    }
    Note([&](contract::ScrubReport& report) { report.bytes += bytes; });
    return true;
  }
  Result<ObjectVerdict> Check(const BlockMeta& entry) {
    return CheckObject(owner_.objects_, entry, [this](uint64_t bytes) { return Pace(bytes); });
  }

  Status List() {
    Findings strays;
    ASSIGN_OR_RETURN(catalog_, BucketCatalog::List(owner_.objects_, &strays));
    Note([&](contract::ScrubReport& report) { report.objects_total = catalog_.size(); });
    for (const Finding& stray : strays.kept()) Find(nullptr, "stray, left alone: " + stray.object_key + ": " + stray.reason);
    owner_.orphans_.BeginWalk();
    phase_ = Phase::kObjects;
    return Status::Ok();
  }

  Status VisitObject() {
    if (position_ == catalog_.size()) {
      phase_ = Phase::kEntries;
      return Status::Ok();
    }
    const Ulid id = catalog_.id(position_);
    const std::string key = catalog_.key(position_);
    ASSIGN_OR_RETURN(const IndexView* view, Recent());
    ASSIGN_OR_RETURN(const bool is_known, view->HasBlock(id));
    if (is_known) {
      RETURN_IF_ERROR(VisitBlock(*view, id, key));
    } else {
      RETURN_IF_ERROR(VisitUnknown(*view, key, catalog_.object_bytes(position_)));
    }
    ++position_;
    Note([](contract::ScrubReport& report) { ++report.objects; });
    return Status::Ok();
  }

  Status VisitBlock(const IndexView& view, const Ulid& id, const std::string& key) {
    const Result<BlockMeta> entry = view.ReadBlock(id);
    if (!entry.ok()) {
      if (entry.status().code() != Code::kCorruption) return entry.status();
      Find(&contract::ScrubReport::different, key + ": its entry in the index: " + entry.status().ToString());
      return Status::Ok();
    }
    if (entry->ObjectKey() != key) {
      Find(nullptr, "stray, left alone: " + key + ": the index has block " + id.ToString() + " as " + entry->ObjectKey());
      // Its own object is looked at when its turn comes, if it is there.
      const auto own = owner_.objects_.Head(entry->ObjectKey());
      return own.status().code() == Code::kNotFound ? Judge(*entry) : Status::Ok();
    }
    return Judge(*entry);
  }

  // `entry` may be as of some time ago.
  Status Judge(const BlockMeta& entry) {
    ASSIGN_OR_RETURN(ObjectVerdict verdict, Check(entry));
    if (verdict.state == ObjectState::kWhole) {
      return entry.IsQuarantined() ? Release(entry) : Status::Ok();
    }
    // Once more, and only if it is still there: it may have been replaced and its object deleted, or the read was a bad one.
    ASSIGN_OR_RETURN(const auto fresh, Fresh());
    const Result<BlockMeta> again = fresh->ReadBlock(entry.id);
    if (again.status().code() == Code::kNotFound) return Status::Ok();
    RETURN_IF_ERROR(again.status());
    ASSIGN_OR_RETURN(verdict, Check(*again));
    if (verdict.state == ObjectState::kWhole) return Status::Ok();
    ASSIGN_OR_RETURN(const auto last, Fresh());
    ASSIGN_OR_RETURN(const bool is_there, last->HasBlock(entry.id));
    if (!is_there) return Status::Ok();
    if (verdict.state == ObjectState::kMissing) {
      NoteMissing(*again);
      return Status::Ok();
    }
    const auto count = verdict.state == ObjectState::kCorrupt ? &contract::ScrubReport::corrupt : &contract::ScrubReport::different;
    Find(count, again->ObjectKey() + ": " + verdict.reason);
    if (again->IsQuarantined()) return Status::Ok();
    return Quarantine({{again->id, "scrub: " + verdict.reason}});
  }

  void NoteMissing(const BlockMeta& block) {
    if (missing_ids_.size() < kMissingMax && !missing_ids_.insert(block.id).second) return;  // two strays have its id
    Find(&contract::ScrubReport::missing, block.ObjectKey() + ": missing: there is no such object");
    if (block.IsQuarantined()) return;
    ++missing_count_;
    if (missing_.size() < kMissingMax) missing_.push_back(block.id);
  }

  Status Quarantine(const std::vector<index::BadInput>& blocks) {
    if (!repairs_) return Status::Ok();
    ASSIGN_OR_RETURN(const uint64_t count, owner_.index_.QuarantineBlocks(blocks, Deadline()));
    view_.reset();
    Note([&](contract::ScrubReport& report) { report.quarantined += count; });
    return Status::Ok();
  }

  Status Release(const BlockMeta& entry) {
    if (!repairs_) {
      Find(nullptr, entry.ObjectKey() + ": whole, and in quarantine: " + entry.quarantine);
      return Status::Ok();
    }
    ASSIGN_OR_RETURN(const uint64_t count, owner_.index_.ReleaseBlocks({entry.id}, Deadline()));
    view_.reset();
    if (count > 0) Find(&contract::ScrubReport::released, entry.ObjectKey() + ": whole again, released from quarantine");
    return Status::Ok();
  }

  Status VisitUnknown(const IndexView& view, const std::string& key, uint64_t size) {
    const auto object = ParseObjectKey(key, size);
    if (!object.has_value()) {
      Find(nullptr, "stray, left alone: " + key + ": its name is none that Brazier gives");
      return Status::Ok();
    }
    ASSIGN_OR_RETURN(const auto tombstone, view.ReadTombstone(object->id));
    if (tombstone.has_value()) return Status::Ok();
    orphan_suspects_.push_back(position_);
    return Status::Ok();
  }

  // Blocks whose objects the listing has not.
  Status VisitEntries() {
    std::vector<Ulid> ids;
    {
      ASSIGN_OR_RETURN(const auto view, Fresh());
      ASSIGN_OR_RETURN(ids, view->ListBlockIds(entries_after_, kIdsPerPage));
    }
    for (const Ulid& id : ids) {
      if (!IsListed(id)) {
        ASSIGN_OR_RETURN(const IndexView* view, Recent());
        const Result<BlockMeta> entry = view->ReadBlock(id);
        if (entry.ok()) {
          RETURN_IF_ERROR(Judge(*entry));
        } else if (entry.status().code() != Code::kNotFound && entry.status().code() != Code::kCorruption) {
          return entry.status();
        }
      }
      entries_after_ = id;
      ++entries_;
    }
    if (ids.size() < kIdsPerPage) phase_ = Phase::kMissing;
    return Status::Ok();
  }

  bool IsListed(const Ulid& id) const {
    size_t low = 0, high = catalog_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (catalog_.id(middle) < id) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < catalog_.size() && catalog_.id(low) == id;
  }

  Status SettleMissing() {
    if (!is_missing_told_ && IsDoubtful(missing_count_, entries_, catalog_.size())) {
      Doubt(std::to_string(missing_count_) + " of " + std::to_string(entries_) +
            " blocks have no object: is this the right bucket, and mounted? None of them is quarantined");
      missing_.clear();
    }
    is_missing_told_ = true;
    while (!missing_.empty()) {
      const size_t count = std::min(kLifecycleBatch, missing_.size());
      ASSIGN_OR_RETURN(const auto lost, StillMissing(std::span(missing_).last(count)));
      if (!lost.empty()) RETURN_IF_ERROR(Quarantine(lost));
      missing_.resize(missing_.size() - count);
    }
    phase_ = Phase::kOrphans;
    return Status::Ok();
  }

  // That an object is missing may have been seen hours ago, while the store was away.
  Result<std::vector<index::BadInput>> StillMissing(std::span<const Ulid> ids) {
    std::vector<index::BadInput> lost;
    ASSIGN_OR_RETURN(const auto view, Fresh());
    for (const Ulid& id : ids) {
      const Result<BlockMeta> entry = view->ReadBlock(id);
      if (entry.status().code() == Code::kNotFound) continue;
      RETURN_IF_ERROR(entry.status());
      const Status head = owner_.objects_.Head(entry->ObjectKey()).status();
      if (!head.ok() && head.code() != Code::kNotFound) return head;
      if (!head.ok()) lost.push_back({id, "scrub: missing: there is no such object"});
    }
    return lost;
  }

  // What had no block when the walk came by has one by now if it was on its way.
  Status SettleOrphans() {
    ASSIGN_OR_RETURN(const auto view, Fresh());
    ASSIGN_OR_RETURN(const std::vector<index::Job> jobs, view->ListJobs());
    std::vector<size_t> orphans;
    for (const size_t position : orphan_suspects_) {
      const auto object = ParseObjectKey(catalog_.key(position), catalog_.object_bytes(position));
      ASSIGN_OR_RETURN(const bool is_known, view->HasBlock(object->id));
      ASSIGN_OR_RETURN(const auto tombstone, view->ReadTombstone(object->id));
      if (is_known || tombstone.has_value() || MayBeOutputOf(jobs, *object)) continue;
      orphans.push_back(position);
      if (repairs_) owner_.orphans_.See(*object, catalog_.key(position), owner_.clock_.NowNs());
    }
    for (const size_t position : orphans) {
      Find(&contract::ScrubReport::orphans, catalog_.key(position) + ": orphan: no block of the index");
    }
    orphans_ = orphans.size();
    const bool is_doubtful = IsDoubtful(orphans_, catalog_.size(), entries_);
    if (repairs_) {
      owner_.orphans_.FinishWalk();
      owner_.orphans_are_doubtful_ = is_doubtful;
    }
    if (is_doubtful) {
      Doubt(std::to_string(orphans_) + " of " + std::to_string(catalog_.size()) +
            " objects have no block: has the index lost blocks (brazierctl index rebuild)? None of them is deleted");
    }
    phase_ = Phase::kDone;
    return Status::Ok();
  }

  Scrub& owner_;
  const bool repairs_;
  Pacer pacer_;
  Phase phase_ = Phase::kList;
  BucketCatalog catalog_;
  size_t position_ = 0;
  std::vector<size_t> orphan_suspects_;  // positions
  std::optional<Ulid> entries_after_;
  uint64_t entries_ = 0;
  uint64_t missing_count_ = 0;  // not quarantined yet
  std::vector<Ulid> missing_;   // of those, the first kMissingMax: the next scrub has the rest
  std::set<Ulid> missing_ids_;
  bool is_missing_told_ = false;
  uint64_t orphans_ = 0;
  std::unique_ptr<IndexView> view_;
  int64_t view_ns_ = 0;
};

Scrub::Scrub(const ScrubOptions& options, LifecycleIndex& index, object::ObjectStore& objects, const Clock& clock,
             LifecycleMetrics& metrics, PauseFunction pause, std::function<void()> wake)
    : options_(options),
      index_(index),
      objects_(objects),
      clock_(clock),
      metrics_(metrics),
      pause_(std::move(pause)),
      wake_(std::move(wake)) {}

Scrub::~Scrub() = default;

Status Scrub::Start(bool repairs) {
  {
    std::lock_guard lock(mu_);
    if (report_.is_running || requested_) {
      return Status(Code::kFailedPrecondition, "a scrub runs already").WithReason("scrub_runs");
    }
    requested_ = true;
    requested_repairs_ = repairs;
    // Whoever asks for the report next sees this one, not the one before.
    report_ = {.is_running = true, .repairs = repairs, .started_ns = clock_.NowNs()};
  }
  if (wake_) wake_();
  return Status::Ok();
}

contract::ScrubReport Scrub::Report() const {
  std::lock_guard lock(mu_);
  return report_;
}

void Scrub::Begin(bool repairs) {
  {
    std::lock_guard lock(mu_);
    requested_ = false;
    report_ = {.is_running = true, .repairs = repairs, .started_ns = clock_.NowNs()};
  }
  held_up_ = 0;
  walk_ = std::make_unique<Walk>(*this, repairs);
  Log(LogLevel::kInfo, "a scrub begins", {{"repairs", repairs ? "yes" : "no"}});
}

void Scrub::Finish(const std::string& error) {
  contract::ScrubReport report;
  {
    std::lock_guard lock(mu_);
    requested_ = false;
    report_.is_running = false;
    report_.ended_ns = clock_.NowNs();
    report_.error = error;
    report = report_;
  }
  walk_.reset();
  if (options_.interval_ns > 0) next_ns_ = clock_.MonotonicNs() + options_.interval_ns;
  metrics_.scrub_duration_seconds.Set((report.ended_ns - report.started_ns) / kNsPerSecond);
  if (error.empty()) {
    metrics_.scrub_timestamp_seconds.Set(report.ended_ns / kNsPerSecond);
    metrics_.scrub_corrupt.Set(static_cast<int64_t>(report.corrupt));
    metrics_.scrub_missing.Set(static_cast<int64_t>(report.missing));
    metrics_.scrub_different.Set(static_cast<int64_t>(report.different));
    metrics_.scrub_orphans.Set(static_cast<int64_t>(report.orphans));
  } else {
    metrics_.scrub_failures_total.Add();
  }
  const bool is_bad = !error.empty() || report.corrupt + report.missing + report.different > 0;
  Log(is_bad ? LogLevel::kError : LogLevel::kInfo, "a scrub has ended",
      {{"objects", report.objects},
       {"bytes", report.bytes},
       {"corrupt", report.corrupt},
       {"missing", report.missing},
       {"different", report.different},
       {"orphans", report.orphans},
       {"quarantined", report.quarantined},
       {"released", report.released},
       {"error", error}});
}

void Scrub::RunOnce() {
  if (!index_.Leads()) {
    bool was_asked = false;
    {
      std::lock_guard lock(mu_);
      was_asked = requested_;
    }
    if (walk_ != nullptr || was_asked) Finish("another member leads now");
    orphans_.Clear();
    led_ = false;
    return;
  }
  if (!led_) {
    led_ = true;
    next_ns_ = clock_.MonotonicNs() + std::min(options_.interval_ns, kFirstNs);
  }
  if (walk_ == nullptr) {
    bool is_asked = false, repairs = true;
    {
      std::lock_guard lock(mu_);
      is_asked = requested_;
      if (is_asked) repairs = requested_repairs_;
    }
    if (is_asked || (options_.interval_ns > 0 && clock_.MonotonicNs() >= next_ns_)) Begin(repairs);
  }
  while (walk_ != nullptr) {
    if (!index_.Leads()) return Finish("another member leads now");
    if (!pause_(0)) return Finish("the process stops");
    const Result<bool> step = walk_->Step();
    if (step.ok()) {
      held_up_ = 0;
      if (!*step) Finish("");
      continue;
    }
    if (step.status().code() == Code::kCancelled) return Finish("the process stops");
    // It goes on from where it is with the next step.
    if (++held_up_ >= kHeldUpMax) return Finish(step.status().ToString());
    Log(LogLevel::kWarn, "the scrub is held up", {{"error", step.status().ToString()}});
    return;
  }
  if (const Status status = CondemnOrphans(); !status.ok() && status.reason() != "not_leader") {
    Log(LogLevel::kWarn, "orphans stay for now", {{"error", status.ToString()}});
  }
}

Status Scrub::CondemnOrphans() {
  if (orphans_.size() == 0 || orphans_are_doubtful_) return Status::Ok();
  const int64_t before_ns = clock_.NowNs() - options_.orphan_age_ns;
  for (std::optional<Ulid> after;;) {
    const std::vector<OrphanLedger::Candidate> due = orphans_.Due(before_ns, after, kLifecycleBatch);
    if (due.empty()) return Status::Ok();
    after = due.back().object.id;
    std::vector<index::CondemnedObject> condemned;
    std::vector<Ulid> settled;
    {
      ASSIGN_OR_RETURN(const auto view, index_.View(clock_.MonotonicNs() + kLifecycleCallNs));
      ASSIGN_OR_RETURN(const std::vector<index::Job> jobs, view->ListJobs());
      for (const OrphanLedger::Candidate& candidate : due) {
        const Ulid& id = candidate.object.id;
        ASSIGN_OR_RETURN(const bool is_known, view->HasBlock(id));
        ASSIGN_OR_RETURN(const auto tombstone, view->ReadTombstone(id));
        const auto head = objects_.Head(candidate.key);
        if (is_known || tombstone.has_value() || head.status().code() == Code::kNotFound) {
          settled.push_back(id);
        } else if (head.ok() && !MayBeOutputOf(jobs, candidate.object)) {
          condemned.push_back(candidate.object);
          settled.push_back(id);
        }
      }
    }
    if (!condemned.empty()) {
      ASSIGN_OR_RETURN(const uint64_t count, index_.CondemnObjects(condemned, clock_.MonotonicNs() + kLifecycleCallNs));
      metrics_.orphans_condemned_total.Add(count);
      Log(LogLevel::kInfo, "objects without a block are given up for deletion", {{"objects", count}});
      std::lock_guard lock(mu_);
      report_.condemned += count;
    }
    for (const Ulid& id : settled) orphans_.Forget(id);
  }
}

}  // namespace brazier::metastore
