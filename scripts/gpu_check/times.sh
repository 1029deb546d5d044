# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2046
# The cases of scripts/gpu-check that take times; the card and the cores are theirs alone. Sourced.

# As published, but for made-up data; the rows mlp, cnn_mnist, transformer_small and gpt_mini of benchmarks/pytorch/zoo.py.
published_of() {
  local batch=64
  settings_of "$1"
  case "$1" in
    transformer)
      settings=(model.name=transformer model.preset=small data.name=synthetic_text data.vocabulary=20000 data.classes=4
        data.max_length=128)
      ;;
    gpt)
      batch=32
      settings=(model.name=gpt model.preset=mini data.name=synthetic_tokens data.vocabulary=256 data.max_length=128
        training.grad_clip=1)
      ;;
  esac
  settings+=("training.global_batch=$batch" training.steps=220 data.samples=6400 data.test_samples=8 data.validation=0
    training.optimizer.name=adam training.optimizer.lr=0.001 parallel.threads=1 "parallel.device=$device")
}

# The CPU, in rehearsal, has no time for all.
timed_models() { if [[ "$device" == cuda ]]; then echo "$@"; else echo "$1"; fi; }

# timed MODEL RANKS PROGRAM SETTINGS...: a longer run, made once a gpu-check; sets run and steps.
timed() {
  local model="$1" ranks="$2" program="$3" name
  local -a settings
  shift 3
  name="timed_${program}_${model}_$ranks$(grep -oE 'backend=[a-z]+' <<<"$*" | sed 's/.*=/_/')"
  run="$work/runs/$name" steps="$work/runs/$name/steps.csv"
  [[ ! -s "$steps" ]] || return 0
  published_of "$model"
  train "$name" "$ranks" "$program" "${settings[@]}" "$@"
}

# closed WHAT MODEL RANKS PROGRAM SETTINGS...: a row.
closed() {
  local what="$1" trouble="" run steps other
  shift
  if timed "$@"; then
    other="$(share_of_other "$steps")"
    at_most "$other" 2 || trouble="other is $other % of a step, at most 2 % is allowed"
  fi
  outcome "$what" "$trouble" "other ${other:-} % of $(median_ms "$steps" 2>/dev/null) ms"
}

case_budget() {
  local model
  for model in $(timed_models mlp cnn transformer gpt); do closed "train_seq $model" "$model" 0 train_seq; done
  have "${MPIRUN:-mpirun}" || return
  if [[ "$device" == cuda ]]; then closed "train_ddp mlp x1 nccl" mlp 1 train_ddp parallel.backend=nccl; fi
  for model in $(timed_models mlp transformer); do
    if [[ "$device" == cuda ]] && ((gpus > 1)); then
      closed "train_ddp $model x2 nccl" "$model" 2 train_ddp parallel.backend=nccl
    fi
    closed "train_ddp $model x2 mpi" "$model" 2 train_ddp parallel.backend=mpi
    closed "train_mp $model x2 mpi" "$model" 2 train_mp parallel.backend=mpi parallel.stages=2 parallel.schedule=1f1b parallel.micro_batches=4
  done
}

case_recorder() {
  local model share trouble run steps
  for model in $(timed_models mlp cnn transformer); do
    trouble=""
    if timed "$model" 0 train_seq; then
      share="$(share_of_recording "$run")"
      at_most "$share" 1 || trouble="recording costs ${share:-an unknown share} % of a step, at most 1 % is allowed"
    fi
    outcome "train_seq $model" "$trouble" "${share:-} % of $(median_ms "$steps" 2>/dev/null) ms"
  done
}

# torch_python: a Python with a PyTorch that sees the GPU, or nothing.
torch_python() {
  [[ "$torch" == yes && "$device" == cuda ]] || return 0
  python3 -c 'import numpy, torch; raise SystemExit(not torch.cuda.is_available())' >/dev/null 2>&1 && echo python3
}

# torch_ms PYTHON ROW VARIANT: the twin's median step.
torch_ms() {
  printf '0.3\n0.3\n0.3\n' |
    timeout -k 5 60 "$1" "$ROOT/benchmarks/pytorch/bench_cuda.py" --model "$2" --variant "$3" 2>>"$work/logs/torch" |
    sed -n 's/^{"step_seconds": \([0-9.e-]*\),.*/\1/p' | sort -g | sed -n 2p | awk '{ printf "%.4g", 1e3 * $1 }'
}

# beside_torch MODEL MS: what PyTorch's twin takes, where it can be asked.
beside_torch() {
  local python variant twin="$1" ms
  python="$(torch_python)"
  [[ -n "$python" ]] || return 0
  [[ "$1" != transformer ]] || twin=transformer_small
  for variant in eager fused; do
    ms="$(torch_ms "$python" "$twin" "$variant")"
    if [[ -z "$ms" ]]; then
      printf '; PyTorch %s failed' "$variant"
    else
      awk -v t="$ms" -v o="$2" -v v="$variant" 'BEGIN { printf "; PyTorch %s %s ms, %.2f times ours", v, t, t / o }'
    fi
  done
}

case_speed() {
  local model ms trouble run steps said
  for model in $(timed_models mlp transformer); do
    trouble="" said=""
    if timed "$model" 0 train_seq; then
      ms="$(median_ms "$steps")"
      said="$ms ms a step, $(awk -v m="$ms" 'BEGIN { printf "%d", 64e3 / m }') samples/s$(beside_torch "$model" "$ms")"
    fi
    outcome "train_seq $model" "$trouble" "$said"
  done
}
