"""Detects that a model has begun to repeat itself: its last tokens equal the ones before them.

Counting ("1000/1500/2000/...") is a loop too: see counting.py; and so is saying one thing again and
again in other words: see rewording.py.

A run of tokens that equals the tokens `period` before it, one by one, is a loop once it is long
enough. A repeated character, line or group of lines is such a run.

    period 1 to 24      24 tokens
    period 25 to 128    40 tokens
    period 129 to 512   as many as the period: the second copy is whole

In the notes and sections of ACI-Bench and MTS-Dialog (training and validation parts) the longest
run at a period up to 128 is 18 tokens, and no run is as long as its period.
"""

from collections import defaultdict
from itertools import takewhile

from edgemed_models.base import Request
from edgemed_models.engine.counting import Counting
from edgemed_models.engine.rewording import Rewording

SHORT, MIDDLE, LONGEST = 24, 128, 512  # tokens of a period
SHORT_RUN, MIDDLE_RUN = 24, 40  # tokens


def needed(period: int) -> int:
    """How long a run at `period` must be to be a loop."""
    if period <= SHORT:
        return SHORT_RUN
    return MIDDLE_RUN if period <= MIDDLE else period


class Loops:
    """Takes the tokens of an answer one by one; only runs that still continue are looked at.

    `read` is what the model read, if the answer is free text: repetition in other words is then
    looked for too.
    """

    def __init__(self, read: str | None = None) -> None:
        self._ids: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        self._runs: dict[int, int] = {}  # period: how many tokens in a row equal those before
        self._counting = Counting()
        self._rewording = None if read is None else Rewording(read)

    def add(self, token: int, piece: str = "") -> bool:
        """Take the next token and its text; whether the answer is in a loop now."""
        at = len(self._ids)
        places = self._places[token]
        periods = takewhile(LONGEST.__ge__, (at - place for place in reversed(places)))
        self._runs = {period: self._runs.get(period, 0) + 1 for period in periods}
        self._ids.append(token)
        places.append(at)
        again = any(run >= needed(period) for period, run in self._runs.items())
        rewords = self._rewording is not None and self._rewording.add(piece)
        return self._counting.add(piece) or rewords or again


def loops_of(request: Request) -> Loops | None:
    """Ends the answer to `request` if it repeats itself; None if that is not asked for.

    A grammar may ask for the same words line after line, so there only copies are looked for.
    """
    if not request.stop_loops:
        return None
    if request.grammar is not None or request.schema is not None:
        return Loops()
    return Loops("\n".join(message.content for message in request.messages))
