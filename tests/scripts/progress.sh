#!/usr/bin/env bash
# scripts/progress on what ninja 1.11 printed: the lines that are kept, and the time left.
# shellcheck source=tests/scripts/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"

cat >"$work/ninja" <<'END'
[0/8 0.000] Re-running CMake...
-- Configuring done
[1/8 10.500] Building CXX object lib/models/CMakeFiles/lockstep_models.dir/a.cpp.o
[2/8 40.200] Building CXX object lib/models/CMakeFiles/lockstep_models.dir/b.cpp.o
lib/models/b.cpp:3:1: warning: unused variable 'x' [-Wunused-variable]
[3/8 41.000] Linking CXX static library lib/models/liblockstep_models.a
[4/8 3700.999] Building CXX object apps/CMakeFiles/train_seq.dir/train_seq.cpp.o
FAILED: apps/CMakeFiles/train_seq.dir/train_seq.cpp.o
[50%] is no status of ours
error: no such type
ninja: build stopped: subcommand failed.
END
printf 'no newline at the end' >>"$work/ninja"

output="$("$SOURCE/scripts/progress" <"$work/ninja")"
expected="-- Configuring done
   built 2 of 8, 0:40 passed, about 2:00 left: b.cpp.o
lib/models/b.cpp:3:1: warning: unused variable 'x' [-Wunused-variable]
   built 4 of 8, 1:01:40 passed, about 1:01:40 left: train_seq.cpp.o
FAILED: apps/CMakeFiles/train_seq.dir/train_seq.cpp.o
[50%] is no status of ours
error: no such type
ninja: build stopped: subcommand failed.
no newline at the end"
[[ "$output" == "$expected" ]] || fail "not what was expected"

# The last step is told although half a minute has not passed.
output="$(printf '[%d/3 %d.5] step\n' 1 1 2 2 3 3 | "$SOURCE/scripts/progress")"
[[ "$output" == "   built 3 of 3, 0:03 passed: step" ]] || fail "the last step is not told, or more than it"

# On a terminal one line is written over itself, and is gone before anything else is printed.
output="$(script -qec "$SOURCE/scripts/progress <$work/ninja" /dev/null | tr -d '\r')"
erase=$'\e[K'
grep -qF "$erase   built 1 of 8, 0:10 passed, about 1:10 left: a.cpp.o$erase" <<<"$output" || fail "not one line over itself"
grep -qxF "${erase}   built 1 of 8, 0:10 passed, about 1:10 left: a.cpp.o${erase}   built 2 of 8, 0:40 passed, about 2:00 left: b.cpp.o${erase}lib/models/b.cpp:3:1: warning: unused variable 'x' [-Wunused-variable]" \
  <<<"$output" || fail "the warning does not stand on a line of its own"

# A build that fails fails behind the filter too.
# shellcheck disable=SC2016
bash -c 'source "$SOURCE/scripts/common.sh"; set -o pipefail; cmake() { echo "[1/2 0.1] x"; return 3; }; build cpu' >/dev/null
(($? == 3)) || fail "the failure of a build is lost"
exit $((failures > 0))
