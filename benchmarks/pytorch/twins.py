"""The models of the suite as a PyTorch user would write them, for comparison. Same shapes, counts and defaults."""

import math

import torch
from torch import nn


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Flatten(), nn.Linear(784, 250), nn.ReLU(), nn.Linear(250, 100), nn.ReLU(), nn.Linear(100, 10)
        )


class CnnMnist(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 26 * 26, 128), nn.ReLU(), nn.Linear(128, 10)
        )


class CnnCifar10(nn.Sequential):
    def __init__(self):
        blocks = []
        for inside, outside in ((3, 32), (32, 64), (64, 128)):
            blocks += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*blocks, nn.Flatten(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 10))


class PositionalEncoding(nn.Module):
    def __init__(self, length, width, dropout):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        place = torch.arange(length).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(1, length, width)
        table[0, :, 0::2] = torch.sin(place * rate)
        table[0, :, 1::2] = torch.cos(place * rate)
        self.register_buffer("table", table)

    def forward(self, x):
        return self.dropout(x + self.table[:, : x.size(1)])


class Transformer(nn.Module):
    def __init__(self, length, width, heads, layers, feed_forward, vocabulary=20000, classes=4, dropout=0.1):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = PositionalEncoding(length, width, dropout)
        layer = nn.TransformerEncoderLayer(width, heads, feed_forward, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens):
        padding = tokens == 0
        x = self.positions(self.embedding(tokens))
        x = self.encoder(x, src_key_padding_mask=padding)
        real = (~padding).unsqueeze(-1).to(x.dtype)
        return self.head((x * real).sum(1) / real.sum(1).clamp(min=1))


# name: (constructor, sample shape, classes, parameters)
TWINS = {
    "mlp": (Mlp, (1, 28, 28), 10, 222_360),
    "cnn_mnist": (CnnMnist, (1, 28, 28), 10, 2_770_634),
    "cnn_cifar10": (CnnCifar10, (3, 32, 32), 10, 1_147_914),
    "transformer_small": (lambda: Transformer(128, 128, 4, 2, 256), (128,), 4, 2_825_476),
    "transformer_large": (lambda: Transformer(256, 256, 8, 4, 1024), (256,), 4, 8_280_068),
}


def build(name, seed=42):
    """The twin with its initial weights from the seed; fails when its parameter count is not the suite's."""
    constructor, _, _, parameters = TWINS[name]
    torch.manual_seed(seed)
    model = constructor()
    count = sum(p.numel() for p in model.parameters())
    if count != parameters:
        raise ValueError(f"{name} has {count} parameters, not {parameters}")
    return model
