#include "common/base/clock.h"

#include <chrono>

namespace brazier {
namespace {

class RealClock final : public Clock {
 public:
  int64_t NowNs() const override {
    using std::chrono::system_clock;
    return std::chrono::nanoseconds(system_clock::now().time_since_epoch()).count();
  }
  int64_t MonotonicNs() const override {
    using std::chrono::steady_clock;
    return std::chrono::nanoseconds(steady_clock::now().time_since_epoch()).count();
  }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace brazier
