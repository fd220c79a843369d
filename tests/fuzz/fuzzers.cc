#include "tests/fuzz/fuzzers.h"

#include <memory>

#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

constexpr Fuzzer kFuzzers[] = {
    {"pprof", "the pprof wire reader", RunPprof, PprofCorpus},
    {"ingest_pprof", "gzip and pprof through the format table", RunIngestPprof, IngestPprofCorpus},
    {"folded", "folded stacks and lines", RunFolded, FoldedCorpus},
    {"ingest_name", "the name parameter of /ingest", RunIngestName, IngestNameCorpus},
    {"selector", "the label selector parser", RunSelector, SelectorCorpus},
    {"profile_batch", "profile batches on the append pipeline", RunProfileBatch, ProfileBatchCorpus},
    {"query_plan", "query plans on the execute pipeline", RunQueryPlan, QueryPlanCorpus},
    {"query_result", "partial results on the execute pipeline", RunQueryResult, QueryResultCorpus},
    {"ingest_msgpack", "messages of profile shippers over ZeroMQ", RunIngestMsgpack, IngestMsgpackCorpus},
    {"envelope", "header frames between our processes", RunEnvelope, EnvelopeCorpus},
    {"job_message", "what compaction workers and the metastore say to each other", RunJobMessage, JobMessageCorpus},
    {"member_frame", "messages between metastore members", RunMemberFrame, MemberFrameCorpus},
    {"snapshot_frame", "snapshots between metastore members", RunSnapshotFrame, SnapshotFrameCorpus},
    {"snapshot_manifest", "manifests of index snapshots", RunSnapshotManifest, SnapshotManifestCorpus},
    {"group_members", "members of a metastore group", RunGroupMembers, GroupMembersCorpus},
    {"object_key", "keys of a bucket, as a scrub reads them", RunObjectKey, ObjectKeyCorpus},
    {"scrubbed_object", "an object of the bucket, as a scrub reads it", RunScrubbedObject, ScrubbedObjectCorpus},
    {"overrides", "the file of settings per tenant", RunOverrides, OverridesCorpus},
    {"index_command", "commands of the metadata index, decoded and applied", RunIndexCommand, IndexCommandCorpus},
    {"index_entry", "values of the metadata index", RunIndexEntry, IndexEntryCorpus},
    {"object", "the object reader: trailer, footer, sections", RunObject, ObjectCorpus},
    {"object_section", "section decoders behind right checksums", RunObjectSection, ObjectSectionCorpus},
    {"merge", "hostile sections of an input of a merge", RunMerge, MergeCorpus},
};

// Reads beyond its buffer when the first letter is changed from 'c' to a capital one.
void RunCanary(Bytes input) {
  if (input.size() < 4 || input[0] < 'A' || input[0] > 'Z') return;
#if defined(__SANITIZE_ADDRESS__)
  const auto copy = std::make_unique<uint8_t[]>(input.size());
  volatile size_t index = input.size();
  volatile uint8_t beyond = copy[index];
  (void)beyond;
#else
  std::abort();
#endif
}

std::vector<std::string> CanaryCorpus() { return {"canary"}; }

}  // namespace

std::span<const Fuzzer> AllFuzzers() { return kFuzzers; }

const Fuzzer* FindFuzzer(std::string_view name) {
  for (const Fuzzer& fuzzer : kFuzzers) {
    if (fuzzer.name == name) return &fuzzer;
  }
  return nullptr;
}

const Fuzzer& Canary() {
  static constexpr Fuzzer kCanary = {"canary", "a planted bug", RunCanary, CanaryCorpus};
  return kCanary;
}

}  // namespace brazier::fuzz
