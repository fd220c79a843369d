# brazier_unit(LIBS lib...): declares the folder of the calling CMakeLists.txt as a unit.
#
# Every *.cc in the folder becomes the static library brazier_<path with underscores>; every tests/<path>/*_test.cc
# becomes one test program, test_<path with underscores>, that ctest knows by that name.
function(brazier_unit)
  cmake_parse_arguments(ARG "" "" "LIBS;TEST_LIBS" ${ARGN})
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" name ${path})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(brazier_${name} STATIC ${sources})
    target_include_directories(brazier_${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(brazier_${name} PUBLIC ${ARG_LIBS} Threads::Threads)
  else()
    add_library(brazier_${name} INTERFACE)
    target_include_directories(brazier_${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(brazier_${name} INTERFACE ${ARG_LIBS} Threads::Threads)
  endif()

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${path}/*_test.cc)
  if(tests)
    add_executable(test_${name} ${tests})
    target_link_libraries(test_${name} PRIVATE brazier_${name} ${ARG_TEST_LIBS} gtest gtest_main)
    add_test(NAME ${name} COMMAND test_${name})
  endif()
endfunction()
