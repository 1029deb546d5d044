#!/usr/bin/env bash
# A machine that misbehaves: its clock jumps, its disk is slow or hangs, its name does not resolve, it has no room for
# shared memory.
# shellcheck source=tests/faults/support.sh disable=SC2154,SC2086,SC2206
source "$(dirname "$0")/support.sh"

ddp=("$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small --set checkpoint.every_epochs=1)
two=("$MPIRUN" -np 2)
# On the ranks alone: a launcher whose own disk hangs is not ours to end.
odd=(env LD_PRELOAD="$ODD_SYSTEM")
# The oddity begins when the run has its file.
within_run=("${odd[@]}" ODD_WHEN="$work/runs/*/run.h5.partial")
checked() {
  status_is complete run.h5
  [ "$(attribute "$(newest)/run.h5" valid)" = 1 ] || fail "$1: not valid: $(attribute "$(newest)/run.h5" invalid_reasons)"
}

# By a day, back and forth, in the middle of a run: times, limits and the order of checkpoints do not follow it.
for jump in -86400 86400; do
  rm -rf "$work/runs"
  run 0 "${two[@]}" "${within_run[@]}" ODD_CLOCK=$jump "${ddp[@]}" --set training.epochs=4 --set parallel.timeout_s=20
  checked "a clock that jumps by $jump s"
  begun=$(attribute "$(newest)/run.h5" started | cut -c1-10)
  last=$(tail -n 1 "$(newest)/log.txt" | cut -c1-10)
  [ "$begun" != "$last" ] || fail "the clock did not jump: $begun, $last"
  wall=$(attribute "$(newest)/run.h5" wall_seconds)
  awk -v w="$wall" 'BEGIN { exit !(w > 0 && w < 600) }' || fail "a run of $wall s, with a clock that jumps by $jump s"
  dataset "$(newest)/run.h5" /steps/wall | grep -q -- '-[0-9]' && fail "a step took less than no time"
  run 0 "$BIN/analyze" validate "$(newest)/run.h5"
  run 0 "$BIN/train_seq" --resume "$(newest)" --set training.epochs=5 --quiet --output "$work/resumed"
done
cat > "$work/base.yaml" <<'Y'
model: {name: mlp}
data: {name: synthetic_images, samples: 600, test_samples: 100, shape: [1, 8, 8], classes: 4}
training: {epochs: 4, global_batch: 24}
parallel: {device: cpu, threads: 1}
Y
printf 'config: %s/base.yaml\naxes: {mode: [seq]}\nrepeats: 1\ntime_limit_s: 300\n' "$work" > "$work/sweep.yaml"
run 0 "${odd[@]}" ODD_WHEN="$work/swept/*" ODD_CLOCK=86400 "$BIN/sweep" "$work/sweep.yaml" --output "$work/swept"

# A slow disk costs time, and no run; one that hangs ends it, with what it was at.
rm -rf "$work/runs"
run 0 "${two[@]}" "${odd[@]}" ODD_DISK=0.005 "${ddp[@]}"
checked "a slow disk"
rm -rf "$work/runs"
start "${two[@]}" "${within_run[@]}" ODD_DISK=600 "${ddp[@]}" --set training.epochs=100000 --set parallel.timeout_s=3
ended 1 30
said_once "rank 0 on host $(hostname) has made no progress for 3"
said "parallel.timeout_s allows 3 s"

# A signal while the file is being closed changes nothing: all steps are done, and nothing is left to save.
start "${two[@]}" "${within_run[@]}" ODD_DISK=0.02 "${ddp[@]}"
until ls "$work"/runs/*/checkpoint/epoch_000002.safetensors > /dev/null 2>&1; do sleep 0.02; done
pkill -USR1 -P "$pid" || fail "had ended before it got a signal"
ended 0 60
checked "a signal while the file is being closed"

# The name of this host means nothing to the resolver.
if unshare -u true 2>/dev/null; then
  rm -rf "$work/runs"
  run 0 timeout 120 unshare -u sh -c 'hostname nowhere.invalid && exec "$@"' sh "${two[@]}" "${ddp[@]}"
  checked "a host whose name does not resolve"
  h5dump -d /env/host "$(newest)/run.h5" | grep -q nowhere.invalid || fail "the run does not know the host by its name"
fi
# That of another is the launcher's to refuse.
timeout 120 "$MPIRUN" --host nowhere.invalid -np 2 "$BIN/train_ddp" --version > "$work/out" 2> "$work/err"
code=$?
case $code in 0 | 124) fail "mpirun to a host that is none ended with $code" ;; esac

# No room in /dev/shm: a run does without, or says so.
if unshare -m true 2>/dev/null; then
  rm -rf "$work/runs"
  timeout 120 unshare -m sh -c 'mount -t tmpfs -o size=4k none /dev/shm && exec "$@"' sh "${two[@]}" "${ddp[@]}" > "$work/out" 2> "$work/err"
  code=$?
  [ $code -eq 0 ] || [ $code -eq 1 ] || fail "without room in /dev/shm: exit code $code"
fi
finish
