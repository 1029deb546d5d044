# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2046
# What scripts/gpu-check tries. Sourced. A case is a line of the table below and a function of its name, which adds rows to
# the report; scripts/gpu-check --list and tests/gpu_check/CMakeLists.txt take the cases from here.

# name|when|how|about. when: always, or full (--full alone). how: beside others, or alone, because times are taken.
cases="
card|always|beside|train_seq finds the GPU
seq_fp32|always|beside|train_seq in fp32: losses of 25 SGD steps as on the CPU
seq_bf16|always|beside|train_seq in bf16: losses near those of fp32 on the CPU
cuda_graph|always|beside|train_seq with the step captured as a CUDA graph: losses those of the same step uncaptured
ddp_nccl|always|beside|train_ddp over NCCL on 1 to N GPUs
ddp_mpi|always|beside|train_ddp over MPI, two ranks on one GPU
ps_mpi|always|beside|train_ddp as parameter server over MPI, two ranks on one GPU
mp_mpi|always|beside|train_mp over MPI, two ranks on one GPU
hybrid_mpi|always|beside|train_mp over MPI, two stages of two replicas on one GPU
mp_nccl|always|beside|train_mp over NCCL, a GPU a rank, every schedule
hybrid_nccl|always|beside|train_mp over NCCL, two stages of two replicas, a GPU a rank
commbench_mpi|always|beside|commbench over MPI, two ranks on one GPU: every result exact
commbench_nccl|always|beside|commbench over NCCL, a GPU a rank: every result exact
ddp_nccl_hosts|full|beside|train_ddp over NCCL, two and four ranks on one GPU, each with a host name of its own
mp_nccl_hosts|full|beside|train_mp over NCCL, two ranks on one GPU, each with a host name of its own, every schedule
mp_nccl_hosts_x4|full|beside|the same with four ranks
commbench_nccl_hosts|full|beside|commbench over NCCL, two ranks on one GPU, each with a host name of its own
budget|always|alone|the time budget closes: other at most 2 % of a step
recorder|always|alone|recording costs at most 1 % of a step
speed|always|alone|a step of two models, beside PyTorch's where there is one
"

list_cases() {
  local name when how about
  while IFS='|' read -r name when how about; do
    [[ -z "$name" ]] || printf '%-21s %s%s\n' "$name" "$about" "$([[ "$when" == full ]] && echo ' (--full)')"
  done <<<"$cases"
}

# row STATUS WHAT DETAIL: of the case that is running, with the log of its last run.
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$case_name" "$2" "$3" "${log:-}" >>"$work/rows/$case_name"; }

no_time="no time was left for it"

# outcome WHAT TROUBLE [DETAIL]: PASS when there was none.
outcome() {
  case "$2" in
    "") row PASS "$1" "${3:-}" ;;
    "$no_time"*) row CANNOT "$1" "$2" ;;
    *) row FAIL "$1" "$2" ;;
  esac
}

cannot() { row CANNOT "-" "$1"; }

# need_gpus N WHY: or the case cannot be tried.
need_gpus() {
  ((gpus >= $1)) && [[ "$device" == cuda ]] && return
  cannot "needs $1 GPUs; this machine has $([[ "$device" == cuda ]] && echo "$gpus" || echo none)${2:-}"
  return 1
}

need_cuda() {
  [[ "$device" == cuda ]] && return
  cannot "$1 needs a GPU"
  return 1
}

need_mpirun() {
  have "${MPIRUN:-mpirun}" && return
  cannot "there is no ${MPIRUN:-mpirun}"
  return 1
}

# A GPU that takes one process at a time has no second rank.
need_shared_gpu() {
  [[ "$device" == cuda && "$(nvidia-smi --query-gpu=compute_mode --format=csv,noheader 2>/dev/null)" == *Exclusive* ]] || return 0
  cannot "the GPU takes one process at a time (nvidia-smi -c DEFAULT allows more)"
  return 1
}

need_own_hosts() {
  own_hosts && return
  cannot "needs root, unshare and a GPU, to give each rank a host name of its own"
  return 1
}

# need_key KEY: or these programs, of another version, do not have it.
need_key() {
  grep -q "^  $1 " <<<"$("$bin/train_seq" --help 2>/dev/null)" && return
  cannot "these programs have no key $1"
  return 1
}

# run_case NAME: in a subshell of its own.
run_case() {
  local case_name="$1" log=""
  if (($(left) <= 0)); then cannot "$no_time"; else "case_$case_name"; fi
  [[ -s "$work/rows/$case_name" ]] || row FAIL - "the case reported nothing"
}

# selected HOW: names of the cases to run.
selected() {
  local name when how about
  while IFS='|' read -r name when how about; do
    [[ -n "$name" && "$how" == "$1" ]] || continue
    if [[ -n "$only" ]]; then
      [[ ",$only," != *",$name,"* ]] || echo "$name"
    elif [[ "$when" == always || "$full" == yes ]]; then
      echo "$name"
    fi
  done <<<"$cases"
}

# in_parallel FUNCTION NAMES...: at most so many at a time.
in_parallel() {
  local function="$1" name
  shift
  for name in "$@"; do
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done
    "$function" "$name" &
  done
  wait
}

run_cases() {
  local -a beside
  mapfile -t beside < <(selected beside)
  # The CPU's runs, which many cases compare with.
  if ((${#beside[@]} > 1)); then in_parallel reference $(seq_models) $(deep_models); fi
  in_parallel run_case "${beside[@]}"
  for name in $(selected alone); do run_case "$name"; done
}
