# Included before project(), whose own words for a missing compiler or ninja take several lines and name no package.
# lockstep_need_tool(VARIABLE PACKAGE NAMES...): VARIABLE is where CMake or the user says which one is used.
function(lockstep_need_tool variable package)
  if(NOT ${variable})
    find_program(found NAMES ${ARGN} NO_CACHE)
    if(NOT found)
      list(GET ARGN 0 name)
      message(FATAL_ERROR " Not found: ${name} (Debian package ${package}); scripts/bootstrap installs it, and -D${variable}=PATH names another")
    endif()
  endif()
endfunction()

if(CMAKE_GENERATOR STREQUAL "Ninja")
  lockstep_need_tool(CMAKE_MAKE_PROGRAM ninja-build ninja ninja-build samu)
endif()
if(NOT DEFINED ENV{CXX})
  lockstep_need_tool(CMAKE_CXX_COMPILER g++ c++ g++ clang++ icpx)
endif()
