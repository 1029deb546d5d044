"""The text classifiers of the suite as a PyTorch user would write them.

Inputs (B, T) int64 token ids, 0 is padding; outputs (B, classes). A text has at least one token.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


class Nbow(nn.Module):
    """Mean of the embeddings of the real tokens, then one linear layer."""

    def __init__(self, vocabulary, classes, width=300):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, width, mode="mean")
        self.head = nn.Linear(width, classes)

    def forward(self, tokens):
        real = tokens != 0  # padding_idx instead makes EmbeddingBag half as fast
        ends = real.sum(1).cumsum(0)
        return self.head(self.embedding(tokens[real], F.pad(ends[:-1], (1, 0))))


class TextCnn(nn.Module):
    """Kim 2014: convolutions over time, maximum over the windows that hold a real token."""

    def __init__(self, vocabulary, classes, width=300, filters=100, kernels=(3, 5, 7), dropout=0.25):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, kernel) for kernel in kernels)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(filters * len(kernels), classes)

    def forward(self, tokens):
        padding = (tokens == 0).unsqueeze(1)
        x = self.embedding(tokens).transpose(1, 2)
        pooled = []
        for convolution in self.convolutions:
            y = convolution(x)  # window i begins with token i: it is padding alone when that token is
            y = y.masked_fill(padding[:, :, : y.size(2)], -math.inf)
            pooled.append(torch.relu(y.max(2).values))
        return self.head(self.dropout(torch.cat(pooled, 1)))


class Recurrent(nn.Module):
    """Two bidirectional layers over packed sequences; the last hidden state of both directions is classified."""

    def __init__(self, kind, vocabulary, classes, width=300, hidden=300, layers=2, dropout=0.5):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.rnn = kind(width, hidden, layers, batch_first=True, bidirectional=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, tokens):
        x = self.dropout(self.embedding(tokens))
        lengths = (tokens != 0).sum(1).cpu()
        _, state = self.rnn(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        hidden = state[0] if isinstance(state, tuple) else state  # (layers * 2, B, hidden)
        return self.head(self.dropout(torch.cat((hidden[-2], hidden[-1]), 1)))


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
    """Encoder with sinusoidal positions. pooling: "mean" over the real tokens, or "cls", the first token."""

    def __init__(self, vocabulary, classes, length, width, heads, layers, feed_forward, pooling="mean", dropout=0.1):
        super().__init__()
        self.pooling = pooling
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = PositionalEncoding(length, width, dropout)
        layer = nn.TransformerEncoderLayer(width, heads, feed_forward, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens):
        padding = tokens == 0
        x = self.positions(self.embedding(tokens))
        x = self.encoder(x, src_key_padding_mask=padding)
        if self.pooling == "cls":
            return self.head(x[:, 0])
        real = (~padding).unsqueeze(-1).to(x.dtype)
        return self.head((x * real).sum(1) / real.sum(1).clamp(min=1))
