#include "common/model/profile.h"

namespace brazier {

Status ProfileBatch::Validate() const {
  RETURN_IF_ERROR(symbols.Validate());
  const size_t sample_count = stacks.size();
  if (values.size() != sample_count || (!span_ids.empty() && span_ids.size() != sample_count) ||
      (!trace_ids.empty() && trace_ids.size() != sample_count)) {
    return InvalidArgument("batch: sample columns have different lengths");
  }
  for (uint32_t stack : stacks) {
    if (stack >= symbols.stacks.size()) {
      return InvalidArgument("batch: a sample refers to a stack that does not exist");
    }
  }
  for (const Row& row : rows) {
    if (row.series >= series.size()) {
      return InvalidArgument("batch: a row refers to a series that does not exist");
    }
    if (row.profile >= profiles.size()) {
      return InvalidArgument("batch: a row refers to a profile that does not exist");
    }
    if (row.sample_begin > row.sample_end || row.sample_end > sample_count) {
      return InvalidArgument("batch: a row refers to samples that do not exist");
    }
  }
  return Status::Ok();
}

size_t ProfileBatch::MemoryBytes() const {
  size_t n = sizeof(*this) + tenant.size() + service.size() + symbols.MemoryBytes() +
             profiles.capacity() * sizeof(Profile) + rows.capacity() * sizeof(Row) +
             stacks.capacity() * sizeof(uint32_t) + values.capacity() * sizeof(int64_t) +
             span_ids.capacity() * sizeof(uint64_t) + trace_ids.capacity() * sizeof(Hash128);
  for (const Labels& labels : series) n += labels.Bytes() + labels.size() * sizeof(Label);
  return n;
}

}  // namespace brazier
