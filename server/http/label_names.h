// Which label names a client can take: older ones only [a-zA-Z_][a-zA-Z0-9_]*, newer ones say in their Accept header
// that they take any UTF-8. Pure functions.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/model/labels.h"
#include "server/http/http_message.h"

namespace brazier::http {

bool IsPlainLabelName(std::string_view name);

// Does a media range of the header carry allow-utf8-labelnames=true? Nothing when the header is malformed.
std::optional<bool> AcceptsUtf8LabelNames(std::string_view accept);
// 400 in plain text: "Invalid header format: ...".
HttpResponse BadAcceptResponse(std::string_view accept);

// The sets without labels of other names; empty sets are dropped.
std::set<Labels> WithPlainLabelNames(const std::set<Labels>& series);

}  // namespace brazier::http
