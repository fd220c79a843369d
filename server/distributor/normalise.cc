// 1. Repair and complete the series labels (service, default relabelling rules).
// 2. Group samples by the labels they carry; each group is a set of series, one per sample type.
// 3. Stacks are numbered in pre-order.
// 4. Per group, add values into one dense array by (stack, type), and read it out in stack order: sorted and merged.
// 5. Groups of one service form one batch; the symbols move into it (they are copied only for a second service).
#include "server/distributor/normalise.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

#include "common/base/saturating.h"
#include "common/codec/text.h"
#include "common/model/profile_type.h"
#include "common/model/stack_order.h"

namespace brazier::distributor {
namespace {

constexpr std::string_view kGodeltaprofPrefix = "godeltaprof_";
constexpr std::string_view kNameReplaced = "__name_replaced__";

bool IsUsable(const int64_t* values, size_t types) {
  int64_t any = 0;
  for (size_t t = 0; t < types; ++t) {
    if (values[t] < 0) return false;
    any |= values[t];
  }
  return any != 0;
}

// The labels that make a series of a profile type: the type's parts beside the client's labels.
Labels SeriesLabels(const Labels& base, const DecodedProfile& profile, const ValueType& type) {
  Labels labels = base;
  // Go's wall profiler reports CPU time beside wall time under one name.
  if (labels.Get(label::kName) == "wall" && type.type == "cpu") {
    labels.Set(label::kName, "process_cpu");
    labels.Set(kNameReplaced, "wall");
  }
  const ProfileType id{std::string(labels.Get(label::kName)), type.type, type.unit,
                       profile.period_type.type, profile.period_type.unit};
  labels.Set(label::kProfileType, id.ToString());
  labels.Set(label::kType, type.type);
  labels.Set(label::kUnit, type.unit);
  if (!id.period_type.empty()) labels.Set(label::kPeriodType, id.period_type);
  if (!id.period_unit.empty()) labels.Set(label::kPeriodUnit, id.period_unit);
  labels.Set(label::kServiceNamePrivate, labels.Get(label::kServiceName));
  return labels;
}

// Adds one group's samples to a batch.
class GroupAppender {
 public:
  GroupAppender(const DecodedProfile& profile, ProfileBatch& batch)
      : profile_(profile), batch_(batch), types_(profile.sample_types.size()) {}

  // `samples`: usable ones, any order. `series`: one per sample type.
  void Append(std::span<const uint32_t> samples, std::span<const uint32_t> series) {
    const bool has_spans = !profile_.span_ids.empty() || !profile_.trace_ids.empty();
    if (has_spans) {
      AppendWithSpans(samples, series);
    } else {
      AppendMerged(samples, series);
    }
  }

 private:
  void AppendMerged(std::span<const uint32_t> samples, std::span<const uint32_t> series) {
    CollectNodes(samples);
    // Node -> its position in nodes_; only entries of nodes_ are ever read.
    thread_local std::vector<uint32_t> positions;
    if (positions.size() < profile_.symbols.stacks.size()) positions.resize(profile_.symbols.stacks.size());
    for (uint32_t i = 0; i < nodes_.size(); ++i) positions[nodes_[i]] = i;
    thread_local std::vector<int64_t> sums;  // node-major
    sums.assign(nodes_.size() * types_, 0);
    for (uint32_t sample : samples) {
      int64_t* sum = &sums[positions[profile_.stacks[sample]] * types_];
      const int64_t* value = &profile_.values[sample * types_];
      for (size_t t = 0; t < types_; ++t) AddSaturating(&sum[t], value[t]);
    }
    for (size_t t = 0; t < types_; ++t) {
      BeginRow(series[t]);
      AppendColumn(sums.data() + t);
      EndRow();
    }
    constexpr size_t kKeepValues = 1 << 20;
    if (sums.size() > kKeepValues) std::vector<int64_t>().swap(sums);
    if (positions.size() > kKeepValues) std::vector<uint32_t>().swap(positions);
  }

  // The stacks nodes_ with the values sums[0], sums[types_] and so on, without zeros. No branch tells which are zero:
  // of the types of a profile some are zero nearly always, and others at random.
  void AppendColumn(const int64_t* sums) {
    const size_t begin = batch_.stacks.size();
    batch_.stacks.resize(begin + nodes_.size());
    batch_.values.resize(begin + nodes_.size());
    uint32_t* const stacks = batch_.stacks.data();
    int64_t* const values = batch_.values.data();
    size_t end = begin;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const int64_t value = sums[i * types_];
      stacks[end] = nodes_[i];
      values[end] = value;
      end += value != 0;
      AddSaturating(&row_.total, value);
    }
    batch_.stacks.resize(end);
    batch_.values.resize(end);
  }

  // The distinct stacks of the samples, ascending.
  void CollectNodes(std::span<const uint32_t> samples) {
    const size_t node_count = profile_.symbols.stacks.size();
    if (samples.size() * 16 > node_count) {
      thread_local std::vector<uint8_t> seen;  // all zero between uses
      if (seen.size() < node_count) seen.resize(node_count);
      for (uint32_t sample : samples) seen[profile_.stacks[sample]] = 1;
      // One entry more than can be needed: the loop writes each node and then keeps it or not.
      nodes_.resize(samples.size() + 1);
      size_t count = 0;
      for (uint32_t node = 0; node < node_count; ++node) {
        nodes_[count] = node;
        count += seen[node];
      }
      nodes_.resize(count);
      std::fill_n(seen.begin(), node_count, 0);
      return;
    }
    nodes_.clear();
    for (uint32_t sample : samples) nodes_.push_back(profile_.stacks[sample]);
    std::sort(nodes_.begin(), nodes_.end());
    nodes_.erase(std::unique(nodes_.begin(), nodes_.end()), nodes_.end());
  }

  void AppendWithSpans(std::span<const uint32_t> samples, std::span<const uint32_t> series) {
    auto span_of = [&](uint32_t s) { return profile_.span_ids.empty() ? 0 : profile_.span_ids[s]; };
    auto trace_of = [&](uint32_t s) {
      return profile_.trace_ids.empty() ? Hash128() : profile_.trace_ids[s];
    };
    std::vector<uint32_t> order(samples.begin(), samples.end());
    auto key = [&](uint32_t s) { return std::tuple(profile_.stacks[s], span_of(s), trace_of(s)); };
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
    const size_t before = batch_.stacks.size();
    if (!profile_.span_ids.empty()) batch_.span_ids.resize(before);
    if (!profile_.trace_ids.empty()) batch_.trace_ids.resize(before);
    for (size_t t = 0; t < types_; ++t) {
      BeginRow(series[t]);
      for (size_t i = 0; i < order.size();) {
        int64_t value = 0;
        size_t end = i;
        while (end < order.size() && key(order[end]) == key(order[i])) {
          AddSaturating(&value, profile_.values[order[end] * types_ + t]);
          ++end;
        }
        const size_t count = batch_.stacks.size();
        AddValue(profile_.stacks[order[i]], value);
        if (batch_.stacks.size() > count) {
          if (!profile_.span_ids.empty()) batch_.span_ids.push_back(span_of(order[i]));
          if (!profile_.trace_ids.empty()) batch_.trace_ids.push_back(trace_of(order[i]));
        }
        i = end;
      }
      EndRow();
    }
  }

  void BeginRow(uint32_t series) {
    row_ = {};
    row_.series = series;
    row_.sample_begin = static_cast<uint32_t>(batch_.stacks.size());
  }
  void AddValue(uint32_t stack, int64_t value) {
    if (value == 0) return;
    batch_.stacks.push_back(stack);
    batch_.values.push_back(value);
    AddSaturating(&row_.total, value);
  }
  void EndRow() {
    row_.sample_end = static_cast<uint32_t>(batch_.stacks.size());
    if (row_.sample_end > row_.sample_begin) batch_.rows.push_back(row_);
  }

  const DecodedProfile& profile_;
  ProfileBatch& batch_;
  const size_t types_;
  std::vector<uint32_t> nodes_;
  ProfileBatch::Row row_;
};

// Samples by label set: counting sort. Returns the order and, per label set, where its samples begin.
struct Groups {
  std::vector<uint32_t> order;
  std::vector<uint32_t> begins;  // label sets + 1
};

Groups GroupByLabelSet(const DecodedProfile& profile) {
  const size_t types = profile.sample_types.size();
  const size_t count = profile.sample_count();
  Groups groups;
  groups.begins.assign(profile.label_sets.size() + 1, 0);
  if (profile.label_set.empty()) {
    groups.order.resize(count);
    size_t usable = 0;
    for (size_t i = 0; i < count; ++i) {
      groups.order[usable] = static_cast<uint32_t>(i);
      usable += IsUsable(&profile.values[i * types], types);
    }
    groups.order.resize(usable);
    std::fill(groups.begins.begin() + 1, groups.begins.end(), static_cast<uint32_t>(usable));
    return groups;
  }
  auto set_of = [&](size_t i) { return profile.label_set[i]; };
  for (size_t i = 0; i < count; ++i) {
    if (IsUsable(&profile.values[i * types], types)) ++groups.begins[set_of(i) + 1];
  }
  std::partial_sum(groups.begins.begin(), groups.begins.end(), groups.begins.begin());
  groups.order.resize(groups.begins.back());
  std::vector<uint32_t> next = groups.begins;
  for (size_t i = 0; i < count; ++i) {
    if (IsUsable(&profile.values[i * types], types)) {
      groups.order[next[set_of(i)]++] = static_cast<uint32_t>(i);
    }
  }
  return groups;
}

// An empty service_name is one that is not given: a sample's label may still say it.
Labels BaseLabels(Labels labels) {
  if (labels.Get(label::kServiceName).empty()) labels.Erase(label::kServiceName);
  for (std::string_view name : {label::kDelta, label::kOrder, label::kSessionId}) labels.Erase(name);
  const std::string name(labels.Get(label::kName));
  if (name.starts_with(kGodeltaprofPrefix)) {
    labels.Set(label::kName, name.substr(kGodeltaprofPrefix.size()));
    labels.Set(kNameReplaced, name);
  }
  return labels;
}

}  // namespace

Hash128 IdentityOf(const std::string& tenant, const codec::IngestedProfile& profile,
                   const std::string& client_id) {
  std::string key;
  auto add = [&key](std::string_view part) {
    const uint64_t size = part.size();
    key.append(reinterpret_cast<const char*>(&size), sizeof(size));
    key.append(part);
  };
  add(tenant);
  for (const Label& l : profile.labels) {
    add(l.name);
    add(l.value);
  }
  if (!client_id.empty()) {
    add("id");
    add(client_id);
  } else {
    add("content");
    // Equal bytes can mean different things: text formats learn their type from the name they were sent under.
    for (const ValueType& type : profile.profile.sample_types) {
      add(type.type);
      add(type.unit);
    }
    add(profile.profile.period_type.type);
    const Hash128 hash = profile.content_hash;
    const int64_t time_ns = profile.profile.time_ns;
    key.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
    key.append(reinterpret_cast<const char*>(&time_ns), sizeof(time_ns));
  }
  return HashTo128(AsBytes(key));
}

Status ValidateLabels(const Labels& labels, const TenantLimits& limits) {
  auto refuse = [](std::string message, std::string_view reason) {
    return InvalidArgument(std::move(message)).WithReason(reason);
  };
  if (labels.Get(label::kName).empty()) {
    return refuse("labels have no __name__", "invalid_labels");
  }
  if (labels.size() > limits.label_names_max) {
    return refuse("profile has " + std::to_string(labels.size()) + " label names, the limit is " +
                      std::to_string(limits.label_names_max),
                  "max_label_names_per_series");
  }
  for (const Label& l : labels) {
    if (l.name.empty()) return refuse("a label has an empty name", "invalid_labels");
    if (l.name.size() > limits.label_name_bytes_max) {
      return refuse("label name \"" + l.name.substr(0, 64) + "...\" is " +
                        std::to_string(l.name.size()) + " bytes, the limit is " +
                        std::to_string(limits.label_name_bytes_max),
                    "label_name_too_long");
    }
    if (l.value.size() > limits.label_value_bytes_max) {
      return refuse("the value of label \"" + l.name + "\" is " + std::to_string(l.value.size()) +
                        " bytes, the limit is " + std::to_string(limits.label_value_bytes_max),
                    "label_value_too_long");
    }
    if (!codec::IsUtf8(l.name) || !codec::IsUtf8(l.value)) {
      return refuse("a label is not valid UTF-8", "invalid_labels");
    }
  }
  return Status::Ok();
}

Result<std::vector<ProfileBatch>> Normalise(const std::string& tenant,
                                            codec::IngestedProfile ingested, Hash128 identity,
                                            const TenantLimits& limits) {
  DecodedProfile& profile = ingested.profile;
  const Labels base = BaseLabels(std::move(ingested.labels));
  RETURN_IF_ERROR(ValidateLabels(base, limits));
  const std::string_view base_service =
      base.Has(label::kServiceName) ? base.Get(label::kServiceName) : kUnknownService;
  const Groups groups = GroupByLabelSet(profile);
  // Here, where it costs least: then the writer finds tree and samples in the order that it stores them in, and numbers
  // locations and functions in the order in which the tree meets them.
  SortInPreOrder(&profile.symbols.stacks, profile.stacks);

  std::map<std::string, ProfileBatch> by_service;
  std::vector<uint32_t> series(profile.sample_types.size());
  for (size_t set = 0; set + 1 < groups.begins.size(); ++set) {
    const std::span<const uint32_t> samples(groups.order.data() + groups.begins[set],
                                            groups.begins[set + 1] - groups.begins[set]);
    if (samples.empty()) continue;
    Labels labels = base;
    for (const Label& l : profile.label_sets[set]) labels.SetDefault(l.name, l.value);
    if (labels.Get(label::kServiceName).empty()) labels.Set(label::kServiceName, kUnknownService);
    if (set > 0) RETURN_IF_ERROR(ValidateLabels(labels, limits));
    const std::string service(labels.Get(label::kServiceName));
    ProfileBatch& batch = by_service[service];
    if (batch.profiles.empty()) {
      batch.tenant = tenant;
      batch.service = service;
      // By the service's name, not by the order of samples: a client that sends its profile anew may reorder them.
      const Hash128 id = service == base_service
                             ? identity
                             : HashTo128(AsBytes(service), identity.high ^ identity.low);
      batch.profiles.push_back({id, profile.time_ns, profile.duration_ns, profile.period});
    }
    for (size_t t = 0; t < series.size(); ++t) {
      series[t] = static_cast<uint32_t>(batch.series.size());
      batch.series.push_back(SeriesLabels(labels, profile, profile.sample_types[t]));
    }
    GroupAppender(profile, batch).Append(samples, series);
  }

  std::vector<ProfileBatch> batches;
  for (auto& [service, batch] : by_service) {
    if (batch.rows.empty()) continue;
    batches.push_back(std::move(batch));
  }
  for (size_t i = 1; i < batches.size(); ++i) batches[i].symbols = profile.symbols;
  if (!batches.empty()) batches[0].symbols = std::move(profile.symbols);
  return batches;
}

}  // namespace brazier::distributor
