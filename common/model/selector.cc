// The selector grammar, by recursive descent over one text:
//   selector = [metric_name] '{' [matcher {',' matcher} [',']] '}' | metric_name
//   matcher  = name op string | quoted_name op string | quoted_name (a metric name, as in Prometheus 3)
//   op       = '=' | '!=' | '=~' | '!~'
//   string   = "..." | '...' with Go escapes, or `...` taken as it is
#include "common/model/selector.h"

#include <re2/re2.h>

#include <algorithm>

namespace brazier {
namespace {

void AppendUtf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }
bool IsNamePart(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Selector> Run() {
    Selector selector;
    SkipSpace();
    if (AtEnd()) {
      return InvalidArgument("parsing label selector \"\": unknown position: parse error: "
                             "unexpected end of input");
    }
    std::string metric;
    if (IsNameStart(Peek()) || Peek() == ':') {
      metric = ReadName(/*with_colons=*/true);
      SkipSpace();
    }
    if (!AtEnd() && Peek() == '{') {
      ++at_;
      RETURN_IF_ERROR(ReadMatchers(selector));
      SkipSpace();
    } else if (metric.empty()) {
      return Unexpected();
    }
    if (!AtEnd()) return Unexpected();
    if (!metric.empty()) {
      RETURN_IF_ERROR(AddMatcher(selector, std::string(label::kName), Matcher::Op::kEqual, metric));
    }
    return selector;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return text_[at_]; }
  void SkipSpace() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r')) ++at_;
  }

  Status Error(const std::string& what) const {
    int line = 1;
    int column = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      } else {
        ++column;
      }
    }
    // Messages travel as UTF-8: a cut inside a character would spoil them.
    size_t shown_size = std::min<size_t>(text_.size(), 256);
    while (shown_size < text_.size() && shown_size > 0 && IsContinuation(text_[shown_size])) {
      --shown_size;
    }
    std::string shown(text_.substr(0, shown_size));
    return InvalidArgument("parsing label selector \"" + shown + "\": " + std::to_string(line) +
                           ":" + std::to_string(column) + ": parse error: " + what);
  }
  Status Unexpected() const {
    if (AtEnd()) return Error("unexpected end of input");
    return Error("unexpected \"" + Character() + "\"");
  }
  // The whole character that begins here.
  std::string Character() const {
    size_t size = 1;
    while (size < 4 && at_ + size < text_.size() && IsContinuation(text_[at_ + size])) ++size;
    return std::string(text_.substr(at_, size));
  }

  std::string ReadName(bool with_colons) {
    const size_t begin = at_;
    while (!AtEnd() && (IsNamePart(Peek()) || (with_colons && Peek() == ':'))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Status ReadMatchers(Selector& selector) {
    while (true) {
      SkipSpace();
      if (AtEnd()) return Error("unexpected end of input inside braces");
      if (Peek() == '}') {
        ++at_;
        return Status::Ok();
      }
      RETURN_IF_ERROR(ReadMatcher(selector));
      SkipSpace();
      if (AtEnd()) return Error("unexpected end of input inside braces");
      if (Peek() == ',') {
        ++at_;
      } else if (Peek() != '}') {
        return Unexpected();
      }
    }
  }

  Status ReadMatcher(Selector& selector) {
    std::string name;
    const bool quoted = Peek() == '"' || Peek() == '\'' || Peek() == '`';
    if (quoted) {
      RETURN_IF_ERROR(ReadString(name));
    } else if (IsNameStart(Peek())) {
      name = ReadName(/*with_colons=*/false);
    } else {
      return Unexpected();
    }
    SkipSpace();
    if (quoted && !AtEnd() && (Peek() == ',' || Peek() == '}')) {
      return AddMatcher(selector, std::string(label::kName), Matcher::Op::kEqual, name);
    }
    Matcher::Op op;
    if (Consume("=~")) {
      op = Matcher::Op::kRegex;
    } else if (Consume("!~")) {
      op = Matcher::Op::kNotRegex;
    } else if (Consume("!=")) {
      op = Matcher::Op::kNotEqual;
    } else if (Consume("=")) {
      op = Matcher::Op::kEqual;
    } else {
      return Unexpected();
    }
    SkipSpace();
    if (AtEnd()) return Error("unexpected end of input inside braces");
    if (Peek() != '"' && Peek() != '\'' && Peek() != '`') return Unexpected();
    std::string value;
    RETURN_IF_ERROR(ReadString(value));
    return AddMatcher(selector, std::move(name), op, std::move(value));
  }

  Status AddMatcher(Selector& selector, std::string name, Matcher::Op op, std::string value) {
    if (selector.matchers().size() >= Selector::kMatchersMax) {
      return Error("more than " + std::to_string(Selector::kMatchersMax) + " matchers");
    }
    Result<Matcher> matcher = Matcher::Make(std::move(name), op, std::move(value));
    if (!matcher.ok()) return Error(matcher.status().message());
    selector.Add(std::move(*matcher));
    return Status::Ok();
  }

  bool Consume(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  Status ReadString(std::string& out) {
    const char quote = Peek();
    ++at_;
    while (!AtEnd()) {
      const char c = Peek();
      if (c == quote) {
        ++at_;
        return Status::Ok();
      }
      if (quote != '`' && c == '\n') return Error("unterminated quoted string");
      if (quote != '`' && c == '\\') {
        RETURN_IF_ERROR(ReadEscape(quote, out));
      } else {
        out += c;
        ++at_;
      }
    }
    return Error("unterminated quoted string");
  }

  Status ReadEscape(char quote, std::string& out) {
    ++at_;  // the backslash
    if (AtEnd()) return Error("unterminated quoted string");
    const char c = Peek();
    ++at_;
    switch (c) {
      case 'a': out += '\a'; return Status::Ok();
      case 'b': out += '\b'; return Status::Ok();
      case 'f': out += '\f'; return Status::Ok();
      case 'n': out += '\n'; return Status::Ok();
      case 'r': out += '\r'; return Status::Ok();
      case 't': out += '\t'; return Status::Ok();
      case 'v': out += '\v'; return Status::Ok();
      case '\\': out += '\\'; return Status::Ok();
      case 'x': return ReadNumber(2, 16, /*is_byte=*/true, out);
      case 'u': return ReadNumber(4, 16, /*is_byte=*/false, out);
      case 'U': return ReadNumber(8, 16, /*is_byte=*/false, out);
      default: break;
    }
    if (c == quote) {
      out += c;
      return Status::Ok();
    }
    if (c >= '0' && c <= '7') {
      --at_;
      return ReadNumber(3, 8, /*is_byte=*/true, out);
    }
    --at_;
    return Error("unknown escape sequence \"\\" + Character() + "\"");
  }

  Status ReadNumber(int digits, uint32_t base, bool is_byte, std::string& out) {
    uint64_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      if (AtEnd()) return Error("unterminated quoted string");
      const int digit = HexValue(Peek());
      if (digit < 0 || digit >= static_cast<int>(base)) return Error("malformed escape sequence");
      value = value * base + static_cast<uint32_t>(digit);
    }
    if (is_byte) {
      if (value > 0xFF) return Error("escape sequence is above 255");
      out += static_cast<char>(value);
      return Status::Ok();
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return Error("escape sequence is an invalid Unicode code point");
    }
    AppendUtf8(out, static_cast<uint32_t>(value));
    return Status::Ok();
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string Quote(std::string_view s) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\x";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string_view OpText(Matcher::Op op) {
  switch (op) {
    case Matcher::Op::kEqual: return "=";
    case Matcher::Op::kNotEqual: return "!=";
    case Matcher::Op::kRegex: return "=~";
    case Matcher::Op::kNotRegex: return "!~";
  }
  return "";
}

}  // namespace

Result<Matcher> Matcher::Make(std::string name, Op op, std::string value) {
  Matcher matcher{std::move(name), op, std::move(value), nullptr};
  if (op == Op::kRegex || op == Op::kNotRegex) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(Selector::kRegexMemoryBytesMax);
    options.set_dot_nl(true);
    auto regex = std::make_shared<re2::RE2>(matcher.value, options);
    if (!regex->ok()) {
      return InvalidArgument("invalid regular expression " + Quote(matcher.value) + ": " +
                             regex->error());
    }
    matcher.regex = std::move(regex);
  }
  return matcher;
}

bool Matcher::Matches(std::string_view label_value) const {
  switch (op) {
    case Op::kEqual: return label_value == value;
    case Op::kNotEqual: return label_value != value;
    case Op::kRegex: return re2::RE2::FullMatch(label_value, *regex);
    case Op::kNotRegex: return !re2::RE2::FullMatch(label_value, *regex);
  }
  return false;
}

Result<Selector> Selector::Parse(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return InvalidArgument("label selector is " + std::to_string(text.size()) +
                           " bytes long, the limit is " + std::to_string(kTextBytesMax));
  }
  return Parser(text).Run();
}

bool Selector::Matches(const Labels& labels) const {
  for (const Matcher& matcher : matchers_) {
    if (!matcher.Matches(labels.Get(matcher.name))) return false;
  }
  return true;
}

std::string_view Selector::EqualValue(std::string_view name) const {
  for (const Matcher& matcher : matchers_) {
    if (matcher.op == Matcher::Op::kEqual && matcher.name == name) return matcher.value;
  }
  return {};
}

std::string Selector::ToString() const {
  std::string out = "{";
  for (const Matcher& matcher : matchers_) {
    if (out.size() > 1) out += ',';
    out += Quote(matcher.name);
    out += OpText(matcher.op);
    out += Quote(matcher.value);
  }
  return out + "}";
}

}  // namespace brazier
