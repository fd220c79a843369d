#include "common/config/overrides.h"

#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "common/base/check.h"
#include "common/config/config_file.h"
#include "common/config/load.h"
#include "common/config/settings.h"

namespace brazier::config {
namespace {

constexpr std::array<std::string_view, 7> kKeys = {"retention.age",
                                                   "retention.bytes-max",
                                                   "limits.max-query-length",
                                                   "limits.max-query-lookback",
                                                   "limits.max-query-bytes",
                                                   "limits.max-query-concurrency",
                                                   "limits.query-weight"};

// As CheckTenant of common/model: 150 bytes.
constexpr size_t kTenantBytesMax = 150;

std::string KnownKeys() {
  std::string text;
  for (const std::string_view key : kKeys) text += (text.empty() ? "" : ", ") + std::string(key);
  return text;
}

// Through the row of the settings table, so that a tenant's value is read and refused as the configuration's.
Status SetEntry(const FileEntry& entry, TenantSettings& settings) {
  if (std::find(kKeys.begin(), kKeys.end(), entry.key) == kKeys.end()) {
    return InvalidArgument("unknown setting " + entry.key + "; a tenant may have " + KnownKeys());
  }
  const Setting* setting = FindSetting(entry.key);
  CHECK(setting != nullptr);
  Config config;
  RETURN_IF_ERROR(SetFromText(*setting, entry.value, config));
  if (entry.key == "retention.age") settings.retention_age_ns = config.retention.age_ns;
  if (entry.key == "retention.bytes-max") settings.retention_bytes_max = config.retention.bytes_max;
  if (entry.key == "limits.max-query-length") settings.max_query_length_ns = config.limits.max_query_length_ns;
  if (entry.key == "limits.max-query-lookback") settings.max_query_lookback_ns = config.limits.max_query_lookback_ns;
  if (entry.key == "limits.max-query-bytes") settings.max_query_bytes = config.limits.max_query_bytes;
  if (entry.key == "limits.max-query-concurrency") settings.max_query_concurrency = config.limits.max_query_concurrency;
  if (entry.key == "limits.query-weight") settings.query_weight = config.limits.query_weight;
  return Status::Ok();
}

Result<FileStamp> StampOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return NotFound(std::strerror(errno));
  return FileStamp{.modified_ns = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
                   .size = static_cast<uint64_t>(info.st_size)};
}

}  // namespace

std::span<const std::string_view> OverridableKeys() { return kKeys; }

Result<Overrides> Overrides::Parse(std::string_view yaml) {
  ASSIGN_OR_RETURN(const std::vector<TenantEntries> tenants, ParseOverridesFile(yaml));
  Overrides overrides;
  for (const TenantEntries& tenant : tenants) {
    if (tenant.tenant.size() > kTenantBytesMax) {
      return InvalidArgument("a tenant has a name of " + std::to_string(tenant.tenant.size()) + " bytes, the limit is " +
                             std::to_string(kTenantBytesMax));
    }
    TenantSettings& settings = overrides.tenants_[tenant.tenant];
    for (const FileEntry& entry : tenant.entries) {
      if (const Status status = SetEntry(entry, settings); !status.ok()) {
        return status.Annotate("line " + std::to_string(entry.line) + ": tenant \"" + tenant.tenant + "\"");
      }
    }
  }
  return overrides;
}

TenantOverrides::Files TenantOverrides::SystemFiles() { return {.stamp = StampOf, .read = ReadConfigFile}; }

Result<std::unique_ptr<TenantOverrides>> TenantOverrides::Open(std::string path, std::function<void(const Status&)> on_read,
                                                               Files files) {
  auto overrides =
      std::unique_ptr<TenantOverrides>(new TenantOverrides(std::move(path), std::move(on_read), std::move(files)));
  if (!overrides->path_.empty()) RETURN_IF_ERROR(overrides->Read());
  return overrides;
}

TenantOverrides::~TenantOverrides() { Stop(); }

std::shared_ptr<const Overrides> TenantOverrides::Get() const {
  std::lock_guard lock(mu_);
  return overrides_;
}

Status TenantOverrides::Read() {
  const std::string what = "overrides.path (" + path_ + ")";
  const auto stamp = files_.stamp(path_);
  stamp_ = stamp.ok() ? std::optional(*stamp) : std::nullopt;
  const auto text = files_.read(path_);
  if (!text.ok()) return text.status().Annotate(what);
  auto parsed = Overrides::Parse(*text);
  if (!parsed.ok()) return parsed.status().Annotate(what);
  auto next = std::make_shared<const Overrides>(std::move(parsed).value());
  std::lock_guard lock(mu_);
  overrides_ = std::move(next);
  return Status::Ok();
}

void TenantOverrides::Check() {
  if (path_.empty()) return;
  const auto stamp = files_.stamp(path_);
  if (stamp.ok() ? stamp_ == *stamp : is_gone_) return;
  is_gone_ = !stamp.ok();
  const Status status = Read();
  if (on_read_) on_read_(status);
}

void TenantOverrides::Start() {
  if (path_.empty()) return;
  thread_ = std::thread([this] {
    for (;;) {
      {
        std::unique_lock lock(mu_);
        if (wake_.wait_for(lock, std::chrono::nanoseconds(kPauseNs), [&] { return stopping_; })) return;
      }
      Check();
    }
  });
  pthread_setname_np(thread_.native_handle(), "overrides");
}

void TenantOverrides::Stop() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace brazier::config
