#include "tests/sim/life/life_archive.h"

#include "common/base/check.h"

namespace brazier::simulation {

void LifeArchive::Add(ArchivedProfile profile) {
  profile.counts = profile.identity.IsZero() || identities_.emplace(profile.tenant, profile.identity).second;
  profiles_.push_back(std::move(profile));
}

void LifeArchive::Delete(const DataFilter& filter) {
  const auto selector = Selector::Parse(filter.selector.empty() ? "{}" : filter.selector);
  CHECK(selector.ok());
  for (ArchivedProfile& profile : profiles_) {
    if (profile.tenant != filter.tenant) continue;
    if (!filter.service.empty() && profile.service != filter.service) continue;
    if (profile.time_ns < filter.start_ns || profile.time_ns > filter.end_ns) continue;
    if (selector->Matches(profile.labels)) profile.counts = false;
  }
}

template <typename Visit>
void LifeArchive::ForEach(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns,
                          Visit visit) const {
  for (const ArchivedProfile& profile : profiles_) {
    if (!profile.counts || profile.tenant != tenant) continue;
    if (profile.time_ns < start_ns || profile.time_ns > end_ns) continue;
    if (selector.Matches(profile.labels)) visit(profile);
  }
}

LifeArchive::Folded LifeArchive::FlameGraph(const std::string& tenant, const Selector& selector, int64_t start_ns,
                                            int64_t end_ns) const {
  Folded folded;
  ForEach(tenant, selector, start_ns, end_ns, [&](const ArchivedProfile& profile) {
    for (const auto& [stack, value] : profile.samples) folded[stack] += value;
  });
  return folded;
}

LifeArchive::Series LifeArchive::TimeSeries(const std::string& tenant, const Selector& selector, int64_t start_ns,
                                            int64_t end_ns, int64_t step_ns) const {
  Series series;
  // The bucket at g holds (g - step, g], and the first one is that of the start.
  ForEach(tenant, selector, start_ns - step_ns + 1, end_ns, [&](const ArchivedProfile& profile) {
    int64_t bucket = start_ns;
    while (bucket < profile.time_ns) bucket += step_ns;
    if (bucket > end_ns) return;
    auto& [sum, count] = series[profile.labels][bucket];
    for (const auto& [stack, value] : profile.samples) sum += value;
    ++count;
  });
  return series;
}

int64_t LifeArchive::Durations(const std::string& tenant, const Selector& selector, int64_t start_ns, int64_t end_ns,
                               int64_t duration_ns) const {
  int64_t sum = 0;
  ForEach(tenant, selector, start_ns, end_ns, [&](const ArchivedProfile&) { sum += duration_ns; });
  return sum;
}

std::set<Labels> LifeArchive::LabelSets(const std::string& tenant, const Selector& selector, int64_t start_ns,
                                        int64_t end_ns) const {
  std::set<Labels> sets;
  ForEach(tenant, selector, start_ns, end_ns, [&](const ArchivedProfile& profile) { sets.insert(profile.labels); });
  return sets;
}

}  // namespace brazier::simulation
