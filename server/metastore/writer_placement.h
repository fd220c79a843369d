// What distributors choose for a service, from the list of members that they have too. Pure.
#pragma once

#include <string_view>

#include "common/contract/metastore.h"

namespace brazier::metastore {

// A distributor has one shard per writer of the ring. Costs a sort of Ring::kTokensPerWriter points per writer.
contract::PlacementResponse PlaceService(const MemberList& members, std::string_view tenant, std::string_view service);

}  // namespace brazier::metastore
