#include "common/rpc/service_calls.h"

#include <algorithm>

#include "common/observe/log.h"
#include "common/observe/request_id.h"
#include "common/rpc/convert_status.h"

namespace brazier::rpc {

contract::RequestContext ServiceCalls::MakeContext(const idl::RequestHeader& header) const {
  contract::RequestContext context;
  context.request_id = RequestIdOrNew(header.request_id, random_);
  const int64_t wanted_ms = header.deadline_ms > 0 ? header.deadline_ms : deadlines_.default_ms;
  context.deadline_ns =
      clock_.MonotonicNs() + std::min(wanted_ms, deadlines_.max_ms) * kNsPerMs;
  return context;
}

void ServiceCalls::Run(const char* method, const idl::RequestHeader& header,
                       const std::function<Status(const contract::RequestContext&)>& body) const {
  const int64_t start_ns = clock_.MonotonicNs();
  const contract::RequestContext context = MakeContext(header);
  Status status;
  try {
    status = body(context);
  } catch (const std::exception& error) {
    status = Internal(std::string("unexpected exception: ") + error.what());
  }
  const double seconds = static_cast<double>(clock_.MonotonicNs() - start_ns) / kNsPerSecond;
  metrics_.Count(method, status.code(), seconds);
  if (status.ok()) return;
  Log(status.code() == Code::kInternal || status.code() == Code::kCorruption ? LogLevel::kError
                                                                             : LogLevel::kDebug,
      "thrift call failed",
      {{"service", service_},
       {"method", method},
       {"request_id", context.request_id},
       {"error", CutMessage(status.ToString())}});
  throw ToWire(status);
}

}  // namespace brazier::rpc
