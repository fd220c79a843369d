#include "common/rpc/convert_status.h"

#include "common/base/check.h"
#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

using idl::ErrorCode;

ErrorCode ToWire(Code code) {
  switch (code) {
    case Code::kOk: return ErrorCode::UNKNOWN;
    case Code::kInvalidArgument: return ErrorCode::INVALID_ARGUMENT;
    case Code::kUnauthenticated: return ErrorCode::UNAUTHENTICATED;
    case Code::kNotFound: return ErrorCode::NOT_FOUND;
    case Code::kAlreadyExists: return ErrorCode::ALREADY_EXISTS;
    case Code::kFailedPrecondition: return ErrorCode::FAILED_PRECONDITION;
    case Code::kResourceExhausted: return ErrorCode::RESOURCE_EXHAUSTED;
    case Code::kUnimplemented: return ErrorCode::UNIMPLEMENTED;
    case Code::kUnavailable: return ErrorCode::UNAVAILABLE;
    case Code::kDeadlineExceeded: return ErrorCode::DEADLINE_EXCEEDED;
    case Code::kCancelled: return ErrorCode::CANCELLED;
    case Code::kCorruption: return ErrorCode::CORRUPTION;
    case Code::kInternal: return ErrorCode::INTERNAL;
  }
  return ErrorCode::UNKNOWN;
}

Code FromWire(ErrorCode code) {
  switch (code) {
    case ErrorCode::UNKNOWN: return Code::kInternal;
    case ErrorCode::INVALID_ARGUMENT: return Code::kInvalidArgument;
    case ErrorCode::UNAUTHENTICATED: return Code::kUnauthenticated;
    case ErrorCode::NOT_FOUND: return Code::kNotFound;
    case ErrorCode::ALREADY_EXISTS: return Code::kAlreadyExists;
    case ErrorCode::FAILED_PRECONDITION: return Code::kFailedPrecondition;
    case ErrorCode::RESOURCE_EXHAUSTED: return Code::kResourceExhausted;
    case ErrorCode::UNIMPLEMENTED: return Code::kUnimplemented;
    case ErrorCode::UNAVAILABLE: return Code::kUnavailable;
    case ErrorCode::DEADLINE_EXCEEDED: return Code::kDeadlineExceeded;
    case ErrorCode::CANCELLED: return Code::kCancelled;
    case ErrorCode::CORRUPTION: return Code::kCorruption;
    case ErrorCode::INTERNAL: return Code::kInternal;
  }
  return Code::kInternal;  // a number that a newer peer knows
}

std::string CutMessage(const std::string& message) {
  if (message.size() <= kErrorMessageBytesMax) return message;
  return message.substr(0, kErrorMessageBytesMax - 3) + "...";
}

idl::BrazierError ToWire(const Status& status) {
  CHECK(!status.ok());
  idl::BrazierError error;
  error.code = ToWire(status.code());
  error.message = CutMessage(status.message());
  error.reason = status.reason();
  error.retryable = IsRetryable(status.code());
  if (status.redirect().size() <= kAddressBytesMax) error.redirect = status.redirect();
  return error;
}

Status FromWire(const idl::BrazierError& error) {
  Status status = Status(FromWire(error.code), error.message).WithReason(error.reason);
  if (error.redirect.size() > kAddressBytesMax) return status;
  return std::move(status).WithRedirect(error.redirect);
}

}  // namespace brazier::rpc
