// AdminService: what an operator asks of one process. Multiplexed under the name "AdminService".

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.admin
namespace go brazier.idl.admin
namespace java brazier.idl
namespace js brazier.idl

struct RoleStatus {
  1: string role = "";      // "distributor", "metastore", ...
  2: bool ready = false;
  3: string message = "";   // why it is not ready
}

struct ProcessStatus {
  1: string version = "";
  2: string member_id = "";
  3: i64 uptime_ms = 0;
  4: list<RoleStatus> roles = [];
}

service AdminService {
  ProcessStatus status(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // The page that Prometheus scrapes.
  string metricsText(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // Returns when every role of the process is ready; throws UNAVAILABLE with the first that is not.
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);
}
