#include "app/wiring.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <unistd.h>

#include "app/cluster.h"
#include "app/directory_lock.h"
#include "app/doors.h"
#include "app/greeting.h"
#include "app/peers.h"
#include "app/readiness.h"
#include "app/remote_metastore.h"
#include "app/role_options.h"
#include "app/target.h"
#include "app/version.h"
#include "common/base/check.h"
#include "common/config/overrides.h"
#include "common/observe/log.h"
#include "common/pipeline/compaction_jobs_client.h"
#include "common/rpc/group_client.h"
#include "common/rpc/metastore_client.h"
#include "server/distributor/distributor.h"
#include "server/metastore/group/raft_endpoint.h"
#include "server/metastore/metastore_role.h"
#include "server/query_frontend/query_frontend.h"
#include "server/query_frontend/suspect_reporter.h"
#include "store/object/filesystem_object_store.h"
#include "worker/compaction/compaction_worker.h"
#include "worker/query_backend/query_backend.h"
#include "worker/segment_writer/segment_writer.h"

namespace brazier::app {
namespace {

// How long the others may still send to a process that has told the metastore that it drains.
constexpr auto kDrainNoticeTime =
    std::chrono::milliseconds(MemberList::kHeartbeatIntervalMs + 200);

// A leader that stops has moved on by then, or the others notice by themselves.
constexpr int64_t kLeadershipMoveNs = 3 * kNsPerSecond;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

// Unique and stable per process slot: two processes of one host differ in roles or in the port of the pipeline.
std::string MemberIdOf(const config::Config& config, const Roles& roles) {
  if (!config.member_id.empty()) return config.member_id;
  std::string id = HostName();
  if (roles.IsAll()) return id;
  for (const std::string& role : roles.Names()) id += "-" + role;
  const size_t colon = config.pipeline.listen.rfind(':');
  if (roles.ServesPipeline() && colon != std::string::npos) {
    id += "-" + config.pipeline.listen.substr(colon + 1);
  }
  return id;
}

}  // namespace

class Process::Impl {
 public:
  explicit Impl(const config::Config& config, const Roles& roles)
      : config_(config), roles_(roles), member_id_(MemberIdOf(config, roles)) {}

  Status Start();
  void Stop();
  std::string Greeting() const {
    return GreetingText(config_, roles_, kVersion, doors_->http_port(), doors_->thrift_port());
  }

 private:
  Status OpenStores();
  Status OpenMetastore();
  Status OpenOverrides();
  Status StartWorkers();
  void StartCompactionWorker();
  void JoinCluster();
  void StartFrontRoles();
  void AddReadiness();
  Status OpenDoors();

  contract::SegmentWriterPeers& SegmentWriters();
  contract::QueryBackendPeers& QueryBackends();

  const config::Config config_;
  const Roles roles_;
  const std::string member_id_;
  const Clock& clock_ = SystemClock();
  Random& random_ = SystemRandom();
  MetricsRegistry metrics_;
  Readiness readiness_;

  // In the order of their start.
  std::unique_ptr<DirectoryLock> metastore_lock_;
  std::unique_ptr<config::TenantOverrides> overrides_;
  std::unique_ptr<object::ObjectStore> objects_;
  std::unique_ptr<pipeline::Context> pipeline_context_;
  std::unique_ptr<pipeline::Loop> raft_loop_;  // of its own: members' messages wait for nothing else
  std::unique_ptr<metastore::RaftEndpoint> raft_endpoint_;
  std::unique_ptr<metastore::MetastoreRole> metastore_role_;
  std::unique_ptr<rpc::MetastoreClient> metastore_client_;
  std::unique_ptr<RemoteMetastore> remote_metastore_;
  contract::Metastore* metastore_ = nullptr;  // that which leads: the only one, or found by a client
  std::unique_ptr<pipeline::Loop> pipeline_loop_;
  std::unique_ptr<segment_writer::SegmentWriter> segment_writer_;
  OtherQueryBackends other_query_backends_{member_id_};
  std::unique_ptr<query_backend::QueryBackend> query_backend_;
  std::unique_ptr<PipelineDoor> pipeline_door_;
  std::unique_ptr<JobsDoor> jobs_door_;
  std::unique_ptr<pipeline::CompactionJobsClient> jobs_client_;  // of a worker elsewhere than in a process with every role
  SegmentWriterPeerList local_segment_writers_;  // of a process with every role
  QueryBackendPeerList local_query_backends_;
  std::unique_ptr<Membership> membership_;
  std::unique_ptr<compaction::CompactionWorker> compaction_worker_;
  std::unique_ptr<distributor::Distributor> distributor_;
  std::unique_ptr<query_frontend::SuspectReporter> suspect_reporter_;
  std::unique_ptr<query_frontend::QueryFrontend> query_frontend_;
  std::unique_ptr<Doors> doors_;
  bool stopped_ = false;
};

Status Process::Impl::Start() {
  AddProcessMetrics(metrics_);
  metrics_.GetGauge("brazier_build_info", "1, with the version of the program.",
                    {{"version", kVersion}}).Set(1);
  RETURN_IF_ERROR(OpenOverrides());
  RETURN_IF_ERROR(OpenStores());
  RETURN_IF_ERROR(StartWorkers());
  JoinCluster();
  StartCompactionWorker();
  StartFrontRoles();
  AddReadiness();
  RETURN_IF_ERROR(OpenDoors());
  Log(LogLevel::kInfo, "started",
      {{"version", kVersion},
       {"member", member_id_},
       {"http_port", doors_->http_port()},
       {"thrift_port", doors_->thrift_port()}});
  return Status::Ok();
}

Status Process::Impl::OpenStores() {
  const std::string folder = ObjectsFolder(config_);
  auto objects = object::FilesystemObjectStore::Open(folder);
  if (!objects.ok()) {
    return objects.status().Annotate("object store " + folder +
                                     " (setting object-store.path or data-dir)");
  }
  objects_ = std::move(*objects);
  pipeline_context_ = std::make_unique<pipeline::Context>();
  if (!roles_.metastore) {
    metastore_client_ = std::make_unique<rpc::MetastoreClient>(MetastoreClientOptionsOf(config_),
                                                               clock_, random_, metrics_);
    remote_metastore_ = std::make_unique<RemoteMetastore>(*metastore_client_, clock_);
    metastore_ = remote_metastore_.get();
    return Status::Ok();
  }
  RETURN_IF_ERROR(OpenMetastore());
  metastore_ = metastore_role_.get();
  if (roles_.IsAll() || config_.thrift.listen.empty()) return Status::Ok();
  // Another member may lead: this process's own calls find it like everybody else's.
  metastore_client_ = std::make_unique<rpc::MetastoreClient>(OwnMetastoreClientOptionsOf(config_), clock_,
                                                             random_, metrics_);
  metastore_ = metastore_client_.get();
  return Status::Ok();
}

// Of the roles that have limits per tenant. A broken file ends the start; later it is told, and what was read before stays.
Status Process::Impl::OpenOverrides() {
  if (!roles_.metastore && !roles_.query_frontend) return Status::Ok();
  Gauge& broken = metrics_.GetGauge("brazier_overrides_broken", "1 while the file of overrides.path cannot be taken.");
  ASSIGN_OR_RETURN(overrides_, config::TenantOverrides::Open(config_.overrides_path, [this, &broken](const Status& status) {
    broken.Set(status.ok() ? 0 : 1);
    if (status.ok()) {
      Log(LogLevel::kInfo, "overrides read", {{"path", config_.overrides_path}, {"tenants", overrides_->Get()->size()}});
    } else {
      Log(LogLevel::kError, "overrides stay as they were", {{"error", status.ToString()}});
    }
  }));
  overrides_->Start();
  return Status::Ok();
}

// A monolith's metastore is a group of one, for which no door is open; others are members of a group that is founded by
// their settings or by an operator.
Status Process::Impl::OpenMetastore() {
  ASSIGN_OR_RETURN(metastore_lock_, DirectoryLock::Acquire(MetastoreFolder(config_)));
  metastore::MetastoreOptions options = MetastoreOptionsOf(config_);
  options.name = member_id_;
  options.rpc_address = RpcAddressOf(config_);
  options.objects = objects_.get();
  options.lifecycle = LifecycleOptionsOf(config_);
  options.lifecycle->overrides = overrides_.get();
  if (!roles_.IsAll()) {
    raft_loop_ = std::make_unique<pipeline::Loop>(pipeline::Loop::Options{.name = "raft"}, *pipeline_context_);
    raft_endpoint_ = std::make_unique<metastore::RaftEndpoint>(
        metastore::RaftEndpoint::Options{.listen = config_.metastore.raft_listen,
                                         .advertise = config_.metastore.raft_advertise},
        *raft_loop_, metrics_);
    options.founds_alone = false;
    options.members = config_.metastore.members;
    options.transport = raft_endpoint_.get();
    options.connect = [this](const std::string& rpc_address) {
      return std::make_unique<rpc::GroupClient>(std::vector{rpc_address}, clock_, random_, metrics_);
    };
  }
  ASSIGN_OR_RETURN(metastore_role_, metastore::MetastoreRole::Open(options, clock_, metrics_, random_));
  return Status::Ok();
}

Status Process::Impl::StartWorkers() {
  if (roles_.segment_writer) {
    segment_writer_ = std::make_unique<segment_writer::SegmentWriter>(
        SegmentWriterOptionsOf(config_), *objects_, *metastore_, clock_, random_, metrics_);
  }
  if (roles_.query_backend) {
    query_backend::QueryBackendOptions options = QueryBackendOptionsOf(config_);
    options.name = member_id_;
    query_backend_ = std::make_unique<query_backend::QueryBackend>(
        options, *objects_, clock_, metrics_, roles_.IsAll() ? nullptr : &other_query_backends_);
  }
  pipeline_loop_ = std::make_unique<pipeline::Loop>(pipeline::Loop::Options{}, *pipeline_context_);
  if (roles_.IsAll()) return Status::Ok();
  if (metastore_role_ && !config_.compaction.listen.empty()) {
    ASSIGN_OR_RETURN(jobs_door_, JobsDoor::Open(config_.compaction.listen, metastore_role_->compaction(), *pipeline_loop_,
                                                metrics_));
  }
  if (roles_.compaction_worker && config_.compaction.concurrency > 0) {
    jobs_client_ = std::make_unique<pipeline::CompactionJobsClient>(*pipeline_loop_, pipeline::PipelineLimits{}, metrics_);
  }
  if (!roles_.ServesPipeline()) return Status::Ok();
  ASSIGN_OR_RETURN(pipeline_door_,
                   PipelineDoor::Open(config_.pipeline.listen,
                                      {segment_writer_.get(), query_backend_.get()},
                                      QueryEndpointOptionsOf(config_), *pipeline_loop_, metrics_));
  return Status::Ok();
}

void Process::Impl::JoinCluster() {
  Member self{.id = member_id_, .roles = roles_.Names(), .rpc_address = RpcAddressOf(config_)};
  if (pipeline_door_) {
    self.pipeline_address = config_.pipeline.advertise.empty() ? pipeline_door_->address()
                                                               : config_.pipeline.advertise;
  }
  if (jobs_door_) {
    self.jobs_address = config_.compaction.advertise.empty() ? jobs_door_->address() : config_.compaction.advertise;
  }
  if (roles_.IsAll()) {
    local_segment_writers_.Replace({LocalPeer(self, *segment_writer_)});
    local_query_backends_.Replace({LocalPeer(self, *query_backend_)});
  }
  PeerFactories factories =
      MakePeerFactories(member_id_, {segment_writer_.get(), query_backend_.get()}, *pipeline_loop_, metrics_);
  if (jobs_client_) {
    factories.jobs_addresses = [client = jobs_client_.get()](const std::vector<std::string>& addresses) {
      client->SetAddresses(addresses);
    };
  }
  membership_ = std::make_unique<Membership>(self, *metastore_, std::move(factories), clock_, random_, metrics_);
  other_query_backends_.Follow(membership_->query_backends());
  membership_->Start();
}

// After membership, which tells it where jobs are given.
void Process::Impl::StartCompactionWorker() {
  if (!roles_.compaction_worker || config_.compaction.concurrency == 0) return;
  contract::CompactionJobs& jobs =
      jobs_client_ ? static_cast<contract::CompactionJobs&>(*jobs_client_) : metastore_role_->compaction();
  compaction_worker_ = std::make_unique<compaction::CompactionWorker>(
      CompactionWorkerOptionsOf(config_, member_id_), jobs, *metastore_, *objects_, clock_, random_, metrics_);
  compaction_worker_->Start();
}

contract::SegmentWriterPeers& Process::Impl::SegmentWriters() {
  return roles_.IsAll() ? static_cast<contract::SegmentWriterPeers&>(local_segment_writers_)
                        : membership_->segment_writers();
}

contract::QueryBackendPeers& Process::Impl::QueryBackends() {
  return roles_.IsAll() ? static_cast<contract::QueryBackendPeers&>(local_query_backends_)
                        : membership_->query_backends();
}

void Process::Impl::StartFrontRoles() {
  if (roles_.distributor) {
    distributor_ = std::make_unique<distributor::Distributor>(
        DistributorOptionsOf(config_), SegmentWriters(), clock_, random_, metrics_);
  }
  if (roles_.query_frontend) {
    suspect_reporter_ = std::make_unique<query_frontend::SuspectReporter>(*metastore_, clock_, metrics_);
    query_frontend_ = std::make_unique<query_frontend::QueryFrontend>(
        QueryFrontendOptionsOf(config_), *metastore_, QueryBackends(), clock_, metrics_,
        [reporter = suspect_reporter_.get()](const Ulid& block, const std::string& why) { reporter->Report(block, why); },
        overrides_.get());
  }
}

// Every role here, and the metastore wherever it is: without it, no push and no query would succeed.
void Process::Impl::AddReadiness() {
  readiness_.Add("metastore", [this] {
    return metastore_role_ ? metastore_role_->Ready() : metastore_->Ready();
  });
  if (segment_writer_) {
    readiness_.Add("segment-writer", [this] { return segment_writer_->Ready(); });
  }
  if (query_backend_) readiness_.Add("query-backend", [this] { return query_backend_->Ready(); });
  // In a process of its own; a process with every role serves its clients without.
  if (jobs_client_) readiness_.Add("compaction-worker", [this] { return compaction_worker_->Ready(); });
  if (distributor_) readiness_.Add("distributor", [this] { return distributor_->Ready(); });
  if (query_frontend_) {
    readiness_.Add("query-frontend", [this] { return query_frontend_->Ready(); });
  }
}

Status Process::Impl::OpenDoors() {
  ASSIGN_OR_RETURN(doors_, Doors::Open(config_, member_id_,
                                       {.distributor = distributor_.get(),
                                        .query_frontend = query_frontend_.get(),
                                        .metastore = metastore_role_.get(),
                                        .metastore_group = metastore_role_ ? &metastore_role_->group() : nullptr,
                                        .lifecycle = metastore_role_ ? metastore_role_->lifecycle() : nullptr},
                                       readiness_, *pipeline_loop_, clock_, random_, metrics_));
  return Status::Ok();
}

void Process::Impl::Stop() {
  if (stopped_) return;
  stopped_ = true;
  readiness_.SetDraining();
  if (membership_ && doors_) membership_->AnnounceDraining();
  if (compaction_worker_) compaction_worker_->Stop();  // returns its jobs, while there is somebody to take them
  if (metastore_role_ && doors_) metastore_role_->GiveUpLeadership(kLeadershipMoveNs);
  if (pipeline_door_ && doors_) std::this_thread::sleep_for(kDrainNoticeTime);
  if (doors_) doors_->Close(std::chrono::milliseconds(config_.shutdown_timeout_ns / kNsPerMs));
  // Nothing comes in any more: what the segment-writer still holds belongs to requests of other processes.
  if (segment_writer_) segment_writer_->Stop();
  if (pipeline_door_) pipeline_door_->Stop();
  if (jobs_door_) jobs_door_->Stop();
  if (membership_) membership_->Stop();
  // The loop fails what remote peers have not answered; after it nobody calls into a front role any more.
  if (pipeline_loop_) pipeline_loop_->Stop();
  doors_.reset();
  query_frontend_.reset();
  suspect_reporter_.reset();
  distributor_.reset();
  compaction_worker_.reset();
  membership_.reset();
  jobs_client_.reset();
  jobs_door_.reset();
  local_query_backends_.Replace({});
  local_segment_writers_.Replace({});
  pipeline_door_.reset();
  query_backend_.reset();
  segment_writer_.reset();
  pipeline_loop_.reset();
  metastore_client_.reset();  // answers what it holds; nothing new comes
  remote_metastore_.reset();
  metastore_role_.reset();
  overrides_.reset();
  raft_endpoint_.reset();
  raft_loop_.reset();
  pipeline_context_.reset();
  objects_.reset();
  metastore_lock_.reset();
}

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::~Process() { Stop(); }

Result<std::unique_ptr<Process>> Process::Start(const config::Config& config) {
  ASSIGN_OR_RETURN(const Roles roles, ParseTarget(config.target));
  std::unique_ptr<Process> process(new Process(std::make_unique<Impl>(config, roles)));
  RETURN_IF_ERROR(process->impl_->Start());
  return process;
}

void Process::Stop() { impl_->Stop(); }
std::string Process::Greeting() const { return impl_->Greeting(); }

}  // namespace brazier::app
