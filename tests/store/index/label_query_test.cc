// Label queries of the index against the answer of whoever reads every profile: equal, once what is unanswered is read too.
#include <map>
#include <set>

#include "common/model/label_report.h"
#include "store/index/index_reader.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

using Rng = std::mt19937_64;

struct Profile {
  int64_t time_ns;
  std::vector<Labels> series;
};
using DatasetName = std::pair<std::string, std::string>;
using BlockProfiles = std::map<DatasetName, std::vector<Profile>>;

const std::vector<ReportRequest> kRequests = {{.kind = ReportKind::kProfileTypes},
                                              {.kind = ReportKind::kLabelNames},
                                              {.kind = ReportKind::kLabelValues, .label_name = "pod"},
                                              {.kind = ReportKind::kLabelValues, .label_name = "zone"},
                                              {.kind = ReportKind::kSeries},
                                              {.kind = ReportKind::kSeries, .label_names = {"zone", "absent"}},
                                              {.kind = ReportKind::kSeries, .label_names = {"absent"}}};

class Reports {
 public:
  explicit Reports(const std::vector<ReportRequest>& requests) {
    for (const ReportRequest& request : requests) reports_.emplace_back(request);
  }
  // What a backend does with a dataset of a plan.
  void Read(const std::vector<Profile>& profiles, const std::vector<uint32_t>& hidden, const BlockSelection& s) {
    for (uint32_t p = 0; p < profiles.size(); ++p) {
      if (profiles[p].time_ns < s.start_ns || profiles[p].time_ns > s.end_ns) continue;
      if (std::find(hidden.begin(), hidden.end(), p) != hidden.end()) continue;
      for (const Labels& labels : profiles[p].series) {
        if (s.selector != nullptr && !s.selector->Matches(labels)) continue;
        for (LabelReport& report : reports_) report.Add(labels);
      }
    }
  }
  std::vector<Report> Take() {
    std::vector<Report> out;
    for (LabelReport& report : reports_) out.push_back(report.Take());
    return out;
  }

 private:
  std::vector<LabelReport> reports_;
};

// Blocks with what their profiles say, beside an index of their metadata.
class Bucket {
 public:
  explicit Bucket(uint64_t seed) : rng_(seed) {}

  void AddBlock(uint64_t n) {
    BlockProfiles profiles;
    std::vector<DatasetMeta> datasets;
    for (const char* tenant : {"t", "u"}) {
      for (const char* service : {"api", "db", "web"}) {
        if (Below(2) == 0) datasets.push_back(RandomDataset(tenant, service, &profiles[{tenant, service}]));
      }
    }
    if (datasets.empty()) return;
    const BlockMeta block = MakeBlock(n, datasets);
    ASSERT_TRUE(index_.Add({block}).ok());
    profiles_[block.id] = std::move(profiles);
  }

  void Check(const BlockSelection& selection, size_t* answered, size_t* unanswered) {
    const auto answer = QueryLabels(*index_.store().Snapshot(), selection, kRequests);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    BlockSelection everything = selection;
    everything.selector = nullptr;
    const auto all = index_.Find(everything);
    ASSERT_TRUE(all.ok());
    const std::vector<Report> want = ReportsOf(*all, selection);
    std::vector<Report> got = answer->reports;
    std::vector<Report> read = ReportsOf(answer->unanswered, selection);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      MergeLabelReports(got[i], std::move(read[i]));
      ASSERT_EQ(got[i].kind, kRequests[i].kind);
      ASSERT_EQ(got[i].strings, want[i].strings) << "report " << i;
      ASSERT_EQ(got[i].series, want[i].series) << "report " << i;
    }
    size_t datasets = 0;
    for (const BlockMeta& block : answer->unanswered) {
      for (const DatasetMeta& d : block.datasets) {
        ++datasets;
        const BlockMeta known = *ReadBlock(index_.store(), block.id);
        const bool listed = std::find_if(known.datasets.begin(), known.datasets.end(), [&](const DatasetMeta& k) {
                              return k.tenant == d.tenant && k.service == d.service;
                            })->lists_label_sets;
        EXPECT_TRUE(!listed || !d.hidden_profiles.empty() || d.min_time_ns < selection.start_ns ||
                    d.max_time_ns > selection.end_ns)
            << "a dataset that counts as a whole needs no reading";
      }
    }
    *answered += answer->datasets_answered;
    *unanswered += datasets;
  }

  BlockSelection RandomSelection(const Selector* selector) {
    BlockSelection s;
    s.tenants = Below(3) == 0 ? std::vector<std::string>{"t"} : std::vector<std::string>{"t", "u"};
    s.start_ns = RandomTime();
    s.end_ns = s.start_ns + static_cast<int64_t>(Below(1200)) * kSecond;
    s.selector = selector;
    return s;
  }
  uint64_t Below(uint64_t n) { return rng_() % n; }

 private:
  // Around midnight, where a day's numbers of label sets end.
  int64_t RandomTime() { return static_cast<int64_t>(86'400 - 600 + Below(1200)) * kSecond; }

  DatasetMeta RandomDataset(const std::string& tenant, const std::string& service, std::vector<Profile>* profiles) {
    std::vector<uint64_t> identities(1 + Below(3));
    for (uint64_t& identity : identities) identity = Below(200);  // repeats are hidden
    const int64_t begin_ns = RandomTime();
    std::set<Labels> sets;
    int64_t min_ns = INT64_MAX, max_ns = 0;
    for (size_t i = 0; i < identities.size(); ++i) {
      Profile& profile = profiles->emplace_back();
      profile.time_ns = begin_ns + static_cast<int64_t>(Below(Below(2) == 0 ? 5 : 300)) * kSecond;
      min_ns = std::min(min_ns, profile.time_ns);
      max_ns = std::max(max_ns, profile.time_ns);
      for (uint64_t n = 1 + Below(2); n > 0; --n) {
        Labels labels;
        labels.Set(label::kServiceName, service);
        labels.Set(label::kProfileType, Below(2) == 0 ? "cpu" : "mem");
        labels.Set("pod", "p" + std::to_string(Below(5)));
        if (Below(4) == 0) labels.Set("zone", std::to_string(Below(3)));
        if (Below(30) == 0) labels.Set("rare-" + std::to_string(Below(5)), "x");
        sets.insert(labels);
        profile.series.push_back(std::move(labels));
      }
    }
    DatasetMeta d = MakeDataset(tenant, service, min_ns, max_ns, identities, {"cpu", "mem"});
    d.lists_label_sets = Below(12) > 0;
    if (d.lists_label_sets) d.label_sets.assign(sets.begin(), sets.end());
    return d;
  }

  std::vector<Report> ReportsOf(const std::vector<BlockMeta>& blocks, const BlockSelection& selection) const {
    Reports reports(kRequests);
    for (const BlockMeta& block : blocks) {
      for (const DatasetMeta& d : block.datasets) {
        reports.Read(profiles_.at(block.id).at({d.tenant, d.service}), d.hidden_profiles, selection);
      }
    }
    return reports.Take();
  }

  Rng rng_;
  IndexUnderTest index_;
  std::map<Ulid, BlockProfiles> profiles_;
};

TEST(LabelQuery, EqualsReadingEveryBlock) {
  const char* const kSelectors[] = {"{}",
                                    "{service_name=\"api\"}",
                                    "{service_name=~\"a.*|db\", pod!=\"p1\"}",
                                    "{zone=\"\"}",
                                    "{zone!=\"\"}",
                                    "{__profile_type__=\"cpu\", pod=~\"p[12]\"}",
                                    "{pod!~\"p[0-3]\"}",
                                    "{pod=\"nobody\"}"};
  std::vector<Selector> selectors;
  for (const char* text : kSelectors) selectors.push_back(*Selector::Parse(text));
  size_t answered = 0, unanswered = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bucket bucket(seed);
    for (uint64_t n = 1; n <= 40; ++n) ASSERT_NO_FATAL_FAILURE(bucket.AddBlock(n));
    for (size_t q = 0; q < 30; ++q) {
      const Selector* selector = q % 9 == 8 ? nullptr : &selectors[q % 9];
      BlockSelection selection = bucket.RandomSelection(selector);
      if (selector != nullptr) selection.service = selector->EqualValue(label::kServiceName);
      if (selector != nullptr) selection.profile_type = selector->EqualValue(label::kProfileType);
      ASSERT_NO_FATAL_FAILURE(bucket.Check(selection, &answered, &unanswered));
    }
  }
  EXPECT_GT(answered, unanswered) << "most is answered";
  EXPECT_GT(unanswered, 1000u) << "and the other way is taken too";
}

class LabelQueryTest : public testing::Test {
 protected:
  static Labels Pod(const std::string& name) {
    return Labels(std::vector<Label>{{"__profile_type__", "cpu"}, {"pod", name}});
  }
  static DatasetMeta Listing(int64_t min_ns, int64_t max_ns, std::vector<Labels> sets, std::vector<uint64_t> identities) {
    DatasetMeta d = MakeDataset("t", "s", min_ns, max_ns, std::move(identities));
    d.lists_label_sets = true;
    d.label_sets = std::move(sets);
    return d;
  }
  Result<LabelAnswer> Pods(int64_t start_ns, int64_t end_ns, const QueryLimits& limits = {}) {
    return QueryLabels(index_.store(), {.tenants = {"t"}, .start_ns = start_ns, .end_ns = end_ns},
                       {{.kind = ReportKind::kLabelValues, .label_name = "pod"}}, limits);
  }
  IndexUnderTest index_;
};

TEST_F(LabelQueryTest, ABlockAtTheEdgeIsReadOnlyWhenItWouldAddSomething) {
  ASSERT_TRUE(index_.Add({MakeBlock(1, {Listing(100, 200, {Pod("a"), Pod("b")}, {1})})}).ok());
  ASSERT_TRUE(index_.Add({MakeBlock(2, {Listing(150, 300, {Pod("a")}, {2})})}).ok());
  auto answer = Pods(0, 250);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->reports.at(0).strings, (std::set<std::string>{"a", "b"}));
  EXPECT_TRUE(answer->unanswered.empty()) << "whatever of block 2 lies in the range is known already";
  EXPECT_EQ(answer->datasets_answered, 2u);
  EXPECT_EQ(answer->newest_data_ns, 200);
  answer = Pods(160, 400);
  EXPECT_EQ(answer->reports.at(0).strings, (std::set<std::string>{}));
  ASSERT_EQ(answer->unanswered.size(), 2u);
  EXPECT_EQ(answer->unanswered[0].id, IdOf(1));
  EXPECT_FALSE(answer->unanswered[0].datasets.at(0).sections.empty()) << "enough to read it";
}

TEST_F(LabelQueryTest, HiddenProfilesCountForNothing) {
  ASSERT_TRUE(index_.Add({MakeBlock(1, {Listing(1, 2, {Pod("a")}, {1})})}).ok());
  ASSERT_TRUE(index_.Add({MakeBlock(2, {Listing(1, 2, {Pod("all hidden")}, {1})})}).ok());
  ASSERT_TRUE(index_.Add({MakeBlock(3, {Listing(1, 2, {Pod("a"), Pod("some hidden")}, {1, 3})})}).ok());
  const auto answer = Pods(0, 9);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->reports.at(0).strings, std::set<std::string>{"a"});
  ASSERT_EQ(answer->unanswered.size(), 1u);
  EXPECT_EQ(answer->unanswered[0].id, IdOf(3));
}

TEST_F(LabelQueryTest, LimitsAreNamed) {
  for (uint64_t n = 0; n < 20; ++n) {
    ASSERT_TRUE(index_.Add({MakeBlock(n, {Listing(10 * static_cast<int64_t>(n), 10 * static_cast<int64_t>(n) + 5,
                                                  {Pod(std::to_string(n))}, {n})})}).ok());
  }
  const auto says = [](const Result<LabelAnswer>& answer, const char* text) {
    return answer.status().code() == Code::kResourceExhausted && answer.status().reason() == "index_query_limit" &&
           answer.status().message().find(text) != std::string::npos;
  };
  EXPECT_TRUE(Pods(0, 999).ok());
  EXPECT_TRUE(says(Pods(0, 999, {.entries_max = 19}), "19 entries visited"));
  EXPECT_TRUE(says(Pods(0, 999, {.label_sets_max = 19}), "19 label sets"));
  EXPECT_TRUE(says(Pods(0, 999, {.label_bytes_max = 1000}), "1000 bytes of labels"));
  EXPECT_TRUE(Pods(0, 999, {.entries_max = 20, .label_sets_max = 20, .label_bytes_max = 2000}).ok());
  ASSERT_TRUE(index_.Add({MakeBlock(100, {MakeDataset("t", "s", 1, 2, {100})}), MakeBlock(101, {MakeDataset("t", "s", 1, 2, {101})})}).ok());
  EXPECT_TRUE(says(Pods(0, 999, {.datasets_max = 1}), "1 datasets"));
  EXPECT_TRUE(says(QueryLabels(index_.store(), {.tenants = {"t", "u"}, .end_ns = 1}, {}, {.tenants_max = 1}), "1 tenants"));
}

TEST_F(LabelQueryTest, OtherKindsAreRefused) {
  const auto answer = QueryLabels(index_.store(), {.tenants = {"t"}, .end_ns = 1}, {{.kind = ReportKind::kFlameGraph}});
  EXPECT_EQ(answer.status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace brazier::index
