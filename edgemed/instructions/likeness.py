"""How alike two texts are: ROUGE-L's F, the longest common subsequence of words (Lin 2004).

    F = 2 L / (m + n)        L: common words in order; m, n: words of either text

A word is a run of letters and digits in lower case, not stemmed: for ASCII text the same as in
rouge-score. Words become numbers, and the comparisons run in rapidfuzz (extra `instructions`):
its normalized Indel similarity is this F.

Most pairs need no comparison. Two texts with F over 7 / 10 have more than 7 / 13 of the words of
either in common. So if the words of both are put into one order, rarest first, and of each text the
first 6 / 13 are looked at (and one more), these have a word in common (prefix filtering, Chaudhuri
et al. 2006). Numbers are given as words come up: high ones are rare. Nothing is missed by it.
52,000 texts against each other: `python -m tests.bench.likeness`.
"""

from collections import defaultdict
from typing import Any

from edgemed.errors import EdgemedError, Refused
from edgemed.evals.metrics import WORD

MOST_ALIKE = (7, 10)  # a text is too like another where F is over 7 / 10, as in AlpaCare
SURROGATES = 0xD800, 0x800  # characters that no text has: the first, and how many
MOST_WORDS = 0x110000 - SURROGATES[1]


def require() -> Any:
    """rapidfuzz. EdgemedError where it is not installed."""
    try:
        import rapidfuzz.distance
        import rapidfuzz.process
    except ImportError:
        raise EdgemedError(
            "rapidfuzz is not installed", "pip install 'edgemed[instructions]'"
        ) from None
    return rapidfuzz


class Texts:
    """Texts kept so far, each as a sequence of word numbers, to compare another one with."""

    def __init__(self) -> None:
        self._fuzz = require()
        self._numbers: dict[str, int] = {}
        self._kept: list[str] = []
        self._with: defaultdict[str, list[int]] = defaultdict(list)  # places by each rare word

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, text: str) -> None:
        """Keep `text`."""
        coded = self._coded(text)
        for word in rare(coded):
            self._with[word].append(len(self._kept))
        self._kept.append(coded)

    def nearest(self, text: str) -> tuple[int, float] | None:
        """The place (from 0) and the F of a kept text that `text` is too like; None if there is
        none. Of several the most alike, and of equals the first."""
        coded = self._coded(text)
        near = sorted(set().union(*(self._with.get(word, ()) for word in rare(coded))))
        above = MOST_ALIKE[0] / MOST_ALIKE[1] - 1e-9
        found = self._fuzz.process.extractOne(
            coded,
            [self._kept[place] for place in near],
            scorer=self._fuzz.distance.Indel.normalized_similarity,
            score_cutoff=above,
        )
        if found is None:
            return None
        length = len(coded) + len(found[0])
        common = self._fuzz.distance.LCSseq.similarity(coded, found[0])
        if not is_over(common, length):
            return None
        return near[found[2]], 2 * common / length

    def too_like(self, text: str) -> bool:
        """Whether `text` is too like a kept one."""
        return self.nearest(text) is not None

    def _coded(self, text: str) -> str:
        """A character for every word, in the order of their numbers."""
        numbers = self._numbers
        return "".join(
            character(numbers.setdefault(word, len(numbers))) for word in WORD.findall(text.lower())
        )


def rare(coded: str) -> set[str]:
    """The rarest words of a text: of two texts that are too like each other these have one in
    common."""
    part, whole = MOST_ALIKE
    common = len(coded) * part // (2 * whole - part) + 1  # words in common, at least
    return set(sorted(coded, reverse=True)[: max(0, len(coded) - common + 1)])


def is_over(common: int, length: int) -> bool:
    """Whether 2 `common` / `length` is over MOST_ALIKE, in whole numbers."""
    return 2 * common * MOST_ALIKE[1] > MOST_ALIKE[0] * length


def character(number: int) -> str:
    """The character for the word with this number."""
    if number >= MOST_WORDS:
        raise Refused(f"there are more than {MOST_WORDS:,} different words", "give a smaller file")
    return chr(number if number < SURROGATES[0] else number + SURROGATES[1])


def too_like(one: str, other: str) -> bool:
    """Whether two texts are too like each other."""
    texts = Texts()
    texts.add(other)
    return texts.too_like(one)
