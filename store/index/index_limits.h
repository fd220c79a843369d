// The limits of the metadata index, in one place; those of tenants are in common/model/tenant.h. What is over a limit is
// refused with an error that names it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brazier::index {

// Of one block's metadata; checked before it is proposed and again when it is applied.
inline constexpr size_t kServiceBytesMax = 4096;
inline constexpr size_t kProfileTypeBytesMax = 1024;
inline constexpr size_t kDatasetsPerBlockMax = 200'000;
inline constexpr size_t kProfileTypesPerDatasetMax = 1024;
inline constexpr size_t kSectionsPerDatasetMax = 16'384;  // compacted ones have one for every 2 MiB of samples, and for every hour
inline constexpr size_t kLabelTextBytesMax = 64u << 10;   // a name or a value: what the decoder of metadata takes
inline constexpr uint32_t kProfilesPerDatasetMax = 16u << 20;
inline constexpr uint32_t kLevelMax = 64;
inline constexpr uint64_t kObjectBytesMax = uint64_t{1} << 40;
inline constexpr uint64_t kSectionRawBytesMax = uint64_t{1} << 32;

// Of one command. Times up to the year 2116, so that sums of times never overflow.
inline constexpr size_t kBlocksPerCommandMax = 10'000;
inline constexpr int64_t kCommandTimeNsMax = INT64_MAX / 2;
// Of all inputs of one ReplaceBlocks: what is known of them (names and times, some 50 bytes a dataset).
inline constexpr size_t kReplacedEntryBytesMax = 16u << 20;

// Of jobs, and of what is told about blocks.
inline constexpr size_t kJobsPerCommandMax = 64;
inline constexpr size_t kJobInputsMax = 2'000;
inline constexpr size_t kWorkerBytesMax = 256;
inline constexpr size_t kReasonBytesMax = 512;
inline constexpr size_t kSelectorBytesMax = 8'192;
inline constexpr size_t kBlocksPerDeletionMax = 50'000;
inline constexpr size_t kEntriesPerDeletionMax = 1'000'000;  // of datasets that are looked at
inline constexpr size_t kDeletionsPerBlockMax = 100;         // that wait for the block to be rewritten

// Of the memory of identities. One command may ask for no more than this; the default is 64 MiB.
inline constexpr uint64_t kDedupBytesMax = uint64_t{1} << 30;
inline constexpr int64_t kDedupWindowNsMax = int64_t{7} * 24 * 3600 * 1'000'000'000;

// Of one look-up. A dataset of an answer takes about 600 bytes of memory.
inline constexpr size_t kDatasetsPerQueryMax = 500'000;
// Entries visited, matching or not. Time is bounded by the layout (index_keys.h); this bounds profile type filters.
inline constexpr size_t kEntriesPerQueryMax = 8 * kDatasetsPerQueryMax;
// Names, values and series of one answer.
inline constexpr size_t kLabelAnswerBytesMax = 48 << 20;
// Label sets, counted by day, of one service and range that a look-up holds an opinion of; about 40 bytes each.
inline constexpr size_t kLabelSetsPerQueryMax = 1'000'000;

}  // namespace brazier::index
