"""Reads the files of the published sets with numpy and the standard library, as our data sets read them."""

import collections
import csv
import gzip
import io
import re
import tarfile

import numpy
import torch

PAD, UNKNOWN, BEGIN, END = range(4)  # of a vocabulary built from files


def existing(folder, *names):
    """The first of the files that is there."""
    path = next((folder / name for name in names if (folder / name).exists()), None)
    if path is None:
        raise SystemExit(f"{folder}: neither {' nor '.join(names)} is there")
    return path


def read_bytes(folder, name):
    path = existing(folder, name, f"{name}.gz")
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        return file.read()


def read_idx(folder, name):
    raw = read_bytes(folder, name)
    dimensions = raw[3]
    shape = numpy.frombuffer(raw, ">u4", dimensions, 4).astype(int)
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape)


def images_and_labels(images, labels):
    return torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(int))


def mnist(folder):
    """Training and test split: uint8 images (N, 1, 28, 28), labels (N)."""
    return [
        images_and_labels(
            read_idx(folder, f"{prefix}-images-idx3-ubyte")[:, None], read_idx(folder, f"{prefix}-labels-idx1-ubyte")
        )
        for prefix in ("train", "t10k")
    ]


def read_archive(path, names):
    """The files of a tar archive by their names without folder, in one pass."""
    with tarfile.open(path, "r|*") as tar:
        found = {m.name.rsplit("/", 1)[-1]: tar.extractfile(m).read() for m in tar if m.name.endswith(names)}
    missing = [name for name in names if name not in found]
    if missing:
        raise SystemExit(f"{path}: {missing[0]} is not in it")
    return found


def cifar10(folder):
    """Training and test split: uint8 images (N, 3, 32, 32), labels (N). The binary version's files, or its archive."""
    splits = [[f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]]
    names = tuple(name for split in splits for name in split)
    archive = next(folder.glob("*.tar.*"), None)
    if archive is None or (folder / names[0]).exists():
        files = {name: existing(folder, name).read_bytes() for name in names}
    else:
        files = read_archive(archive, names)
    records = [numpy.frombuffer(b"".join(files[n] for n in split), numpy.uint8).reshape(-1, 3073) for split in splits]
    return [images_and_labels(r[:, 1:].reshape(-1, 3, 32, 32), r[:, 0]) for r in records]


def fnv1a(word):
    value = 2166136261
    for byte in word:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


class HashTokenizer:
    """ASCII letters in lower case, split on ASCII white space, id = 1 + FNV-1a mod (V - 1), 0 is padding."""

    def __init__(self, vocabulary):
        self.vocabulary, self.ids = vocabulary, {}

    def __call__(self, text, length):
        words = text.encode().lower().split()[:length]
        for word in words:
            if word not in self.ids:
                self.ids[word] = 1 + fnv1a(word) % (self.vocabulary - 1)
        return [self.ids[word] for word in words]


def padded(rows, length=None):
    """Lists of ids -> (N, length) int64, padded with 0; without a length, to the longest."""
    table = numpy.zeros((len(rows), length or max(map(len, rows))), int)
    for line, row in zip(table, rows):
        line[: len(row)] = row
    return torch.from_numpy(table)


def ag_news(folder, split, tokenizer, length):
    """Tokens (N, length), labels (N); text: title, a space, description."""
    raw = existing(folder, f"{split}.csv").read_bytes().decode()
    raw = re.sub(r'\\"(?!\s*(,|\r|\n|$))', '""', raw)  # a quote within a field, where the field does not end there
    texts, labels = [], []
    for row in csv.reader(io.StringIO(raw, newline="")):
        if not row or row[0] == "Class Index":
            continue
        texts.append(tokenizer(" ".join(row[1:]), length))
        labels.append(int(row[0]) - 1)
    return padded(texts, length), torch.tensor(labels)


def basic_english(text):
    """Of bytes: ASCII in lower case; ' . , ( ) ! ? are tokens, " is dropped, ; : <br /> and white space separate."""
    text = re.sub(rb"(['.,()!?])", rb" \1 ", text.lower().replace(b'"', b""))
    return re.sub(rb"<br />|[;:]", b" ", text).split()


class Vocabulary:
    """Words of the training split that occur min_freq times, the frequent first, those alike by spelling."""

    def __init__(self, sentences, min_freq):
        counts = collections.Counter(word for sentence in sentences for word in sentence)
        kept = sorted((-count, word) for word, count in counts.items() if count >= min_freq)
        self.ids = {word: END + 1 + i for i, (_, word) in enumerate(kept)}

    def __len__(self):
        return len(self.ids) + END + 1

    def encode(self, sentence):
        return [BEGIN, *(self.ids.get(word, UNKNOWN) for word in sentence), END]


def multi30k(folder, languages=("de", "en"), min_freq=2):
    """{split: pairs of lists of ids} and the two vocabularies; a sentence has its begin and end."""

    def sentences(name):
        return [[basic_english(s) for s in read_bytes(folder, f"{name}.{lang}").splitlines()] for lang in languages]

    words = {"train": sentences("train"), "validation": sentences("val"), "test": sentences("test_2016_flickr")}
    vocabularies = [Vocabulary(side, min_freq) for side in words["train"]]
    encoded = {
        split: list(zip(*([v.encode(s) for s in side] for v, side in zip(vocabularies, sides)), strict=True))
        for split, sides in words.items()
    }
    return encoded, vocabularies


def text_file(path, context, test_share=0.1):
    """Bytes in windows: two of (tokens, targets), each (N, context); the end of the file is the test split."""
    tokens = torch.from_numpy(numpy.frombuffer(path.read_bytes(), numpy.uint8).astype(int))
    cut = len(tokens) - int(len(tokens) * test_share)
    return [windows(part, context) for part in (tokens[:cut], tokens[cut:])]


def windows(tokens, context):
    count = (len(tokens) - 1) // context
    end = count * context
    return tokens[:end].view(count, context), tokens[1 : end + 1].view(count, context)
