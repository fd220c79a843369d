#include "common/pipeline/compaction_jobs_client.h"

#include <algorithm>
#include <future>
#include <mutex>

#include "common/codec/jobs_msgpack.h"
#include "common/observe/log.h"

namespace brazier::pipeline {
namespace {

// Another member may do better.
bool IsElsewhere(const Status& status) { return status.code() == Code::kUnavailable && status.reason() != "loading"; }

}  // namespace

// Shared with calls under way.
class CompactionJobsClient::Members {
 public:
  using Client = std::shared_ptr<PipelineClient>;

  std::vector<Client> All() const {
    std::lock_guard lock(mu_);
    return clients_;
  }
  void Replace(std::vector<Client> clients) {
    std::lock_guard lock(mu_);
    if (first_ < clients_.size()) {
      const auto same = std::find(clients.begin(), clients.end(), clients_[first_]);
      first_ = same == clients.end() ? 0 : static_cast<size_t>(same - clients.begin());
    }
    clients_.swap(clients);
  }
  void Close() {
    std::vector<Client> clients;
    std::lock_guard lock(mu_);
    is_closed_ = true;
    clients_.swap(clients);
  }
  // Whom to ask after `tried` others, the last of them `after`; null: nobody.
  Client Next(const Client& after, size_t tried) {
    std::lock_guard lock(mu_);
    if (is_closed_ || tried >= clients_.size()) return nullptr;
    if (after != nullptr && first_ < clients_.size() && clients_[first_] == after) first_ = (first_ + 1) % clients_.size();
    return clients_[first_ % clients_.size()];
  }

 private:
  mutable std::mutex mu_;
  std::vector<Client> clients_;  // guarded by mu_
  size_t first_ = 0;             // whom to ask first; guarded by mu_
  bool is_closed_ = false;       // guarded by mu_
};

// One call on its way through the members.
struct CompactionJobsClient::Attempt : std::enable_shared_from_this<Attempt> {
  std::shared_ptr<Members> members;
  contract::RequestContext context;
  Kind kind = Kind::kPullJobs;
  std::string payload;
  PipelineClient::Done done;
  size_t tried = 0;
  Status last = Unavailable("no metastore member is known that gives jobs");

  void Try(const Members::Client& after) {
    const Members::Client client = members->Next(after, tried);
    if (client == nullptr) return done(last);
    ++tried;
    client->Call(context, {.kind = kind}, payload, [self = shared_from_this(), client](Result<Frame> answer) {
      if (answer.ok() || !IsElsewhere(answer.status())) return self->done(std::move(answer));
      self->last = answer.status();
      self->Try(client);
    });
  }
};

CompactionJobsClient::CompactionJobsClient(Loop& loop, PipelineLimits limits, MetricsRegistry& metrics)
    : loop_(loop), limits_(limits), metrics_(metrics), members_(std::make_shared<Members>()) {}

CompactionJobsClient::~CompactionJobsClient() { members_->Close(); }

void CompactionJobsClient::SetAddresses(const std::vector<std::string>& addresses) {
  if (addresses.empty()) return;
  const auto old = members_->All();
  std::vector<std::shared_ptr<PipelineClient>> clients;
  for (const std::string& address : addresses) {
    const auto same = std::find_if(old.begin(), old.end(), [&](const auto& client) { return client->address() == address; });
    if (same != old.end()) {
      clients.push_back(*same);
      continue;
    }
    auto opened = PipelineClient::Open(loop_, {.address = address, .limits = limits_}, metrics_);
    if (opened.ok()) {
      clients.emplace_back(*std::move(opened));
    } else {
      Log(LogLevel::kWarn, "a metastore member gives jobs at an address that cannot be used",
          {{"address", address}, {"error", opened.status().message()}});
    }
  }
  if (clients != old) members_->Replace(std::move(clients));
}

void CompactionJobsClient::Call(const contract::RequestContext& context, Kind kind, std::string payload,
                                PipelineClient::Done done) {
  auto attempt = std::make_shared<Attempt>();
  attempt->members = members_;
  attempt->context = context;
  attempt->kind = kind;
  attempt->payload = std::move(payload);
  attempt->done = std::move(done);
  attempt->Try(nullptr);
}

void CompactionJobsClient::PullJobs(const contract::RequestContext& context, const std::string& worker, size_t credits,
                                    std::function<void(Result<std::vector<contract::CompactionJob>>)> done) {
  const codec::PullRequest pull{.worker = worker, .credits = static_cast<uint32_t>(std::min<size_t>(credits, UINT32_MAX))};
  Call(context, Kind::kPullJobs, codec::EncodePullRequest(pull), [done = std::move(done)](const Result<Frame>& answer) {
    if (!answer.ok()) return done(answer.status());
    done(codec::DecodeJobs(answer->bytes()));
  });
}

Result<std::vector<uint64_t>> CompactionJobsClient::Heartbeat(const contract::RequestContext& context, const std::string& worker,
                                                              const std::vector<contract::JobProgress>& jobs) {
  auto promise = std::make_shared<std::promise<Result<std::vector<uint64_t>>>>();
  auto answered = promise->get_future();
  Call(context, Kind::kJobHeartbeat, codec::EncodeJobHeartbeat({worker, jobs}), [promise](const Result<Frame>& answer) {
    promise->set_value(answer.ok() ? codec::DecodeJobIds(answer->bytes()) : Result<std::vector<uint64_t>>(answer.status()));
  });
  return answered.get();
}

void CompactionJobsClient::FinishJob(const contract::RequestContext& context, contract::FinishedJob job,
                                     std::function<void(Status)> done) {
  Call(context, Kind::kFinishJob, codec::EncodeFinishedJob(job),
       [done = std::move(done)](const Result<Frame>& answer) { done(answer.status()); });
}

void CompactionJobsClient::ReturnJob(const contract::RequestContext& context, uint64_t id, uint64_t token,
                                     contract::ReturnReason reason, const std::string& error,
                                     std::function<void(Status)> done) {
  Call(context, Kind::kReturnJob, codec::EncodeReturnedJob({.id = id, .token = token, .reason = reason, .error = error}),
       [done = std::move(done)](const Result<Frame>& answer) { done(answer.status()); });
}

}  // namespace brazier::pipeline
