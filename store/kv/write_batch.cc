#include "store/kv/key_value_store.h"

namespace brazier::kv {

void WriteBatch::Put(Family family, std::string key, std::string value) {
  bytes_ += key.size() + value.size();
  writes_.push_back({Write::Kind::kPut, family, std::move(key), std::move(value)});
}

void WriteBatch::Delete(Family family, std::string key) {
  bytes_ += key.size();
  writes_.push_back({Write::Kind::kDelete, family, std::move(key), {}});
}

void WriteBatch::DeleteRange(Family family, std::string begin, std::string end) {
  bytes_ += begin.size() + end.size();
  writes_.push_back({Write::Kind::kDeleteRange, family, std::move(begin), std::move(end)});
}

void WriteBatch::ClearStaging() {
  writes_.push_back({Write::Kind::kClearStaging, Family::kStaging, {}, {}});
}

void WriteBatch::SwapState() {
  writes_.push_back({Write::Kind::kSwapState, Family::kState, {}, {}});
}

void WriteBatch::Clear() {
  writes_.clear();
  bytes_ = 0;
}

}  // namespace brazier::kv
