// Labels: the label set that names a series. Sorted by name (bytes), each name once. Value type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brazier {

struct Label {
  std::string name;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

class Labels {
 public:
  Labels() = default;
  // Sorts; of labels with equal names the first given one is kept.
  explicit Labels(std::vector<Label> labels);

  bool Has(std::string_view name) const;
  // Empty when absent: the selector grammar does not tell "absent" from "empty" either.
  std::string_view Get(std::string_view name) const;
  void Set(std::string_view name, std::string_view value);
  // Sets unless the name is there already.
  void SetDefault(std::string_view name, std::string_view value);
  void Erase(std::string_view name);

  const std::vector<Label>& items() const { return items_; }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }

  // Stable hash over names and values; equal sets hash equal in every process and version.
  uint64_t Hash() const;
  size_t Bytes() const;  // names and values

  friend auto operator<=>(const Labels&, const Labels&) = default;

 private:
  std::vector<Label> items_;
};

// Label names with a meaning to the server; clients of the compatible API depend on these exact strings.
namespace label {
inline constexpr std::string_view kName = "__name__";
inline constexpr std::string_view kProfileType = "__profile_type__";
inline constexpr std::string_view kType = "__type__";
inline constexpr std::string_view kUnit = "__unit__";
inline constexpr std::string_view kPeriodType = "__period_type__";
inline constexpr std::string_view kPeriodUnit = "__period_unit__";
inline constexpr std::string_view kServiceName = "service_name";
inline constexpr std::string_view kServiceNamePrivate = "__service_name__";
inline constexpr std::string_view kSessionId = "__session_id__";
inline constexpr std::string_view kDelta = "__delta__";
inline constexpr std::string_view kOrder = "__order__";
inline constexpr std::string_view kSpy = "pyroscope_spy";
}  // namespace label

inline constexpr std::string_view kUnknownService = "unknown_service";
inline constexpr std::string_view kAnonymousTenant = "anonymous";

}  // namespace brazier
