"""What a model is fed: documents of token ids with the weight of each, packed into rows.

Weight 0 marks tokens that are only read. Copying and recall on random tokens come first in a base's
diet: without them nothing that depends on copying is learned at this size.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import numpy as np
from edgemed_models.scale.clinical_tasks import CLINICAL_KINDS, UNSEEN_KIND, clinical_item
from edgemed_models.scale.instructions import draw_instruction
from excerpts import draw_excerpt
from note_forms import formed
from numpy.typing import NDArray
from relayout import draw_relayout
from reports import draw_report
from vocabulary import BEGIN, Pieces


class Document(NamedTuple):
    ids: list[int]
    weights: list[float]
    source: int  # number of its entry in SOURCES


class Rows(NamedTuple):
    """`tokens` int64 and `weights` float32 (rows, length); `sources` int64, -1 where unlearned."""

    tokens: NDArray[np.int64]
    weights: NDArray[np.float32]
    sources: NDArray[np.int64]


COPIED = 0.2  # weight of a token of random copies: that of one in an answer of 25
Maker = Callable[[Random, Pieces, int], tuple[list[int], list[float]]]


def copy(rng: Random, pieces: Pieces, room: int) -> tuple[list[int], list[float]]:
    """A random sequence, then the same again; every other time as question and answer."""
    length = rng.randint(6, max(8, min(room // 2 - 4, room // rng.choice((2, 3, 5)))))
    sequence = rng.choices(pieces.words, k=length)
    if rng.random() < 0.5:
        ids = [BEGIN, *sequence, *sequence]
        return ids, [0.0] * (length + 2) + [COPIED] * (length - 1)
    ids = [BEGIN, pieces.user, *sequence, pieces.end, pieces.assistant, *sequence, pieces.end]
    return ids, [0.0] * (length + 4) + [COPIED] * (length + 1)


def recall(rng: Random, pieces: Pieces, room: int) -> tuple[list[int], list[float]]:
    """Random keys with random values, then the keys again in another order, to be answered."""
    separator = pieces.ids(":")
    count = rng.randint(3, max(4, room // 16))
    keys = rng.sample(pieces.words, count)
    values = {key: rng.choices(pieces.words, k=rng.randint(1, 4)) for key in keys}
    ids, weights = [BEGIN], [0.0]
    for round_ in range(2):
        for key in rng.sample(keys, count):
            ids += [key, *separator, *values[key], pieces.newline]
            weights += [0.0] * (1 + len(separator))
            weights += [COPIED * round_] * (len(values[key]) + 1)
    return ids, weights


def answered(pieces: Pieces, prompt: str, answer: str) -> tuple[list[int], list[float]]:
    """A prompt that is read and an answer that is learned, its closing token included.

    A token weighs 1 / sqrt(tokens of its answer): else long answers drown answers of one word.
    """
    asked, said = pieces.asked(prompt), [*pieces.ids(answer), pieces.end]
    return asked + said, [0.0] * len(asked) + [len(said) ** -0.5] * len(said)


def clinical(rng: Random, pieces: Pieces, room: int) -> tuple[list[int], list[float]]:
    item = clinical_item(rng, rng.choice(CLINICAL_KINDS), "train")
    return answered(pieces, formed(rng, item.prompt, room), item.answer)


def instruction(rng: Random, pieces: Pieces, _: int) -> tuple[list[int], list[float]]:
    item = draw_instruction(rng, "train").item
    return answered(pieces, item.prompt, item.answer)


def layout(rng: Random, pieces: Pieces, _: int) -> tuple[list[int], list[float]]:
    """Lines of random pieces, to be written again in a demanded format: any words in any format."""
    item = draw_relayout(rng, pieces.plain)
    return answered(pieces, item.prompt, item.answer)


def report(rng: Random, pieces: Pieces, _: int) -> tuple[list[int], list[float]]:
    """An everyday text of which lines of several kinds are kept, in any format."""
    item = draw_report(rng)
    return answered(pieces, item.prompt, item.answer)


def excerpt(rng: Random, pieces: Pieces, _: int) -> tuple[list[int], list[float]]:
    """Sentences of a note or of an everyday text, in any format."""
    item = draw_excerpt(rng)
    return answered(pieces, item.prompt, item.answer)


SOURCES: dict[str, Maker] = {
    "copy": copy,
    "recall": recall,
    "instruction": instruction,
    "clinical": clinical,
    "layout": layout,
    "report": report,
    "excerpt": excerpt,
}
NAMES = tuple(SOURCES)


def few_shot(rng: Random, pieces: Pieces, shots: int) -> list[Document]:
    """The first `shots` examples of the task that no model has seen."""
    items = [clinical_item(rng, UNSEEN_KIND, "train") for _ in range(shots)]
    source = NAMES.index("clinical")
    return [Document(*answered(pieces, i.prompt, i.answer), source) for i in items]


def documents(
    rng: Random, pieces: Pieces, shares: dict[str, float], length: int, tokens: int
) -> list[Document]:
    """Documents of at least `tokens` ids; `shares` are parts of the tokens."""
    made: list[Document] = []
    for name, share in shares.items():
        left = share * tokens * rng.uniform(0.97, 1.03)
        while left > 0:
            ids, weights = SOURCES[name](rng, pieces, length)
            if len(ids) <= length:
                made.append(Document(ids, weights, NAMES.index(name)))
                left -= len(ids)
    return made


def packed(made: list[Document], rows: int, length: int, rng: Random) -> Rows:
    """Whole documents laid into rows, longest first; what does not fit is left out."""
    bins: list[list[Document]] = [[] for _ in range(rows)]
    room = [length] * rows
    for document in sorted(made, key=lambda d: -len(d.ids)):
        fitting = [n for n in range(rows) if room[n] >= len(document.ids)]
        if fitting:
            row = max(fitting, key=lambda n: room[n])
            bins[row].append(document)
            room[row] -= len(document.ids)
    out = Rows(
        np.zeros((rows, length), np.int64),
        np.zeros((rows, length), np.float32),
        np.full((rows, length), -1),
    )
    for n, row_documents in enumerate(bins):
        rng.shuffle(row_documents)
        at = 0
        for document in row_documents:
            span = slice(at, at + len(document.ids))
            out.tokens[n, span], out.weights[n, span] = document.ids, document.weights
            out.sources[n, span] = document.source
            at = span.stop
    return out
