// DirectoryLock: this process alone uses a folder. Held by an open, locked file in it; the kernel lets go when the
// process ends, however it ends, so that nothing stale can stay behind. Resource: owned once, movable by pointer only.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"

namespace brazier::app {

class DirectoryLock {
 public:
  // Creates the folder when it is missing. kFailedPrecondition when another process holds it (the message names its
  // process id), kInternal when the folder cannot be used.
  static Result<std::unique_ptr<DirectoryLock>> Acquire(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace brazier::app
