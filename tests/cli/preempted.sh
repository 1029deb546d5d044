#!/usr/bin/env bash
# Usage: tests/cli/preempted.sh [--short]
#
# Runs that are signalled or killed at random moments and go on: they end with the bits of a run that was never stopped,
# and analyze takes what they leave for one run. SEED repeats the choice of ranks, signals and delays. --short, for CTest:
# two modes, a signal each, and a kill, at a step at which a rank does it to itself; so the runs can be short.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086,SC2046
source "$(dirname "$0")/support.sh"

RANDOM=${SEED:=$RANDOM}
echo "SEED=$SEED"
epochs=200
[ "${1:-}" != --short ] || epochs=3
mkdir "$work/runs"
last=checkpoint/$(printf 'epoch_%06d' $epochs).safetensors
# A signal that ends mpirun leaves the ranks a second otherwise.
export OMPI_MCA_odls_base_sigkill_timeout=5

gpt="--set model.name=gpt --set model.preset=mini --set model.layers=2 --set model.embedding=16 --set model.heads=2
  --set data.name=synthetic_tokens --set data.vocabulary=60 --set data.max_length=16 --set model.context=16
  --set data.shape=null --set data.classes=null --set data.samples=200 --set parallel.schedule=1f1b --set parallel.micro_batches=2"

# command MODE: prints the words that start it.
command_of() {
  case $1 in
    seq) echo "$BIN/train_seq" ;;
    ddp | long) echo "$MPIRUN -np 2 $BIN/train_ddp" ;;
    ddp3) echo "$MPIRUN -np 3 $BIN/train_ddp" ;;
    ps) echo "$MPIRUN -np 2 $BIN/train_ddp" ;;
    mp) echo "$MPIRUN -np 2 $BIN/train_mp" ;;
  esac
}
flags_of() {
  case $1 in
    ps) echo "--set parallel.algorithm=parameter_server --set data.samples=2400" ;;
    mp) echo "$gpt" ;;
    *) echo "--set model.hidden=[64,32] --set training.grad_clip=0.05
      --set data.samples=2400" ;;
  esac
}

# begin MODE FLAG...: in the background; the newest folder is its own.
begin() {
  local mode=$1
  shift
  $(command_of "$mode") --output "$work/runs" "$@" > "$work/out" 2> "$work/err" &
  pid=$!
}
fresh() { begin "$1" --config "$work/empty.yaml" $small $(flags_of "$1") --set training.epochs=$epochs "${@:2}"; }

# wait_for_steps FOLDERS: until another run folder than those has a log with an epoch in it, and then some of the epochs
# that are left, at most half of them: by the run's own progress, since how long it takes depends on the machine.
wait_for_steps() {
  local target=0 reached
  for _ in $(seq 10000); do
    if [ "$(folders)" -gt "$1" ]; then
      folder=$(newest)
      reached=$(sed -n 's/.* epoch \([0-9]*\): train loss.*/\1/p' "$folder/log.txt" 2> /dev/null | tail -n 1)
      [ -z "$reached" ] || [ $target -gt 0 ] || target=$((reached + RANDOM % ((epochs - reached) / 2 + 1)))
      [ -z "$reached" ] || [ "$reached" -lt $target ] || break
    fi
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.01
  done
}
folders() { find "$work/runs" -mindepth 1 -maxdepth 1 -type d 2> /dev/null | wc -l; }
# The ranks, or the process itself where there is one.
ranks() { pgrep -P "$pid" '^train_' || echo "$pid"; }
one_rank() { ranks | shuf -n 1 --random-source=<(yes "$RANDOM"); }

# Checksums of the tensors that a checkpoint holds of model and optimizer.
tensors_of() { tr ',' '\n' < <(head -c 200000 "$1" | tr -d '\0') | grep -aoE '"crc32:(parameter|buffer|optimizer)/[^"]*":"[0-9a-f]{8}"' | sort; }
same_tensors() {
  local here there
  here=$(tensors_of "$1") there=$(tensors_of "$2")
  [ -n "$here" ] && [ "$here" = "$there" ]
}
values_of() { dataset "$1/run.h5" "$2" | grep -oE 'nan|[-+0-9.]+(e[-+]?[0-9]+)?' | sed 's/^DATA$//'; }

# is_straight FOLDER MODE: the run ends as the one that was never stopped.
is_straight() {
  local name
  same_tensors "$1/$last" "$work/straight_$2/$last" || fail "$2: $1 ends with other parameters than an uninterrupted run"
  for name in train_loss test_metric validation_loss; do
    [ "$(values_of "$1" "/epochs/$name")" = "$(values_of "$work/straight_$2" "/epochs/$name" | tail -n "$(values_of "$1" "/epochs/$name" | wc -l)")" ] ||
      fail "$2: $1 has another $name than an uninterrupted run"
  done
  [ "$(attribute "$1/run.h5" valid)" = 1 ] || fail "$2: $1 is not valid"
}
straight() {
  fresh "$1" --set checkpoint.every_epochs=$epochs
  wait "$pid" || { fail "$1: the uninterrupted run failed"; finish; }
  mv "$(newest)" "$work/straight_$1"
}

# stop MODE SIGNAL: one rank gets the signal.
stop() {
  kill "-$2" "$(one_rank)"
  stopped "$@"
}
# stopped MODE SIGNAL: after that all ranks end together, with a checkpoint. Returns 1 where the run had ended before.
stopped() {
  wait "$pid"
  local code=$?
  folder=$(newest)
  [ "$code" -ne 0 ] || [ "$(attribute "$folder/run.h5" status)" != complete ] || return 1
  [ "$code" -eq 1 ] || fail "$1: exit code $code after SIG$2, not 1"
  said_once "interrupted by SIG$2; go on with --resume $folder"
  status_is interrupted run.h5
  [ "$(attribute "$folder/run.h5" valid)" = 1 ] || fail "$1: the interrupted run is called not valid"
}

signals=(TERM INT USR1)
# goes_on MODE LINKS: signalled so many times.
goes_on() {
  local mode=$1 chain=() count link ended=no
  count=$(folders)
  fresh "$mode" --set checkpoint.every_epochs=$epochs
  for link in $(seq "$2"); do
    wait_for_steps "$count"
    kill -0 "$pid" 2> /dev/null || break
    stop "$mode" "${signals[$(((RANDOM + link) % 3))]}" || { ended=yes && break; }
    chain+=("$folder")
    count=$(folders)
    begin "$mode" --resume "$folder" --quiet
  done
  [ $ended = yes ] || wait "$pid" || fail "$mode: the resumed run failed: $(cat "$work/err")"
  chain+=("$(newest)")
  [ "${#chain[@]}" -ge 2 ] || fail "$mode: it was never interrupted"
  is_straight "${chain[-1]}" "$mode"
  are_one_run "$mode" "${chain[@]}"
}

# tells WORDS: analyze has said them, wherever it broke the line.
tells() { tr -s ' \n' ' ' < "$work/out" | grep -q "$1"; }

# are_one_run MODE FOLDER...: that is what analyze says of the links of a chain, and of the last alone that it lacks the others.
are_one_run() {
  run 0 "$BIN/analyze" summary --full "${@:2}"
  grep -q "joined-run" "$work/out" || fail "$1: analyze does not say that the runs were joined"
  if grep -qE "incomplete-run|resumed-run|work-audit|steps-out-of-order" "$work/out"; then fail "$1: analyze does not take the chain for one run"; fi
  run 0 "$BIN/analyze" summary --full "${@: -1}"
  tells "is missing here" || fail "$1: analyze does not say that the link is missing"
}

# launcher_goes_on SIGNAL: one to mpirun reaches the ranks, and ends the run after a step. mpirun passes SIGTERM on only after
# the five seconds above, so the run is a long one.
launcher_goes_on() {
  local count epochs=3000 last=checkpoint/epoch_003000.safetensors
  [ -e "$work/straight_long" ] || straight long
  count=$(folders)
  fresh long --set checkpoint.every_epochs=$epochs
  wait_for_steps "$count"
  kill "-$1" "$pid"
  wait "$pid"
  said "interrupted by SIG"
  status_is interrupted run.h5
  [ -n "$(find "$folder/checkpoint" -name '*.safetensors')" ] || fail "SIG$1 to mpirun left no checkpoint"
  begin long --resume "$folder" --quiet
  wait "$pid" || fail "the run that goes on after SIG$1 to mpirun failed"
  is_straight "$(newest)" long
}

# killed_goes_on MODE FLAG...: without a word; what had been saved by steps or by time is there, and the steps after it are
# done again.
killed_goes_on() {
  local count
  count=$(folders)
  fresh "$1" --set checkpoint.every_epochs=$epochs "${@:2}"
  wait_for_steps "$count"
  # A quick run may not have lasted as long as the first checkpoint takes.
  until compgen -G "$folder/checkpoint/*.safetensors" > /dev/null || ! kill -0 "$pid" 2> /dev/null; do sleep 0.01; done
  kill -KILL "$(one_rank)" 2> /dev/null
  after_a_kill "$@"
}
after_a_kill() {
  local killed
  wait "$pid" 2> /dev/null && fail "$*: nobody was killed"
  killed=$(newest)
  begin "$1" --resume "$killed" --quiet
  wait "$pid" || fail "$*: the run that goes on failed: $(cat "$work/err")"
  is_straight "$(newest)" "$1"
  run 0 "$BIN/analyze" summary --full "$killed" "$(newest)"
  grep -q "joined-run" "$work/out" || fail "$*: analyze does not join the killed run"
}

# harmed MODE HARM FLAG...: as fresh, with a last rank that does HARM (KILL, TERM, ...) to itself in its second epoch.
harmed() {
  local last_rank=0
  [ "$1" = seq ] || last_rank=1
  local -x "FAULT_$2=$last_rank:training step 100, forward" BIN=$BIN/faulty
  fresh "$1" --set checkpoint.every_epochs=$epochs "${@:3}"
}
# goes_on_after MODE SIGNAL: harmed by it.
goes_on_after() {
  local begun
  harmed "$1" "$2"
  stopped "$1" "$2"
  begun=$folder
  begin "$1" --resume "$begun" --quiet
  wait "$pid" || fail "$1: the resumed run failed: $(cat "$work/err")"
  is_straight "$(newest)" "$1"
  are_one_run "$1" "$begun" "$(newest)"
}

close_end() {
  close_numbers "$(last_value "$1/run.h5" /epochs/train_loss)" "$(last_value "$work/straight_$2/run.h5" /epochs/train_loss)" 2e-3 ||
    fail "$3: ends with a loss of $(last_value "$1/run.h5" /epochs/train_loss), not $(last_value "$work/straight_$2/run.h5" /epochs/train_loss)"
  [ "$(attribute "$1/run.h5" valid)" = 1 ] || fail "$3: not valid"
}

# From within an epoch to other ranks and another mode, and back: equal up to rounding.
others_go_on() {
  local count begun other
  count=$(folders)
  fresh ddp --set checkpoint.every_epochs=$epochs
  wait_for_steps "$count"
  stop ddp USR1 || fail "ddp had ended before the signal"
  begun=$folder
  for other in seq ddp3 ps; do
    begin "$other" --resume "$begun" --quiet $([ "$other" = ps ] && flags_of ps)
    wait "$pid" || fail "$other goes on from ddp: $(cat "$work/err")"
    close_end "$(newest)" ddp "$other goes on from ddp"
  done
  run 0 "$BIN/analyze" summary --full "$begun" "$(newest)"
  tells "cannot be joined with it" || fail "analyze does not say why other ranks are not joined"
  count=$(folders)
  fresh mp --set checkpoint.every_epochs=$epochs
  wait_for_steps "$count"
  stop mp TERM || fail "mp had ended before the signal"
  count=$(folders)
  begin ddp --resume "$folder" --quiet --set parallel.schedule=null --set parallel.micro_batches=null
  wait_for_steps "$count"
  if kill -0 "$pid" 2> /dev/null && stop ddp INT; then
    begin mp --resume "$folder" --quiet --set parallel.schedule=1f1b --set parallel.micro_batches=2
    wait "$pid" || fail "from mp to ddp and back: $(cat "$work/err")"
  fi
  close_end "$(newest)" mp "from mp to ddp and back"
}

# Without checkpoints, and with on_signal off, a signal ends the run at once; on_signal alone saves.
ends_at_once() {
  local count keys
  for keys in "" "--set checkpoint.every_epochs=1 --set checkpoint.on_signal=false"; do
    count=$(folders)
    fresh seq $keys --set training.epochs=100000
    wait_for_steps "$count"
    kill -TERM "$pid"
    wait "$pid"
    said_once "interrupted by SIGTERM"
    if grep -q -- "--resume" "$work/err"; then fail "'$keys': a checkpoint was made at a signal"; fi
  done
  count=$(folders)
  fresh seq --set checkpoint.on_signal=true
  wait_for_steps "$count"
  stop seq TERM || fail "seq had ended before the signal"
}

if [ "${1:-}" = --short ]; then
  straight seq
  goes_on_after seq INT
  straight ddp
  goes_on_after ddp USR1
  harmed ddp KILL --set checkpoint.every_steps=7
  after_a_kill ddp
  finish
  exit
fi
for mode in seq ddp mp ps ddp3; do
  straight "$mode"
  goes_on "$mode" 3
done
launcher_goes_on USR1
launcher_goes_on TERM
for mode in seq ddp mp; do
  killed_goes_on "$mode" --set checkpoint.every_steps=7
  killed_goes_on "$mode" --set checkpoint.every_minutes=0.002
done
others_go_on
ends_at_once
finish
