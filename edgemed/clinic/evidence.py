"""Finds, for a sentence of the draft, the source sentences that speak of the same thing.

Retrieval only: it says where to look, never whether the draft is right. The score is the share
of the draft sentence's words, weighted by how rare they are in the source, that a source
sentence (with the neighbour it answers or continues) carries.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

from edgemed.clinic.sentences import Sentence
from edgemed.clinic.words import content, words


class Index:
    """The source's sentences by the stems they carry; built once for a source."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self.sentences = sentences
        self.stems = [stems_of(s.text) for s in sentences]
        self.holding: dict[str, list[int]] = defaultdict(list)
        for i, stems in enumerate(self.stems):
            for stem in stems:
                self.holding[stem].append(i)

    def rarity(self, stem: str) -> float:
        """Inverse document frequency of a stem; a stem the source lacks is the rarest."""
        return math.log(1 + (len(self.sentences) + 1) / (len(self.holding.get(stem, ())) + 0.5))

    def best(self, text: str, count: int = 3) -> list[tuple[float, int]]:
        """Up to `count` (share of weight carried, sentence number), best first."""
        wanted = {stem: self.rarity(stem) for stem in stems_of(text)}
        total = sum(wanted.values())
        if not total:
            return []
        scores: dict[int, float] = defaultdict(float)
        for stem, weight in wanted.items():
            for i in self.holding.get(stem, ()):
                scores[i] += weight / total
        return [(score, i) for i, score in sorted(scores.items(), key=lambda s: (-s[1], s[0]))][
            :count
        ]


def stems_of(text: str) -> set[str]:
    """Stems of the meaningful words of `text`."""
    return {word.stem for word in content(words(text))}
