#include "store/consensus/snapshot_sender.h"

#include <algorithm>
#include <utility>

#include "common/base/crc32c.h"

namespace brazier::consensus {

Result<SnapshotSender::Offered> SnapshotSender::Offer(uint64_t to) {
  transfers_.erase(to);
  if (transfers_.size() >= options_.transfers_max) {
    return Unavailable("this member sends " + std::to_string(transfers_.size()) +
                       " snapshots already");
  }
  Transfer transfer;
  transfer.state = store_.Snapshot();
  ASSIGN_OR_RETURN(const std::string record,
                   transfer.state->Get(kv::Family::kState, kAppliedKey));
  ASSIGN_OR_RETURN(AppliedState applied, DecodeApplied(record));
  transfer.index = applied.index;
  ASSIGN_OR_RETURN(transfer.index_term, log_.Term(applied.index));
  transfer.members = std::move(applied.conf_state);
  transfer.id = ++last_id_;
  lingering_.erase(to);
  const Transfer& kept = transfers_.emplace(to, std::move(transfer)).first->second;
  return Offered{kept.index, kept.index_term, kept.members};
}

void SnapshotSender::Pump(uint64_t term) {
  std::vector<uint64_t> failed;
  for (auto it = transfers_.begin(); it != transfers_.end();) {
    auto& [to, transfer] = *it;
    if (transfer.term == 0) transfer.term = term;
    if (term == 0 || transfer.term != term) {
      it = transfers_.erase(it);
      continue;
    }
    while (!transfer.ended && transfer.frames.size() < options_.window_frames) {
      // The other side refuses data of a transfer it does not know yet.
      const bool offer_unanswered = transfer.next_number == 1 && !transfer.frames.empty();
      if (offer_unanswered) break;
      if (!AddFrame(to, transfer).ok()) {
        failed.push_back(to);
        break;
      }
      transport_.Send(to, transfer.frames.back());
    }
    ++it;
  }
  for (uint64_t to : failed) End(to, false);
}

Status SnapshotSender::AddFrame(uint64_t to, Transfer& transfer) {
  SnapshotFrame frame{.from = options_.node_id,
                      .to = to,
                      .term = transfer.term,
                      .transfer = transfer.id,
                      .index = transfer.index,
                      .number = transfer.next_number};
  std::string records;
  if (transfer.next_number == 0) {
    frame.kind = SnapshotFrameKind::kOffer;
    frame.index_term = transfer.index_term;
    frame.members = transfer.members;
  } else {
    RETURN_IF_ERROR(transfer.state->Scan(
        kv::Family::kState, transfer.after_key, "",
        [&](std::string_view key, std::string_view value) {
          if (key == kAppliedKey) return true;  // the offer says it
          const bool is_full =
              records.size() + SnapshotRecordBytes(key, value) > options_.chunk_bytes;
          if (is_full && !records.empty()) return false;
          AppendSnapshotRecord(key, value, records);
          transfer.after_key.assign(key);
          transfer.after_key.push_back('\0');
          ++transfer.records_count;
          return true;
        }));
    transfer.records_bytes += records.size();
    transfer.records_crc = Crc32c(AsBytes(records), transfer.records_crc);
    frame.kind = SnapshotFrameKind::kData;
    frame.records = records;
  }
  if (frame.kind == SnapshotFrameKind::kData && records.empty()) {
    frame.kind = SnapshotFrameKind::kEnd;
    frame.records_count = transfer.records_count;
    frame.records_bytes = transfer.records_bytes;
    frame.records_crc = transfer.records_crc;
    transfer.ended = true;
    transfer.state.reset();  // a pinned store keeps deleted data
  }
  ++transfer.next_number;
  transfer.frames.push_back(EncodeSnapshotFrame(frame));
  return Status::Ok();
}

void SnapshotSender::Tick() {
  for (auto it = lingering_.begin(); it != lingering_.end();) {
    it = --it->second.ticks_left == 0 ? lingering_.erase(it) : std::next(it);
  }
  std::vector<uint64_t> stalled;
  for (auto& [to, transfer] : transfers_) {
    if (++transfer.idle_ticks >= options_.stall_ticks) {
      stalled.push_back(to);
    } else if (transfer.idle_ticks % options_.resend_ticks == 0) {
      for (const std::string& frame : transfer.frames) transport_.Send(to, frame);
    }
  }
  for (uint64_t to : stalled) End(to, false);
}

void SnapshotSender::Receive(const SnapshotFrame& answer) {
  const auto it = transfers_.find(answer.from);
  if (it == transfers_.end()) return;
  Transfer& transfer = it->second;
  if (answer.term != transfer.term || answer.transfer != transfer.id ||
      answer.index != transfer.index) {
    return;  // of an earlier transfer
  }
  switch (answer.answer) {
    case SnapshotAnswer::kInstalled:
      End(answer.from, true);
      break;
    case SnapshotAnswer::kRefused:
      End(answer.from, false);
      break;
    case SnapshotAnswer::kGoOn: {
      const size_t unanswered =
          transfer.next_number - std::min(answer.number, transfer.next_number);
      // The end stays: only kInstalled answers it.
      const size_t keep = std::max<size_t>(unanswered, transfer.ended ? 1 : 0);
      while (transfer.frames.size() > keep) {
        transfer.frames.pop_front();
        transfer.idle_ticks = 0;
      }
      break;
    }
  }
}

void SnapshotSender::End(uint64_t to, bool ok) {
  const auto it = transfers_.find(to);
  if (ok) lingering_[to] = {it->second.index, options_.linger_ticks};
  transfers_.erase(it);
  outcomes_.push_back({to, ok});
}

uint64_t SnapshotSender::HoldIndex() const {
  uint64_t index = UINT64_MAX;
  for (const auto& [to, transfer] : transfers_) index = std::min(index, transfer.index);
  for (const auto& [to, held] : lingering_) index = std::min(index, held.index);
  return index;
}

size_t SnapshotSender::held_bytes() const {
  size_t bytes = 0;
  for (const auto& [to, transfer] : transfers_) {
    for (const std::string& frame : transfer.frames) bytes += frame.size();
  }
  return bytes;
}

}  // namespace brazier::consensus
