// What every decoder of ours must survive: all truncations and many bit flips of a good message. A
// truncation must be refused; a flip may decode (to something that is valid), but must not crash or
// hang: sanitizers watch.
#pragma once

#include <functional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "common/base/bytes.h"
#include "common/base/status.h"

namespace brazier::testing {

inline void ExpectSurvivesHostileBytes(const std::string& good, uint64_t seed,
                                       const std::function<Status(Bytes)>& decode) {
  ASSERT_TRUE(decode(AsBytes(good)).ok());
  const size_t step = good.size() / 4000 + 1;
  for (size_t n = 0; n < good.size(); n += step) {
    // An exact-size copy, so that a read past the end is one that sanitizers see.
    const std::string cut(good.data(), n);
    const Status status = decode(AsBytes(cut));
    ASSERT_FALSE(status.ok()) << "truncated to " << n << " of " << good.size();
    ASSERT_FALSE(status.message().empty());
  }
  std::mt19937_64 engine(seed);
  for (int i = 0; i < 4000; ++i) {
    std::string flipped = good;
    for (uint64_t k = 1 + engine() % 3; k > 0; --k) {
      flipped[engine() % flipped.size()] ^= static_cast<char>(1u << (engine() % 8));
    }
    (void)decode(AsBytes(flipped)).ok();
  }
  ASSERT_FALSE(decode(AsBytes(good + "x")).ok()) << "bytes after the end were accepted";
}

}  // namespace brazier::testing
