"""Simple ways to judge a draft sentence against its source, for comparison: higher is better held.

Each gives a sentence one score; below a threshold the sentence counts as flagged. The threshold
is set so that as many sentences of the untouched notes are flagged as the rule checks flag.
"""

from collections.abc import Callable, Sequence

import numpy as np
from edgemed_models.encoder import encoder
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from tests.bench.documents import tokens

Scores = Callable[[str], float]
WINDOW = 3  # consecutive source sentences that may hold a draft sentence together


def verbatim(source: str) -> Scores:
    """Share of the sentence's words inside its longest run that the source has as well."""
    words = tokens(source)
    runs = {
        length: {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
        for length in range(1, 13)
    }

    def score(sentence: str) -> float:
        said = tokens(sentence)
        for length in range(min(12, len(said)), 0, -1):
            if any(
                tuple(said[i : i + length]) in runs[length] for i in range(len(said) - length + 1)
            ):
                return length / len(said)
        return 0.0

    return score


def fuzzy(source: str) -> Scores:
    """Best partial match of the sentence in the source by edit distance, 0 to 1."""
    text = source.lower()
    return lambda sentence: fuzz.partial_ratio(sentence.lower(), text) / 100


def rouge_l(windows: Sequence[str]) -> Scores:
    """Best ROUGE-L F1 over windows of the source (longest common subsequence of words)."""
    cut = [tokens(w) for w in windows]

    def score(sentence: str) -> float:
        said = tokens(sentence)
        best = 0.0
        for window in cut:
            if said and window:
                common = LCSseq.similarity(said, window)
                best = max(best, 2 * common / (len(said) + len(window)))
        return best

    return score


def cosine(windows: Sequence[str]) -> Scores:
    """Best cosine of sentence vectors over windows of the source."""
    vectors: NDArray[np.float32] = encoder().vectors(list(windows))

    def score(sentence: str) -> float:
        return float((vectors @ encoder().vectors([sentence])[0]).max(initial=0.0))

    return score


def windows_of(sentences: Sequence[str]) -> list[str]:
    """Runs of one to WINDOW consecutive sentences."""
    return [
        " ".join(sentences[i : i + length])
        for length in range(1, WINDOW + 1)
        for i in range(len(sentences) - length + 1)
    ]
