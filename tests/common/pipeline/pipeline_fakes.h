// Fakes of the contracts and small waits for the pipeline tests.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/query_backend.h"
#include "common/contract/segment_writer.h"

namespace brazier::testing {

inline contract::RequestContext ContextFor(int64_t ms) {
  return {"request-1", SystemClock().MonotonicNs() + ms * kNsPerMs};
}

// A value that another thread sets once.
template <typename T>
class Awaited {
 public:
  void Set(T value) {
    std::lock_guard lock(mu_);
    ++sets_;
    value_ = std::move(value);
    changed_.notify_all();
  }
  // Empty when it was not set in time.
  std::optional<T> Wait(int64_t ms = 8000) {
    std::unique_lock lock(mu_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return value_.has_value(); });
    return value_;
  }
  int sets() {
    std::lock_guard lock(mu_);
    return sets_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::optional<T> value_;
  int sets_ = 0;
};

// Answers as told; keeps what it was asked. `hold`: keeps the callbacks until ReleaseAll().
class FakeSegmentWriter final : public contract::SegmentWriter {
 public:
  using Done = std::function<void(Result<contract::AppendReceipt>)>;

  void Append(const contract::RequestContext& context, contract::AppendRequest request,
              Done done) override {
    Result<contract::AppendReceipt> answer = Internal("unset");
    {
      std::lock_guard lock(mu_);
      bytes_now_ += request.batch.tenant.size();
      bytes_peak_ = std::max(bytes_peak_, bytes_now_);
      last_ = std::move(request);
      last_context_ = context;
      ++count_;
      changed_.notify_all();
      if (hold_) {
        held_.push_back(std::move(done));
        return;
      }
      answer = answer_;
      bytes_now_ -= last_.batch.tenant.size();
    }
    done(std::move(answer));
  }
  Status Ready() override { return Status::Ok(); }

  void set_hold(bool hold) {
    std::lock_guard lock(mu_);
    hold_ = hold;
  }
  void set_answer(Result<contract::AppendReceipt> answer) {
    std::lock_guard lock(mu_);
    answer_ = std::move(answer);
  }
  bool WaitForCount(int count, int64_t ms = 5000) {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return count_ >= count; });
  }
  void ReleaseAll() {
    std::vector<Done> held;
    Result<contract::AppendReceipt> answer = Internal("unset");
    {
      std::lock_guard lock(mu_);
      held.swap(held_);
      answer = answer_;
      bytes_now_ = 0;
    }
    for (Done& done : held) done(answer);
  }
  int count() {
    std::lock_guard lock(mu_);
    return count_;
  }
  size_t held() {
    std::lock_guard lock(mu_);
    return held_.size();
  }
  size_t bytes_peak() {
    std::lock_guard lock(mu_);
    return bytes_peak_;
  }
  contract::AppendRequest last() {
    std::lock_guard lock(mu_);
    return last_;
  }
  contract::RequestContext last_context() {
    std::lock_guard lock(mu_);
    return last_context_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool hold_ = false;
  Result<contract::AppendReceipt> answer_ = contract::AppendReceipt{};
  std::vector<Done> held_;
  contract::AppendRequest last_;
  contract::RequestContext last_context_;
  int count_ = 0;
  size_t bytes_now_ = 0;  // of the tenants' names, which the tests use as ballast
  size_t bytes_peak_ = 0;
};

class FakeQueryBackend final : public contract::QueryBackend {
 public:
  using Body =
      std::function<Result<QueryResult>(const contract::RequestContext&, const QueryPlan&)>;
  explicit FakeQueryBackend(Body body) : body_(std::move(body)) {}
  Result<QueryResult> Execute(const contract::RequestContext& context,
                              const QueryPlan& plan) override {
    return body_(context, plan);
  }
  Status Ready() override { return Status::Ok(); }

 private:
  const Body body_;
};

}  // namespace brazier::testing
