"""Tables on stdout: with lines on a terminal, padded with spaces everywhere else.

Cells may hold a stranger's strings: they are never read as markup, characters that could move a
cursor are escaped, and very long ones are cut.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from edgemed.cli.printing import beneath
from edgemed.printable import printable

LONGEST_CELL = 300


class Table(NamedTuple):
    """Columns whose titles start with `>` go to the right; no titles are shown if all are empty."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def show(tables: Sequence[Table]) -> None:
    """Print the tables that have rows."""
    shown = [Table(t.columns, [tuple(map(safe, row)) for row in t.rows]) for t in tables if t.rows]
    if sys.stdout.isatty():
        show_rich(shown)
    else:
        show_plain(shown)


def safe(cell: str) -> str:
    """The cell's text as it may be printed."""
    return printable(cell if len(cell) <= LONGEST_CELL else cell[:LONGEST_CELL] + "...")


def show_plain(tables: Sequence[Table]) -> None:
    """Columns padded with spaces; an empty line between tables."""
    for number, table in enumerate(tables):
        if number:
            print()
        for line in plain_lines(table):
            print(line)


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


def show_rich(tables: Sequence[Table]) -> None:
    """Tables with lines; cells are `Text`, which knows no markup."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=beneath(sys.stdout))
    for columns, rows in tables:
        table = RichTable(show_header=any(columns))
        for column in columns:
            right = column.startswith(">")
            table.add_column(Text(column.removeprefix(">")), justify="right" if right else "left")
        for row in rows:
            table.add_row(*(Text(cell, overflow="fold") for cell in row))
        console.print(table)
