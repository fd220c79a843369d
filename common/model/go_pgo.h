// Merged stacks in the form that profile-guided optimization of Go wants: short, and without the lines of callees. Pure.
#pragma once

#include <cstdint>

#include "common/model/query.h"

namespace brazier {

// Cuts every stack down to its keep_locations leaf-most locations (0: all). aggregate_callees: where in the called function a
// sample was taken counts no more: the innermost line of the leaf location gets number 0, and its address is dropped, unless
// there are no lines and the address is all that is known. Outer lines stay: they say where an inlined function was called.
//
// Stacks that are equal then become one; values are added up and saturate. The empty stack stays as it is. Symbols that no
// stack refers to any more stay in the table. Time and memory: the sum of the lengths of what is left of the stacks, at most.
// REQUIRES: profile->symbols is valid, profile->stacks are nodes of it.
void ApplyGoPgo(StackProfile* profile, uint32_t keep_locations, bool aggregate_callees);

}  // namespace brazier
