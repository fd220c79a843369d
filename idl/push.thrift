// PushService: programs hand over profiles. Multiplexed under the name "PushService".

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.push
namespace go brazier.idl.push
namespace java brazier.idl
namespace js brazier.idl

// One profile as the program produced it.
struct RawProfile {
  // The series: label name -> value. Should carry "service_name"; "__name__" names the kind of profile
  // ("process_cpu", "memory", ...). Empty when `name` is set.
  1: map<string, string> labels = {};
  // Format of `data`: "pprof" (gzip'd or not), "folded", "lines"; common/codec/ingest_formats.cc has the whole table.
  // A profile in an unknown format is rejected with the reason "unknown_format".
  2: string format = "pprof";
  3: binary data = "";
  // The client's own id of this profile, any bytes up to 64. A profile sent again with the same id counts once.
  // Empty: the id is a hash of what was sent, so that an identical retry counts once as well.
  4: binary client_id = "";
  // Hints for formats that do not say themselves. ns since the epoch; 0: not given.
  5: i64 from_ns = 0;
  6: i64 until_ns = 0;
  // Samples per second, for formats that count samples. 0: not given (100 is assumed).
  7: i32 sample_rate_hz = 0;
  // The application name in the notation "app.cpu{tag=value}"; replaces `labels`. Empty: `labels` is complete.
  8: string name = "";
  // The profiler's name, for example "gospy".
  9: string spy_name = "";
  // Media type of `data`, where the format needs it.
  10: string content_type = "";
  // JSON that says how to treat the sample types of a pprof.
  11: string sample_type_config = "";
}

struct PushRequest {
  1: types.RequestHeader header = {};
  2: list<RawProfile> profiles = [];
}

// A profile that was refused; the others of the request were not affected.
struct Rejection {
  1: i32 index = 0;  // into PushRequest.profiles
  2: types.ErrorCode code = types.ErrorCode.UNKNOWN;
  3: string reason = "";   // for programs, for example "label_value_too_long"
  4: string message = "";  // for people, at most 4096 bytes
  5: bool retryable = false;
}

// The answer to every push. accepted + size of rejections = number of profiles sent.
struct PushReceipt {
  1: i32 accepted = 0;
  // Of the accepted: already known by their identity, counted once.
  2: i32 duplicates = 0;
  3: list<Rejection> rejections = [];
  // Where the accepted profiles are: ids (26 characters) of the segments, sorted.
  4: list<string> segment_ids = [];
}

service PushService {
  // Returns when every accepted profile is durable and visible to queries. Retrying is safe, always.
  PushReceipt push(1: PushRequest request) throws (1: types.BrazierError error);
  // Returns when a push made now would be expected to succeed, and throws what hinders it otherwise.
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);
}
