// Normalising: a decoded profile becomes batches, one per service, with complete series labels, merged samples and an
// identity. Pure functions; the hot ones reuse per-thread memory.
//
// Dropped: samples with a negative value, samples that are all zero, zero values of single types, the session id.
// Merged: samples of one series with equal stacks and equal spans.
#pragma once

#include <string>
#include <vector>

#include "common/base/hash.h"
#include "common/base/result.h"
#include "common/codec/ingest_formats.h"
#include "common/model/profile.h"
#include "server/distributor/distributor_options.h"

namespace brazier::distributor {

// What identifies a profile: the client's id when it gave one, else the content; always within the tenant and the
// labels as sent. docs/walkthrough.md says what follows from it.
Hash128 IdentityOf(const std::string& tenant, const codec::IngestedProfile& profile,
                   const std::string& client_id);

// Checks one label set against the limits; reasons are those of the reference system.
Status ValidateLabels(const Labels& labels, const TenantLimits& limits);

// REQUIRES: profile.time_ns is set. An empty result means that no sample was left.
Result<std::vector<ProfileBatch>> Normalise(const std::string& tenant,
                                            codec::IngestedProfile ingested, Hash128 identity,
                                            const TenantLimits& limits);

}  // namespace brazier::distributor
