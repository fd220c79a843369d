# brazier_thrift(NAME target FILES name...): generates C++ from idl/<name>.thrift into the build directory and compiles
# it into a static library. Its headers are included as "idl/<Service>.h" and "idl/<name>_types.h".
#
# The generated code is a target of its own so that our warnings stop at it; only common/rpc may link it.
find_program(THRIFT_COMPILER thrift REQUIRED)
find_library(THRIFT_LIBRARY thrift REQUIRED)

function(brazier_thrift)
  cmake_parse_arguments(ARG "" "NAME" "FILES" ${ARGN})
  set(include_dir ${CMAKE_BINARY_DIR}/generated)
  set(out ${include_dir}/idl)
  file(MAKE_DIRECTORY ${out})

  set(all_idl "")
  foreach(file ${ARG_FILES})
    list(APPEND all_idl ${CMAKE_SOURCE_DIR}/idl/${file}.thrift)
  endforeach()

  set(sources "")
  foreach(file ${ARG_FILES})
    set(idl ${CMAKE_SOURCE_DIR}/idl/${file}.thrift)
    set(generated ${out}/${file}_types.h ${out}/${file}_types.cpp)
    file(STRINGS ${idl} service_lines REGEX "^service ")
    foreach(line ${service_lines})
      string(REGEX REPLACE "^service ([A-Za-z]+).*" "\\1" service "${line}")
      list(APPEND generated ${out}/${service}.h ${out}/${service}.cpp)
    endforeach()
    # A service or type that moves to another file must regenerate too: configure again when a file changes.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${idl})
    add_custom_command(
      OUTPUT ${generated}
      COMMAND ${THRIFT_COMPILER} -strict -I ${CMAKE_SOURCE_DIR}/idl
              --gen cpp:no_skeleton,moveable_types,pure_enums=enum_class -out ${out} ${idl}
      DEPENDS ${all_idl}
      COMMENT "Generating C++ from idl/${file}.thrift")
    list(APPEND sources ${generated})
  endforeach()

  add_library(${ARG_NAME} STATIC ${sources})
  target_compile_options(${ARG_NAME} PRIVATE -w)
  target_include_directories(${ARG_NAME} SYSTEM PUBLIC ${include_dir})
  target_link_libraries(${ARG_NAME} PUBLIC ${THRIFT_LIBRARY} Threads::Threads)
endfunction()
