// PipelineLimits: every bound of a pipeline in one place, for both of its ends. Plain value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brazier::pipeline {

struct PipelineLimits {
  // One message. The sender checks it and says so; the receiver's socket enforces it by hanging up.
  size_t message_bytes_max = 64u << 20;
  // Of one client: requests that wait or are under way, in bytes. Over it: kResourceExhausted at
  // once.
  size_t client_bytes_max = 64u << 20;
  // What a server lets one client have under way; further requests wait in the client.
  size_t credit_bytes = 4u << 20;
  // Of one client, until the server has granted its credit.
  size_t initial_credit_bytes = 1u << 20;
  // Requests under way per connection, whatever their size.
  size_t outstanding_max = 4096;
  // Of one server: requests received and not yet answered, in bytes. Over it: busy.
  size_t server_bytes_max = 256u << 20;

  // Messages that a socket queues per connection: above outstanding_max, so that credit is what
  // holds senders back.
  int high_water_mark = 8192;

  int64_t connect_timeout_ms = 1000;  // a peer that is away for longer fails its requests
  int heartbeat_interval_ms = 300;
  int heartbeat_timeout_ms = 1000;           // silence after which a connection counts as lost
  int linger_ms = 1000;                      // for unsent answers when a socket closes
  int64_t deadline_ms_max = 10 * 60 * 1000;  // of a request, as the server believes it
};

}  // namespace brazier::pipeline
