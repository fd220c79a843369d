// Metrics in the Prometheus text format.
//
// A Registry owns all families; roles declare theirs once, in <role>_metrics.h, and keep references. Updating is
// lock-free for counters and gauges and one short lock for histograms. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace brazier {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Cumulative buckets with fixed upper bounds; an implicit +Inf bucket is last.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void Observe(double value);
  struct Snapshot {
    std::vector<uint64_t> counts;  // per bucket, not cumulative
    double sum = 0;
    uint64_t count = 0;
  };
  Snapshot Take() const;
  const std::vector<double>& bounds() const { return bounds_; }

 private:
  std::vector<double> bounds_;
  mutable std::mutex mu_;
  Snapshot state_;  // guarded by mu_
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  // Returns the metric of this name and these labels, created on first use. The name ends in its unit
  // (_total, _bytes, _seconds). A family holds at most kSeriesPerFamilyMax label sets; beyond it, further ones share
  // one series whose label values are "other", so that a client cannot grow memory. References live as long as the registry.
  Counter& GetCounter(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Histogram& GetHistogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                          const MetricLabels& labels = {});
  // A gauge whose value is asked for at each scrape, on the scraping thread. What `value` uses must outlive the last
  // Render. Adding the same name again replaces the function.
  void AddGaugeCallback(std::string_view name, std::string_view help, std::function<double()> value);
  // The same for a value that only grows.
  void AddCounterCallback(std::string_view name, std::string_view help,
                          std::function<double()> value);
  // The page that Prometheus scrapes: families sorted by name, series by label values.
  std::string Render() const;

  static constexpr size_t kSeriesPerFamilyMax = 10'000;

 private:
  struct Family;
  Family& GetFamily(std::string_view name, std::string_view help, std::string_view type);
  mutable std::mutex mu_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;  // guarded by mu_
};

// 1 ms to 60 s, for request durations in seconds.
std::vector<double> LatencyBounds();

// Memory, CPU time, open files, threads and start time of this process, under the names that dashboards expect.
void AddProcessMetrics(MetricsRegistry& registry);

}  // namespace brazier
