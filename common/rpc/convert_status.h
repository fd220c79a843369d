// Status <-> the BrazierError of the wire: the only place that knows both sets of codes.
// Includes generated code: only for .cc files of this folder and tests.
#pragma once

#include "common/base/status.h"
#include "idl/types_types.h"

namespace brazier::rpc {

idl::ErrorCode ToWire(Code code);
Code FromWire(idl::ErrorCode code);

// REQUIRES: !status.ok(). Messages are cut at kErrorMessageBytesMax.
idl::BrazierError ToWire(const Status& status);
// Never OK, whatever the peer sent. The redirect is kept as it came, unless it is over kAddressBytesMax.
Status FromWire(const idl::BrazierError& error);

// The text, cut at kErrorMessageBytesMax.
std::string CutMessage(const std::string& message);

}  // namespace brazier::rpc
