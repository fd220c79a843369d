# Build types, warnings, sanitizers, and the compiler cache.

set(BRAZIER_SANITIZE "" CACHE STRING "Sanitizers of this build: empty, 'address' (with undefined) or 'thread'")
option(BRAZIER_BENCHMARKS "Build benchmark/" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  # The sloppiness that ccache asks for where headers are precompiled; nothing of ours uses __DATE__ or __TIME__.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)

# x86-64-v2 (2009 and later) has SSE4.2 for CRC-32C and fast scans.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees writes out of bounds in `std::string() + "text"` (GCC bug 105651, mended in 13).
  add_compile_options(-Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()

if(BRAZIER_SANITIZE STREQUAL "address")
  # Not enum: Thrift's generated readers load whatever number a peer sent before our conversions check it.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=enum -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
elseif(BRAZIER_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
endif()
add_compile_definitions(MSGPACK_NO_BOOST)

# Of the tests' own sources (cmake/brazier_unit.cmake). Half of a build is tests, they run for seconds, and what is to be
# optimised and watched for undefined behaviour is the code that they call: UBSan trebles the time of a test's compilation.
set(BRAZIER_TEST_OPTIONS -O0)
if(BRAZIER_SANITIZE STREQUAL "address")
  list(APPEND BRAZIER_TEST_OPTIONS -fno-sanitize=undefined)
endif()
