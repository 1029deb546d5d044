"""What each twin is trained on and for: the data, its batches, the metric of the suite for its task."""

import math
from dataclasses import dataclass
from typing import Callable, Optional

import numpy
import torch
import torch.nn.functional as F

import real_data


class Images:
    """uint8 images in memory, normalised and, in training, augmented batch by batch."""

    def __init__(self, images, labels, scale, augment=None):
        self.images, self.labels, self.scale, self.augment = images, labels, scale, augment

    def __len__(self):
        return len(self.labels)

    def lengths(self):
        return None

    def batch(self, ids):
        pixels = self.images[ids].float() / 255
        if self.augment:
            pixels = self.augment(pixels)
        mean, deviation = self.scale
        return (pixels - mean) / deviation, self.labels[ids]


class Texts:
    """Rows padded with 0; a batch is cut to its longest row, and no shorter than the widest kernel of text_cnn."""

    LEAST = 7

    def __init__(self, tokens, labels):
        self.tokens, self.labels = tokens, labels

    def __len__(self):
        return len(self.labels)

    def lengths(self):
        return (self.tokens != 0).sum(1).numpy()

    def batch(self, ids):
        tokens = self.tokens[ids]
        longest = max(int((tokens != 0).sum(1).max()), self.LEAST)
        return tokens[:, :longest], self.labels[ids]


class Pairs:
    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def lengths(self):
        return numpy.array([len(source) for source, _ in self.pairs])

    def batch(self, ids):
        rows = [self.pairs[i] for i in ids.tolist()]
        return tuple(real_data.padded(side) for side in zip(*rows))


class Windows:
    def __init__(self, tokens, targets):
        self.tokens, self.targets = tokens, targets

    def __len__(self):
        return len(self.tokens)

    def lengths(self):
        return None

    def batch(self, ids):
        return self.tokens[ids], self.targets[ids]


def crop(pixels, padding):
    """A place of its own for each image."""
    batch, _, height, width = pixels.shape
    padded = F.pad(pixels, [padding] * 4)
    down, right = torch.randint(2 * padding + 1, (2, batch, 1))
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    return padded[torch.arange(batch)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def crop_flip(pixels):
    """CIFAR-10's: random crop with 4 pixels of padding, every other image mirrored."""
    pixels = crop(pixels, 4)
    mirrored = torch.rand(len(pixels), 1, 1, 1) < 0.5
    return torch.where(mirrored, pixels.flip(3), pixels)


def rotate_crop(pixels):
    """MNIST's: rotation by up to 5 degrees, random crop with 2 pixels of padding."""
    angle = (2 * torch.rand(len(pixels)) - 1) * math.radians(5)
    zero = torch.zeros_like(angle)
    turn = torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(turn, list(pixels.shape), align_corners=False)
    return crop(F.grid_sample(pixels, grid, mode="nearest", align_corners=False), 2)


def first_rows(parts, rows):
    return [part[:rows] for part in parts]


def load_images(read):
    def load(args, settings):
        train, test = read(args.data)
        train = first_rows(train, args.rows)
        scale = 0.0, 1.0  # an autoencoder's pixels stay in [0, 1]
        if settings.task != "reconstruction":
            pixels = train[0].float() / 255
            scale = pixels.mean((0, 2, 3)).view(-1, 1, 1), pixels.std((0, 2, 3)).view(-1, 1, 1)
        augment = settings.augment if args.augment else None
        held_out = Images(*first_rows(test, args.test_rows), scale)
        return Images(*train, scale, augment), held_out, {"shape": [*train[0].shape[1:]]}

    return load


def load_ag_news(args, settings):
    tokenizer = real_data.HashTokenizer(20000)
    train, test = (real_data.ag_news(args.data, split, tokenizer, settings.length) for split in ("train", "test"))
    sizes = {"vocabulary": tokenizer.vocabulary, "classes": 4}
    return Texts(*first_rows(train, args.rows)), Texts(*first_rows(test, args.test_rows)), sizes


def load_multi30k(args, _):
    splits, (source, target) = real_data.multi30k(args.data)
    sizes = {"vocabulary": len(source), "target_vocabulary": len(target)}
    return Pairs(splits["train"][: args.rows]), Pairs(splits["validation"][: args.test_rows]), sizes


def load_text_file(args, settings):
    train, test = real_data.text_file(args.data, settings.length)
    sizes = {"vocabulary": 256}
    return Windows(*first_rows(train, args.rows)), Windows(*first_rows(test, args.test_rows)), sizes


@dataclass(frozen=True)
class Metric:
    name: str
    count: Callable  # (model, *batch) -> (sum, terms)
    of_mean: Callable = float  # sum / terms -> metric


def count_right(model, inputs, labels):
    return int((model(inputs).argmax(1) == labels).sum()), len(labels)


def squared_error(model, images, _labels):
    return float(F.mse_loss(model(images), images, reduction="sum")), images.numel()


def translation_entropy(model, source, target):
    """Without teacher forcing."""
    truth = target[:, 1:].flatten()
    logits = model(source, target, teacher_forcing=0).flatten(0, 1)
    return float(F.cross_entropy(logits, truth, ignore_index=0, reduction="sum")), int((truth != 0).sum())


def language_entropy(model, tokens, targets):
    return float(F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten(), reduction="sum")), targets.numel()


METRICS = {
    "classification": Metric("test accuracy", count_right),
    "reconstruction": Metric("test MSE", squared_error),
    "translation": Metric("validation perplexity", translation_entropy, math.exp),
    "language model": Metric("test bits per byte", language_entropy, lambda mean: mean / math.log(2)),
}


@dataclass(frozen=True)
class Settings:
    """Those of the published comparison."""

    load: Callable  # (args, settings) -> training split, held-out split, sizes of the model
    epochs: int
    task: str = "classification"
    batch: int = 64
    rows: Optional[int] = None  # of the training split, from its first; None: all
    length: int = 128  # of texts, longer ones are cut
    augment: Optional[Callable] = None
    augmented: bool = False  # unless the command line says otherwise
    clip: float = 0
    adamw: bool = False  # weight decay .1, beta2 .95, 100 steps of warm-up, then cosine to 0


MNIST, CIFAR10 = load_images(real_data.mnist), load_images(real_data.cifar10)
SETTINGS = {
    ("mlp", "mnist"): Settings(MNIST, 10, augment=rotate_crop),
    ("cnn_mnist", "mnist"): Settings(MNIST, 5, augment=rotate_crop),
    ("cnn_cifar10", "cifar10"): Settings(CIFAR10, 5, augment=crop_flip, augmented=True),
    ("vgg11", "cifar10"): Settings(CIFAR10, 1, rows=10000, augment=crop_flip, augmented=True),
    ("conv_autoencoder", "mnist"): Settings(MNIST, 3, task="reconstruction"),
    ("conv_autoencoder", "cifar10"): Settings(CIFAR10, 3, task="reconstruction"),
    ("nbow", "ag_news"): Settings(load_ag_news, 5),
    ("text_cnn", "ag_news"): Settings(load_ag_news, 2),
    ("lstm", "ag_news"): Settings(load_ag_news, 1, rows=10000),
    ("gru", "ag_news"): Settings(load_ag_news, 1, rows=10000),
    ("transformer_small", "ag_news"): Settings(load_ag_news, 5),
    ("transformer_small_cls", "ag_news"): Settings(load_ag_news, 5),
    ("transformer_large", "ag_news"): Settings(load_ag_news, 20, length=256),
    ("seq2seq", "multi30k"): Settings(load_multi30k, 10, task="translation", batch=128, clip=1),
    ("gpt_mini", "text_file"): Settings(load_text_file, 1, task="language model", batch=32, clip=1, adamw=True),
}
