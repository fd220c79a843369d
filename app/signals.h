// Signals: SIGTERM and SIGINT as values that main waits for, instead of handlers that run anywhere. SIGPIPE is
// ignored: a peer that goes away is an error code of a write.
//
// Block them before any thread starts, so that every thread inherits the mask and only the waiter sees them.
#pragma once

#include <cstdint>

namespace brazier::app {

// REQUIRES: called once, first thing in main.
void BlockShutdownSignals();
// Waits for SIGTERM or SIGINT; returns its number.
int WaitForShutdownSignal();
// From now on the next SIGTERM or SIGINT ends the process at once, with exit code 128 + its number; and so does the end
// of `timeout_ns`, with exit code kExitDrainTimedOut. Starts a thread that lives as long as the process.
void GuardDrain(int64_t timeout_ns);

inline constexpr int kExitDrainTimedOut = 3;

}  // namespace brazier::app
