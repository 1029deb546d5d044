#!/usr/bin/env bash
# scripts/check-docs names what documents and comments say and the tree or the programs have not.
# shellcheck disable=SC2016
# shellcheck source=tests/scripts/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"

# A small tree of its own, with programs that print a help text.
tree="$work/tree" build="$work/build/bin"
mkdir -p "$tree/scripts" "$tree/docs" "$tree/lib" "$build"
cp "$SOURCE/scripts/check-docs" "$SOURCE/scripts/common.sh" "$tree/scripts/"
for program in lockstep-docs train_seq train_ddp train_mp sweep commbench; do
  printf '#!/bin/sh\necho "  --config FILE"\n' >"$build/$program"
done
printf '#!/bin/sh\nprintf "Verbs:\\n  report   the page\\n  bandwidth   the link\\n\\n"\n' >"$build/analyze"
chmod +x "$build"/*

write_tree() {
  printf '# lib/a.cpp has it\nadd_executable(make_runs make_runs.cpp)\n' >"$tree/CMakeLists.txt"
  printf '// See docs/metrics.md.\n' >"$tree/lib/a.cpp"
  printf '| verb | answers |\n|---|---|\n| `report` | the page |\n| `bandwidth` | the link |\n\n' >"$tree/docs/metrics.md"
  printf '### `training`: how\n\n| `epochs` | passes |\n' >"$tree/docs/configuration.md"
  printf 'See lib/a.cpp, `training.epochs`, `training` and `build/x/bin/make_runs`.\n\n    train_seq --config x\n' >"$tree/README.md"
}
check() { output="$(git -C "$tree" add -A && bash "$tree/scripts/check-docs" "$work/build" 2>&1)"; }
# finds FILE TEXT LINE: with TEXT at the end of FILE the check fails and says LINE.
finds() {
  write_tree
  printf '%s\n' "$2" >>"$tree/$1"
  check && fail "passes with '$2' in $1"
  has_line "$3"
}

git init -q "$tree"
write_tree
check || fail "a tree without faults"
finds README.md "See lib/gone.cpp." "README.md: says 'lib/gone.cpp', which does not exist"
finds README.md "See [it](docs/gone.md)." "README.md: says 'docs/gone.md', which does not exist"
finds README.md 'Run `build/cpu/bin/make_run`.' "README.md: says 'bin/make_run', which does not exist"
finds README.md 'Set `training.epoch`.' "README.md: says 'training.epoch', which does not exist"
finds README.md "    train_mp --gone x" "README.md: says 'train_mp --gone', which does not exist"
finds README.md "    train_mp --set training.gone=1" "README.md: says '--set training.gone', which does not exist"
finds CMakeLists.txt "# See lib/version.in." "CMakeLists.txt: says 'lib/version.in', which does not exist"
finds lib/a.cpp "int a;  // docs/gone.md" "lib/a.cpp: says 'docs/gone.md', which does not exist"
write_tree
sed -i '/bandwidth/d' "$tree/docs/metrics.md"
check && fail "passes without a verb of analyze"
has_line "docs/metrics.md: the verb 'bandwidth' of analyze is not in its table of verbs, or no longer a verb"
exit $((failures > 0))
