#include <gtest/gtest.h>

#include <filesystem>

#include <unistd.h>

#include "app/directory_lock.h"

namespace brazier::app {
namespace {

class DirectoryLockTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/brazier_lock_" + std::to_string(getpid());
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(DirectoryLockTest, OnlyOneHolderAtATime) {
  auto first = DirectoryLock::Acquire(directory_ + "/deep/er");
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  const auto second = DirectoryLock::Acquire(directory_ + "/deep/er");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("process " + std::to_string(getpid())),
            std::string::npos)
      << second.status().message();
  EXPECT_NE(second.status().message().find("data-dir"), std::string::npos);
  first->reset();
  EXPECT_TRUE(DirectoryLock::Acquire(directory_ + "/deep/er").ok());
}

TEST_F(DirectoryLockTest, AFolderThatCannotBeMadeSaysWhichSetting) {
  const auto lock = DirectoryLock::Acquire("/proc/no/such/folder");
  ASSERT_FALSE(lock.ok());
  EXPECT_NE(lock.status().message().find("data-dir"), std::string::npos);
}

}  // namespace
}  // namespace brazier::app
