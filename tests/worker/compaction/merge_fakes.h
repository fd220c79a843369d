// A metastore that knows blocks by id, and a merge that reads nothing: it makes one output, or fails as the test says. For tests.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "store/block/block_merge.h"
#include "tests/support/fake_metastore.h"
#include "worker/compaction/job_runner.h"

namespace brazier::compaction {

inline Ulid IdOf(uint64_t n) { return Ulid{{.high = n << 16, .low = n}}; }

class BlocksMetastore final : public contract::Metastore {
 public:
  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    done(Unavailable("fake"));
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&, const contract::FindBlocksRequest&) override {
    return Unavailable("fake");
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&, const std::string&) override {
    return Unavailable("fake");
  }
  Result<contract::GetBlocksResponse> GetBlocks(const contract::RequestContext& context, const std::vector<Ulid>& ids) override {
    std::lock_guard lock(mu);
    ++questions;
    has_deadlines = has_deadlines && context.deadline_ns > 0;
    ids_most = std::max(ids_most, ids.size());
    if (failures > 0) {
      --failures;
      return failure;
    }
    contract::GetBlocksResponse answer;
    for (const Ulid& id : ids) {
      if (const auto it = blocks.find(id); it != blocks.end()) {
        answer.blocks.push_back(it->second);
      } else {
        answer.unknown.push_back(id);
      }
    }
    return answer;
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return Status::Ok(); }
  Result<MemberList> Members(const contract::RequestContext&) override { return MemberList(); }
  Status Ready() override { return Status::Ok(); }

  void Add(uint64_t n) {
    BlockMeta block;
    block.id = IdOf(n);
    block.size = 100;
    blocks[block.id] = block;
  }

  std::mutex mu;
  std::map<Ulid, BlockMeta> blocks;
  int failures = 0;  // answers to come that are this
  Status failure = Unavailable("no leader");
  int questions = 0;
  size_t ids_most = 0;
  bool has_deadlines = true;
};

// What merges saw and shall do.
struct FakeMerge {
  std::mutex mu;
  std::vector<std::vector<Ulid>> calls;
  std::vector<block::MergeOptions> options;
  std::map<Ulid, Status> bad;       // inputs that cannot be read
  std::map<Ulid, int> bad_once;     // so often, and then they can
  std::vector<Status> failures;     // of the next merges
  size_t inputs_max = SIZE_MAX;     // more are over the metadata limit
  bool wait_for_stop = false;       // GoOn() until it says no

  MergeFunction Function() {
    return [this](const block::MergeOptions& o, object::ObjectStore&, const std::vector<BlockMeta>& inputs,
                  block::MergeHost& host, Ulid* bad_id) { return Merge(o, inputs, host, bad_id); };
  }
  Result<block::MergeFigures> Merge(const block::MergeOptions& o, const std::vector<BlockMeta>& inputs, block::MergeHost& host,
                                    Ulid* bad_id) {
    uint64_t bytes = 0;
    block::BuiltBlock output;
    {
      std::lock_guard lock(mu);
      options.push_back(o);
      calls.emplace_back();
      for (const BlockMeta& input : inputs) {
        calls.back().push_back(input.id);
        bytes += input.size;
      }
      if (!failures.empty()) {
        const Status status = failures.front();
        failures.erase(failures.begin());
        return status;
      }
      if (inputs.size() > inputs_max) return ResourceExhausted("too much metadata").WithReason("metadata_limit");
      for (const BlockMeta& input : inputs) {
        const auto it = bad.find(input.id);
        const auto once = bad_once.find(input.id);
        if (it == bad.end() && (once == bad_once.end() || once->second-- <= 0)) continue;
        *bad_id = input.id;
        return it == bad.end() ? Corruption("a flipped bit") : it->second;
      }
    }
    while (wait_for_stop) {
      if (!host.GoOn(bytes / 2)) return Status(Code::kCancelled, "nobody wants it");
    }
    if (!host.GoOn(bytes)) return Status(Code::kCancelled, "nobody wants it");
    output.meta.id = IdOf(1'000'000 + inputs.front().id.bits.low);
    output.meta.level = o.level;
    output.meta.shard = o.shard;
    output.meta.datasets.push_back({.tenant = "t", .service = "s"});
    output.object = "merged " + std::to_string(inputs.size());
    output.meta.size = output.object.size();
    RETURN_IF_ERROR(host.Put(std::move(output)));
    return block::MergeFigures{.bytes_read = bytes, .bytes_written = 8, .profiles = inputs.size()};
  }
};

inline contract::CompactionJob JobOf(uint64_t id, const std::vector<uint64_t>& inputs) {
  contract::CompactionJob job;
  job.id = id;
  job.token = 100 + id;
  job.level = 1;
  job.shard = 3;
  for (uint64_t n : inputs) job.inputs.push_back(IdOf(n));
  job.block_bytes_max = 64u << 20;
  job.memory_bytes_max = 256u << 20;
  job.hour_rollups = true;
  return job;
}

}  // namespace brazier::compaction
