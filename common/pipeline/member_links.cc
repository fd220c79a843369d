#include "common/pipeline/member_links.h"

#include <map>
#include <set>

#include "common/base/check.h"
#include "common/observe/log.h"
#include "common/pipeline/member_frame.h"
#include "common/pipeline/member_link.h"

namespace brazier::pipeline {
namespace {

constexpr int kMessagesPerWake = 256;
constexpr int kReceivedPerConnection = 256;  // messages that libzmq keeps for a loop that is late
constexpr char kNobody[] = "unknown";        // the label of messages for members that are not there

PipelineLimits ReceiverLimits(const MemberLinkLimits& limits) {
  PipelineLimits socket;
  // Somewhat larger ones still come in, so that they are counted; beyond that libzmq hangs up.
  socket.message_bytes_max = 2 * limits.message_bytes_max;
  socket.high_water_mark = kReceivedPerConnection;
  socket.heartbeat_interval_ms = limits.heartbeat_interval_ms;
  socket.heartbeat_timeout_ms = limits.heartbeat_timeout_ms;
  socket.linger_ms = 0;
  return socket;
}

}  // namespace

// Kept alive by posted tasks and the loop's closer.
class MemberLinks::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, Options options, OnMessage on_message, MetricsRegistry& metrics)
      : options_(std::move(options)),
        loop_(loop),
        inbox_(loop.inbox()),
        metrics_(metrics),
        received_metric_(metrics.GetCounter("brazier_member_links_received_total",
                                            "Messages of members of the group")),
        received_bytes_metric_(metrics.GetCounter("brazier_member_links_received_bytes_total",
                                                  "Bytes of these messages")),
        dropped_no_group_(MemberDropCounter(metrics, kNobody, MemberDrop::kNoGroup)),
        dropped_unknown_(MemberDropCounter(metrics, kNobody, MemberDrop::kUnknownMember)),
        dropped_too_large_(MemberDropCounter(metrics, kNobody, MemberDrop::kTooLarge)),
        group_id_(options_.group_id),
        on_message_(std::move(on_message)) {
    CHECK(options_.node_id != 0);
  }

  // Any thread.
  void SetGroup(uint64_t group_id);
  void SetMembers(const std::vector<GroupMember>& members);
  void Send(uint64_t to, std::string message);
  bool IsConnected(uint64_t node_id) const;
  const std::string& address() const { return address_; }
  Loop& loop() { return loop_; }

  // Loop thread.
  Status Open();
  void Close();

 private:
  void OnReadable();
  void OnMessage(const Frames& frames);
  // Makes sure that the sender can be answered.
  void Learn(const MemberHeader& header);
  std::shared_ptr<MemberLink> FindLink(uint64_t node_id) const;  // REQUIRES: mu_ held; null: none
  void Refuse(std::string_view reason, const std::string& message);

  const Options options_;
  Loop& loop_;  // used on its own thread only, where it is alive
  const std::shared_ptr<Inbox> inbox_;
  MetricsRegistry& metrics_;
  Counter& received_metric_;
  Counter& received_bytes_metric_;
  Counter& dropped_no_group_;
  Counter& dropped_unknown_;
  Counter& dropped_too_large_;
  std::string address_;  // constant after Open()
  std::atomic<uint64_t> group_id_;

  mutable std::mutex mu_;
  using Links = std::map<uint64_t, std::shared_ptr<MemberLink>>;
  Links links_;              // guarded by mu_; to the members
  Links learned_;            // guarded by mu_; to others that spoke to us
  std::string own_address_;  // guarded by mu_; empty: we are no member yet
  bool stopped_ = false;     // guarded by mu_

  // Loop thread.
  MemberLinks::OnMessage on_message_;
  Socket pull_;
  uint64_t closer_ = 0;
  std::set<std::string, std::less<>> logged_reasons_;
};

void MemberLinks::State::SetGroup(uint64_t group_id) {
  CHECK(group_id != 0);
  const uint64_t before = group_id_.exchange(group_id);
  CHECK(before == 0 || before == group_id);
}

void MemberLinks::State::SetMembers(const std::vector<GroupMember>& members) {
  Links next;
  std::vector<std::shared_ptr<MemberLink>> opened;
  std::vector<std::shared_ptr<MemberLink>> closed;
  std::lock_guard lock(mu_);
  if (stopped_) return;
  own_address_.clear();
  for (const GroupMember& member : members) {
    if (member.node_id == options_.node_id) own_address_ = member.raft_address;
    if (member.node_id == options_.node_id || next.contains(member.node_id)) continue;
    std::shared_ptr<MemberLink> link = FindLink(member.node_id);
    if (link == nullptr || link->address() != member.raft_address) {
      link = std::make_shared<MemberLink>(loop_, member.raft_address, options_.limits, metrics_);
      opened.push_back(link);
    }
    next.emplace(member.node_id, std::move(link));
  }
  const auto close_unless_kept = [&](const Links& links) {
    for (const auto& [node_id, link] : links) {
      const auto it = next.find(node_id);
      if (it == next.end() || it->second != link) closed.push_back(link);
    }
  };
  close_unless_kept(links_);
  // Who is no member either is answered anew when it speaks again.
  close_unless_kept(learned_);
  learned_.clear();
  links_ = std::move(next);
  if (opened.empty() && closed.empty()) return;
  // Posted under the mutex, so that of two calls the later one is also done later.
  (void)inbox_->PostCompletion([opened = std::move(opened), closed = std::move(closed)] {
    for (const auto& link : closed) link->Close();
    for (const auto& link : opened) link->Open();
  });
}

std::shared_ptr<MemberLink> MemberLinks::State::FindLink(uint64_t node_id) const {
  for (const Links* links : {&links_, &learned_}) {
    if (const auto it = links->find(node_id); it != links->end()) return it->second;
  }
  return nullptr;
}

void MemberLinks::State::Send(uint64_t to, std::string message) {
  MemberHeader header{group_id_.load(std::memory_order_relaxed), options_.node_id, to, {}};
  if (header.group_id == 0) return dropped_no_group_.Add();
  if (message.size() > options_.limits.message_bytes_max) return dropped_too_large_.Add();
  std::shared_ptr<MemberLink> link;
  {
    std::lock_guard lock(mu_);
    link = FindLink(to);
    header.address = own_address_;
  }
  if (link == nullptr) return dropped_unknown_.Add();
  link->Send(header, std::move(message));
}

bool MemberLinks::State::IsConnected(uint64_t node_id) const {
  std::lock_guard lock(mu_);
  const std::shared_ptr<MemberLink> link = FindLink(node_id);
  return link != nullptr && link->is_connected();
}

Status MemberLinks::State::Open() {
  ASSIGN_OR_RETURN(pull_, Socket::Open(loop_.context(), Socket::Type::kPull,
                                       ReceiverLimits(options_.limits)));
  RETURN_IF_ERROR(pull_.Bind(options_.listen));
  address_ = pull_.LastEndpoint();
  const auto self = shared_from_this();
  loop_.Watch(pull_, [self] { self->OnReadable(); });
  closer_ = loop_.AtStop([self] { self->Close(); });
  return Status::Ok();
}

void MemberLinks::State::Close() {
  Links links;
  Links learned;
  {
    std::lock_guard lock(mu_);
    stopped_ = true;
    links.swap(links_);
    learned.swap(learned_);
  }
  for (const auto& [node_id, link] : links) link->Close();
  for (const auto& [node_id, link] : learned) link->Close();
  if (!pull_.is_open()) return;
  loop_.ForgetAtStop(closer_);
  loop_.Unwatch(pull_);
  pull_.Close();
}

void MemberLinks::State::OnReadable() {
  Frames frames;
  for (int i = 0; i < kMessagesPerWake; ++i) {
    const Socket::Io io = pull_.Receive(frames, 2);
    if (io == Socket::Io::kWouldBlock || io == Socket::Io::kFailed) return;
    if (io == Socket::Io::kTooManyFrames || frames.size() != 2) {
      Refuse("frames", "a message between members has two frames");
      continue;
    }
    OnMessage(frames);
  }
}

void MemberLinks::State::OnMessage(const Frames& frames) {
  const Bytes message = frames[1].bytes();
  if (message.size() > options_.limits.message_bytes_max) {
    return Refuse("too_large", "a message of " + std::to_string(message.size()) +
                                   " bytes, the limit is " +
                                   std::to_string(options_.limits.message_bytes_max));
  }
  const Result<MemberHeader> header = DecodeMemberHeader(frames[0].bytes(), message);
  if (!header.ok()) return Refuse(header.status().reason(), header.status().message());
  const uint64_t group_id = group_id_.load(std::memory_order_relaxed);
  if (group_id == 0) return Refuse("no_group", "our own group is not known yet");
  if (header->group_id != group_id) return Refuse("other_group", "meant for another group");
  if (header->to != options_.node_id) return Refuse("other_member", "meant for another member");
  if (header->from == 0 || header->from == options_.node_id) {
    return Refuse("sender", "it claims to come from us or from nobody");
  }
  Learn(*header);
  received_metric_.Add();
  received_bytes_metric_.Add(message.size());
  on_message_(header->from, std::string(AsString(message)));
}

void MemberLinks::State::Learn(const MemberHeader& header) {
  std::shared_ptr<MemberLink> old;
  std::shared_ptr<MemberLink> link;
  {
    std::lock_guard lock(mu_);
    if (stopped_ || links_.contains(header.from) || header.address.empty()) return;
    const auto it = learned_.find(header.from);
    if (it == learned_.end()) {
      if (learned_.size() >= kLearnedMax) return;
    } else {
      if (it->second->address() == header.address) return;
      old = it->second;
    }
    link = std::make_shared<MemberLink>(loop_, header.address, options_.limits, metrics_);
    learned_[header.from] = link;
  }
  if (old != nullptr) old->Close();
  link->Open();
}

void MemberLinks::State::Refuse(std::string_view reason, const std::string& message) {
  metrics_
      .GetCounter("brazier_member_links_refused_total", "Messages received and thrown away",
                  {{"reason", std::string(reason)}})
      .Add();
  // Once per reason: whoever sends such messages may send many.
  if (!logged_reasons_.emplace(reason).second) return;
  Log(LogLevel::kWarn, "threw away a message that came as one of a member of the group",
      {{"reason", reason}, {"error", message}});
}

Result<std::unique_ptr<MemberLinks>> MemberLinks::Open(Loop& loop, Options options,
                                                       OnMessage on_message,
                                                       MetricsRegistry& metrics) {
  const std::string listen = options.listen;
  auto state = std::make_shared<State>(loop, std::move(options), std::move(on_message), metrics);
  Status status = Unavailable("the pipeline is stopping");
  loop.RunAndWait([&] {
    status = state->Open();
    if (!status.ok()) state->Close();
  });
  if (!status.ok()) return status.Annotate("the group's address \"" + listen + "\"");
  return std::unique_ptr<MemberLinks>(new MemberLinks(std::move(state)));
}

MemberLinks::~MemberLinks() { Stop(); }

void MemberLinks::SetGroup(uint64_t group_id) { state_->SetGroup(group_id); }

void MemberLinks::SetMembers(const std::vector<GroupMember>& members) {
  state_->SetMembers(members);
}

void MemberLinks::Send(uint64_t to, std::string message) { state_->Send(to, std::move(message)); }

const std::string& MemberLinks::address() const { return state_->address(); }

bool MemberLinks::IsConnected(uint64_t node_id) const { return state_->IsConnected(node_id); }

void MemberLinks::Stop() {
  state_->loop().RunAndWait([this] { state_->Close(); });
}

}  // namespace brazier::pipeline
