#include "server/http/router.h"

#include <utility>

namespace brazier::http {
namespace {

bool Serves(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

}  // namespace

void Router::Add(Route route) {
  if (route.name.empty()) route.name = route.path;
  exact_[route.path].push_back(routes_.size());
  routes_.push_back(std::make_unique<Route>(std::move(route)));
}

void Router::AddPrefix(Route route) {
  if (route.name.empty()) route.name = route.path;
  prefixes_[route.path].push_back(routes_.size());
  routes_.push_back(std::make_unique<Route>(std::move(route)));
}

void Router::SetFallback(Route route) {
  fallback_.assign(1, routes_.size());
  routes_.push_back(std::make_unique<Route>(std::move(route)));
}

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  Match match;
  const auto consider = [&](const std::vector<size_t>& candidates) {
    for (const size_t index : candidates) {
      const Route& route = *routes_[index];
      if (Serves(route, method)) {
        match.route = &route;
        match.index = index;
        return true;
      }
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += route.method;
    }
    return false;
  };
  if (const auto exact = exact_.find(path); exact != exact_.end()) {
    consider(exact->second);
    return match;
  }
  // Prefixes are few: a walk over all of them finds the longest that fits.
  const std::vector<size_t>* best = nullptr;
  size_t best_size = 0;
  for (const auto& [prefix, candidates] : prefixes_) {
    if (!path.starts_with(prefix) || (best != nullptr && prefix.size() <= best_size)) continue;
    best = &candidates;
    best_size = prefix.size();
  }
  if (best != nullptr) {
    consider(*best);
    return match;
  }
  consider(fallback_);
  match.allow.clear();  // a path that no route has is unknown, whatever the method
  return match;
}

}  // namespace brazier::http
