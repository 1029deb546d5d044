#!/usr/bin/env bash
# examples/pytorch_checkpoint.py: PyTorch reads what a run wrote, and a run goes on from what PyTorch wrote.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

"${TORCH_PYTHON:-python3}" -c 'import safetensors, torch' 2> /dev/null || skip "no Python with the packages torch and safetensors"
python() { run 0 env PYTHONPATH="$SOURCE/examples" PYTHONDONTWRITEBYTECODE=1 "$TORCH_PYTHON" "$@"; }
end_of() { last_value "$1/run.h5" /epochs/train_loss; }

seq_run 0 --set checkpoint.every_steps=7 --set checkpoint.keep=9
whole=$(newest)
name=epoch_000001_step_00000028.safetensors  # 23 steps an epoch
mkdir -p "$work/same/checkpoint" "$work/other/checkpoint"
cp "$whole/config.yaml" "$work/same"
cp "$whole/config.yaml" "$work/other"

cat > "$work/there_and_back.py" <<'PY'
import sys
import torch
from pytorch_checkpoint import load, save

source, same, other = sys.argv[1:]
tensors, texts = load(source)
assert texts["steps_done"] == "28" and texts["within_epoch"] == "1", texts
weights = {name: t for name, t in tensors.items() if name.startswith("parameter/")}
assert weights and all(t.dtype == torch.float32 and t.isfinite().all() for t in weights.values())
for name, t in weights.items():
    moment = tensors["optimizer/first_moment/" + name.removeprefix("parameter/")]
    assert moment.shape == t.shape and moment.abs().max() > 0, name
assert tensors["epoch/loss"].dtype == torch.float64 and tensors["epoch/loss"][1] == 5 * 24
# As a module's state, and back.
module = torch.nn.Module()
for name, t in weights.items():
    module.register_parameter(name.replace(".", "_").replace("/", "_"), torch.nn.Parameter(t))
state = {name: module.state_dict()[name.replace(".", "_").replace("/", "_")] for name in weights}
save(same, {**tensors, **state}, texts)
assert all(torch.equal(t, tensors[name]) for name, t in load(same)[0].items())
save(other, {**tensors, **{name: t * 0.5 for name, t in state.items()}}, texts)
PY
python "$work/there_and_back.py" "$whole/checkpoint/$name" "$work/same/checkpoint/$name" "$work/other/checkpoint/$name"

for case in same other; do
  sleep 1
  run 0 "$BIN/train_seq" --resume "$work/$case" --output "$work/runs" --quiet
  went_on=$(newest)
  if [ "$(end_of "$went_on")" = "$(end_of "$whole")" ]; then equal=same; else equal=other; fi
  [ "$equal" = "$case" ] || fail "from PyTorch's '$case' a run ends at $(end_of "$went_on"), the first one at $(end_of "$whole")"
done

# A flipped bit is seen by both.
printf 'x' | dd of="$work/same/checkpoint/$name" bs=1 seek=$(($(stat -c %s "$work/same/checkpoint/$name") - 900)) conv=notrunc status=none
run 2 "$BIN/train_seq" --resume "$work/same" --output "$work/runs" --quiet
said_once "damaged: the checksum of tensor"
run 1 env PYTHONPATH="$SOURCE/examples" PYTHONDONTWRITEBYTECODE=1 "$TORCH_PYTHON" -c "import sys; from pytorch_checkpoint import load; load(sys.argv[1])" \
  "$work/same/checkpoint/$name"
grep -q "the checksum of tensor" "$work/err" || fail "Python does not see the damage"
finish
