#!/usr/bin/env bash
# What ctest says at its end in a project that includes cmake/AfterTests.cmake.
# shellcheck source=tests/scripts/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
unset LOCKSTEP_AFTER_TESTS # ./run-tests sets it for the ctest that runs this
tree="$work/a tree"
mkdir "$tree"
cat >"$tree/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(tiny NONE)
enable_testing()
include("$SOURCE/cmake/AfterTests.cmake")
add_test(NAME good COMMAND \${CMAKE_COMMAND} -E true)
add_test(NAME bad COMMAND \${CMAKE_COMMAND} -E false)
add_test(NAME worse COMMAND \${CMAKE_COMMAND} -E false)
foreach(name card cards)
  add_test(NAME \${name} COMMAND sh -c "echo first; echo 'no card; [none] here'; exit 77")
endforeach()
add_test(NAME idle COMMAND sh -c "echo too busy; exit 77")
set_tests_properties(card cards idle PROPERTIES SKIP_RETURN_CODE 77)
END
build="$tree/build"
cmake -S "$tree" -B "$build" >/dev/null || exit 1

output="$(ctest --test-dir "$build" 2>/dev/null)"
[[ "$(tail -n 3 <<<"$output")" == $'== Failed: 2\n   bad\n   worse' ]] || fail "the names are not last"
has_line "   one of them again:   ctest --test-dir '$build' -R '^bad\$'"
has_line "   what they printed:   $build/Testing/Temporary/LastTest.log"
# What was skipped stands by its reason.
grep -qxF "== Skipped: 3" <<<"$output" || fail "three were skipped"
[[ "$(grep -A1 -xF "   no card; [none] here:" <<<"$output" | tail -n 1)" == "      card cards" ]] || fail "those without a card"
[[ "$(grep -A1 -xF "   too busy:" <<<"$output" | tail -n 1)" == "      idle" ]] || fail "the one of the busy machine"
[[ -f "$build/Testing/Temporary/LastTest.log" ]] || fail "that file is not there"

# The failures of an earlier call are not told again.
sleep 0.1
output="$(ctest --test-dir "$build" -R good 2>&1)"
lacks "Failed: 2"
lacks "Skipped: 3"
lacks "What to do"

# As ./run-tests does it: silent within ctest, then by its own name.
output="$(LOCKSTEP_AFTER_TESTS=later ctest --test-dir "$build" --rerun-failed 2>&1)"
lacks "What to do"
grep -q 'tests failed out of 2' <<<"$output" || fail "--rerun-failed did not run the two"
output="$(LOCKSTEP_AFTER_TESTS="./run-tests --cpu" cmake -DBUILD="$build" -P "$SOURCE/cmake/AfterTests.cmake")"
has_line "   all of them again:   ./run-tests --cpu --rerun-failed"
exit $((failures > 0))
