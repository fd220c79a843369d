#include "server/http/push_decoder.h"

#include <utility>

#include "common/codec/wire_reader.h"
#include "push.pb.h"

namespace brazier::http {
namespace {

using codec::WireReader;

// Field numbers of push.v1 (idl/connect/push.proto, types.proto).
constexpr uint32_t kSeries = 1;
constexpr uint32_t kSeriesLabels = 1;
constexpr uint32_t kSeriesSamples = 2;
constexpr uint32_t kLabelName = 1;
constexpr uint32_t kLabelValue = 2;
constexpr uint32_t kSampleProfile = 1;
constexpr uint32_t kSampleId = 2;

Status Malformed() {
  return InvalidArgument("unmarshal message: malformed push.v1.PushRequest")
      .WithReason("malformed_request");
}

// Builds the profiles of a request and keeps to its limits.
class Collector {
 public:
  explicit Collector(const PushLimits& limits) : limits_(limits) {}

  Status BeginSeries(std::vector<Label> labels) {
    const size_t given = labels.size();
    if (given > limits_.labels_per_series_max) {
      return InvalidArgument("a series has more than " + std::to_string(limits_.labels_per_series_max) +
                             " labels")
          .WithReason("max_label_names_per_series");
    }
    labels_ = Labels(std::move(labels));
    if (labels_.size() != given) {
      return InvalidArgument("a series has a label name more than once")
          .WithReason("duplicate_label_names");
    }
    label_bytes_each_ = labels_.Bytes();
    return Status::Ok();
  }

  Status AddSample(std::string data, std::string client_id) {
    if (profiles_.size() == limits_.profiles_max) {
      return InvalidArgument("more than " + std::to_string(limits_.profiles_max) +
                             " profiles in one request");
    }
    label_bytes_ += label_bytes_each_;
    if (label_bytes_ > limits_.label_bytes_max) {
      return InvalidArgument("the labels of all profiles in the request take more than " +
                             std::to_string(limits_.label_bytes_max) + " bytes");
    }
    RawProfile& profile = profiles_.emplace_back();
    profile.labels = labels_;
    profile.data = std::move(data);
    profile.client_id = std::move(client_id);
    return Status::Ok();
  }

  Result<std::vector<RawProfile>> Finish() {
    if (profiles_.empty()) return InvalidArgument("no profiles received");
    return std::move(profiles_);
  }

 private:
  const PushLimits& limits_;
  Labels labels_;
  size_t label_bytes_each_ = 0;
  size_t label_bytes_ = 0;
  std::vector<RawProfile> profiles_;
};

Status ReadLabel(Bytes bytes, std::vector<Label>* labels) {
  WireReader reader(bytes);
  Label& label = labels->emplace_back();
  while (reader.Next()) {
    if (!reader.is_bytes()) continue;
    if (reader.field() == kLabelName) label.name = AsString(reader.bytes());
    if (reader.field() == kLabelValue) label.value = AsString(reader.bytes());
  }
  return reader.ok() ? Status::Ok() : Malformed();
}

Status ReadSample(Bytes bytes, Collector* collector) {
  WireReader reader(bytes);
  Bytes profile;
  Bytes id;
  while (reader.Next()) {
    if (!reader.is_bytes()) continue;
    if (reader.field() == kSampleProfile) profile = reader.bytes();
    if (reader.field() == kSampleId) id = reader.bytes();
  }
  if (!reader.ok()) return Malformed();
  return collector->AddSample(std::string(AsString(profile)), std::string(AsString(id)));
}

// Labels may follow samples on the wire: two passes.
Status ReadSeries(Bytes bytes, const PushLimits& limits, Collector* collector) {
  std::vector<Label> labels;
  WireReader first(bytes);
  while (first.Next()) {
    if (first.field() != kSeriesLabels || !first.is_bytes()) continue;
    RETURN_IF_ERROR(ReadLabel(first.bytes(), &labels));
    if (labels.size() > limits.labels_per_series_max) break;
  }
  if (!first.ok()) return Malformed();
  RETURN_IF_ERROR(collector->BeginSeries(std::move(labels)));
  WireReader second(bytes);
  while (second.Next()) {
    if (second.field() != kSeriesSamples || !second.is_bytes()) continue;
    RETURN_IF_ERROR(ReadSample(second.bytes(), collector));
  }
  return second.ok() ? Status::Ok() : Malformed();
}

Result<std::vector<RawProfile>> DecodeJson(std::string_view message, const PushLimits& limits) {
  push::v1::PushRequest request;
  RETURN_IF_ERROR(ParseMessage(ConnectCodec::kJson, message, &request));
  Collector collector(limits);
  for (push::v1::RawProfileSeries& series : *request.mutable_series()) {
    std::vector<Label> labels;
    for (types::v1::LabelPair& label : *series.mutable_labels()) {
      labels.push_back({std::move(*label.mutable_name()), std::move(*label.mutable_value())});
    }
    RETURN_IF_ERROR(collector.BeginSeries(std::move(labels)));
    for (push::v1::RawSample& sample : *series.mutable_samples()) {
      RETURN_IF_ERROR(collector.AddSample(std::move(*sample.mutable_raw_profile()),
                                          std::move(*sample.mutable_id())));
    }
  }
  return collector.Finish();
}

}  // namespace

Result<std::vector<RawProfile>> DecodePush(ConnectCodec codec, std::string_view message,
                                           const PushLimits& limits) {
  if (codec == ConnectCodec::kJson) return DecodeJson(message, limits);
  Collector collector(limits);
  WireReader reader(AsBytes(message));
  while (reader.Next()) {
    if (reader.field() != kSeries || !reader.is_bytes()) continue;
    RETURN_IF_ERROR(ReadSeries(reader.bytes(), limits, &collector));
  }
  if (!reader.ok()) return Malformed();
  return collector.Finish();
}

}  // namespace brazier::http
