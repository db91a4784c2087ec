"""Text cut into the rows of a screen, with the characters of the text that each row shows."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size

TAB = 8  # columns between tab stops


class WrappedRow(NamedTuple):
    """One row of the screen: its line (from 0), and the characters of the text it shows."""

    line: int
    start: int
    end: int
    first: bool


class Rows:
    """Many rows as columns of numbers: objects by the thousand would slow every collection."""

    def __init__(self, rows: Iterable[WrappedRow] = ()) -> None:
        self._lines, self._starts, self._ends = array("q"), array("q"), array("q")
        self.extend(rows)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, at: int) -> WrappedRow:
        line = self._lines[at]
        first = at == 0 or self._lines[at - 1] != line
        return WrappedRow(line, self._starts[at], self._ends[at], first)

    def extend(self, rows: Iterable[WrappedRow]) -> None:
        """Add rows at the end."""
        for line, start, end, _ in rows:
            self._lines.append(line)
            self._starts.append(start)
            self._ends.append(end)

    def cut(self, at: int) -> None:
        """Forget row `at` and all after it."""
        for column in (self._lines, self._starts, self._ends):
            del column[at:]

    def at(self, offset: int) -> int:
        """The row that shows character `offset`."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def begin_of_line(self, line: int) -> int:
        """The first row of line `line`."""
        return bisect_right(self._lines, line - 1)


def rows_of(text: str, width: int) -> Iterator[WrappedRow]:
    """Every row of `text` at `width` columns, wrapped at spaces if there are any."""
    lines = text.split("\n")
    starts = accumulate((len(line) + 1 for line in lines[:-1]), initial=0)
    for number, (line, start) in enumerate(zip(lines, starts, strict=True)):
        begin = 0
        while True:
            end = fitting(line, begin, width)
            yield WrappedRow(number, start + begin, start + end, begin == 0)
            if end >= len(line):
                break
            begin = end


def fitting(line: str, begin: int, width: int) -> int:
    """Where a row that begins at `begin` ends: after the last space that fits, else when full."""
    rest = line[begin:]
    if "\t" not in rest and ((rest.isascii() and len(rest) <= width) or cell_len(rest) <= width):
        return len(line)
    column, space = 0, 0
    for at, character in enumerate(rest):
        column += step(character, column)
        if column > width:
            end = space or at
            return begin + max(1, end)
        if character in " \t":
            space = at + 1
    return len(line)


def step(character: str, column: int) -> int:
    """Columns that `character` takes at `column`."""
    return TAB - column % TAB if character == "\t" else get_character_cell_size(character)


def expanded(text: str, column: int) -> tuple[str, int]:
    """`text` with tabs as spaces, and the column after it."""
    if "\t" not in text:
        return text, column + cell_len(text)
    shown = ""
    for character in text:
        width = step(character, column)
        shown += " " * width if character == "\t" else character
        column += width
    return shown, column
