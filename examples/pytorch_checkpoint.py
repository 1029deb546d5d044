"""Lockstep's checkpoints in PyTorch, both ways. Needs the packages torch and safetensors.

    tensors, texts = load("epoch_000002.safetensors")
    tensors["parameter/head.bias"] *= 0.5
    save("changed/checkpoint/epoch_000002.safetensors", tensors, texts)

Tensors are named kind/name, kinds are parameter, buffer, optimizer/first_moment and optimizer/second_moment;
docs/checkpoints.md describes them and the texts. Beside the changed checkpoint's folder must stand the run's
config.yaml for `train_... --resume changed`. Nothing in a file is executed, here or there.
"""

import json
import os
import zlib

import safetensors
import safetensors.torch

NO_DIGITS = "00000000"


def load(path):
    """The tensors, by name, and the texts, without the checksums, of which every one has been checked."""
    with open(path, "rb") as file:
        data = file.read()
    with safetensors.safe_open(path, framework="pt") as file:
        texts = dict(file.metadata())
    header, begin = _header_of(data)
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        if zlib.crc32(data[begin + first : begin + last]) != int(texts[f"crc32:{name}"], 16):
            raise ValueError(f"{path}: the checksum of tensor '{name}' does not match")
    return safetensors.torch.load(data), {key: text for key, text in texts.items() if "crc32" not in key}


def save(path, tensors, texts):
    """Writes a checkpoint that Lockstep takes: with a checksum of every tensor and of the header."""
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    header, begin = _header_of(data)
    entries = dict(sorted(header.items(), key=lambda item: item[1]["data_offsets"]))
    sums = {}
    for name, entry in entries.items():
        first, last = entry["data_offsets"]
        sums[f"crc32:{name}"] = f"{zlib.crc32(data[begin + first : begin + last]):08x}"
    whole = {"__metadata__": {"header_crc32": NO_DIGITS, **texts, **sums}, **entries}
    text = json.dumps(whole, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    text = text.replace(NO_DIGITS.encode(), f"{zlib.crc32(text):08x}".encode(), 1)
    with open(path + ".partial", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data[begin:])
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".partial", path)


def _header_of(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), 8 + length
