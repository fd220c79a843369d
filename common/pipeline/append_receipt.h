// AppendReceipt <-> msgpack: the payload of the answer to an append. docs/format/zeromq-append.md.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/contract/segment_writer.h"

namespace brazier::pipeline {

std::string EncodeAppendReceipt(const contract::AppendReceipt& receipt);
Result<contract::AppendReceipt> DecodeAppendReceipt(Bytes bytes);

}  // namespace brazier::pipeline
