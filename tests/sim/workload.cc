#include "tests/sim/workload.h"

#include <algorithm>

#include "store/index/index_reader.h"

namespace brazier::simulation {

void Workload::Start() {
  for (size_t client = 0; client < clients_.size(); ++client) Next(client);
}

void Workload::Next(size_t client) {
  if (is_stopped_ || !world_.checker.ok()) return;
  world_.events.After(static_cast<int64_t>(world_.random.Below(options_.think_max_ns)),
                      [this, client] { Begin(client); });
}

void Workload::Begin(size_t client) {
  const uint64_t request = ++clients_[client].request;
  SimulatedMember& member = *members_[world_.random.Below(members_.size())];
  if (!member.is_up()) return Next(client);
  world_.events.After(options_.deadline_ns, [this, client, request] { End(client, request); });
  if (world_.random.Below(2) == 0) {
    Add(client, member);
  } else {
    Read(client, member);
  }
}

void Workload::End(size_t client, uint64_t request) {
  if (clients_[client].request != request) return;
  ++clients_[client].request;
  Next(client);
}

void Workload::Add(size_t client, SimulatedMember& member) {
  Client& self = clients_[client];
  std::vector<BlockMeta> blocks;
  if (!self.to_repeat.empty() && world_.random.Below(4) != 0) {
    blocks = self.to_repeat;
  } else {
    const uint64_t count = 1 + world_.random.Below(10) / 8 * 2;
    for (uint64_t i = 0; i < count; ++i) {
      if (!sent_.empty() && world_.random.Below(8) == 0) {
        blocks.push_back(sent_[world_.random.Below(sent_.size())]);
      } else {
        blocks.push_back(MakeBlock());
        sent_.push_back(blocks.back());
      }
    }
  }
  ++figures_.adds;
  self.to_repeat = blocks;
  member.AddBlocks(blocks, world_.events.now_ns() + options_.deadline_ns,
                   [this, client, request = self.request,
                    blocks](Result<std::vector<index::AddedBlock>> added) {
                     if (added.ok()) {
                       ++figures_.adds_acknowledged;
                       world_.checker.Acknowledged(blocks, *added);
                       clients_[client].to_repeat.clear();
                     }
                     End(client, request);
                   });
}

void Workload::Read(size_t client, SimulatedMember& member) {
  ++figures_.reads;
  const HistoryChecker::Service service = AnyService();
  const size_t begun = world_.checker.BeginRead(service);
  member.ReadBarrier([this, client, &member, service, begun,
                      request = clients_[client].request](Status status) {
    if (status.ok()) {
      ++figures_.reads_answered;
      const auto found = index::FindBlocks(
          *member.store().Snapshot(),
          {.tenants = {service.first}, .end_ns = INT64_MAX, .service = service.second});
      const std::string reader = "a read through member " + std::to_string(member.id());
      if (found.ok()) {
        world_.checker.EndRead(reader, service, begun, *found);
      } else {
        world_.checker.Fail(reader + " failed: " + found.status().ToString());
      }
    }
    End(client, request);
  });
}

HistoryChecker::Service Workload::AnyService() {
  const uint64_t n = world_.random.Below(6);
  return {n % 2 == 0 ? "anna" : "bert", "service-" + std::to_string(n / 2)};
}

BlockMeta Workload::MakeBlock() {
  BlockMeta block;
  const uint64_t number = sent_.size() + 1;
  block.id = Ulid{{number, number * 7919}};
  block.shard = static_cast<uint32_t>(number % 4);
  block.size = 4096;
  block.min_time_ns = VirtualClock::kEpochNs + static_cast<int64_t>(number) * kSecond;
  block.max_time_ns = block.min_time_ns + static_cast<int64_t>(world_.random.Below(600)) * kSecond;
  std::vector<HistoryChecker::Service> services = {AnyService(), AnyService()};
  std::sort(services.begin(), services.end());
  services.erase(std::unique(services.begin(), services.end()), services.end());
  for (const auto& [tenant, service] : services) {
    DatasetMeta& dataset = block.datasets.emplace_back();
    dataset.tenant = tenant;
    dataset.service = service;
    dataset.min_time_ns = block.min_time_ns;
    dataset.max_time_ns = block.max_time_ns;
    dataset.profile_types = {"cpu"};
    dataset.sections = {{SectionKind::kRows, 1, 0, 100, 400, 1}};
    dataset.identities.push_back({});
    for (uint64_t i = world_.random.Below(4); i > 0; --i) {
      const uint64_t n = world_.random.Below(options_.shared_identities);
      dataset.identities.push_back({n * 0x9E3779B97F4A7C15ull + 1, n});
    }
    dataset.profile_count = static_cast<uint32_t>(dataset.identities.size());
    dataset.sample_count = 10;
    // Few label sets, so that most are known to the index, in some members by its cache only.
    dataset.lists_label_sets = number % 7 != 0;
    for (uint64_t pod = number % 3; dataset.lists_label_sets && pod < 6; pod += 1 + number % 2) {
      Labels& labels = dataset.label_sets.emplace_back();
      labels.Set(label::kServiceName, service);
      labels.Set("pod", std::to_string(pod));
    }
  }
  world_.checker.Submitted(block);
  return block;
}

}  // namespace brazier::simulation
