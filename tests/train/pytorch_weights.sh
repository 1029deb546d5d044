#!/usr/bin/env bash
# The weights of PyTorch's twins through examples/pytorch_weights.cpp and back, and what it says of files that do not fit.
# Wanted from the environment: BIN, SOURCE, TORCH_PYTHON.
# shellcheck source=tests/cli/support.sh disable=SC2154
source "$(dirname "$0")/../cli/support.sh"
own_lines() { grep -c '^pytorch_weights: ' "$work/err"; }

program=$BIN/pytorch_weights
printf 'PK\003\004 and more of an archive' > "$work/archive.safetensors"
run 2 "$program" mlp "$work/archive.safetensors" "$work/back"
said_once "safetensors.torch.save_file(model.state_dict(), path)"
run 2 "$program" mlp "$work/none.safetensors" "$work/back"
said_once "none.safetensors: cannot be read"
run 2 "$program" perceptron "$work/none.safetensors" "$work/back"
said_once "'perceptron' is no model of this example"
[ ! -e "$work/back" ] || fail "something was written"

"$TORCH_PYTHON" -c 'import safetensors.torch' 2> /dev/null || skip "no Python with torch and safetensors at $TORCH_PYTHON"
"$TORCH_PYTHON" "$SOURCE/tests/train/pytorch_weights.py" "$program" "$work" || fail "weights or outputs differ"

# The weights of another model.
save() { "$TORCH_PYTHON" -c "
import torch, safetensors.torch
safetensors.torch.save_file({$1}, '$work/in.safetensors')"; }
mlp="'1.weight': torch.ones(250, 784), '1.bias': torch.ones(250), '3.weight': torch.ones(100, 250), '3.bias': torch.ones(100),
  '5.bias': torch.ones(10)"
save "$mlp"
run 2 "$program" mlp "$work/in.safetensors" "$work/back"
said_once "has no tensor '5.weight', for 'output.linear.weight' of the module"
save "$mlp, '5.weight': torch.ones(100, 10)"
run 2 "$program" mlp "$work/in.safetensors" "$work/back"
said_once "tensor '5.weight' is F32 [100, 10], 'output.linear.weight' of the module is F32 [10, 100]"
save "$mlp, '5.weight': torch.ones(10, 100, dtype=torch.float64)"
run 2 "$program" mlp "$work/in.safetensors" "$work/back"
said_once "is F64 [10, 100]"
save "$mlp, '5.weight': torch.ones(10, 100), '7.weight': torch.ones(2)"
run 2 "$program" mlp "$work/in.safetensors" "$work/back"
said_once "the module has nothing called '7.weight'"
[ ! -e "$work/back" ] || fail "something was written"
save "$mlp, '5.weight': torch.ones(10, 100)"
run 0 "$program" mlp "$work/in.safetensors" "$work/back"
finish
