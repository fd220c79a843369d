// Who else lives: the process's view of the cluster, and the connections that follow from it.
//
// Membership says every second to the metastore that this process lives, fetches the list of members, and keeps one
// connection per living segment-writer and query-backend. The roles see contract::SegmentWriterPeers and
// QueryBackendPeers: cached lists, replaced as a whole. While the metastore does not answer, the last list stays: a
// silent metastore says nothing about the writers, and their own errors do.
//
// LocalPeers is the same for a process that plays every role: one peer each, the objects themselves.
//
// Ownership: borrows the metastore; the connections belong to the lists and to whoever still holds one. Threads: Live()
// is thread-safe; RunOnce has one caller at a time, the thread of Start().
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/metastore.h"
#include "common/contract/peers.h"
#include "common/observe/metrics.h"

namespace brazier::app {

// A list that readers take as a whole. Thread-safe.
template <typename Base, typename Peer>
class PeerList final : public Base {
 public:
  using List = std::shared_ptr<const std::vector<Peer>>;
  PeerList() : list_(std::make_shared<const std::vector<Peer>>()) {}
  List Live() override {
    std::lock_guard lock(mu_);
    return list_;
  }
  void Replace(std::vector<Peer> peers) {
    auto list = std::make_shared<const std::vector<Peer>>(std::move(peers));
    std::lock_guard lock(mu_);
    list_.swap(list);  // the old list, and with it connections, ends after the lock
  }

 private:
  std::mutex mu_;
  List list_;  // guarded by mu_
};

using SegmentWriterPeerList = PeerList<contract::SegmentWriterPeers, contract::SegmentWriterPeer>;
using QueryBackendPeerList = PeerList<contract::QueryBackendPeers, contract::QueryBackendPeer>;

// The query-backends that a query-backend may share its plans with: all but itself. Nobody until Follow(): the backend is there
// before the process has joined the cluster. Thread-safe; one Follow().
class OtherQueryBackends final : public contract::QueryBackendPeers {
 public:
  explicit OtherQueryBackends(std::string self_id) : self_id_(std::move(self_id)) {}
  std::shared_ptr<const std::vector<contract::QueryBackendPeer>> Live() override;
  // `all` outlives every later Live().
  void Follow(contract::QueryBackendPeers& all) { all_.store(&all); }

 private:
  const std::string self_id_;
  std::atomic<contract::QueryBackendPeers*> all_{nullptr};
};

// How to reach a member. A member without a pipeline address is never asked for.
struct PeerFactories {
  std::function<std::shared_ptr<contract::SegmentWriter>(const Member&)> segment_writer;
  std::function<std::shared_ptr<contract::QueryBackend>(const Member&)> query_backend;
  // Told after each look at the list where metastore members give compaction jobs. May be empty: nobody here wants to know.
  std::function<void(const std::vector<std::string>&)> jobs_addresses = nullptr;
};

class Membership {
 public:
  Membership(Member self, contract::Metastore& metastore, PeerFactories factories,
             const Clock& clock, Random& random, MetricsRegistry& metrics);
  ~Membership();  // stops

  // One heartbeat and one look at the list. The deadline of both calls is in the request context made here.
  void RunOnce();
  // Calls RunOnce every Member::kHeartbeatIntervalMs until Stop.
  void Start();
  // Says at once that this process drains: the others send nothing new.
  void AnnounceDraining();
  void Stop();

  contract::SegmentWriterPeers& segment_writers() { return segment_writers_; }
  contract::QueryBackendPeers& query_backends() { return query_backends_; }

 private:
  void Apply(const MemberList& list);
  contract::RequestContext MakeContext();

  contract::Metastore& metastore_;
  const PeerFactories factories_;
  const Clock& clock_;
  Random& random_;
  Counter& heartbeat_failures_;
  Gauge& segment_writer_count_;
  Gauge& query_backend_count_;
  SegmentWriterPeerList segment_writers_;
  QueryBackendPeerList query_backends_;

  std::mutex run_mu_;  // one RunOnce at a time
  Member self_;        // guarded by run_mu_
  bool reached_ = true;  // the metastore, in the last round; guarded by run_mu_
  // Connections by member id, kept while id and address stay the same. Guarded by run_mu_.
  std::map<std::string, contract::SegmentWriterPeer> writer_connections_;
  std::map<std::string, contract::QueryBackendPeer> backend_connections_;
  std::map<std::string, int64_t> listed_ns_;  // by member id: the last list that named it. Guarded by run_mu_.

  std::mutex stop_mu_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;  // guarded by stop_mu_
  std::thread thread_;
};

// REQUIRES: the role outlives every user of the peer.
contract::SegmentWriterPeer LocalPeer(const Member& self, contract::SegmentWriter& writer);
contract::QueryBackendPeer LocalPeer(const Member& self, contract::QueryBackend& backend);

}  // namespace brazier::app
