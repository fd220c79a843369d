#include "common/pipeline/ingest_endpoint.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/codec/ingest_msgpack.h"
#include "common/model/tenant.h"
#include "common/observe/request_id.h"
#include "common/pipeline/worker_pool.h"

namespace brazier::pipeline {
namespace {

constexpr int kMessagesPerWake = 32;
constexpr int kHighWaterMarkOfStrangers = 64;

PipelineLimits SocketLimits(const IngestEndpoint::Options& options) {
  PipelineLimits limits;
  // A message somewhat over the limit is still received, so that it can be answered.
  limits.message_bytes_max = 2 * options.message_bytes_max;
  limits.high_water_mark = kHighWaterMarkOfStrangers;
  return limits;
}

// Where a message came from and how to answer it. No routing id: from the PULL, no answer.
struct Origin {
  std::string peer;
  bool has_delimiter = false;  // a REQ socket: an empty frame before the body
  bool wants_answer() const { return !peer.empty(); }
};

Status ToStatus(const TenantCheck& check) {
  const auto refused = [](std::string message) {
    return Status(Code::kUnauthenticated, std::move(message)).WithReason("tenant");
  };
  switch (check.fault) {
    case TenantFault::kNone:
      return Status::Ok();
    case TenantFault::kEmpty:
      return refused("no \"tenant\"");
    case TenantFault::kForbiddenByte:
      return refused("the tenant id has a byte other than letters, digits and !-_.*'()");
    case TenantFault::kTooLong:
      return refused("the tenant id has " + std::to_string(check.id.size()) +
                     " bytes, the limit is " + std::to_string(kTenantBytesMax));
    case TenantFault::kReserved:
      return refused("the tenant id must not be \".\" or \"..\"");
    case TenantFault::kTooMany:  // of lists only; a push names one
      break;
  }
  return Internal("unknown tenant fault");
}

}  // namespace

// Kept alive by pushes under way. Belongs to the loop thread but for the first two blocks.
class IngestEndpoint::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, Options options, contract::Distributor& distributor, MetricsRegistry& metrics)
      : options_(std::move(options)),
        inbox_(loop.inbox()),
        loop_(loop),
        distributor_(distributor),
        metrics_(metrics),
        bytes_metric_(metrics.GetGauge("brazier_ingest_zeromq_held_bytes", "Pushes under way")),
        pool_("ingest-pool", options_.threads, options_.bytes_max) {}

  Status Open();
  void StopReading();
  bool WaitUntilIdle(int64_t ms);
  void Close();
  void StopPool() { pool_.Stop(); }
  const std::string& address() const { return address_; }
  const std::string& pull_address() const { return pull_address_; }

 private:
  void OnRouter();
  void OnPull();
  void OnBody(const Origin& origin, Bytes body);
  void OnPush(const Origin& origin, codec::IngestMessage message, size_t bytes);
  Status Admit(const Origin& origin, size_t bytes);
  void Finish(const Origin& origin, const std::string& id, size_t bytes,
              const Result<contract::PushReceipt>& outcome);
  // Answers with an error, or counts a drop.
  void Refuse(const Origin& origin, const std::string& id, const Status& status);
  void Reply(const Origin& origin, std::string body);
  void Count(std::string_view name, std::string_view help, const MetricLabels& labels,
             uint64_t n = 1) {
    metrics_.GetCounter(name, help, labels).Add(n);
  }

  const Options options_;
  const std::shared_ptr<Inbox> inbox_;
  Loop& loop_;
  contract::Distributor& distributor_;
  MetricsRegistry& metrics_;
  Gauge& bytes_metric_;
  WorkerPool pool_;
  std::string address_;       // constant after Open()
  std::string pull_address_;  // likewise

  std::mutex idle_mu_;
  std::condition_variable idle_changed_;
  size_t under_way_ = 0;  // guarded by idle_mu_

  Socket router_;
  Socket pull_;
  uint64_t closer_ = 0;
  bool reading_ = false;
  size_t bytes_ = 0;
  std::unordered_map<std::string, size_t> peer_bytes_;  // of connections with pushes under way
};

Status IngestEndpoint::State::Open() {
  const PipelineLimits limits = SocketLimits(options_);
  const auto bind = [&](Socket& socket, Socket::Type type, const std::string& address,
                        std::string* bound) -> Status {
    if (address.empty()) return Status::Ok();
    ASSIGN_OR_RETURN(socket, Socket::Open(loop_.context(), type, limits));
    RETURN_IF_ERROR(socket.Bind(address));
    *bound = socket.LastEndpoint();
    return Status::Ok();
  };
  Status status = bind(router_, Socket::Type::kRouter, options_.address, &address_);
  if (status.ok()) status = bind(pull_, Socket::Type::kPull, options_.pull_address, &pull_address_);
  if (!status.ok()) {
    router_.Close();
    pull_.Close();
    return status;
  }
  auto self = shared_from_this();
  if (router_.is_open()) loop_.Watch(router_, [self] { self->OnRouter(); });
  if (pull_.is_open()) loop_.Watch(pull_, [self] { self->OnPull(); });
  reading_ = true;
  closer_ = loop_.AtStop([self] { self->Close(); });
  return Status::Ok();
}

void IngestEndpoint::State::StopReading() {
  if (!reading_) return;
  reading_ = false;
  loop_.Unwatch(router_);
  loop_.Unwatch(pull_);
}

bool IngestEndpoint::State::WaitUntilIdle(int64_t ms) {
  std::unique_lock lock(idle_mu_);
  return idle_changed_.wait_for(lock, std::chrono::milliseconds(ms),
                                [this] { return under_way_ == 0; });
}

void IngestEndpoint::State::Close() {
  if (!router_.is_open() && !pull_.is_open()) return;
  StopReading();
  loop_.ForgetAtStop(closer_);
  router_.Close();
  pull_.Close();
}

void IngestEndpoint::State::OnRouter() {
  Frames frames;
  for (int i = 0; i < kMessagesPerWake; ++i) {
    const Socket::Io io = router_.Receive(frames, 3);
    if (io == Socket::Io::kWouldBlock || io == Socket::Io::kFailed) return;
    if (frames.empty()) continue;
    Origin origin{std::string(AsString(frames[0].bytes()))};
    origin.has_delimiter = frames.size() == 3 && frames[1].empty();
    if (io == Socket::Io::kTooManyFrames || frames.size() != (origin.has_delimiter ? 3u : 2u)) {
      Refuse(origin, {}, InvalidArgument("a message must be one frame").WithReason("frames"));
      continue;
    }
    OnBody(origin, frames.back().bytes());
  }
}

void IngestEndpoint::State::OnPull() {
  Frames frames;
  for (int i = 0; i < kMessagesPerWake; ++i) {
    const Socket::Io io = pull_.Receive(frames, 1);
    if (io == Socket::Io::kWouldBlock || io == Socket::Io::kFailed) return;
    if (io == Socket::Io::kTooManyFrames) {
      Refuse({}, {}, InvalidArgument("a message must be one frame").WithReason("frames"));
      continue;
    }
    OnBody({}, frames[0].bytes());
  }
}

void IngestEndpoint::State::OnBody(const Origin& origin, Bytes body) {
  codec::IngestMessage message;
  if (body.size() > options_.message_bytes_max) {
    return Refuse(
        origin, {},
        InvalidArgument("the message has " + std::to_string(body.size()) + " bytes, the limit is " +
                        std::to_string(options_.message_bytes_max))
            .WithReason("too_large"));
  }
  Status status = codec::DecodeIngestMessage(body, &message);
  if (!status.ok()) return Refuse(origin, message.id, status);
  if (message.kind == codec::IngestMessage::Kind::kHello) {
    return Reply(origin, codec::EncodeIngestCredit(message.id, options_.credit_bytes,
                                                   options_.message_bytes_max));
  }
  if (options_.multitenancy) {
    status = ToStatus(CheckTenant(message.tenant));
    if (!status.ok()) return Refuse(origin, message.id, status);
  } else {
    message.tenant = kAnonymousTenant;
  }
  OnPush(origin, std::move(message), body.size());
}

Status IngestEndpoint::State::Admit(const Origin& origin, size_t bytes) {
  if (bytes_ > 0 && bytes_ + bytes > options_.bytes_max) {
    return ResourceExhausted("pushes of " + std::to_string(bytes_) +
                             " bytes are under way, the limit is " +
                             std::to_string(options_.bytes_max))
        .WithReason("busy");
  }
  if (!origin.wants_answer()) return Status::Ok();
  size_t& held = peer_bytes_[origin.peer];
  if (held > 0 && held + bytes > options_.credit_bytes) {
    return ResourceExhausted("pushes of " + std::to_string(held) +
                             " bytes of this connection are under way, its credit is " +
                             std::to_string(options_.credit_bytes))
        .WithReason("busy");
  }
  held += bytes;
  return Status::Ok();
}

void IngestEndpoint::State::OnPush(const Origin& origin, codec::IngestMessage message,
                                   size_t bytes) {
  bytes += 256;  // what a push costs beside its bytes
  if (Status admitted = Admit(origin, bytes); !admitted.ok())
    return Refuse(origin, message.id, admitted);
  bytes_ += bytes;
  bytes_metric_.Set(static_cast<int64_t>(bytes_));
  {
    std::lock_guard lock(idle_mu_);
    ++under_way_;
  }
  Count("brazier_ingest_zeromq_pushes_total", "Pushes taken",
        {{"socket", origin.wants_answer() ? "router" : "pull"}});
  int64_t timeout_ms = message.timeout_ms > 0 ? message.timeout_ms : options_.timeout_ms_default;
  timeout_ms = std::min(timeout_ms, options_.timeout_ms_max);
  contract::RequestContext context{MakeRequestId(SystemRandom()),
                                   SystemClock().MonotonicNs() + timeout_ms * kNsPerMs};
  auto answer = [self = shared_from_this(), origin, id = message.id,
                 bytes](Result<contract::PushReceipt> outcome) {
    (void)self->inbox_->PostCompletion([self, origin, id, bytes, outcome = std::move(outcome)] {
      self->Finish(origin, id, bytes, outcome);
    });
  };
  contract::PushRequest request{std::move(message.tenant), "zeromq", std::move(message.profiles)};
  // Run on the pool, which is joined before the distributor goes.
  Task task([this, context = std::move(context), request = std::move(request), answer]() mutable {
    distributor_.Push(context, std::move(request), std::move(answer));
  });
  if (Status posted = pool_.Post(bytes, task); !posted.ok()) answer(posted);
}

void IngestEndpoint::State::Finish(const Origin& origin, const std::string& id, size_t bytes,
                                   const Result<contract::PushReceipt>& outcome) {
  bytes_ -= bytes;
  bytes_metric_.Set(static_cast<int64_t>(bytes_));
  if (const auto held = peer_bytes_.find(origin.peer); held != peer_bytes_.end()) {
    held->second -= bytes;
    if (held->second == 0) peer_bytes_.erase(held);
  }
  if (!outcome.ok()) {
    Refuse(origin, id, outcome.status());
  } else {
    std::vector<codec::IngestRejection> rejections;
    for (const contract::Rejection& r : outcome->rejections)
      rejections.push_back({r.index, r.status});
    if (!origin.wants_answer() && !rejections.empty()) {
      Count("brazier_ingest_zeromq_pull_rejected_profiles_total",
            "Profiles that came in without a way to tell their sender that they were rejected", {},
            rejections.size());
    }
    Reply(origin, codec::EncodeIngestAck(id, outcome->accepted, outcome->duplicates, rejections,
                                         outcome->segments));
  }
  {
    std::lock_guard lock(idle_mu_);
    --under_way_;
  }
  idle_changed_.notify_all();
}

void IngestEndpoint::State::Refuse(const Origin& origin, const std::string& id,
                                   const Status& status) {
  const std::string reason(status.reason().empty() ? CodeName(status.code()) : status.reason());
  Count("brazier_ingest_zeromq_refused_total", "Messages refused (router) or dropped (pull)",
        {{"socket", origin.wants_answer() ? "router" : "pull"}, {"reason", reason}});
  Reply(origin, codec::EncodeIngestError(id, status));
}

void IngestEndpoint::State::Reply(const Origin& origin, std::string body) {
  if (!origin.wants_answer() || !router_.is_open()) return;
  Frames frames = MakeFrames(Frame(origin.peer));
  if (origin.has_delimiter) frames.emplace_back();
  frames.emplace_back(std::move(body));
  if (router_.Send(frames) != Socket::Io::kDone) {
    Count("brazier_ingest_zeromq_undelivered_total", "Answers to shippers that went away", {});
  }
}

IngestEndpoint::IngestEndpoint(Loop& loop, Options options, contract::Distributor& distributor,
                               MetricsRegistry& metrics)
    : state_(std::make_shared<State>(loop, std::move(options), distributor, metrics)),
      loop_(loop) {}

IngestEndpoint::~IngestEndpoint() { Stop(); }

Status IngestEndpoint::Start() {
  Status status = Unavailable("the pipeline is stopping");
  loop_.RunAndWait([&] { status = state_->Open(); });
  return status.Annotate("ZeroMQ ingest");
}

void IngestEndpoint::Stop(int64_t drain_ms) {
  loop_.RunAndWait([this] { state_->StopReading(); });
  if (drain_ms > 0) (void)state_->WaitUntilIdle(drain_ms);
  loop_.RunAndWait([this] { state_->Close(); });
  state_->StopPool();
}

const std::string& IngestEndpoint::address() const { return state_->address(); }
const std::string& IngestEndpoint::pull_address() const { return state_->pull_address(); }

}  // namespace brazier::pipeline
