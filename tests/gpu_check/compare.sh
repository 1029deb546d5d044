#!/usr/bin/env bash
# compare.sh cpu|cuda: benchmarks/compare.py and step_profile.py against the programs of this build, a few steps of the
# smallest model. cpu: also what they refuse, and what they say of a GPU that is not there. Wanted from the environment: BIN,
# SOURCE, TORCH_PYTHON.
set -uo pipefail
device="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0

skip() {
  echo "skipped: $1"
  exit 77
}
python="$(command -v "$TORCH_PYTHON" || echo python3)"
"$python" -c 'import torch, h5py' 2>/dev/null || skip "needs a Python with torch and h5py"
gpu="$("$python" -c 'import torch; print(torch.cuda.is_available())')"

# run CODE SCRIPT ARGUMENTS...: what it prints is in $work/out.
run() {
  local want="$1" script="$2" got=0
  shift 2
  "$python" "$SOURCE/benchmarks/$script" --build "${BIN%/bin}" "$@" >"$work/out" 2>&1 || got=$?
  ((got == want)) && return
  printf 'FAILED: exit code %d, not %d: %s %s\n' "$got" "$want" "$script" "$*"
  sed 's/^/    | /' "$work/out"
  failures=$((failures + 1))
}
has() {
  grep -qE -- "$1" "$work/out" && return
  printf 'FAILED: no line like: %s\n' "$1"
  sed 's/^/    | /' "$work/out"
  failures=$((failures + 1))
}
ratio='[0-9.]+ \([0-9.]+ to [0-9.]+\)'

if [[ "$device" == cuda ]]; then
  [[ "$gpu" == True ]] || skip "there is no GPU that PyTorch can use"
  run 0 compare.py --device cuda --models mlp mlp:bf16:128 --variants eager fused --rounds 2 --markdown "$work/table.md" --json-lines "$work/lines"
  has "^\| mlp \| 64 \| [0-9.e+]+ \| [0-9.e+]+ \| [0-9.e+]+ \| $ratio \| (eager|fused) \| $ratio \| [0-9.]+ \|"
  has '^\| mlp:bf16:128 \| 128 \| '
  cmp -s <(grep '^| mlp' "$work/out") <(grep '^| mlp' "$work/table.md") || { echo "FAILED: another table"; failures=1; }
  [[ "$(grep -c '"step_seconds"' "$work/lines")" == 12 ]] || { echo "FAILED: not twelve figures"; failures=1; }
  run 0 step_profile.py --device cuda --models mlp --steps 50
  has 'products fp32 [0-9.]+ TFLOP/s, tf32 [0-9.]+ TFLOP/s, bf16 [0-9.]+ TFLOP/s; copy [0-9.]+ GB/s$'
  has '^\| mlp \| fp32 \| 64 \| '
else
  run 2 compare.py --device cuda --ranks 2
  has 'error: --device cuda compares one rank with one; leave --ranks out$'
  run 2 compare.py --json-lines "$work/lines"
  has 'error: --json-lines needs --device cuda$'
  run 2 compare.py --variants reduce-overhead
  has 'error: the variant reduce-overhead needs --device cuda$'
  run 2 compare.py --models mlp:bf16
  has "error: a precision of a model's own needs --device cuda\$"
  run 2 compare.py --device cuda --models mlp:fp64
  has "error: argument --models: invalid model value: 'mlp:fp64'\$"
  run 2 step_profile.py --precision bf16
  has 'error: --precision bf16 needs --device cuda$'
  run 0 compare.py --models mlp --variants fused --rounds 1 --steps 20 --json "$work/figures"
  has "^\| mlp \| 64 \| [0-9.e+]+ \| [0-9.e+]+ \| $ratio \| fused \| $ratio \|$"
  grep -q '"fused"' "$work/figures" || { echo "FAILED: no figures"; failures=1; }
  run 0 step_profile.py --models mlp --steps 20
  has '^\| mlp \| 64 \| '
  if [[ "$gpu" != True ]]; then
    # Each side fails for itself, with its reason, and the table is there all the same.
    run 1 compare.py --device cuda --models mlp --variants fused --rounds 2 --seconds 100 --markdown "$work/table.md"
    has '^\| mlp \| 64 \| failed \| failed \|'
    has '^failed: mlp, fused: [A-Za-z]+: '
    has "^failed: mlp, ours: train_seq: .*'parallel.device': "
    grep -q '^failed: mlp, fused: ' "$work/table.md" || { echo "FAILED: the file lacks the reason"; failures=1; }
    run 2 step_profile.py --device cuda
    has 'error: --device cuda: this PyTorch sees no GPU$'
  fi
fi
((failures == 0)) && echo passed
exit $((failures > 0))
