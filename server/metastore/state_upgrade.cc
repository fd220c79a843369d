#include "server/metastore/state_upgrade.h"

#include "common/observe/log.h"
#include "store/index/compaction_command.h"

namespace brazier::metastore {
namespace {

constexpr uint32_t kBlocksPerStep = 1000;
constexpr int64_t kStepNs = 60 * kNsPerSecond;

void Step(consensus::Consensus& consensus, const Clock& clock, uint64_t blocks_before) {
  consensus.Propose(
      index::EncodeUpgradeStateCommand(clock.NowNs(), kBlocksPerStep), clock.MonotonicNs() + kStepNs,
      [&consensus, &clock, blocks_before](const Result<std::string>& answer) {
        const auto upgraded = answer.ok() ? index::DecodeUpgradeStateAnswer(*answer) : answer.status();
        if (!upgraded.ok()) {
          Log(LogLevel::kWarn, "the index stays of its old version for now",
              {{"error", upgraded.status().ToString()}});
          return;
        }
        const uint64_t blocks = blocks_before + upgraded->blocks;
        if (!upgraded->done) return Step(consensus, clock, blocks);
        Log(LogLevel::kInfo, "the index is of the new version", {{"blocks", blocks}});
      });
}

}  // namespace

void BeginStateUpgrade(const index::MetadataIndex& index, consensus::Consensus& consensus, const Clock& clock) {
  if (!index.needs_upgrade()) return;
  Log(LogLevel::kInfo, "the index is brought to a new version; it serves meanwhile", {});
  Step(consensus, clock, 0);
}

}  // namespace brazier::metastore
