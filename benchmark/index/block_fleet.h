// BlockFleet: metadata of the blocks of an invented fleet, the same for the same number in every run: what a metastore of a
// large installation holds.
//
// 50 tenants whose shares fall with their rank; the first has 1,000 services, the last 20 or more, and a few services
// of each make most of its data. Two blocks a second: nine in ten are segments of one of 16 shards that hold 5 services for
// some seconds, one in ten is compacted, of one tenant, and holds 5 services for 10 minutes, an hour or six.
// So N blocks cover N / 7,200 hours, and a service has as many blocks in an hour whatever N is.
// Immutable; Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model/block_meta.h"

namespace brazier::benchmark {

class BlockFleet {
 public:
  static constexpr int64_t kFirstBlockNs = 1'760'000'000'000'000'000;
  static constexpr int64_t kBlockIntervalNs = 500'000'000;
  static constexpr size_t kDatasetsPerBlock = 5;

  struct Service {
    std::string tenant;
    std::string name;
    double weight = 0;  // of all data; they add up to 1
    uint32_t tenant_number = 0;
  };

  BlockFleet();

  // Segments have the identities of their profiles.
  BlockMeta Block(uint64_t number) const;
  // When block `number` is registered.
  static int64_t TimeOf(uint64_t number) {
    return kFirstBlockNs + static_cast<int64_t>(number) * kBlockIntervalNs;
  }
  // A segment whose only use is that it brings so many new identities.
  BlockMeta BlockOfIdentities(uint64_t number, uint32_t identities) const;

  const std::vector<Service>& services() const { return services_; }
  size_t tenants() const { return tenants_.size(); }
  // Datasets of the service in an hour, expected.
  double DatasetsPerHour(const Service& service) const;

 private:
  static constexpr uint32_t kTenants = 50;
  static constexpr uint32_t kShards = 16;
  // Services to draw from, each with the sum of the weights up to it.
  struct Draw {
    std::vector<uint32_t> services;
    std::vector<double> sums;
  };
  void AddTo(Draw& draw, uint32_t service);
  // Up to kDatasetsPerBlock different services, sorted by tenant and name.
  std::vector<uint32_t> Take(const Draw& draw, uint64_t& state) const;

  std::vector<Service> services_;  // sorted by tenant and name
  std::vector<Draw> shards_;
  std::vector<Draw> tenants_;
};

}  // namespace brazier::benchmark
