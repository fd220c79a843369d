#include "store/index/job_command.h"

#include <functional>

#include "common/codec/msgpack_io.h"
#include "store/index/compaction_command.h"
#include "store/index/index_limits.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

using codec::MsgpackWriter;

BlockMeta Output(uint64_t n) {
  BlockMeta block = MakeBlock(n, {MakeDataset("t", "s", 10, 20, {})});
  block.level = 1;
  return block;
}

std::string Finish(FinishJobCommand command) {
  std::vector<std::string> encoded;
  for (const BlockMeta& output : command.outputs) encoded.push_back(codec::EncodeBlockMeta(output));
  return EncodeFinishJobCommand(command, encoded);
}

const FinishJobCommand kFinish = {.time_ns = 10,
                                  .id = 3,
                                  .token = 77,
                                  .inputs = {IdOf(1), IdOf(2)},
                                  .outputs = {Output(9)},
                                  .bad = {{IdOf(4), "missing"}}};
const JobLease kNew = {.queue = {1, 258, "t"}, .output_level = 2, .inputs = {IdOf(1), IdOf(2)}, .worker = "w"};
const DeleteDataCommand kDelete = {
    .time_ns = 10, .id = IdOf(7), .filter = {.tenant = "t", .service = "s", .selector = "{pod=\"a\"}", .start_ns = 5, .end_ns = 6}};

// One of each kind, with what decodes it.
struct Kind {
  CommandKind kind;
  std::string bytes;
  std::function<Status(std::string_view)> decode;
};
std::vector<Kind> AllKinds() {
  return {
      {CommandKind::kLeaseJobs, EncodeLeaseJobsCommand({10, {kNew, {.id = 4, .worker = "v"}}}),
       [](auto bytes) { return DecodeLeaseJobsCommand(bytes).status(); }},
      {CommandKind::kFinishJob, Finish(kFinish), [](auto bytes) { return DecodeFinishJobCommand(bytes).status(); }},
      {CommandKind::kReturnJob, EncodeReturnJobCommand({10, 3, 77, 99, true, "why"}),
       [](auto bytes) { return DecodeReturnJobCommand(bytes).status(); }},
      {CommandKind::kForgetFailures, EncodeForgetFailuresCommand({10, {IdOf(1)}}),
       [](auto bytes) { return DecodeForgetFailuresCommand(bytes).status(); }},
      {CommandKind::kQuarantineBlocks, EncodeQuarantineBlocksCommand({10, {{IdOf(1), "missing"}, {IdOf(2), "crc"}}}),
       [](auto bytes) { return DecodeQuarantineBlocksCommand(bytes).status(); }},
      {CommandKind::kReleaseBlocks, EncodeReleaseBlocksCommand({10, {IdOf(1)}}),
       [](auto bytes) { return DecodeReleaseBlocksCommand(bytes).status(); }},
      {CommandKind::kCondemnObjects, EncodeCondemnObjectsCommand({10, {{IdOf(1), 2, 0, "", 5}, {IdOf(2), 0, 3, "t", 6}}}),
       [](auto bytes) { return DecodeCondemnObjectsCommand(bytes).status(); }},
      {CommandKind::kDeleteData, EncodeDeleteDataCommand(kDelete),
       [](auto bytes) { return DecodeDeleteDataCommand(bytes).status(); }},
      {CommandKind::kForgetDeletions, EncodeForgetDeletionsCommand({10, {IdOf(1)}}),
       [](auto bytes) { return DecodeForgetDeletionsCommand(bytes).status(); }},
      {CommandKind::kSetCompaction, EncodeSetCompactionCommand({10, true}),
       [](auto bytes) { return DecodeSetCompactionCommand(bytes).status(); }},
  };
}

TEST(JobCommandTest, LeasesComeThrough) {
  const JobLease old = {.id = 4, .worker = "v"};
  const auto lease = DecodeLeaseJobsCommand(EncodeLeaseJobsCommand({12, {kNew, old}}));
  ASSERT_TRUE(lease.ok()) << lease.status().ToString();
  EXPECT_EQ(lease->time_ns, 12);
  ASSERT_EQ(lease->jobs.size(), 2u);
  EXPECT_EQ(lease->jobs[0].id, 0u);
  EXPECT_EQ(lease->jobs[0].queue, kNew.queue);
  EXPECT_EQ(lease->jobs[0].output_level, 2u);
  EXPECT_EQ(lease->jobs[0].inputs, kNew.inputs);
  EXPECT_EQ(lease->jobs[0].worker, "w");
  EXPECT_EQ(lease->jobs[1].id, 4u);
  EXPECT_EQ(lease->jobs[1].worker, "v");
}

TEST(JobCommandTest, EndsOfJobsComeThrough) {
  const auto finish = DecodeFinishJobCommand(Finish(kFinish));
  ASSERT_TRUE(finish.ok()) << finish.status().ToString();
  EXPECT_EQ(finish->time_ns, 10);
  EXPECT_EQ(finish->id, 3u);
  EXPECT_EQ(finish->token, 77u);
  EXPECT_EQ(finish->inputs, kFinish.inputs);
  EXPECT_EQ(finish->outputs, kFinish.outputs);
  EXPECT_EQ(finish->bad, kFinish.bad);
  const auto returned = DecodeReturnJobCommand(EncodeReturnJobCommand({10, 3, 77, 99, true, "why"}));
  ASSERT_TRUE(returned.ok());
  EXPECT_EQ(returned->id, 3u);
  EXPECT_EQ(returned->token, 77u);
  EXPECT_EQ(returned->not_before_ns, 99);
  EXPECT_TRUE(returned->counts);
  EXPECT_EQ(returned->error, "why");
  const auto forget = DecodeForgetFailuresCommand(EncodeForgetFailuresCommand({11, {IdOf(3), IdOf(1)}}));
  EXPECT_EQ(forget->time_ns, 11);
  EXPECT_EQ(forget->blocks, (std::vector<Ulid>{IdOf(3), IdOf(1)}));
}

TEST(JobCommandTest, TheOthersComeThrough) {
  const std::vector<BadInput> bad = {{IdOf(2), "missing"}, {IdOf(1), "crc"}};
  EXPECT_EQ(DecodeQuarantineBlocksCommand(EncodeQuarantineBlocksCommand({10, bad}))->blocks, bad);
  EXPECT_EQ(DecodeReleaseBlocksCommand(EncodeReleaseBlocksCommand({10, {IdOf(2)}}))->blocks, std::vector<Ulid>{IdOf(2)});
  const std::vector<CondemnedObject> objects = {{IdOf(1), 2, 0, "", 5}, {IdOf(2), 0, 3, "t", 6}};
  EXPECT_EQ(DecodeCondemnObjectsCommand(EncodeCondemnObjectsCommand({10, objects}))->objects, objects);
  const auto deletion = DecodeDeleteDataCommand(EncodeDeleteDataCommand(kDelete));
  ASSERT_TRUE(deletion.ok()) << deletion.status().ToString();
  EXPECT_EQ(deletion->id, kDelete.id);
  EXPECT_EQ(deletion->filter, kDelete.filter);
  EXPECT_EQ(DecodeForgetDeletionsCommand(EncodeForgetDeletionsCommand({10, {IdOf(2)}}))->ids, std::vector<Ulid>{IdOf(2)});
  EXPECT_TRUE(DecodeSetCompactionCommand(EncodeSetCompactionCommand({10, true}))->is_paused);
  EXPECT_FALSE(DecodeSetCompactionCommand(EncodeSetCompactionCommand({10, false}))->is_paused);
}

TEST(JobCommandTest, GoldenBytes) {
  const std::string id("\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", 16);
  const Ulid one{{1, 2}};
  EXPECT_EQ(EncodeLeaseJobsCommand({10, {{.id = 0, .queue = {1, 2, "t"}, .output_level = 2, .inputs = {one}, .worker = "w"}}}),
            std::string("\x94\x01\x05\x0A\x91\x97\0\x01\x02\xA1t\x02\xC4\x10", 14) + id + "\xA1w");
  EXPECT_EQ(EncodeFinishJobCommand({.time_ns = 10, .id = 3, .token = 7, .inputs = {one}, .bad = {{one, "x"}}},
                                   std::vector<std::string>{"\x01"}),
            "\x98\x01\x06\x0A\x03\x07\xC4\x10" + id + "\x91\xC4\x01\x01\x91\x92\xC4\x10" + id + "\xA1x");
  EXPECT_EQ(EncodeReturnJobCommand({10, 3, 7, 9, true, "x"}), "\x98\x01\x07\x0A\x03\x07\x09\xC3\xA1x");
  EXPECT_EQ(EncodeForgetFailuresCommand({10, {one}}), "\x94\x01\x08\x0A\xC4\x10" + id);
  EXPECT_EQ(EncodeQuarantineBlocksCommand({10, {{one, "x"}}}), "\x94\x01\x09\x0A\x91\x92\xC4\x10" + id + "\xA1x");
  EXPECT_EQ(EncodeReleaseBlocksCommand({10, {one}}), "\x94\x01\x0A\x0A\xC4\x10" + id);
  EXPECT_EQ(EncodeCondemnObjectsCommand({10, {{one, 2, 1, "t", 5}}}),
            "\x94\x01\x0B\x0A\x91\x95\xC4\x10" + id + "\x02\x01\xA1t\x05");
  EXPECT_EQ(EncodeDeleteDataCommand({10, one, {"t", "", "{}", 5, 6}}),
            "\x99\x01\x0C\x0A\xC4\x10" + id + "\xA1t\xA0\xA2{}\x05\x06");
  EXPECT_EQ(EncodeForgetDeletionsCommand({10, {one}}), "\x94\x01\x0D\x0A\xC4\x10" + id);
  EXPECT_EQ(EncodeSetCompactionCommand({10, true}), "\x94\x01\x0E\x0A\xC3");
  EXPECT_EQ(EncodeLeaseJobsAnswer(std::vector<LeasedJob>{{3, 7, {one}}}),
            std::string("\x94\x01\0\xA0\x91\x93\x03\x07\xC4\x10", 10) + id);
  EXPECT_EQ(EncodeFinishJobAnswer(JobFinished{true}), std::string("\x95\x01\0\xA0\xC3\xA0", 6));
  EXPECT_EQ(EncodeFinishJobAnswer(NotFound("x").WithReason("r")), "\x95\x01\x04\xA1x\xC2\xA1r");
  EXPECT_EQ(EncodeCountAnswer(uint64_t{3}), std::string("\x94\x01\0\xA0\x03", 5));
  EXPECT_EQ(EncodeCountAnswer(ResourceExhausted("x")), std::string("\x94\x01\x06\xA1x\0", 6));
}

TEST(JobCommandTest, KindsAreToldApart) {
  for (const Kind& kind : AllKinds()) {
    EXPECT_EQ(ReadCommandKind(kind.bytes), kind.kind);
    EXPECT_TRUE(kind.decode(kind.bytes).ok()) << kind.decode(kind.bytes).ToString();
    for (const Kind& other : AllKinds()) {
      if (other.kind == kind.kind) continue;
      EXPECT_EQ(kind.decode(other.bytes).code(), Code::kUnimplemented);
    }
  }
}

TEST(JobCommandTest, EveryTruncationIsRefusedAndAnyBitFlipIsBorne) {
  std::mt19937_64 rng(3);
  for (const Kind& kind : AllKinds()) {
    SCOPED_TRACE(static_cast<int>(kind.kind));
    for (size_t n = 0; n < kind.bytes.size(); ++n) {
      EXPECT_FALSE(kind.decode(std::string_view(kind.bytes).substr(0, n)).ok()) << n;
    }
    EXPECT_FALSE(kind.decode(kind.bytes + "x").ok());
    for (int i = 0; i < 3000; ++i) {
      std::string bad = kind.bytes;
      bad[rng() % bad.size()] ^= static_cast<char>(1u << rng() % 8);
      (void)kind.decode(bad);
    }
  }
}

TEST(JobCommandTest, OtherVersionsAreUnimplemented) {
  for (const Kind& kind : AllKinds()) {
    std::string other = kind.bytes;
    other[1] = 0x77;
    EXPECT_EQ(kind.decode(other).code(), Code::kUnimplemented);
  }
}

TEST(JobCommandTest, TimesOutsideTheRangeAreRefused) {
  for (const int64_t time_ns : {int64_t{-1}, kCommandTimeNsMax + 1}) {
    EXPECT_FALSE(DecodeLeaseJobsCommand(EncodeLeaseJobsCommand({time_ns, {}})).ok());
    EXPECT_FALSE(DecodeSetCompactionCommand(EncodeSetCompactionCommand({time_ns, true})).ok());
    EXPECT_FALSE(DecodeReturnJobCommand(EncodeReturnJobCommand({10, 3, 77, time_ns, true, "why"})).ok());
  }
}

TEST(JobCommandTest, LaterFieldsAreIgnored) {
  MsgpackWriter out;
  out.Array(5);
  for (uint64_t n : {1, 14, 10}) out.Uint(n);
  out.Bool(true);
  out.Str("later");
  EXPECT_TRUE(DecodeSetCompactionCommand(out.Take()).ok());
}

TEST(JobCommandTest, LeasesThatCannotBeAreRefused) {
  const auto refused = [](const JobLease& lease) {
    return DecodeLeaseJobsCommand(EncodeLeaseJobsCommand({10, {lease}})).status().code() == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused(kNew));
  JobLease lease = kNew;
  lease.inputs = {};
  EXPECT_TRUE(refused(lease));
  lease.id = 5;
  EXPECT_FALSE(refused(lease)) << "an old job keeps its inputs";
  lease = kNew;
  lease.inputs = {IdOf(2), IdOf(1)};
  EXPECT_TRUE(refused(lease));
  lease.inputs = {IdOf(1), IdOf(1)};
  EXPECT_TRUE(refused(lease));
  lease.inputs.clear();
  for (uint64_t n = 0; n < kJobInputsMax; ++n) lease.inputs.push_back(IdOf(n));
  EXPECT_FALSE(refused(lease));
  lease.inputs.push_back(IdOf(kJobInputsMax));
  EXPECT_TRUE(refused(lease));
  lease = kNew;
  lease.queue.level = kLevelMax + 1;
  EXPECT_TRUE(refused(lease));
  lease = kNew;
  lease.output_level = kLevelMax + 1;
  EXPECT_TRUE(refused(lease));
  lease = kNew;
  lease.worker = std::string(kWorkerBytesMax + 1, 'w');
  EXPECT_TRUE(refused(lease));
  EXPECT_FALSE(DecodeLeaseJobsCommand(EncodeLeaseJobsCommand({10, std::vector<JobLease>(kJobsPerCommandMax + 1, kNew)})).ok());
}

TEST(JobCommandTest, EndsThatCannotBeAreRefused) {
  const auto refused = [](const std::function<void(FinishJobCommand&)>& spoil) {
    FinishJobCommand command = kFinish;
    spoil(command);
    return DecodeFinishJobCommand(Finish(command)).status().code() == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused([](auto& command) { command.outputs.clear(); })) << "nothing is left";
  EXPECT_FALSE(refused([](auto& command) { command.bad.clear(); }));
  EXPECT_FALSE(refused([](auto& command) { command.inputs.clear(), command.outputs.clear(); })) << "all are bad";
  EXPECT_TRUE(refused([](auto& command) { command.inputs.clear(); })) << "outputs of nothing";
  EXPECT_TRUE(refused([](auto& command) { command.inputs.clear(), command.outputs.clear(), command.bad.clear(); }));
  EXPECT_TRUE(refused([](auto& command) { command.inputs.push_back(IdOf(1)); })) << "twice";
  EXPECT_TRUE(refused([](auto& command) { command.inputs.push_back(IdOf(4)); })) << "bad too";
  EXPECT_TRUE(refused([](auto& command) { command.outputs.push_back(Output(9)); })) << "an output twice";
  EXPECT_TRUE(refused([](auto& command) { command.outputs.push_back(Output(2)); })) << "an output that is an input";
  EXPECT_TRUE(refused([](auto& command) { command.outputs.push_back(Output(4)); })) << "an output that is bad";
  EXPECT_TRUE(refused([](auto& command) { command.outputs[0].size = 1; })) << "invalid";
  EXPECT_TRUE(refused([](auto& command) {
    command.outputs[0].datasets[0].profile_count = 1;
    command.outputs[0].datasets[0].identities = {IdentityOf(1)};
  }));
}

TEST(JobCommandTest, ReasonsAreCutAndNeverEmpty) {
  const std::string wide = std::string(kReasonBytesMax - 1, 'x') + "\xC3\xA4";  // a character of two bytes across the limit
  const auto returned = DecodeReturnJobCommand(EncodeReturnJobCommand({10, 3, 77, 99, true, wide}));
  ASSERT_TRUE(returned.ok());
  EXPECT_EQ(returned->error, std::string(kReasonBytesMax - 1, 'x'));
  const auto bad = DecodeQuarantineBlocksCommand(EncodeQuarantineBlocksCommand({10, {{IdOf(1), wide}, {IdOf(2), ""}}}));
  ASSERT_TRUE(bad.ok());
  EXPECT_EQ(bad->blocks[0].reason, std::string(kReasonBytesMax - 1, 'x'));
  EXPECT_EQ(bad->blocks[1].reason, "no reason given");
  MsgpackWriter out;  // as another writer might
  out.Array(4);
  for (uint64_t n : {1, 9, 10}) out.Uint(n);
  out.Array(1);
  out.Array(2);
  out.Bin(AsBytes(std::string(16, '\1')));
  out.Str("");
  EXPECT_EQ(DecodeQuarantineBlocksCommand(out.Take()).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(DecodeQuarantineBlocksCommand(EncodeQuarantineBlocksCommand({10, {{IdOf(1), "a"}, {IdOf(1), "b"}}})).ok());
}

TEST(JobCommandTest, ObjectsThatNameNoneAreNotCondemned) {
  const auto refused = [](const CondemnedObject& object) {
    return DecodeCondemnObjectsCommand(EncodeCondemnObjectsCommand({10, {object}})).status().code() == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused({IdOf(1), 2, 0, "", 5}));
  EXPECT_TRUE(refused({IdOf(1), 2, 0, "t", 5}));
  EXPECT_FALSE(refused({IdOf(1), 2, 1, "t", 5}));
  EXPECT_TRUE(refused({IdOf(1), 2, 1, "", 5}));
  EXPECT_TRUE(refused({Ulid(), 2, 1, "t", 5}));
  EXPECT_TRUE(refused({IdOf(1), 2, kLevelMax + 1, "t", 5}));
  EXPECT_TRUE(refused({IdOf(1), 2, 1, "t", kObjectBytesMax + 1}));
  EXPECT_FALSE(DecodeCondemnObjectsCommand(EncodeCondemnObjectsCommand({10, {{IdOf(1)}, {IdOf(1)}}})).ok());
}

TEST(JobCommandTest, FiltersThatMeanNothingAreRefused) {
  const auto refused = [](const std::function<void(DeleteDataCommand&)>& spoil) {
    DeleteDataCommand command = kDelete;
    spoil(command);
    return DecodeDeleteDataCommand(EncodeDeleteDataCommand(command)).status().code() == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_FALSE(refused([](auto& command) { command.filter.selector = ""; }));
  EXPECT_FALSE(refused([](auto& command) { command.filter.start_ns = 0, command.filter.end_ns = INT64_MAX; }));
  EXPECT_TRUE(refused([](auto& command) { command.id = {}; }));
  EXPECT_TRUE(refused([](auto& command) { command.filter.tenant = ""; }));
  EXPECT_TRUE(refused([](auto& command) { command.filter.selector = "{pod="; }));
  EXPECT_TRUE(refused([](auto& command) { command.filter.selector = "{pod=\"" + std::string(kSelectorBytesMax, 'x') + "\"}"; }));
  EXPECT_TRUE(refused([](auto& command) { command.filter.service = std::string(kServiceBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refused([](auto& command) { command.filter.start_ns = -1; }));
  EXPECT_TRUE(refused([](auto& command) { command.filter.start_ns = 7; }));
}

TEST(JobAnswerTest, RoundTripAndDamage) {
  const std::vector<LeasedJob> leased = {{3, 7, {}}, {0, 0, {IdOf(2), IdOf(9)}}, {}};
  EXPECT_EQ(*DecodeLeaseJobsAnswer(EncodeLeaseJobsAnswer(leased)), leased);
  EXPECT_EQ(*DecodeFinishJobAnswer(EncodeFinishJobAnswer(JobFinished{true})), JobFinished{true});
  EXPECT_EQ(*DecodeCountAnswer(EncodeCountAnswer(uint64_t{300})), 300u);
  for (Code code : {Code::kInvalidArgument, Code::kUnimplemented, Code::kInternal, Code::kNotFound, Code::kFailedPrecondition,
                    Code::kResourceExhausted}) {
    const Status error(code, "why");
    EXPECT_EQ(DecodeLeaseJobsAnswer(EncodeLeaseJobsAnswer(error)).status(), error);
    EXPECT_EQ(DecodeCountAnswer(EncodeCountAnswer(error)).status(), error);
    const Status with_reason = Status(error).WithReason("stale_lease");
    EXPECT_EQ(DecodeFinishJobAnswer(EncodeFinishJobAnswer(with_reason)).status(), with_reason);
  }
  const std::vector<std::pair<std::string, std::function<Status(std::string_view)>>> answers = {
      {EncodeLeaseJobsAnswer(leased), [](auto bytes) { return DecodeLeaseJobsAnswer(bytes).status(); }},
      {EncodeFinishJobAnswer(JobFinished{}), [](auto bytes) { return DecodeFinishJobAnswer(bytes).status(); }},
      {EncodeCountAnswer(uint64_t{300}), [](auto bytes) { return DecodeCountAnswer(bytes).status(); }}};
  for (const auto& [bytes, decode] : answers) {
    for (size_t n = 0; n < bytes.size(); ++n) {
      EXPECT_EQ(decode(std::string_view(bytes).substr(0, n)).code(), Code::kInternal) << n;
    }
  }
}

}  // namespace
}  // namespace brazier::index
