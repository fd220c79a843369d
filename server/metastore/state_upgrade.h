// Brings an index whose state is of version 1 to version 2 (store/index/state_version.h), by commands through consensus, one
// after the other: a thousand blocks each, so that none holds up the others for long. Only groups of one have written such
// states, so that every member knows the command. Begins at once, ends by itself; a failure is logged, and the next start goes
// on where it stopped. Borrows everything until consensus has stopped. Thread-safe.
#pragma once

#include "common/base/clock.h"
#include "store/consensus/consensus.h"
#include "store/index/metadata_index.h"

namespace brazier::metastore {

// Does nothing for a state that needs no upgrade.
void BeginStateUpgrade(const index::MetadataIndex& index, consensus::Consensus& consensus, const Clock& clock);

}  // namespace brazier::metastore
