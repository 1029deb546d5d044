#!/usr/bin/env bash
# sweep: killed twice and gone on, failures recorded and passed over, time limits, signals, wrong files.
# shellcheck source=tests/cli/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
cd "$work" || exit 1

cat > base.yaml <<'Y'
model: {name: mlp}
data: {name: synthetic_images, samples: 600, test_samples: 100, shape: [1, 8, 8], classes: 4}
training: {epochs: 2, global_batch: 24}
parallel: {device: cpu, threads: 1}
Y
cat > sweep.yaml <<'Y'
config: base.yaml
axes:
  mode: [seq, ddp, mp]
  ranks: [2]
  training.optimizer.lr: [1.0e-3, 1.0e-2]
repeats: 2
Y
runs_in() { find "$1/runs" -name run.h5 | wc -l; }

# A dry run starts nothing.
run 0 "$BIN/sweep" sweep.yaml --output out --dry-run
grep -qF "12 runs of 6 points, 12 to be made" "$work/out" || fail "the plan does not say 12 runs"
[ ! -e out/runs ] || fail "a dry run made a folder"
rm -f "$work/out"

# Those that come with the program can be planned, from the folder in which their configurations are named.
for shipped in "$SOURCE"/configs/sweeps/*.yaml; do
  (cd "$SOURCE" && run 0 "$BIN/sweep" "$shipped" --output "$work/shipped" --dry-run)
  grep -qE '^[0-9]+ runs of [0-9]+ points' "$work/out" || fail "$shipped has no plan"
done

# Killed twice, completed by the third call: every launch once.
for seconds in 3 4; do
  "$BIN/sweep" sweep.yaml --output swept > /dev/null 2>&1 &
  sleep $seconds
  kill -KILL $!
  wait $! 2> /dev/null
done
run 0 "$BIN/sweep" sweep.yaml --output swept
[ "$(runs_in swept)" -eq 12 ] || fail "$(runs_in swept) runs, not 12"
[ -s swept/runs/report/index.html ] || fail "no report"
# Called again it makes none.
before=$(find swept/runs -name run.h5 -printf '%T@ %p\n' | sort)
run 0 "$BIN/sweep" sweep.yaml --output swept
[ "$before" = "$(find swept/runs -name run.h5 -printf '%T@ %p\n' | sort)" ] || fail "runs were made again"

# What fails is recorded and passed over; --retry-failed makes it again.
cat > fails.yaml <<'Y'
config: base.yaml
axes: {mode: [ddp], ranks: [2], training.global_batch: [25, 24]}
repeats: 1
Y
run 1 "$BIN/sweep" fails.yaml --output failing
grep -qF "FAILED: exit code 2: train_ddp: --set: 'training.global_batch' is 25" "$work/out" || fail "the failure is not named"
[ "$(runs_in failing)" -eq 1 ] || fail "the other point was not run"
run 1 "$BIN/sweep" fails.yaml --output failing
grep -q '^\[' "$work/out" && fail "a failed run was made again"
run 1 "$BIN/sweep" fails.yaml --output failing --retry-failed
grep -q '^\[2/2\]' "$work/out" || fail "--retry-failed made nothing"

# Wrong input fails once, however many launches there are to be, now and when it is called again; what fails while it runs
# may do better next time.
sed 's/repeats: 1/repeats: 3/' fails.yaml > thrice.yaml
for call in 1 2; do
  run 1 "$BIN/sweep" thrice.yaml --output thrice
  grep -qF "4 runs, 1 failed" "$work/out" || fail "call $call: not 4 runs, 1 failed"
  grep -qF "launches skipped because the input is wrong: 2" "$work/out" || fail "call $call: not passed over"
  [ "$(find thrice/runs -name failed.txt | wc -l)" -eq 1 ] || fail "call $call: $(find thrice/runs -name failed.txt | wc -l) failures recorded"
done
grep -q '^\[' "$work/out" && fail "wrong input was tried again"
run 1 "$BIN/sweep" thrice.yaml --output thrice --retry-failed
[ "$(grep -c '^\[' "$work/out")" -eq 1 ] || fail "--retry-failed did not try wrong input once"
cat > diverges.yaml <<'Y'
config: base.yaml
set: {training.optimizer.name: sgd, training.optimizer.lr: 1.0e+6}
axes: {mode: [seq]}
repeats: 2
Y
run 1 "$BIN/sweep" diverges.yaml --output diverging
grep -qF "2 runs, 2 failed" "$work/out" || fail "a run that fails while it runs was not launched again"

# A time limit, and a signal.
cat > long.yaml <<'Y'
config: base.yaml
set: {training.epochs: 100000}
axes: {mode: [ddp], ranks: [2]}
repeats: 1
time_limit_s: 3
Y
run 1 "$BIN/sweep" long.yaml --output limited
grep -qF "ended at the time limit of 3 s" "$work/out" || fail "the time limit is not named"
sed -i /time_limit/d long.yaml
"$BIN/sweep" long.yaml --output stopped > stopped.txt 2>&1 &
sleep 3
kill -TERM $!
wait $!
[ $? -eq 1 ] || fail "an interrupted sweep did not end with 1"
grep -qF "interrupted; call sweep again with --output stopped to continue" stopped.txt || fail "the way on is not named"
pgrep -f -- "--output stopped/runs" > /dev/null && fail "a run outlived the sweep"

# A second sweep in the same folder waits, and is refused.
"$BIN/sweep" long.yaml --output held > /dev/null 2>&1 &
sleep 1
run 2 "$BIN/sweep" long.yaml --output held
said "another sweep, or a run that it started, is using this folder"
kill -TERM %%
wait

# Adaptive: more launches while an interval is wide, no more than the most.
cat > until.yaml <<'Y'
config: base.yaml
axes: {mode: [seq, ddp], ranks: [2]}
set: {training.epochs: 8}
repeats: {least: 2, until: 0.01 %, most: 3}
Y
run 0 "$BIN/sweep" until.yaml --output until
# A speedup that is refused, on a busy machine for drift, becomes no better known by more launches.
[ "$(runs_in until)" -eq 6 ] || grep -q "speedup refused" until/analysis.txt ||
  fail "$(runs_in until) runs, not 6 (2 points, 3 launches), and no refusal"

# compare is the short form; wrong words are one line.
run 0 "$BIN/sweep" compare --config base.yaml --modes seq,ddp --ranks 1,2 --launches 1 --output compared
[ "$(runs_in compared)" -eq 3 ] || fail "$(runs_in compared) runs of compare, not 3"
grep -q 'lost mostly in' "$work/out" || fail "no answer"
run 2 "$BIN/sweep" compare --config base.yaml --mode seq
said "unknown flag '--mode'; did you mean '--modes'?"
run 2 "$BIN/sweep" compare
said "give one with --config FILE"
run 2 "$BIN/sweep" nothing.yaml
said "sweep: nothing.yaml: cannot be read"
run 2 "$BIN/sweep" sweep.yaml --ranks 2
said "--ranks is a flag of sweep compare"
run 2 "$BIN/sweep" compare --config base.yaml --ranks 2,x
said "--ranks x: not a whole number from 1 to 65536"

finish
