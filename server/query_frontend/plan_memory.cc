#include "server/query_frontend/plan_memory.h"

namespace brazier::query_frontend {
namespace {

// Texts of up to this size have no memory of their own.
constexpr size_t kInPlaceMax = 15;

uint64_t OwnBytes(const std::string& text) { return text.size() > kInPlaceMax ? text.size() + 1 : 0; }

uint64_t DatasetBytes(const DatasetMeta& dataset) {
  uint64_t bytes = sizeof dataset + OwnBytes(dataset.tenant) + OwnBytes(dataset.service) +
                   dataset.sections.size() * sizeof(SectionRef) + dataset.hidden_profiles.size() * sizeof(uint32_t);
  for (const std::string& type : dataset.profile_types) bytes += sizeof type + OwnBytes(type);
  return bytes;
}

}  // namespace

uint64_t PlanMemoryBytes(const PlanNode& node) {
  uint64_t bytes = sizeof node;
  for (const BlockRead& read : node.reads) {
    bytes += sizeof read + OwnBytes(read.object_key);
    for (const TenantSymbols& symbols : read.symbols) bytes += sizeof symbols + OwnBytes(symbols.tenant);
    for (const DatasetMeta& dataset : read.datasets) bytes += DatasetBytes(dataset);
    for (const DataFilter& deletion : read.deletions) {
      bytes += sizeof deletion + OwnBytes(deletion.tenant) + OwnBytes(deletion.service) + OwnBytes(deletion.selector);
    }
  }
  for (const PlanNode& child : node.children) bytes += PlanMemoryBytes(child);
  return bytes;
}

}  // namespace brazier::query_frontend
