"""Finds, for a sentence of the draft, the source sentences about the same thing.

Retrieval only: it says where to look, never whether the draft is right. Two scores, each between
0 and 1: the share of the draft sentence's words, weighted by how rare they are in the source,
that a source sentence contains; and the cosine of the two sentences' vectors.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from edgemed_models.encoder import encoder
from numpy.typing import NDArray

from edgemed.clinic.sentences import Sentence
from edgemed.clinic.words import content, words


class Match(NamedTuple):
    """A source sentence (by number) for a draft sentence, with both scores."""

    sentence: int
    overlap: float
    cosine: float

    @property
    def score(self) -> float:
        """Mean of the two."""
        return (self.overlap + self.cosine) / 2


class Index:
    """The source's sentences by their stems, and by their vectors, made when first needed.

    Keeps the vectors of what it was asked for.
    """

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self.sentences = sentences
        self.holding: dict[str, list[int]] = defaultdict(list)
        for i, sentence in enumerate(sentences):
            for stem in stems_of(sentence.text):
                self.holding[stem].append(i)
        self._asked: dict[str, NDArray[np.float32]] = {}

    def only(self, kept: Sequence[int]) -> "Index":
        """The index of some of the sentences, by number; their vectors are not made again."""
        index = Index([self.sentences[i] for i in kept])
        index.__dict__["vectors"] = self.vectors[list(kept)]
        index._asked = self._asked
        return index

    def rarity(self, stem: str) -> float:
        """Inverse document frequency of a stem; a stem the source lacks is the rarest."""
        return math.log(1 + (len(self.sentences) + 1) / (len(self.holding.get(stem, ())) + 0.5))

    def overlaps(self, text: str) -> NDArray[np.float32]:
        """Share of the text's weight that each sentence contains, f32 [sentences]."""
        shares = np.zeros(len(self.sentences), np.float32)
        wanted = {stem: self.rarity(stem) for stem in stems_of(text)}
        total = sum(wanted.values())
        for stem, weight in wanted.items():
            shares[self.holding.get(stem, [])] += weight / total
        return shares

    def cosines(self, text: str) -> NDArray[np.float32]:
        """Cosine of the text's vector with each sentence's, f32 [sentences]."""
        if text not in self._asked:
            self._asked[text] = encoder().vectors([text])[0]
        return np.asarray(self.vectors @ self._asked[text], np.float32)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """The sentences' vectors, f32 [sentences, 384]; making them is most of a review's time."""
        return encoder().vectors([s.text for s in self.sentences])

    def best(self, text: str, count: int = 3) -> list[Match]:
        """Up to `count` matches, best first; none where no sentence fits."""
        if not self.sentences:
            return []
        overlaps, cosines = self.overlaps(text), self.cosines(text)
        order = np.argsort(-(overlaps + cosines), kind="stable")[:count]
        return [
            Match(int(i), float(overlaps[i]), float(cosines[i]))
            for i in order
            if overlaps[i] > 0 or cosines[i] >= SPEAKS
        ]


SPEAKS = 0.3  # cosine from which a sentence without a word in common may still be evidence


def stems_of(text: str) -> set[str]:
    """Stems of the meaningful words of `text`."""
    return {word.stem for word in content(words(text))}
