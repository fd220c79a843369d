#include "store/consensus/snapshot_receiver.h"

#include <tuple>
#include <utility>

#include "common/base/crc32c.h"

namespace brazier::consensus {
namespace {

using kv::Family;

bool IsSameTransfer(const SnapshotFrame& a, const SnapshotFrame& b) {
  return std::tie(a.from, a.term, a.transfer, a.index) ==
         std::tie(b.from, b.term, b.transfer, b.index);
}

SnapshotFrame WithoutViews(SnapshotFrame frame) {
  frame.members = {};
  frame.records = {};
  return frame;
}

}  // namespace

Status SnapshotReceiver::Open() {
  RETURN_IF_ERROR(store_.Scan(Family::kStaging, "", "", [&](std::string_view, std::string_view) {
    staging_dirty_ = true;
    return false;
  }));
  if (staging_dirty_) ClearStaging();  // when the disk is full: at a tick
  return Status::Ok();
}

bool SnapshotReceiver::Receive(const SnapshotFrame& frame, uint64_t term, uint64_t commit) {
  if (complete_.has_value()) return false;  // its end comes again
  const bool is_current = transfer_.has_value() && IsSameTransfer(transfer_->head, frame);
  if (frame.kind == SnapshotFrameKind::kOffer && !is_current) {
    Begin(frame, term, commit);
    return false;
  }
  if (!is_current) {
    const bool is_last = IsSameTransfer(last_ended_, frame);
    Answer(frame, is_last ? last_answer_ : SnapshotAnswer::kRefused, 0);
    return false;
  }
  Transfer& transfer = *transfer_;
  transfer.idle_ticks = 0;
  if (frame.number != transfer.next_number) {
    Answer(frame, SnapshotAnswer::kGoOn, transfer.next_number);
    return false;
  }
  if (frame.kind == SnapshotFrameKind::kData) {
    if (!TakeRecords(frame)) Drop(SnapshotAnswer::kRefused);
    return false;
  }
  if (frame.kind != SnapshotFrameKind::kEnd || !Fits(frame)) {
    Drop(SnapshotAnswer::kRefused);
    return false;
  }
  complete_ = Complete{frame.from, frame.term, frame.index, transfer.head.index_term,
                       transfer.members};
  return true;
}

void SnapshotReceiver::Begin(const SnapshotFrame& offer, uint64_t term, uint64_t commit) {
  if (offer.index <= commit) return Answer(offer, SnapshotAnswer::kInstalled, 0);
  if (offer.term < term) return Answer(offer, SnapshotAnswer::kRefused, 0);
  if (IsSameTransfer(last_ended_, offer)) return Answer(offer, last_answer_, 0);
  if (transfer_.has_value()) {
    const SnapshotFrame& current = transfer_->head;
    const bool is_older = std::tie(offer.term, offer.transfer) <
                          std::tie(current.term, current.transfer);
    if (is_older) return;  // came late
  }
  transfer_.reset();
  if (staging_dirty_ && !ClearStaging()) return;  // the offer comes again
  transfer_ = Transfer{.head = WithoutViews(offer), .members = std::string(offer.members)};
  Answer(offer, SnapshotAnswer::kGoOn, 1);
}

bool SnapshotReceiver::TakeRecords(const SnapshotFrame& frame) {
  Transfer& transfer = *transfer_;
  kv::WriteBatch batch;
  bool is_good = true;
  std::string_view last = transfer.last_key;
  bool is_first = transfer.records_count == 0;
  const Status read =
      ReadSnapshotRecords(frame.records, [&](std::string_view key, std::string_view value) {
        if ((!is_first && key <= last) || key == kAppliedKey) is_good = false;
        is_first = false;
        last = key;
        batch.Put(Family::kStaging, std::string(key), std::string(value));
      });
  if (!read.ok() || !is_good || batch.empty()) return false;
  const uint64_t count = batch.writes().size();
  staging_dirty_ = true;
  if (!store_.Write(batch, /*sync=*/false).ok()) return true;  // not answered: it comes again
  transfer.last_key = std::string(last);
  transfer.records_count += count;
  transfer.records_bytes += frame.records.size();
  transfer.records_crc = Crc32c(AsBytes(frame.records), transfer.records_crc);
  ++transfer.next_number;
  Answer(frame, SnapshotAnswer::kGoOn, transfer.next_number);
  return true;
}

bool SnapshotReceiver::Fits(const SnapshotFrame& end) const {
  return end.records_count == transfer_->records_count &&
         end.records_bytes == transfer_->records_bytes &&
         end.records_crc == transfer_->records_crc;
}

void SnapshotReceiver::Tick() {
  if (!transfer_.has_value() && staging_dirty_) ClearStaging();  // could not be, when it was due
  if (!transfer_.has_value() || complete_.has_value()) return;
  if (++transfer_->idle_ticks >= options_.stall_ticks) Drop(SnapshotAnswer::kRefused);
}

void SnapshotReceiver::StageInstall(kv::WriteBatch& batch) const {
  batch.Put(Family::kStaging, std::string(kAppliedKey),
            EncodeApplied({complete_->index, complete_->members}));
  batch.SwapState();
}

void SnapshotReceiver::Installed() {
  staging_dirty_ = true;  // the old state
  Drop(SnapshotAnswer::kInstalled);
}

void SnapshotReceiver::Drop(SnapshotAnswer answer) {
  last_ended_ = transfer_->head;
  last_answer_ = answer;
  transfer_.reset();
  complete_.reset();
  if (staging_dirty_) ClearStaging();  // else at a tick
  Answer(last_ended_, answer, 0);
}

bool SnapshotReceiver::ClearStaging() {
  kv::WriteBatch batch;
  batch.ClearStaging();
  if (!store_.Write(batch, /*sync=*/false).ok()) return false;
  staging_dirty_ = false;
  return true;
}

void SnapshotReceiver::Answer(const SnapshotFrame& to, SnapshotAnswer answer, uint32_t number) {
  SnapshotFrame frame = WithoutViews(to);
  frame.kind = SnapshotFrameKind::kAnswer;
  frame.from = options_.node_id;
  frame.to = to.from;
  frame.number = number;
  frame.answer = answer;
  transport_.Send(frame.to, EncodeSnapshotFrame(frame));
}

}  // namespace brazier::consensus
