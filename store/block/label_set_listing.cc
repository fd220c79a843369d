#include "store/block/label_set_listing.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace brazier::block {
namespace {

// Of a label set: its array, and two numbers for each label; of a string: its head.
constexpr size_t kSetBytes = 3;
constexpr size_t kLabelBytes = 6;
constexpr size_t kStringBytes = 3;
constexpr size_t kLabelsMax = 512;  // of one set

}  // namespace

void LabelSetListing::List(const DatasetRows& rows, DatasetMeta* meta) {
  std::vector<uint8_t> has_row(rows.series.size());
  for (const DatasetRow& row : rows.rows) has_row[row.series] = 1;
  std::vector<const Labels*> sets;
  std::unordered_set<std::string_view> strings;
  size_t plain_bytes = 0;
  size_t encoded_bytes = 0;
  for (size_t s = 0; s < rows.series.size(); ++s) {
    if (!has_row[s]) continue;
    const Labels& labels = rows.series[s];
    sets.push_back(&labels);
    plain_bytes += labels.Bytes();
    encoded_bytes += kSetBytes + kLabelBytes * labels.size();
    for (const Label& l : labels) {
      if (strings.insert(l.name).second) encoded_bytes += kStringBytes + l.name.size();
      if (strings.insert(l.value).second) encoded_bytes += kStringBytes + l.value.size();
    }
    if (sets.size() > DatasetMeta::kLabelSetsMax || labels.size() > kLabelsMax || encoded_bytes > bytes_left_ ||
        plain_bytes > std::min(DatasetMeta::kLabelSetBytesMax, plain_bytes_left_)) {
      return;
    }
  }
  bytes_left_ -= encoded_bytes;
  plain_bytes_left_ -= plain_bytes;
  std::sort(sets.begin(), sets.end(), [](const Labels* a, const Labels* b) { return *a < *b; });
  // The writer keeps each series once, but what is listed must not depend on it.
  sets.erase(std::unique(sets.begin(), sets.end(), [](const Labels* a, const Labels* b) { return *a == *b; }), sets.end());
  meta->label_sets.reserve(sets.size());
  for (const Labels* labels : sets) meta->label_sets.push_back(*labels);
  meta->lists_label_sets = true;
}

}  // namespace brazier::block
