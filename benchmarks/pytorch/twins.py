#!/usr/bin/env python3
"""The PyTorch twins of the suite's models: same shapes, counts and defaults. Run as a program it checks the counts."""

from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from torch import nn

from image_models import CnnCifar10, CnnMnist, ConvAutoencoder, Mlp, Vgg11
from sequence_models import Gpt, Seq2Seq
from text_models import Nbow, Recurrent, TextCnn, Transformer


def classification_loss(model, inputs, targets):
    return F.cross_entropy(model(inputs), targets)


def reconstruction_loss(model, images, _labels):
    return F.mse_loss(model(images), images)


def translation_loss(model, source, target):
    return F.cross_entropy(model(source, target).flatten(0, 1), target[:, 1:].flatten(), ignore_index=0)


def language_loss(model, tokens, targets):
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


@dataclass(frozen=True)
class Twin:
    make: Callable[[dict], nn.Module]  # from a data section: shape, or vocabulary, classes and max_length
    counts: list  # (what the data section holds, parameters then)
    loss: Callable = classification_loss  # (model, *batch) -> mean loss


def transformer(length, width, heads, layers, feed_forward, pooling="mean"):
    return lambda data: Transformer(
        data["vocabulary"], data["classes"], length, width, heads, layers, feed_forward, pooling
    )


def text_sizes(vocabulary, classes):
    return {"vocabulary": vocabulary, "classes": classes}


IMDB, AG_NEWS = text_sizes(21635, 2), text_sizes(20000, 4)
TWINS = {
    "mlp": Twin(lambda data: Mlp(), [({}, 222_360)]),
    "cnn_mnist": Twin(lambda data: CnnMnist(), [({}, 2_770_634)]),
    "cnn_cifar10": Twin(lambda data: CnnCifar10(), [({}, 1_147_914)]),
    "vgg11": Twin(lambda data: Vgg11(), [({}, 128_812_810)]),
    "conv_autoencoder": Twin(
        lambda data: ConvAutoencoder(data["shape"][0]),
        [({"shape": [1, 28, 28]}, 1_077), ({"shape": [3, 32, 32]}, 1_495)],
        reconstruction_loss,
    ),
    "nbow": Twin(lambda data: Nbow(data["vocabulary"], data["classes"]), [(IMDB, 6_491_102)]),
    "text_cnn": Twin(lambda data: TextCnn(data["vocabulary"], data["classes"]), [(IMDB, 6_941_402)]),
    "lstm": Twin(
        lambda data: Recurrent(nn.LSTM, data["vocabulary"], data["classes"]), [(IMDB, 10_101_302), (AG_NEWS, 9_612_004)]
    ),
    "gru": Twin(
        lambda data: Recurrent(nn.GRU, data["vocabulary"], data["classes"]), [(IMDB, 9_198_902), (AG_NEWS, 8_709_604)]
    ),
    "transformer_small": Twin(transformer(128, 128, 4, 2, 256), [(AG_NEWS, 2_825_476)]),
    "transformer_small_cls": Twin(transformer(128, 128, 4, 2, 256, "cls"), [(AG_NEWS, 2_825_476)]),
    "transformer_large": Twin(transformer(256, 256, 8, 4, 1024), [(AG_NEWS, 8_280_068)]),
    "seq2seq": Twin(
        lambda data: Seq2Seq(data["vocabulary"], data.get("target_vocabulary", data["vocabulary"])),
        [({"vocabulary": 7853, "target_vocabulary": 5893}, 13_898_501)],
        translation_loss,
    ),
    "gpt_mini": Twin(
        lambda data: Gpt(data["vocabulary"], 128, 4, 4, 128), [({"vocabulary": 256}, 842_496)], language_loss
    ),
    "gpt2_124m": Twin(
        lambda data: Gpt(data["vocabulary"], 1024, 12, 12, 768), [({"vocabulary": 50257}, 124_439_808)], language_loss
    ),
}


def build(name, data, seed=42):
    """The twin with its initial weights from the seed; fails when its parameter count is not the suite's."""
    torch.manual_seed(seed)
    model = TWINS[name].make(data)
    count = sum(p.numel() for p in model.parameters())
    for sizes, expected in TWINS[name].counts:
        if sizes.items() <= data.items() and count != expected:
            raise ValueError(f"{name} has {count} parameters, not {expected}, at {sizes}")
    return model


def main():
    with torch.device("meta"):
        for name, row in TWINS.items():
            for sizes, expected in row.counts:
                build(name, sizes)
                print(f"{name:22} {expected:>12,}  {sizes or ''}")


if __name__ == "__main__":
    main()
