// The commands by which compaction, retention and upgrades change the index, and their answers, as the bytes that go through
// the consensus log (docs/format/index.md). Decoding is for hostile input: what decodes is within the limits of
// index_limits.h. A kind may be proposed only when every member of the group knows it. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"

namespace brazier::index {

enum class CommandKind : uint64_t {
  kAddBlocks = 1,
  kReplaceBlocks = 2,
  kPurgeTombstones = 3,
  kUpgradeState = 4,
  // job_command.h
  kLeaseJobs = 5,
  kFinishJob = 6,
  kReturnJob = 7,
  kForgetFailures = 8,
  kQuarantineBlocks = 9,
  kReleaseBlocks = 10,
  kCondemnObjects = 11,
  kDeleteData = 12,
  kForgetDeletions = 13,
  kSetCompaction = 14,
};
// Of any command; kAddBlocks when it cannot be told, so that AddBlocks' decoder says what is wrong.
CommandKind ReadCommandKind(std::string_view command);

// Takes `inputs` out of the index and puts `outputs` in, at once. Without outputs it is a removal.
struct ReplaceBlocksCommand {
  int64_t time_ns = 0;             // of the proposer's clock: the time of removal
  std::vector<BlockMeta> outputs;  // valid (ValidateBlock), without identities, no two with one id
  std::vector<Ulid> inputs;        // at least one, no two alike, none of them an output
};
// Takes the outputs as codec::EncodeBlockMeta wrote them.
std::string EncodeReplaceBlocksCommand(int64_t time_ns, std::span<const std::string> encoded_outputs,
                                       std::span<const Ulid> inputs);
Result<ReplaceBlocksCommand> DecodeReplaceBlocksCommand(std::string_view command);

// The objects of these blocks are deleted: forgets their tombstones.
struct PurgeTombstonesCommand {
  int64_t time_ns = 0;
  std::vector<Ulid> blocks;
};
std::string EncodePurgeTombstonesCommand(int64_t time_ns, std::span<const Ulid> blocks);
Result<PurgeTombstonesCommand> DecodePurgeTombstonesCommand(std::string_view command);

// Takes the upgrade of a state of an earlier version some blocks further (state_version.h).
struct UpgradeStateCommand {
  int64_t time_ns = 0;
  uint64_t blocks_max = 0;  // at least 1
};
std::string EncodeUpgradeStateCommand(int64_t time_ns, uint64_t blocks_max);
Result<UpgradeStateCommand> DecodeUpgradeStateCommand(std::string_view command);

// Answers. An error is kInvalidArgument, kUnimplemented, kInternal as of every command; and of ReplaceBlocks
// kNotFound naming an input that is not in the index, kFailedPrecondition naming an output that was removed before.
struct Replaced {
  bool already_done = false;  // before: nothing changed
  friend bool operator==(const Replaced&, const Replaced&) = default;
};
struct Purged {
  uint64_t tombstones = 0;  // that there were
  friend bool operator==(const Purged&, const Purged&) = default;
};
struct Upgraded {
  uint64_t blocks = 0;  // by this command
  bool done = false;    // the state is of this program's version
  friend bool operator==(const Upgraded&, const Upgraded&) = default;
};
std::string EncodeReplaceBlocksAnswer(const Result<Replaced>& answer);
Result<Replaced> DecodeReplaceBlocksAnswer(std::string_view answer);
std::string EncodePurgeTombstonesAnswer(const Result<Purged>& answer);
Result<Purged> DecodePurgeTombstonesAnswer(std::string_view answer);
std::string EncodeUpgradeStateAnswer(const Result<Upgraded>& answer);
Result<Upgraded> DecodeUpgradeStateAnswer(std::string_view answer);

}  // namespace brazier::index
