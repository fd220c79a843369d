// LifeQuestions: asks the index and the blocks as a query-frontend and a query-backend do, and the archive, and compares.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/observe/metrics.h"
#include "store/kv/key_value_store.h"
#include "store/object/object_store.h"
#include "tests/sim/life/life_archive.h"
#include "tests/support/fake_clock.h"
#include "worker/query_backend/query_backend.h"

namespace brazier::simulation {

struct Question {
  std::string tenant;
  std::string service;       // empty: all
  std::string profile_type;
  std::string matcher;       // one more, or empty
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  int64_t step_ns = 0;
};

class LifeQuestions {
 public:
  explicit LifeQuestions(object::ObjectStore& objects);

  // What is wrong with the answer, or nothing. `is_damaged`: some object is; then the query may fail for it, or go without blocks
  // that it names. Adds to `*rollup_rows` what was read in place of profiles.
  std::optional<std::string> Check(const kv::Reader& state, const LifeArchive& archive, const Question& question, bool is_damaged,
                                   uint64_t* rollup_rows);

 private:
  object::ObjectStore& objects_;
  testing::FakeClock clock_;
  MetricsRegistry registry_;
  query_backend::QueryBackend backend_;
};

}  // namespace brazier::simulation
