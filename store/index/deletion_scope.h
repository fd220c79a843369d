// DeletionScope: what a deletion's filter says of whole datasets. Used within store/index only. Value; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/data_filter.h"
#include "common/model/selector.h"

namespace brazier::index {

class DeletionScope {
 public:
  // kInvalidArgument for a selector that does not parse.
  static Result<DeletionScope> Of(const DataFilter& filter) {
    DeletionScope scope;
    scope.filter_ = filter;
    if (!filter.selector.empty()) {
      ASSIGN_OR_RETURN(scope.selector_, Selector::Parse(filter.selector));
    }
    return scope;
  }

  const DataFilter& filter() const { return filter_; }
  const Selector& selector() const { return selector_; }

  // The dataset may hold something that the filter names, as far as names and times tell.
  bool Meets(std::string_view tenant, std::string_view service, int64_t min_time_ns, int64_t max_time_ns) const {
    return tenant == filter_.tenant && (filter_.service.empty() || service == filter_.service) &&
           min_time_ns <= filter_.end_ns && max_time_ns >= filter_.start_ns;
  }
  // The filter names all of the dataset.
  bool Covers(std::string_view tenant, std::string_view service, int64_t min_time_ns, int64_t max_time_ns) const {
    return selector_.matchers().empty() && Meets(tenant, service, min_time_ns, max_time_ns) &&
           min_time_ns >= filter_.start_ns && max_time_ns <= filter_.end_ns;
  }

 private:
  DataFilter filter_;
  Selector selector_;
};

}  // namespace brazier::index
