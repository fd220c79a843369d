#include <gtest/gtest.h>

#include <thread>

#include "common/observe/metrics.h"

namespace brazier {
namespace {

TEST(Metrics, PageIsSortedAndEscaped) {
  MetricsRegistry registry;
  registry.GetGauge("b_bytes", "Line one\nline \\two\".").Set(-5);
  registry.GetCounter("a_total", "A.", {{"tenant", "z"}}).Add(2);
  registry.GetCounter("a_total", "A.", {{"tenant", "quote\" slash\\ line\n"}}).Add();
  EXPECT_EQ(registry.Render(),
            "# HELP a_total A.\n"
            "# TYPE a_total counter\n"
            "a_total{tenant=\"quote\\\" slash\\\\ line\\n\"} 1\n"
            "a_total{tenant=\"z\"} 2\n"
            "# HELP b_bytes Line one\\nline \\\\two\".\n"
            "# TYPE b_bytes gauge\n"
            "b_bytes -5\n");
}

TEST(Metrics, SameNameAndLabelsAreTheSameMetric) {
  MetricsRegistry registry;
  Counter& first = registry.GetCounter("a_total", "A.", {{"code", "ok"}});
  EXPECT_EQ(&first, &registry.GetCounter("a_total", "A.", {{"code", "ok"}}));
  EXPECT_NE(&first, &registry.GetCounter("a_total", "A.", {{"code", "internal"}}));
}

TEST(Metrics, HistogramIsCumulativeAndBoundsAreInclusive) {
  MetricsRegistry registry;
  Histogram& h = registry.GetHistogram("d_seconds", "D.", {0.1, 1}, {{"route", "push"}});
  h.Observe(0.1);
  h.Observe(0.5);
  h.Observe(7);
  EXPECT_EQ(registry.Render(),
            "# HELP d_seconds D.\n"
            "# TYPE d_seconds histogram\n"
            "d_seconds_bucket{route=\"push\",le=\"0.1\"} 1\n"
            "d_seconds_bucket{route=\"push\",le=\"1\"} 2\n"
            "d_seconds_bucket{route=\"push\",le=\"+Inf\"} 3\n"
            "d_seconds_sum{route=\"push\"} 7.6\n"
            "d_seconds_count{route=\"push\"} 3\n");
}

TEST(Metrics, HistogramWithoutLabelsStillHasItsBound) {
  MetricsRegistry registry;
  registry.GetHistogram("d_seconds", "D.", {1}).Observe(2);
  EXPECT_NE(registry.Render().find("d_seconds_bucket{le=\"1\"} 0\n"), std::string::npos);
}

TEST(Metrics, CallbacksAreAskedAtEachScrapeAndMayUseTheRegistry) {
  MetricsRegistry registry;
  double value = 1.5;
  registry.AddGaugeCallback("queue_bytes", "Q.", [&] {
    registry.GetCounter("asked_total", "Asked.").Add();
    return value;
  });
  EXPECT_NE(registry.Render().find("queue_bytes 1.5\n"), std::string::npos);
  value = 3e9;
  const std::string page = registry.Render();
  EXPECT_NE(page.find("queue_bytes 3000000000\n"), std::string::npos);
  EXPECT_NE(page.find("asked_total 2\n"), std::string::npos);
}

TEST(Metrics, AFullFamilySharesOneSeries) {
  MetricsRegistry registry;
  for (size_t i = 0; i < MetricsRegistry::kSeriesPerFamilyMax; ++i) {
    registry.GetCounter("a_total", "A.", {{"tenant", std::to_string(i)}}).Add();
  }
  Counter& late = registry.GetCounter("a_total", "A.", {{"tenant", "late"}});
  EXPECT_EQ(&late, &registry.GetCounter("a_total", "A.", {{"tenant", "later"}}));
  late.Add(7);
  EXPECT_NE(registry.Render().find("a_total{tenant=\"other\"} 7\n"), std::string::npos);
  // Those that were there before keep their own.
  EXPECT_EQ(registry.GetCounter("a_total", "A.", {{"tenant", "5"}}).value(), 1u);
}

TEST(Metrics, ConcurrentUpdatesAreAllCounted) {
  MetricsRegistry registry;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        registry.GetCounter("a_total", "A.").Add();
        registry.GetHistogram("d_seconds", "D.", LatencyBounds()).Observe(0.01);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(registry.GetCounter("a_total", "A.").value(), 8000u);
  EXPECT_EQ(registry.GetHistogram("d_seconds", "D.", LatencyBounds()).Take().count, 8000u);
}

double ValueOf(const std::string& page, const std::string& name) {
  const size_t at = page.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size() + 2));
}

TEST(ProcessMetrics, SayPlausibleThingsOfThisProcess) {
  MetricsRegistry registry;
  AddProcessMetrics(registry);
  const std::string page = registry.Render();
  EXPECT_GT(ValueOf(page, "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(ValueOf(page, "process_open_fds"), 3);
  EXPECT_GE(ValueOf(page, "process_max_fds"), ValueOf(page, "process_open_fds"));
  EXPECT_GE(ValueOf(page, "process_threads"), 1);
  EXPECT_GE(ValueOf(page, "process_cpu_seconds_total"), 0);
  const double start = ValueOf(page, "process_start_time_seconds");
  EXPECT_LE(start, static_cast<double>(time(nullptr)) + 2);
  EXPECT_GT(start, static_cast<double>(time(nullptr)) - 3600);
}

}  // namespace
}  // namespace brazier
