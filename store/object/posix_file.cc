#include "store/object/posix_file.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace brazier::object {
namespace {

// Drops `done` bytes from the front of the buffers [first, end) and returns the first that is not finished.
size_t Advance(std::vector<iovec>& buffers, size_t first, size_t done) {
  while (first < buffers.size() && done >= buffers[first].iov_len) done -= buffers[first++].iov_len;
  if (done > 0) {
    buffers[first].iov_base = static_cast<char*>(buffers[first].iov_base) + done;
    buffers[first].iov_len -= done;
  }
  return first;
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Status StatusFromErrno(int error, std::string_view what) {
  std::string text(what);
  switch (error) {
    case ENOSPC: case EDQUOT: case EFBIG:
      return ResourceExhausted(text + ": no space on the disk for it (" + std::strerror(error) + ")")
          .WithReason("no_space");
    case EACCES: case EPERM: case EROFS:
      return {Code::kFailedPrecondition, text + ": " + std::strerror(error)};
    default:
      return Unavailable(text + ": " + std::strerror(error));
  }
}

int WriteAll(int fd, const std::vector<Bytes>& parts) {
  std::vector<iovec> buffers;
  buffers.reserve(parts.size());
  for (Bytes part : parts) {
    if (!part.empty()) buffers.push_back({const_cast<uint8_t*>(part.data()), part.size()});
  }
  for (size_t first = 0; first < buffers.size();) {
    const int count = static_cast<int>(std::min<size_t>(buffers.size() - first, IOV_MAX));
    const ssize_t n = ::writev(fd, buffers.data() + first, count);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    first = Advance(buffers, first, static_cast<size_t>(n));
  }
  return 0;
}

int ReadAll(int fd, std::vector<iovec>& buffers, uint64_t offset) {
  size_t first = Advance(buffers, 0, 0);
  while (first < buffers.size()) {
    const ssize_t n = ::preadv(fd, buffers.data() + first, static_cast<int>(buffers.size() - first),
                               static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return kEndOfFile;
    offset += static_cast<uint64_t>(n);
    first = Advance(buffers, first, static_cast<size_t>(n));
  }
  return 0;
}

}  // namespace brazier::object
