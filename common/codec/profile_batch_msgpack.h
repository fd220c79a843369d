// ProfileBatch on the append pipeline: a msgpack header and raw columns beside it. docs/format/zeromq-append.md.
// Decoding is for hostile input: the result has passed ProfileBatch::Validate().
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/profile.h"

namespace brazier::codec {

std::string EncodeProfileBatch(const ProfileBatch& batch);
Result<ProfileBatch> DecodeProfileBatch(Bytes data);

}  // namespace brazier::codec
