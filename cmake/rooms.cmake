# kubase_room(NAME SOURCES a.cc ... DEPENDS kubase_base ...): the static library of one room.
# kubase_room_tests(NAME SOURCES a_test.cc ...): its unit tests, one executable NAME_tests in ctest.
# kubase_test_on_servers(NAME COMMAND...): tests NAME-ENGINE, each with a database server of its own
#   (tests/databases).
if(BUILD_TESTING)
  find_path(CATCH2_INCLUDE catch2/catch.hpp REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()

function(kubase_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(kubase_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(kubase_${name} PRIVATE kubase_flags PUBLIC ${ROOM_DEPENDS} Threads::Threads)
endfunction()

function(kubase_room_tests name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_tests ${ROOM_SOURCES})
  target_link_libraries(${name}_tests PRIVATE kubase_flags kubase_${name} kubase_test_main
                                              ${ROOM_DEPENDS})
  add_test(NAME ${name} COMMAND ${name}_tests)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900 LABELS unit)
endfunction()

function(kubase_test_on_servers name)
  foreach(engine postgres mariadb)
    add_test(NAME ${name}-${engine} COMMAND ${Python3_EXECUTABLE} -B
             ${CMAKE_SOURCE_DIR}/tests/databases/${engine}.py -- ${ARGN})
    set_tests_properties(${name}-${engine} PROPERTIES TIMEOUT 900 LABELS integration)
  endforeach()
endfunction()
