// What all services share: the request header and the error. See README.md for transport, versions and limits.
//
// Rules for changes: never renumber or retype a field, never make a field required, give every new field a default
// that means "as before". Neighbours one version apart work together.

namespace cpp brazier.idl
namespace py brazier_idl.types
namespace go brazier.idl.types
namespace java brazier.idl
namespace js brazier.idl

// Travels as the first field of every request.
struct RequestHeader {
  // Appears in the server's logs. 1 to 64 of A-Z a-z 0-9 _ . - ; anything else is replaced by one of the server's.
  1: string request_id = "";
  // How long the caller is willing to wait, in ms from the arrival of the request. 0: the server's default (30 s).
  // Values above the server's maximum (120 s) are lowered to it. After it the answer is DEADLINE_EXCEEDED.
  2: i64 deadline_ms = 0;
  // On whose behalf. Ignored when the server runs without multi-tenancy; otherwise required: 1 to 150 bytes of
  // letters, digits and !-_.*'() and neither "." nor "..". Queries may name several tenants, separated by '|'.
  3: string tenant = "";
}

enum ErrorCode {
  UNKNOWN = 0,              // a code that this version does not know
  INVALID_ARGUMENT = 1,     // the request can never succeed as it is
  UNAUTHENTICATED = 2,      // no tenant, or not a valid one
  NOT_FOUND = 3,
  ALREADY_EXISTS = 4,
  FAILED_PRECONDITION = 5,
  RESOURCE_EXHAUSTED = 6,   // a limit or a full queue; retry later
  UNIMPLEMENTED = 7,
  UNAVAILABLE = 8,          // a transient failure of the server; retry
  DEADLINE_EXCEEDED = 9,    // the work may or may not have been done
  CANCELLED = 10,
  CORRUPTION = 11,          // bytes at rest that fail their checks
  INTERNAL = 12,
}

// Thrown by every method. The connection stays usable.
exception BrazierError {
  1: ErrorCode code = ErrorCode.UNKNOWN;
  // For people: names the thing and the limit. At most 4096 bytes.
  2: string message = "";
  // For programs, for example "profile_size_limit"; empty when there is none.
  3: string reason = "";
  // True when the same request may succeed later without being changed.
  4: bool retryable = false;
  // "host:port" of the Thrift door of the process that can do it, where the one that refused knows it: with UNAVAILABLE and
  // reason "not_leader" the leader of the metastore's group. A client may ask there at once. Empty: none is known.
  5: string redirect = "";
}

// How much data there is of one tenant.
struct TenantStats {
  1: bool data_ingested = false;
  2: i64 oldest_ns = 0;  // ns since the epoch; 0 without data
  3: i64 newest_ns = 0;
  4: i64 blocks = 0;
  5: i64 bytes = 0;
}
