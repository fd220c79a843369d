#include "common/rpc/thrift_channel.h"

#include <thrift/TApplicationException.h>
#include <thrift/protocol/TProtocolException.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "common/rpc/convert_status.h"
#include "common/rpc/rpc_metrics.h"
#include "common/rpc/thrift_log.h"

namespace brazier::rpc {

using apache::thrift::TApplicationException;
using apache::thrift::transport::TTransportException;

namespace {

// Kept back from the deadline that is sent, so that the answer "deadline exceeded" itself arrives in time.
constexpr int64_t kAnswerTravelMsMax = 20;

int64_t DeadlineMsToSend(int64_t left_ns) {
  const int64_t left_ms = left_ns / kNsPerMs;
  return std::max<int64_t>(1, left_ms - std::min(left_ms / 10, kAnswerTravelMsMax));
}

Status ParseAddress(const std::string& text, std::string& host, int& port) {
  const size_t colon = text.rfind(':');
  const Status bad = InvalidArgument("address \"" + text + "\" is not host:port");
  if (colon == std::string::npos || colon == 0) return bad;
  host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || parsed != end || port < 1 || port > 65535) return bad;
  return Status::Ok();
}

}  // namespace

struct ThriftChannel::Connection {
  AddressPtr address;
  std::shared_ptr<DeadlineSocket> socket;
  Protocol protocol;  // multiplexed
};

ThriftChannel::ThriftChannel(ClientOptions options, std::string service, const Clock& clock,
                             Random& random, MetricsRegistry& metrics)
    : options_(std::move(options)),
      service_(std::move(service)),
      clock_(clock),
      random_(random),
      metrics_(metrics),
      calls_(metrics, service_, CallMetrics::Side::kClient),
      interrupt_(std::make_shared<Interrupt>()),
      budget_(options_.retry_budget) {
  RouteThriftMessages();
  if (options_.addresses.empty()) address_error_ = InvalidArgument("no address of " + service_);
  for (const std::string& text : options_.addresses) {
    Address address{.text = text};
    if (Status status = ParseAddress(text, address.host, address.port); !status.ok()) {
      address_error_ = status;
    }
    addresses_.push_back(std::make_shared<const Address>(std::move(address)));
  }
}

ThriftChannel::~ThriftChannel() { Shutdown(); }

void ThriftChannel::Shutdown() {
  {
    std::lock_guard lock(mu_);
    if (shut_down_) return;
    shut_down_ = true;
    idle_.clear();
  }
  interrupt_->Raise();
  stopping_.notify_all();
}

contract::RequestContext ThriftChannel::DefaultContext() const {
  return {.request_id = "",
          .deadline_ns = clock_.MonotonicNs() + options_.default_timeout_ms * kNsPerMs};
}

Status ThriftChannel::Call(
    const contract::RequestContext& context, const char* method,
    const std::function<void(const Protocol&, const idl::RequestHeader&)>& call) {
  const int64_t start_ns = clock_.MonotonicNs();
  const Status status = CallWithRepeats(context, call);
  const double seconds = static_cast<double>(clock_.MonotonicNs() - start_ns) / kNsPerSecond;
  calls_.Count(method, status.code(), seconds);
  return status;
}

Status ThriftChannel::CallWithRepeats(
    const contract::RequestContext& context,
    const std::function<void(const Protocol&, const idl::RequestHeader&)>& call) {
  RETURN_IF_ERROR(address_error_);
  bool was_redirected = false;
  int timeouts = 0;
  for (int attempt = 1;; ++attempt) {
    const AddressPtr address = CurrentAddress();
    const Outcome outcome = Attempt(context, timeouts, address, call);
    if (outcome.failure != nullptr) CountPeerFailure(metrics_, address->text, outcome.failure);
    if (outcome.status.ok()) {
      budget_.Earn();
      return outcome.status;
    }
    if (!outcome.repeat) return outcome.status;
    if (outcome.out_of_time) ++timeouts;
    // Once without a pause: while a leader is being elected members may point at each other.
    const bool at_once = FollowRedirect(address, outcome.status) && !was_redirected;
    was_redirected |= at_once;
    if (attempt >= options_.attempts_max || !budget_.Spend() ||
        (!at_once && !Pause(attempt, context.deadline_ns))) {
      return outcome.status;
    }
    ClientRetries(metrics_, service_).Add();
  }
}

ThriftChannel::Outcome ThriftChannel::Attempt(
    const contract::RequestContext& context, int timeouts, const AddressPtr& address,
    const std::function<void(const Protocol&, const idl::RequestHeader&)>& call) {
  if (context.deadline_ns <= clock_.MonotonicNs()) {
    return {.status = DeadlineExceeded("deadline reached before " + service_ + " of " +
                                       address->text + " was asked")};
  }
  const int64_t deadline_ns = AttemptDeadline(timeouts, context.deadline_ns);
  std::unique_ptr<Connection> connection = TakeIdle(address);
  if (connection == nullptr) {
    auto opened = Open(address, deadline_ns);
    if (!opened.ok()) {
      return {.status = opened.status(), .repeat = true, .failure = "connect"};
    }
    connection = *std::move(opened);
  }
  connection->socket->SetReadDeadline(deadline_ns);
  connection->socket->SetWriteDeadline(deadline_ns);
  idl::RequestHeader header;
  header.request_id = context.request_id;
  header.deadline_ms = DeadlineMsToSend(deadline_ns - clock_.MonotonicNs());
  Outcome outcome = Exchange([&] { call(connection->protocol, header); });
  if (outcome.healthy) PutIdle(std::move(connection));
  if (outcome.status.code() == Code::kDeadlineExceeded && deadline_ns < context.deadline_ns) {
    // The attempt's time is over, not the call's: another member may be quicker.
    outcome.status = Unavailable("no answer in the time of one attempt");
    outcome.repeat = true;
    outcome.out_of_time = true;
    outcome.failure = "timeout";
  }
  if (outcome.failure != nullptr) {
    outcome.status = outcome.status.Annotate(service_ + " of " + address->text);
  }
  return outcome;
}

ThriftChannel::Outcome ThriftChannel::Exchange(const std::function<void()>& exchange) const {
  try {
    exchange();
    return {.status = Status::Ok(), .healthy = true};
  } catch (const idl::BrazierError& error) {
    Status status = FromWire(error);
    const auto& final_reasons = options_.final_reasons;
    const bool repeat =
        status.code() == Code::kUnavailable &&
        std::find(final_reasons.begin(), final_reasons.end(), status.reason()) == final_reasons.end();
    return {.status = std::move(status), .healthy = true, .repeat = repeat,
            .failure = repeat ? "refused" : nullptr};
  } catch (const TTransportException& error) {
    switch (error.getType()) {
      case TTransportException::TIMED_OUT:
        return {.status = DeadlineExceeded("no answer before the deadline"), .failure = "timeout"};
      case TTransportException::INTERRUPTED:
        return {.status = Unavailable("the client is shutting down")};
      case TTransportException::BAD_ARGS:  // only FramedTransport::writeSlow: nothing was sent
        return {.status = InvalidArgument(error.what()).WithReason("message_size_limit")};
      case TTransportException::CORRUPTED_DATA:
        return {.status = Internal(error.what()), .failure = "protocol"};
      default:
        return {.status = Unavailable(error.what()), .repeat = true, .failure = "lost"};
    }
  } catch (const TApplicationException& error) {
    const bool unknown = error.getType() == TApplicationException::UNKNOWN_METHOD ||
                         error.getType() == TApplicationException::PROTOCOL_ERROR;
    return {.status = Status(unknown ? Code::kUnimplemented : Code::kInternal, error.what()),
            .failure = "protocol"};
  } catch (const std::exception& error) {
    return {.status = Internal(std::string("malformed answer: ") + error.what()),
            .failure = "protocol"};
  }
}

std::unique_ptr<ThriftChannel::Connection> ThriftChannel::TakeIdle(const AddressPtr& address) {
  std::vector<std::unique_ptr<Connection>> dead;  // closed after the lock is released
  std::lock_guard lock(mu_);
  while (!idle_.empty()) {
    // The last one has waited least; what lies below it may be to an address we moved on from.
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->address == address && connection->socket->IdleAndAlive()) return connection;
    dead.push_back(std::move(connection));
  }
  return nullptr;
}

void ThriftChannel::PutIdle(std::unique_ptr<Connection> connection) {
  std::unique_ptr<Connection> surplus;
  std::lock_guard lock(mu_);
  if (shut_down_ || idle_.size() >= options_.idle_connections_max) {
    surplus = std::move(connection);
    return;
  }
  idle_.push_back(std::move(connection));
}

Result<std::unique_ptr<ThriftChannel::Connection>> ThriftChannel::Open(const AddressPtr& address,
                                                                       int64_t deadline_ns) {
  if (interrupt_->raised()) return Unavailable("the client is shutting down");
  auto socket = std::make_shared<DeadlineSocket>(address->host, address->port, clock_, interrupt_,
                                                 MakeConfiguration(options_.frame));
  const int64_t left_ms = (deadline_ns - clock_.MonotonicNs()) / kNsPerMs + 1;
  socket->setConnTimeout(
      static_cast<int>(std::clamp<int64_t>(left_ms, 1, options_.connect_timeout_ms)));
  try {
    socket->open();
  } catch (const std::exception& error) {
    return Unavailable("cannot connect to " + service_ + " at " + address->text + ": " + error.what());
  }
  auto framed = std::make_shared<FramedTransport>(socket, options_.frame);
  auto compact = std::make_shared<BoundedCompactProtocol>(std::move(framed));
  auto protocol =
      std::make_shared<apache::thrift::protocol::TMultiplexedProtocol>(std::move(compact), service_);
  return std::make_unique<Connection>(
      Connection{.address = address, .socket = std::move(socket), .protocol = std::move(protocol)});
}

ThriftChannel::AddressPtr ThriftChannel::CurrentAddress() {
  std::lock_guard lock(mu_);
  return redirected_ != nullptr ? redirected_ : addresses_[current_];
}

void ThriftChannel::MoveOn(const AddressPtr& failed) {
  std::lock_guard lock(mu_);
  // Another call may have moved on already.
  if (redirected_ != nullptr) {
    if (redirected_ == failed) redirected_ = nullptr;
  } else if (addresses_[current_] == failed) {
    current_ = (current_ + 1) % addresses_.size();
  }
}

bool ThriftChannel::FollowRedirect(const AddressPtr& from, const Status& status) {
  Address leader{.text = status.redirect()};
  // One that names itself has an old view of the group.
  if (!options_.follow_redirects || status.reason() != "not_leader" || leader.text == from->text ||
      !ParseAddress(leader.text, leader.host, leader.port).ok()) {
    MoveOn(from);
    return false;
  }
  std::lock_guard lock(mu_);
  if (redirected_ != nullptr && redirected_->text == leader.text) return true;
  for (size_t i = 0; i < addresses_.size(); ++i) {
    if (addresses_[i]->text != leader.text) continue;
    current_ = i;
    redirected_ = nullptr;
    return true;
  }
  redirected_ = std::make_shared<const Address>(std::move(leader));
  return true;
}

int64_t ThriftChannel::AttemptDeadline(int timeouts, int64_t deadline_ns) {
  if (options_.first_attempt_ms <= 0) return deadline_ns;
  {
    std::lock_guard lock(mu_);
    if (addresses_.size() < 2 && redirected_ == nullptr) return deadline_ns;
  }
  constexpr int kDoublingsMax = 10;  // half an hour from 2 s
  const int64_t attempt_ns = options_.first_attempt_ms * kNsPerMs
                             << std::min(timeouts, kDoublingsMax);
  return std::min(deadline_ns, clock_.MonotonicNs() + attempt_ns);
}

bool ThriftChannel::Pause(int attempt, int64_t deadline_ns) {
  int64_t pause_ms = options_.first_backoff_ms;
  for (int i = 1; i < attempt && pause_ms < options_.last_backoff_ms; ++i) pause_ms *= 2;
  pause_ms = std::min(pause_ms, options_.last_backoff_ms);
  // Between half and all of it, so that callers that failed together do not come back together.
  const int64_t pause_ns =
      pause_ms * kNsPerMs / 2 + static_cast<int64_t>(random_.Next() % (pause_ms * kNsPerMs / 2 + 1));
  if (clock_.MonotonicNs() + pause_ns >= deadline_ns) return false;
  std::unique_lock lock(mu_);
  return !stopping_.wait_for(lock, std::chrono::nanoseconds(pause_ns), [&] { return shut_down_; });
}

}  // namespace brazier::rpc
