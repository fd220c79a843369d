#include "tests/sim/history_checker.h"

#include <algorithm>

#include "store/index/index_reader.h"

namespace brazier::simulation {

void HistoryChecker::Fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

void HistoryChecker::Submitted(const BlockMeta& block) { submitted_.emplace(block.id, block); }

void HistoryChecker::BecameVisible(const Service& service, const Ulid& id) {
  if (is_visible_[service].emplace(id, true).second) visible_[service].push_back(id);
}

void HistoryChecker::Acknowledged(const std::vector<BlockMeta>& blocks,
                                  const std::vector<index::AddedBlock>& added) {
  if (added.size() != blocks.size()) return Fail("an answer for another number of blocks");
  for (size_t i = 0; i < blocks.size(); ++i) {
    Trace(blocks[i].id.bits.high);
    if (prints()) Note("acknowledged block " + blocks[i].id.ToString());
    const auto committed = reference_.model().blocks().find(blocks[i].id);
    if (committed == reference_.model().blocks().end()) {
      return Fail("block " + blocks[i].id.ToString() + " was acknowledged, no member applied it");
    }
    if (committed->second != added[i].hidden_profiles) {
      return Fail("block " + blocks[i].id.ToString() + " was answered with wrong hidden profiles");
    }
    for (const DatasetMeta& dataset : blocks[i].datasets) {
      BecameVisible({dataset.tenant, dataset.service}, blocks[i].id);
    }
  }
}

void HistoryChecker::EndRead(const std::string& reader, const Service& service, size_t begun,
                             const std::vector<BlockMeta>& found) {
  std::map<Ulid, const DatasetMeta*> datasets;
  if (prints()) {
    Note(reader + " of " + service.first + "/" + service.second + " sees " +
         std::to_string(found.size()) + " blocks");
  }
  for (const BlockMeta& block : found) {
    Trace(block.id.bits.high);
    const auto submitted = submitted_.find(block.id);
    if (submitted == submitted_.end()) return Fail(reader + " saw a block that nobody sent");
    const auto& hidden = reference_.model().blocks().find(block.id);
    if (hidden == reference_.model().blocks().end()) {
      return Fail(reader + " saw block " + block.id.ToString() + ", which no member applied");
    }
    for (const DatasetMeta& dataset : block.datasets) {
      if (Service{dataset.tenant, dataset.service} != service) continue;
      datasets.emplace(block.id, &dataset);
      const std::vector<DatasetMeta>& sent = submitted->second.datasets;
      for (size_t i = 0; i < sent.size(); ++i) {
        if (sent[i].tenant == dataset.tenant && sent[i].service == dataset.service &&
            dataset.hidden_profiles != hidden->second[i]) {
          return Fail(reader + " saw block " + block.id.ToString() + " with wrong hidden profiles");
        }
      }
    }
  }
  const std::vector<Ulid>& visible = visible_[service];
  for (size_t i = 0; i < begun; ++i) {
    if (!datasets.contains(visible[i])) {
      return Fail(reader + " did not see block " + visible[i].ToString() + " of " + service.first +
                  "/" + service.second + ", which was visible before it began");
    }
  }
  for (const auto& [id, dataset] : datasets) BecameVisible(service, id);
}

void HistoryChecker::Applied(uint64_t member, uint64_t index, std::string_view command,
                             std::string_view answer) {
  const AppliedCommand applied{Hash64(command), Hash64(answer)};
  Trace(MixHash(member, index) ^ applied.command_hash);
  const std::string who = "member " + std::to_string(member) + " at " + std::to_string(index);
  if (prints()) Note(who + " applies");
  auto it = applied_.find(index);
  if (it == applied_.end()) {
    if (!applied_.empty() && index < applied_.rbegin()->first) {
      return Fail(who + " applied a command where others had none");
    }
    std::string disagreement;
    const std::string expected = reference_.Apply(index, command, &disagreement);
    if (!disagreement.empty()) return Fail(disagreement);
    it = applied_.emplace(index, AppliedCommand{applied.command_hash, Hash64(expected)}).first;
  }
  if (it->second.command_hash != applied.command_hash) {
    return Fail(who + " applied another command than others");
  }
  if (it->second.answer_hash != applied.answer_hash) {
    return Fail(who + " answered a command unlike the reference");
  }
}

void HistoryChecker::Restored(uint64_t member, uint64_t index) {
  Trace(MixHash(member, ~index));
  if (prints()) Note("member " + std::to_string(member) + " has the state as of " + std::to_string(index));
  ++restores_;
}

void HistoryChecker::Status(uint64_t member, const consensus::RaftNode::CoreStatus& status) {
  if (!status.is_leader) return;
  const auto [it, is_new] = leaders_.emplace(status.term, member);
  if (is_new && prints()) {
    Note("member " + std::to_string(member) + " leads in term " + std::to_string(status.term));
  }
  if (!is_new && it->second != member) {
    Fail("members " + std::to_string(member) + " and " + std::to_string(it->second) +
         " both lead in term " + std::to_string(status.term));
  }
}

void HistoryChecker::Members(uint64_t member, uint64_t index,
                             const std::vector<consensus::MemberView>& members) {
  if (members.empty()) return;  // a newcomer that was not told anything yet
  uint64_t hash = members.size();
  for (const consensus::MemberView& view : members) {
    hash = MixHash(hash, MixHash(view.member.node_id, view.progress.is_voter ? 1 : 0));
    hash = MixHash(hash, Hash64(view.member.name + " " + view.member.rpc_address));
  }
  const auto [it, is_new] = members_.emplace(index, hash);
  if (!is_new && it->second != hash) {
    Fail("member " + std::to_string(member) + " at " + std::to_string(index) +
         " knows other members of the group than others");
  }
  if (is_new && std::next(it) == members_.end() && (it == members_.begin() || std::prev(it)->second != hash)) {
    groups_[index] = members;
  }
}

void HistoryChecker::CheckFinalState(uint64_t member, const kv::Reader& state) {
  const std::string who = "at the end member " + std::to_string(member);
  if (DumpOf(state) != reference_.Dump()) {
    return Fail(who + " has a state unlike that of the committed commands");
  }
  for (const auto& [service, blocks] : visible_) {
    const auto found = index::FindBlocks(
        state, {.tenants = {service.first}, .end_ns = INT64_MAX, .service = service.second});
    if (!found.ok()) return Fail(who + " cannot read: " + found.status().ToString());
    EndRead(who, service, blocks.size(), *found);
  }
}

void HistoryChecker::CheckIdentitiesCountOnce() {
  std::map<Hash128, int> counted;
  for (const auto& [id, hidden] : reference_.model().blocks()) {
    const BlockMeta& block = submitted_.at(id);
    for (size_t i = 0; i < block.datasets.size(); ++i) {
      for (uint32_t p = 0; p < block.datasets[i].identities.size(); ++p) {
        const Hash128& identity = block.datasets[i].identities[p];
        const bool is_hidden = std::find(hidden[i].begin(), hidden[i].end(), p) != hidden[i].end();
        if (!identity.IsZero()) counted[identity] += is_hidden ? 0 : 1;
      }
    }
  }
  for (const auto& [identity, times] : counted) {
    if (times != 1) return Fail("an identity counts " + std::to_string(times) + " times");
  }
}

}  // namespace brazier::simulation
