#!/usr/bin/env bash
# Recorded loops of two epochs and how they end: exit code, one line, what the run file says, what analyze makes of it.
# shellcheck source=tests/cli/support.sh disable=SC2154
source "$(dirname "$0")/../cli/support.sh"

own_lines() { grep -cE '^(recorded_loop|analyze): ' "$work/err"; }
# loop CODE RANKS MODE
loop() { run "$1" "$MPIRUN" -np "$2" "$BIN/recorded_loop" "$3" "$work/runs"; }
epochs_are() {
  h5dump -H -d /epochs/train_seconds "$(newest)/$2" | grep -q "( $1 )" || fail "the file does not have $1 epochs"
}
reason_is() {
  attribute "$(newest)/run.h5" invalid_reasons | grep -qF -- "$1" || fail "no reason '$1' in the file"
}

for ranks in 1 2; do
  loop 0 "$ranks" clean
  status_is complete run.h5
  [ "$(attribute "$(newest)/run.h5" valid)" = 1 ] || fail "a clean run is not valid"
  run 0 "$BIN/analyze" validate "$(newest)"
done
run 0 "$BIN/analyze" summary "$work/runs"
for row in 'seq' 'ddp x2'; do grep -qE "^ *$row " "$work/out" || fail "analyze has no row of $row"; done
for verb in scaling budget overlap pop convergence predict advise; do run 0 "$BIN/analyze" "$verb" "$work/runs"; done
run 0 "$BIN/analyze" trace "$(newest)" --output "$work/trace.json"
run 0 "$BIN/analyze" export csv "$(newest)" --output "$work/export"

loop 0 2 numbers
run 0 "$BIN/analyze" validate "$(newest)"
run 0 "$BIN/analyze" summary --full "$(newest)"
grep -q 'work not audited' "$work/out" || fail "the report does not say that the work was not audited"

loop 0 2 bare
status_is complete run.h5
grep -q "8 of 8 steps of the first epoch have no phase" "$(newest)/log.txt" || fail "nothing is said of steps without phases"

loop 4 2 part
reason_is 'replicas diverged'
run 3 "$BIN/analyze" validate "$(newest)"

loop 2 2 misspelt
said_once "'foward' is not a phase of a step; did you mean 'forward'?"
status_is failed run.h5

loop 1 2 throw_one
said_once 'the tape is torn (rank 1)'
status_is failed run.h5
reason_is 'the tape is torn'
epochs_are 1 run.h5
loop 1 2 throw_root
said_once 'the tape is torn (rank 0)'
status_is failed run.h5
reason_is 'an exception ended the run in training step 12, forward'
epochs_are 1 run.h5
loop 2 2 throw_all
said_once 'tape.csv:3: no number'
status_is failed run.h5

loop 137 2 kill_rank
said_once 'rank 1'
status_is failed run.h5
epochs_are 1 run.h5
# Nobody closes the file of a rank 0 that is gone: it stays as it was after the last epoch.
run 137 "$MPIRUN" -np 2 "$BIN/recorded_loop" kill_root "$work/runs"
status_is running run.h5.partial
epochs_are 1 run.h5.partial

run 2 "$MPIRUN" -np 2 "$BIN/recorded_loop" clean /proc/nowhere
said_once 'choose another with RunOptions::output'
finish
