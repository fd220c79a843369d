// What answers with series share: labels and exemplars, in JSON and protobuf. Appends to a string; pure. Internal to server/http.
#pragma once

#include <string>

#include "common/model/query.h"

namespace brazier::http {

// "labels":[...]
void AppendJsonLabels(const Labels& labels, std::string* out);
// "exemplars":[...]
void AppendJsonExemplars(const std::vector<const Exemplar*>& exemplars, std::string* out);
// A repeated field of types.v1.LabelPair.
void AppendLabelFields(uint32_t field, const Labels& labels, std::string* out);
// A repeated field of types.v1.Exemplar.
void AppendExemplarFields(uint32_t field, const std::vector<const Exemplar*>& exemplars, std::string* out);

}  // namespace brazier::http
