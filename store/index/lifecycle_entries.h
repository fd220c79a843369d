// The values behind jobs.h and deletions.h (docs/format/index.md): msgpack arrays with a version first, decoded as those of
// index_entries.h. What is in the key is not in the value. Used within store/index only. Values; Thread-compatible.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "store/index/deletions.h"
#include "store/index/jobs.h"

namespace brazier::index {

// Of keys that say all by being there.
std::string EncodeMark();

std::string EncodeJob(const Job& job);
Result<Job> DecodeJob(uint64_t id, std::string_view value);

// A block in a job, with what its queue entry said.
struct JobOfBlock {
  uint64_t job = 0;
  QueuedBlock block;
};
std::string EncodeJobOfBlock(const JobOfBlock& place);
Result<JobOfBlock> DecodeJobOfBlock(const Ulid& id, std::string_view value);

std::string EncodeFailure(const FailedBlock& failure);
Result<FailedBlock> DecodeFailure(const Ulid& id, std::string_view value);

std::string EncodeQuarantine(const QuarantinedBlock& block);
Result<QuarantinedBlock> DecodeQuarantine(const Ulid& id, std::string_view value);

std::string EncodeExpiry(uint64_t size);
Result<uint64_t> DecodeExpiry(std::string_view value);

std::string EncodeDeletion(const Deletion& deletion);
Result<Deletion> DecodeDeletion(const Ulid& id, std::string_view value);

// A deletion that concerns a block, and when it was noted.
struct NotedDeletion {
  Ulid deletion;
  uint64_t index = 0;  // of the command in the log
  friend bool operator==(const NotedDeletion&, const NotedDeletion&) = default;
};
std::string EncodeNotedDeletions(const std::vector<NotedDeletion>& noted);
Result<std::vector<NotedDeletion>> DecodeNotedDeletions(std::string_view value);

std::string EncodeSettings(bool is_paused);
Result<bool> DecodeSettings(std::string_view value);

// 8 bytes, big-endian.
std::string EncodeJobNumber(uint64_t job);
Result<uint64_t> DecodeJobNumber(std::string_view value);

}  // namespace brazier::index
