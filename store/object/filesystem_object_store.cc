#include "store/object/filesystem_object_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <numeric>

#include "store/object/filesystem_listing.h"
#include "store/object/object_key.h"

namespace brazier::object {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
// Ranges with a gap of at most this are read by one call, the gap thrown away.
constexpr uint64_t kGapBytesMax = 4096;

std::string Named(std::string_view verb, std::string_view key) {
  return std::string(verb) + " object " + std::string(key);
}

std::string FolderOf(std::string_view key) {
  const size_t slash = key.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(key.substr(0, slash));
}

// Removes what dead processes left: an unfinished file that nobody holds locked has no writer.
void RemoveStale(int unfinished) {
  const int copy = ::openat(unfinished, ".", kFolderFlags);
  DIR* dir = copy < 0 ? nullptr : ::fdopendir(copy);
  if (dir == nullptr) return;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    const FileDescriptor file(::openat(unfinished, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      ::unlinkat(unfinished, entry->d_name, 0);
    }
  }
  ::closedir(dir);
}

// Removes the unfinished file unless it was renamed.
class UnfinishedGuard {
 public:
  UnfinishedGuard(int folder, const std::string& name) : folder_(folder), name_(name) {}
  ~UnfinishedGuard() {
    if (!renamed_) ::unlinkat(folder_, name_.c_str(), 0);
  }
  void Renamed() { renamed_ = true; }

 private:
  const int folder_;
  const std::string& name_;
  bool renamed_ = false;
};

Status ReadStatus(int error, std::string_view key) {
  if (error == 0) return Status();
  if (error == kEndOfFile) {
    return Corruption("object " + std::string(key) + " became shorter while it was read");
  }
  return StatusFromErrno(error, Named("reading", key));
}

}  // namespace

FilesystemObjectStore::FilesystemObjectStore(FileDescriptor root, FileDescriptor unfinished)
    : root_(std::move(root)), unfinished_(std::move(unfinished)) {}

Result<std::unique_ptr<FilesystemObjectStore>> FilesystemObjectStore::Open(const std::string& root) {
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error) {
    return StatusFromErrno(error.value(), "creating the object folder " + root);
  }
  FileDescriptor root_fd(::open(root.c_str(), kFolderFlags));
  if (!root_fd.valid()) return StatusFromErrno(errno, "opening the object folder " + root);
  const std::string name(kUnfinishedFolder);
  if (::mkdirat(root_fd.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
    return StatusFromErrno(errno, "creating " + name + " in the object folder " + root);
  }
  FileDescriptor unfinished(::openat(root_fd.get(), name.c_str(), kFolderFlags));
  if (!unfinished.valid()) {
    return StatusFromErrno(errno, "opening " + name + " in the object folder " + root);
  }
  RemoveStale(unfinished.get());
  return std::unique_ptr<FilesystemObjectStore>(
      new FilesystemObjectStore(std::move(root_fd), std::move(unfinished)));
}

// ---- Put

Status FilesystemObjectStore::Put(std::string_view key, const std::vector<Bytes>& parts) {
  RETURN_IF_ERROR(ValidateKey(key));
  bool gone = false;
  Status status = PutOnce(key, parts, &gone);
  if (!gone) return status;
  // Somebody removed the folder (an operator) or the unfinished file (a process that opened the store in the moment
  // between its creation and its lock). Once more, from the start.
  ForgetFolder(key);
  return PutOnce(key, parts, &gone);
}

Result<FileDescriptor> FilesystemObjectStore::CreateUnfinished(std::string_view key,
                                                               std::string* name) {
  for (;;) {
    // Numbers only grow, so a name that a dead process of the same number left is passed at most once.
    *name = std::to_string(::getpid()) + "-" + std::to_string(next_unfinished_.fetch_add(1));
    FileDescriptor file(
        ::openat(unfinished_.get(), name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file.valid() && errno == EEXIST) continue;
    if (!file.valid()) return StatusFromErrno(errno, Named("writing", key));
    ::flock(file.get(), LOCK_EX | LOCK_NB);
    return file;
  }
}

Status FilesystemObjectStore::PutOnce(std::string_view key, const std::vector<Bytes>& parts,
                                      bool* gone) {
  *gone = false;
  std::string unfinished_name;
  ASSIGN_OR_RETURN(const FileDescriptor file, CreateUnfinished(key, &unfinished_name));
  UnfinishedGuard guard(unfinished_.get(), unfinished_name);
  if (const int error = WriteAll(file.get(), parts); error != 0) {
    return StatusFromErrno(error, Named("writing", key));
  }
  if (::fsync(file.get()) != 0) return StatusFromErrno(errno, Named("syncing", key));

  ASSIGN_OR_RETURN(const Folder folder, OpenFolder(key));
  const std::string name(key.substr(key.rfind('/') + 1));
  if (::renameat(unfinished_.get(), unfinished_name.c_str(), folder->get(), name.c_str()) != 0) {
    const int error = errno;
    *gone = error == ENOENT;
    if (error == EISDIR || error == ENOTEMPTY || error == EEXIST) {
      return InvalidArgument("object " + std::string(key) + ": the key is a folder of other objects");
    }
    return StatusFromErrno(error, Named("naming", key));
  }
  guard.Renamed();
  if (::fsync(folder->get()) != 0) return StatusFromErrno(errno, Named("syncing the folder of", key));
  return Status();
}

Result<FilesystemObjectStore::Folder> FilesystemObjectStore::OpenFolder(std::string_view key) {
  const std::string folder = FolderOf(key);
  {
    std::lock_guard lock(mu_);
    if (const auto it = folders_.find(folder); it != folders_.end()) return it->second;
  }
  std::lock_guard creation_lock(creation_mu_);
  ASSIGN_OR_RETURN(Folder opened, CreateFolder(key, folder));
  std::lock_guard lock(mu_);
  if (folders_.size() >= kOpenFoldersMax) folders_.clear();
  folders_.insert_or_assign(folder, opened);
  return opened;
}

// A folder that exists may have been created a moment ago by somebody who has not fsynced its parent yet; so the parents
// are fsynced whether or not it was us. It happens once per folder and process.
Result<FilesystemObjectStore::Folder> FilesystemObjectStore::CreateFolder(
    std::string_view key, const std::string& folder) {
  auto parent = std::make_shared<FileDescriptor>(::openat(root_.get(), ".", kFolderFlags));
  if (!parent->valid()) return StatusFromErrno(errno, Named("opening the folder of", key));
  for (size_t begin = 0; begin < folder.size();) {
    const size_t end = std::min(folder.find('/', begin), folder.size());
    const std::string part = folder.substr(begin, end - begin);
    begin = end + 1;
    if (::mkdirat(parent->get(), part.c_str(), 0755) != 0 && errno != EEXIST) {
      return StatusFromErrno(errno, Named("creating the folder of", key));
    }
    auto child = std::make_shared<FileDescriptor>(::openat(parent->get(), part.c_str(), kFolderFlags));
    if (!child->valid() && errno == ENOTDIR) {
      return InvalidArgument("object " + std::string(key) + ": a part of the key is an object");
    }
    if (!child->valid()) return StatusFromErrno(errno, Named("opening the folder of", key));
    if (::fsync(parent->get()) != 0) {
      return StatusFromErrno(errno, Named("syncing the folder of", key));
    }
    parent = std::move(child);
  }
  return Folder(std::move(parent));
}

void FilesystemObjectStore::ForgetFolder(std::string_view key) {
  std::lock_guard lock(mu_);
  folders_.erase(FolderOf(key));
}

// ---- Reading

Result<FileDescriptor> FilesystemObjectStore::OpenObject(std::string_view key, uint64_t* size) const {
  RETURN_IF_ERROR(ValidateKey(key));
  FileDescriptor file(
      ::openat(root_.get(), std::string(key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts {};
  if (file.valid() && ::fstat(file.get(), &facts) != 0) {
    return StatusFromErrno(errno, Named("reading", key));
  }
  if (!file.valid() && errno != ENOENT && errno != ENOTDIR) {
    return StatusFromErrno(errno, Named("reading", key));
  }
  if (!file.valid() || !S_ISREG(facts.st_mode)) {
    return NotFound("object " + std::string(key) + " does not exist");
  }
  *size = static_cast<uint64_t>(facts.st_size);
  return file;
}

Result<std::string> FilesystemObjectStore::Get(std::string_view key) {
  uint64_t size = 0;
  ASSIGN_OR_RETURN(const FileDescriptor file, OpenObject(key, &size));
  std::string out(size, '\0');
  std::vector<iovec> buffers{{out.data(), out.size()}};
  RETURN_IF_ERROR(ReadStatus(ReadAll(file.get(), buffers, 0), key));
  return out;
}

// 1 check every range; 2 visit them by offset; 3 gather neighbours into one preadv, gaps into a scratch buffer.
Result<std::vector<std::string>> FilesystemObjectStore::GetRanges(
    std::string_view key, const std::vector<ByteRange>& ranges) {
  uint64_t size = 0;
  ASSIGN_OR_RETURN(const FileDescriptor file, OpenObject(key, &size));
  std::vector<std::string> out(ranges.size());
  for (const ByteRange& range : ranges) RETURN_IF_ERROR(CheckRange(key, size, range));
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return ranges[a].offset < ranges[b].offset;
  });

  char gap[kGapBytesMax];
  std::vector<iovec> buffers;
  for (size_t i = 0; i < order.size();) {
    const uint64_t begin = ranges[order[i]].offset;
    uint64_t end = begin;
    buffers.clear();
    for (; i < order.size() && buffers.size() + 2 <= IOV_MAX; ++i) {
      const ByteRange& range = ranges[order[i]];
      if (range.offset < end || range.offset - end > kGapBytesMax) break;
      if (range.offset > end) buffers.push_back({gap, range.offset - end});
      std::string& bytes = out[order[i]];
      bytes.resize(range.size);
      buffers.push_back({bytes.data(), bytes.size()});
      end = range.offset + range.size;
    }
    RETURN_IF_ERROR(ReadStatus(ReadAll(file.get(), buffers, begin), key));
  }
  return out;
}

Result<ObjectInfo> FilesystemObjectStore::Head(std::string_view key) {
  RETURN_IF_ERROR(ValidateKey(key));
  struct stat facts {};
  if (::fstatat(root_.get(), std::string(key).c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return StatusFromErrno(errno, Named("reading", key));
    facts.st_mode = 0;
  }
  if (!S_ISREG(facts.st_mode)) return NotFound("object " + std::string(key) + " does not exist");
  return ObjectInfo{std::string(key), static_cast<uint64_t>(facts.st_size)};
}

Result<std::vector<ObjectInfo>> FilesystemObjectStore::List(std::string_view prefix,
                                                            std::string_view start_after,
                                                            size_t limit) {
  return ListFolder(root_.get(), prefix, start_after, limit);
}

Status FilesystemObjectStore::Delete(std::string_view key) {
  RETURN_IF_ERROR(ValidateKey(key));
  if (::unlinkat(root_.get(), std::string(key).c_str(), 0) == 0) return Status();
  if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) return Status();
  return StatusFromErrno(errno, Named("deleting", key));
}

}  // namespace brazier::object
