#include "common/rpc/thrift_log.h"

#include <thrift/Thrift.h>

#include <mutex>

#include "common/observe/log.h"

namespace brazier::rpc {

void RouteThriftMessages() {
  static std::once_flag once;
  std::call_once(once, [] {
    apache::thrift::GlobalOutput.setOutputFunction([](const char* message) {
      Log(LogLevel::kDebug, "message of the thrift library", {{"text", message}});
    });
  });
}

}  // namespace brazier::rpc
