"""Batches of made-up data as our data sets of the same names make it: equal shapes, lengths and word frequencies."""

import numpy
import torch


def image_batch(random, data, batch):
    images = torch.from_numpy(random.random((batch, *data["shape"]), dtype=numpy.float32))
    if data.get("normalise", True):
        images = (images - 0.5) / 0.21
    return images, torch.from_numpy(random.integers(0, data["classes"], batch))


def text_batch(random, data, batch):
    vocabulary, classes, longest = data["vocabulary"], data["classes"], data["max_length"]
    own = min(50, (vocabulary - 1) // (2 * classes))  # words of each class
    labels = random.integers(0, classes, (batch, 1))
    shape = (batch, longest)
    kind, of_class = random.random(shape), 1 + random.integers(0, own, shape)
    others = (labels + random.integers(1, classes, (batch, 1))) % classes
    first = 1 + own * classes  # of the words common to all; small ids are the likelier
    tokens = first + (random.random(shape) ** 3 * (vocabulary - first)).astype(numpy.int64)
    tokens = numpy.where(kind < 0.20, of_class + others * own, tokens)
    tokens = numpy.where(kind < 0.14, of_class + labels * own, tokens)
    lengths = random.integers(max(1, longest // 4), longest + 1, (batch, 1))
    tokens[numpy.arange(longest) >= lengths] = 0
    return torch.from_numpy(tokens), torch.from_numpy(labels[:, 0])


def pair_batch(random, data, batch):
    """Begin (2), words, end (3), padding; the target is the source reversed."""
    longest, vocabulary = data["max_length"], data["vocabulary"]
    source = torch.zeros((batch, longest), dtype=torch.int64)
    target = source.clone()
    for row in range(batch):
        length = random.integers(1, longest - 1)
        words = torch.from_numpy(4 + (random.random(length) ** 2 * (vocabulary - 4)).astype(numpy.int64))
        for sentence, text in ((source, words), (target, words.flip(0))):
            sentence[row, 0], sentence[row, 1 : length + 1], sentence[row, length + 1] = 2, text, 3
    return source, target


def token_batch(random, data, batch):
    tokens = torch.from_numpy(random.integers(0, data["vocabulary"], (batch, data["max_length"] + 1)))
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
