// The inside of ThriftService. Includes Thrift: only for .cc files of this folder.
#pragma once

#include <thrift/TProcessor.h>

#include <memory>
#include <string>

namespace brazier::rpc {

struct ThriftService {
  std::string name;  // clients multiplex by it
  std::shared_ptr<apache::thrift::TProcessor> processor;
};

}  // namespace brazier::rpc
