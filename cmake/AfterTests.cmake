# Says what to do when tests failed, and last their names. Included: makes ctest say so at its end, by the file
# CTestCustom.cmake that it reads beside the tests. Run by ctest: cmake -DBUILD=... [-DBEGIN=ON] -P AfterTests.cmake,
# with BEGIN before the tests, to tell old failures from new ones. ./run-tests, which has lines of its own after
# ctest's, silences that by LOCKSTEP_AFTER_TESTS=later in the environment, and runs it with the name of its command there.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(_script "-P \"${CMAKE_CURRENT_LIST_FILE}\"")
  set(_cmake "\"${CMAKE_COMMAND}\" \"-DBUILD=${CMAKE_BINARY_DIR}\"")
  file(WRITE ${CMAKE_BINARY_DIR}/CTestCustom.cmake
    "set(CTEST_CUSTOM_PRE_TEST [[${_cmake} -DBEGIN=ON ${_script}]])\nset(CTEST_CUSTOM_POST_TEST [[${_cmake} ${_script}]])\n")
  return()
endif()

set(begin "${BUILD}/Testing/begin")
if(BEGIN)
  file(MAKE_DIRECTORY "${BUILD}/Testing")
  file(TOUCH "${begin}")
  return()
endif()
set(log "${BUILD}/Testing/Temporary/LastTestsFailed.log")
set(command "$ENV{LOCKSTEP_AFTER_TESTS}")
if(command STREQUAL "later" OR NOT EXISTS "${log}" OR NOT "${log}" IS_NEWER_THAN "${begin}")
  return()
endif()
if(NOT command)
  set(command "ctest --test-dir '${BUILD}'")
endif()
file(STRINGS "${log}" failed)
list(TRANSFORM failed REPLACE "^[0-9]+:" "")
list(LENGTH failed count)
list(GET failed 0 first)
list(JOIN failed "\n   " names)
set(text "
== What to do about failed tests
   one of them again:   ${command} -R '^${first}$'
   all of them again:   ${command} --rerun-failed
   what they printed:   ${BUILD}/Testing/Temporary/LastTest.log
   to report them:      \"When a test fails\" in CONTRIBUTING.md

== Failed: ${count}
   ${names}")
execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${text}")
