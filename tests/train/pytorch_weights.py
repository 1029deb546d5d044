"""Weights of PyTorch's twins (benchmarks/pytorch) go through examples/pytorch_weights.cpp and back.

pytorch_weights.py PROGRAM FOLDER [ROW...]: for each row of zoo.py, saves the twin's state_dict as Python does, lets the
program load it, compute and save it again, and wants the same outputs and, bit for bit, the same tensors.
"""

import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/pytorch"))
from twins import TWINS, build  # noqa: E402
from zoo import ZOO  # noqa: E402

ROWS = (
    "mlp", "cnn_mnist", "cnn_cifar10", "conv_autoencoder_mnist", "nbow", "text_cnn", "lstm", "gru", "transformer_small",
    "seq2seq", "gpt_mini",
)  # fmt: skip
COMPUTED = {"positions.table"}  # not learnt


def inputs_of(data):
    """As inputs_of() of the program."""
    shape = (2, *data.get("shape", [data.get("max_length")]))
    numbers = torch.arange(torch.Size(shape).numel()).view(shape)
    if "shape" in data:
        return (numbers.remainder(251).float() / 251,)
    tokens = 1 + (numbers * 7).remainder(data["vocabulary"] - 1)
    if data["name"] == "synthetic_text":
        tokens[:, -8:] = 0  # padding
    return (tokens, tokens.flip(1), 0.0) if data["name"] == "synthetic_pairs" else (tokens,)


def own_tensors(model):
    """Of its state_dict what is learnt, tied weights once: safetensors refuses to write them twice."""
    tensors, seen = {}, set()
    for name, tensor in model.state_dict().items():
        if name not in COMPUTED and tensor.data_ptr() not in seen:
            tensors[name] = tensor.contiguous()
        if tensor.numel() > 0:
            seen.add(tensor.data_ptr())
    return tensors


def sampled(outputs):
    flat = outputs.flatten()
    return [flat[i * (flat.numel() - 1) // 15].item() for i in range(16)]


def check(row, program, folder):
    data = ZOO[row].data
    model, inputs = build(ZOO[row].twin, data, seed=7), inputs_of(data)
    with torch.no_grad():
        model(*inputs)  # statistics of batch normalisation that are not the initial ones
        expected = model.eval()(*inputs)
    state = own_tensors(model)
    given, returned = str(folder / "given.safetensors"), str(folder / "returned.safetensors")
    save_file(state, given)
    run = subprocess.run([program, row, given, returned], capture_output=True, text=True)
    if run.returncode != 0:
        return [f"exit code {run.returncode}: {run.stderr.strip()}"]
    outputs = [float(line) for line in run.stdout.split()]
    faults = [
        f"output {i}: {ours} here, {theirs} in PyTorch"
        for i, (ours, theirs) in enumerate(zip(outputs, sampled(expected), strict=True))
        if not abs(ours - theirs) <= 1e-4 * max(1.0, abs(theirs))
    ]
    back = load_file(returned)
    if back.keys() != state.keys():
        faults.append(f"other names came back: {sorted(back.keys() ^ state.keys())}")
    faults += [f"{name} came back changed" for name in back if name in state and not torch.equal(back[name], state[name])]
    other = build(ZOO[row].twin, data, seed=8)
    other.load_state_dict(back, strict=False)
    with torch.no_grad():
        if not torch.equal(other.eval()(*inputs), expected):
            faults.append("a PyTorch model with the weights that came back computes something else")
    return faults


def main():
    program, folder, rows = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] or ROWS
    torch.set_num_threads(1)
    failed = 0
    for row in rows:
        faults = check(row, program, folder)
        print(f"{row:24} {'FAILED' if faults else 'the same weights and outputs'}", flush=True)
        for fault in faults:
            print(f"  {fault}")
        failed += bool(faults)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
