# shellcheck shell=bash
# What the job scripts share: settings, finding the programs, launching ranks. Sourced, never run.

# To edit here, or to give in the environment of sbatch.
modules="${LOCKSTEP_MODULES:-}"        # for example "cuda/13.0 openmpi/5.0 hdf5"; empty: none
programs="${LOCKSTEP_PROGRAMS:-}"      # folder of the programs; empty: build/release/bin, build/cpu/bin, PATH
config="${LOCKSTEP_CONFIG:-}"          # empty: what the job script names
output="${LOCKSTEP_OUTPUT:-experiments}"
launcher="${LOCKSTEP_LAUNCHER:-srun}"  # or mpirun, where Slurm has no PMIx
interface="${LOCKSTEP_INTERFACE:-}"    # network between the nodes, for example ib0 or hsn0; empty: the libraries choose
provider="${LOCKSTEP_PROVIDER:-}"      # libfabric's for it, for example cxi, efa, verbs or tcp; empty: it chooses

die() {
  printf '%s: %s\n' "${SLURM_JOB_NAME:-${0##*/}}" "$*" >&2
  exit 2
}

# load_modules "cuda/13.0 openmpi/5.0": names between spaces; nothing to do when empty.
load_modules() {
  local -a names
  read -ra names <<<"$1"
  ((${#names[@]})) || return 0
  type module >/dev/null 2>&1 || die "modules are '$1', but this shell has no 'module' command; empty LOCKSTEP_MODULES"
  # Module systems read variables that may be unset.
  set +u
  module load "${names[@]}" || die "'module load $1' failed; see 'module avail'"
  set -u
}

# find_program NAME FOLDER: prints the program's path. FOLDER empty: the usual build folders, then PATH.
find_program() {
  local name="$1" folder="$2" candidate
  if [[ -n "$folder" ]]; then
    [[ -x "$folder/$name" ]] || die "no program $name in $folder; correct LOCKSTEP_PROGRAMS, or build with ./quickstart"
    printf '%s\n' "$folder/$name"
    return
  fi
  for candidate in build/release/bin/"$name" build/cpu/bin/"$name" "$(command -v "$name")"; do
    if [[ -x "$candidate" ]]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  die "no program $name in $PWD/build nor in PATH; build it with ./quickstart, or set LOCKSTEP_PROGRAMS to its folder"
}

# choose_network: makes NCCL, Open MPI and libfabric use the interface and the provider, where they were named and
# unless the variable is set already. docs/cluster.md says what else these libraries read.
choose_network() {
  local -a there
  if [[ -n "$interface" ]]; then
    mapfile -t there < <(sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/net/dev)
    [[ " ${there[*]} " == *" $interface "* ]] ||
      die "no network interface '$interface' on $(hostname); LOCKSTEP_INTERFACE is one of: ${there[*]}"
    # "=": this name and no other that begins with it.
    export NCCL_SOCKET_IFNAME="${NCCL_SOCKET_IFNAME:-=$interface}"
    export OMPI_MCA_btl_tcp_if_include="${OMPI_MCA_btl_tcp_if_include:-$interface}"
    export OMPI_MCA_oob_tcp_if_include="${OMPI_MCA_oob_tcp_if_include:-$interface}"
  fi
  [[ -z "$provider" ]] || export FI_PROVIDER="${FI_PROVIDER:-$provider}"
  export NCCL_DEBUG="${NCCL_DEBUG:-WARN}"
}

need_job() {
  [[ -n "${SLURM_JOB_ID:-}" ]] || die "not inside a Slurm job; submit this script with sbatch"
}

# launch_ranks srun|mpirun PROGRAM ARGUMENT...: one process a task of the job, each bound to its own cores.
launch_ranks() {
  local launcher="$1"
  shift
  need_job
  case "$launcher" in
    srun)
      srun --mpi=list 2>&1 | grep -w pmix >/dev/null || die "this Slurm has no PMIx; set LOCKSTEP_LAUNCHER=mpirun"
      # srun does not take the cores per task over from sbatch (Slurm 22.05 and later).
      srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=cores "$@"
      ;;
    mpirun)
      # Flags that bind differ between MPI implementations.
      local -a flags
      read -ra flags <<<"${LOCKSTEP_MPIRUN_FLAGS:-}"
      mpirun -np "$SLURM_NTASKS" "${flags[@]}" "$@"
      ;;
    *) die "LOCKSTEP_LAUNCHER must be srun or mpirun, not '$launcher'" ;;
  esac
}

# launch_alone PROGRAM ARGUMENT...: one process without MPI.
launch_alone() {
  need_job
  srun --mpi=none --ntasks=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --cpu-bind=cores "$@"
}

# newest_checkpoint FOLDER: of the runs in it, the last that has a checkpoint; non-zero: none has.
newest_checkpoint() {
  local -a runs=("$1"/[0-9]*/)
  local i
  for ((i = ${#runs[@]} - 1; i >= 0; --i)); do
    compgen -G "${runs[i]}checkpoint/*.safetensors" >/dev/null && printf '%s\n' "${runs[i]%/}" && return
  done
  return 1
}

# run_requeued PROGRAM CONFIG FLAG...: run_job for a job that may be warned before it is ended (#SBATCH --signal, scancel
# --signal=USR1). The run then writes a checkpoint and ends, and the job goes back to the queue, from where it goes on.
# The runs of a job have a folder of their own below $output.
run_requeued() {
  local run child code=0
  local -a resume=()
  need_job
  output+="/job_$SLURM_JOB_ID"
  if run="$(newest_checkpoint "$output")"; then resume=(--resume "$run"); fi
  # A signal to the whole job reaches this shell's children too; what is ignored here, the ranks would ignore.
  (
    trap : USR1
    run_job "$1" "$2" "${resume[@]}" --set checkpoint.on_signal=true "${@:3}"
  ) &
  child=$!
  trap 'signal_children "$child"' USR1
  while kill -0 "$child" 2>/dev/null; do
    code=0
    wait "$child" || code=$?
  done
  if ((code)) && run="$(newest_checkpoint "$output")" && grep -q -- '; go on with --resume' "$run/log.txt"; then
    scontrol requeue "$SLURM_JOB_ID"
    exit
  fi
  exit "$code"
}

# signal_children PID: SIGUSR1 to the launcher, which passes it on to the ranks.
signal_children() {
  local -a launched
  mapfile -t launched < <(pgrep -P "$1")
  ((${#launched[@]} == 0)) || kill -USR1 "${launched[@]}" 2>/dev/null || true
}

# run_job PROGRAM CONFIG FLAG...: all that a job script does. train_seq is one process, the others as many as tasks.
run_job() {
  local name="$1" program
  local -a arguments=(--config "${config:-$2}" --output "$output" "${@:3}")
  load_modules "$modules"
  program="$(find_program "$name" "$programs")"
  if [[ $name == train_seq ]]; then
    launch_alone "$program" "${arguments[@]}"
  else
    launch_ranks "$launcher" "$program" "${arguments[@]}"
  fi
}
