// ServiceCalls: what every handler does around a call: make the context from the wire's header, time and count the
// call, turn a Status into the exception of the wire. Includes generated code: only for .cc files of this folder.
// Thread-safe.
#pragma once

#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/contract/context.h"
#include "common/observe/metrics.h"
#include "common/rpc/rpc_limits.h"
#include "common/rpc/rpc_metrics.h"
#include "idl/types_types.h"

namespace brazier::rpc {

class ServiceCalls {
 public:
  // Of a call that names none, and of one that asks for more.
  struct Deadlines {
    int64_t default_ms = kDefaultDeadlineMs;
    int64_t max_ms = kDeadlineMsMax;
  };
  ServiceCalls(std::string service, const Clock& clock, Random& random, MetricsRegistry& metrics)
      : ServiceCalls(std::move(service), Deadlines(), clock, random, metrics) {}
  ServiceCalls(std::string service, Deadlines deadlines, const Clock& clock, Random& random,
               MetricsRegistry& metrics)
      : service_(std::move(service)),
        deadlines_(deadlines),
        clock_(clock),
        random_(random),
        metrics_(metrics, service_, CallMetrics::Side::kServer) {}

  // Throws idl::BrazierError when `body` does not return OK.
  void Run(const char* method, const idl::RequestHeader& header,
           const std::function<Status(const contract::RequestContext&)>& body) const;

  const Clock& clock() const { return clock_; }

 private:
  contract::RequestContext MakeContext(const idl::RequestHeader& header) const;

  const std::string service_;
  const Deadlines deadlines_;
  const Clock& clock_;
  Random& random_;
  mutable CallMetrics metrics_;
};

}  // namespace brazier::rpc
