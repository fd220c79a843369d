// Brings an index whose state is of an earlier version to this program's (store/index/state_version.h), by commands through
// consensus, one after the other: a thousand blocks each, so that none holds up the others for long. Begins at once, ends by itself; a
// failure is logged, and the next call goes on where it stopped. Only the leader gets anywhere: it is called again whenever a member
// begins to lead. Every member must know the new version by then (docs/format/index.md).
// Borrows everything until consensus has stopped. Thread-safe.
#pragma once

#include "common/base/clock.h"
#include "store/consensus/consensus.h"
#include "store/index/metadata_index.h"

namespace brazier::metastore {

// Does nothing for a state that needs no upgrade. Several at a time do no harm.
void BeginStateUpgrade(const index::MetadataIndex& index, consensus::Consensus& consensus, const Clock& clock);

}  // namespace brazier::metastore
