"""Tables on stdout: with lines on a terminal, padded with spaces everywhere else.

Cells are never read as markup.
"""

import sys
from collections.abc import Sequence

from edgemed.cli.terminal.printing import beneath
from edgemed.tables import Table, plain_lines, safe_table


def show(tables: Sequence[Table]) -> None:
    """Print the tables that have rows."""
    shown = [safe_table(table) for table in tables if table.rows]
    if sys.stdout.isatty():
        show_rich(shown)
    else:
        show_plain(shown)


def show_plain(tables: Sequence[Table]) -> None:
    """Columns padded with spaces; an empty line between tables."""
    for number, table in enumerate(tables):
        if number:
            print()
        for line in plain_lines(table):
            print(line)


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
