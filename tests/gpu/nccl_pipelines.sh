#!/usr/bin/env bash
# train_mp over NCCL, every schedule on 2 and 4 ranks and hybrid grids, against train_seq: the losses of 25 SGD steps.
# One GPU is enough. By hand, with all cases or those whose names match a pattern, in the order of the patterns:
#     BIN=build/release/bin tests/gpu/nccl_pipelines.sh ['gpt-*' ...]
# shellcheck disable=SC2317  # functions that only background() calls

# shellcheck source=tests/gpu/support.sh
source "$(dirname "$0")/support.sh"
require_gpu
require_own_hosts

tolerance=1e-4 norm_tolerance=1e-3
seconds=${SECONDS_PER_CASE:-90}
common="--set data.samples=2000 --set data.test_samples=64 --set data.validation=0 --set training.steps=25
  --set training.global_batch=16 --set training.optimizer.name=sgd --set training.optimizer.lr=0.05
  --set parallel.device=cuda --set parallel.threads=1 --set parallel.timeout_s=${TIMEOUT_S:-40} --set checkpoint.every_epochs=0"
images="--set data.name=synthetic_images --set data.classes=10"
declare -A models=(
  [mlp]="--set model.name=mlp --set model.hidden=[64,64,64,64,64,64,64] $images --set data.shape=[1,28,28]"
  [transformer]="--set model.name=transformer --set model.preset=small --set model.layers=6 --set model.dropout=0 --set data.name=synthetic_text
    --set data.vocabulary=5000 --set data.classes=4 --set data.max_length=64"
  [gpt]="--set model.name=gpt --set model.preset=mini --set model.layers=6 --set model.dropout=0 --set data.name=synthetic_tokens
    --set data.vocabulary=256 --set data.max_length=64")
: > "$OUT/empty.yaml"

# one NAME RANKS PROGRAM MODEL [FLAG...]
one() {
  # shellcheck disable=SC2086  # lists of words
  train "$1" "$seconds" "$2" "$3" --config "$OUT/empty.yaml" $common ${models[$4]} "${@:5}"
}

# compare NAME MODEL: with what train_seq has made of the model by then.
compare() {
  local said within=yes
  until [ -e "$OUT/seq-$2/status" ]; do sleep 0.5; done
  [ "$(exit_code "$1")" -eq 0 ] || { report FAIL "$1" "exit code $(exit_code "$1"): $(tail -n 1 "$OUT/$1/err")"; return; }
  said=$(compare_losses <(steps_of "seq-$2") <(steps_of "$1") "$tolerance" 0 "$norm_tolerance") || within=no
  if [[ $within == yes && $said == *" in 25 steps,"* ]]; then
    report pass "$1" "$said"
  else
    report FAIL "$1" "${said:-the losses cannot be compared}"
  fi
}

# In order of importance. gpt's embedding is tied.
cases=()
add() { cases+=("$*"); }
add mlp-1f1b-2 2 mlp --set parallel.schedule=1f1b
add gpt-1f1b-2 2 gpt --set parallel.schedule=1f1b
add gpt-layerwise-2 2 gpt --set parallel.schedule=layerwise
add gpt-gpipe-2 2 gpt --set parallel.schedule=gpipe
add gpt-interleaved-2 2 gpt --set parallel.schedule=interleaved
add transformer-1f1b-2 2 transformer --set parallel.schedule=1f1b
add gpt-1f1b-4 4 gpt --set parallel.schedule=1f1b
add gpt-hybrid-4 4 gpt --set parallel.schedule=1f1b --set parallel.stages=2
add transformer-interleaved-2 2 transformer --set parallel.schedule=interleaved
add mlp-gpipe-2 2 mlp --set parallel.schedule=gpipe
add mlp-layerwise-2 2 mlp --set parallel.schedule=layerwise
add mlp-interleaved-2 2 mlp --set parallel.schedule=interleaved
add mlp-hybrid-4 4 mlp --set parallel.schedule=1f1b --set parallel.stages=2
add transformer-hybrid-4 4 transformer --set parallel.schedule=1f1b --set parallel.stages=2
add gpt-hybrid-interleaved-4 4 gpt --set parallel.schedule=interleaved --set parallel.stages=2
add transformer-gpipe-2 2 transformer --set parallel.schedule=gpipe
add transformer-layerwise-2 2 transformer --set parallel.schedule=layerwise
add transformer-1f1b-4 4 transformer --set parallel.schedule=1f1b
add mlp-1f1b-4 4 mlp --set parallel.schedule=1f1b
add gpt-gpipe-4 4 gpt --set parallel.schedule=gpipe
add gpt-layerwise-4 4 gpt --set parallel.schedule=layerwise
add gpt-interleaved-4 4 gpt --set parallel.schedule=interleaved
add mlp-interleaved-4 4 mlp --set parallel.schedule=interleaved
add transformer-interleaved-4 4 transformer --set parallel.schedule=interleaved
add transformer-gpipe-4 4 transformer --set parallel.schedule=gpipe
add transformer-layerwise-4 4 transformer --set parallel.schedule=layerwise
add mlp-gpipe-4 4 mlp --set parallel.schedule=gpipe
add mlp-layerwise-4 4 mlp --set parallel.schedule=layerwise

reference() {
  one "seq-$1" 0 train_seq "$1"
  [ "$(exit_code "seq-$1")" -eq 0 ] || report FAIL "seq-$1" "$(tail -n 1 "$OUT/seq-$1/err")"
}
pipeline() {
  one "$1" "$2" train_mp "${@:3}"
  compare "$1" "$3"
}
for model in mlp gpt transformer; do background reference "$model"; done
declare -A begun=()
for pattern in "${@:-*}"; do
  for words in "${cases[@]}"; do
    # shellcheck disable=SC2053  # a pattern
    [[ ${words%% *} == $pattern && -z ${begun[$words]:-} ]] || continue
    begun[$words]=yes
    # shellcheck disable=SC2086  # a list of words
    background pipeline $words
  done
done
finish
