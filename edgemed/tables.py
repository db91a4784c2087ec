"""Tables of text, as data: the command line prints them and the screen shows them.

Cells may hold strings from outside: control characters are escaped, and very long cells are cut.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edgemed.printable import printable

LONGEST_CELL = 300


class Table(NamedTuple):
    """Columns whose titles start with `>` are right-aligned; titles are hidden if all are empty."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def safe_table(table: Table) -> Table:
    """The table with every cell safe to show."""
    return Table(table.columns, [tuple(map(safe, row)) for row in table.rows])


def safe(cell: str) -> str:
    """The cell's text, safe to print."""
    return printable(cell if len(cell) <= LONGEST_CELL else cell[:LONGEST_CELL] + "...")


def plain_lines(table: Table) -> list[str]:
    """The titles, if there are any, and the rows, with columns padded by spaces."""
    columns, rows = table
    titles = [tuple(c.removeprefix(">") for c in columns)] if any(columns) else []
    lines = [*titles, *rows]
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(columns))]
    return ["  ".join(map(padded, line, widths, columns)).rstrip() for line in lines]


def padded(cell: str, width: int, column: str) -> str:
    """The cell as wide as its column."""
    return cell.rjust(width) if column.startswith(">") else cell.ljust(width)
