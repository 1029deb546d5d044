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
END
build="$tree/build"
cmake -S "$tree" -B "$build" >/dev/null || exit 1

output="$(ctest --test-dir "$build" 2>/dev/null)"
[[ "$(tail -n 3 <<<"$output")" == $'== Failed: 2\n   bad\n   worse' ]] || fail "the names are not last"
has_line "   one of them again:   ctest --test-dir '$build' -R '^bad\$'"
has_line "   what they printed:   $build/Testing/Temporary/LastTest.log"
[[ -f "$build/Testing/Temporary/LastTest.log" ]] || fail "that file is not there"

# The failures of an earlier call are not told again.
sleep 0.1
output="$(ctest --test-dir "$build" -R good 2>&1)"
lacks "Failed: 2"
lacks "What to do"

# As ./run-tests does it: silent within ctest, then by its own name.
output="$(LOCKSTEP_AFTER_TESTS=later ctest --test-dir "$build" --rerun-failed 2>&1)"
lacks "What to do"
grep -q 'tests failed out of 2' <<<"$output" || fail "--rerun-failed did not run the two"
output="$(LOCKSTEP_AFTER_TESTS="./run-tests --cpu" cmake -DBUILD="$build" -P "$SOURCE/cmake/AfterTests.cmake")"
has_line "   all of them again:   ./run-tests --cpu --rerun-failed"
exit $((failures > 0))
