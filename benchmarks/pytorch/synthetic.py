"""Batches of made-up data as our data sets of the same names make it: equal shapes, lengths and word frequencies."""

import numpy
import torch


def image_batch(random, data, batch):
    images = torch.from_numpy(random.random((batch, *data["shape"]), dtype=numpy.float32))
    if data.get("normalise", True):
        images = (images - 0.5) / 0.21
    return images, torch.from_numpy(random.integers(0, data["classes"], batch))


def lengths_of(random, longest, batch):
    shortest = max(1, longest // 4)
    return random.integers(shortest, longest + 1, (batch, 1))


def common_words(random, first, vocabulary, shape):
    """Small ids are the likelier: their share falls as that of words does."""
    return first + (random.random(shape) ** 3 * (vocabulary - first)).astype(numpy.int64)


def text_batch(random, data, batch):
    vocabulary, classes, longest = data["vocabulary"], data["classes"], data["max_length"]
    own = min(50, (vocabulary - 1) // (2 * classes))  # words of each class
    labels = random.integers(0, classes, (batch, 1))
    shape = (batch, longest)
    kind, of_class = random.random(shape), 1 + random.integers(0, own, shape)
    others = (labels + random.integers(1, classes, (batch, 1))) % classes
    tokens = common_words(random, 1 + own * classes, vocabulary, shape)
    tokens = numpy.where(kind < 0.20, of_class + others * own, tokens)
    tokens = numpy.where(kind < 0.14, of_class + labels * own, tokens)
    tokens[numpy.arange(longest) >= lengths_of(random, longest, batch)] = 0
    return torch.from_numpy(tokens), torch.from_numpy(labels[:, 0])


def pair_batch(random, data, batch):
    """Source and target of one length; the target has its begin (2) and end (3)."""
    longest = data["max_length"]
    lengths, place = lengths_of(random, longest - 2, batch), numpy.arange(longest)
    source = common_words(random, 4, data["vocabulary"], (batch, longest))
    target = common_words(random, 4, data["vocabulary"], (batch, longest))
    source[place >= lengths] = 0
    target[:, 0] = 2
    target[place == lengths + 1] = 3
    target[place > lengths + 1] = 0
    return torch.from_numpy(source[:, : lengths.max()].copy()), torch.from_numpy(target[:, : lengths.max() + 2].copy())


def token_batch(random, data, batch):
    tokens = torch.from_numpy(common_words(random, 0, data["vocabulary"], (batch, data["max_length"] + 1)))
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


MAKERS = {
    "synthetic_images": image_batch,
    "synthetic_text": text_batch,
    "synthetic_pairs": pair_batch,
    "synthetic_tokens": token_batch,
}


def make_batches(data, batch, count, seed=1):
    random = numpy.random.default_rng(seed)
    return [MAKERS[data["name"]](random, data, batch) for _ in range(count)]
