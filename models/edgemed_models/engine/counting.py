"""Detects that a model has begun to count: "1000/1500/2000/2500/..." never repeats and never ends.

A text is a sequence of signs: numbers, words, marks, line ends. It counts if the same signs come
again at a short period and every number in them changes by the same step each time, `TIMES` times
in a row.

In the notes and sections of ACI-Bench and MTS-Dialog (training and validation parts) no run of
signs with a number in it is longer than 9, whatever its steps.
"""

import re

LONGEST = 24  # signs of a period
TIMES = 12
SIGN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d]+|[^\w\s]|\n")
UNFINISHED = re.compile(r"\w[\w.,]*$")  # may continue in the next piece

Sign = str | float


class Counting:
    """The text of an answer, piece by piece."""

    def __init__(self) -> None:
        self._rest = ""
        self._signs: list[Sign] = []
        self._runs = [0] * (LONGEST + 1)  # by period: how many signs in a row continue as before

    def add(self, piece: str) -> bool:
        """Take the next piece; whether the answer has been counting somewhere in it."""
        text = self._rest + piece
        cut = UNFINISHED.search(text)
        end = cut.start() if cut else len(text)
        self._rest = text[end:]
        found = [self._take(sign) for sign in SIGN.findall(text[:end])]
        return any(found)

    def end(self) -> bool:
        """Take what is left: the answer has ended."""
        return self.add("\n")

    def _take(self, text: str) -> bool:
        """Take one sign; whether the last ones count."""
        sign = float(text.replace(",", "")) if _is_number(text) else text
        self._signs.append(sign)
        periods = range(1, min(LONGEST, len(self._signs) - 1) + 1)
        for period in periods:
            self._runs[period] = self._runs[period] + 1 if self._goes_on(period) else 0
        return any(self._runs[p] >= p * (TIMES - 1) and self._steps(p) for p in periods)

    def _goes_on(self, period: int) -> bool:
        """Whether the last sign continues those one period and two periods before it."""
        new, old = self._signs[-1], self._signs[-1 - period]
        if isinstance(new, str) or isinstance(old, str):
            return new == old
        if self._runs[period] < period:
            return True
        oldest = self._signs[-1 - 2 * period]
        return isinstance(oldest, float) and abs(new - 2 * old + oldest) < 1e-6 * max(1, abs(new))

    def _steps(self, period: int) -> bool:
        """Whether any number of the period changes: otherwise it is a repetition, not a count."""
        last = zip(self._signs[-period:], self._signs[-2 * period : -period], strict=True)
        return any(isinstance(new, float) and new != old for new, old in last)


def _is_number(sign: str) -> bool:
    return sign[0].isdecimal() and sign.replace(",", "").count(".") <= 1 and len(sign) <= 30


def counts(text: str) -> bool:
    """Whether a whole text counts somewhere."""
    counting = Counting()
    return counting.add(text) | counting.end()
