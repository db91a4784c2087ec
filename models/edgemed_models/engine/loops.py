"""Whether a model has begun to repeat itself: the end of what it wrote is what stood before it.

Counting ("1000/1500/2000/...") is a loop too: see counting.py.

A run of tokens that equals the tokens `period` before it, one by one, is a loop once it is long
enough. A character, a line and a group of lines that come again and again are all such runs.

    period 1 to 24      24 tokens
    period 25 to 128    40 tokens
    period 129 to 512   as many as the period: the second copy is whole

In the notes and sections of ACI-Bench and MTS-Dialog (training and validation parts) the longest
run at a period up to 128 is 18 tokens, and no run is as long as its period.
"""

from collections import defaultdict
from itertools import takewhile

from edgemed_models.engine.counting import Counting

SHORT, MIDDLE, LONGEST = 24, 128, 512  # tokens of a period
SHORT_RUN, MIDDLE_RUN = 24, 40  # tokens


def needed(period: int) -> int:
    """How long a run at `period` must be to be a loop."""
    if period <= SHORT:
        return SHORT_RUN
    return MIDDLE_RUN if period <= MIDDLE else period


class Loops:
    """The tokens of an answer, one by one; only the runs that still go on are looked at."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        self._runs: dict[int, int] = {}  # period: how many tokens in a row equal those before
        self._counting = Counting()

    def add(self, token: int, piece: str = "") -> bool:
        """Take the next token and its text; whether the answer is in a loop now."""
        at = len(self._ids)
        places = self._places[token]
        periods = takewhile(LONGEST.__ge__, (at - place for place in reversed(places)))
        self._runs = {period: self._runs.get(period, 0) + 1 for period in periods}
        self._ids.append(token)
        places.append(at)
        again = any(run >= needed(period) for period, run in self._runs.items())
        return self._counting.add(piece) or again
