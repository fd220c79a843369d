#include "app/peers.h"

#include <algorithm>
#include <chrono>

#include <pthread.h>

#include "common/observe/log.h"
#include "common/observe/request_id.h"

namespace brazier::app {
namespace {

bool Plays(const Member& member, std::string_view role) {
  return std::find(member.roles.begin(), member.roles.end(), role) != member.roles.end();
}

// The connections of the members that play `role`: old ones are kept, new ones made, others let go, unless `outlasts`
// wants one that the list does not name.
template <typename Peer, typename Connect, typename Same, typename Outlasts>
std::map<std::string, Peer> Refresh(const MemberList& list, std::string_view role,
                                    const std::string& self_id,
                                    const std::map<std::string, Peer>& old, const Connect& connect,
                                    const Same& keep, const Outlasts& outlasts) {
  std::map<std::string, Peer> fresh;
  for (const auto& [id, peer] : old) {
    if (outlasts(peer)) fresh.emplace(id, peer);
  }
  for (const Member& member : list.members) {
    if (!Plays(member, role) || member.pipeline_address.empty()) continue;
    // What came in here before this process began to drain may still use its own workers.
    if (member.draining && member.id != self_id) continue;
    const auto known = old.find(member.id);
    if (known != old.end() && known->second.member.pipeline_address == member.pipeline_address) {
      fresh.emplace(member.id, keep(known->second, member));
    } else if (auto connection = connect(member); connection != nullptr) {
      fresh.emplace(member.id, Peer{member, std::move(connection)});
    }
  }
  return fresh;
}

// Of all metastore members, whoever leads: a worker finds the leader by asking them.
std::vector<std::string> JobsAddresses(const MemberList& list) {
  std::vector<std::string> addresses;
  for (const Member& member : list.members) {
    if (Plays(member, "metastore") && !member.jobs_address.empty()) addresses.push_back(member.jobs_address);
  }
  return addresses;
}

template <typename Peer>
std::vector<Peer> Values(const std::map<std::string, Peer>& peers) {
  std::vector<Peer> out;  // sorted by member id, as the map is
  out.reserve(peers.size());
  for (const auto& [id, peer] : peers) out.push_back(peer);
  return out;
}

}  // namespace

Membership::Membership(Member self, contract::Metastore& metastore, PeerFactories factories,
                       const Clock& clock, Random& random, MetricsRegistry& metrics)
    : metastore_(metastore),
      factories_(std::move(factories)),
      clock_(clock),
      random_(random),
      heartbeat_failures_(metrics.GetCounter(
          "brazier_member_heartbeat_failures_total",
          "Heartbeats or member lists that the metastore did not answer.")),
      segment_writer_count_(metrics.GetGauge("brazier_peers", "Living peers that this process knows.",
                                             {{"role", "segment-writer"}})),
      query_backend_count_(metrics.GetGauge("brazier_peers", "Living peers that this process knows.",
                                            {{"role", "query-backend"}})),
      self_(std::move(self)) {}

Membership::~Membership() { Stop(); }

contract::RequestContext Membership::MakeContext() {
  // Half a heartbeat's life: a call that hangs must not let this member be forgotten.
  return {MakeRequestId(random_), clock_.MonotonicNs() + MemberList::kTtlMs / 2 * kNsPerMs};
}

void Membership::RunOnce() {
  std::lock_guard lock(run_mu_);
  const contract::RequestContext context = MakeContext();
  Status status = metastore_.Heartbeat(context, self_);
  if (status.ok()) {
    auto members = metastore_.Members(context);
    if (members.ok()) {
      Apply(*members);
    } else {
      status = members.status();
    }
  }
  if (!status.ok()) heartbeat_failures_.Add();
  // One line per change, not one per second; the counter has the rest.
  if (status.ok() != reached_) {
    reached_ = status.ok();
    Log(reached_ ? LogLevel::kInfo : LogLevel::kWarn,
        reached_ ? "metastore takes heartbeats" : "metastore does not take heartbeats",
        {{"request_id", context.request_id}, {"error", status.message()}});
  }
}

void Membership::Apply(const MemberList& list) {
  const size_t known = writer_connections_.size() + backend_connections_.size();
  const int64_t now_ns = clock_.MonotonicNs();
  for (const Member& member : list.members) listed_ns_[member.id] = now_ns;
  std::erase_if(listed_ns_, [now_ns](const auto& item) {
    return now_ns - item.second > MemberList::kTtlMs * kNsPerMs;
  });
  // A metastore member that has just begun to lead knows only who has spoken to it since. Those that the last leader knew
  // stay as long as one would have waited for their heartbeat, if their connection lives.
  const auto outlasts = [&](const Member& member, auto& role) {
    const auto listed = listed_ns_.find(member.id);
    return listed != listed_ns_.end() && listed->second != now_ns && role.Ready().ok();
  };
  writer_connections_ = Refresh(
      list, "segment-writer", self_.id, writer_connections_, factories_.segment_writer,
      [](const contract::SegmentWriterPeer& peer, const Member& member) {
        return contract::SegmentWriterPeer{member, peer.writer};
      },
      [&](const contract::SegmentWriterPeer& peer) { return outlasts(peer.member, *peer.writer); });
  backend_connections_ = Refresh(
      list, "query-backend", self_.id, backend_connections_, factories_.query_backend,
      [](const contract::QueryBackendPeer& peer, const Member& member) {
        return contract::QueryBackendPeer{member, peer.backend};
      },
      [&](const contract::QueryBackendPeer& peer) { return outlasts(peer.member, *peer.backend); });
  segment_writer_count_.Set(static_cast<int64_t>(writer_connections_.size()));
  query_backend_count_.Set(static_cast<int64_t>(backend_connections_.size()));
  if (factories_.jobs_addresses) factories_.jobs_addresses(JobsAddresses(list));
  segment_writers_.Replace(Values(writer_connections_));
  query_backends_.Replace(Values(backend_connections_));
  if (known != writer_connections_.size() + backend_connections_.size()) {
    Log(LogLevel::kInfo, "peers changed",
        {{"version", list.version},
         {"segment_writers", writer_connections_.size()},
         {"query_backends", backend_connections_.size()}});
  }
}

void Membership::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "membership");
    std::unique_lock lock(stop_mu_);
    while (!stopping_) {
      lock.unlock();
      RunOnce();
      lock.lock();
      stop_changed_.wait_for(lock, std::chrono::milliseconds(MemberList::kHeartbeatIntervalMs),
                             [this] { return stopping_; });
    }
  });
}

void Membership::AnnounceDraining() {
  std::lock_guard lock(run_mu_);
  self_.draining = true;
  const contract::RequestContext context = MakeContext();
  if (const Status status = metastore_.Heartbeat(context, self_); !status.ok()) {
    heartbeat_failures_.Add();
    Log(LogLevel::kWarn, "the cluster was not told that this process drains",
        {{"request_id", context.request_id}, {"error", status.ToString()}});
  }
}

void Membership::Stop() {
  {
    std::lock_guard lock(stop_mu_);
    stopping_ = true;
  }
  stop_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const std::vector<contract::QueryBackendPeer>> OtherQueryBackends::Live() {
  auto others = std::make_shared<std::vector<contract::QueryBackendPeer>>();
  if (contract::QueryBackendPeers* all = all_.load()) {
    for (const contract::QueryBackendPeer& peer : *all->Live()) {
      if (peer.member.id != self_id_) others->push_back(peer);
    }
  }
  return others;
}

contract::SegmentWriterPeer LocalPeer(const Member& self, contract::SegmentWriter& writer) {
  return {self, std::shared_ptr<contract::SegmentWriter>(std::shared_ptr<void>(), &writer)};
}

contract::QueryBackendPeer LocalPeer(const Member& self, contract::QueryBackend& backend) {
  return {self, std::shared_ptr<contract::QueryBackend>(std::shared_ptr<void>(), &backend)};
}

}  // namespace brazier::app
