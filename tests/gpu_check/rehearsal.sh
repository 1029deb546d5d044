#!/usr/bin/env bash
# scripts/gpu-check with the CPU in place of the GPUs: that it passes what is right, and finds programs that fail, hang,
# compute something else, leave their budget open, or are not there. Wanted from the environment: BIN, SOURCE.
set -uo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  printf 'FAILED: %s\n' "$*"
  sed 's/^/    | /' "$work/out"
  failures=$((failures + 1))
}

# check CODE ARGUMENTS...: what gpu-check prints is in $work/out.
check() {
  local want="$1" got=0
  shift
  "$SOURCE/scripts/gpu-check" "$@" >"$work/out" 2>&1 || got=$?
  ((got == want)) || fail "exit code $got, not $want: gpu-check $*"
}
# With time enough for a machine that has other work.
rehearse() { check "$1" --device cpu --bin "$work/bin" --jobs 2 --seconds 900 "${@:2}"; }
has() { grep -qE -- "$1" "$work/out" || fail "no line like: $1"; }

mkdir "$work/bin"
for program in train_seq train_ddp train_mp commbench analyze; do ln -s "$BIN/$program" "$work/bin/$program"; done
# program NAME: its text, from the standard input, stands in for a program of ours until it is right again.
program() {
  rm "$work/bin/$1"
  cat >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
right_again() { ln -sf "$BIN/$1" "$work/bin/$1"; }

# ended: within seconds, for mpirun takes a moment, the program that would sleep for ever is gone.
ended() {
  for _ in {1..150}; do
    pgrep -f '^sleep 4321.5' >/dev/null || return 0
    sleep 0.1
  done
  return 1
}

# Every case is listed, and has a function.
check 0 --list
while read -r name _; do
  grep -q "^case_$name()" "$SOURCE"/scripts/gpu_check/*.sh || fail "no function for case $name"
done <"$work/out"
[[ "$(grep -c . "$work/out")" == "$(grep -ch '^case_.*() ' "$SOURCE"/scripts/gpu_check/*.sh | awk '{ n += $1 } END { print n }')" ]] || fail "a function without a case"

# Wrong usage.
check 2 --ful
has "unknown option '--ful'"
check 2 --only sequential
has "unknown case 'sequential'"
check 2 --limit soon
has "--limit needs a whole number, not 'soon'"
check 2 --bin "$work"
has "no program train_seq in '$work'"
check 2 --only card --device cpu --bin "$work/bin" --keep "$work"
has "is not empty"

# No GPU: one line, and no file.
(
  cd "$work" || exit 1
  export CUDA_VISIBLE_DEVICES=""
  check 77 --bin "$work/bin"
  has '^gpu-check: nothing was tried, for there is no GPU'
  [[ "$(wc -l <"$work/out")" == 1 && ! -e gpu-check.md ]] || fail "more than a line"
  exit "$failures"
) || failures=$((failures + 1))

# Programs that do not start are a failure, not a machine without a GPU.
program train_seq <<END
#!/bin/sh
echo "train_seq: --set: unknown key 'training.steps'" >&2
exit 2
END
rehearse 1
has "^gpu-check: the programs fail at the start: train_seq: --set: unknown key 'training.steps'\$"
right_again train_seq

# What is right passes; what cannot be tried says so, and fails nothing.
rehearse 0 --only card,ddp_mpi,ps_mpi,mp_nccl,commbench_mpi --report "$work/report.md" --keep "$work/kept"
has '^PASS +ddp_mpi +transformer x2 +loss within [0-9.e-]+ in 25 steps, gradient norm of the first within'
has '^PASS +ps_mpi +mlp x2 '
has '^PASS +commbench_mpi +x2 +all_reduce of 4194304 bytes: bus bandwidth [0-9.]+ GB/s'
has '^CANNOT +mp_nccl +- +needs 2 GPUs; this machine has none'
has '^6 passed, 0 failed, 1 cannot be tried here, in 0:'
grep -qE '^\| PASS \| ddp_mpi \| mlp x2 \| loss within' "$work/report.md" || fail "no such row in the report"
grep -q '^- programs: train_seq ' "$work/report.md" || fail "the report does not name the programs"
[[ -s "$work/kept/logs/commbench_mpi" ]] || fail "the logs were not kept"
rehearse 77 --only mp_nccl,cuda_graph
has '^CANNOT +cuda_graph +- +a CUDA graph needs a GPU'

# Another seed, hence other losses; the report shows both sides.
program train_mp <<END
#!/bin/sh
exec "$BIN/train_mp" "\$@" --set run.seed=7
END
rehearse 1 --only mp_mpi --report "$work/report.md"
has '^FAIL +mp_mpi +mlp gpipe x2 .*the loss of step [0-9]+ is further off than 0.0001$'
has '^failed: mp_mpi, gpt 1f1b x2: '
grep -qE '^ +24  [0-9.]+ +[0-9.]+ ' "$work/report.md" || fail "the report does not show the losses"

# A program that says what is wrong, and one that does not end, of which nothing stays behind.
program train_mp <<END
#!/bin/sh
echo "train_mp: the card is on fire" >&2
exit 1
END
rehearse 1 --only hybrid_mpi
has '^FAIL +hybrid_mpi +transformer 2 x 2 +exit code 1: train_mp: the card is on fire$'
program train_mp <<END
#!/bin/sh
exec sleep 4321.5
END
rehearse 1 --only hybrid_mpi --limit 20
has '^FAIL +hybrid_mpi +transformer 2 x 2 +did not end within 20 s$'
ended || fail "a program goes on"

# Stopped, it ends what it has started, and starts nothing more.
"$SOURCE/scripts/gpu-check" --device cpu --bin "$work/bin" --only mp_mpi,hybrid_mpi --jobs 2 >"$work/out" 2>&1 &
for _ in {1..300}; do
  (($(pgrep -fc '^sleep 4321.5') < 2)) || break
  sleep 0.1
done
kill -TERM $!
wait $!
(($? == 1)) || fail "stopped, it does not end with 1"
has '^gpu-check: stopped$'
ended || fail "a program goes on after it was stopped"
right_again train_mp

# A loss that is no number, a budget that is open, and a collective that is wrong.
program analyze <<END
#!/bin/sh
"$BIN/analyze" "\$@" | awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; ++i) c[\$i] = i }
  NR > 1 { \$c["other"] = 0.05 * \$c["wall"] } NR == 9 { \$c["loss"] = "nan" } { print }'
END
rehearse 1 --only ps_mpi
has '^FAIL +ps_mpi +mlp x2 +no number in step [0-9]+$'
rehearse 1 --only recorder,budget --keep "$work/open"
has '^FAIL +budget +train_seq mlp +other is 5.00 % of a step, at most 2 % is allowed$'
has '^PASS +recorder +train_seq mlp +[0-9.]+ % of [0-9.]+ ms$'
right_again analyze
program commbench <<END
#!/bin/sh
echo "commbench: 3 wrong"
exit 4
END
rehearse 1 --only commbench_mpi
has '^FAIL +commbench_mpi +x2 +exit code 4: commbench: 3 wrong$'

((failures == 0)) && echo passed
exit $((failures > 0))
