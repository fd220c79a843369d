// Limits of the Thrift wire. What happens at each is said beside it. Values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brazier::rpc {

struct FrameLimits {
  // One message. A larger one that comes in closes the connection; a larger one of ours is refused before it is sent.
  uint32_t frame_bytes_max = 64u << 20;
  // Entries of all lists and maps of one message together. Beyond it the connection is closed.
  uint32_t elements_max = 1u << 18;
};

// What an announced container element is taken to need in memory until it has been read; at least the size of the
// largest generated struct that travels in lists.
inline constexpr uint64_t kElementBytes = 512;
// Read and write buffers above this are given back after each message.
inline constexpr uint32_t kKeptBufferBytes = 256u << 10;
// A peer that is slower than this over a whole frame is cut off.
inline constexpr int64_t kFrameBytesPerSecondMin = 1 << 20;

inline constexpr size_t kErrorMessageBytesMax = 4096;
// "host:port" of a redirect: the longest host name and a port. A longer one is left out.
inline constexpr size_t kAddressBytesMax = 253 + 6;
// Of calls that name no deadline, and of those that ask for more; queries have QueryHandlerOptions::timeout_ms for both.
inline constexpr int64_t kDefaultDeadlineMs = 30'000;
inline constexpr int64_t kDeadlineMsMax = 120'000;

}  // namespace brazier::rpc
