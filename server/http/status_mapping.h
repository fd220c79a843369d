// From Status to what HTTP and Connect clients see. The only place that knows the numbers;
// the names are CodeName().
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "server/http/http_message.h"

namespace brazier::http {

int HttpStatusOf(Code code);

// {"code":"...","message":"..."} with the matching HTTP status. Connect answers end with the brace, those of the other
// interfaces with a newline.
HttpResponse ConnectError(const Status& status);
HttpResponse PlainError(const Status& status);
HttpResponse PlainError(int http_status, std::string_view code, std::string_view message);

}  // namespace brazier::http
