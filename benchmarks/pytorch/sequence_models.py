"""Translation and language models of the suite as a PyTorch user would write them."""

import math
import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


class Seq2Seq(nn.Module):
    """LSTM encoder and decoder (Sutskever et al. 2014), as in the tutorial pytorch-seq2seq 1.

    source (B, T), target (B, U) with its begin and end, 0 is padding -> logits (B, U - 1, target vocabulary).
    teacher_forcing: probability, drawn for each step, that the decoder reads the true last token, not its own.
    """

    def __init__(self, source_vocabulary, target_vocabulary, width=256, hidden=512, layers=2, dropout=0.5):
        super().__init__()
        self.source_embedding = nn.Embedding(source_vocabulary, width)
        self.target_embedding = nn.Embedding(target_vocabulary, width)
        self.encoder = nn.LSTM(width, hidden, layers, batch_first=True, dropout=dropout)
        self.decoder = nn.LSTM(width, hidden, layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, target_vocabulary)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.08, 0.08)

    def forward(self, source, target, teacher_forcing=0.5):
        lengths = (source != 0).sum(1).cpu()
        x = self.dropout(self.source_embedding(source))
        _, state = self.encoder(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        token, logits = target[:, :1], []
        for step in range(1, target.size(1)):
            x, state = self.decoder(self.dropout(self.target_embedding(token)), state)
            logits.append(self.head(x))
            forced = random.random() < teacher_forcing
            token = target[:, step : step + 1] if forced else logits[-1].argmax(2)
        return torch.cat(logits, 1)


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def attention(self, x):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(width, 2)
        )
        rate = self.rate if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=True)
        return self.dropout(self.projection(y.transpose(1, 2).reshape(batch, length, width)))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.dropout(self.contract(F.gelu(self.expand(self.norm2(x)), approximate="tanh")))


class Gpt(nn.Module):
    """GPT-2 (Radford et al. 2019): tokens (B, T) -> logits (B, T, V) of the token after each."""

    def __init__(self, vocabulary, context, layers, heads, width, dropout=0.1):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                residual = "projection" in name or "contract" in name  # what is added to the residual stream
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if residual else 0.02)

    def forward(self, tokens):
        place = torch.arange(tokens.size(1), device=tokens.device)
        x = self.dropout(self.tokens(tokens) + self.positions(place))
        return self.head(self.norm(self.blocks(x)))
