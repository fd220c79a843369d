// A distributor and a query frontend that answer what a test tells them to and remember what they were asked.
#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/contract/distributor.h"
#include "common/contract/query_frontend.h"

namespace brazier::http {

class FakeDistributor final : public contract::Distributor {
 public:
  using Done = std::function<void(Result<contract::PushReceipt>)>;

  void Push(const contract::RequestContext& context, contract::PushRequest request, Done done) override {
    std::lock_guard lock(mu_);
    contexts.push_back(context);
    requests.push_back(std::move(request));
    if (hold) {
      held_.push_back(std::move(done));
      return;
    }
    done(answer ? answer(requests.back()) : AcceptAll(requests.back()));
  }
  Status Ready() override { return Status::Ok(); }

  // The oldest callback that is held; waits for it a while. Empty when none came.
  Done TakeHeld() {
    for (int i = 0; i < 2000; ++i) {
      {
        std::lock_guard lock(mu_);
        if (!held_.empty()) {
          Done done = std::move(held_.front());
          held_.erase(held_.begin());
          return done;
        }
      }
      usleep(1000);
    }
    return nullptr;
  }

  static Result<contract::PushReceipt> AcceptAll(const contract::PushRequest& request) {
    contract::PushReceipt receipt;
    receipt.accepted = static_cast<uint32_t>(request.profiles.size());
    receipt.segments.push_back(Ulid{{0x0123456789abcdef, 0xfedcba9876543210}});
    return receipt;
  }

  std::function<Result<contract::PushReceipt>(const contract::PushRequest&)> answer;
  std::atomic<bool> hold = false;  // keep the callbacks instead of answering
  std::vector<contract::RequestContext> contexts;
  std::vector<contract::PushRequest> requests;

 private:
  std::mutex mu_;
  std::vector<Done> held_;  // guarded by mu_
};

class FakeQueryFrontend final : public contract::QueryFrontend {
 public:
  Result<contract::QueryResponse> Query(const contract::RequestContext& context,
                                        const contract::QueryRequest& request) override {
    std::lock_guard lock(mu_);
    contexts.push_back(context);
    requests.push_back(request);
    if (!failure.ok()) return failure;
    contract::QueryResponse response;
    for (const ReportRequest& report : request.reports) {
      response.reports.push_back(answer ? answer(request) : Report());
      response.reports.back().kind = report.kind;
    }
    response.stats.blocks_read = 3;
    response.stats.bytes_read = 4096;
    response.stats.rollup_rows_read = 24;
    response.stats.blocks_failed = failed_blocks.size();
    response.stats.failed_blocks = failed_blocks;
    return response;
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string& tenant) override {
    std::lock_guard lock(mu_);
    stats_tenant = tenant;
    return stats;
  }
  Status Ready() override { return Status::Ok(); }

  std::function<Report(const contract::QueryRequest&)> answer;
  Status failure;
  contract::TenantStats stats;
  std::string stats_tenant;
  std::vector<std::string> failed_blocks;  // that answers go without
  std::vector<contract::RequestContext> contexts;
  std::vector<contract::QueryRequest> requests;

 private:
  std::mutex mu_;
};

}  // namespace brazier::http
