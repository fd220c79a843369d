// The receipt of a push in HTTP terms: headers for what was stored, one Status for what was refused. Pure functions.
#pragma once

#include "common/base/status.h"
#include "common/contract/distributor.h"
#include "server/http/http_message.h"

namespace brazier::http {

inline constexpr size_t kReceiptSegmentsMax = 64;    // named in X-Brazier-Segments
inline constexpr size_t kReceiptRejectionsMax = 20;  // spelled out in the message

// X-Brazier-Accepted, -Duplicates, -Rejected, -Segments.
void AddReceiptHeaders(const contract::PushReceipt& receipt, Headers* headers);

// OK when nothing was refused. Else the code and reason of the first rejection, and a message that says how many
// profiles were accepted and lists index and reason of the others. A request of one profile gets its message as it is.
Status ReceiptStatus(const contract::PushReceipt& receipt);

}  // namespace brazier::http
