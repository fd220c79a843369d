// 1 read the names of a folder, keeping those that can lead to a key that is asked for; 2 sort them as their keys sort,
// a sub-folder as "name/"; 3 descend or take, in that order, until the limit.
#include "store/object/filesystem_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include "store/object/object_key.h"
#include "store/object/posix_file.h"

namespace brazier::object {
namespace {

class Listing {
 public:
  Listing(std::string_view prefix, std::string_view start_after, size_t limit)
      : prefix_(prefix), start_after_(start_after), limit_(limit) {}

  // `path` is empty or ends in '/'.
  Status Visit(FileDescriptor folder, const std::string& path, size_t depth);
  std::vector<ObjectInfo> Take() { return std::move(out_); }

 private:
  bool WantsFolder(const std::string& path) const {
    if (!path.starts_with(prefix_) && !prefix_.starts_with(path)) return false;
    return path > start_after_ || start_after_.starts_with(path);
  }
  bool WantsKey(const std::string& key) const {
    return key.starts_with(prefix_) && key > start_after_;
  }
  // Paths below `path` that are wanted, sorted; folders end in '/'.
  Result<std::vector<std::string>> ReadNames(DIR* dir, const std::string& path) const;
  Status Take(DIR* dir, const std::string& path, const std::string& name, size_t depth);

  const std::string_view prefix_;
  const std::string_view start_after_;
  const size_t limit_;
  std::vector<ObjectInfo> out_;
};

bool IsFolder(DIR* dir, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat facts {};
  return ::fstatat(::dirfd(dir), entry.d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(facts.st_mode);
}

Result<std::vector<std::string>> Listing::ReadNames(DIR* dir, const std::string& path) const {
  std::vector<std::string> paths;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || (path.empty() && name == kUnfinishedFolder)) continue;
    std::string child = path + entry->d_name;
    if (IsFolder(dir, *entry)) {
      child += '/';
      if (WantsFolder(child)) paths.push_back(std::move(child));
    } else if (WantsKey(child)) {
      paths.push_back(std::move(child));
    }
  }
  if (errno != 0) return StatusFromErrno(errno, "listing objects below \"" + path + "\"");
  std::sort(paths.begin(), paths.end());
  return paths;
}

Status Listing::Take(DIR* dir, const std::string& path, const std::string& name, size_t depth) {
  if (path.ends_with('/')) {
    FileDescriptor child(::openat(::dirfd(dir), name.c_str(),
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (child.valid()) return Visit(std::move(child), path, depth + 1);
    return errno == ENOENT ? Status()
                           : StatusFromErrno(errno, "listing objects below \"" + path + "\"");
  }
  struct stat facts {};
  if (::fstatat(::dirfd(dir), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : StatusFromErrno(errno, "listing object " + path);
  }
  if (S_ISREG(facts.st_mode)) out_.push_back({path, static_cast<uint64_t>(facts.st_size)});
  return Status();
}

Status Listing::Visit(FileDescriptor folder, const std::string& path, size_t depth) {
  // Deeper than any key: not ours.
  if (depth > kKeyPartsMax) return Status();
  // fdopendir takes the descriptor over, so it gets one of its own.
  const int own = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(own < 0 ? nullptr : ::fdopendir(own), ::closedir);
  if (dir == nullptr) return StatusFromErrno(errno, "listing objects below \"" + path + "\"");
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ReadNames(dir.get(), path));
  for (const std::string& child : paths) {
    if (out_.size() >= limit_) break;
    std::string name = child.substr(path.size());
    if (name.ends_with('/')) name.pop_back();
    RETURN_IF_ERROR(Take(dir.get(), child, name, depth));
  }
  return Status();
}

}  // namespace

Result<std::vector<ObjectInfo>> ListFolder(int root, std::string_view prefix,
                                           std::string_view start_after, size_t limit) {
  FileDescriptor folder(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return StatusFromErrno(errno, "listing objects");
  Listing listing(prefix, start_after, limit);
  RETURN_IF_ERROR(listing.Visit(std::move(folder), "", 0));
  return listing.Take();
}

}  // namespace brazier::object
