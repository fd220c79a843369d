#include "tools/brazierctl/progress_line.h"

#include <algorithm>

#include "common/config/quantity.h"
#include "tools/brazierctl/print_report.h"

namespace brazier::ctl {

std::string ProgressText(const metastore::WalkProgress& progress, int64_t elapsed_ns) {
  std::string text = std::to_string(progress.objects_done) + " of " +
                     std::to_string(progress.objects_found) + " objects, " +
                     ValueText(static_cast<double>(progress.bytes_done), "bytes") + " of " +
                     ValueText(static_cast<double>(progress.bytes_found), "bytes");
  if (progress.objects_done == 0 || elapsed_ns <= 0) return text;
  const double seconds = static_cast<double>(elapsed_ns) * 1e-9;
  const double rate = static_cast<double>(progress.objects_done) / seconds;
  const double left = static_cast<double>(progress.objects_found - progress.objects_done) / rate;
  text += ", " + std::to_string(static_cast<uint64_t>(rate)) + "/s";
  // More than a century is no estimate.
  if (left > 3e9) return text;
  const int64_t left_s = std::max<int64_t>(1, static_cast<int64_t>(left + 0.5));
  return text + ", " + config::FormatDuration(left_s * kNsPerSecond) + " left";
}

ProgressLine::ProgressLine(std::ostream& out, bool is_terminal, const Clock& clock)
    : out_(out),
      is_terminal_(is_terminal),
      clock_(clock),
      start_ns_(clock.MonotonicNs()),
      written_ns_(start_ns_) {}

void ProgressLine::Update(const metastore::WalkProgress& progress) {
  if (IsDue()) Write(ProgressText(progress, clock_.MonotonicNs() - start_ns_));
}

void ProgressLine::Update(const std::string& text) {
  if (IsDue()) Write(text);
}

bool ProgressLine::IsDue() const {
  return clock_.MonotonicNs() - written_ns_ >=
         (is_terminal_ ? kTerminalIntervalNs : kPlainIntervalNs);
}

void ProgressLine::Write(std::string text) {
  written_ns_ = clock_.MonotonicNs();
  if (!is_terminal_) {
    out_ << text << "\n" << std::flush;
    return;
  }
  const size_t width = text.size();
  text.append(width_ > width ? width_ - width : 0, ' ');
  width_ = width;
  out_ << "\r" << text << std::flush;
}

void ProgressLine::Finish() {
  if (width_ > 0) out_ << "\r" << std::string(width_, ' ') << "\r" << std::flush;
  width_ = 0;
}

}  // namespace brazier::ctl
