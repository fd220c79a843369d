// MergeInputs: the objects of a merge, read section by section. What lies near what is asked for is read with it, since services
// are merged in the order in which they lie in the objects; small objects are read at once. Holds at most `bytes_max` and the piece in
// hand. Thread-compatible.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/block/memory_account.h"
#include "store/object/object_store.h"

namespace brazier::block {

class MergeInputs {
 public:
  // `inputs` must outlive this.
  MergeInputs(object::ObjectStore& store, std::vector<const BlockMeta*> inputs, uint64_t bytes_max, MemoryAccount* memory)
      : store_(store),
        inputs_(std::move(inputs)),
        bytes_max_(bytes_max),
        window_bytes_(std::max(bytes_max / inputs_.size(), std::min(bytes_max / 2, kWindowBytesMin))),
        memory_(*memory),
        windows_(inputs_.size()) {}

  size_t size() const { return inputs_.size(); }
  const BlockMeta& meta(size_t input) const { return *inputs_[input]; }
  uint64_t bytes_read() const { return bytes_read_; }

  // The parts of a section. Bad and missing objects are blamed.
  Result<std::vector<std::string>> Section(size_t input, const SectionRef& section);

  // Remembers the input when the status says that its object is bad or missing. Returns the status, with the object's name.
  Status Blame(size_t input, Status status);
  const BlockMeta* blamed() const { return blamed_; }

 private:
  // A request costs as much as that many bytes: when there is no room for so much of each input, fewer are held.
  static constexpr uint64_t kWindowBytesMin = 64 << 10;
  struct Window {
    uint64_t offset = 0;
    std::string bytes;
  };

  object::ObjectStore& store_;
  const std::vector<const BlockMeta*> inputs_;
  const uint64_t bytes_max_;
  const uint64_t window_bytes_;
  MemoryAccount& memory_;
  std::vector<Window> windows_;
  uint64_t held_ = 0;
  uint64_t bytes_read_ = 0;
  const BlockMeta* blamed_ = nullptr;
};

}  // namespace brazier::block
