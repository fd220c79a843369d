// ThriftChannel: calls one service of one peer (or of several equal ones): pooled connections, deadlines, repeats.
//
// A call takes an idle connection or opens one, sends the remaining time along, and ends at its deadline whatever the
// peer does. All our methods are idempotent, so an attempt that failed in transit or with kUnavailable is repeated
// within ClientOptions. Where a peer says that it does not lead and who does, the next attempt goes there, the first time
// in a call at once; the leader need not be among the addresses. Includes Thrift: only for .cc files of this folder. Thread-safe.
#pragma once

#include <thrift/protocol/TMultiplexedProtocol.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/observe/metrics.h"
#include "common/rpc/client_options.h"
#include "common/rpc/deadline_socket.h"
#include "common/rpc/framed_transport.h"
#include "common/rpc/retry_budget.h"
#include "common/rpc/rpc_metrics.h"
#include "idl/types_types.h"

namespace brazier::rpc {

using Protocol = std::shared_ptr<apache::thrift::protocol::TProtocol>;

class ThriftChannel {
 public:
  // service: the multiplexed name. `clock`, `random` and `metrics` outlive the channel.
  ThriftChannel(ClientOptions options, std::string service, const Clock& clock, Random& random,
                MetricsRegistry& metrics);
  ~ThriftChannel();

  // Runs `call` with a protocol to make a generated client of, and the header to send. It may run several times.
  // What it throws becomes the status.
  Status Call(const contract::RequestContext& context, const char* method,
              const std::function<void(const Protocol&, const idl::RequestHeader&)>& call);
  // A context with the default timeout, for calls that come without one.
  contract::RequestContext DefaultContext() const;
  // Fails all calls that run, and all later ones, with kUnavailable.
  void Shutdown();

  const Clock& clock() const { return clock_; }

 private:
  struct Connection;
  struct Address {
    std::string text;
    std::string host;
    int port = 0;
  };
  using AddressPtr = std::shared_ptr<const Address>;  // connections outlive a redirect
  // How an attempt ended. The connection is fit for another call only when `healthy`.
  struct Outcome {
    Status status;
    bool healthy = false;
    bool repeat = false;      // another attempt may succeed
    bool out_of_time = false;       // no answer in the time of this attempt, which is not the call's
    const char* failure = nullptr;  // for the metric; null when the peer answered in order
  };

  Status CallWithRepeats(const contract::RequestContext& context,
                         const std::function<void(const Protocol&, const idl::RequestHeader&)>& call);
  // `timeouts`: attempts of this call that ended without an answer.
  Outcome Attempt(const contract::RequestContext& context, int timeouts, const AddressPtr& address,
                  const std::function<void(const Protocol&, const idl::RequestHeader&)>& call);
  Outcome Exchange(const std::function<void()>& exchange) const;
  std::unique_ptr<Connection> TakeIdle(const AddressPtr& address);
  void PutIdle(std::unique_ptr<Connection> connection);
  Result<std::unique_ptr<Connection>> Open(const AddressPtr& address, int64_t deadline_ns);
  AddressPtr CurrentAddress();
  void MoveOn(const AddressPtr& failed);
  // True when `status` names a leader that is worth asking, which is the current address from now on.
  bool FollowRedirect(const AddressPtr& from, const Status& status);
  // Until when this attempt may take, at most the call's deadline.
  int64_t AttemptDeadline(int timeouts, int64_t deadline_ns);
  // False when the pause would outlast the deadline, or at shutdown.
  bool Pause(int attempt, int64_t deadline_ns);

  const ClientOptions options_;
  const std::string service_;
  const Clock& clock_;
  Random& random_;
  MetricsRegistry& metrics_;
  CallMetrics calls_;
  std::vector<AddressPtr> addresses_;
  Status address_error_;
  const std::shared_ptr<Interrupt> interrupt_;
  RetryBudget budget_;

  std::mutex mu_;
  std::condition_variable stopping_;
  bool shut_down_ = false;                         // guarded by mu_
  size_t current_ = 0;                             // guarded by mu_; into addresses_
  AddressPtr redirected_;                          // guarded by mu_; asked instead of it, unless null
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mu_; the last used is last
};

}  // namespace brazier::rpc
