#include "store/consensus/raft_node.h"

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "store/consensus/group_founding.h"
#include "store/consensus/raft_core/raft_core.h"

namespace brazier::consensus {
namespace {

using kv::Family;

constexpr uint64_t kMessageBytesMax = 1 << 20;  // of entries in one append message
constexpr uint32_t kSnapshotMessageType = 7;
// Of transfers, in election timeouts: the sender gives up first.
constexpr uint32_t kSenderStallElections = 20;
constexpr uint32_t kReceiverStallElections = 40;
constexpr uint32_t kLingerElections = 40;
// What a transfer keeps from being deleted is let go when the log is this many times over its bounds.
constexpr uint64_t kHeldLogFactor = 4;

std::string_view ToView(const raft_core_bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

raft_core_bytes ToCore(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

EntryView ToEntry(const raft_core_entry& entry) {
  return {entry.index, entry.term, static_cast<EntryType>(entry.type), ToView(entry.context),
          ToView(entry.data)};
}

int32_t StorageCode(const RaftLog& log, uint64_t index, const Status& status) {
  if (status.ok()) return RAFT_CORE_STORAGE_OK;
  if (status.code() != Code::kNotFound) return RAFT_CORE_STORAGE_FAILED;
  return index < log.first_index() ? RAFT_CORE_STORAGE_COMPACTED : RAFT_CORE_STORAGE_UNAVAILABLE;
}

// The log as the core's storage callbacks. `Owner` has the log and the sender of snapshots.
template <typename Owner>
const RaftLog& LogOf(void* owner) {
  return static_cast<const Owner*>(owner)->log;
}

template <typename Owner>
raft_core_storage StorageOver(Owner& owner) {
  raft_core_storage storage = {};
  storage.owner = &owner;
  storage.first_index = [](void* owner) { return LogOf<Owner>(owner).first_index(); };
  storage.last_index = [](void* owner) { return LogOf<Owner>(owner).last_index(); };
  storage.term = [](void* owner, uint64_t index, uint64_t* term) {
    const RaftLog& log = LogOf<Owner>(owner);
    const Result<uint64_t> found = log.Term(index);
    if (found.ok()) *term = *found;
    return StorageCode(log, index, found.status());
  };
  storage.entries = [](void* owner, uint64_t low, uint64_t high, uint64_t bytes_max,
                       raft_core_entry_sink* sink) {
    const RaftLog& log = LogOf<Owner>(owner);
    const Status status = log.Read(low, high, bytes_max, [&](const EntryView& entry) {
      const raft_core_entry copied = {entry.term, entry.index, static_cast<uint32_t>(entry.type),
                                      ToCore(entry.data), ToCore(entry.context)};
      raft_core_push_entry(sink, &copied);
    });
    return StorageCode(log, low, status);
  };
  storage.snapshot = [](void* owner, uint64_t to, raft_core_snapshot* snapshot) -> int32_t {
    const auto offered = static_cast<const Owner*>(owner)->sender.Offer(to);
    if (!offered.ok()) return RAFT_CORE_STORAGE_UNAVAILABLE;
    *snapshot = {offered->index, offered->term, ToCore(offered->members)};
    return RAFT_CORE_STORAGE_OK;
  };
  return storage;
}

SnapshotSender::Options SenderOptions(const RaftNode::Options& options) {
  return {.node_id = options.node_id,
          .chunk_bytes = options.snapshot_chunk_bytes,
          .window_frames = std::max<size_t>(options.snapshot_window_chunks, 1),
          .resend_ticks = std::max<uint32_t>(options.election_ticks / 2, 1),
          .stall_ticks = kSenderStallElections * options.election_ticks,
          .linger_ticks = kLingerElections * options.election_ticks};
}

Status FoundUnfounded(const RaftNode::Options& options, kv::KeyValueStore& store) {
  ASSIGN_OR_RETURN(const std::optional<NodeIdentity> identity, ReadIdentity(store));
  ASSIGN_OR_RETURN(const bool is_founded, IsFounded(store));
  if (is_founded) return Status::Ok();
  if (identity.has_value() && identity->node_id != options.node_id) {
    return {Code::kFailedPrecondition, "the store belongs to consensus node " +
                                           std::to_string(identity->node_id) + ", this is node " +
                                           std::to_string(options.node_id)};
  }
  std::vector<GroupMember> founders;
  for (uint64_t id : options.voters) founders.push_back({.node_id = id});
  if (founders.empty()) founders.push_back({.node_id = options.node_id});
  return FoundStore(store, {.node_id = options.node_id, .group_id = GroupIdOf(founders)}, founders);
}

}  // namespace

void RaftNode::CoreDeleter::operator()(raft_core* core) const { raft_core_destroy(core); }

RaftNode::RaftNode(const Options& options, kv::KeyValueStore& store, StateMachine& machine,
                   Transport& transport, std::unique_ptr<RaftLog> log)
    : options_(options),
      first_read_(MixHash(options.seed, options.node_id)),
      store_(store),
      machine_(machine),
      transport_(transport),
      log_(std::move(log)),
      sender_(SenderOptions(options), store, *log_, transport),
      receiver_({.node_id = options.node_id,
                 .stall_ticks = kReceiverStallElections * options.election_ticks},
                store, transport),
      core_storage_{*log_, sender_},
      applied_(log_->opened_applied()) {}

RaftNode::~RaftNode() = default;

Result<std::unique_ptr<RaftNode>> RaftNode::Open(const Options& options, kv::KeyValueStore& store,
                                                 StateMachine& machine, Transport& transport) {
  if (options.node_id == 0) return InvalidArgument("consensus node id 0: ids begin at 1");
  if (options.heartbeat_ticks == 0 || options.election_ticks <= options.heartbeat_ticks) {
    return InvalidArgument("consensus election ticks must exceed heartbeat ticks, which exceed 0");
  }
  RETURN_IF_ERROR(FoundUnfounded(options, store));
  ASSIGN_OR_RETURN(std::unique_ptr<RaftLog> log, RaftLog::Open(store, options.node_id));
  std::unique_ptr<RaftNode> node(new RaftNode(options, store, machine, transport, std::move(log)));
  RETURN_IF_ERROR(node->receiver_.Open());
  RETURN_IF_ERROR(node->CreateCore());
  RETURN_IF_ERROR(node->LoadMembers());
  return node;
}

Status RaftNode::CreateCore() {
  raft_core_options options = {};
  options.id = options_.node_id;
  options.applied = applied_.index;
  options.election_ticks = options_.election_ticks;
  options.heartbeat_ticks = options_.heartbeat_ticks;
  options.message_bytes_max = kMessageBytesMax;
  options.uncommitted_bytes_max = options_.uncommitted_bytes_max;
  options.committed_bytes_max = options_.round_bytes_max;
  options.seed = options_.seed;
  const HardState& hard_state = log_->hard_state();
  options.hard_state = {hard_state.term, hard_state.vote, hard_state.commit};
  options.conf_state = ToCore(applied_.conf_state);
  const raft_core_storage storage = StorageOver(core_storage_);
  char error[256] = "";
  core_.reset(raft_core_create(&options, &storage, error, sizeof error));
  if (core_ == nullptr) return Internal("the Raft core refuses its log: " + std::string(error));
  return Status::Ok();
}

Status RaftNode::FromCore(int32_t code, std::string_view doing) {
  if (code == RAFT_CORE_OK) return Status::Ok();
  const std::string message =
      "consensus: " + std::string(doing) + ": " + raft_core_last_error(core_.get());
  switch (code) {
    case RAFT_CORE_INVALID:
      return InvalidArgument(message);
    case RAFT_CORE_NOT_LEADER:
      return Unavailable(message).WithReason("not_leader");
    case RAFT_CORE_POISONED:
      broken_ = Internal(message);
      return broken_;
    default:
      return Unavailable(message);
  }
}

// The core forgets at every election timeout whom it has heard of, to see who still answers by the next one. A member that
// is well must not look silent in between.
void RaftNode::NoteActive() {
  ++ticks_;
  if (!GetStatus().is_leader) return heard_at_.clear();
  for (const MemberProgress& progress : ProgressOfCore()) {
    if (progress.is_active) heard_at_[progress.node_id] = ticks_;
  }
}

Status RaftNode::Tick() {
  NoteActive();
  RETURN_IF_ERROR(FromCore(raft_core_tick(core_.get()), "tick"));
  sender_.Tick();
  receiver_.Tick();
  PumpSnapshots();
  return Status::Ok();
}

Status RaftNode::Campaign() { return FromCore(raft_core_campaign(core_.get()), "campaign"); }

Status RaftNode::Receive(std::string_view message) {
  if (IsSnapshotFrame(message)) return ReceiveSnapshotFrame(message);
  // The round that replaces the state stands alone. Members repeat what is dropped here.
  if (receiver_.complete().has_value()) return Unavailable("a snapshot is being installed");
  const auto* bytes = reinterpret_cast<const uint8_t*>(message.data());
  raft_core_message_header header = {};
  if (raft_core_decode_header(bytes, message.size(), &header) != RAFT_CORE_OK) {
    return InvalidArgument("a consensus message of " + std::to_string(message.size()) +
                           " bytes does not decode");
  }
  // The core would install it from the message; ours are streamed beside it.
  if (header.type == kSnapshotMessageType) {
    return {Code::kUnimplemented, "consensus snapshots inside messages are not accepted"};
  }
  return FromCore(raft_core_step(core_.get(), bytes, message.size()), "message from a member");
}

Status RaftNode::ReceiveSnapshotFrame(std::string_view message) {
  ASSIGN_OR_RETURN(const SnapshotFrame frame, DecodeSnapshotFrame(message));
  if (frame.to != options_.node_id || frame.from == options_.node_id) {
    return InvalidArgument("a snapshot frame from member " + std::to_string(frame.from) +
                           " to member " + std::to_string(frame.to));
  }
  if (frame.kind == SnapshotFrameKind::kAnswer) {
    sender_.Receive(frame);
    PumpSnapshots();
    return Status::Ok();
  }
  const CoreStatus status = GetStatus();
  if (!receiver_.Receive(frame, status.term, status.commit_index)) return Status::Ok();
  const SnapshotReceiver::Complete& complete = *receiver_.complete();
  const raft_core_snapshot snapshot = {complete.index, complete.index_term,
                                       ToCore(complete.members)};
  const Status stepped =
      FromCore(raft_core_step_snapshot(core_.get(), complete.from, complete.term, &snapshot),
               "a snapshot from a member");
  if (!stepped.ok()) receiver_.Drop(SnapshotAnswer::kRefused);
  return stepped;
}

// Sends what the transfers under way have room for, and tells the core which ones ended.
void RaftNode::PumpSnapshots() {
  if (sender_.active()) {
    const CoreStatus status = GetStatus();
    sender_.Pump(status.is_leader ? status.term : 0);
  }
  for (const SnapshotSender::Outcome& outcome : sender_.TakeOutcomes()) {
    ++(outcome.ok ? snapshot_figures_.sent : snapshot_figures_.failed);
    // Without it the core would wait for ever. A poisoned core says so at the next call.
    static_cast<void>(raft_core_report_snapshot(core_.get(), outcome.to, outcome.ok ? 1 : 0));
  }
}

Result<uint64_t> RaftNode::Propose(std::span<const std::string_view> commands) {
  std::vector<raft_core_bytes> views;
  views.reserve(commands.size());
  for (std::string_view command : commands) views.push_back(ToCore(command));
  uint64_t first_index = 0;
  RETURN_IF_ERROR(FromCore(
      raft_core_propose(core_.get(), views.data(), views.size(), &first_index), "propose"));
  return first_index;
}

Status RaftNode::RequestRead(uint64_t request) {
  return FromCore(raft_core_read_index(core_.get(), first_read_ + request), "read index");
}

Status RaftNode::ReportUnreachable(uint64_t id) {
  return FromCore(raft_core_report_unreachable(core_.get(), id), "report unreachable");
}

Status RaftNode::TransferLeader(uint64_t to) {
  return FromCore(raft_core_transfer_leader(core_.get(), to), "transfer leadership");
}

// What callers decided by members that have changed since: once such an entry commits it is too late to refuse it.
Status RaftNode::CheckMemberChange(const MemberChange& change) const {
  const uint64_t id = change.member.node_id;
  size_t count = 0, voters = 0;
  bool is_member = false, is_voter = false;
  for (const MemberProgress& member : GetProgress()) {
    ++count;
    voters += member.is_voter ? 1 : 0;
    if (member.node_id != id) continue;
    is_member = true;
    is_voter = member.is_voter;
  }
  const auto refuse = [&](const char* why) {
    return Status(Code::kFailedPrecondition, "consensus node " + IdText(id) + " " + why);
  };
  switch (change.kind) {
    case MemberChange::Kind::kAddVoter:
      if (!is_member) return refuse("is not a member: only a learner is made a voter");
      break;
    case MemberChange::Kind::kAddLearner:
      if (is_voter) return refuse("is a voter: voters are removed, not demoted");
      if (!is_member && count >= kGroupMembersMax) {
        return ResourceExhausted("the consensus group has " + std::to_string(count) + " members, the limit is " +
                                 std::to_string(kGroupMembersMax));
      }
      break;
    case MemberChange::Kind::kRemove:
      if (is_voter && voters == 1) return refuse("is the group's only voter and cannot be removed");
      break;
  }
  return Status::Ok();
}

Result<uint64_t> RaftNode::ProposeMember(const MemberChange& change) {
  if (GetStatus().is_leader) RETURN_IF_ERROR(CheckMemberChange(change));
  uint32_t kind = RAFT_CORE_MEMBER_REMOVE;
  std::string context;
  if (change.kind != MemberChange::Kind::kRemove) {
    kind = change.kind == MemberChange::Kind::kAddVoter ? RAFT_CORE_MEMBER_ADD_VOTER
                                                        : RAFT_CORE_MEMBER_ADD_LEARNER;
    context = EncodeMembers({change.member});
  }
  uint64_t index = 0;
  RETURN_IF_ERROR(FromCore(raft_core_propose_member(core_.get(), kind, change.member.node_id,
                                                    ToCore(context), &index),
                           "change members"));
  return index;
}

// The record, brought in line with the members that the core has: entries of groups that have no record have no names.
Status RaftNode::LoadMembers() {
  std::vector<GroupMember> recorded;
  const Result<std::string> record = store_.Get(Family::kState, kMembersKey);
  if (record.ok()) {
    ASSIGN_OR_RETURN(recorded, DecodeMembers(*record));
  } else if (record.status().code() != Code::kNotFound) {
    return record.status();
  }
  members_.clear();
  for (const MemberProgress& progress : GetProgress()) {
    GroupMember& member = members_.emplace_back();
    member.node_id = progress.node_id;
    for (const GroupMember& known : recorded) {
      if (known.node_id == member.node_id) member = known;
    }
  }
  ++members_version_;
  transport_.SetMembers(members_);
  return Status::Ok();
}

Status RaftNode::ApplyMemberChange(const EntryView& entry) {
  const raft_core_bytes data = ToCore(entry.data);
  raft_core_bytes conf_state = {};
  RETURN_IF_ERROR(FromCore(
      raft_core_apply_conf_change(core_.get(), static_cast<uint32_t>(entry.type), data.data,
                                  data.size, &conf_state),
      "changing members"));
  applied_.conf_state = ToView(conf_state);
  std::vector<GroupMember> known = std::move(members_);
  if (!entry.context.empty()) {
    ASSIGN_OR_RETURN(const std::vector<GroupMember> named, DecodeMembers(entry.context));
    for (const GroupMember& member : named) {
      std::erase_if(known, [&](const GroupMember& old) { return old.node_id == member.node_id; });
      known.push_back(member);
    }
  }
  members_.clear();
  for (const MemberProgress& progress : GetProgress()) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const GroupMember& member) {
      return member.node_id == progress.node_id;
    });
    members_.push_back(found != known.end() ? *found : GroupMember{.node_id = progress.node_id});
  }
  state_batch_.Put(Family::kState, std::string(kMembersKey), EncodeMembers(members_));
  // Whoever is told of the change may switch off the member that was removed: from now on this one goes by the new group
  // even after a crash, which may forget how far the log was committed.
  state_must_sync_ = true;
  ++members_version_;
  transport_.SetMembers(members_);
  return Status::Ok();
}

std::vector<RaftNode::MemberProgress> RaftNode::GetProgress() const {
  std::vector<MemberProgress> progress = ProgressOfCore();
  for (MemberProgress& member : progress) {
    const auto heard = heard_at_.find(member.node_id);
    if (heard != heard_at_.end() && ticks_ - heard->second <= options_.election_ticks) member.is_active = true;
  }
  return progress;
}

std::vector<RaftNode::MemberProgress> RaftNode::ProgressOfCore() const {
  raft_core_member buffer[kGroupMembersMax];
  size_t count = 0;
  if (raft_core_members(core_.get(), buffer, kGroupMembersMax, &count) != RAFT_CORE_OK) return {};
  std::vector<MemberProgress> progress;
  for (size_t i = 0; i < std::min(count, kGroupMembersMax); ++i) {
    progress.push_back({.node_id = buffer[i].id,
                        .is_voter = buffer[i].is_voter != 0,
                        .is_active = buffer[i].is_active != 0,
                        .matched = buffer[i].matched});
  }
  std::sort(progress.begin(), progress.end(),
            [](const auto& a, const auto& b) { return a.node_id < b.node_id; });
  return progress;
}

std::vector<MemberView> RaftNode::GetMembers() const {
  std::vector<MemberView> views;
  const std::vector<MemberProgress> progress = GetProgress();
  for (const GroupMember& member : members_) {
    MemberView& view = views.emplace_back(MemberView{member, {.node_id = member.node_id}});
    for (const MemberProgress& known : progress) {
      if (known.node_id == member.node_id) view.progress = known;
    }
  }
  return views;
}

Result<RaftNode::Round> RaftNode::RunRound() {
  if (!broken_.ok()) return broken_;
  if (stage_ == Stage::kIdle) {
    ASSIGN_OR_RETURN(const bool has_ready, TakeReady());
    if (!has_ready) {
      SettleInstall();
      PumpSnapshots();
      log_->ReleaseTail();
      return Round{};
    }
    stage_ = Stage::kLogWrite;
  }
  if (stage_ == Stage::kLogWrite) {
    RETURN_IF_ERROR(WriteLog());
    if (const Status status = ApplyCommitted(); !status.ok()) {
      broken_ = status;  // half applied: only a restart can repeat it
      return broken_;
    }
    stage_ = Stage::kStateWrite;
  }
  RETURN_IF_ERROR(WriteState());
  stage_ = Stage::kIdle;
  RETURN_IF_ERROR(FromCore(raft_core_advance_apply(core_.get()), "advance applied"));
  MaybeTruncateLog();
  PumpSnapshots();
  round_.worked = true;
  return std::exchange(round_, {});
}

Result<bool> RaftNode::TakeReady() {
  raft_core_view view = {};
  uint32_t has_ready = 0;
  RETURN_IF_ERROR(FromCore(raft_core_ready(core_.get(), &view, &has_ready), "ready"));
  if (has_ready == 0) return false;
  for (size_t i = 0; i < view.messages_count; ++i) {
    transport_.Send(view.messages[i].to, std::string(ToView(view.messages[i].bytes)));
  }
  after_log_.clear();
  for (size_t i = 0; i < view.persisted_messages_count; ++i) {
    const raft_core_message& message = view.persisted_messages[i];
    after_log_.emplace_back(message.to, ToView(message.bytes));
  }
  for (size_t i = 0; i < view.read_states_count; ++i) {
    round_.reads.push_back({view.read_states[i].request - first_read_, view.read_states[i].index});
  }
  std::vector<EntryView> entries;
  entries.reserve(view.entries_count);
  for (size_t i = 0; i < view.entries_count; ++i) entries.push_back(ToEntry(view.entries[i]));
  log_batch_.Clear();
  if (view.has_snapshot != 0) {
    RETURN_IF_ERROR(Install(view.snapshot_index, view.snapshot_term));
    if (!entries.empty()) {
      broken_ = Internal("consensus: entries came with a snapshot");
      return broken_;
    }
  } else {
    SettleInstall();
  }
  log_->StageAppend(entries, log_batch_);
  if (view.has_hard_state != 0) {
    const raft_core_hard_state& state = view.hard_state;
    log_->StageHardState({state.term, state.vote, state.commit}, log_batch_);
  }
  log_must_sync_ = view.must_sync != 0;
  return true;
}

// The core takes the state that waits: the round's write replaces state, members and log.
Status RaftNode::Install(uint64_t index, uint64_t term) {
  const auto& complete = receiver_.complete();
  if (!complete.has_value() || complete->index != index || complete->index_term != term) {
    broken_ = Internal("consensus: a snapshot at index " + std::to_string(index) +
                       " came out of the core, none such was put in");
    return broken_;
  }
  receiver_.StageInstall(log_batch_);
  log_->StageInstall({index, term}, log_batch_);
  installing_ = true;
  return Status::Ok();
}

// The core was given a snapshot and did not take it: it came late, or what it has goes as far.
void RaftNode::SettleInstall() {
  if (!receiver_.complete().has_value()) return;
  const bool has_it = GetStatus().commit_index >= receiver_.complete()->index;
  receiver_.Drop(has_it ? SnapshotAnswer::kInstalled : SnapshotAnswer::kRefused);
}

Status RaftNode::WriteLog() {
  if (!log_batch_.empty()) RETURN_IF_ERROR(store_.Write(log_batch_, log_must_sync_));
  log_->CommitStaged();
  log_batch_.Clear();
  if (installing_) {
    installing_ = false;
    ++snapshot_figures_.installed;
    applied_ = {receiver_.complete()->index, receiver_.complete()->members};
    receiver_.Installed();
    RETURN_IF_ERROR(LoadMembers());
    if (const Status status = machine_.Restored(applied_.index); !status.ok()) {
      broken_ = status.Annotate("consensus: the state machine does not take a snapshot");
      return broken_;
    }
  }
  for (auto& [to, message] : after_log_) transport_.Send(to, std::move(message));
  after_log_.clear();
  return Status::Ok();
}

Status RaftNode::ApplyCommitted() {
  raft_core_view view = {};
  RETURN_IF_ERROR(FromCore(raft_core_advance(core_.get(), &view), "advance"));
  for (size_t i = 0; i < view.messages_count; ++i) {
    transport_.Send(view.messages[i].to, std::string(ToView(view.messages[i].bytes)));
  }
  state_batch_.Clear();
  for (size_t i = 0; i < view.committed_count; ++i) {
    const EntryView entry = ToEntry(view.committed[i]);
    Answer& answer = round_.answers.emplace_back(Answer{entry.index, entry.term, {}, false});
    if (entry.type != EntryType::kCommand) {
      RETURN_IF_ERROR(ApplyMemberChange(entry));
      answer.changed_members = true;
    } else if (!entry.data.empty()) {  // empty: a new leader's first entry, or a change that was not to be
      answer.value = machine_.Apply(entry.index, entry.data, state_batch_);
    }
    applied_.index = entry.index;
  }
  if (view.committed_count > 0) {
    state_batch_.Put(Family::kState, std::string(kAppliedKey), EncodeApplied(applied_));
  }
  return Status::Ok();
}

Status RaftNode::WriteState() {
  if (state_batch_.empty()) return Status::Ok();
  RETURN_IF_ERROR(store_.Write(state_batch_, state_must_sync_));
  state_batch_.Clear();
  state_must_sync_ = false;
  machine_.Applied(applied_.index);
  return Status::Ok();
}

// The state is its own snapshot. Deleting the log under it is synced, so that the state it relied on is durable first;
// when that fails the log stays as it is until the next time.
void RaftNode::MaybeTruncateLog() {
  const uint64_t applied_entries = applied_.index + 1 - log_->first_index();
  if (applied_entries < options_.truncate_entries + options_.keep_entries &&
      log_->bytes() < options_.truncate_bytes) {
    return;
  }
  uint64_t index = log_->TruncationIndex(
      applied_.index, std::max<uint64_t>(options_.keep_entries, 1), options_.truncate_bytes / 4);
  // A member that gets the state now needs what follows it.
  const uint64_t entries_max = options_.truncate_entries + options_.keep_entries;
  if (applied_entries < kHeldLogFactor * entries_max &&
      log_->bytes() < kHeldLogFactor * options_.truncate_bytes) {
    index = std::min(index, sender_.HoldIndex());
  }
  if (index < log_->first_index() || index >= log_->last_index()) return;
  kv::WriteBatch batch;
  log_->StageTruncation(index, batch);
  if (store_.Write(batch, /*sync=*/true).ok()) {
    log_->CommitStaged();
  } else {
    log_->DropStaged();
  }
}

RaftNode::CoreStatus RaftNode::GetStatus() const {
  raft_core_status core = {};
  CoreStatus status;
  if (raft_core_get_status(core_.get(), &core) != RAFT_CORE_OK) return status;
  status.is_leader = core.is_leader != 0;
  status.leader_id = core.leader_id;
  status.term = core.term;
  status.commit_index = core.commit;
  status.applied_index = core.applied;
  status.last_index = core.last_index;
  status.first_index = log_->first_index();
  status.log_bytes = log_->bytes();
  status.committed_in_term = core.committed_in_term != 0;
  status.is_alone = core.members_count == 1 && core.is_singleton != 0 && core.is_promotable != 0;
  return status;
}

}  // namespace brazier::consensus
