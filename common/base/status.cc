#include "common/base/status.h"

namespace brazier {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kUnauthenticated: return "unauthenticated";
    case Code::kNotFound: return "not_found";
    case Code::kAlreadyExists: return "already_exists";
    case Code::kFailedPrecondition: return "failed_precondition";
    case Code::kResourceExhausted: return "resource_exhausted";
    case Code::kUnimplemented: return "unimplemented";
    case Code::kUnavailable: return "unavailable";
    case Code::kDeadlineExceeded: return "deadline_exceeded";
    case Code::kCancelled: return "canceled";
    case Code::kCorruption: return "data_loss";
    case Code::kInternal: return "internal";
  }
  return "unknown";
}

bool IsRetryable(Code code) {
  return code == Code::kUnavailable || code == Code::kResourceExhausted ||
         code == Code::kDeadlineExceeded;
}

const std::string& Status::Empty() {
  static const std::string empty;
  return empty;
}

Status Status::Annotate(std::string_view context) const {
  if (ok()) return *this;
  return Status(code(), std::string(context) + ": " + message())
      .WithReason(reason())
      .WithRedirect(redirect());
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  return std::string(CodeName(code())) + ": " + message();
}

}  // namespace brazier
