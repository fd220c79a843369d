// LifeArchive: all that was ever written, as profiles and as segments that nobody compacts: what answers must be. Deletions are
// applied to the profiles by the archive itself, with nothing of the code under test. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/hash.h"
#include "common/model/data_filter.h"
#include "common/model/labels.h"
#include "common/model/selector.h"

namespace brazier::simulation {

struct ArchivedProfile {
  std::string tenant;
  std::string service;
  Labels labels;  // of its one series
  Hash128 identity;
  int64_t time_ns = 0;
  std::vector<std::pair<std::string, int64_t>> samples;  // folded
  bool counts = true;  // neither a repeat nor deleted
};

class LifeArchive {
 public:
  using Folded = std::map<std::string, int64_t>;
  // Series (all labels) -> time -> sum of the totals, number of profiles.
  using Series = std::map<Labels, std::map<int64_t, std::pair<int64_t, uint64_t>>>;

  // Decides whether it counts: the first of its identity does.
  void Add(ArchivedProfile profile);
  void Delete(const DataFilter& filter);

  // Over profiles of the tenant in [start, end] whose labels match.
  Folded FlameGraph(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns) const;
  // Right-edge buckets, as queries have them.
  Series TimeSeries(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns,
                    int64_t step_ns) const;
  // Sum of durations of the profiles, each `duration_ns`.
  int64_t Durations(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns,
                    int64_t duration_ns) const;
  // Label sets of series with a profile in the range.
  std::set<Labels> LabelSets(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns) const;

  const std::vector<ArchivedProfile>& profiles() const { return profiles_; }

 private:
  template <typename Visit>
  void ForEach(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns, Visit visit) const;

  std::vector<ArchivedProfile> profiles_;
  std::set<std::pair<std::string, Hash128>> identities_;
};

}  // namespace brazier::simulation
