// Pushes and receipts <-> their wire forms. Includes generated code: only for .cc files of this folder and tests.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/contract/distributor.h"
#include "idl/push_types.h"

namespace brazier::rpc {

// Takes the profiles' bytes out of `request`. The tenant is the authenticated one, not the header's.
contract::PushRequest PushFromWire(idl::PushRequest&& request, std::string tenant);
// Leaves the header to the channel, except for the tenant.
idl::PushRequest PushToWire(contract::PushRequest&& request);

idl::PushReceipt ReceiptToWire(const contract::PushReceipt& receipt);
// kInternal when the peer's receipt makes no sense.
Result<contract::PushReceipt> ReceiptFromWire(const idl::PushReceipt& receipt);

}  // namespace brazier::rpc
