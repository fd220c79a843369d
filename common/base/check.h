// CHECK: states what must be true whatever the outside does. Stays on in release and stops the process.
// Never use it on input bytes, configuration or peers: those get a Status. DCHECK is for checks that cost.
#pragma once

namespace brazier {
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
}  // namespace brazier

#define CHECK(x)                                                    \
  do {                                                              \
    if (!(x)) [[unlikely]] ::brazier::CheckFailed(__FILE__, __LINE__, #x); \
  } while (0)

#ifdef NDEBUG
#define DCHECK(x) \
  do {            \
  } while (0)
#else
#define DCHECK(x) CHECK(x)
#endif
