#include "common/pipeline/server.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/observe/log.h"

namespace brazier::pipeline {
namespace {

constexpr int kMessagesPerWake = 64;
constexpr size_t kAbandonedCreditFactor = 2;

std::string KindName(Kind kind) {
  switch (kind) {
    case Kind::kHello:
      return "hello";
    case Kind::kCredit:
      return "credit";
    case Kind::kAppend:
      return "append";
    case Kind::kExecute:
      return "execute";
    case Kind::kCancel:
      return "cancel";
    case Kind::kOk:
      return "ok";
    case Kind::kError:
      return "error";
    case Kind::kBusy:
      return "busy";
    case Kind::kPullJobs:
      return "pull_jobs";
    case Kind::kJobHeartbeat:
      return "job_heartbeat";
    case Kind::kFinishJob:
      return "finish_job";
    case Kind::kReturnJob:
      return "return_job";
  }
  return "unknown";
}

}  // namespace

// Kept alive by responders that may answer after the server is gone. Belongs to the loop thread but
// for the first block.
class PipelineServer::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, Options options, MetricsRegistry& metrics)
      : options_(std::move(options)),
        inbox_(loop.inbox()),
        loop_(loop),
        metrics_(metrics),
        bytes_metric_(metrics.GetGauge("brazier_pipeline_server_held_bytes",
                                       "Requests received and not yet answered")),
        busy_metric_(metrics.GetCounter("brazier_pipeline_server_busy_total",
                                        "Requests refused because a bound was reached")),
        unreadable_metric_(metrics.GetCounter("brazier_pipeline_server_unreadable_total",
                                              "Messages without a header that could be read")),
        undelivered_metric_(metrics.GetCounter("brazier_pipeline_server_undelivered_total",
                                               "Answers to clients that went away")) {}

  void Handle(Kind kind, Handler handler) { handlers_[kind] = std::move(handler); }
  Status Open();
  void Close();
  const std::string& address() const { return address_; }

 private:
  struct Held {
    size_t bytes = 0;
    std::shared_ptr<contract::Cancellation> cancellation;
  };
  struct Peer {
    size_t bytes = 0;
    std::unordered_map<uint64_t, Held> requests;
  };

  void OnReadable();
  void OnMessage(Frames& frames);
  void OnRequest(const std::string& peer, Envelope header, Frame payload);
  Status Admit(const std::string& peer, const Envelope& header, size_t bytes,
               std::shared_ptr<contract::Cancellation> cancellation);
  void Release(const std::string& peer, uint64_t id);
  void Finish(const std::string& peer, uint64_t id, Result<std::string> outcome);
  void Reply(const std::string& peer, const Envelope& header, Frames payload);

  const Options options_;
  const std::shared_ptr<Inbox> inbox_;
  Loop& loop_;
  MetricsRegistry& metrics_;
  Gauge& bytes_metric_;
  Counter& busy_metric_;
  Counter& unreadable_metric_;
  Counter& undelivered_metric_;
  std::map<Kind, Handler> handlers_;  // constant after Start()
  std::string address_;               // likewise

  Socket router_;
  uint64_t closer_ = 0;
  std::unordered_map<std::string, Peer> peers_;  // those with requests under way, by routing id
  size_t bytes_ = 0;
};

Status PipelineServer::State::Open() {
  ASSIGN_OR_RETURN(router_, Socket::Open(loop_.context(), Socket::Type::kRouter, options_.limits));
  if (Status bound = router_.Bind(options_.address); !bound.ok()) {
    router_.Close();
    return bound;
  }
  address_ = router_.LastEndpoint();
  auto self = shared_from_this();
  loop_.Watch(router_, [self] { self->OnReadable(); });
  closer_ = loop_.AtStop([self] { self->Close(); });
  return Status::Ok();
}

void PipelineServer::State::Close() {
  if (!router_.is_open()) return;
  loop_.ForgetAtStop(closer_);
  loop_.Unwatch(router_);
  router_.Close();
  for (auto& [id, peer] : peers_) {
    for (auto& [request, held] : peer.requests) held.cancellation->Cancel();
  }
  peers_.clear();
  bytes_ = 0;
  bytes_metric_.Set(0);
}

void PipelineServer::State::OnReadable() {
  Frames frames;
  for (int i = 0; i < kMessagesPerWake && router_.is_open(); ++i) {
    const Socket::Io io = router_.Receive(frames, 3);
    if (io == Socket::Io::kWouldBlock || io == Socket::Io::kFailed) return;
    if (io == Socket::Io::kTooManyFrames) {
      unreadable_metric_.Add();
      continue;
    }
    OnMessage(frames);
  }
}

void PipelineServer::State::OnMessage(Frames& frames) {
  if (frames.size() < 2) {
    unreadable_metric_.Add();
    return;
  }
  const std::string peer(AsString(frames[0].bytes()));
  Result<Envelope> header = DecodeEnvelope(frames[1].bytes());
  if (!header.ok()) {
    unreadable_metric_.Add();
    return Reply(peer, {.kind = Kind::kError, .status = header.status()}, {});
  }
  switch (header->kind) {
    case Kind::kHello:
      return Reply(peer, {.kind = Kind::kCredit, .credit_bytes = options_.limits.credit_bytes}, {});
    case Kind::kCancel: {
      const auto it = peers_.find(peer);
      if (it == peers_.end()) return;
      const auto request = it->second.requests.find(header->id);
      if (request != it->second.requests.end()) request->second.cancellation->Cancel();
      return;
    }
    case Kind::kAppend:
    case Kind::kExecute:
    case Kind::kPullJobs:
    case Kind::kJobHeartbeat:
    case Kind::kFinishJob:
    case Kind::kReturnJob: {
      Frame payload = frames.size() > 2 ? std::move(frames[2]) : Frame();
      return OnRequest(peer, std::move(header).value(), std::move(payload));
    }
    case Kind::kCredit:
    case Kind::kOk:
    case Kind::kError:
    case Kind::kBusy:
      unreadable_metric_.Add();
      return;  // answers; clients do not send them
  }
}

Status PipelineServer::State::Admit(const std::string& peer, const Envelope& header, size_t bytes,
                                    std::shared_ptr<contract::Cancellation> cancellation) {
  const PipelineLimits& limits = options_.limits;
  if (bytes_ > 0 && bytes_ + bytes > limits.server_bytes_max) {
    return ResourceExhausted("the server holds requests of " + std::to_string(bytes_) +
                             " bytes, the limit is " + std::to_string(limits.server_bytes_max));
  }
  Peer& entry = peers_[peer];
  if (entry.bytes > 0 &&
      (entry.bytes + bytes > limits.credit_bytes * kAbandonedCreditFactor ||
       entry.requests.size() >= limits.outstanding_max * kAbandonedCreditFactor)) {
    return ResourceExhausted("this connection has " + std::to_string(entry.requests.size()) +
                             " requests of " + std::to_string(entry.bytes) +
                             " bytes under way, its credit is " +
                             std::to_string(limits.credit_bytes) + " bytes");
  }
  if (!entry.requests.emplace(header.id, Held{bytes, std::move(cancellation)}).second) {
    return InvalidArgument("request id " + std::to_string(header.id) + " is under way already");
  }
  entry.bytes += bytes;
  bytes_ += bytes;
  bytes_metric_.Set(static_cast<int64_t>(bytes_));
  return Status::Ok();
}

void PipelineServer::State::OnRequest(const std::string& peer, Envelope header, Frame payload) {
  metrics_
      .GetCounter("brazier_pipeline_server_requests_total", "Requests by kind",
                  {{"kind", KindName(header.kind)}})
      .Add();
  const uint64_t id = header.id;
  const auto handler = handlers_.find(header.kind);
  if (handler == handlers_.end()) {
    return Reply(peer,
                 {.kind = Kind::kError,
                  .id = id,
                  .status = Status(Code::kUnimplemented, "this process does not serve \"" +
                                                             KindName(header.kind) + "\"")},
                 {});
  }
  auto cancellation = std::make_shared<contract::Cancellation>();
  if (Status admitted = Admit(peer, header, payload.size() + 256, cancellation); !admitted.ok()) {
    const bool busy = admitted.code() == Code::kResourceExhausted;
    if (busy) busy_metric_.Add();
    return Reply(peer, {.kind = busy ? Kind::kBusy : Kind::kError, .id = id, .status = admitted},
                 {});
  }
  const auto left_ms = static_cast<int64_t>(std::min<uint64_t>(
      header.deadline_ms, static_cast<uint64_t>(options_.limits.deadline_ms_max)));
  contract::RequestContext context{header.request_id,
                                   SystemClock().MonotonicNs() + left_ms * kNsPerMs,
                                   std::move(cancellation)};
  Responder responder([self = shared_from_this(), peer, id](Result<std::string> outcome) {
    (void)self->inbox_->PostCompletion([self, peer, id, outcome = std::move(outcome)]() mutable {
      self->Finish(peer, id, std::move(outcome));
    });
  });
  handler->second({std::move(header), std::move(context), std::move(payload), std::move(responder)});
}

void PipelineServer::State::Release(const std::string& peer, uint64_t id) {
  const auto it = peers_.find(peer);
  if (it == peers_.end()) return;
  const auto request = it->second.requests.find(id);
  if (request == it->second.requests.end()) return;
  it->second.bytes -= request->second.bytes;
  bytes_ -= request->second.bytes;
  bytes_metric_.Set(static_cast<int64_t>(bytes_));
  it->second.requests.erase(request);
  if (it->second.requests.empty()) peers_.erase(it);
}

void PipelineServer::State::Finish(const std::string& peer, uint64_t id,
                                   Result<std::string> outcome) {
  if (!router_.is_open()) return;
  Release(peer, id);
  if (outcome.ok() && outcome->size() > options_.limits.message_bytes_max) {
    outcome =
        InvalidArgument("the answer has " + std::to_string(outcome->size()) +
                        " bytes, the limit is " + std::to_string(options_.limits.message_bytes_max))
            .WithReason("message_size_limit");
  }
  if (!outcome.ok())
    return Reply(peer, {.kind = Kind::kError, .id = id, .status = outcome.status()}, {});
  Reply(peer, {.kind = Kind::kOk, .id = id}, MakeFrames(Frame(std::move(outcome).value())));
}

void PipelineServer::State::Reply(const std::string& peer, const Envelope& header, Frames payload) {
  Frames frames = MakeFrames(Frame(peer), Frame(EncodeEnvelope(header)));
  for (Frame& frame : payload) frames.push_back(std::move(frame));
  if (router_.Send(frames) != Socket::Io::kDone) undelivered_metric_.Add();
}

PipelineServer::PipelineServer(Loop& loop, Options options, MetricsRegistry& metrics)
    : state_(std::make_shared<State>(loop, std::move(options), metrics)), loop_(loop) {}

PipelineServer::~PipelineServer() { Stop(); }

void PipelineServer::Handle(Kind kind, Handler handler) {
  CHECK(state_->address().empty());
  state_->Handle(kind, std::move(handler));
}

Status PipelineServer::Start() {
  Status status = Unavailable("the pipeline is stopping");
  loop_.RunAndWait([&] { status = state_->Open(); });
  return status;
}

const std::string& PipelineServer::address() const { return state_->address(); }

void PipelineServer::Stop() {
  loop_.RunAndWait([this] { state_->Close(); });
}

}  // namespace brazier::pipeline
