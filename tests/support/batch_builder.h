// BatchBuilder: profile batches out of folded stacks, for tests. A frame is a location with one function of that name;
// "a/b" is one location with two inlined functions, `a` the caller. Thread-compatible.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/model/profile.h"

namespace brazier::testing {

inline constexpr char kCpuType[] = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

using FoldedSamples = std::vector<std::pair<std::string, int64_t>>;  // {"main;work", 7}

class BatchBuilder {
 public:
  BatchBuilder(std::string tenant, std::string service) {
    batch_.tenant = std::move(tenant);
    batch_.service = std::move(service);
  }

  // Adds a profile of one series. `labels` come on top of the service's name and the profile type.
  BatchBuilder& Profile(Hash128 identity, int64_t time_ns, const FoldedSamples& samples,
                        Labels labels = {}, const std::string& type = kCpuType) {
    labels.Set(label::kServiceName, batch_.service);
    labels.Set(label::kProfileType, type);
    ProfileBatch::Row row;
    row.profile = static_cast<uint32_t>(batch_.profiles.size());
    row.series = Series(labels);
    row.sample_begin = static_cast<uint32_t>(batch_.stacks.size());
    std::map<uint32_t, int64_t> by_stack;
    for (const auto& [stack, value] : samples) by_stack[Stack(stack)] += value;
    for (const auto& [stack, value] : by_stack) {
      batch_.stacks.push_back(stack);
      batch_.values.push_back(value);
      row.total += value;
    }
    row.sample_end = static_cast<uint32_t>(batch_.stacks.size());
    batch_.rows.push_back(row);
    batch_.profiles.push_back({identity, time_ns, /*duration_ns=*/1'000, /*period=*/10});
    return *this;
  }

  ProfileBatch Build() {
    const Status status = batch_.Validate();
    CHECK(status.ok());
    return std::move(batch_);
  }

 private:
  uint32_t Series(const Labels& labels) {
    auto it = std::find(batch_.series.begin(), batch_.series.end(), labels);
    if (it == batch_.series.end()) it = batch_.series.insert(it, labels);
    return static_cast<uint32_t>(it - batch_.series.begin());
  }
  uint32_t Stack(const std::string& folded) {
    uint32_t node = 0;
    for (size_t at = 0; at < folded.size();) {
      const size_t end = std::min(folded.find(';', at), folded.size());
      const uint32_t location = LocationOf(folded.substr(at, end - at));
      auto [it, is_new] = nodes_.try_emplace({node, location}, 0);
      if (is_new) {
        it->second = static_cast<uint32_t>(batch_.symbols.stacks.size());
        batch_.symbols.stacks.push_back({node, location});
      }
      node = it->second;
      at = end + 1;
    }
    return node;
  }
  uint32_t LocationOf(const std::string& frame) {
    SymbolTable& s = batch_.symbols;
    auto [it, is_new] = locations_.try_emplace(frame, static_cast<uint32_t>(s.locations.size()));
    if (is_new) {
      Location location;
      location.line_begin = static_cast<uint32_t>(s.lines.size());
      // Lines are innermost first: from the last name to the first.
      for (size_t end = frame.size(); end != std::string::npos;) {
        const size_t slash = end == 0 ? std::string::npos : frame.rfind('/', end - 1);
        const size_t begin = slash == std::string::npos ? 0 : slash + 1;
        s.lines.push_back({static_cast<uint32_t>(s.functions.size()), 1});
        s.functions.push_back({s.strings.Add(frame.substr(begin, end - begin)), 0, 0, 0});
        ++location.line_count;
        end = slash;
      }
      s.locations.push_back(location);
    }
    return it->second;
  }

  ProfileBatch batch_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> nodes_;
  std::map<std::string, uint32_t> locations_;
};

}  // namespace brazier::testing
