// QueryLabels: 1 visit the dataset entries of the selection. Every label set of a dataset that counts as a whole is added to the reports,
// once. A dataset of which only a part counts waits; 2 at the end of its service, label sets that the service has answered are
// taken off; 3 at the end of all, datasets with a matching label set that the reports do not cover are unanswered.
#include <algorithm>
#include <map>
#include <tuple>

#include "common/model/label_report.h"
#include "store/index/block_marks.h"
#include "store/index/dataset_scan.h"
#include "store/index/index_keys.h"
#include "store/index/index_reader.h"
#include "store/index/label_set_table.h"

namespace brazier::index {
namespace {

class LabelQuery final : public DatasetScan {
 public:
  LabelQuery(const kv::Reader& reader, const BlockSelection& selection, const std::vector<ReportRequest>& requests,
             const QueryLimits& limits)
      : DatasetScan(reader, selection, limits),
        states_(reader, selection.selector, limits.label_sets_max),
        marks_(reader) {
    for (const ReportRequest& request : requests) reports_.emplace_back(request);
  }

  Result<LabelAnswer> Finish();

 private:
  // A dataset of which a part may count.
  struct Waiting {
    FoundDataset found;
    int64_t min_time_ns = 0;
    // Matching label sets that are not answered. Empty where they are not listed.
    std::vector<uint32_t> label_sets;
  };

  Status Visit(const ScannedDataset& dataset) override;
  Status EndService(const std::string& tenant, const std::string& service) override;
  Status CountAll(const ScannedDataset& dataset);
  Status Wait(const ScannedDataset& dataset);
  Status Add(const ScannedDataset& dataset, uint32_t number);
  // The reports cover every label set of the dataset that may count.
  Result<bool> IsCovered(const Waiting& waiting);
  Result<bool> IsCovered(const Waiting& waiting, uint32_t number);

  LabelSetStates states_;
  BlockMarks marks_;
  std::vector<LabelReport> reports_;
  std::vector<Waiting> waiting_;
  size_t service_begins_ = 0;  // position in waiting_ where the service in hand begins
  // Of the service that covered_service_ names: (day, number) -> covered.
  std::map<std::pair<int64_t, uint32_t>, bool> covered_;
  std::pair<std::string, std::string> covered_service_;
  LabelAnswer answer_;
};

Status LabelQuery::Visit(const ScannedDataset& dataset) {
  const DatasetEntryHead& head = dataset.head;
  const BlockMarks::Deleted deleted = marks_.DeletedOf(dataset);
  if (deleted == BlockMarks::Deleted::kAll) return Status();
  ASSIGN_OR_RETURN(const std::string quarantine, marks_.QuarantineOf(dataset.id));
  if (!quarantine.empty()) return Status();
  if (!head.lists_label_sets) return Wait(dataset);
  if (head.hidden == HiddenProfiles::kAll) return Status();
  const bool counts_as_a_whole = deleted == BlockMarks::Deleted::kNothing && head.hidden == HiddenProfiles::kNone && dataset.min_time_ns >= selection_.start_ns &&
                                 head.max_time_ns <= selection_.end_ns;
  return counts_as_a_whole ? CountAll(dataset) : Wait(dataset);
}

Status LabelQuery::CountAll(const ScannedDataset& dataset) {
  for (size_t i = 0; i < dataset.head.label_set_count(); ++i) {
    const uint32_t number = dataset.head.label_set(i);
    ASSIGN_OR_RETURN(LabelSetState* state, states_.Find(dataset, number));
    if (*state != LabelSetState::kMatches) continue;
    RETURN_IF_ERROR(Add(dataset, number));
    *state = LabelSetState::kCounted;
  }
  ++answer_.datasets_answered;
  answer_.newest_data_ns = std::max(answer_.newest_data_ns, dataset.head.max_time_ns);
  return Status();
}

Status LabelQuery::Add(const ScannedDataset& dataset, uint32_t number) {
  ASSIGN_OR_RETURN(const Labels labels,
                   ReadLabelSet(reader_, dataset.tenant, dataset.service, dataset.min_time_ns, number));
  if (!selection_.profile_type.empty() && labels.Get(label::kProfileType) != selection_.profile_type) return Status();
  size_t bytes = 0;
  for (LabelReport& report : reports_) {
    report.Add(labels);
    bytes += report.MemoryBytes();
  }
  return bytes > limits_.label_bytes_max ? IndexQueryOverLimit("bytes of labels", limits_.label_bytes_max) : Status();
}

Status LabelQuery::Wait(const ScannedDataset& dataset) {
  Waiting waiting;
  const DatasetEntryHead& head = dataset.head;
  for (size_t i = 0; i < head.label_set_count(); ++i) {
    ASSIGN_OR_RETURN(const LabelSetState* state, states_.Find(dataset, head.label_set(i)));
    if (*state == LabelSetState::kMatches) waiting.label_sets.push_back(head.label_set(i));
  }
  if (head.lists_label_sets && waiting.label_sets.empty()) {
    ++answer_.datasets_answered;
    return Status();
  }
  ASSIGN_OR_RETURN(const bool matches, DecodeIfItMatches(dataset, &waiting.found.entry));
  if (!matches) return Status();
  if (waiting_.size() >= limits_.datasets_max) return IndexQueryOverLimit("datasets", limits_.datasets_max);
  waiting.found.id = dataset.id;
  waiting.min_time_ns = dataset.min_time_ns;
  waiting_.push_back(std::move(waiting));
  return Status();
}

Status LabelQuery::EndService(const std::string& tenant, const std::string& service) {
  size_t kept = service_begins_;
  for (size_t i = service_begins_; i < waiting_.size(); ++i) {
    Waiting& waiting = waiting_[i];
    if (!waiting.label_sets.empty()) {
      std::vector<uint32_t> left;
      for (const uint32_t number : waiting.label_sets) {
        ASSIGN_OR_RETURN(const LabelSetState* state, states_.Find(tenant, service, waiting.min_time_ns, number));
        if (*state == LabelSetState::kMatches) left.push_back(number);
      }
      waiting.label_sets = std::move(left);
      if (waiting.label_sets.empty()) {
        ++answer_.datasets_answered;
        continue;
      }
    }
    if (kept != i) waiting_[kept] = std::move(waiting);
    ++kept;
  }
  waiting_.resize(kept);
  service_begins_ = kept;
  states_.Clear();
  return Status();
}

Result<bool> LabelQuery::IsCovered(const Waiting& waiting) {
  if (waiting.label_sets.empty()) return false;
  const DatasetMeta& dataset = waiting.found.entry.dataset;
  if (std::tie(covered_service_.first, covered_service_.second) != std::tie(dataset.tenant, dataset.service)) {
    covered_.clear();
    covered_service_ = {dataset.tenant, dataset.service};
  }
  for (const uint32_t number : waiting.label_sets) {
    const auto [it, is_new] = covered_.try_emplace({DayOf(waiting.min_time_ns), number}, false);
    if (is_new) {
      ASSIGN_OR_RETURN(it->second, IsCovered(waiting, number));
    }
    if (!it->second) return false;
  }
  return true;
}

Result<bool> LabelQuery::IsCovered(const Waiting& waiting, uint32_t number) {
  const DatasetMeta& dataset = waiting.found.entry.dataset;
  ASSIGN_OR_RETURN(const Labels labels,
                   ReadLabelSet(reader_, dataset.tenant, dataset.service, waiting.min_time_ns, number));
  if (!selection_.profile_type.empty() && labels.Get(label::kProfileType) != selection_.profile_type) return true;
  return std::all_of(reports_.begin(), reports_.end(), [&](const LabelReport& report) { return report.Covers(labels); });
}

Result<LabelAnswer> LabelQuery::Finish() {
  RETURN_IF_ERROR(marks_.Load(selection_, limits_));
  RETURN_IF_ERROR(Run());
  std::vector<FoundDataset> unanswered;
  for (Waiting& waiting : waiting_) {
    ASSIGN_OR_RETURN(const bool is_covered, IsCovered(waiting));
    if (is_covered) {
      ++answer_.datasets_answered;
    } else {
      unanswered.push_back(std::move(waiting.found));
    }
  }
  answer_.unanswered = GroupByBlock(std::move(unanswered));
  for (BlockMeta& block : answer_.unanswered) block.deletions = marks_.DeletionsOf(block.id);
  for (LabelReport& report : reports_) answer_.reports.push_back(report.Take());
  return std::move(answer_);
}

}  // namespace

Result<LabelAnswer> QueryLabels(const kv::Reader& reader, const BlockSelection& selection,
                                const std::vector<ReportRequest>& requests, const QueryLimits& limits) {
  for (const ReportRequest& request : requests) {
    if (!LabelReport::IsLabelKind(request.kind)) {
      return InvalidArgument("report kind " + std::to_string(static_cast<int>(request.kind)) +
                             " cannot be answered from the index");
    }
  }
  return LabelQuery(reader, selection, requests, limits).Finish();
}

}  // namespace brazier::index
