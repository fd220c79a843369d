#include "store/consensus/raft_log.h"

#include <algorithm>
#include <utility>

namespace brazier::consensus {
namespace {

using kv::Family;

// Fetches and decodes a record that must be there.
template <typename T>
Status LoadRecord(const kv::Reader& store, Family family, std::string_view key,
                  Result<T> (*decode)(std::string_view), T& out) {
  Result<std::string> bytes = store.Get(family, key);
  if (!bytes.ok()) {
    if (bytes.status().code() != Code::kNotFound) return bytes.status();
    return Corruption("the consensus record " + std::string(key.substr(1)) + " is missing");
  }
  ASSIGN_OR_RETURN(out, decode(*bytes));
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<RaftLog>> RaftLog::Open(kv::KeyValueStore& store, uint64_t node_id) {
  std::unique_ptr<RaftLog> log(new RaftLog(store));
  RETURN_IF_ERROR(log->Load(node_id));
  return log;
}

Status RaftLog::Load(uint64_t node_id) {
  NodeIdentity stored;
  RETURN_IF_ERROR(LoadRecord(store_, Family::kLog, kIdentityKey, DecodeIdentity, stored));
  if (stored.node_id != node_id) {
    return {Code::kFailedPrecondition, "the store belongs to consensus node " +
                                           std::to_string(stored.node_id) + ", this is node " +
                                           std::to_string(node_id)};
  }
  RETURN_IF_ERROR(LoadRecord(store_, Family::kLog, kHardStateKey, DecodeHardState, hard_state_));
  RETURN_IF_ERROR(LoadRecord(store_, Family::kLog, kTruncatedKey, DecodeTruncation, truncation_));
  RETURN_IF_ERROR(LoadRecord(store_, Family::kState, kAppliedKey, DecodeApplied, applied_));
  RETURN_IF_ERROR(LoadEntries());
  RETURN_IF_ERROR(CheckLoaded());
  // The commit index is written only along with votes and terms; what is applied was committed.
  hard_state_.commit = std::max(hard_state_.commit, applied_.index);
  return Status::Ok();
}

Status RaftLog::LoadEntries() {
  Status status;
  RETURN_IF_ERROR(store_.Scan(
      Family::kLog, EntryKey(first_index()), kEntriesEnd,
      [&](std::string_view key, std::string_view value) {
        Result<uint64_t> index = DecodeEntryKey(key);
        if (!index.ok()) {
          status = index.status();
        } else if (*index != last_index() + 1) {
          status = Corruption("the log has a gap: entry " + std::to_string(*index) +
                              " follows entry " + std::to_string(last_index()));
        } else if (Result<EntryView> entry = DecodeEntry(*index, value); !entry.ok()) {
          status = entry.status();
        } else {
          AddTerm(*index, entry->term);
          entry_bytes_.push_back(static_cast<uint32_t>(value.size()));
          bytes_ += value.size();
        }
        return status.ok();
      }));
  return status;
}

Status RaftLog::CheckLoaded() const {
  const auto mismatch = [&](const std::string& what) {
    return Corruption("log and state do not fit: " + what + " (log " +
                      std::to_string(first_index()) + ".." + std::to_string(last_index()) +
                      ", commit " + std::to_string(hard_state_.commit) + ", applied " +
                      std::to_string(applied_.index) + ", term " +
                      std::to_string(hard_state_.term) + ")");
  };
  if (applied_.index > last_index()) return mismatch("applied entries are missing from the log");
  if (applied_.index < truncation_.index) {
    return mismatch("the log no longer has the entry after the applied one");
  }
  if (hard_state_.commit > last_index()) return mismatch("committed entries are missing");
  uint64_t previous = truncation_.term;
  for (const TermRun& run : terms_) {
    if (run.term < previous) return mismatch("terms go backwards");
    previous = run.term;
  }
  if (hard_state_.term < previous) return mismatch("the log has a later term than the node");
  return Status::Ok();
}

void RaftLog::AddTerm(uint64_t index, uint64_t term) {
  if (terms_.empty() || terms_.back().term != term) terms_.push_back({index, term});
}

Result<uint64_t> RaftLog::Term(uint64_t index) const {
  if (index == truncation_.index) return truncation_.term;
  if (index < truncation_.index || index > last_index()) {
    return NotFound("log entry " + std::to_string(index));
  }
  const auto after = std::upper_bound(
      terms_.begin(), terms_.end(), index,
      [](uint64_t wanted, const TermRun& run) { return wanted < run.first_index; });
  return std::prev(after)->term;
}

Status RaftLog::Read(uint64_t low, uint64_t high, uint64_t bytes_max,
                     const std::function<void(const EntryView&)>& visit) const {
  if (low < first_index() || high > last_index() + 1 || low > high) {
    return NotFound("log entries " + std::to_string(low) + " to " + std::to_string(high));
  }
  uint64_t bytes = 0;
  if (!tail_.empty() && low >= tail_index_) {
    for (uint64_t index = low; index < high; ++index) {
      const TailEntry& entry = tail_[index - tail_index_];
      bytes += entry.context.size() + entry.data.size();
      if (index > low && bytes > bytes_max) break;
      visit({index, entry.term, entry.type, entry.context, entry.data});
    }
    return Status::Ok();
  }
  uint64_t expected = low;
  Status status;
  RETURN_IF_ERROR(store_.Scan(
      Family::kLog, EntryKey(low), EntryKey(high),
      [&](std::string_view key, std::string_view value) {
        const Result<EntryView> entry = DecodeEntry(expected, value);
        if (!entry.ok()) {
          status = entry.status();
        } else if (key != EntryKey(expected)) {
          status = Corruption("log entry " + std::to_string(expected) + " is missing");
        } else {
          bytes += entry->context.size() + entry->data.size();
          if (expected > low && bytes > bytes_max) return false;
          visit(*entry);
          ++expected;
        }
        return status.ok();
      }));
  return status;
}

void RaftLog::StageAppend(const std::vector<EntryView>& entries, kv::WriteBatch& batch) {
  if (entries.empty()) return;
  const uint64_t at = entries.front().index;
  CHECK(staged_.append_at == 0);
  CHECK(at >= first_index());
  CHECK(at <= last_index() + 1);
  if (at <= last_index()) {
    batch.DeleteRange(Family::kLog, EntryKey(at), EntryKey(last_index() + 1));
  }
  staged_.append_at = at;
  staged_.entries.reserve(entries.size());
  for (const EntryView& entry : entries) {
    std::string value = EncodeEntry(entry);
    staged_.entry_bytes.push_back(static_cast<uint32_t>(value.size()));
    staged_.entries.push_back(
        {entry.term, entry.type, std::string(entry.context), std::string(entry.data)});
    batch.Put(Family::kLog, EntryKey(entry.index), std::move(value));
  }
}

void RaftLog::StageHardState(const HardState& state, kv::WriteBatch& batch) {
  staged_.has_hard_state = true;
  staged_.hard_state = state;
  batch.Put(Family::kLog, std::string(kHardStateKey), EncodeHardState(state));
}

void RaftLog::StageTruncation(uint64_t index, kv::WriteBatch& batch) {
  CHECK(index >= first_index());
  CHECK(index < last_index());
  staged_.truncate_to = index;
  batch.DeleteRange(Family::kLog, EntryKey(first_index()), EntryKey(index + 1));
  batch.Put(Family::kLog, std::string(kTruncatedKey),
            EncodeTruncation({index, Term(index).value()}));
}

void RaftLog::StageInstall(const Truncation& snapshot, kv::WriteBatch& batch) {
  CHECK(staged_.append_at == 0);
  CHECK(snapshot.index > truncation_.index);
  staged_.install = snapshot;
  batch.DeleteRange(Family::kLog, EntryKey(first_index()), EntryKey(last_index() + 1));
  batch.Put(Family::kLog, std::string(kTruncatedKey), EncodeTruncation(snapshot));
}

void RaftLog::CommitStaged() {
  if (staged_.install.index != 0) {
    truncation_ = staged_.install;
    terms_.clear();
    entry_bytes_.clear();
    tail_.clear();
    bytes_ = 0;
  }
  if (staged_.append_at != 0) {
    while (last_index() >= staged_.append_at) {
      bytes_ -= entry_bytes_.back();
      entry_bytes_.pop_back();
    }
    while (!terms_.empty() && terms_.back().first_index >= staged_.append_at) terms_.pop_back();
    for (size_t i = 0; i < staged_.entries.size(); ++i) {
      AddTerm(staged_.append_at + i, staged_.entries[i].term);
      entry_bytes_.push_back(staged_.entry_bytes[i]);
      bytes_ += staged_.entry_bytes[i];
    }
    tail_index_ = staged_.append_at;
    tail_ = std::move(staged_.entries);
  }
  if (staged_.has_hard_state) hard_state_ = staged_.hard_state;
  if (staged_.truncate_to != 0) {
    const Truncation next{staged_.truncate_to, Term(staged_.truncate_to).value()};
    while (first_index() <= next.index) {
      bytes_ -= entry_bytes_.front();
      entry_bytes_.pop_front();
      ++truncation_.index;
    }
    truncation_ = next;
    while (terms_.size() > 1 && terms_[1].first_index <= first_index()) terms_.pop_front();
    terms_.front().first_index = std::max(terms_.front().first_index, first_index());
    if (!tail_.empty() && tail_index_ < first_index()) tail_.clear();
  }
  staged_ = {};
}

uint64_t RaftLog::TruncationIndex(uint64_t applied, uint64_t keep_entries,
                                  uint64_t keep_bytes) const {
  uint64_t index = std::min(applied, last_index());
  uint64_t kept_bytes = 0;
  for (uint64_t kept = 0; index >= first_index() && kept < keep_entries; ++kept, --index) {
    kept_bytes += entry_bytes_[index - first_index()];
    if (kept > 0 && kept_bytes > keep_bytes) break;
  }
  return index;
}

}  // namespace brazier::consensus
