// What only the filesystem store has: restarts, files that dead processes left, full disks, foreign hands.
#include "store/object/filesystem_object_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "tests/store/object/temporary_folder.h"

namespace brazier::object {
namespace {

namespace fs = std::filesystem;

class FilesystemObjectStoreTest : public testing::Test {
 protected:
  std::unique_ptr<FilesystemObjectStore> Open() {
    auto store = FilesystemObjectStore::Open(root_);
    CHECK(store.ok());
    return std::move(store).value();
  }
  size_t UnfinishedFiles() const {
    size_t n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root_ + "/.tmp")) ++n;
    return n;
  }
  static Status Put(ObjectStore& store, std::string_view key, std::string_view value) {
    return store.Put(key, {AsBytes(value)});
  }
  TemporaryFolder folder_;
  const std::string root_ = folder_.path() + "/deep/objects";
};

TEST_F(FilesystemObjectStoreTest, ObjectsSurviveReopening) {
  ASSERT_TRUE(Put(*Open(), "a/b/c", "value").ok());
  auto store = Open();
  EXPECT_EQ(*store->Get("a/b/c"), "value");
  EXPECT_EQ(UnfinishedFiles(), 0u);
  std::ifstream file(root_ + "/a/b/c");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "value");
}

TEST_F(FilesystemObjectStoreTest, OpenNamesTheFolderThatCannotBe) {
  { std::ofstream(folder_.path() + "/file") << "x"; }
  const auto store = FilesystemObjectStore::Open(folder_.path() + "/file");
  ASSERT_FALSE(store.ok());
  EXPECT_NE(store.status().message().find("/file"), std::string::npos);
}

TEST_F(FilesystemObjectStoreTest, UnfinishedFilesAreInvisibleAndRemovedAtOpen) {
  ASSERT_TRUE(Put(*Open(), "k", "v").ok());
  { std::ofstream(root_ + "/.tmp/12345-0") << "torn"; }
  auto store = Open();
  EXPECT_EQ(UnfinishedFiles(), 0u);
  { std::ofstream(root_ + "/.tmp/12345-1") << "torn"; }
  const auto listed = store->List("", "", 100);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).key, "k");
  EXPECT_FALSE(store->Get(".tmp/12345-1").ok());
}

TEST_F(FilesystemObjectStoreTest, OpenSparesFilesThatAreBeingWritten) {
  auto store = Open();
  const std::string path = root_ + "/.tmp/77-0";
  const FileDescriptor live(::open(path.c_str(), O_CREAT | O_WRONLY, 0644));
  ASSERT_EQ(::flock(live.get(), LOCK_EX | LOCK_NB), 0);
  auto second = Open();
  EXPECT_TRUE(fs::exists(path));
}

// A writer that is killed in the middle: whatever it had finished is whole, the rest is not there.
TEST_F(FilesystemObjectStoreTest, KilledWriterLeavesWholeObjectsOnly) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const std::string value(200'000, 'v');
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Open();
    for (int i = 0; i < 10'000; ++i) {
      if (!Put(*store, "s/" + std::to_string(i), value).ok()) ::_exit(1);
      if (::write(pipe_fds[1], "x", 1) != 1) ::_exit(1);
    }
    ::_exit(0);
  }
  char acknowledged[5];
  ASSERT_EQ(::read(pipe_fds[0], acknowledged, 1), 1);
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ::close(pipe_fds[1]);
  ::close(pipe_fds[0]);

  auto store = Open();
  EXPECT_EQ(UnfinishedFiles(), 0u);
  EXPECT_EQ(*store->Get("s/0"), value);
  const auto listed = store->List("s/", "", 100'000);
  ASSERT_TRUE(listed.ok());
  ASSERT_GE(listed->size(), 1u);
  for (const ObjectInfo& info : *listed) EXPECT_EQ(info.size, value.size()) << info.key;
}

// The largest file size stands in for a full disk: the same branch, without needing a disk to fill.
TEST_F(FilesystemObjectStoreTest, AFullDiskIsSaidAndLeavesNothingBehind) {
  auto store = Open();
  ASSERT_TRUE(Put(*store, "k", "old").ok());
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = old_limit;
  limit.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const Status status = Put(*store, "k", std::string(10'000, 'n'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  ::signal(SIGXFSZ, old_handler);

  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_NE(status.message().find("object k: no space"), std::string::npos) << status.message();
  EXPECT_EQ(status.message().find(root_), std::string::npos);
  EXPECT_EQ(status.reason(), "no_space");
  EXPECT_EQ(*store->Get("k"), "old");
  EXPECT_EQ(UnfinishedFiles(), 0u);
}

TEST(StatusFromErrnoTest, CodesTellWhetherToRetry) {
  EXPECT_EQ(StatusFromErrno(ENOSPC, "writing object k").code(), Code::kResourceExhausted);
  EXPECT_EQ(StatusFromErrno(EDQUOT, "writing object k").code(), Code::kResourceExhausted);
  EXPECT_EQ(StatusFromErrno(EIO, "writing object k").code(), Code::kUnavailable);
  EXPECT_EQ(StatusFromErrno(EMFILE, "writing object k").code(), Code::kUnavailable);
  EXPECT_EQ(StatusFromErrno(EROFS, "writing object k").code(), Code::kFailedPrecondition);
}

TEST_F(FilesystemObjectStoreTest, AFolderRemovedByHandIsMadeAgain) {
  auto store = Open();
  ASSERT_TRUE(Put(*store, "a/b/1", "x").ok());
  fs::remove_all(root_ + "/a");
  ASSERT_TRUE(Put(*store, "a/b/2", "y").ok());
  EXPECT_EQ(*store->Get("a/b/2"), "y");
  EXPECT_EQ(store->Get("a/b/1").status().code(), Code::kNotFound);
}

TEST_F(FilesystemObjectStoreTest, MoreFoldersThanDescriptorsKept) {
  auto store = Open();
  const size_t folders = FilesystemObjectStore::kOpenFoldersMax + 20;
  for (size_t i = 0; i < folders; ++i) {
    ASSERT_TRUE(Put(*store, "f" + std::to_string(i) + "/k", "x").ok());
  }
  size_t open_files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++open_files;
  EXPECT_LT(open_files, FilesystemObjectStore::kOpenFoldersMax + 40);
  EXPECT_EQ(store->List("", "", 10'000)->size(), folders);
}

TEST_F(FilesystemObjectStoreTest, ATruncatedFileIsCorruptionForRangesPastItsEnd) {
  auto store = Open();
  ASSERT_TRUE(Put(*store, "k", "0123456789").ok());
  fs::resize_file(root_ + "/k", 4);
  EXPECT_EQ(store->GetRanges("k", {{2, 6}}).status().code(), Code::kCorruption);
  EXPECT_EQ(store->GetRanges("k", {{1, 3}})->at(0), "123");
}

TEST_F(FilesystemObjectStoreTest, LinksAndPipesAreNotObjects) {
  auto store = Open();
  { std::ofstream(folder_.path() + "/secret") << "secret"; }
  fs::create_symlink(folder_.path() + "/secret", root_ + "/link");
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0644), 0);
  EXPECT_FALSE(store->Get("link").ok());
  EXPECT_EQ(store->Get("fifo").status().code(), Code::kNotFound);
  EXPECT_TRUE(store->List("", "", 10)->empty());
}

// Not a check of speed: the figure is for the reader, the limit only catches an order of magnitude.
TEST_F(FilesystemObjectStoreTest, PutLatency) {
  auto store = Open();
  const std::string value(64 << 10, 'v');
  ASSERT_TRUE(Put(*store, "s/0/warm", value).ok());
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kPuts = 50;
  for (int i = 0; i < kPuts; ++i) ASSERT_TRUE(Put(*store, "s/0/" + std::to_string(i), value).ok());
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  RecordProperty("put_64KiB_ms", std::to_string(took.count() / kPuts));
  printf("one Put of 64 KiB: %.2f ms\n", took.count() / kPuts);
  EXPECT_LT(took.count() / kPuts, 500);
}

}  // namespace
}  // namespace brazier::object
