// One contract, run against each implementation; and what only the durable one promises.
#include "store/kv/key_value_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>

namespace brazier::kv {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "brazier_kv_XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string Path() const { return path_ + "/store"; }

 private:
  std::string path_;
};

std::unique_ptr<KeyValueStore> OpenRocks(const TemporaryFolder& folder) {
  auto store = OpenRocksKeyValueStore(folder.Path());
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  return std::move(store).value();
}

void PutOne(KeyValueStore& store, Family family, std::string key, std::string value) {
  WriteBatch batch;
  batch.Put(family, std::move(key), std::move(value));
  ASSERT_TRUE(store.Write(batch, false).ok());
}

using Contents = std::vector<std::pair<std::string, std::string>>;

Contents ScanAll(const Reader& reader, Family family, std::string_view begin = {},
                 std::string_view end = {}) {
  Contents found;
  const Status status =
      reader.Scan(family, begin, end, [&](std::string_view key, std::string_view value) {
        found.emplace_back(key, value);
        return true;
      });
  EXPECT_TRUE(status.ok()) << status.ToString();
  return found;
}

class KeyValueStoreContract : public testing::TestWithParam<const char*> {
 protected:
  KeyValueStoreContract()
      : store_(std::string_view(GetParam()) == "rocks" ? OpenRocks(folder_)
                                                        : MakeMemoryKeyValueStore()) {}

  const TemporaryFolder folder_;
  std::unique_ptr<KeyValueStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Implementations, KeyValueStoreContract, testing::Values("memory", "rocks"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(KeyValueStoreContract, GetsWhatWasPutInItsFamilyOnly) {
  PutOne(*store_, Family::kState, "k", "v");
  const Result<std::string> found = store_->Get(Family::kState, "k");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, "v");
  EXPECT_EQ(store_->Get(Family::kLog, "k").status().code(), Code::kNotFound);
  EXPECT_EQ(store_->Get(Family::kState, "kk").status().code(), Code::kNotFound);
  PutOne(*store_, Family::kState, "k", "");
  EXPECT_EQ(*store_->Get(Family::kState, "k"), "");
}

// Large batches go another way than small ones.
TEST_P(KeyValueStoreContract, TheLastWriteOfAKeyInABatchCounts) {
  std::mt19937 random(11);
  std::map<Family, std::map<std::string, std::string>> expected;
  for (const size_t writes : {5, 31, 32, 33, 300, 3000}) {
    for (const bool with_range : {false, true}) {
      WriteBatch batch;
      for (size_t i = 0; i < writes; ++i) {
        const Family family = random() % 3 == 0 ? Family::kLog : Family::kState;
        const std::string key = "k" + std::to_string(random() % 200);
        if (random() % 4 == 0) {
          batch.Delete(family, key);
          expected[family].erase(key);
        } else {
          const std::string value = std::to_string(random());
          batch.Put(family, key, value);
          expected[family][key] = value;
        }
        if (with_range && i == writes / 2) {
          batch.DeleteRange(Family::kState, "k1", "k15");
          auto& state = expected[Family::kState];
          state.erase(state.lower_bound("k1"), state.lower_bound("k15"));
        }
      }
      ASSERT_TRUE(store_->Write(batch, false).ok());
      for (const Family family : {Family::kLog, Family::kState}) {
        ASSERT_EQ(ScanAll(*store_, family), Contents(expected[family].begin(), expected[family].end()))
            << writes << " writes";
      }
    }
  }
}

TEST_P(KeyValueStoreContract, KeysAreBytesInMemcmpOrder) {
  const std::string zero("\0", 1), zeros("\0\0", 2), high("\xff", 1), middle("m");
  for (const std::string& key : {high, middle, zeros, zero}) {
    PutOne(*store_, Family::kState, key, "v" + key);
  }
  EXPECT_EQ(ScanAll(*store_, Family::kState),
            (Contents{
                {zero, "v" + zero}, {zeros, "v" + zeros}, {middle, "vm"}, {high, "v" + high}}));
}

TEST_P(KeyValueStoreContract, ScanIsHalfOpenAndStopsWhenTold) {
  for (const char* key : {"a", "b", "c", "d"}) PutOne(*store_, Family::kLog, key, key);
  EXPECT_EQ(ScanAll(*store_, Family::kLog, "b", "d"), (Contents{{"b", "b"}, {"c", "c"}}));
  EXPECT_EQ(ScanAll(*store_, Family::kLog, "c"), (Contents{{"c", "c"}, {"d", "d"}}));
  EXPECT_TRUE(ScanAll(*store_, Family::kLog, "d", "b").empty());
  int visits = 0;
  ASSERT_TRUE(store_->Scan(Family::kLog, "", "", [&](auto, auto) { return ++visits < 2; }).ok());
  EXPECT_EQ(visits, 2);
}

TEST_P(KeyValueStoreContract, WritesOfABatchHappenInOrder) {
  WriteBatch batch;
  batch.Put(Family::kState, "a", "1");
  batch.Put(Family::kState, "b", "1");
  batch.Put(Family::kState, "c", "1");
  batch.DeleteRange(Family::kState, "a", "c");
  batch.Put(Family::kState, "b", "2");
  batch.Delete(Family::kState, "c");
  batch.Delete(Family::kState, "never");
  batch.DeleteRange(Family::kState, "z", "b");  // empty range
  ASSERT_TRUE(store_->Write(batch, true).ok());
  EXPECT_EQ(ScanAll(*store_, Family::kState), (Contents{{"b", "2"}}));
}

TEST_P(KeyValueStoreContract, SnapshotDoesNotChange) {
  PutOne(*store_, Family::kState, "kept", "1");
  PutOne(*store_, Family::kState, "deleted", "1");
  const std::unique_ptr<Reader> first = store_->Snapshot();
  WriteBatch batch;
  batch.Put(Family::kState, "kept", "2");
  batch.Delete(Family::kState, "deleted");
  batch.Put(Family::kState, "new", "2");
  ASSERT_TRUE(store_->Write(batch, false).ok());
  std::unique_ptr<Reader> second = store_->Snapshot();
  batch.Clear();
  batch.DeleteRange(Family::kState, "a", "z");
  ASSERT_TRUE(store_->Write(batch, false).ok());

  EXPECT_EQ(ScanAll(*first, Family::kState), (Contents{{"deleted", "1"}, {"kept", "1"}}));
  EXPECT_EQ(ScanAll(*second, Family::kState), (Contents{{"kept", "2"}, {"new", "2"}}));
  EXPECT_TRUE(ScanAll(*store_, Family::kState).empty());
  second.reset();
  EXPECT_EQ(*first->Get(Family::kState, "kept"), "1");
  EXPECT_EQ(first->Get(Family::kState, "new").status().code(), Code::kNotFound);
}

TEST_P(KeyValueStoreContract, SnapshotMayOutliveTheStore) {
  PutOne(*store_, Family::kState, "k", "v");
  const std::unique_ptr<Reader> snapshot = store_->Snapshot();
  store_.reset();
  EXPECT_EQ(*snapshot->Get(Family::kState, "k"), "v");
}

TEST_P(KeyValueStoreContract, AVisitorMayWrite) {
  for (int i = 0; i < 600; ++i) {
    PutOne(*store_, Family::kState, "k" + std::to_string(1000 + i), "old");
  }
  size_t visits = 0;
  const Status scanned = store_->Scan(Family::kState, "", "", [&](auto, std::string_view value) {
    EXPECT_EQ(value, "old");
    WriteBatch batch;
    batch.Put(Family::kState, "k" + std::to_string(1599 - visits++), "new");
    return store_->Write(batch, false).ok();
  });
  ASSERT_TRUE(scanned.ok());
  EXPECT_EQ(visits, 600u);
}

// Random batches and snapshots against a plain map that is copied for each snapshot.
TEST_P(KeyValueStoreContract, ASwapShowsAllOfOneStateOrAllOfTheOther) {
  PutOne(*store_, Family::kState, "a", "old");
  PutOne(*store_, Family::kState, "b", "old");
  PutOne(*store_, Family::kStaging, "b", "new");
  PutOne(*store_, Family::kLog, "b", "log");
  const std::unique_ptr<Reader> before = store_->Snapshot();
  WriteBatch batch;
  batch.Put(Family::kStaging, "c", "before the swap");
  batch.SwapState();
  batch.Put(Family::kState, "d", "after the swap");
  ASSERT_TRUE(store_->Write(batch, true).ok());
  const Contents old_state = {{"a", "old"}, {"b", "old"}};
  const Contents new_state = {{"b", "new"}, {"c", "before the swap"}, {"d", "after the swap"}};
  EXPECT_EQ(ScanAll(*before, Family::kState), old_state);
  EXPECT_EQ(ScanAll(*store_, Family::kState), new_state);
  EXPECT_EQ(ScanAll(*store_->Snapshot(), Family::kState), new_state);
  EXPECT_EQ(ScanAll(*store_, Family::kStaging), old_state);
  EXPECT_EQ(*store_->Get(Family::kState, "b"), "new");
  EXPECT_EQ(*store_->Get(Family::kLog, "b"), "log");

  batch.Clear();
  batch.ClearStaging();
  batch.Put(Family::kStaging, "z", "next");
  ASSERT_TRUE(store_->Write(batch, false).ok());
  EXPECT_EQ(ScanAll(*store_, Family::kStaging), (Contents{{"z", "next"}}));
  EXPECT_EQ(ScanAll(*store_, Family::kState), new_state);
  EXPECT_EQ(ScanAll(*before, Family::kState), old_state);
  EXPECT_EQ(*before->Get(Family::kState, "b"), "old");
}

TEST_P(KeyValueStoreContract, AgreesWithAModel) {
  const unsigned seed = 20261;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  using Model = std::map<std::string, std::string>;
  Model model;
  std::vector<std::pair<std::unique_ptr<Reader>, Model>> snapshots;
  const auto key = [&] { return std::to_string(random() % 40); };
  for (int round = 0; round < 300; ++round) {
    WriteBatch batch;
    for (unsigned i = random() % 5; i > 0; --i) {
      switch (random() % 4) {
        case 0: {
          const std::string k = key();
          batch.Delete(Family::kState, k);
          model.erase(k);
          break;
        }
        case 1: {
          std::string begin = key(), end = key();
          if (random() % 4 != 0) end = begin + "5";
          batch.DeleteRange(Family::kState, begin, end);
          if (begin < end) model.erase(model.lower_bound(begin), model.lower_bound(end));
          break;
        }
        default: {
          const std::string k = key(), v = std::to_string(random());
          batch.Put(Family::kState, k, v);
          model[k] = v;
        }
      }
    }
    ASSERT_TRUE(store_->Write(batch, false).ok());
    if (random() % 4 == 0) snapshots.emplace_back(store_->Snapshot(), model);
    if (!snapshots.empty() && random() % 5 == 0) {
      snapshots.erase(snapshots.begin() + random() % snapshots.size());
    }
    ASSERT_EQ(ScanAll(*store_, Family::kState), Contents(model.begin(), model.end()));
    if (!snapshots.empty()) {
      const auto& [reader, then] = snapshots[random() % snapshots.size()];
      ASSERT_EQ(ScanAll(*reader, Family::kState), Contents(then.begin(), then.end()));
    }
  }
}

TEST(WriteBatchTest, CountsItsBytes) {
  WriteBatch batch;
  EXPECT_TRUE(batch.empty());
  batch.Put(Family::kLog, "ab", "cde");
  batch.DeleteRange(Family::kLog, "a", "bb");
  EXPECT_EQ(batch.bytes(), 8u);
  batch.Clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
}

TEST(RocksKeyValueStoreTest, KeepsItsContentsAcrossReopen) {
  const TemporaryFolder folder;
  {
    auto store = OpenRocks(folder);
    PutOne(*store, Family::kLog, "l", "1");
    PutOne(*store, Family::kState, "s", "2");
  }
  auto store = OpenRocks(folder);
  EXPECT_EQ(*store->Get(Family::kLog, "l"), "1");
  EXPECT_EQ(*store->Get(Family::kState, "s"), "2");
}

TEST(RocksKeyValueStoreTest, KnowsItsStateAcrossReopen) {
  TemporaryFolder folder;
  for (int swaps = 1; swaps <= 4; ++swaps) {
    const std::unique_ptr<KeyValueStore> store = OpenRocks(folder);
    WriteBatch batch;
    batch.ClearStaging();
    batch.Put(Family::kStaging, "k", std::to_string(swaps));
    batch.SwapState();
    ASSERT_TRUE(store->Write(batch, true).ok());
    if (swaps == 4) break;
  }
  const std::unique_ptr<KeyValueStore> store = OpenRocks(folder);
  EXPECT_EQ(*store->Get(Family::kState, "k"), "4");
  EXPECT_EQ(*store->Get(Family::kStaging, "k"), "3");
}

TEST(RocksKeyValueStoreTest, RefusesASecondOpenAndNamesThePath) {
  const TemporaryFolder folder;
  auto store = OpenRocks(folder);
  const auto second = OpenRocksKeyValueStore(folder.Path());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(folder.Path()), std::string::npos)
      << second.status().ToString();
}

constexpr const char* kChildPathVariable = "BRAZIER_TEST_KV_PATH";
constexpr int kChildPipe = 3;

// The child of the test below: writes with sync and reports each write, until it is killed. A fresh process, since
// RocksDB's threads do not survive a fork.
TEST(RocksKeyValueStoreChild, DISABLED_WritesUntilKilled) {
  const char* path = getenv(kChildPathVariable);
  if (path == nullptr) GTEST_SKIP() << "runs only as a child";
  auto store = OpenRocksKeyValueStore(path);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  for (uint32_t i = 0;; ++i) {
    // The one that is not synced comes first, as the log's writes do that cover it.
    PutOne(**store, Family::kState, std::to_string(i), "s");
    WriteBatch batch;
    batch.Put(Family::kLog, std::to_string(i), std::string(100, 'l'));
    ASSERT_TRUE((*store)->Write(batch, true).ok());
    ASSERT_EQ(write(kChildPipe, &i, sizeof i), ssize_t{sizeof i});
  }
}

TEST(RocksKeyValueStoreTest, SyncedWritesSurviveAKill) {
  const TemporaryFolder folder;
  const std::string path = folder.Path();
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (pipe_ends[1] != kChildPipe) dup2(pipe_ends[1], kChildPipe);
    setenv(kChildPathVariable, path.c_str(), 1);
    execl("/proc/self/exe", "child", "--gtest_also_run_disabled_tests",
          "--gtest_filter=RocksKeyValueStoreChild.*", nullptr);
    _exit(1);
  }
  close(pipe_ends[1]);
  uint32_t acknowledged = 0;
  while (acknowledged < 100) {
    ASSERT_EQ(read(pipe_ends[0], &acknowledged, sizeof acknowledged), ssize_t{sizeof acknowledged});
  }
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  while (read(pipe_ends[0], &acknowledged, sizeof acknowledged) > 0) {
  }
  close(pipe_ends[0]);

  auto store = OpenRocks(folder);
  for (uint32_t i = 0; i <= acknowledged; ++i) {
    ASSERT_TRUE(store->Get(Family::kLog, std::to_string(i)).ok()) << i << " of " << acknowledged;
    ASSERT_TRUE(store->Get(Family::kState, std::to_string(i)).ok()) << i << " of " << acknowledged;
  }
}

}  // namespace
}  // namespace brazier::kv
