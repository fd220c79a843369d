# brazier_unit([SINGLE_THREADED] [TESTS_ARE_LONG] LIBS lib...): declares the folder of the calling CMakeLists.txt as a unit.
#
# Every *.cc in the folder becomes the static library brazier_<path with underscores>; every tests/<path>/*_test.cc
# becomes one test program, test_<path with underscores>, that ctest knows by that name without the prefix.
function(brazier_unit)
  cmake_parse_arguments(ARG "SINGLE_THREADED;TESTS_ARE_LONG" "" "LIBS;TEST_LIBS" ${ARGN})
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" name ${path})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(brazier_${name} STATIC ${sources})
    target_include_directories(brazier_${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(brazier_${name} PUBLIC ${ARG_LIBS} Threads::Threads)
    target_precompile_headers(brazier_${name} REUSE_FROM brazier_headers)
  else()
    add_library(brazier_${name} INTERFACE)
    target_include_directories(brazier_${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(brazier_${name} INTERFACE ${ARG_LIBS} Threads::Threads)
  endif()

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${path}/*_test.cc)
  if(tests)
    if(ARG_SINGLE_THREADED)
      set(single_threaded SINGLE_THREADED)
    endif()
    brazier_test(NAME ${name} ${single_threaded} SOURCES ${tests} LIBS brazier_${name} ${ARG_TEST_LIBS})
    if(ARG_TESTS_ARE_LONG AND TARGET test_${name})
      # What they compute takes longer than its optimisation. Precompiled headers go with equal options only.
      target_compile_options(test_${name} PRIVATE -O1)
      set_target_properties(test_${name} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
    endif()
  endif()
endfunction()

# brazier_test(NAME name [SINGLE_THREADED] SOURCES file... LIBS lib...): a GoogleTest program, test_<name>, that ctest
# knows as <name>. SINGLE_THREADED promises that neither it nor its unit starts a thread (tools/check_style.py looks):
# there is nothing for ThreadSanitizer to find in it, and its build leaves it out.
function(brazier_test)
  cmake_parse_arguments(ARG "SINGLE_THREADED" "NAME" "SOURCES;LIBS" ${ARGN})
  if(ARG_SINGLE_THREADED AND BRAZIER_SANITIZE STREQUAL "thread")
    return()
  endif()
  add_executable(test_${ARG_NAME} ${ARG_SOURCES})
  target_compile_options(test_${ARG_NAME} PRIVATE ${BRAZIER_TEST_OPTIONS})
  target_precompile_headers(test_${ARG_NAME} REUSE_FROM brazier_test_headers)
  target_link_libraries(test_${ARG_NAME} PRIVATE ${ARG_LIBS} gtest gtest_main)
  add_test(NAME ${ARG_NAME} COMMAND test_${ARG_NAME})
endfunction()

# What nearly every file includes, compiled once for the libraries and once for the tests. Sources still name all that
# they use: a file must also compile without this.
set(brazier_common_headers
  <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <cstdio> <cstring> <deque> <functional> <map> <memory>
  <mutex> <optional> <set> <span> <string> <string_view> <thread> <tuple> <unordered_map> <utility> <variant> <vector>)
add_library(brazier_headers OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cc)
target_precompile_headers(brazier_headers PRIVATE ${brazier_common_headers})
add_library(brazier_test_headers OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cc)
target_precompile_headers(brazier_test_headers PRIVATE ${brazier_common_headers} <gtest/gtest.h>)
target_compile_options(brazier_test_headers PRIVATE ${BRAZIER_TEST_OPTIONS})
