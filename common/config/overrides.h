// TenantOverrides: settings that a tenant has of its own, from the YAML file that overrides.path names:
//
//   tenants:
//     team-a: { retention.age: 7d, retention.bytes-max: 10GiB }
//     team-b: { retention: { age: 0 }, limits.query-weight: 4 }
//
// Values are written as in the configuration; which keys there may be: OverridableKeys(). Anything else, and a value that the
// configuration would refuse, makes the file a broken one. Broken at the start, it is an error; later, what was read last stays.
//
// The file is looked at every kPauseNs and read when its size or its time has changed. Thread-safe: whoever needs a setting takes
// Get() and holds on to that for as long as one decision takes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/result.h"

namespace brazier::config {

// None: the configuration's.
struct TenantSettings {
  std::optional<int64_t> retention_age_ns = std::nullopt;
  std::optional<int64_t> retention_bytes_max = std::nullopt;
  std::optional<int64_t> max_query_length_ns = std::nullopt;
  std::optional<int64_t> max_query_lookback_ns = std::nullopt;
  std::optional<int64_t> max_query_bytes = std::nullopt;
  std::optional<int64_t> max_query_concurrency = std::nullopt;
  std::optional<int64_t> query_weight = std::nullopt;
  friend bool operator==(const TenantSettings&, const TenantSettings&) = default;
};

std::span<const std::string_view> OverridableKeys();

class Overrides {
 public:
  // The text of the file. kInvalidArgument with the line and the tenant.
  static Result<Overrides> Parse(std::string_view yaml);
  // Null: it has none of its own.
  const TenantSettings* Find(std::string_view tenant) const {
    const auto it = tenants_.find(tenant);
    return it == tenants_.end() ? nullptr : &it->second;
  }
  size_t size() const { return tenants_.size(); }

 private:
  std::map<std::string, TenantSettings, std::less<>> tenants_;
};

// What tells one content of a file from the next without reading it.
struct FileStamp {
  int64_t modified_ns = 0;
  uint64_t size = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

class TenantOverrides {
 public:
  static constexpr int64_t kPauseNs = int64_t{2} * 1'000'000'000;

  struct Files {
    std::function<Result<FileStamp>(const std::string& path)> stamp;
    std::function<Result<std::string>(const std::string& path)> read;
  };
  static Files SystemFiles();

  // Reads the file; an empty path: there is none, and never will be. `on_read` hears of every later reading: OK, or why what was
  // read before stays; on the thread of the loop.
  static Result<std::unique_ptr<TenantOverrides>> Open(std::string path, std::function<void(const Status&)> on_read = {},
                                                       Files files = SystemFiles());
  ~TenantOverrides();  // stops

  std::shared_ptr<const Overrides> Get() const;
  // One look at the file. A broken one is told once for each change.
  void Check();
  void Start();
  void Stop();

 private:
  TenantOverrides(std::string path, std::function<void(const Status&)> on_read, Files files)
      : path_(std::move(path)), on_read_(std::move(on_read)), files_(std::move(files)) {}
  // Stamp first, so that a change while it is read is seen by the next look.
  Status Read();

  const std::string path_;
  const std::function<void(const Status&)> on_read_;
  const Files files_;
  std::optional<FileStamp> stamp_;  // of what was read last; none: it could not be told. Of the loop's thread
  bool is_gone_ = false;            // likewise

  mutable std::mutex mu_;
  std::condition_variable wake_;
  std::shared_ptr<const Overrides> overrides_ = std::make_shared<Overrides>();  // guarded by mu_
  bool stopping_ = false;                                                       // guarded by mu_
  std::thread thread_;
};

}  // namespace brazier::config
