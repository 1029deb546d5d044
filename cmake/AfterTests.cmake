# Says why tests were skipped, what to do when tests failed, and last their names. Included: makes ctest say so at its end, by the file
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
set(logs "${BUILD}/Testing/Temporary")
set(command "$ENV{LOCKSTEP_AFTER_TESTS}")
if(command STREQUAL "later")
  return()
endif()

# names_in(VARIABLE FILE): of the tests that a log of ctest's lists, if these tests wrote it.
function(names_in variable file)
  set(names "")
  if(EXISTS "${file}" AND "${file}" IS_NEWER_THAN "${begin}")
    file(STRINGS "${file}" names)
    list(TRANSFORM names REPLACE "^[0-9]+:" "")
  endif()
  set(${variable} "${names}" PARENT_SCOPE)
endfunction()

# last_words(VARIABLE TEST): the last line that the test printed, which says why it was skipped.
function(last_words variable test)
  set(reason "no reason given")
  string(FIND "${all_output}" " Test: ${test}\n" at)
  if(NOT at EQUAL -1)
    string(SUBSTRING "${all_output}" ${at} -1 rest)
    string(FIND "${rest}" "<end of output>" length)
    string(SUBSTRING "${rest}" 0 ${length} printed)
    string(STRIP "${printed}" printed)
    string(REGEX MATCH "[^\n]*$" reason "${printed}")
  endif()
  set(${variable} "${reason}" PARENT_SCOPE)
endfunction()

# Tests that were skipped for the same reason stand below it.
names_in(skipped "${logs}/LastTestsDisabled.log")
if(skipped)
  # Within ctest what was printed is still in a file with a name for the time being.
  file(GLOB files "${logs}/LastTest.log*")
  set(newest "")
  foreach(file IN LISTS files)
    if(NOT newest OR "${file}" IS_NEWER_THAN "${newest}")
      set(newest "${file}")
    endif()
  endforeach()
  file(READ "${newest}" all_output)
  set(reasons "")
  foreach(test IN LISTS skipped)
    last_words(reason ${test})
    string(MD5 key "${reason}")
    list(APPEND reasons ${key})
    set(reason_${key} "${reason}")
    string(APPEND tests_${key} " ${test}")
  endforeach()
  list(REMOVE_DUPLICATES reasons)
  list(LENGTH skipped count)
  set(text "\n== Skipped: ${count}")
  foreach(key IN LISTS reasons)
    string(APPEND text "\n   ${reason_${key}}:\n     ${tests_${key}}")
  endforeach()
  execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${text}")
endif()

names_in(failed "${logs}/LastTestsFailed.log")
if(NOT failed)
  return()
endif()
if(NOT command)
  set(command "ctest --test-dir '${BUILD}'")
endif()
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
