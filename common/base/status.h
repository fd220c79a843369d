// Status: the outcome of an operation that can fail for reasons outside the program.
//
// A status carries a canonical code, a message that names the thing and the limit, (through the code) whether a retry can
// help, and sometimes who can. Codes map to HTTP, Connect and Thrift codes in exactly one place each (the adapters).
// Value type; Thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace brazier {

enum class Code {
  kOk,
  kInvalidArgument,    // the request can never succeed as it is (HTTP 400)
  kUnauthenticated,    // no or bad tenant (401)
  kNotFound,           // 404
  kAlreadyExists,      // 409
  kFailedPrecondition, // 400/412
  kResourceExhausted,  // a limit or a full queue; retry later (429)
  kUnimplemented,      // 501
  kUnavailable,        // a transient failure of ours; retry (503)
  kDeadlineExceeded,   // 504; the work may or may not have been done
  kCancelled,          // 499
  kCorruption,         // bytes at rest that fail their checks (500)
  kInternal,           // a bug or an unknown failure (500)
};

// "invalid_argument", "unavailable", ...: the lower-case names that Connect clients see.
std::string_view CodeName(Code code);

// True when the same request may succeed later without being changed.
bool IsRetryable(Code code);

// OK costs one null pointer: hot paths return statuses too.
class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(Code code, std::string message)
      : rep_(code == Code::kOk ? nullptr : new Rep{code, std::move(message), {}, {}}) {}
  Status(const Status& other) : rep_(other.rep_ ? new Rep(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other) {
    if (this != &other) rep_.reset(other.rep_ ? new Rep(*other.rep_) : nullptr);
    return *this;
  }
  Status(Status&&) = default;
  Status& operator=(Status&&) = default;

  static Status Ok() { return Status(); }

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return ok() ? Code::kOk : rep_->code; }
  const std::string& message() const { return ok() ? Empty() : rep_->message; }

  // Machine-readable reason, for example "label_value_too_long" or "profile_size_limit"; empty when there is none.
  const std::string& reason() const { return ok() ? Empty() : rep_->reason; }
  Status WithReason(std::string_view reason) && {
    if (!ok()) rep_->reason = reason;
    return std::move(*this);
  }

  // "host:port" of the process that can do it, where the one that refused knows it; empty when there is none.
  const std::string& redirect() const { return ok() ? Empty() : rep_->redirect; }
  Status WithRedirect(std::string_view address) && {
    if (!ok()) rep_->redirect = address;
    return std::move(*this);
  }

  // Returns this status with "context: " before its message. No effect on OK.
  Status Annotate(std::string_view context) const;

  // "OK" or "invalid_argument: message".
  std::string ToString() const;

  friend bool operator==(const Status& a, const Status& b) {
    return a.code() == b.code() && a.message() == b.message() && a.reason() == b.reason() &&
           a.redirect() == b.redirect();
  }

 private:
  struct Rep {
    Code code;
    std::string message;
    std::string reason;
    std::string redirect;
  };
  static const std::string& Empty();

  std::unique_ptr<Rep> rep_;  // null: OK
};

inline Status InvalidArgument(std::string m) { return {Code::kInvalidArgument, std::move(m)}; }
inline Status NotFound(std::string m) { return {Code::kNotFound, std::move(m)}; }
inline Status ResourceExhausted(std::string m) { return {Code::kResourceExhausted, std::move(m)}; }
inline Status Unavailable(std::string m) { return {Code::kUnavailable, std::move(m)}; }
inline Status DeadlineExceeded(std::string m) { return {Code::kDeadlineExceeded, std::move(m)}; }
inline Status Corruption(std::string m) { return {Code::kCorruption, std::move(m)}; }
inline Status Internal(std::string m) { return {Code::kInternal, std::move(m)}; }

}  // namespace brazier

// Returns from the enclosing function when `expr` (a Status) is not OK.
#define RETURN_IF_ERROR(expr)                          \
  do {                                                 \
    if (::brazier::Status status_ = (expr); !status_.ok()) return status_; \
  } while (0)
