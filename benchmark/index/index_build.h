// BuildIndex: an index of many blocks in a folder, made by the commands themselves. OpenedIndex: such a folder opened as the
// metastore role opens it.
#pragma once

#include <memory>
#include <string>

#include "benchmark/index/block_fleet.h"
#include "common/base/clock.h"
#include "common/observe/metrics.h"
#include "server/metastore/index_state_machine.h"
#include "store/consensus/raft_consensus.h"
#include "store/index/metadata_index.h"
#include "store/kv/key_value_store.h"

namespace brazier::benchmark {

struct BuildFigures {
  double seconds = 0;            // of the bulk: Apply and the writes
  double apply_cpu_seconds = 0;  // of Apply
  double write_cpu_seconds = 0;  // of this thread in writes
  double decode_cpu_seconds = 0; // of decoding the same commands: what Apply begins with
  double encode_seconds = 0;     // of making the commands
  uint64_t blocks = 0;
  uint64_t commands = 0;
  uint64_t command_bytes = 0;
  uint64_t written_bytes = 0;    // keys and values, uncompressed
};

// Of the blocks, all but the last go through MetadataIndex::Apply into the store, kBlocksPerCommand in a command and a batch,
// without the replicated log (a member that replays it does the same in larger batches). Then come as many identities as the
// dedup window holds, and the last min(blocks / 10, 10,500) blocks go through consensus, a command each, so that
// the log is as long as it gets before it is truncated.
inline constexpr size_t kBlocksPerCommand = 50;
BuildFigures BuildIndex(const BlockFleet& fleet, const std::string& folder, uint64_t blocks);

// One block as a command, as the metastore makes it.
std::string CommandOf(const BlockFleet& fleet, uint64_t block, int64_t time_ns);

// Opened in this order, destroyed in reverse.
struct OpenedIndex {
  double store_seconds = 0;
  double index_seconds = 0;
  double consensus_seconds = 0;  // with the log, until it can commit
  MetricsRegistry registry;
  std::unique_ptr<kv::KeyValueStore> store;
  std::unique_ptr<index::MetadataIndex> index;
  std::unique_ptr<metastore::IndexStateMachine> machine;
  std::unique_ptr<consensus::RaftConsensus> consensus;
};
std::unique_ptr<OpenedIndex> OpenIndex(const std::string& folder,
                                       consensus::RaftConsensus::Options options = {});

}  // namespace brazier::benchmark
