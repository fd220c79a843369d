// Selector: which series a query means, for example {service_name="api", region=~"eu-.*"}.
//
// The grammar is that of Prometheus metric selectors (reference: "Label selector grammar"). A matcher that the empty
// string satisfies also matches series without the label. Regular expressions are RE2, fully anchored.
// Immutable after parsing; Matches() is Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"

namespace re2 {
class RE2;
}

namespace brazier {

struct Matcher {
  enum class Op { kEqual, kNotEqual, kRegex, kNotRegex };
  std::string name;
  Op op = Op::kEqual;
  std::string value;
  std::shared_ptr<const re2::RE2> regex;  // for kRegex and kNotRegex

  // Builds a matcher; compiles the expression. kInvalidArgument when it is not a valid one.
  static Result<Matcher> Make(std::string name, Op op, std::string value);
  bool Matches(std::string_view label_value) const;
};

class Selector {
 public:
  // Limits of one selector: longer texts and larger expressions are refused.
  static constexpr size_t kTextBytesMax = 64 * 1024;
  static constexpr size_t kMatchersMax = 128;
  static constexpr int64_t kRegexMemoryBytesMax = 4 << 20;

  // An empty text is an error; "{}" selects everything. Errors say line:column.
  static Result<Selector> Parse(std::string_view text);

  void Add(Matcher matcher) { matchers_.push_back(std::move(matcher)); }
  const std::vector<Matcher>& matchers() const { return matchers_; }
  bool Matches(const Labels& labels) const;
  // The value that an equality matcher on `name` demands, or empty when none does.
  std::string_view EqualValue(std::string_view name) const;
  // A text that parses to an equal selector.
  std::string ToString() const;

 private:
  std::vector<Matcher> matchers_;
};

}  // namespace brazier
