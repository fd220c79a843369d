#include "common/pipeline/client.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/contract/query_backend.h"
#include "common/observe/log.h"

namespace brazier::pipeline {
namespace {

constexpr int kMessagesPerWake = 256;
constexpr int kMonitorEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
constexpr int64_t kSendRetryNs = 2 * kNsPerMs;

int64_t NowNs() { return SystemClock().MonotonicNs(); }

}  // namespace

// Lives as long as the client, the loop or a posted task needs it. The first block is constant or
// thread-safe, the second belongs to the loop thread.
class PipelineClient::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, Options options, MetricsRegistry& metrics)
      : options_(std::move(options)),
        inbox_(loop.inbox()),
        loop_(loop),
        metrics_(metrics),
        held_bytes_metric_(metrics.GetGauge("brazier_pipeline_client_held_bytes",
                                            "Requests that wait or are under way, by peer",
                                            {{"peer", options_.address}})),
        requests_metric_(metrics.GetCounter("brazier_pipeline_client_requests_total",
                                            "Requests to a peer", {{"peer", options_.address}})),
        disconnects_metric_(metrics.GetCounter("brazier_pipeline_client_disconnects_total",
                                               "Connections to a peer that broke",
                                               {{"peer", options_.address}})) {}

  struct CallState {
    Envelope header;
    Frame payload;  // until it is sent
    size_t bytes = 0;
    int64_t deadline_ns = 0;
    bool sent = false;
    NoRoom no_room = NoRoom::kWait;
    uint64_t timer = 0;
    Done done;
  };

  // Any thread.
  uint64_t Start(const contract::RequestContext& context, Envelope header, std::string payload,
                 Done done, NoRoom no_room);
  void Cancel(uint64_t id);
  Status Ready() const {
    if (connected_.load(std::memory_order_relaxed)) return Status::Ok();
    return Unavailable("no connection to " + options_.address);
  }
  const std::string& address() const { return options_.address; }
  Inbox& inbox() { return *inbox_; }

  // Loop thread.
  Status Open();
  void Close(const Status& reason);

 private:
  void Enqueue(CallState call);
  void Flush();
  bool SendCall(CallState& call);
  bool SendControl(Kind kind, uint64_t id);
  void RetrySoon();
  void OnReadable();
  void OnMessage(Frames& frames);
  void OnMonitor();
  void OnConnected();
  void OnDisconnected();
  void OnDeadline(uint64_t id);
  void OnCancel(uint64_t id);
  // Ends a call that nobody waits for any more, and tells the server.
  void GiveUp(uint64_t id, Status status);
  void OnConnectTimeout();
  void ArmConnectTimer();
  // Removes the call and tells whoever waits for it.
  void End(uint64_t id, Result<Frame> outcome);
  void Release(size_t bytes);
  void CountFailure(const Status& status);

  const Options options_;
  const std::shared_ptr<Inbox> inbox_;
  Loop& loop_;  // used on its own thread only, where it is alive
  MetricsRegistry& metrics_;
  Gauge& held_bytes_metric_;
  Counter& requests_metric_;
  Counter& disconnects_metric_;
  std::atomic<size_t> held_bytes_{0};
  std::atomic<bool> connected_{false};
  std::atomic<uint64_t> next_id_{1};

  bool closed_ = false;
  Socket dealer_;
  Socket monitor_;
  uint64_t closer_ = 0;
  std::unordered_map<uint64_t, CallState> calls_;
  std::deque<uint64_t> waiting_;  // not sent, oldest first; ids that ended are skipped
  size_t sent_count_ = 0;
  size_t sent_bytes_ = 0;
  size_t credit_bytes_ = 0;
  int64_t down_since_ns_ = 0;
  uint64_t connect_timer_ = 0;
  bool retry_armed_ = false;
  bool hello_due_ = false;
};

uint64_t PipelineClient::State::Start(const contract::RequestContext& context, Envelope header,
                                      std::string payload, Done done, NoRoom no_room) {
  requests_metric_.Add();
  const uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
  const PipelineLimits& limits = options_.limits;
  const size_t bytes = payload.size() + 256;  // the header is small
  Status refused;
  if (payload.size() > limits.message_bytes_max) {
    refused = InvalidArgument("a message of " + std::to_string(payload.size()) + " bytes to " +
                              options_.address + " is over the limit of " +
                              std::to_string(limits.message_bytes_max) + " bytes")
                  .WithReason("message_size_limit");
  } else if (const size_t held = held_bytes_.fetch_add(bytes);
             held > 0 && held + bytes > limits.client_bytes_max) {
    Release(bytes);
    refused = ResourceExhausted("requests of " + std::to_string(held) + " bytes wait for " +
                                options_.address + " already, the limit is " +
                                std::to_string(limits.client_bytes_max))
                  .WithReason("pipeline_full");
  } else {
    held_bytes_metric_.Set(static_cast<int64_t>(held + bytes));
    CallState call{.header = std::move(header),
                   .payload = Frame(std::move(payload)),
                   .bytes = bytes,
                   .deadline_ns = context.deadline_ns,
                   .no_room = no_room};
    call.header.id = id;
    call.header.request_id = context.request_id;
    // Shared with the task, so that a refused post can still be answered.
    auto shared_done = std::make_shared<Done>(std::move(done));
    call.done = [shared_done](Result<Frame> outcome) { (*shared_done)(std::move(outcome)); };
    // Bounded by held_bytes_, so it passes the inbox's own bound.
    refused = inbox_->PostCompletion([self = shared_from_this(), call = std::move(call)]() mutable {
      self->Enqueue(std::move(call));
    });
    if (refused.ok()) return id;
    Release(bytes);
    done = std::move(*shared_done);
  }
  CountFailure(refused);
  done(std::move(refused));
  return id;
}

void PipelineClient::State::Cancel(uint64_t id) {
  // Behind the call's own task, so that the call is known by then.
  (void)inbox_->PostCompletion([self = shared_from_this(), id] { self->OnCancel(id); });
}

void PipelineClient::State::Release(size_t bytes) {
  const size_t before = held_bytes_.fetch_sub(bytes);
  held_bytes_metric_.Set(static_cast<int64_t>(before - bytes));
}

void PipelineClient::State::CountFailure(const Status& status) {
  metrics_
      .GetCounter("brazier_pipeline_client_failures_total", "Failed requests to a peer",
                  {{"peer", options_.address}, {"code", std::string(CodeName(status.code()))}})
      .Add();
}

Status PipelineClient::State::Open() {
  ASSIGN_OR_RETURN(dealer_, Socket::Open(loop_.context(), Socket::Type::kDealer, options_.limits));
  ASSIGN_OR_RETURN(monitor_, dealer_.Monitor(loop_.context(), kMonitorEvents));
  RETURN_IF_ERROR(dealer_.Connect(options_.address));
  auto self = shared_from_this();
  loop_.Watch(dealer_, [self] { self->OnReadable(); });
  loop_.Watch(monitor_, [self] { self->OnMonitor(); });
  closer_ = loop_.AtStop([self] { self->Close(Unavailable("the pipeline is stopping")); });
  credit_bytes_ = options_.limits.initial_credit_bytes;
  down_since_ns_ = NowNs();
  ArmConnectTimer();
  return Status::Ok();
}

void PipelineClient::State::Close(const Status& reason) {
  if (closed_) return;
  closed_ = true;
  connected_ = false;
  loop_.ForgetAtStop(closer_);
  if (connect_timer_ != 0) loop_.CancelTimer(connect_timer_);
  std::vector<uint64_t> ids;
  for (const auto& [id, call] : calls_) ids.push_back(id);
  for (uint64_t id : ids) End(id, reason);
  loop_.Unwatch(dealer_);
  loop_.Unwatch(monitor_);
  zmq_socket_monitor(dealer_.handle(), nullptr, 0);
  monitor_.Close();
  dealer_.Close();
}

void PipelineClient::State::Enqueue(CallState call) {
  const uint64_t id = call.header.id;
  const int64_t deadline_ns = call.deadline_ns;
  const bool may_wait = call.no_room == NoRoom::kWait;
  calls_.emplace(id, std::move(call));
  if (closed_) return End(id, Unavailable("the connection to " + options_.address + " was closed"));
  if (deadline_ns <= NowNs()) return OnDeadline(id);
  if (down_since_ns_ != 0 &&
      NowNs() - down_since_ns_ > options_.limits.connect_timeout_ms * kNsPerMs) {
    return End(id, Unavailable("no connection to " + options_.address));
  }
  calls_[id].timer =
      loop_.RunAt(deadline_ns, [self = shared_from_this(), id] { self->OnDeadline(id); });
  waiting_.push_back(id);
  Flush();
  if (may_wait) return;
  const auto it = calls_.find(id);
  if (it == calls_.end() || it->second.sent) return;
  if (!waiting_.empty() && waiting_.back() == id) waiting_.pop_back();
  if (down_since_ns_ != 0) return End(id, Unavailable("no connection to " + options_.address));
  End(id, ResourceExhausted("the credit at " + options_.address + " is used up").WithReason(contract::kBackendBusy));
}

void PipelineClient::State::Flush() {
  if (hello_due_ && down_since_ns_ == 0) {
    if (!SendControl(Kind::kHello, 0)) return RetrySoon();
    hello_due_ = false;
  }
  while (!waiting_.empty() && down_since_ns_ == 0) {
    const uint64_t id = waiting_.front();
    const auto it = calls_.find(id);
    if (it == calls_.end()) {
      waiting_.pop_front();
      continue;
    }
    CallState& call = it->second;
    // A request larger than the credit goes when it is alone.
    if (sent_count_ >= options_.limits.outstanding_max ||
        (sent_bytes_ > 0 && sent_bytes_ + call.bytes > credit_bytes_)) {
      return;
    }
    if (!SendCall(call)) return RetrySoon();
    waiting_.pop_front();
  }
}

bool PipelineClient::State::SendCall(CallState& call) {
  const int64_t left_ns = std::max<int64_t>(call.deadline_ns - NowNs(), 0);
  call.header.deadline_ms = static_cast<uint64_t>((left_ns + kNsPerMs - 1) / kNsPerMs);
  Frames frames = MakeFrames(Frame(EncodeEnvelope(call.header)), std::move(call.payload));
  if (dealer_.Send(frames) != Socket::Io::kDone) {
    call.payload = std::move(frames[1]);
    return false;
  }
  call.sent = true;
  ++sent_count_;
  sent_bytes_ += call.bytes;
  return true;
}

bool PipelineClient::State::SendControl(Kind kind, uint64_t id) {
  Frames frames = MakeFrames(Frame(EncodeEnvelope({.kind = kind, .id = id})));
  return dealer_.Send(frames) == Socket::Io::kDone;
}

void PipelineClient::State::RetrySoon() {
  if (std::exchange(retry_armed_, true)) return;
  loop_.RunAt(NowNs() + kSendRetryNs, [self = shared_from_this()] {
    self->retry_armed_ = false;
    if (!self->closed_) self->Flush();
  });
}

void PipelineClient::State::End(uint64_t id, Result<Frame> outcome) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  CallState call = std::move(it->second);
  calls_.erase(it);
  if (call.timer != 0) loop_.CancelTimer(call.timer);
  if (call.sent) {
    --sent_count_;
    sent_bytes_ -= call.bytes;
  }
  Release(call.bytes);
  if (!outcome.ok()) CountFailure(outcome.status());
  call.done(std::move(outcome));
}

void PipelineClient::State::OnReadable() {
  Frames frames;
  for (int i = 0; i < kMessagesPerWake; ++i) {
    const Socket::Io io = dealer_.Receive(frames, 2);
    if (io == Socket::Io::kWouldBlock || io == Socket::Io::kFailed) break;
    if (io == Socket::Io::kDone) OnMessage(frames);
    if (closed_) return;
  }
  Flush();
}

void PipelineClient::State::OnMessage(Frames& frames) {
  Result<Envelope> header = DecodeEnvelope(frames[0].bytes());
  if (!header.ok()) {
    Log(LogLevel::kWarn, "unreadable pipeline answer",
        {{"peer", options_.address}, {"error", header.status().message()}});
    return;
  }
  switch (header->kind) {
    case Kind::kCredit:
      credit_bytes_ = header->credit_bytes;
      return;
    case Kind::kOk:
      if (frames.size() < 2)
        return End(header->id, Internal("an answer of " + options_.address + " has no payload"));
      return End(header->id, std::move(frames[1]));
    case Kind::kBusy:
    case Kind::kError:
      return End(header->id, header->status);
    case Kind::kHello:
    case Kind::kAppend:
    case Kind::kExecute:
    case Kind::kCancel:
    case Kind::kPullJobs:
    case Kind::kJobHeartbeat:
    case Kind::kFinishJob:
    case Kind::kReturnJob:
      return;  // requests; servers do not send them
  }
}

void PipelineClient::State::OnMonitor() {
  Frames frames;
  for (int i = 0; i < kMessagesPerWake; ++i) {
    if (monitor_.Receive(frames, 2) != Socket::Io::kDone) return;
    uint16_t event = 0;
    if (frames[0].size() < sizeof event) continue;
    std::memcpy(&event, frames[0].bytes().data(), sizeof event);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) OnConnected();
    if (event == ZMQ_EVENT_DISCONNECTED) {
      // Answers that came before the end count.
      OnReadable();
      OnDisconnected();
    }
    if (closed_) return;
  }
}

void PipelineClient::State::OnConnected() {
  down_since_ns_ = 0;
  connected_ = true;
  if (connect_timer_ != 0) loop_.CancelTimer(std::exchange(connect_timer_, 0));
  hello_due_ = true;
  Flush();
}

void PipelineClient::State::OnDisconnected() {
  if (closed_ || down_since_ns_ != 0) return;
  down_since_ns_ = NowNs();
  connected_ = false;
  disconnects_metric_.Add();
  credit_bytes_ = options_.limits.initial_credit_bytes;
  std::vector<uint64_t> ids;
  for (const auto& [id, call] : calls_) {
    if (call.sent) ids.push_back(id);
  }
  Log(LogLevel::kWarn, "pipeline connection lost",
      {{"peer", options_.address}, {"requests", ids.size()}});
  for (uint64_t id : ids) {
    End(id, Unavailable("the connection to " + options_.address +
                        " broke while the request was under way"));
  }
  ArmConnectTimer();
}

void PipelineClient::State::ArmConnectTimer() {
  connect_timer_ = loop_.RunAt(NowNs() + options_.limits.connect_timeout_ms * kNsPerMs,
                               [self = shared_from_this()] { self->OnConnectTimeout(); });
}

void PipelineClient::State::OnConnectTimeout() {
  connect_timer_ = 0;
  std::deque<uint64_t> ids;
  ids.swap(waiting_);
  for (uint64_t id : ids) End(id, Unavailable("no connection to " + options_.address));
}

void PipelineClient::State::OnDeadline(uint64_t id) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  it->second.timer = 0;
  GiveUp(id, DeadlineExceeded(it->second.sent
                                  ? options_.address + " did not answer before the deadline"
                                  : "the deadline passed while waiting for a turn to " +
                                        options_.address));
}

void PipelineClient::State::OnCancel(uint64_t id) {
  if (calls_.contains(id)) GiveUp(id, Status(Code::kCancelled, "the request was cancelled"));
}

void PipelineClient::State::GiveUp(uint64_t id, Status status) {
  // Lost when there is no connection, and then it is not needed.
  if (calls_[id].sent) (void)SendControl(Kind::kCancel, id);
  End(id, std::move(status));
  if (!closed_) Flush();
}

Result<std::unique_ptr<PipelineClient>> PipelineClient::Open(Loop& loop, Options options,
                                                             MetricsRegistry& metrics) {
  auto state = std::make_shared<State>(loop, std::move(options), metrics);
  Status opened = Unavailable("the pipeline is stopping");
  loop.RunAndWait([&] { opened = state->Open(); });
  if (!opened.ok()) return opened.Annotate("pipeline client of \"" + state->address() + "\"");
  return std::unique_ptr<PipelineClient>(new PipelineClient(std::move(state)));
}

PipelineClient::~PipelineClient() {
  (void)state_->inbox().PostCompletion([state = state_] {
    state->Close(Unavailable("the connection to " + state->address() + " was closed"));
  });
}

uint64_t PipelineClient::Call(const contract::RequestContext& context, Envelope header,
                              std::string payload, Done done, NoRoom no_room) {
  return state_->Start(context, std::move(header), std::move(payload), std::move(done), no_room);
}

void PipelineClient::Cancel(uint64_t id) { state_->Cancel(id); }

Status PipelineClient::Ready() const { return state_->Ready(); }
const std::string& PipelineClient::address() const { return state_->address(); }

}  // namespace brazier::pipeline
