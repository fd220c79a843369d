// What the filesystem store needs of POSIX: a file descriptor that closes itself, loops that finish partial reads and
// writes, and the translation of errno. Thread-compatible.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/status.h"

namespace brazier::object {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// The status of a failed call: kResourceExhausted saying "no space" when the disk, the quota or the largest file size
// is used up; kFailedPrecondition for rights; else kUnavailable. `what` names the object, never a path of the machine.
Status StatusFromErrno(int error, std::string_view what);

// Writes the parts one after the other from the current offset on. Returns 0 or an errno.
int WriteAll(int fd, const std::vector<Bytes>& parts);
// Fills the buffers, one after the other, with the bytes from `offset` on. Returns 0, an errno, or kEndOfFile.
// REQUIRES: at most IOV_MAX buffers. `buffers` is used up.
int ReadAll(int fd, std::vector<iovec>& buffers, uint64_t offset);
inline constexpr int kEndOfFile = -1;

}  // namespace brazier::object
