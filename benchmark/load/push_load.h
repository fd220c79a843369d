// Making profiles ready to send, and sending them: as fast as possible or at a rate, over several connections.
// Free functions; each returns when all is done. Memory: the bodies, about 30 KB per profile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/load/profile_generator.h"

namespace brazier::benchmark {

// Bodies of POST /push.v1.PusherService/Push in protobuf form, one profile each, and what they hold.
struct PushBodies {
  std::vector<std::string> bodies;
  uint64_t gzipped_bytes = 0;  // of the profiles alone
  uint64_t raw_bytes = 0;
};

// `count` different profiles, round robin over the generator's services and kinds, timed at begin_ns + i * step_ns.
// `per_body` of them share a request. Uses every core.
PushBodies MakePushBodies(const ProfileGenerator& generator, size_t count, int64_t begin_ns, int64_t step_ns,
                          size_t per_body = 1);

// Some gzip'd profiles of the same kind, for the floor.
std::vector<std::string> MakeGzippedProfiles(const ProfileGenerator& generator, size_t count);

struct PushOutcome {
  double seconds = 0;
  uint64_t failures = 0;                   // answers other than 200
  std::string first_failure;               // status and text of one of them
  std::vector<double> latencies_ms;        // of the successes, sorted
  double Percentile(double fraction) const;  // of latencies_ms; infinite when there are none
};

// Sends every body once over `connections` connections. `per_second` 0: as fast as they are answered; else each body has its
// due time, and a latency counts from the moment of sending.
PushOutcome PushAll(uint16_t port, const std::vector<std::string>& bodies, unsigned connections, double per_second);

}  // namespace brazier::benchmark
