#include "app/directory_lock.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace brazier::app {
namespace {

// The process id that the holder wrote into the file; for the message only.
std::string HolderOf(int fd) {
  char text[32];
  const ssize_t size = pread(fd, text, sizeof text - 1, 0);
  if (size <= 0) return "another process";
  std::string pid(text, static_cast<size_t>(size));
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return "process " + pid;
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return Internal("folder " + directory + " cannot be created: " + error.message() +
                    "; choose another with data-dir");
  }
  const std::string path = directory + "/brazier.lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return Internal("file " + path + " cannot be opened: " + std::strerror(errno) +
                    "; choose another folder with data-dir");
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const std::string reason = held ? HolderOf(fd) + " uses it" : std::strerror(errno);
    close(fd);
    return Status(Code::kFailedPrecondition, "folder " + directory + " cannot be locked: " +
                                                 reason + "; stop it, or set another data-dir");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const std::string reason = std::strerror(errno);
    close(fd);
    return Internal("file " + path + " cannot be written: " + reason);
  }
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(fd));
}

// The file stays: removing it would let a third process lock a new file of that name beside a second one that
// already waits on the old.
DirectoryLock::~DirectoryLock() { close(fd_); }

}  // namespace brazier::app
