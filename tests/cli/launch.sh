#!/usr/bin/env bash
# How ranks are started: alike or not at all, with one world around them; and what is printed arrives, or it is said
# that it has not.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

flags="--config $work/empty.yaml $(tr '\n' ' ' <<< "$small")"
common="$flags --output $work/runs"
own_lines() { grep -cE '^(train_seq|train_ddp|train_mp|commbench|analyze): ' "$work/err"; }

# mixed PROGRAM "FLAGS" PROGRAM "FLAGS" WORDS...: one rank each; refused in one line, within a minute, and no folder is left.
mixed() {
  run 2 timeout 60 "$MPIRUN" -np 1 "$BIN/$1" $common $2 : -np 1 "$BIN/$3" $common $4
  said_once "the ranks were not started alike: "
  local words
  for words in "${@:5}"; do said "$words"; done
  [ ! -e "$work/runs" ] || fail "a run folder was left"
  rm -rf "$work/runs"
}
differ() { mixed train_ddp "$1" train_ddp "$2" "${@:3}"; }

differ "--set training.optimizer.lr=0.1" "--set training.optimizer.lr=0.01" "training.optimizer.lr is 0.1 on rank 0, 0.01 on rank 1"
differ "--set run.seed=1" "" "run.seed is 1 on rank 0, 42 on rank 1"
differ "" "--set model.hidden=[9]" "model.hidden is not given on rank 0, [9] on rank 1"
differ "" "--set training.global_batch=12" "training.global_batch is 24 on rank 0, 12 on rank 1"
differ "" "--set training.epochs=3" "training.epochs is 2 on rank 0, 3 on rank 1"
differ "" "--set training.epochs=null --set training.steps=9" "training.epochs is 2 on rank 0, not given on rank 1"
differ "" "--set data.path=elsewhere" "data.path is not given on rank 0, elsewhere on rank 1"
differ "" "--set parallel.threads=2" "parallel.threads is 1 on rank 0, 2 on rank 1"
differ "" "--set parallel.backend=sim" "parallel.backend is auto on rank 0, sim on rank 1"
differ "" "--dry-run" "--dry-run is no on rank 0, yes on rank 1"
differ "--version" "" "--version is yes on rank 0, no on rank 1"
mixed train_ddp "" train_mp "" "the program is train_ddp on rank 0, train_mp on rank 1"
# The same program of another build: a copy that knows another commit. Compilers keep eight letters of it together.
commit=$("$BIN/train_ddp" --version | sed 's/.*(\([^,]*\),.*/\1/')
mkdir "$work/build"
part=${commit:0:8}
sed "s/$part/$(tr 0-9a-f 1-9a-f0 <<< "$part")/g" "$BIN/train_ddp" > "$work/build/train_ddp"
chmod +x "$work/build/train_ddp"
run 2 timeout 60 "$MPIRUN" -np 1 "$BIN/train_ddp" $common : -np 1 "$work/build/train_ddp" $common
said_once "the ranks were not started alike: its build (commit) is $commit on rank 0, "
[ ! -e "$work/runs" ] || fail "a run folder was left"
run 2 timeout 60 "$MPIRUN" -np 1 "$BIN/train_ddp" $common : -np 1 "$BIN/train_ddp" $flags --output "$work/other"
said_once "--output is $work/runs on rank 0, $work/other on rank 1"
run 2 timeout 60 "$MPIRUN" -np 1 "$BIN/train_ddp" $common : -np 1 "$BIN/commbench" --max 1K --output "$work/runs"
said_once "the program is train_ddp on rank 0, commbench on rank 1"
[ ! -e "$work/runs" ] || fail "a run folder was left"
[ ! -e "$work/other" ] || fail "a run folder was left"

# Another text of the same configuration is no other configuration.
echo '# as above' > "$work/same.yaml"
run 0 timeout 120 "$MPIRUN" -np 1 "$BIN/train_ddp" $common : -np 1 "$BIN/train_ddp" --config "$work/same.yaml" --output "$work/runs" $small
# A configuration that one rank alone gets wrong.
run 2 timeout 60 "$MPIRUN" -np 1 "$BIN/train_ddp" $common : -np 1 "$BIN/train_ddp" $common --set training.epoch=2
said_once "unknown key 'training.epoch'"

# Tasks that MPI knows nothing of: srun without PMIx; the first one speaks.
slurm="SLURM_JOB_ID=1 SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_NPROCS=2"
rm -rf "$work/runs"
run 2 env $slurm SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 "$BIN/train_ddp" $common
said_once "srun started 2 tasks (SLURM_STEP_NUM_TASKS), but MPI sees 1 rank"
said "srun --mpi=pmix (srun --mpi=list"
run 2 env $slurm SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1 "$BIN/train_ddp" $common
[ "$(own_lines)" -eq 0 ] || fail "the second task spoke as well"
run 2 env PMI_SIZE=2 PMI_RANK=0 "$BIN/train_mp" $common
said_once "but MPI sees 1 rank"
run 2 env FLUX_JOB_SIZE=4 FLUX_TASK_RANK=0 "$BIN/commbench"
said_once "flux started 4 tasks"
# The sequential program under a launcher.
run 2 timeout 60 "$MPIRUN" -np 2 "$BIN/train_seq" $common
said_once "train_seq trains on one rank, but Open MPI's mpirun started 2 of it"
run 2 env $slurm SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 "$BIN/train_seq" $common
said_once "use srun --ntasks=1"
[ ! -e "$work/runs" ] || fail "a run folder was left by a refusal"
# What is all right: within an allocation of several tasks, as a step of one, under mpirun of one.
run 0 env $slurm "$BIN/train_seq" $common
run 0 env $slurm SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0 "$BIN/train_seq" $common
run 0 "$MPIRUN" -np 1 "$BIN/train_seq" $common
run 0 env $slurm SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 "$MPIRUN" -np 1 "$BIN/train_ddp" $common

# A stdout that takes nothing, or is closed.
to_full() {
  timeout 60 "$@" > /dev/full 2> "$work/err"
  local got=$?
  : > "$work/out"
  [ "$got" -eq 1 ] || fail "exit code $got, not 1, with a full stdout: $*"
  said_once "stdout: No space left on device"
}
for program in train_seq train_ddp train_mp; do
  to_full "$BIN/$program" --help
  to_full "$BIN/$program" --version
  to_full "$BIN/$program" $common --dry-run
done
to_full "$BIN/commbench" --help
to_full "$BIN/commbench" --version
run 1 bash -c "'$BIN/train_seq' --version >&-"
said_once "stdout: Bad file descriptor"
run 1 "$BIN/lockstep-docs" /dev/full
said "lockstep-docs: /dev/full: cannot write: No space left on device"

# Nobody reads what a run says: it goes on, and log.txt has it.
rm -rf "$work/runs"
loud=${common/--quiet/}
timeout 60 "$BIN/train_seq" $loud 2>&1 >/dev/null | head -1 > "$work/out"
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "a run whose progress nobody reads did not end well"
status_is complete run.h5
[ "$(grep -c ' epoch ' "$(newest)/log.txt")" -eq 2 ] || fail "log.txt has not both epochs"
rm -rf "$work/runs"
timeout 60 "$BIN/train_seq" $loud 2>/dev/null | head -1 > "$work/out"
status_is complete run.h5
rm -rf "$work/runs"
timeout 60 "$MPIRUN" -np 2 "$BIN/train_ddp" $loud 2>&1 | head -1 > "$work/out"
status_is complete run.h5
# A closed stderr does not become the run file.
rm -rf "$work/runs"
timeout 60 "$BIN/train_seq" $loud 2>&- > "$work/out"
status_is complete run.h5
# A limit on the size of files is an error of writing, not a death by signal.
rm -rf "$work/runs"
run 1 bash -c "ulimit -f 64; exec '$BIN/train_seq' $common --set training.epochs=400"
said_once "File too large"
finish
