// FilesystemObjectStore: objects as files below one folder, the key as the path.
//
// Put writes an unfinished file in <root>/.tmp, fsyncs it, renames it into place and fsyncs the folder: two fsyncs, and a
// reader sees the whole object or none. Unfinished files are locked while they are written; those that a dead process
// left behind are never visible and are removed by the next Open. Several processes may share the root.
// Delete does not fsync: a deletion that a power cut undoes is simply asked for again.
// Limits: keys as in object_key.h; at most kOpenFoldersMax folder descriptors are kept. A listing holds the names of one
// folder per level in memory. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/object/object_store.h"
#include "store/object/posix_file.h"

namespace brazier::object {

class FilesystemObjectStore final : public ObjectStore {
 public:
  static constexpr size_t kOpenFoldersMax = 256;

  // Creates the folder `root` when it is missing.
  static Result<std::unique_ptr<FilesystemObjectStore>> Open(const std::string& root);

  Status Put(std::string_view key, const std::vector<Bytes>& parts) override;
  Result<std::string> Get(std::string_view key) override;
  Result<std::vector<std::string>> GetRanges(std::string_view key,
                                             const std::vector<ByteRange>& ranges) override;
  Result<ObjectInfo> Head(std::string_view key) override;
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) override;
  Status Delete(std::string_view key) override;

 private:
  using Folder = std::shared_ptr<const FileDescriptor>;

  FilesystemObjectStore(FileDescriptor root, FileDescriptor unfinished);
  // Creates and locks an unfinished file.
  Result<FileDescriptor> CreateUnfinished(std::string_view key, std::string* name);
  // Writes, fsyncs and renames; *gone is set when file or folder were removed under it, and a second try may succeed.
  Status PutOnce(std::string_view key, const std::vector<Bytes>& parts, bool* gone);
  // The folder of the key, created and durable.
  Result<Folder> OpenFolder(std::string_view key);
  Result<Folder> CreateFolder(std::string_view key, const std::string& folder);
  void ForgetFolder(std::string_view key);
  Result<FileDescriptor> OpenObject(std::string_view key, uint64_t* size) const;

  const FileDescriptor root_;
  const FileDescriptor unfinished_;
  std::atomic<uint64_t> next_unfinished_{0};
  std::mutex creation_mu_;  // one creator of folders at a time; taken before mu_
  std::mutex mu_;
  std::map<std::string, Folder, std::less<>> folders_;  // guarded by mu_
};

}  // namespace brazier::object
