// The functions behind the table in fuzzers.cc: one pair of run and corpus per decoder. See fuzzers.h.
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.h"

namespace brazier::fuzz {

void RunPprof(Bytes input);
std::vector<std::string> PprofCorpus();
void RunIngestPprof(Bytes input);  // with gzip around it, through the format table
std::vector<std::string> IngestPprofCorpus();
void RunFolded(Bytes input);
std::vector<std::string> FoldedCorpus();
void RunIngestName(Bytes input);
std::vector<std::string> IngestNameCorpus();
void RunSelector(Bytes input);
std::vector<std::string> SelectorCorpus();
void RunProfileBatch(Bytes input);
std::vector<std::string> ProfileBatchCorpus();
void RunQueryPlan(Bytes input);
std::vector<std::string> QueryPlanCorpus();
void RunQueryResult(Bytes input);
std::vector<std::string> QueryResultCorpus();
void RunIngestMsgpack(Bytes input);
std::vector<std::string> IngestMsgpackCorpus();
void RunEnvelope(Bytes input);
std::vector<std::string> EnvelopeCorpus();
void RunJobMessage(Bytes input);  // a byte that says which message, and the message
std::vector<std::string> JobMessageCorpus();
void RunMemberFrame(Bytes input);  // size of the header, header, message; also with the right checksum
std::vector<std::string> MemberFrameCorpus();
void RunSnapshotFrame(Bytes input);  // without its checksum
std::vector<std::string> SnapshotFrameCorpus();
void RunSnapshotManifest(Bytes input);  // without its checksum
std::vector<std::string> SnapshotManifestCorpus();
void RunGroupMembers(Bytes input);  // likewise
std::vector<std::string> GroupMembersCorpus();
void RunObjectKey(Bytes input);  // and the numbers in it
std::vector<std::string> ObjectKeyCorpus();
void RunScrubbedObject(Bytes input);  // a complete object, but for the footer's checksum
std::vector<std::string> ScrubbedObjectCorpus();
void RunOverrides(Bytes input);
std::vector<std::string> OverridesCorpus();
void RunIndexCommand(Bytes input);  // applied to an index that holds some blocks
std::vector<std::string> IndexCommandCorpus();
void RunIndexEntry(Bytes input);  // one byte, then the value
std::vector<std::string> IndexEntryCorpus();
void RunObject(Bytes input);  // a complete object
std::vector<std::string> ObjectCorpus();
void RunObjectSection(Bytes input);  // one section's parts inside an otherwise valid object, checksums right
std::vector<std::string> ObjectSectionCorpus();
void RunMerge(Bytes input);  // the same of a segment or a compacted block, merged with a good one
std::vector<std::string> MergeCorpus();

// Small valid values that several corpora start from.
std::vector<std::string> SmallPprofs();
std::string SmallObject();

}  // namespace brazier::fuzz
