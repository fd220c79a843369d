#include "common/codec/folded.h"

#include <charconv>
#include <string>
#include <unordered_map>

#include "common/codec/text.h"
#include "common/model/stack_tree_builder.h"

namespace brazier::codec {
namespace {

Status Malformed(size_t line, const std::string& what) {
  return InvalidArgument("malformed folded stacks: line " + std::to_string(line) + ": " + what)
      .WithReason("malformed_profile");
}

// Adds stacks given as text. A frame is a location with one function of that name.
class FoldedBuilder {
 public:
  explicit FoldedBuilder(const PprofLimits& limits) : limits_(limits) {
    out_.sample_types.emplace_back();
  }

  void Add(std::string_view stack, int64_t count) {
    frames_.clear();
    while (true) {
      const size_t semicolon = stack.find(';');
      const std::string_view frame = stack.substr(0, semicolon);
      if (!frame.empty()) frames_.push_back(frame);
      if (semicolon == std::string_view::npos) break;
      stack.remove_prefix(semicolon + 1);
    }
    size_t first = 0;
    if (frames_.size() > limits_.stack_depth_max) first = frames_.size() - limits_.stack_depth_max;
    uint32_t node = 0;
    for (size_t i = first; i < frames_.size(); ++i) node = tree_.Child(node, LocationOf(frames_[i]));
    // The same stack on many lines is one sample; nodes are dense, so an index by node finds it.
    if (node >= sample_of_node_.size()) sample_of_node_.resize(tree_.size());
    uint32_t& sample = sample_of_node_[node];
    if (sample == 0) {
      out_.stacks.push_back(node);
      out_.values.push_back(0);
      sample = static_cast<uint32_t>(out_.stacks.size());
    }
    int64_t& value = out_.values[sample - 1];
    if (__builtin_add_overflow(value, count, &value)) value = INT64_MAX;
  }

  Status CheckSize() const {
    if (limits_.samples_max == 0 || out_.stacks.size() <= limits_.samples_max) return Status::Ok();
    return InvalidArgument("profile has more than " + std::to_string(limits_.samples_max) +
                           " distinct stacks, which is the limit")
        .WithReason("samples_limit");
  }

  DecodedProfile Finish() {
    out_.symbols.stacks = tree_.Nodes();
    return std::move(out_);
  }

 private:
  uint32_t LocationOf(std::string_view frame) {
    auto it = locations_.find(frame);
    if (it != locations_.end()) return it->second;
    SymbolTable& s = out_.symbols;
    const uint32_t name = s.strings.Add(Utf8Suffix(frame, limits_.symbol_value_bytes_max));
    const uint32_t id = static_cast<uint32_t>(s.locations.size());
    s.functions.push_back({name, name, 0, 0});
    s.lines.push_back({id, 0});
    s.locations.push_back({0, 0, id, 1, false});
    locations_.emplace(frame, id);
    return id;
  }

  const PprofLimits& limits_;
  DecodedProfile out_;
  StackTreeBuilder tree_;
  std::vector<std::string_view> frames_;
  std::vector<uint32_t> sample_of_node_;  // sample + 1
  std::unordered_map<std::string_view, uint32_t> locations_;  // views of the input
};

// Calls `add(line, number)` for each line that is not blank.
template <typename AddLine>
Status ForEachLine(std::string_view text, AddLine add) {
  if (!IsUtf8(text)) {
    return InvalidArgument("malformed folded stacks: the text is not valid UTF-8")
        .WithReason("malformed_profile");
  }
  size_t number = 0;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    if (!line.empty()) RETURN_IF_ERROR(add(line, number));
  }
  return Status::Ok();
}

}  // namespace

Result<DecodedProfile> DecodeFolded(std::string_view text, const PprofLimits& limits) {
  FoldedBuilder builder(limits);
  RETURN_IF_ERROR(ForEachLine(text, [&](std::string_view line, size_t number) -> Status {
    const size_t space = line.find_last_of(" \t");
    if (space == std::string_view::npos) return Malformed(number, "expected \"stack count\"");
    const std::string_view digits = line.substr(space + 1);
    int64_t count = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
      return Malformed(number, "count \"" + std::string(digits.substr(0, 64)) + "\" is not a number");
    }
    std::string_view stack = line.substr(0, space);
    while (!stack.empty() && (stack.back() == ' ' || stack.back() == '\t')) stack.remove_suffix(1);
    if (stack.empty()) return Malformed(number, "the stack is empty");
    builder.Add(stack, count);
    return builder.CheckSize();
  }));
  return builder.Finish();
}

Result<DecodedProfile> DecodeLines(std::string_view text, const PprofLimits& limits) {
  FoldedBuilder builder(limits);
  RETURN_IF_ERROR(ForEachLine(text, [&](std::string_view line, size_t) -> Status {
    builder.Add(line, 1);
    return builder.CheckSize();
  }));
  return builder.Finish();
}

}  // namespace brazier::codec
