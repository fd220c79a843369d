// VerifyIndex: compares an index with its bucket, by one walk over both in the order of ids. Reads footers, changes nothing.
#pragma once

#include "server/metastore/rebuild/index_rebuild.h"
#include "server/metastore/rebuild/index_source.h"

namespace brazier::metastore {

struct VerifyReport {
  uint64_t objects = 0;   // under names of ours
  uint64_t entries = 0;   // blocks of the index
  uint64_t matching = 0;  // of both
  uint64_t recent = 0;    // objects and entries that are too new to be compared
  Findings orphans;       // good objects that the index does not know
  Findings missing;       // blocks of the index without an object
  Findings mismatches;    // blocks whose object says something else, or is damaged
  Findings foreign;       // what is no object, and damaged objects that the index does not know

  bool AllWell() const {
    return orphans.count() + missing.count() + mismatches.count() + foreign.count() == 0;
  }
};

struct VerifyOptions {
  size_t readers = 8;
  // Blocks made at this time (ms since the epoch, by their ids) or later are passed over: while a server runs, their objects may be
  // there and they not registered yet, or be put after the bucket was listed.
  int64_t made_before_ms = INT64_MAX;
};

// Objects that are put, registered or deleted meanwhile may be reported, but for `made_before_ms`. An error means that the walk
// was not finished.
Status VerifyIndex(object::ObjectStore& store, IndexSource& index, const VerifyOptions& options,
                   const OnProgress& on_progress, VerifyReport* report);

// How a block of the index differs from its object's footer (hidden profiles and identities apart); empty: not at all.
std::string DescribeDifference(const BlockMeta& entry, const BlockMeta& footer);

}  // namespace brazier::metastore
