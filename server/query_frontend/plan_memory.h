// What a plan takes of this process's memory, about: for the bound of plans that wait. Pure.
#pragma once

#include <cstdint>

#include "common/model/query.h"

namespace brazier::query_frontend {

uint64_t PlanMemoryBytes(const PlanNode& node);

}  // namespace brazier::query_frontend
