#include "common/observe/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/base/check.h"

namespace brazier {
namespace {

void AppendEscaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

// {name="value",...}, or nothing when there are no labels. Also the key of a series, which makes the page sorted.
std::string LabelText(const MetricLabels& labels) {
  if (labels.empty()) return {};
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out += ',';
    out += name;
    out += "=\"";
    AppendEscaped(out, value, true);
    out += '"';
  }
  out += '}';
  return out;
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[40];
  if (value == std::floor(value) && std::fabs(value) < 1e15) {
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  // The shortest form that reads back as the same number.
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::stod(text) == value) break;
  }
  return text;
}

void AppendLine(std::string& out, std::string_view name, std::string_view suffix,
                std::string_view labels, std::string_view value) {
  out += name;
  out += suffix;
  out += labels;
  out += ' ';
  out += value;
  out += '\n';
}

// The label text with le="bound" as its last label.
std::string WithBound(std::string_view labels, std::string_view bound) {
  std::string out = labels.empty() ? "{" : std::string(labels.substr(0, labels.size() - 1)) + ",";
  out += "le=\"";
  out += bound;
  out += "\"}";
  return out;
}

void AppendHistogram(std::string& out, std::string_view name, std::string_view labels,
                     const Histogram& histogram) {
  const Histogram::Snapshot state = histogram.Take();
  uint64_t below = 0;
  for (size_t i = 0; i < state.counts.size(); ++i) {
    below += state.counts[i];
    const std::string bound =
        i < histogram.bounds().size() ? NumberText(histogram.bounds()[i]) : "+Inf";
    AppendLine(out, name, "_bucket", WithBound(labels, bound), std::to_string(below));
  }
  AppendLine(out, name, "_sum", labels, NumberText(state.sum));
  AppendLine(out, name, "_count", labels, std::to_string(state.count));
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)) {
  CHECK(std::is_sorted(bounds_.begin(), bounds_.end()));
  state_.counts.resize(bounds_.size() + 1);
}

void Histogram::Observe(double value) {
  const size_t bucket =
      std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  std::lock_guard lock(mu_);
  ++state_.counts[bucket];
  ++state_.count;
  state_.sum += value;
}

Histogram::Snapshot Histogram::Take() const {
  std::lock_guard lock(mu_);
  return state_;
}

// All series of one name. Exactly one of the maps and the callback is used, by type.
struct MetricsRegistry::Family {
  std::string help;
  std::string type;
  std::map<std::string, std::unique_ptr<Counter>> counters;  // by label text
  std::map<std::string, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, std::unique_ptr<Histogram>> histograms;
  std::function<double()> callback;

  // The series of these labels, or the shared one when the family is full.
  template <typename T, typename Make>
  static T& Series(std::map<std::string, std::unique_ptr<T>>& series, const MetricLabels& labels,
                   Make make) {
    std::string key = LabelText(labels);
    auto found = series.find(key);
    if (found == series.end() && series.size() >= kSeriesPerFamilyMax) {
      MetricLabels other = labels;
      for (auto& label : other) label.second = "other";
      key = LabelText(other);
      found = series.find(key);
    }
    if (found == series.end()) found = series.emplace(std::move(key), make()).first;
    return *found->second;
  }
};

MetricsRegistry::MetricsRegistry() = default;
MetricsRegistry::~MetricsRegistry() = default;

MetricsRegistry::Family& MetricsRegistry::GetFamily(std::string_view name, std::string_view help,
                                                    std::string_view type) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto family = std::make_unique<Family>();
    family->help = help;
    family->type = type;
    found = families_.emplace(std::string(name), std::move(family)).first;
  }
  CHECK(found->second->type == type);  // one name, one kind of metric
  return *found->second;
}

Counter& MetricsRegistry::GetCounter(std::string_view name, std::string_view help,
                                     const MetricLabels& labels) {
  std::lock_guard lock(mu_);
  return Family::Series(GetFamily(name, help, "counter").counters, labels,
                        [] { return std::make_unique<Counter>(); });
}

Gauge& MetricsRegistry::GetGauge(std::string_view name, std::string_view help,
                                 const MetricLabels& labels) {
  std::lock_guard lock(mu_);
  return Family::Series(GetFamily(name, help, "gauge").gauges, labels,
                        [] { return std::make_unique<Gauge>(); });
}

Histogram& MetricsRegistry::GetHistogram(std::string_view name, std::string_view help,
                                         std::vector<double> bounds, const MetricLabels& labels) {
  std::lock_guard lock(mu_);
  return Family::Series(GetFamily(name, help, "histogram").histograms, labels,
                        [&] { return std::make_unique<Histogram>(std::move(bounds)); });
}

void MetricsRegistry::AddGaugeCallback(std::string_view name, std::string_view help,
                                       std::function<double()> value) {
  std::lock_guard lock(mu_);
  GetFamily(name, help, "gauge").callback = std::move(value);
}

void MetricsRegistry::AddCounterCallback(std::string_view name, std::string_view help,
                                         std::function<double()> value) {
  std::lock_guard lock(mu_);
  GetFamily(name, help, "counter").callback = std::move(value);
}

std::string MetricsRegistry::Render() const {
  // Callbacks run without the lock: they may take locks of their own, or ask for a metric. Each one's line waits
  // for its place in the page.
  std::map<std::string, std::function<double()>> callbacks;
  {
    std::lock_guard lock(mu_);
    for (const auto& [name, family] : families_) {
      if (family->callback) callbacks.emplace(name, family->callback);
    }
  }
  std::map<std::string, std::string> values;
  for (const auto& [name, callback] : callbacks) values[name] = NumberText(callback());

  std::string out;
  std::lock_guard lock(mu_);
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " ";
    AppendEscaped(out, family->help, false);
    out += "\n# TYPE " + name + " " + family->type + "\n";
    for (const auto& [labels, counter] : family->counters) {
      AppendLine(out, name, "", labels, std::to_string(counter->value()));
    }
    for (const auto& [labels, gauge] : family->gauges) {
      AppendLine(out, name, "", labels, std::to_string(gauge->value()));
    }
    for (const auto& [labels, histogram] : family->histograms) {
      AppendHistogram(out, name, labels, *histogram);
    }
    if (const auto value = values.find(name); value != values.end()) {
      AppendLine(out, name, "", "", value->second);
    }
  }
  return out;
}

std::vector<double> LatencyBounds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

}  // namespace brazier
