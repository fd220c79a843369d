#include "common/base/random.h"

#include <sys/random.h>

#include "common/base/check.h"

namespace brazier {
namespace {

class RealRandom final : public Random {
 public:
  uint64_t Next() override {
    uint64_t value = 0;
    CHECK(getrandom(&value, sizeof(value), 0) == sizeof(value));
    return value;
  }
};

}  // namespace

Random& SystemRandom() {
  static RealRandom random;
  return random;
}

}  // namespace brazier
