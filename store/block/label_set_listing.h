// LabelSetListing: which datasets of a block list their label sets in its metadata, so that label queries are answered
// from the index. The metadata travels in one command of the consensus log and is kept by the index, so what it lists is
// bounded per dataset and per block (block_meta.h, and below); a dataset that does not fit lists nothing. Pure; Thread-compatible.
#pragma once

#include "common/model/block_meta.h"
#include "store/block/section_rows.h"

namespace brazier::block {

class LabelSetListing {
 public:
  // Of one block: about what the lists add to its metadata.
  static constexpr size_t kEncodedBytesMax = 256 << 10;

  explicit LabelSetListing(size_t encoded_bytes_max = kEncodedBytesMax) : bytes_left_(encoded_bytes_max) {}

  // Fills lists_label_sets and label_sets of the next dataset: the sets of its series that have a row.
  void List(const DatasetRows& rows, DatasetMeta* meta);

 private:
  size_t bytes_left_;
  size_t plain_bytes_left_ = BlockMeta::kLabelSetBytesMax;
};

}  // namespace brazier::block
