// BlockMeta <-> msgpack: the footer of every object, the metastore's commands and index entries, and plans on the wire.
// docs/format/object.md describes the bytes. Decoding is for hostile input.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/block_meta.h"

namespace brazier::codec {

// Limits of one block's metadata: larger ones are refused.
inline constexpr size_t kDatasetsPerBlockMax = 200'000;
inline constexpr size_t kLabelsPerSetMax = 1'024;

std::string EncodeBlockMeta(const BlockMeta& meta);
Result<BlockMeta> DecodeBlockMeta(Bytes data);
std::string EncodeDatasetMeta(const DatasetMeta& meta);
Result<DatasetMeta> DecodeDatasetMeta(Bytes data);

}  // namespace brazier::codec
