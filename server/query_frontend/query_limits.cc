#include "server/query_frontend/query_limits.h"

#include <algorithm>

namespace brazier::query_frontend {
namespace {

// 0 is no limit.
template <typename T>
T Tighter(T a, T b) {
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

QueryFrontendOptions WithOwn(QueryFrontendOptions options, const config::TenantSettings* own) {
  if (own == nullptr) return options;
  if (own->max_query_length_ns.has_value()) options.query_length_max_ns = *own->max_query_length_ns;
  if (own->max_query_lookback_ns.has_value()) options.query_lookback_ns = *own->max_query_lookback_ns;
  if (own->max_query_bytes.has_value()) options.query_bytes_max = static_cast<uint64_t>(*own->max_query_bytes);
  if (own->max_query_concurrency.has_value()) options.tenant_concurrency = static_cast<size_t>(*own->max_query_concurrency);
  if (own->query_weight.has_value()) options.tenant_weight = static_cast<uint32_t>(*own->query_weight);
  return options;
}

}  // namespace

QueryFrontendOptions OptionsFor(const std::vector<std::string>& tenants, const QueryFrontendOptions& options,
                                const config::Overrides* overrides) {
  if (overrides == nullptr || tenants.empty()) return options;
  QueryFrontendOptions out = WithOwn(options, overrides->Find(tenants.front()));
  for (const std::string& tenant : tenants) {
    const QueryFrontendOptions own = WithOwn(options, overrides->Find(tenant));
    out.query_length_max_ns = Tighter(out.query_length_max_ns, own.query_length_max_ns);
    out.query_lookback_ns = Tighter(out.query_lookback_ns, own.query_lookback_ns);
    out.query_bytes_max = Tighter(out.query_bytes_max, own.query_bytes_max);
  }
  return out;
}

}  // namespace brazier::query_frontend
