// Routes the Thrift library's messages, which go to stderr otherwise, to our log at debug level: what matters in them
// is counted and returned by our code. Process-wide; Thread-safe, acts once.
#pragma once

namespace brazier::rpc {

void RouteThriftMessages();

}  // namespace brazier::rpc
