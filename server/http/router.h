// Router: which handler answers which path. Filled before the server starts, constant afterwards; then Thread-safe.
//
// Exact routes win over prefixes, longer prefixes over shorter ones. A path that exists with another method answers
// 405 with Allow and no body, an unknown one "404 page not found".
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/http_message.h"

namespace brazier::http {

// Runs on an I/O thread and must not block, unless the route is `blocking`.
using Handler = std::function<void(HttpRequest&&, Responder)>;

inline constexpr size_t kQueryBodyBytesMax = 1 << 20;

struct Route {
  std::string method;  // "GET" serves HEAD too
  std::string path;    // exact, or a prefix
  Handler handler;
  bool blocking = false;                      // run on the worker pool
  size_t body_bytes_max = kQueryBodyBytesMax;  // as sent, before decompression
  std::string name;                           // for metrics; the path when empty
};

class Router {
 public:
  void Add(Route route);
  void AddPrefix(Route route);
  // What answers a path that no route has, when the method fits (the pages of the UI).
  void SetFallback(Route route);

  struct Match {
    const Route* route = nullptr;  // null: nothing answers
    size_t index = 0;              // of the route, below size()
    std::string allow;             // methods of this path, when only the method is wrong
  };
  Match Find(std::string_view method, std::string_view path) const;

  size_t size() const { return routes_.size(); }
  const Route& at(size_t index) const { return *routes_[index]; }

 private:
  std::vector<std::unique_ptr<Route>> routes_;
  std::map<std::string, std::vector<size_t>, std::less<>> exact_;
  std::map<std::string, std::vector<size_t>, std::less<>> prefixes_;
  std::vector<size_t> fallback_;  // none or one
};

}  // namespace brazier::http
