// Fuzz target of what metastore members send each other beside the messages of the Raft core: snapshot frames. A frame ends
// in its checksum, which stops nearly every mutation; so the target puts the right one behind the input.
#include "common/base/crc32c.h"
#include "store/consensus/snapshot_frames.h"
#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

using consensus::SnapshotFrame;
using consensus::SnapshotFrameKind;

void CheckFrame(const std::string& bytes) {
  if (!consensus::IsSnapshotFrame(bytes)) return;
  const auto frame = consensus::DecodeSnapshotFrame(bytes);
  if (!frame.ok()) return;
  FUZZ_CHECK(consensus::EncodeSnapshotFrame(*frame) == bytes);
  if (frame->kind != SnapshotFrameKind::kData) return;
  std::string again;
  const Status read = consensus::ReadSnapshotRecords(
      frame->records,
      [&](std::string_view key, std::string_view value) { consensus::AppendSnapshotRecord(key, value, again); });
  if (read.ok()) FUZZ_CHECK(again == frame->records);
}

}  // namespace

void RunSnapshotFrame(Bytes input) {
  std::string bytes(AsString(input));
  CheckFrame(bytes);
  const uint32_t crc = Crc32c(AsBytes(bytes));
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
  CheckFrame(bytes);
}

std::vector<std::string> SnapshotFrameCorpus() {
  std::string records;
  consensus::AppendSnapshotRecord("k", "v1", records);
  consensus::AppendSnapshotRecord("kk", "", records);
  SnapshotFrame frame{.from = 1, .to = 3, .term = 5, .transfer = 2, .index = 300};
  std::vector<std::string> corpus;
  for (const SnapshotFrameKind kind :
       {SnapshotFrameKind::kOffer, SnapshotFrameKind::kData, SnapshotFrameKind::kEnd, SnapshotFrameKind::kAnswer}) {
    frame.kind = kind;
    frame.number = kind == SnapshotFrameKind::kOffer ? 0 : 7;
    frame.index_term = kind == SnapshotFrameKind::kOffer ? 4 : 0;
    frame.members = kind == SnapshotFrameKind::kOffer ? std::string_view("\x08\x01\x08\x02", 4) : std::string_view();
    frame.records = kind == SnapshotFrameKind::kData ? std::string_view(records) : std::string_view();
    std::string bytes = consensus::EncodeSnapshotFrame(frame);
    FUZZ_CHECK(consensus::DecodeSnapshotFrame(bytes).ok());
    bytes.resize(bytes.size() - sizeof(uint32_t));  // the target adds the checksum
    corpus.push_back(std::move(bytes));
  }
  return corpus;
}

}  // namespace brazier::fuzz
