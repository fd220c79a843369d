#include "tests/sim/reference_index.h"

#include <algorithm>

#include "common/base/check.h"
#include "store/index/index_command.h"
#include "store/index/index_reader.h"

namespace brazier::simulation {

void DedupModel::ForgetOldest() {
  for (const Hash128& identity : window_.front().identities) {
    const auto it = remembered_.find(identity);
    if (--it->second == 0) remembered_.erase(it);
  }
  size_ -= window_.front().identities.size();
  window_.pop_front();
}

std::vector<index::AddedBlock> DedupModel::Add(const index::AddBlocksCommand& command) {
  int64_t time_ns = command.time_ns;
  if (!window_.empty()) time_ns = std::max(time_ns, window_.back().time_ns + 1);
  while (!window_.empty() && time_ns - window_.front().time_ns > command.dedup.window_ns) {
    ForgetOldest();
  }
  std::vector<index::AddedBlock> added;
  for (const BlockMeta& block : command.blocks) {
    const auto [it, is_new] = blocks_.try_emplace(block.id);
    if (is_new) {
      Entry entry{time_ns, {}};
      for (const DatasetMeta& dataset : block.datasets) {
        std::vector<uint32_t>& hidden = it->second.emplace_back();
        for (uint32_t i = 0; i < dataset.identities.size(); ++i) {
          const Hash128& identity = dataset.identities[i];
          if (identity.IsZero()) continue;
          if (++remembered_[identity] > 1) hidden.push_back(i);
          entry.identities.push_back(identity);
        }
      }
      size_ += entry.identities.size();
      if (!entry.identities.empty()) window_.push_back(std::move(entry));
    }
    ++time_ns;
    added.push_back({!is_new, it->second});
  }
  while (window_.size() > 1 && size_ * sizeof(Hash128) > command.dedup.bytes_max) ForgetOldest();
  return added;
}

ReferenceIndex::ReferenceIndex() : store_(kv::MakeMemoryKeyValueStore()) {
  auto opened = index::MetadataIndex::Open(*store_, 0);
  CHECK(opened.ok());
  index_ = std::move(opened).value();
}

std::string ReferenceIndex::Apply(uint64_t index, std::string_view command,
                                  std::string* disagreement) {
  kv::WriteBatch batch;
  std::string answer = index_->Apply(index, command, batch);
  CHECK(store_->Write(batch, true).ok());
  index_->Applied(index);
  const auto decoded = index::DecodeAddBlocksCommand(command);
  const auto added = index::DecodeAddBlocksAnswer(answer);
  if (!decoded.ok() || !added.ok()) {
    *disagreement = "the command at " + std::to_string(index) + " was refused: " +
                    (decoded.ok() ? added.status() : decoded.status()).ToString();
  } else if (*added != model_.Add(*decoded)) {
    *disagreement = "index and model answer the command at " + std::to_string(index) +
                    " with different hidden profiles";
  }
  return answer;
}

std::string DumpOf(const kv::Reader& reader) {
  std::string dump;
  CHECK(index::DumpState(reader, [&](std::string_view piece) { dump += piece; }).ok());
  return dump;
}

std::string ReferenceIndex::Dump() const { return DumpOf(*store_); }

}  // namespace brazier::simulation
