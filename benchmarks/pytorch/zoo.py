"""What is compared: for each row the settings of both sides. Needs nothing but Python."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    twin: str  # name in twins.py
    model: dict  # our section `model`
    data: dict  # our section `data`, from which the twin's data and sizes follow too
    batch: int  # global
    steps: int  # timed steps of one run: a few seconds on one core, where a step is short enough
    clip: float = 0  # largest 2-norm of the gradient

    @property
    def bytes_per_sample(self):
        """Of its made-up data: 4 a pixel, 8 a token, twice for pairs."""
        return 4 * math.prod(self.data["shape"]) if "shape" in self.data else 16 * self.data["max_length"]


MNIST = {"name": "synthetic_images", "shape": [1, 28, 28], "classes": 10}
CIFAR10 = {"name": "synthetic_images", "shape": [3, 32, 32], "classes": 10}
PIXELS = {"normalise": False}  # in [0, 1], for the autoencoder's sigmoid
IMAGENET_SIZE = {"name": "synthetic_images", "shape": [3, 224, 224], "classes": 10}
AG_NEWS = {"name": "synthetic_text", "vocabulary": 20000, "classes": 4, "max_length": 128}
LONG_NEWS = {**AG_NEWS, "max_length": 256}
IMDB = {"name": "synthetic_text", "vocabulary": 21635, "classes": 2, "max_length": 256}
MULTI30K = {"name": "synthetic_pairs", "vocabulary": 5893, "max_length": 32}
BYTES = {"name": "synthetic_tokens", "vocabulary": 256, "max_length": 128}
GPT2_TOKENS = {"name": "synthetic_tokens", "vocabulary": 50257, "max_length": 1024}

ZOO = {
    "mlp": Row("mlp", {"name": "mlp"}, MNIST, 64, 400),
    "cnn_mnist": Row("cnn_mnist", {"name": "cnn", "preset": "mnist"}, MNIST, 64, 60),
    "cnn_cifar10": Row("cnn_cifar10", {"name": "cnn", "preset": "cifar10"}, CIFAR10, 64, 40),
    "vgg11_32": Row("vgg11", {"name": "vgg11"}, CIFAR10, 64, 6),
    "vgg11_224": Row("vgg11", {"name": "vgg11"}, IMAGENET_SIZE, 8, 3),
    "conv_autoencoder_mnist": Row("conv_autoencoder", {"name": "conv_autoencoder"}, {**MNIST, **PIXELS}, 64, 200),
    "conv_autoencoder_cifar10": Row("conv_autoencoder", {"name": "conv_autoencoder"}, {**CIFAR10, **PIXELS}, 64, 100),
    "nbow": Row("nbow", {"name": "nbow"}, IMDB, 512, 40),
    "text_cnn": Row("text_cnn", {"name": "text_cnn"}, AG_NEWS, 64, 12),
    "lstm": Row("lstm", {"name": "lstm"}, AG_NEWS, 64, 4),
    "gru": Row("gru", {"name": "gru"}, AG_NEWS, 64, 4),
    "transformer_small": Row("transformer_small", {"name": "transformer", "preset": "small"}, AG_NEWS, 64, 12),
    "transformer_large": Row("transformer_large", {"name": "transformer", "preset": "large"}, LONG_NEWS, 64, 4),
    "seq2seq": Row("seq2seq", {"name": "seq2seq"}, MULTI30K, 128, 6, clip=1),
    "gpt_mini": Row("gpt_mini", {"name": "gpt", "preset": "mini"}, BYTES, 32, 10, clip=1),
    "gpt2_124m": Row("gpt2_124m", {"name": "gpt", "preset": "gpt2_124m"}, GPT2_TOKENS, 1, 3, clip=1),
}
